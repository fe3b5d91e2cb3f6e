"""Which touch brought an install: the rules as plain Python, without Django, clock or network.

A tier is one kind of evidence. Tiers are asked in the order of the rules, and inside a tier the last touch wins.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attribution import posterior
from attribution.facts import CLICK, IMPRESSION, InstallFacts, TouchFacts, is_real_id, models_agree, versions_agree
from attribution.rules import CLICK_ID, DAY_S, DEVICE_ID, INSTALL_REFERRER, ORGANIC, PROBABILISTIC, VIEW, Rules


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
    _fill_probabilities(install, cases, rules, bucket_span_s)
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


def _fill_probabilities(
    install: InstallFacts, cases: Sequence[_Case], rules: Rules, bucket_span_s: float | None
) -> None:
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
    traffic = posterior.Traffic(len(clicks), span_s)
    values = posterior.posteriors(install, [case.touch for case in clicks], traffic, posterior.Model())
    for case, value in zip(clicks, values, strict=True):
        case.probability = value


def _shares_zeroed_id(install: InstallFacts, touch: TouchFacts) -> bool:
    pairs = ((touch.advertising_id, install.advertising_id), (touch.device_id, install.device_id))
    return any(mine and mine == theirs and not is_real_id(mine) for mine, theirs in pairs)
