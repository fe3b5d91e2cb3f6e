"""Which sources and publishers look wrong as a whole. Plain Python: no Django, clock or network.

Thresholds alone would strike small publishers by chance, so each rule also needs enough cases and a value that chance
explains in fewer than one of 1,000.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from attribution.fraud.catalogue import SIGNATURE_BREAKER
from attribution.fraud.rules import crosses

CHANCE = 1e-3
FEWEST_INSTALLS = 50
FEWEST_CLICKS = 100
FLOOD_CLICKS = 10_000
SHARE_OF_BAD_SIGNATURES = 0.5
KS_DISTANCE = 0.3
# Seconds from click to install at which the bars of a distribution begin; the first begins at 0.
EDGES_S = (
    10, 30, 60, 120, 300, 600, 1_200, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 172_800, 259_200, 345_600, 432_000,
    518_400,
)  # fmt: skip
BARS = len(EDGES_S) + 1
FIRST_HOUR_BARS = EDGES_S.index(3_600) + 1
# Published: so many installs come within an hour of an honest click. Used while a project has too few of its own.
HONEST_FIRST_HOUR = 0.75
NO_TIMES = (0,) * BARS


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted of one publisher, or of a source's touches without one.

    `clicks` and `installs` are of the same day's clicks, `repeated` those clicks of it that the same few devices made.
    `times` are installs by time since the click, `known` of `with_id` installs had a trace from before the click.
    Of `timed` installs the store said when the download began; for `injected` of them that was before the click.
    `signed` are clicks that had to be signed, `badly` those of them that were not, or wrongly.
    """

    source: str
    publisher: str
    clicks: int = 0
    installs: int = 0
    repeated: int = 0
    times: tuple[int, ...] = NO_TIMES
    with_id: int = 0
    known: int = 0
    timed: int = 0
    injected: int = 0
    signed: int = 0
    badly: int = 0


class Finding(NamedTuple):
    """A rule that a source or publisher strikes, or would have been judged by and does not (`strikes` False)."""

    code: str
    source: str
    publisher: str
    strikes: bool
    value: float
    threshold: float
    evidence: Mapping[str, Any]


@dataclass(frozen=True)
class Measured:
    """The value of a rule, and whether chance alone could have made it."""

    value: float
    by_chance: bool
    evidence: Mapping[str, Any] = field(default_factory=dict)


Measure = Callable[[Counted, Counted, float], Measured | None]


def findings(groups: Sequence[Counted], thresholds: Callable[[str, str], float]) -> list[Finding]:
    """Judge each publisher, then each source by what is left of it without the publishers that were struck.

    `thresholds` gives the threshold of a code for a source. Those with too few cases to judge are left out.
    """
    found = []
    for code, measure in MEASURES.items():
        struck: set[tuple[str, str]] = set()
        everything = total(groups)
        for group in groups:
            if group.publisher:
                one = _judge(code, measure, group, everything, thresholds(code, group.source))
                if one:
                    found.append(one)
                    struck |= {(group.source, group.publisher)} if one.strikes else set()
        for source in sorted({group.source for group in groups}):
            left = [
                group for group in groups if group.source == source and (group.source, group.publisher) not in struck
            ]
            one = _judge(code, measure, replace(total(left), source=source), everything, thresholds(code, source))
            if one:
                found.append(one)
    return found


def total(groups: Iterable[Counted]) -> Counted:
    """Add up what was counted."""
    groups = list(groups)
    return Counted(
        "",
        "",
        sum(group.clicks for group in groups),
        sum(group.installs for group in groups),
        sum(group.repeated for group in groups),
        tuple(map(sum, zip(*(group.times for group in groups), strict=True))) or NO_TIMES,
        sum(group.with_id for group in groups),
        sum(group.known for group in groups),
        sum(group.timed for group in groups),
        sum(group.injected for group in groups),
        sum(group.signed for group in groups),
        sum(group.badly for group in groups),
    )


def _judge(code: str, measure: Measure, group: Counted, everything: Counted, threshold: float) -> Finding | None:
    measured = measure(group, everything, threshold)
    if measured is None:
        return None
    strikes = not measured.by_chance and (
        measured.value > threshold if code == SIGNATURE_BREAKER else crosses(code, measured.value, threshold)
    )
    return Finding(code, group.source, group.publisher, strikes, measured.value, threshold, measured.evidence)


def _flat(group: Counted, everything: Counted, threshold: float) -> Measured | None:
    """Measure the share of installs within an hour of the click, against that of all others."""
    n = sum(group.times)
    if n < FEWEST_INSTALLS:
        return None
    first_hour = sum(group.times[:FIRST_HOUR_BARS]) / n
    others = tuple(all_ - own for all_, own in zip(everything.times, group.times, strict=True))
    m = sum(others)
    evidence: dict[str, Any] = {"installs": n, "times": list(group.times)}
    if m >= FEWEST_INSTALLS:
        distance = _distance(group.times, others)
        p = _ks_p(distance, n, m)
        evidence |= {"others": m, "othersTimes": list(others), "distance": round(distance, 4), "p": p}
        return Measured(first_hour, distance <= KS_DISTANCE or p >= CHANCE, evidence)
    p = _below_p(sum(group.times[:FIRST_HOUR_BARS]), n, HONEST_FIRST_HOUR)
    return Measured(first_hour, p >= CHANCE, {**evidence, "p": p, "usual": HONEST_FIRST_HOUR})


def _flood(group: Counted, everything: Counted, threshold: float) -> Measured | None:
    if group.clicks <= FLOOD_CLICKS:
        return None
    p = _poisson_at_most(group.installs, group.clicks * threshold)
    evidence = {"clicks": group.clicks, "installs": group.installs, "p": p}
    return Measured(group.installs / group.clicks, p >= CHANCE, evidence)


def _cvr(group: Counted, everything: Counted, threshold: float) -> Measured | None:
    if group.clicks < FEWEST_CLICKS:
        return None
    p = _above_p(group.installs, group.clicks, threshold)
    evidence = {"clicks": group.clicks, "installs": group.installs, "p": p}
    return Measured(group.installs / group.clicks, p >= CHANCE, evidence)


def _hyper(group: Counted, everything: Counted, threshold: float) -> Measured | None:
    if group.clicks < FEWEST_CLICKS:
        return None
    evidence = {"clicks": group.clicks, "repeated": group.repeated}
    return Measured(group.repeated / group.clicks, by_chance=False, evidence=evidence)


def _new(group: Counted, everything: Counted, threshold: float) -> Measured | None:
    """Measure how many times rarer a device with an earlier trace is than with all others."""
    n, m = group.with_id, everything.with_id - group.with_id
    known_there = everything.known - group.known
    if n < FEWEST_INSTALLS or m < FEWEST_INSTALLS or not known_there:
        return None
    share, usual = group.known / n, known_there / m
    p = _below_p(group.known, n, usual)
    evidence = {"installs": n, "known": group.known, "others": m, "othersKnown": known_there, "p": p}
    return Measured(usual / max(share, 1 / n), p >= CHANCE, evidence)


def _injecting(group: Counted, everything: Counted, threshold: float) -> Measured | None:
    if group.timed < FEWEST_INSTALLS:
        return None
    p = _above_p(group.injected, group.timed, threshold)
    evidence = {"installs": group.timed, "injected": group.injected, "p": p}
    return Measured(group.injected / group.timed, p >= CHANCE, evidence)


def _signatures(group: Counted, everything: Counted, threshold: float) -> Measured | None:
    if group.publisher or group.signed < FEWEST_CLICKS:
        return None
    return Measured(
        group.badly / group.signed, by_chance=False, evidence={"clicks": group.signed, "badly": group.badly}
    )


MEASURES: Mapping[str, Measure] = {
    "ctit_flat": _flat,
    "injector": _injecting,
    "click_flood": _flood,
    "cvr_high": _cvr,
    "hyper_engagement": _hyper,
    "new_devices": _new,
    SIGNATURE_BREAKER: _signatures,
}


def _distance(one: Sequence[int], other: Sequence[int]) -> float:
    """Return the Kolmogorov-Smirnov distance of two distributions with the same bars."""
    n, m, sum_one, sum_other, widest = sum(one), sum(other), 0, 0, 0.0
    for a, b in zip(one, other, strict=True):
        sum_one, sum_other = sum_one + a, sum_other + b
        widest = max(widest, abs(sum_one / n - sum_other / m))
    return widest


def _ks_p(distance: float, n: int, m: int) -> float:
    """Return how likely two samples of one distribution are so far apart (Stephens' approximation)."""
    root = math.sqrt(n * m / (n + m))
    x = (root + 0.12 + 0.11 / root) * distance
    if x < 0.2:  # the series does not converge there, and the answer is 1
        return 1.0
    p = 2 * sum((-1) ** (j - 1) * math.exp(-2 * j * j * x * x) for j in range(1, 101))
    return min(1.0, max(0.0, float(p)))


def _below_p(k: int, n: int, share: float) -> float:
    """Return how likely at most `k` of `n` are, where each is with probability `share` (normal approximation)."""
    spread = math.sqrt(n * share * (1 - share))
    return 0.5 * math.erfc(-(k + 0.5 - n * share) / spread / math.sqrt(2)) if spread else 1.0


def _above_p(k: int, n: int, share: float) -> float:
    """Return how likely at least `k` of `n` are (normal approximation)."""
    spread = math.sqrt(n * share * (1 - share))
    return 0.5 * math.erfc((k - 0.5 - n * share) / spread / math.sqrt(2)) if spread else 1.0


def _poisson_at_most(k: int, mean: float) -> float:
    """Return how likely at most `k` are where `mean` are expected."""
    if k >= mean:
        return 1.0
    return math.exp(-mean) * math.fsum(_poisson_terms(k, mean)) if mean < 700 else 0.0


def _poisson_terms(k: int, mean: float) -> Iterable[float]:
    term = 1.0
    for number in range(k + 1):
        yield term
        term *= mean / (number + 1)
