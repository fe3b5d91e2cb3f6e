"""How likely a click of the same network brought an install. Plain sums: no Django, clock or network.

Research, section 6: P(click i) = (p f(t_i) LR_i / mu_i) / ((1 - p) + p * sum_j f(t_j) LR_j / mu_j); what is missing
to 1 is organic.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from attribution.facts import InstallFacts, TouchFacts

# Time from click to install, lognormal in hours, laid through the published 75 % within 1 h and 94 % within 24 h:
# sigma = ln 24 / (z(0.94) - z(0.75)), mean = -z(0.75) * sigma.
CTIT_SIGMA = math.log(24) / (1.554774 - 0.674490)
CTIT_MEAN = -0.674490 * CTIT_SIGMA


@dataclass(frozen=True, slots=True)
class Model:
    """What a project's certain installs teach; the values here are assumptions for a project without any.

    `prior` is the probability that an install without a certain match had a click at all, `noise_per_hour` the floor
    of unrelated clicks an hour.
    """

    prior: float = 0.4
    noise_per_hour: float = 0.005

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Model":
        return cls(**stored)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What the network of an install did in the `span_s` seconds before it: all its clicks."""

    clicks: int
    span_s: float


def posteriors(install: InstallFacts, clicks: Sequence[TouchFacts], traffic: Traffic, model: Model) -> list[float]:
    """Return for each click of the install's network, none of which is known to be of another device, the
    probability that it brought the install.

    `clicks` are all such clicks within `traffic.span_s` before the install, in any order.
    """
    ages_s = [(install.installed_at - click.ts).total_seconds() for click in clicks]
    if not ages_s:
        return []
    mu = max(model.noise_per_hour, (len(ages_s) - 1) / max(traffic.span_s / 3600, 1 / 60))
    odds = [model.prior * ctit_density(age_s) / mu for age_s in ages_s]
    whole = 1 - model.prior + sum(odds)
    return [one / whole for one in odds]


def ctit_density(age_s: float) -> float:
    """Return the density, per hour, of an install following its click after `age_s` seconds."""
    hours = max(age_s, 1.0) / 3600
    z = (math.log(hours) - CTIT_MEAN) / CTIT_SIGMA
    return math.exp(-z * z / 2) / (hours * CTIT_SIGMA * math.sqrt(2 * math.pi))
