"""Which touch brought an install: the rules as plain Python, without Django, clock or network.

A tier is one kind of evidence. Tiers are asked in the order of the rules, and inside a tier the last touch wins; of
the clicks of one network the likeliest.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import parse_qs, unquote

from attribution import posterior
from attribution.facts import CLICK, IMPRESSION, InstallFacts, TouchFacts, is_real_id, models_agree, versions_agree
from attribution.fraud.rules import Flags, NetworkCounts, Struck, of_touch
from attribution.posterior import Model, Traffic
from attribution.rules import (
    APPLE_ADS,
    CLICK_ID,
    CONTACT_HASH,
    DEVICE_ID,
    INSTALL_REFERRER,
    META_REFERRER,
    ORGANIC,
    PERSON_ID,
    PROBABILISTIC,
    VIEW,
    Rules,
)

# Fraud rules that have a reason of their own.
BLOCKED_AS = {"ctit_injection": "click_after_download_began", "ua_bot": "bot"}
SAID_BY = {META_REFERRER: "said_by_meta", APPLE_ADS: "said_by_apple"}


@dataclass(frozen=True, slots=True)
class Around:
    """What is known around an install besides its own touches.

    `traffic` is what all clicks of its network did, None to count those among the touches. `taken` are the ids of
    touches that other installs hold. `clicks_hour` counts the clicks of its network in the hour before it. `returning`
    says that it is a return to an app that was there already: no touch brings two of those, whatever ties it.
    """

    model: Model = field(default_factory=Model)
    traffic: Traffic | None = None
    taken: Container[int] = frozenset()
    flags: Flags = field(default_factory=dict)
    clicks_hour: int = 0
    returning: bool = False


NOTHING_AROUND = Around()


@dataclass(slots=True)
class Weighed:
    """One candidate: the tier it was judged in, whether it could win, and all reasons.

    `probability` is 1.0 where an id proves it; None where it was not asked: the touch was refused before, or it is a
    click of the network and a stronger kind of match had won.
    """

    touch: TouchFacts
    tier: str
    eligible: bool
    credited: bool
    reasons: tuple[str, ...]
    age_s: float
    probability: float | None
    fraud: tuple[Struck, ...]


@dataclass(slots=True)
class Verdict:
    """What an install is credited to; `touch` and `probability` are None for organic.

    `notes` are reason codes about the install rather than about a touch.
    """

    tier: str
    touch: TouchFacts | None
    probability: float | None
    candidates: tuple[Weighed, ...]
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Case:
    """A candidate while it is being judged."""

    touch: TouchFacts
    age_s: float
    tier: str
    refusals: list[str]
    evidence: list[str]
    fraud: tuple[Struck, ...] = ()
    probability: float | None = None
    accept: float = 0.0


@dataclass(slots=True)
class _Mine:
    """The install's side of every comparison, worked out once: ids that tell nothing apart are None."""

    install: InstallFacts
    at: datetime
    advertising_id: str | None
    device_id: str | None
    zeroed: bool
    user_id: str | None
    email: str | None
    phone: str | None
    touch_ids: frozenset[str]
    ip: str | None
    os_name: str | None
    network_refusals: list[str]


def decide(
    install: InstallFacts,
    touches: Sequence[TouchFacts],
    rules: Rules,
    around: Around = NOTHING_AROUND,
    *,
    explain: bool = True,
) -> Verdict:
    """Decide which of `touches` brought the install.

    The touches are those that share an id or the address with it, each once, in any order. Candidates come back
    winner first, then those that could have won, then the others, the latest first; without `explain` none come back,
    which is several times as fast.
    """
    mine = _mine(install, rules)
    cases = []
    for touch in touches:
        found = _evidence(mine, touch) if _tied(mine, touch) else []
        if found:
            cases.append(_judge(mine, touch, found, rules, around))
        elif explain:
            cases.append(_stranger(mine, touch))
    group, rank = rules.group, rules.rank
    certain = [case for case in cases if not case.refusals and case.tier != PROBABILISTIC]
    winner = min(certain, key=lambda case: _precedence(case, group, rank), default=None)
    network = [case for case in cases if not case.refusals and case.tier == PROBABILISTIC]
    if network and (winner is None or group[PROBABILISTIC] <= group[winner.tier]):
        traffic = around.traffic or _traffic(mine, touches, rules)
        likeliest = _likeliest(mine.install, network, traffic, around.model)
        standing = [case for case in (winner, likeliest) if case]
        winner = min(standing, key=lambda case: _precedence(case, group, rank), default=None)
    notes = _notes(install, cases, winner)
    candidates = _explained(cases, winner, group) if explain else ()
    if winner is None:
        return Verdict(ORGANIC, None, None, candidates, notes)
    return Verdict(winner.tier, winner.touch, winner.probability, candidates, notes)


def _mine(install: InstallFacts, rules: Rules) -> _Mine:
    advertising, device = install.advertising_id, install.device_id
    real_advertising = bool(advertising) and is_real_id(advertising)
    real_device = bool(device) and is_real_id(device)
    refusals = []
    if install.truncated:
        refusals.append("truncated_address")
    if rules.ios_needs_consent and install.os_name == "ios" and install.ad_tracking is not True:
        refusals.append("no_consent")
    if rules.trust_organic_referrer and says_organic(install.install_referrer):
        refusals.append("referrer_says_organic")
    return _Mine(
        install,
        install.installed_at,
        advertising if real_advertising else None,
        device if real_device else None,
        bool(advertising and not real_advertising) or bool(device and not real_device),
        install.user_id or None,
        install.email_sha256 or None,
        install.phone_sha256 or None,
        frozenset({install.click_id, install.referrer_click_id, install.claim_id} - {""}),
        install.ip or None,
        install.os_name or None,
        refusals,
    )


def _tied(mine: _Mine, touch: TouchFacts) -> bool:
    """Say whether anything ties the touch to the install: the question that most touches of a network end with."""
    return (
        (touch.ip == mine.ip and touch.os_name == mine.os_name)
        or touch.touch_id in mine.touch_ids
        or touch.advertising_id == mine.advertising_id
        or touch.device_id == mine.device_id
        or touch.user_id == mine.user_id
        or touch.email_sha256 == mine.email
        or touch.phone_sha256 == mine.phone
    )


def _evidence(mine: _Mine, touch: TouchFacts) -> list[tuple[str, list[str]]]:
    """Return the tiers that the touch has evidence for, with the reasons."""
    found = _by_touch_id(mine.install, touch) if touch.touch_id in mine.touch_ids else []
    same_ids = []
    if touch.advertising_id == mine.advertising_id:
        same_ids.append("same_advertising_id")
    if touch.device_id == mine.device_id:
        same_ids.append("same_device_id")
    if same_ids:
        found.append((DEVICE_ID, same_ids))
    if touch.user_id == mine.user_id:
        found.append((PERSON_ID, ["same_user_id"]))
    contacts = []
    if touch.email_sha256 == mine.email:
        contacts.append("same_email")
    if touch.phone_sha256 == mine.phone:
        contacts.append("same_phone")
    if contacts:
        found.append((CONTACT_HASH, contacts))
    if touch.type != CLICK:
        return [(VIEW, reasons) for _, reasons in found]
    if touch.ip == mine.ip and touch.os_name and not _unlike(mine.install, touch):
        found.append((PROBABILISTIC, ["same_network_and_device"]))
    return found


def _by_touch_id(install: InstallFacts, touch: TouchFacts) -> list[tuple[str, list[str]]]:
    found = []
    if touch.touch_id == install.referrer_click_id:
        found.append((INSTALL_REFERRER, ["same_referrer_click_id"]))
    if touch.touch_id == install.click_id:
        found.append((CLICK_ID, ["same_click_id"]))
    if touch.touch_id == install.claim_id and touch.origin in SAID_BY:
        found.append((touch.origin, [SAID_BY[touch.origin]]))
    return found


def _judge(mine: _Mine, touch: TouchFacts, found: list[tuple[str, list[str]]], rules: Rules, around: Around) -> _Case:
    """Judge a touch in the strongest tier that it is eligible in, else in the strongest that it has evidence for."""
    install, rank = mine.install, rules.rank
    own = rules.for_touch(touch)
    age_s = (mine.at - touch.ts).total_seconds()
    counts = NetworkCounts(around.clicks_hour if touch.ip == mine.ip else 0)
    struck = of_touch(install, touch, own, around.flags, counts, returning=around.returning)
    always = _refused_anyway(install, touch, age_s, struck)
    if struck and all(tier == PROBABILISTIC for tier, _ in found):
        # Too late it is all the same, but it may well be a stranger's of the same network, and accuses nobody.
        struck = tuple(one for one in struck if one.code != "ctit_injection")
    notes = _remarks(mine, touch)
    asked = [one for one in found if one[0] in rank]
    if len(asked) > 1:
        asked.sort(key=lambda one: rank[one[0]])
    first: _Case | None = None
    for tier, evidence in asked:
        refusals = list(always)
        if age_s > own.windows_s[tier]:
            refusals.append("outside_window")
        if tier == PROBABILISTIC:
            refusals += mine.network_refusals
            refusals += _other_device(mine, touch)
        if (tier == PROBABILISTIC or around.returning) and touch.id in around.taken:
            refusals.append("credited_elsewhere")
        case = _Case(touch, age_s, tier, refusals, [*evidence, *notes], struck, accept=own.accept)
        if not refusals:
            if tier != PROBABILISTIC:
                case.probability = 1.0
            return case
        first = first or case
    return first or _Case(touch, age_s, found[0][0], [*always, "tier_off"], [*found[0][1], *notes], struck)


def _stranger(mine: _Mine, touch: TouchFacts) -> _Case:
    """Say why a touch that nothing ties to the install but its network, if that, can't have brought it."""
    age_s = (mine.at - touch.ts).total_seconds()
    refusals = _refused_anyway(mine.install, touch, age_s, ())
    refusals += _unlike(mine.install, touch)
    evidence = ["same_network"] if touch.ip and touch.ip == mine.ip else []
    tier = PROBABILISTIC
    if touch.type == IMPRESSION:
        tier = VIEW
        refusals.append("view_by_network")
    return _Case(touch, age_s, tier, refusals or ["unknown_device"], [*evidence, *_remarks(mine, touch)])


def _remarks(mine: _Mine, touch: TouchFacts) -> list[str]:
    notes = []
    if mine.zeroed and _shares_zeroed_id(mine.install, touch):
        notes.append("zeroed_id")
    if touch.clamped:
        notes.append("clock_in_future")
    return notes


def _refused_anyway(install: InstallFacts, touch: TouchFacts, age_s: float, struck: Sequence[Struck]) -> list[str]:
    """Return why the touch can't win in any tier."""
    reasons = []
    if touch.bot:
        reasons.append("bot")
    if touch.app and install.app and touch.app != install.app:
        reasons.append("other_app")
    if age_s < 0:
        reasons.append("after_install")
    for one in struck:
        if one.action == "block":
            reason = BLOCKED_AS.get(one.code, "fraud")
            if reason not in reasons:
                reasons.append(reason)
    return reasons


def _other_device(mine: _Mine, touch: TouchFacts) -> list[str]:
    """Say whether an id shows that a click of the same network and kind of device is somebody else's all the same."""
    pairs = ((touch.advertising_id, mine.advertising_id), (touch.device_id, mine.device_id))
    other = any(theirs and own and theirs != own and is_real_id(theirs) for theirs, own in pairs)
    return ["other_device_id"] if other else []


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


def _likeliest(install: InstallFacts, network: list[_Case], traffic: Traffic, model: Model) -> _Case | None:
    """Set how likely each click of the network brought the install, refuse the unlikely and return the likeliest."""
    values = posterior.posteriors(install, [case.touch for case in network], traffic, model)
    likely = []
    for case, value in zip(network, values, strict=True):
        case.probability = value
        if value < case.accept:
            case.refusals.append("below_threshold")
        else:
            likely.append(case)
    return max(likely, key=lambda case: (case.probability or 0, -case.age_s, case.touch.id), default=None)


def _traffic(mine: _Mine, touches: Sequence[TouchFacts], rules: Rules) -> Traffic:
    """Count the clicks of the network where the touches are all there is."""
    span_s = rules.network_window_s
    number = sum(
        touch.ip == mine.ip and touch.type == CLICK and 0 <= (mine.at - touch.ts).total_seconds() <= span_s
        for touch in touches
    )
    return Traffic(number, span_s)


def _precedence(case: _Case, group: Mapping[str, int], rank: Mapping[str, int]) -> tuple[float, ...]:
    return group[case.tier], case.age_s, rank[case.tier], -case.touch.id


def _explained(cases: Sequence[_Case], winner: _Case | None, group: Mapping[str, int]) -> tuple[Weighed, ...]:
    weighed = [_weighed(case, winner, group) for case in cases]
    weighed.sort(key=lambda one: (not one.credited, not one.eligible, one.age_s, -one.touch.id))
    return tuple(weighed)


def _weighed(case: _Case, winner: _Case | None, group: Mapping[str, int]) -> Weighed:
    credited = case is winner
    kind = "click" if case.touch.type == CLICK else "view"
    reasons = case.evidence + case.refusals
    if credited:
        reasons.append("likeliest_click" if case.tier == PROBABILISTIC else f"latest_{kind}")
    elif not case.refusals and winner is not None:
        if group[case.tier] == group[winner.tier]:
            same = case.tier == winner.tier == PROBABILISTIC
            reasons.append("likelier_click_won" if same else f"later_{_kind(winner)}_won")
        elif kind == "view" and winner.touch.type == CLICK:
            reasons += ["click_outranks_view", "stronger_tier_won"]
        else:
            reasons.append("stronger_tier_won")
    return Weighed(
        case.touch, case.tier, not case.refusals, credited, tuple(reasons), case.age_s, case.probability, case.fraud
    )


def _kind(case: _Case) -> str:
    return "click" if case.touch.type == CLICK else "view"


def _notes(install: InstallFacts, cases: Sequence[_Case], winner: _Case | None) -> tuple[str, ...]:
    """Return what is to be said of the install itself."""
    notes = []
    if install.install_referrer:
        if says_organic(install.install_referrer):
            notes.append("referrer_organic")
        elif not install.claim_id and not _ours(install, cases):
            notes.append("referrer_not_ours")
    if winner is None and any("below_threshold" in case.refusals for case in cases):
        notes.append("abstained")
    return tuple(notes)


def _ours(install: InstallFacts, cases: Sequence[_Case]) -> bool:
    click_id = install.referrer_click_id
    return bool(click_id) and any(case.touch.touch_id == click_id for case in cases)


def _shares_zeroed_id(install: InstallFacts, touch: TouchFacts) -> bool:
    pairs = ((touch.advertising_id, install.advertising_id), (touch.device_id, install.device_id))
    return any(mine and mine == theirs and not is_real_id(mine) for mine, theirs in pairs)


@lru_cache(maxsize=1_000)
def says_organic(referrer: str) -> bool:
    """Say whether an install referrer is Google Play's word that nobody sent the person: utm_medium=organic."""
    if "organic" not in referrer:
        return False
    return any(
        "organic" in parse_qs(text, max_num_fields=100).get("utm_medium", ())
        for text in (referrer, unquote(referrer))
        if text.count("&") < 100
    )
