"""How a matching model is learned and measured: from installs whose touch is known by an id, looked at as if it were
not. Plain sums: no Django, clock or network.
"""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from attribution.facts import InstallFacts, TouchFacts, is_real_id
from attribution.posterior import (
    AGES_H,
    CROWDED,
    KNOTS,
    NEARNESS,
    NOISE_H,
    QUIET,
    SHARED,
    STEP,
    USUAL_CTIT,
    USUAL_REPEATS,
    Model,
    Soft,
    Traffic,
    agrees,
    busyness,
    case_of,
    device_of,
    evidence,
    kind_of,
    plain,
    posteriors,
)

# With fewer certain installs than this, a project goes on with the assumptions.
FEWEST = 100
# What is assumed, or known of all addresses together, counts like so many observations.
PSEUDO = 30.0
# Width of the kernel that smooths times, on the logarithmic scale.
BANDWIDTH = 0.35
ROUNDS = 8
# Below 0.95 nobody accepts, so the bins are finer above it.
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0)
KEPT_VALUES = 1_000
NOISE_KNOTS = 9


@dataclass(frozen=True, slots=True)
class Example:
    """An install with the clicks of its network that could be of its device, none of the ids being looked at.

    `truth` is the place in `clicks` of the touch that an id proves; None where there is none among them, because it
    came by another network or the store says that the install is organic (`organic`).
    """

    install: InstallFacts
    clicks: Sequence[TouchFacts]
    traffic: Traffic
    truth: int | None = None
    organic: bool = False


@dataclass(frozen=True, slots=True)
class Bin:
    """Clicks called likely to between `low` and `high`: how many, how likely on average, how many were right."""

    low: float
    high: float
    number: float
    said: float
    right: float


@dataclass(frozen=True, slots=True)
class Measured:
    """How right a model is on examples it has not seen.

    Of `examples` installs, `named` had a click at or above `accept`, `right` of them the right one; `findable` had
    the right one among their clicks. `lowest` and `highest` bound the precision (Wilson, 95 %).
    """

    accept: float
    examples: int
    organic: int
    findable: float
    named: float
    right: float
    lowest: float
    highest: float
    brier: float
    bins: Sequence[Bin]

    @property
    def precision(self) -> float | None:
        return self.right / self.named if self.named else None

    @property
    def recall(self) -> float | None:
        return self.right / self.findable if self.findable else None


def learn(certain: Sequence[Example], unsure: Sequence[Example], clicks: Sequence[TouchFacts]) -> Model:
    """Learn a model.

    `certain` are installs whose touch is known, or that are known to have none; `unsure` those that the model is for;
    `clicks` a sample of all clicks. With few examples the assumptions prevail.
    """
    model = replace(
        _frequencies(clicks), **_noise(certain), **_times(certain), **_repeats(certain), nearer=_nearer(certain)
    )
    model = replace(model, soft=_soft(certain, clicks), learned_from=sum(one.truth is not None for one in certain))
    return replace(model, **_priors(unsure, model))


def _frequencies(clicks: Sequence[TouchFacts]) -> Model:
    """Count how common systems and devices are."""
    if not clicks:
        return Model()
    systems = Counter(click.os_name for click in clicks)
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    for click in clicks:
        if click.device_model or click.os_version:
            by_kind[kind_of(click)][device_of(click)] += 1
    total = len(clicks)
    return Model(
        systems={name: (number + 0.5) / (total + 1) for name, number in systems.items()},
        devices={kind: _shares(found) for kind, found in by_kind.items() if found.total() >= PSEUDO},
        rare=min(0.02, 0.5 / (total + 1)),
    )


def _shares(found: Counter[str]) -> dict[str, float]:
    """Return shares; a rare pair of model and version is guessed in part from how common each of them is."""
    firsts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for name, number in found.items():
        first, _, second = name.partition("|")
        firsts[first] += number
        seconds[second] += number
    total, weight = found.total(), 5.0
    shares = {}
    for name, number in found.most_common(KEPT_VALUES):
        first, _, second = name.partition("|")
        guess = firsts[first] / total * seconds[second] / total
        shares[name] = round((number + weight * guess) / (total + weight), 8)
    return shares


def _noise(certain: Sequence[Example]) -> dict[str, Any]:
    """Learn how many clicks an hour others make on an address, from how many it had in the days before.

    Organic installs are asked, as they have no clicks of their own; where there are too few, the others less one click.
    """
    rows = [one for one in certain if one.organic and one.traffic.earlier_s]
    own = 0
    if len(rows) < FEWEST:
        rows, own = [one for one in certain if one.truth is not None and one.traffic.earlier_s], 1
    if len(rows) < FEWEST:
        return {}
    # By the number of clicks before: the clicks and the hours that came after.
    clicks, hours = [0.0] * NOISE_KNOTS, [0.0] * NOISE_KNOTS
    for one in rows:
        traffic = one.traffic
        before = min(round(traffic.earlier_clicks * NOISE_H * 3600 / traffic.earlier_s), NOISE_KNOTS - 1)
        # Of a crowded address the rate is known from itself; only the usual ratio is asked.
        scale = (NOISE_KNOTS - 1) / max(traffic.earlier_clicks * NOISE_H * 3600 / traffic.earlier_s, 1)
        clicks[before] += max(traffic.clicks - own, 0) * (scale if before == NOISE_KNOTS - 1 else 1)
        hours[before] += traffic.span_s / 3600
    usual = Model()
    guesses = [(usual.noise_clicks + n) / (usual.noise_hours + NOISE_H) for n in range(NOISE_KNOTS)]
    weight_h = PSEUDO * 24
    rates = [
        (number + guess * weight_h) / (spent + weight_h)
        for number, spent, guess in zip(clicks, hours, guesses, strict=True)
    ]
    return {"noise": tuple(_rising(rates, [spent + weight_h for spent in hours]))}


def _rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the rising row that is nearest to the values (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        pools.append((value, weight, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (one, heavy, many), (other, light, more) = pools[-2:]
            pools[-2:] = [((one * heavy + other * light) / (heavy + light), heavy + light, many + more)]
    return [value for value, _, number in pools for _ in range(number)]


def _times(certain: Sequence[Example]) -> dict[str, Any]:
    """Smooth the times from click to install, for each kind of address on its own as far as there are enough."""
    ages: dict[str, list[float]] = {QUIET: [], SHARED: [], CROWDED: []}
    longest = 3600.0
    for one in certain:
        longest = max(longest, one.traffic.span_s)
        if one.truth is not None:
            click = one.clicks[one.truth]
            ages[busyness(one.traffic)].append((one.install.installed_at - click.ts).total_seconds())
    everywhere = smooth([age for some in ages.values() for age in some], USUAL_CTIT, PSEUDO, longest)
    return {"ctit": {busy: smooth(some, everywhere, PSEUDO * 5, longest) for busy, some in ages.items()}}


def _nearer(certain: Sequence[Example]) -> dict[str, tuple[float, ...]]:
    """Count how strangers' clicks lie in the time before an install."""
    edges = (0.0, *NEARNESS)
    widths = [high - low for low, high in pairwise(edges)]
    counts: dict[str, list[float]] = {busy: [0.0] * len(widths) for busy in (QUIET, SHARED, CROWDED)}
    for one in certain:
        for place, click in enumerate(one.clicks):
            # Besides the one that brought it, earlier taps of the person's own may be among them: those just before.
            if place == one.truth or (one.truth is not None and _close(click, one.clicks[one.truth])):
                continue
            part = (one.install.installed_at - click.ts).total_seconds() / one.traffic.span_s
            counts[busyness(one.traffic)][bisect_left(NEARNESS, min(part, 1.0))] += 1
    return {
        busy: tuple(
            (number / width + PSEUDO) / (sum(some) + PSEUDO) for number, width in zip(some, widths, strict=True)
        )
        for busy, some in counts.items()
    }


def _close(one: TouchFacts, other: TouchFacts) -> bool:
    return abs((one.ts - other.ts).total_seconds()) < 1800


def smooth(ages_s: Iterable[float], guess: Sequence[float], weight: float, longest_s: float) -> tuple[float, ...]:
    """Return the density per hour of `ages_s` at AGES_H, drawn towards `guess` as if that were `weight` ages.

    It adds up to 1 until `longest_s`.
    """
    fine = Counter(round(math.log(max(age, 1.0)) / STEP * 4) for age in ages_s)
    number = fine.total()
    scaled = _to_one(guess, longest_s)
    found = []
    for knot, age_h in enumerate(AGES_H):
        heights = (
            times * math.exp(-(((knot - place / 4) * STEP / BANDWIDTH) ** 2) / 2) for place, times in fine.items()
        )
        per_log = sum(heights) / (BANDWIDTH * math.sqrt(2 * math.pi))
        found.append((per_log / age_h + weight * scaled[knot]) / (number + weight))
    return _to_one(found, longest_s)


def _to_one(density: Sequence[float], longest_s: float) -> tuple[float, ...]:
    last = min(round(math.log(longest_s) / STEP), KNOTS - 1)
    whole = sum(
        (density[knot] + density[knot + 1]) / 2 * (AGES_H[knot + 1] - AGES_H[knot]) for knot in range(max(last, 1))
    )
    return tuple(value / whole for value in density)


def _repeats(certain: Sequence[Example]) -> dict[str, Any]:
    """Count the earlier taps of the same device, where an id tells that they are."""
    lags, known = [], 0
    for one in certain:
        if one.truth is None:
            continue
        last = one.clicks[one.truth]
        if not is_real_id(last.advertising_id):
            continue
        known += 1
        lags += [
            (last.ts - click.ts).total_seconds()
            for click in one.clicks
            if click.advertising_id == last.advertising_id and click.ts < last.ts
        ]
    if known < FEWEST:
        return {}
    return {
        "repeat": (len(lags) + 1) / (known + 10),
        "repeats": smooth(lags, USUAL_REPEATS, PSEUDO / 3, 86_400.0),
    }


def _soft(certain: Sequence[Example], clicks: Sequence[TouchFacts]) -> dict[str, Soft]:
    """Learn how often a person's click and install agree in a field, and a stranger's on the same network."""
    usual = Model().soft
    strangers_of = [one for one in certain if one.organic]
    if len(strangers_of) < FEWEST:
        strangers_of = list(certain)
    learned = {}
    for name, guess in usual.items():
        values = Counter(value for click in clicks if (value := plain(getattr(click, name))))
        total = values.total()
        shares = {value: round(number / total, 6) for value, number in values.most_common(KEPT_VALUES)}
        own = [(one.install, one.clicks[one.truth]) for one in certain if one.truth is not None]
        others = [(one.install, click) for one in strangers_of for n, click in enumerate(one.clicks) if n != one.truth]
        mine, theirs = _agreement(name, own), _agreement(name, others)
        agree = (mine.count(True) + guess.agree * PSEUDO) / (len(mine) + PSEUDO)
        by_chance = sum(share * share for share in shares.values())
        alike = (theirs.count(True) + (by_chance + guess.together * (1 - by_chance)) * PSEUDO) / (len(theirs) + PSEUDO)
        together = min(max((alike - by_chance) / max(1 - by_chance, 1e-6), 0.0), 0.99)
        rare = 0.5 / (total + 1) if total else guess.rare
        learned[name] = Soft(min(max(agree, 0.5), 0.999), together, shares, max(rare, 1e-4))
    return learned


def _agreement(name: str, pairs: Iterable[tuple[InstallFacts, TouchFacts]]) -> list[bool]:
    values = ((plain(getattr(install, name)), plain(getattr(click, name))) for install, click in pairs)
    return [agrees(mine, theirs) for mine, theirs in values if mine and theirs]


def _priors(unsure: Sequence[Example], model: Model) -> dict[str, Any]:
    """Find how many of the unsure installs have their click on their own network, by expectation and maximization."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in unsure:
        strength = sum(evidence(one.install, one.clicks, one.traffic, model)) if one.clicks else 0.0
        found[case_of(one.install, one.traffic)].append(strength)
    everything = [strength for some in found.values() for strength in some]
    if len(everything) < FEWEST:
        return {}
    prior = _maximize(everything, model.prior, PSEUDO)
    return {"prior": prior, "priors": {case: _maximize(some, prior, PSEUDO) for case, some in found.items()}}


def _maximize(strengths: Sequence[float], guess: float, weight: float) -> float:
    prior = guess
    for _ in range(ROUNDS):
        expected = sum(prior * one / (1 - prior + prior * one) for one in strengths)
        prior = (expected + weight * guess) / (len(strengths) + weight)
    return min(max(prior, 1e-4), 0.99)


def judged_by(model: Model, examples: Iterable[Example]) -> list[list[float]]:
    """Return the probabilities that a model gives the clicks of each example."""
    return [posteriors(one.install, one.clicks, one.traffic, model) for one in examples]


def measure(examples: Sequence[Example], probabilities: Sequence[Sequence[float]], accept: float) -> Measured:
    """Say how right `probabilities`, one row for each example, are.

    Each example counts once. Bins and Brier score are about the likeliest click of an install.
    """
    rows = [
        (max(row), _place_of_best(row) == one.truth) for one, row in zip(examples, probabilities, strict=True) if row
    ]
    named = [right for best, right in rows if best >= accept]
    lowest, highest = wilson(sum(named), len(named))
    bins = []
    for low, high in pairwise(BINS):
        inside = [row for row in rows if low <= row[0] < high or (high == 1.0 and row[0] == 1.0)]
        if inside:
            said = sum(best for best, _ in inside) / len(inside)
            bins.append(Bin(low, high, len(inside), said, sum(right for _, right in inside)))
    return Measured(
        accept=accept,
        examples=len(examples),
        organic=sum(one.organic for one in examples),
        findable=sum(one.truth is not None for one in examples),
        named=len(named),
        right=sum(named),
        lowest=lowest,
        highest=highest,
        brier=sum((best - right) ** 2 for best, right in rows) / len(rows) if rows else 0.0,
        bins=bins,
    )


def _place_of_best(row: Sequence[float]) -> int:
    return max(range(len(row)), key=row.__getitem__)


def wilson(successes: float, trials: float, z: float = 1.959964) -> tuple[float, float]:
    """Return the bounds of a share (Wilson 1927), at 95 % as z is given."""
    if not trials:
        return 0.0, 1.0
    share, per = successes / trials, z * z / trials
    middle = (share + per / 2) / (1 + per)
    half = z / (1 + per) * math.sqrt(share * (1 - share) / trials + per / (4 * trials))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def mix(organic: Sequence[Example], driven: Sequence[Example], share: float) -> list[Example]:
    """Return both in such numbers that `share` of them had an ad, leaving out whichever there is too much of."""
    wanted = round(len(driven) * (1 - share) / max(share, 1e-3))
    if wanted <= len(organic):
        return [*driven, *organic[:wanted]]
    return [*driven[: max(round(len(organic) * share / max(1 - share, 1e-3)), 1)], *organic]


def as_masked(install: InstallFacts) -> InstallFacts:
    """Return the install as if it had brought no id, no referrer and no claim."""
    return replace(
        install, click_id="", referrer_click_id="", install_referrer="", referrer_click_at=None,
        advertising_id="", device_id="", user_id="",
        email_sha256="", phone_sha256="", claim_id="",
    )  # fmt: skip
