"""How likely a click of the same network brought an install. Plain sums: no Django, clock or network.

Research, section 6: P(click i) = (p f(t_i) LR_i / mu_i) / ((1 - p) + p * sum_j f(t_j) LR_j / mu_j); what is missing
to 1 is organic. Three things are added to it:

- mu, the clicks an hour of others that look like this one, is the address's own traffic, drawn towards the project's
  average while little of it was seen, times how common the click's device is (Fellegi and Sunter's u).
- An earlier tap by the same person is expected, not a rival: the later of two alike taps gains by it.
- The prior, like the density of the time from click to install, is one for quiet and one for crowded addresses.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from attribution.facts import APPLE_FAMILIES, InstallFacts, TouchFacts

# Densities over time are kept at so many ages, from one second to 30 days, evenly on a logarithmic scale.
KNOTS = 49
LONGEST_S = 30 * 86_400.0
STEP = math.log(LONGEST_S) / (KNOTS - 1)
AGES_H = tuple(math.exp(STEP * knot) / 3600 for knot in range(KNOTS))
# Time from click to install, lognormal in hours, laid through the published 75 % within 1 h and 94 % within 24 h:
# sigma = ln 24 / (z(0.94) - z(0.75)), mean = -z(0.75) * sigma.
CTIT_SIGMA = math.log(24) / (1.554774 - 0.674490)
CTIT_MEAN = -0.674490 * CTIT_SIGMA
# From one tap to the next by the same person, before anything is learned: half of them within 5 minutes.
REPEAT_SIGMA, REPEAT_MEAN = 2.5, math.log(5 / 60)
# An address is quiet below the first number of clicks an hour, crowded from the second on.
QUIET, SHARED, CROWDED = "quiet", "shared", "crowded"
PER_HOUR = (0.25, 2.0)
# Strangers' clicks are the denser the nearer they are to the install's time of day: so far back, as shares of the
# time looked at, their density is kept.
NEARNESS = (1 / 24, 1 / 8, 1 / 4, 1 / 2, 1.0)
NOISE_H = 144.0
# So many clicks before one are looked at as earlier taps of the same person.
EARLIER = 3


# How common one model is among the clicks that name one, before anything is learned.
USUAL_COMMON = {"": 1.0, "family": 0.9, "model": 0.05}


def lognormal(mean: float, sigma: float) -> tuple[float, ...]:
    """Return a lognormal density, per hour, at the ages that densities are kept at."""
    height = 1 / (sigma * math.sqrt(2 * math.pi))
    return tuple(math.exp(-(((math.log(h) - mean) / sigma) ** 2) / 2) * height / h for h in AGES_H)


USUAL_CTIT = lognormal(CTIT_MEAN, CTIT_SIGMA)
USUAL_REPEATS = lognormal(REPEAT_MEAN, REPEAT_SIGMA)


@dataclass(frozen=True, slots=True)
class Soft:
    """A field that may differ between a click and the install it brought.

    `agree` is how often the two are the same (m). Strangers on one network share the value `together` of the time
    because of the place, else as often as it is common: `values` holds shares, `rare` that of every other value.
    """

    agree: float
    together: float
    values: Mapping[str, float] = field(default_factory=dict)
    rare: float = 0.01


@dataclass(frozen=True, slots=True)
class Model:
    """What a project's certain installs teach; the values here are assumptions for a project without any.

    `prior` is the probability that an install without a certain match had a click on its own network; `priors` has it
    by `case_of`. The clicks an hour on an address are as if besides its own `noise_clicks` had been seen in
    `noise_hours`, or once that is learned `noise` for those with 0, 1, 2 … clicks in NOISE_H; `nearer` is how much
    denser strangers' clicks are at NEARNESS. `ctit` and `repeats` are densities per hour at AGES_H; `repeat` is how
    many earlier taps come with one. `systems` holds how common an operating system is among clicks, `devices` how
    common model and version are among the clicks that say as much (`kind_of` -> `device_of` -> share), `rare` the
    share of one that was never seen.
    """

    prior: float = 0.3
    priors: Mapping[str, float] = field(default_factory=dict)
    noise_clicks: float = 0.2
    noise_hours: float = 20.0
    noise: Sequence[float] = ()
    ctit: Mapping[str, Sequence[float]] = field(default_factory=dict)
    repeat: float = 0.1
    repeats: Sequence[float] = USUAL_REPEATS
    nearer: Mapping[str, Sequence[float]] = field(default_factory=dict)
    systems: Mapping[str, float] = field(default_factory=dict)
    devices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    rare: float = 0.002
    soft: Mapping[str, Soft] = field(
        default_factory=lambda: {
            "locale": Soft(0.95, 0.6),
            "time_zone": Soft(0.97, 0.9),
            "screen": Soft(0.97, 0.3),
        }
    )
    learned_from: int = 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Model":
        """Read a stored model; what it does not name is as in a young project."""
        values = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        if "soft" in values:
            values["soft"] = {name: Soft(**one) for name, one in values["soft"].items()}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the address of an install did in the `span_s` seconds before it: the number of all its clicks for this
    app, of any device, without bots. Where only the clicks of like devices are known, their number will do.

    `earlier_clicks` is the same for the `earlier_s` seconds before those, as far as it is known.
    """

    clicks: int
    span_s: float
    earlier_clicks: int = 0
    earlier_s: float = 0.0


def posteriors(install: InstallFacts, clicks: Sequence[TouchFacts], traffic: Traffic, model: Model) -> list[float]:
    """Return for each click of the install's network, none of which is known to be of another device, the
    probability that it brought the install, being the last of that person before it.

    `clicks` are all such clicks within `traffic.span_s` before the install, in any order.
    """
    if not clicks:
        return []
    prior = model.priors.get(case_of(install, traffic), model.prior)
    odds = [prior * one for one in evidence(install, clicks, traffic, model)]
    whole = 1 - prior + sum(odds)
    return [one / whole for one in odds]


def evidence(install: InstallFacts, clicks: Sequence[TouchFacts], traffic: Traffic, model: Model) -> list[float]:
    """Return for each click how much better it is explained as this person's last one than as a stranger's."""
    hours = max(traffic.span_s / 3600, 1 / 60)
    others = max(traffic.clicks, len(clicks)) - 1
    per_hour = strangers(others + traffic.earlier_clicks, hours + traffic.earlier_s / 3600, model)
    busy = busyness(traffic)
    density, nearer = model.ctit.get(busy) or USUAL_CTIT, model.nearer.get(busy)
    ages_s = [(install.installed_at - click.ts).total_seconds() for click in clicks]
    likes = [
        likeness(install, click, model) / (per_hour * common(click, model) * near(nearer, age_s / traffic.span_s))
        for click, age_s in zip(clicks, ages_s, strict=True)
    ]
    order = sorted(range(len(clicks)), key=lambda one: -ages_s[one])
    values = [0.0] * len(clicks)
    for place, one in enumerate(order):
        value = at_age(density, ages_s[one]) * likes[one]
        for earlier in order[max(place - EARLIER, 0) : place]:
            value *= 1 + model.repeat * at_age(model.repeats, ages_s[earlier] - ages_s[one]) * likes[earlier]
        values[one] = value
    return values


def busyness(traffic: Traffic) -> str:
    """Return what kind of address has had so many other clicks in so many hours."""
    number = traffic.clicks - 1 + traffic.earlier_clicks
    per_hour = number / max((traffic.span_s + traffic.earlier_s) / 3600, 1.0)
    return QUIET if per_hour < PER_HOUR[0] else SHARED if per_hour < PER_HOUR[1] else CROWDED


def case_of(install: InstallFacts, traffic: Traffic) -> str:
    """Return the kind of install that has a prior of its own: system, what the referrer says, kind of address."""
    referrer = install.install_referrer
    says = "organic" if "utm_medium=organic" in referrer else "other" if referrer else "missing"
    return f"{install.os_name}|{says}|{busyness(traffic)}"


def strangers(seen: int, hours: float, model: Model) -> float:
    """Return how many clicks an hour to expect of others on an address that had so many in so many hours."""
    if not model.noise:
        return (model.noise_clicks + seen) / (model.noise_hours + hours)
    scaled = seen * NOISE_H / hours
    knot = int(scaled)
    if knot >= len(model.noise) - 1:
        return model.noise[-1] * scaled / (len(model.noise) - 1)
    return model.noise[knot] + (model.noise[knot + 1] - model.noise[knot]) * (scaled - knot)


def near(nearer: Sequence[float] | None, part: float) -> float:
    """Read how much denser strangers' clicks are that far back than on average."""
    if not nearer:
        return 1.0
    return next((value for edge, value in zip(NEARNESS, nearer, strict=True) if part <= edge), nearer[-1])


def at_age(density: Sequence[float], age_s: float) -> float:
    """Read a density per hour at an age: between two knots on a line."""
    place = math.log(age_s) / STEP if age_s > 1 else 0.0
    knot = min(int(place), KNOTS - 2)
    part = min(place - knot, 1.0)
    return density[knot] + (density[knot + 1] - density[knot]) * part


def kind_of(click: TouchFacts) -> str:
    """Return what a click tells of its device: browsers say less than apps, and Apple's only the family."""
    model = "" if not click.device_model else "family" if click.device_model in APPLE_FAMILIES else "model"
    return f"{click.os_name}|{model}|{'version' if click.os_version else ''}"


def device_of(click: TouchFacts) -> str:
    """Return model and version, the latter as far as versions are compared."""
    return f"{click.device_model}|{'.'.join(click.os_version.split('.')[:2])}"


def common(click: TouchFacts, model: Model) -> float:
    """Return the probability that a stranger's click, saying as much of its device, would say the same (u)."""
    system = model.systems.get(click.os_name, 0.5)
    kind = kind_of(click)
    known = model.devices.get(kind)
    if known is None:
        _, device, version = kind.split("|")
        return system * USUAL_COMMON[device] * (0.2 if version else 1.0)
    return system * known.get(device_of(click), model.rare)


def likeness(install: InstallFacts, click: TouchFacts, model: Model) -> float:
    """Return how much more often the soft fields are like this in one person than in two on the same network."""
    value = 1.0
    for name, one in model.soft.items():
        mine, theirs = plain(getattr(install, name)), plain(getattr(click, name))
        if not mine or not theirs:
            continue
        chance = one.together + (1 - one.together) * one.values.get(mine, one.rare)
        value *= one.agree / chance if agrees(mine, theirs) else (1 - one.agree) / (1 - chance)
    return value


def plain(value: str) -> str:
    """Return a locale, time zone or screen as it is compared."""
    return value.lower().replace("_", "-") if value else ""


def agrees(one: str, other: str) -> bool:
    """Compare two plain values; "de" says the same as "de-at"."""
    return one == other or one.startswith(f"{other}-") or other.startswith(f"{one}-")
