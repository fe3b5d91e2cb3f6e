"""Which fraud rules a touch, an install or a conversion strikes. Plain Python: no Django, clock or network."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from attribution.facts import CLICK, InstallFacts, TouchFacts
from attribution.fraud.catalogue import BLOCK, FLAG, OFF, RULES, SIGNATURE_BREAKER
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
    # The breaker is part of the rule about signatures; a flag only shows it.
    made[SIGNATURE_BREAKER] = OFF, 0.5
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
    struck: list[Struck] = []
    said = settings(rules)

    def strike(code: str, value: float | str, action: str = "") -> None:
        set_action, threshold = said[code]
        if set_action != OFF:
            struck.append(Struck(code, value, threshold, action or set_action))

    if touch.bot:
        strike("ua_bot", 1.0)
    if touch.type == CLICK:
        if not returning:
            _of_times(install, touch, said, struck)
        if counts.clicks_hour > said["address_flood"][1] and touch.ip and touch.ip == install.ip:
            strike("address_flood", float(counts.clicks_hour))
    raised = _raised(touch, flags) if flags else ()
    if touch.signature in BAD_SIGNATURES:
        broken = any(one.code == SIGNATURE_BREAKER for one in raised)
        strike("click_signature", touch.signature, FLAG if broken else "")
    if "click_datacenter" in touch.flags:
        strike("click_datacenter", 1.0)
    if touch.country and install.country and touch.country != install.country:
        strike("geo_mismatch", f"{touch.country} → {install.country}")
    for one in raised:
        action = said.get(one.code, (OFF, 0.0))[0]
        if action != OFF:
            struck.append(Struck(one.code, one.value, one.threshold, action))
    return tuple(struck) if struck else NOTHING


def _of_times(install: InstallFacts, touch: TouchFacts, said: Mapping[str, Setting], struck: list[Struck]) -> None:
    """Add what the times of click, download and first open strike."""
    age_s = (install.installed_at - touch.ts).total_seconds()
    if age_s < 0:
        return
    begun = install.install_begin_at
    if begun is not None:
        action, threshold = said["ctit_injection"]
        at = touch.ts
        if install.referrer_click_at is not None and touch.touch_id == install.referrer_click_id:
            # By the clock of the store, which also told when the download began.
            at = max(at, install.referrer_click_at) if install.referrer_click_at > begun else at
        if begun < at and action != OFF:
            struck.append(Struck("ctit_injection", (at - begun).total_seconds(), threshold, action))
    short_action, short_s = said["ctit_short"]
    quick_action, quick_s = said["ctit_quick"]
    if age_s < short_s and short_action != OFF:
        struck.append(Struck("ctit_short", age_s, short_s, short_action))
    elif age_s < quick_s and quick_action != OFF:
        struck.append(Struck("ctit_quick", age_s, quick_s, quick_action))


def _raised(touch: TouchFacts, flags: Flags) -> list[Raised]:
    """Return the flags over the touch's publisher and source that were up at its time."""
    found: list[Raised] = []
    keys = [(touch.source, touch.publisher), (touch.source, "")] if touch.publisher else [(touch.source, "")]
    for key in keys:
        for one in flags.get(key, ()):
            if one.since <= touch.ts and (one.until is None or touch.ts < one.until):
                found.append(one)
    return found


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


def blocks(struck: Sequence[Struck]) -> bool:
    """Say whether one of them keeps a touch from winning, or rejects an install."""
    return any(one.action == BLOCK for one in struck)
