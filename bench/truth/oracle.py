"""An oracle: it knows how the world was made, every distribution of it, but not who installed because of what.

Same evidence, same formula as the product, but with the true densities, the number of people behind each address, the
true share of each phone among them and the true prior of each kind of install. What it can't tell, nobody can.
"""

import numpy as np

from bench.truth import people as p
from bench.truth.cases import Case
from bench.truth.people import HOUR, Floats, Ints
from bench.truth.world import CLICK, DAY, IN_APP, OF_CHANNEL, World

CHEATS = 10
AGE_BINS = np.concatenate([[0], np.geomspace(5, DAY, 60)])


def judge(world: World, cases: list[Case]) -> list[Floats]:
    """Return for each case the probability of each of its clicks."""
    touches, installs = world.touches, world.installs
    kinds = installs.address[[case.install for case in cases]] // p.KIND_OF_ADDRESS
    rates = _rates(world, cases)
    density = _density(world)
    groups = [
        (int(installs.system[case.install]), int(installs.referrer[case.install]), int(kind))
        for case, kind in zip(cases, kinds, strict=True)
    ]
    priors = _priors(world, cases, groups)
    device, locale = _device_shares(world), _locale_shares(world)
    found = []
    for case, kind, rate, group in zip(cases, kinds.tolist(), rates.tolist(), groups, strict=True):
        one, clicks = case.install, case.clicks
        honest = touches.source[clicks] < CHEATS
        age = installs.ts[one] - touches.ts[clicks]
        bins = np.clip(np.searchsorted(AGE_BINS, age, side="right") - 1, 0, len(AGE_BINS) - 2)
        u = np.array([device(int(one_), int(installs.system[one])) for one_ in clicks.tolist()])
        like = _locale(world, one, clicks, locale) / np.maximum(rate * u, 1e-12) * honest
        values = density[kind][bins] * like
        for place in range(len(clicks)):
            for earlier in range(max(place - 3, 0), place):
                lag = touches.ts[clicks[place]] - touches.ts[clicks[earlier]]
                values[place] *= 1 + _repeat(lag) * like[earlier]
        prior = priors[group]
        found.append(prior * values / (1 - prior + prior * values.sum()))
    return found


def _repeat(lag_s: float) -> float:
    """Density per hour of an earlier tap: 0.12 of taps have 1.5 before them, lognormal around 45 s."""
    lag = max(lag_s - 1, 0.1)
    z = (np.log(lag / 45)) / 1.5
    return float(0.18 * np.exp(-z * z / 2) / (lag / HOUR * 1.5 * np.sqrt(2 * np.pi)))


def _rates(world: World, cases: list[Case]) -> Floats:
    """Return the clicks an hour that others make on each install's address, from who shares it and when.

    How many share an office or a carrier's address is known; of a home only what homes are like, so that its own
    clicks of the week have to tell.
    """
    people, touches, installs = world.people, world.touches, world.installs
    chosen = np.array([case.install for case in cases])
    who, at = installs.person[chosen], installs.ts[chosen]
    honest = (touches.kind == CLICK) & (touches.person >= 0) & (touches.person < len(people)) & (touches.ts > 0)
    tapper = touches.person[honest]
    days = world.size.days
    per_hour = np.bincount(_local_hour(world, tapper, touches.ts[honest]), minlength=24) / (len(people) * days)
    now = per_hour[_local_hour(world, who, at)]
    share = p.shares_of_places(people, who, at)
    kind = installs.address[chosen] // p.KIND_OF_ADDRESS
    members = np.select(
        [kind == p.OFFICE, kind == p.CELL],
        [
            np.maximum(people.office_members[np.maximum(people.office[who], 0)] - 1, 1),
            people.carrier_members[people.carrier[who]] * 0.75 / people.pool_size[people.carrier[who]],
        ],
        0.02,
    )
    where = np.select([kind == p.OFFICE, kind == p.CELL], [share[:, 1], share[:, 2]], 0.5)
    found: Floats = members * np.maximum(where, 0.05) * now + 2e-5
    # What the others of a home tap in an hour, each home being as likely as there are people in it.
    rng = np.random.default_rng(1)
    homes = people.home[rng.integers(0, len(people), 20_000)]
    taps = np.bincount(tapper, minlength=len(people)) / (days * 24)
    others = people.home_members[homes] - 1
    rates = np.array([taps[rng.integers(0, len(people), number)].sum() for number in others]) * 0.65
    seen = np.array([max(case.number - 1, 0) + case.earlier for case in cases])
    spent = np.minimum(at + world.size.days_before * DAY, 7 * DAY) / HOUR
    mean = rates.mean()
    for one in np.flatnonzero(kind == p.HOME).tolist():
        expected = np.maximum(rates * spent[one], 1e-9)
        weight = np.exp(-expected + seen[one] * np.log(expected))
        rate = float((weight * rates).sum() / max(weight.sum(), 1e-300))
        found[one] = max(rate, mean / 50) * now[one] / per_hour.mean()
    return found


def _local_hour(world: World, who: Ints, at: Floats) -> Ints:
    hours = np.array([one[2] for one in p.COUNTRIES])[world.people.country[who]]
    return ((at / HOUR + hours) % 24).astype(np.int64)


def _density(world: World) -> dict[int, Floats]:
    """Return the density per hour of a click on the same address so long before its install, by kind of address."""
    touches, installs = world.touches, world.installs
    brought = np.flatnonzero((installs.truth >= 0) & (installs.label == 0) & ~installs.again)
    truth = installs.truth[brought]
    same = (touches.address[truth] == installs.address[brought]) & (touches.kind[truth] == CLICK)
    brought, truth = brought[same], truth[same]
    age = installs.ts[brought] - touches.ts[truth]
    kind = installs.address[brought] // p.KIND_OF_ADDRESS
    width = np.diff(AGE_BINS) / HOUR
    inside = (age >= 0) & (age <= DAY)
    found = {}
    for one in range(9):
        counts, _ = np.histogram(age[inside & (kind == one)], AGE_BINS)
        every, _ = np.histogram(age[inside], AGE_BINS)
        shares = counts + 50 * every / max(every.sum(), 1)
        found[one] = shares / shares.sum() / width
    return found


def _priors(world: World, cases: list[Case], groups: list[tuple[int, int, int]]) -> dict[tuple[int, int, int], float]:
    """Return, by kind, the share of the installs whose click is among their candidates."""
    truth = world.installs.truth
    found: dict[tuple[int, int, int], list[bool]] = {}
    for case, group in zip(cases, groups, strict=True):
        found.setdefault(group, []).append(bool((case.clicks == truth[case.install]).any()))
    return {group: (sum(rows) + 0.5) / (len(rows) + 1) for group, rows in found.items()}


def _device_shares(world: World):  # type: ignore[no-untyped-def]
    """Return a function of a click and a system: how likely a stranger's click that says as much would say the same."""
    people, touches = world.people, world.touches
    of_system = [float((people.system == one).mean()) for one in (0, 1)]
    model = np.bincount(people.model, minlength=400) / len(people)
    both: dict[tuple[int, int], float] = {}
    pairs, counts = np.unique(np.stack([people.model, people.version]), axis=1, return_counts=True)
    for (one, version), count in zip(pairs.T.tolist(), counts.tolist(), strict=True):
        both[one, version] = count / len(people)
    versions: dict[int, float] = {}
    for version, count in zip(*(x.tolist() for x in np.unique(people.version, return_counts=True)), strict=True):
        versions[version] = count / len(people)

    def share(click: int, system: int) -> float:
        known, version = int(touches.model[click]), int(touches.version[click])
        if known < 0:
            return of_system[system]
        if touches.family[click]:
            # Safari from 26 on says no version; those that do are the others.
            hidden = sum(versions.get(100 + n, 0.0) for n in (0, 1))
            if version < 0:
                return hidden
            return versions.get(version, 1e-5)
        return both.get((known, version), 1e-6) if version >= 0 else float(model[known])

    return share


def _locale_shares(world: World) -> Floats:
    """Return the share of each language among the people of each country."""
    people = world.people
    table = np.zeros((len(p.COUNTRIES), len(p.LOCALES)))
    np.add.at(table, (people.country, people.locale), 1)
    found: Floats = (table + 0.5) / (table + 0.5).sum(axis=1, keepdims=True)
    return found


def _locale(world: World, install: int, clicks: Ints, shares: Floats) -> Floats:
    """Return the likelihood ratio of the languages: what browsers say is right in 95 of 100."""
    touches, installs = world.touches, world.installs
    mine = int(installs.locale[install])
    theirs = touches.locale[clicks]
    in_app = np.isin(touches.source[clicks], OF_CHANNEL[IN_APP])
    error = np.where(in_app, 0.0, 0.05)
    each = 1 / len(p.LOCALES)
    own = np.where(theirs == mine, 1 - error + error * each, error * each)
    stranger = (1 - error) * shares[installs.country[install], np.maximum(theirs, 0)] + error * each
    found: Floats = np.where(theirs < 0, 1.0, np.maximum(own, 1e-9) / stranger)
    return found
