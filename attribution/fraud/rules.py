"""Which fraud rules a touch, an install or a conversion strikes. Plain Python: no Django, clock or network."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from attribution.facts import CLICK, InstallFacts, TouchFacts
from attribution.fraud.catalogue import BLOCK, BY_CODE, FLAG, OFF, RULES, SIGNATURE_BREAKER
from attribution.rules import Rules


class Struck(NamedTuple):
    """A rule that was struck: the value measured, the threshold it was compared with, and "flag" or "block"."""

    code: str
    value: float | str
    threshold: float
    action: str


class Raised(NamedTuple):
    """A flag that the hourly job raised over a source or publisher; `until` is None while it goes on."""

    code: str
    since: datetime
    until: datetime | None
    value: float
    threshold: float


class NetworkCounts(NamedTuple):
    """What is counted about the address of a touch: clicks from it within the hour before the install."""

    clicks_hour: int = 0


class InstallCounts(NamedTuple):
    """What is counted about an install.

    Installs from its /24 (or /48) in the hour before it, different addresses of its device id within 24 h, and the
    kind of list that holds its address ("" for none).
    """

    subnet_hour: int = 0
    addresses_day: int = 0
    listed: str = ""


# Live flags by (source, publisher); publisher "" stands for the whole source.
Flags = Mapping[tuple[str, str], Sequence[Raised]]
Setting = tuple[str, float]
NOTHING: tuple[Struck, ...] = ()
NO_COUNTS, NO_INSTALL_COUNTS = NetworkCounts(), InstallCounts()
BAD_SIGNATURES = frozenset({"invalid", "expired"})


def setting(rules: Rules, code: str) -> Setting:
    """Return action and threshold of a rule: the project's where it has set them, else the catalogue's."""
    return settings(rules)[code]


def settings(rules: Rules) -> dict[str, Setting]:
    """Return action and threshold of each rule, by code."""
    known = _settings.get(id(rules))
    if known and known[0] is rules:
        return known[1]
    made: dict[str, Setting] = {}
    for rule in RULES:
        own = {} if rule.fixed else rules.fraud.get(rule.code, {})
        made[rule.code] = str(own.get("action", rule.action)), float(own.get("threshold", rule.threshold))
    if len(_settings) >= MOST_KNOWN:
        _settings.clear()
    _settings[id(rules)] = rules, made
    return made


# Rules can't be hashed. The rules are kept beside, so that no other object gets their id.
_settings: dict[int, tuple[Rules, dict[str, Setting]]] = {}
MOST_KNOWN = 1_000


def of_touch(
    install: InstallFacts,
    touch: TouchFacts,
    rules: Rules,
    flags: Flags,
    counts: NetworkCounts = NO_COUNTS,
    *,
    returning: bool = False,
) -> tuple[Struck, ...]:
    """Return the rules that a touch strikes as a candidate for an install.

    `rules` are those that hold for this touch. `returning` says that the app was there already, so that an open soon
    after the click is what a link is for.
    """
    said = settings(rules)
    struck: list[Struck] = []
    # What Meta and Apple tell about an install afterwards may have no time and no address of its own.
    told = bool(touch.origin)
    if touch.type == CLICK:
        if not returning and not told:
            _of_times(install, touch, said, struck)
        if counts.clicks_hour > said["address_flood"][1] and touch.ip and touch.ip == install.ip:
            _strike(struck, said, "address_flood", float(counts.clicks_hour))
    # Most touches have nothing of this; a replay judges millions.
    if touch.bot:
        _strike(struck, said, "ua_bot", 1.0)
    if touch.flags and "click_datacenter" in touch.flags:
        _strike(struck, said, "click_datacenter", 1.0)
    if not told and touch.country and install.country and touch.country != install.country:
        _strike(struck, said, "geo_mismatch", f"{touch.country} → {install.country}")
    if flags or touch.signature:
        _of_source(touch, said, flags, struck)
    return tuple(struck) if struck else NOTHING


def _strike(struck: list[Struck], said: Mapping[str, Setting], code: str, value: float | str) -> None:
    action, threshold = said[code]
    if action != OFF:
        struck.append(Struck(code, value, threshold, action))


def _of_times(install: InstallFacts, touch: TouchFacts, said: Mapping[str, Setting], struck: list[Struck]) -> None:
    """Add what the times of click, download and first open strike."""
    age_s = (install.installed_at - touch.ts).total_seconds()
    begun = install.install_begin_at
    if begun is not None and age_s >= 0:
        clicked = _clicked_at(install, touch)
        if clicked > begun:
            _strike(struck, said, "ctit_injection", (clicked - begun).total_seconds())
    if 0 <= age_s < said["ctit_short"][1]:
        _strike(struck, said, "ctit_short", age_s)
    elif 0 <= age_s < said["ctit_quick"][1]:
        _strike(struck, said, "ctit_quick", age_s)


def _clicked_at(install: InstallFacts, touch: TouchFacts) -> datetime:
    """Return when the click was: the store's own time counts as well, which also told when the download began."""
    told = install.referrer_click_at
    if told is None or touch.touch_id != install.referrer_click_id:
        return touch.ts
    return max(told, touch.ts)


def _of_source(touch: TouchFacts, said: Mapping[str, Setting], flags: Flags, struck: list[Struck]) -> None:
    """Add the flags over the touch's publisher and source that were up at its time, and what its signature says."""
    broken, seen = False, set()
    keys = ((touch.source, touch.publisher), (touch.source, "")) if touch.publisher else ((touch.source, ""),)
    for key in keys:
        for one in flags.get(key, ()):
            if one.since > touch.ts or (one.until is not None and touch.ts >= one.until) or one.code in seen:
                continue
            seen.add(one.code)
            broken = broken or one.code == SIGNATURE_BREAKER
            # Measured under other rules perhaps: what counts is the threshold of these.
            if one.code in said and crosses(one.code, one.value, said[one.code][1]):
                _strike(struck, said, one.code, one.value)
    if touch.signature in BAD_SIGNATURES:
        action, threshold = said["click_signature"]
        if action != OFF:
            struck.append(Struck("click_signature", touch.signature, threshold, FLAG if broken else action))


def of_install(install: InstallFacts, counts: InstallCounts, rules: Rules) -> tuple[Struck, ...]:
    """Return the rules that an install itself strikes; one that blocks rejects it."""
    said = settings(rules)
    struck: list[Struck] = []
    measured: tuple[tuple[str, bool, float | str], ...] = (
        ("emulator", install.emulator, 1.0),
        ("ip_datacenter", bool(counts.listed), counts.listed),
        ("device_farm", counts.subnet_hour > said["device_farm"][1], float(counts.subnet_hour)),
        ("dup_device", counts.addresses_day > said["dup_device"][1], float(counts.addresses_day)),
        ("sdk_signature", install.signature in BAD_SIGNATURES, install.signature),
    )
    for code, hit, value in measured:
        if hit and said[code][0] != OFF:
            struck.append(Struck(code, value, said[code][1], said[code][0]))
    return tuple(struck) if struck else NOTHING


def of_conversion(rules: Rules, *, repeated: bool, receipt: str = "") -> tuple[Struck, ...]:
    """Return the rules that a conversion strikes: one that blocks keeps it from being counted.

    `repeated` says that its order is there already, `receipt` what became of its receipt ("" where it has none).
    """
    said = settings(rules)
    hits = (("dup_event", repeated, 1.0), ("store_receipt", receipt == "invalid", receipt))
    return tuple(
        Struck(code, value, said[code][1], said[code][0]) for code, hit, value in hits if hit and said[code][0] != OFF
    )


def crosses(code: str, value: float, threshold: float) -> bool:
    """Say whether a measured value strikes a rule with this threshold."""
    return value < threshold if BY_CODE[code].below else value > threshold


def blocks(struck: Sequence[Struck]) -> bool:
    """Say whether one of them keeps a touch from winning, or rejects an install."""
    return any(one.action == BLOCK for one in struck)
