"""What the page of one decision shows: words, lanes, ids side by side, the order of things."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from attribution import apple_ads, explain, lanes, queries, reasons, verdict
from attribution.facts import CLICK, is_real_id, models_agree, versions_agree
from attribution.fraud.catalogue import BLOCK, RULES
from attribution.models import Candidate, Decision, Install, RuleSet, Touch
from attribution.rules import PROBABILISTIC, Rules
from attribution.verdict import Touched
from growthplatform.core.formats import span
from growthplatform.core.sources import look_of

OS_NAMES = {"ios": "iOS", "android": "Android", "macos": "macOS", "windows": "Windows", "ipados": "iPadOS"}
FAMILIES = {"iphone": "iPhone", "ipad": "iPad", "ipod": "iPod"}
# A maker's number rather than a name: sm-s918b, m2101k6g, cph2581.
CODE = re.compile(r"[a-z]{1,3}-?\w*\d\w*")
BY_CODE = {rule.code: rule for rule in RULES}
FIRST = {"reinstall": "First open after installing again", "reattribution": "Back in the app"}
LATE_S = 60
KEPT_TOUCHES = 6
SHOWN_TOUCHES = 20


@dataclass(frozen=True)
class Strike:
    """A fraud rule that was struck, in words: its name, what it measured, and whether it blocks."""

    name: str
    sentence: str
    measured: str
    blocks: bool


@dataclass(frozen=True)
class LaneRow:
    """One touch of the lanes table."""

    candidate: Candidate
    touch: Touch
    state: str
    chips: list[verdict.Chip]
    struck: list["Strike"]
    chance: float | None
    lane: lanes.Lane
    when: str
    window: str
    view: bool


@dataclass(frozen=True)
class IdRow:
    """One id, as the touch and as the install carry it."""

    name: str
    touch: str
    install: str
    result: str
    kind: str = ""
    icon: str = ""


@dataclass(frozen=True)
class Step:
    """Something that happened; `bad` is the part that speaks against it."""

    at: datetime
    text: str
    bad: str = ""
    key: bool = False
    same_day: bool = True


def of(decision: Decision, candidates: Sequence[Candidate], people: Mapping[str, int]) -> dict[str, Any]:
    """Return everything that the page of `decision` shows but who the person is."""
    rules = Rules.from_json(decision.rule_set.rules)
    touched = [explain.touched(one, rules) for one in candidates]
    won = next((one for one in candidates if one.credited), None)
    lost = max(decision.considered, len(candidates)) - (1 if won else 0)
    compared = won or (candidates[0] if candidates else None)
    return {
        "decision": decision,
        "kind": verdict.KIND_NAMES.get(decision.kind, decision.kind),
        "kind_means": verdict.KIND_MEANS.get(decision.kind, ""),
        "notes": [*(reasons.sentence(code) for code in decision.notes), *apple_ads.told(decision.install)],
        "struck": [_struck(one) for one in decision.fraud],
        "install": decision.install,
        "device": device_of(decision.install),
        "story": explain.tell(decision, candidates),
        "sure": verdict.sureness(decision.tier, decision.probability, list(won.reasons) if won else []),
        "lost": lost,
        "tier_name": verdict.TIER_NAMES.get(decision.tier, decision.tier),
        "decided_in_s": _decided_in(decision),
        "lanes": {
            **_lanes(decision.install, candidates, touched),
            "more": max(decision.considered, len(candidates)) - min(len(candidates), SHOWN_TOUCHES),
        },
        "considered": max(decision.considered, len(candidates)),
        "considered_words": _considered(max(decision.considered, len(candidates))),
        "tier_means": verdict.TIER_MEANS.get(decision.tier, ""),
        "compared": compared,
        "ids": id_rows(compared.touch if compared else None, decision.install),
        "steps": steps(decision, candidates),
        "rules": _rules(decision.rule_set, rules),
        "raw": explain.explained(decision, candidates, people),
    }


def device_words(os_name: str, os_version: str, model: str) -> str:
    """Write a device, which is kept in lower case: model, system and its version, as far as known."""
    system = " ".join(filter(None, [OS_NAMES.get(os_name, os_name.capitalize()), os_version]))
    return ", ".join(filter(None, [model_words(model), system]))


def model_words(model: str) -> str:
    """Write a model: iPhone15,3 · SM-S918B · Redmi Note 12."""
    for family, written in FAMILIES.items():
        if model.startswith(family):
            return written + model.removeprefix(family)
    return model.upper() if CODE.fullmatch(model) else model.title()


def device_of(carrier: Install | Touch) -> str:
    return device_words(carrier.os_name, carrier.os_version, carrier.device_model)


def _considered(number: int) -> str:
    return f"{verdict.number_word(number)} {'touch was' if number == 1 else 'touches were'}"


def _decided_in(decision: Decision) -> float | None:
    """Return the seconds from the event's arrival to the first decision; a later one says nothing about speed."""
    taken = (decision.decided_at - decision.install.received_at).total_seconds()
    return max(taken, 0.0) if decision.revision == 1 else None


def _lanes(install: Install, candidates: Sequence[Candidate], touched: Sequence[Touched]) -> dict[str, Any]:
    """Return the rows, latest touch first, and the axis they share."""
    # Candidates come winner first, then what could have won: the ones most worth seeing.
    pairs = list(zip(candidates, touched, strict=True))[:SHOWN_TOUCHES]
    ordered = sorted(pairs, key=lambda pair: pair[0].age_s)
    scale = lanes.Scale.reaching([one.age_s for one, _ in pairs] + [7 * 86_400.0])
    first_of: dict[str, int] = {}
    begun = install.install_begin_at
    rows = []
    for number, (candidate, facts) in enumerate(ordered):
        name = _window_name(facts)
        late = begun is not None and "click_after_download_began" in facts.reasons
        rows.append(
            LaneRow(
                candidate,
                candidate.touch,
                "won" if facts.credited else "lost" if facts.eligible else "out",
                verdict.chips(facts),
                [_struck(one) for one in candidate.fraud],
                candidate.probability if candidate.tier == PROBABILISTIC else None,
                lanes.lane(
                    scale,
                    age_s=candidate.age_s,
                    window_s=facts.window_s,
                    label=name if first_of.setdefault(name, number) == number else "",
                    begun_s=(install.installed_at - begun).total_seconds() if begun and late else None,
                ),
                f"{span(abs(candidate.age_s))} {'after' if candidate.age_s < 0 else 'before'}",
                name,
                facts.type != CLICK,
            )
        )
    return {"rows": rows, "ticks": scale.ticks(), "install_x": f"{lanes.INSTALL_X:.0f}%"}


def _struck(struck: Mapping[str, Any]) -> Strike:
    rule = BY_CODE.get(struck["code"])
    value, unit = struck["value"], rule.unit if rule else ""
    measured = value if isinstance(value, str) else f"{value:,.4g} {unit}".strip() if unit else ""
    if unit and not isinstance(value, str):
        measured = f"{measured}; the rule says {struck['threshold']:,.4g}"
    name = rule.name if rule else str(struck["code"])
    return Strike(name, reasons.sentence(struck["code"]), measured, struck["action"] == BLOCK)


def _window_name(touched: Touched) -> str:
    length = span(touched.window_s).replace("1 day", "24 h")
    if touched.tier == PROBABILISTIC:
        return f"network window, {length}"
    return f"{touched.noun} window, {length}"


def id_rows(touch: Touch | None, install: Install) -> list[IdRow]:
    """Put the ids of a touch and of the install side by side, the strongest first."""
    sender = look_of(touch.source).name if touch else ""
    pairs = [
        ("Click id", touch.touch_id if touch else "", install.click_id),
        ("Play referrer", touch.touch_id if touch else "", install.referrer_click_id),
        ("Advertising id", touch.advertising_id if touch else "", install.advertising_id),
        ("Device id", touch.device_id if touch else "", install.device_id),
        ("User id", touch.user_id if touch else "", install.user_id),
        ("E-mail, hashed", touch.email_sha256 if touch else "", install.email_sha256),
        ("Phone, hashed", touch.phone_sha256 if touch else "", install.phone_sha256),
        ("Network", str(touch.ip or "") if touch else "", str(install.ip or "")),
        ("System", _system(touch) if touch else "", _system(install)),
        ("Device model", model_words(touch.device_model) if touch else "", model_words(install.device_model)),
        ("Locale", touch.locale if touch else "", install.locale),
        ("Time zone", touch.time_zone if touch else "", install.time_zone),
        ("Screen", touch.screen if touch else "", install.screen),
        ("Country", touch.country if touch else "", install.country),
    ]
    if touch and touch.origin:
        pairs.insert(0, ("Told by the network", touch.touch_id, install.claim_id))
    return [_id_row(name, mine, theirs, sender) for name, mine, theirs in pairs if mine or theirs]


def _system(carrier: Touch | Install) -> str:
    return device_words(carrier.os_name, carrier.os_version, "")


def _id_row(name: str, mine: str, theirs: str, sender: str) -> IdRow:
    if not theirs:
        return IdRow(name, mine, "", "Not sent by the app")
    if not sender:
        return IdRow(name, "", theirs, "No touch has it")
    if not mine:
        return IdRow(name, "", theirs, f"Not sent by {sender}")
    if name == "Device model":
        same = models_agree(mine.lower(), theirs.lower())
    elif name == "System":
        same = _same_system(mine, theirs)
    elif name in {"Advertising id", "Device id"} and not is_real_id(theirs):
        return IdRow(name, mine, theirs, "Placeholder, not compared")
    else:
        same = mine == theirs
    return IdRow(name, mine, theirs, "Same", "good", icon="check") if same else IdRow(name, mine, theirs, "Different")


def _same_system(mine: str, theirs: str) -> bool:
    """Compare "iOS 18.1" with "iOS 18.1", or with "iOS" where one side did not say its version."""
    ours, others = mine.split(), theirs.split()
    return ours[0] == others[0] and versions_agree("".join(ours[1:]), "".join(others[1:]))


def steps(decision: Decision, candidates: Sequence[Candidate]) -> list[Step]:
    """Return what happened in its order, from the first touch to the decision."""
    install = decision.install
    told = [_touch_step(one) for one in [*candidates][:KEPT_TOUCHES]]
    if install.install_begin_at:
        told.append(Step(install.install_begin_at, "The store began the download"))
    told.append(Step(install.installed_at, FIRST.get(decision.kind, "First open of the app"), key=True))
    if decision.original:
        told.append(Step(decision.original.installed_at, "The app was installed before"))
    lag = (install.received_at - install.installed_at).total_seconds()
    if lag > LATE_S:
        told.append(Step(install.received_at, f"The event arrived, {span(lag)} later"))
    taken = _decided_in(decision)
    if taken is None:
        told.append(
            Step(
                decision.decided_at,
                f"Decided again (revision {decision.revision})",
            )
        )
    else:
        told.append(Step(decision.decided_at, f"Decided, {span(round(taken, 1))} after the event arrived"))
    day = timezone.localdate(install.installed_at)
    return [replace(step, same_day=timezone.localdate(step.at) == day) for step in sorted(told, key=lambda one: one.at)]


def _touch_step(candidate: Candidate) -> Step:
    touch, source = candidate.touch, look_of(candidate.touch.source).name
    if "click_after_download_began" in candidate.reasons:
        return Step(touch.ts, f"{source} sent a click", bad="during the download")
    what = f"{touch.campaign} on {source}" if touch.campaign else f"an ad on {source}"
    bad = "by a bot" if touch.bot else ""
    return Step(touch.ts, f"{'Clicked' if touch.type == CLICK else 'Saw'} {what}", bad, candidate.credited)


def _rules(rule_set: RuleSet, rules: Rules) -> dict[str, Any]:
    names = [" or ".join(verdict.TIER_NAMES.get(tier, tier).lower() for tier in group) for group in rules.order]
    tiers = [tier for group in rules.order for tier in group if tier in rules.windows_s]
    return {
        "version": rule_set.version,
        "since": rule_set.created_at,
        "in_force": rule_set.version == queries.newest_rule_set(rule_set.project_id),
        "order": " → ".join(names),
        "windows": [(verdict.TIER_NAMES.get(tier, tier), rules.windows_s[tier]) for tier in tiers],
        "consent": rules.ios_needs_consent,
        "accept": rules.accept,
    }
