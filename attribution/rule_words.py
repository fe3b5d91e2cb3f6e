"""Rules in words: what they say, and what a new version changed. Plain text; no database, no clock."""

from collections.abc import Iterator, Mapping
from typing import Any

from attribution.rules import WINDOWS_S, Rules
from attribution.verdict import TIER_NAMES
from growthplatform.core.formats import span
from growthplatform.core.sources import look_of

Names = Mapping[str, str]
ACTIONS = {"off": "is off", "flag": "flags", "block": "blocks"}


def tier_name(tier: str) -> str:
    """Return how a kind of match is called."""
    return TIER_NAMES.get(tier, tier)


def order_in_words(order: tuple[tuple[str, ...], ...]) -> str:
    """Write an order: Install referrer = Click id, then Device id."""
    return ", then ".join(" = ".join(tier_name(tier) for tier in group) for group in order)


def differences(old: Rules, new: Rules, links: Names | None = None, codes: Names | None = None) -> list[str]:
    """Return what `new` changes, a sentence each; nothing for equal rules.

    `links` names links by their id (as text), `codes` names fraud rules by their code.
    """
    found = list(_own(old, new))
    found += _windows("", old.windows_s, new.windows_s)
    found += _accept("", old.accept, new.accept)
    found += _fraud("", old.fraud, new.fraud, codes or {})
    found += _parts(old.sources, new.sources, lambda name: look_of(name).name, codes or {})
    found += _parts(old.links, new.links, lambda name: f"Link {(links or {}).get(name, name)}", codes or {})
    return found


def _own(old: Rules, new: Rules) -> Iterator[str]:
    """Say what changed of the things that only a whole project has."""
    before = [tier for group in old.order for tier in group]
    after = [tier for group in new.order for tier in group]
    for tier in before:
        if tier not in after:
            yield f"{tier_name(tier)} no longer counts as a match."
    for tier in after:
        if tier not in before:
            yield f"{tier_name(tier)} counts as a match."
    if old.order != new.order:
        yield f"Order: {order_in_words(new.order)}."
    if old.ios_needs_consent != new.ios_needs_consent:
        yield (
            "Matching by network on iOS needs consent."
            if new.ios_needs_consent
            else "Matching by network on iOS no longer needs consent."
        )
    if old.trust_organic_referrer != new.trust_organic_referrer:
        yield (
            "A Play referrer that says organic rules out a match by network."
            if new.trust_organic_referrer
            else "A Play referrer that says organic no longer rules out a match by network."
        )
    if old.reinstall_days != new.reinstall_days:
        yield f"A reinstall within {_days(new.reinstall_days)} is not a new install (was {_days(old.reinstall_days)})."
    if old.inactivity_days != new.inactivity_days:
        yield f"A return counts after {_days(new.inactivity_days)} away (was {_days(old.inactivity_days)})."


def _days(number: int) -> str:
    return f"{number:,} day{'' if number == 1 else 's'}"


def _windows(where: str, old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[str]:
    for tier in WINDOWS_S:
        before, after = old.get(tier), new.get(tier)
        if before == after:
            continue
        if after is None:
            yield f"{where}{tier_name(tier)}: as the project, no longer {span(before)}."
        elif before is None:
            yield f"{where}{tier_name(tier)}: up to {span(after)} before the install."
        else:
            yield f"{where}{tier_name(tier)}: up to {span(after)} before the install (was {span(before)})."


def _accept(where: str, old: float | None, new: float | None) -> Iterator[str]:
    if old == new:
        return
    if new is None:
        yield f"{where}Network and device: as the project, no longer from {_percent(old)}."
    else:
        was = f" (was {_percent(old)})" if old is not None else ""
        yield f"{where}Network and device: credited from a probability of {_percent(new)}{was}."


def _percent(share: float | None) -> str:
    return f"{round((share or 0) * 100, 2):g}%"


def _fraud(where: str, old: Mapping[str, Any], new: Mapping[str, Any], codes: Names) -> Iterator[str]:
    for code in sorted(old.keys() | new.keys()):
        before, after = old.get(code), new.get(code)
        if before == after:
            continue
        name = codes.get(code, code)
        if after is None:
            yield f"{where}Fraud rule {name}: as usual again."
            continue
        words = [ACTIONS.get(after["action"], after["action"])] if "action" in after else []
        if after.get("threshold") is not None:
            words.append(f"from {after['threshold']:g}")
        yield f"{where}Fraud rule {name} {' '.join(words) or 'is as usual'}."


def _parts(old: Mapping[str, Any], new: Mapping[str, Any], name_of: Any, codes: Names) -> Iterator[str]:
    for key in sorted(old.keys() | new.keys()):
        before, after, where = old.get(key, {}), new.get(key, {}), f"{name_of(key)}: "
        yield from _windows(where, before.get("windows_s", {}), after.get("windows_s", {}))
        yield from _accept(where, before.get("accept"), after.get("accept"))
        yield from _fraud(where, before.get("fraud", {}), after.get("fraud", {}), codes)
