"""Which touch brought an install: the rules as plain Python, without Django, clock or network.

A tier is one kind of evidence. Tiers are asked in the order of the rules, and inside a tier the last touch wins.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

INSTALL_REFERRER = "install_referrer"
CLICK_ID = "click_id"
DEVICE_ID = "device_id"
PROBABILISTIC = "probabilistic"
VIEW = "view"
ORGANIC = "organic"
CLICK, IMPRESSION = "click", "impression"

DAY_S = 86_400
# Tiers of one group are equal in rank: their latest touch wins, and on a tie the one named first.
ORDER = ((INSTALL_REFERRER, CLICK_ID), (DEVICE_ID,), (PROBABILISTIC,), (VIEW,))
WINDOWS_S = {
    INSTALL_REFERRER: 7 * DAY_S,
    CLICK_ID: 7 * DAY_S,
    DEVICE_ID: 7 * DAY_S,
    PROBABILISTIC: DAY_S,
    VIEW: DAY_S,
}

# Time from click to install, lognormal in hours, laid through the published 75 % within 1 h and 94 % within 24 h:
# sigma = ln 24 / (z(0.94) - z(0.75)), mean = -z(0.75) * sigma.
CTIT_SIGMA = math.log(24) / (1.554774 - 0.674490)
CTIT_MEAN = -0.674490 * CTIT_SIGMA


@dataclass(frozen=True, slots=True)
class Rules:
    """What a project may set; `prior` and the noise floor belong to the posterior, see `posteriors`."""

    order: tuple[tuple[str, ...], ...] = ORDER
    windows_s: Mapping[str, int] = field(default_factory=lambda: dict(WINDOWS_S))
    ios_needs_consent: bool = True
    prior: float = 0.4
    noise_per_hour: float = 0.005

    @property
    def widest_window_s(self) -> int:
        return max(self.windows_s.values())

    def to_json(self) -> dict[str, Any]:
        """Return the rules as they are kept in a rule set."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Rules":
        """Read the rules of a rule set; what it does not name is the default."""
        values = dict(stored)
        if "order" in values:
            values["order"] = tuple(tuple(group) for group in values["order"])
        values["windows_s"] = {**WINDOWS_S, **values.get("windows_s", {})}
        return cls(**values)


@dataclass(frozen=True, slots=True)
class InstallFacts:
    """What is known of an install. Text is "" and times are None where unknown; names are in lower case."""

    installed_at: datetime
    click_id: str = ""
    referrer_click_id: str = ""
    install_begin_at: datetime | None = None
    device_id: str = ""
    advertising_id: str = ""
    ip: str = ""
    app: str = ""
    os_name: str = ""
    os_version: str = ""
    device_model: str = ""
    ad_tracking: bool | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class TouchFacts:
    """What is known of a touch; `id` rises with arrival and breaks ties of equal time."""

    id: int
    touch_id: str
    type: str
    ts: datetime
    device_id: str = ""
    advertising_id: str = ""
    ip: str = ""
    app: str = ""
    os_name: str = ""
    os_version: str = ""
    device_model: str = ""
    bot: bool = False
    clamped: bool = False


@dataclass(frozen=True, slots=True)
class Weighed:
    """One candidate: the tier it was judged in, whether it could win, and all reasons."""

    touch: TouchFacts
    tier: str
    eligible: bool
    credited: bool
    reasons: tuple[str, ...]
    age_s: float
    probability: float | None
    fraud: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an install is credited to; `touch` and `probability` are None for organic."""

    tier: str
    touch: TouchFacts | None
    probability: float | None
    candidates: tuple[Weighed, ...]


@dataclass(slots=True)
class _Case:
    """A candidate while it is being judged."""

    touch: TouchFacts
    age_s: float
    tier: str
    refusals: list[str]
    evidence: list[str]
    fraud: tuple[str, ...]
    probability: float | None = None


def decide(
    install: InstallFacts, touches: Sequence[TouchFacts], rules: Rules, *, bucket_span_s: float | None = None
) -> Verdict:
    """Decide which of `touches` brought the install.

    The touches are those that share an id or the address with it, each once, in any order. `bucket_span_s` says how
    far back the clicks of its network are complete, where fewer than the whole window were read. Candidates come back
    winner first, then those that could have won, then the others, the latest first.
    """
    rank = {tier: place for place, tier in enumerate(tier for group in rules.order for tier in group)}
    group = {tier: place for place, tiers in enumerate(rules.order) for tier in tiers}
    cases = [_judge(install, touch, rules, rank) for touch in touches]
    _fill_probabilities(cases, rules, bucket_span_s)
    eligible = [case for case in cases if not case.refusals]
    winner = min(eligible, key=lambda case: _precedence(case, group, rank), default=None)
    weighed = [_weigh(case, winner, group) for case in cases]
    weighed.sort(key=lambda one: (not one.credited, not one.eligible, one.age_s, -one.touch.id))
    if winner is None:
        return Verdict(ORGANIC, None, None, tuple(weighed))
    return Verdict(winner.tier, winner.touch, winner.probability, tuple(weighed))


def _precedence(case: _Case, group: Mapping[str, int], rank: Mapping[str, int]) -> tuple[float, ...]:
    return group[case.tier], case.age_s, rank[case.tier], -case.touch.id


def _judge(install: InstallFacts, touch: TouchFacts, rules: Rules, rank: Mapping[str, int]) -> _Case:
    """Judge a touch in the strongest tier that it is eligible in, else in the strongest that it has evidence for."""
    age_s = (install.installed_at - touch.ts).total_seconds()
    fraud = _fraud(install, touch)
    always = _refused_anyway(install, touch, age_s, fraud)
    notes = ["zeroed_id"] if _shares_zeroed_id(install, touch) else []
    if touch.clamped:
        notes.append("clock_in_future")
    first: _Case | None = None
    tiers = [found for found in _evidence(install, touch) if found[0] in rank]
    for tier, evidence in sorted(tiers, key=lambda found: rank[found[0]]):
        refusals = [*always, *_refused_in(tier, install, age_s, rules)]
        case = _Case(touch, age_s, tier, refusals, [*evidence, *notes], fraud)
        if not refusals:
            return case
        first = first or case
    if first is None:
        evidence = ["same_network"] if touch.ip and touch.ip == install.ip else []
        first = _Case(touch, age_s, PROBABILISTIC, [*always, *_unlike(install, touch)], [*evidence, *notes], fraud)
        if touch.type == IMPRESSION:
            first.tier = VIEW
            first.refusals.append("view_by_network")
        first.refusals = first.refusals or ["unknown_device"]
    return first


def _evidence(install: InstallFacts, touch: TouchFacts) -> list[tuple[str, list[str]]]:
    """Return the tiers that the touch has evidence for, with the reasons."""
    click = touch.type == CLICK
    found: list[tuple[str, list[str]]] = []
    if touch.touch_id and touch.touch_id == install.referrer_click_id:
        found.append((INSTALL_REFERRER if click else VIEW, ["same_referrer_click_id"]))
    if touch.touch_id and touch.touch_id == install.click_id:
        found.append((CLICK_ID if click else VIEW, ["same_click_id"]))
    same_ids = []
    if touch.advertising_id == install.advertising_id and is_real_id(touch.advertising_id):
        same_ids.append("same_advertising_id")
    if touch.device_id == install.device_id and is_real_id(touch.device_id):
        same_ids.append("same_device_id")
    if same_ids:
        found.append((DEVICE_ID if click else VIEW, same_ids))
    if click and touch.ip and touch.ip == install.ip and not _unlike(install, touch):
        found.append((PROBABILISTIC, ["same_network_and_device"]))
    return found


def _refused_anyway(install: InstallFacts, touch: TouchFacts, age_s: float, fraud: Sequence[str]) -> list[str]:
    """Return why the touch can't win in any tier."""
    reasons = []
    if touch.bot:
        reasons.append("bot")
    if touch.app and install.app and touch.app != install.app:
        reasons.append("other_app")
    if age_s < 0:
        reasons.append("after_install")
    if "ctit_injection" in fraud:
        reasons.append("click_after_download_began")
    return reasons


def _fraud(install: InstallFacts, touch: TouchFacts) -> tuple[str, ...]:
    begun = install.install_begin_at
    injected = begun is not None and touch.type == CLICK and begun < touch.ts <= install.installed_at
    return ("ctit_injection",) if injected else ()


def _refused_in(tier: str, install: InstallFacts, age_s: float, rules: Rules) -> list[str]:
    """Return why the touch can't win in this tier."""
    reasons = []
    if age_s > rules.windows_s[tier]:
        reasons.append("outside_window")
    if tier == PROBABILISTIC:
        if install.truncated:
            reasons.append("truncated_address")
        if rules.ios_needs_consent and install.os_name == "ios" and install.ad_tracking is not True:
            reasons.append("no_consent")
    return reasons


def _unlike(install: InstallFacts, touch: TouchFacts) -> list[str]:
    """Return what tells the devices apart; details that one side lacks don't."""
    if not touch.os_name or not install.os_name:
        return ["unknown_device"]
    if touch.os_name != install.os_name:
        return ["other_os"]
    reasons = []
    if not versions_agree(touch.os_version, install.os_version):
        reasons.append("other_os_version")
    if not models_agree(touch.device_model, install.device_model):
        reasons.append("other_device")
    return reasons


def _weigh(case: _Case, winner: _Case | None, group: Mapping[str, int]) -> Weighed:
    credited = case is winner
    kind = "click" if case.touch.type == CLICK else "view"
    reasons = case.evidence + case.refusals
    if credited:
        reasons = [*reasons, f"latest_{kind}"]
    elif not case.refusals and winner is not None:
        if group[case.tier] == group[winner.tier]:
            reasons = [*reasons, f"later_{'click' if winner.touch.type == CLICK else 'view'}_won"]
        elif kind == "view" and winner.touch.type == CLICK:
            reasons = [*reasons, "click_outranks_view", "stronger_tier_won"]
        else:
            reasons = [*reasons, "stronger_tier_won"]
    return Weighed(
        case.touch, case.tier, not case.refusals, credited, tuple(reasons), case.age_s, case.probability, case.fraud
    )


def _fill_probabilities(cases: Sequence[_Case], rules: Rules, bucket_span_s: float | None) -> None:
    """Set how likely each eligible candidate brought the install: 1.0 where an id proves it."""
    clicks = []
    for case in cases:
        if case.refusals:
            continue
        if case.tier == PROBABILISTIC:
            clicks.append(case)
        else:
            case.probability = 1.0
    span_s = min(bucket_span_s or math.inf, rules.windows_s.get(PROBABILISTIC, DAY_S))
    for case, value in zip(clicks, posteriors([case.age_s for case in clicks], span_s, rules), strict=True):
        case.probability = value


def posteriors(ages_s: Sequence[float], span_s: float, rules: Rules) -> list[float]:
    """Return for each click of one network and device the probability that it brought the install.

    P(click i) = (p f(t_i) / mu) / ((1 - p) + p * sum_j f(t_j) / mu): `p` is the prior that such an install had a
    click at all, f the density of the time from click to install, and mu how many unrelated clicks an hour this
    network and device make, estimated from the other clicks within `span_s`, never below the rules' floor. What is
    missing to 1 is organic.
    """
    if not ages_s:
        return []
    mu = max(rules.noise_per_hour, (len(ages_s) - 1) / max(span_s / 3600, 1 / 60))
    odds = [rules.prior * ctit_density(age_s) / mu for age_s in ages_s]
    whole = 1 - rules.prior + sum(odds)
    return [one / whole for one in odds]


def ctit_density(age_s: float) -> float:
    """Return the density, per hour, of an install following its click after `age_s` seconds."""
    hours = max(age_s, 1.0) / 3600
    z = (math.log(hours) - CTIT_MEAN) / CTIT_SIGMA
    return math.exp(-z * z / 2) / (hours * CTIT_SIGMA * math.sqrt(2 * math.pi))


def is_real_id(value: str) -> bool:
    """Say whether an id can tell devices apart: not empty, not zeroed, none of the known placeholders."""
    plain = value.replace("-", "").replace(":", "")
    return len(set(plain)) > 1 and plain.lower() not in PLACEHOLDERS


# Besides ids of one repeated character: the id that a faulty Android 2.2 gave to all devices, and words for "none".
PLACEHOLDERS = frozenset({"9774d56d682e549c", "unknown", "null", "none", "undefined", "nil", "na", "n/a", "optout"})


def _shares_zeroed_id(install: InstallFacts, touch: TouchFacts) -> bool:
    pairs = ((touch.advertising_id, install.advertising_id), (touch.device_id, install.device_id))
    return any(mine and mine == theirs and not is_real_id(mine) for mine, theirs in pairs)


def versions_agree(one: str, other: str) -> bool:
    """Compare two versions by major and minor, as far as both are known."""
    return all(a == b for a, b in zip(one.split(".")[:2], other.split(".")[:2], strict=False) if a and b)


def models_agree(one: str, other: str) -> bool:
    """Compare two models; browsers shorten Apple's ("iphone" for "iphone14,2"), some senders put the brand first."""
    if not one or not other or one == other:
        return True
    short, long = sorted((one, other), key=len)
    return (short in APPLE_FAMILIES and long.startswith(short)) or long.endswith(f" {short}")


APPLE_FAMILIES = frozenset({"iphone", "ipad", "ipod", "ipod touch"})
