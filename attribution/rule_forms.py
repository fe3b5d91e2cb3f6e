"""The editor of rules: what its form holds, how a form becomes rules, and where each mistake belongs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from attribution import rules
from attribution.rule_words import tier_name
from attribution.rules import WINDOWS_S, Rules
from attribution.verdict import TIER_MEANS

UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60}
ACCEPT = "accept"
# A project has few that differ; more of them in one form is somebody's script.
MOST_SPECIALS = 500


@dataclass
class TierRow:
    """A kind of match in the form: its place in the order, and its window."""

    tier: str
    used: bool
    level: bool
    number: str
    unit: str
    errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return tier_name(self.tier)

    @property
    def means(self) -> str:
        return TIER_MEANS.get(self.tier, "")


@dataclass
class SpecialRow:
    """A value that differs for one source or one link."""

    where: str
    what: str
    number: str
    unit: str
    errors: list[str] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        return not self.where and not self.number


@dataclass
class Draft:
    """Rules while they are edited, as text in fields. Fraud rules are kept as they are: they have their own page."""

    base: int
    tiers: list[TierRow]
    specials: list[SpecialRow]
    accept: str
    reinstall_days: str
    inactivity_days: str
    ios_needs_consent: bool
    trust_organic_referrer: bool
    note: str
    kept: Rules
    errors: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, current: Rules, base: int) -> "Draft":
        """Return the form filled with `current`; `base` is the version that a change is made from."""
        rows = [
            _tier_row(tier, current.windows_s[tier], used=True, level=place > 0)
            for group in current.order
            for place, tier in enumerate(group)
        ]
        shown = {row.tier for row in rows}
        rows += [
            _tier_row(tier, current.windows_s[tier], used=False, level=False) for tier in WINDOWS_S if tier not in shown
        ]
        return cls(
            base=base,
            tiers=rows,
            specials=list(_special_rows(current)),
            accept=_number(current.accept * 100),
            reinstall_days=str(current.reinstall_days),
            inactivity_days=str(current.inactivity_days),
            ios_needs_consent=current.ios_needs_consent,
            trust_organic_referrer=current.trust_organic_referrer,
            note="",
            kept=current,
        )

    @classmethod
    def read(cls, sent: QueryDict, kept: Rules) -> "Draft":
        """Return the form as it was sent; what it does not have, the fraud rules, comes from `kept`."""
        named = list(dict.fromkeys(tier for tier in sent.getlist("tier") if tier in WINDOWS_S))
        rows = [
            TierRow(
                tier,
                used=f"used-{tier}" in sent,
                level=f"level-{tier}" in sent,
                number=sent.get(f"number-{tier}", "").strip()[:20],
                unit=_unit(sent.get(f"unit-{tier}", "")),
            )
            for tier in [*named, *(tier for tier in WINDOWS_S if tier not in named)]
        ]
        columns = [sent.getlist(f"special-{name}") for name in ("where", "what", "number", "unit")]
        specials = [
            SpecialRow(where.strip()[:80], what[:40], number.strip()[:20], _unit(unit))
            for where, what, number, unit in list(zip(*columns, strict=False))[:MOST_SPECIALS]
        ]
        base = sent.get("base", "")
        return cls(
            base=int(base) if base.isascii() and base.isdigit() and len(base) < 9 else 0,
            tiers=rows,
            specials=specials,
            accept=sent.get("accept", "").strip()[:20],
            reinstall_days=sent.get("reinstall_days", "").strip()[:20],
            inactivity_days=sent.get("inactivity_days", "").strip()[:20],
            ios_needs_consent="ios_needs_consent" in sent,
            trust_organic_referrer="trust_organic_referrer" in sent,
            note=sent.get("note", "").strip()[:300],
            kept=kept,
        )

    def move(self, tier: str, way: str) -> None:
        """Move a kind of match one place up or down; at the end it stays."""
        places = [row.tier for row in self.tiers]
        if tier not in places:
            return
        place = places.index(tier)
        other = place + (-1 if way == "up" else 1)
        if 0 <= other < len(self.tiers):
            self.tiers[place], self.tiers[other] = self.tiers[other], self.tiers[place]

    def add(self) -> None:
        """Add an empty row for a source or link that differs."""
        self.specials.append(SpecialRow("", rules.VIEW, "", "hours"))

    def drop(self, number: str) -> None:
        """Take out the row of that number."""
        if number.isascii() and number.isdigit() and int(number) < len(self.specials):
            del self.specials[int(number)]

    def checked(self, links: Mapping[str, str]) -> Rules | None:
        """Return the rules, or None with every mistake beside its field. `links` are the project's, by id."""
        stored = self._stored(links)
        for problem in rules.problems(stored) if not self._mistakes else ():
            self._place(problem["field"], problem["message"])
        return None if self._mistakes else Rules.from_json(stored)

    @property
    def _mistakes(self) -> bool:
        return bool(self.errors) or any(row.errors for row in self.tiers) or any(row.errors for row in self.specials)

    def _stored(self, links: Mapping[str, str]) -> dict[str, Any]:
        """Return the form as rules are kept, with mistakes noted beside the fields."""
        stored = self.kept.to_json()
        order: list[list[str]] = []
        for row in self.tiers:
            window_s = _seconds(row.number, row.unit)
            if window_s is None:
                row.errors.append("Give a number above 0.")
            else:
                stored["windows_s"][row.tier] = window_s
            if row.used and row.level and order:
                order[-1].append(row.tier)
            elif row.used:
                order.append([row.tier])
        stored["order"] = order
        share = _float(self.accept)
        if share is None:
            self.errors["accept"] = ["Give a number of per cent, such as 95."]
        else:
            stored["accept"] = round(share / 100, 6)
        for name in ("reinstall_days", "inactivity_days"):
            text = getattr(self, name)
            if text.isascii() and text.isdigit() and len(text) < 6:
                stored[name] = int(text)
            else:
                self.errors[name] = ["Give whole days."]
        stored["ios_needs_consent"] = self.ios_needs_consent
        stored["trust_organic_referrer"] = self.trust_organic_referrer
        self._store_specials(stored, links)
        return stored

    def _store_specials(self, stored: dict[str, Any], links: Mapping[str, str]) -> None:
        for name in ("sources", "links"):
            parts = {key: {"fraud": part["fraud"]} for key, part in stored[name].items() if part.get("fraud")}
            stored[name] = parts
        seen: set[tuple[str, str]] = set()
        for row in self.specials:
            if row.empty:
                continue
            kind, _, key = row.where.partition(":")
            if kind not in {"source", "link"} or not key:
                row.errors.append("Choose a source or a link.")
                continue
            if kind == "link" and key not in links and key not in self.kept.links:
                row.errors.append("This project has no such link.")
                continue
            if (row.where, row.what) in seen:
                row.errors.append("This stands here twice, so it is not clear which counts.")
                continue
            seen.add((row.where, row.what))
            part = stored["sources" if kind == "source" else "links"].setdefault(key, {})
            self._store_special(row, part)

    def _store_special(self, row: SpecialRow, part: dict[str, Any]) -> None:
        if row.what == ACCEPT:
            share = _float(row.number)
            if share is None:
                row.errors.append("Give a number of per cent, such as 95.")
            else:
                part["accept"] = round(share / 100, 6)
            return
        window_s = _seconds(row.number, row.unit)
        if row.what not in WINDOWS_S:
            row.errors.append("Choose what differs.")
        elif window_s is None:
            row.errors.append("Give a number above 0.")
        else:
            part.setdefault("windows_s", {})[row.what] = window_s

    def _place(self, place: str, message: str) -> None:
        """Put a mistake beside the field that it is about."""
        parts = place.split(".")
        for row in self.tiers:
            if parts == ["windows_s", row.tier]:
                row.errors.append(message)
                return
        for special in self.specials:
            kind, _, key = special.where.partition(":")
            # A source's name may hold dots itself.
            if kind and place.startswith(f"{kind}s.{key}") and place.endswith(special.what):
                special.errors.append(message)
                return
        self.errors.setdefault(parts[0], []).append(message)


def _tier_row(tier: str, window_s: int, *, used: bool, level: bool) -> TierRow:
    number, unit = in_units(window_s)
    return TierRow(tier, used, level, number, unit)


def _special_rows(current: Rules) -> Iterable[SpecialRow]:
    for kind, parts in (("source", current.sources), ("link", current.links)):
        for key, part in parts.items():
            for tier, window_s in part.get("windows_s", {}).items():
                yield SpecialRow(f"{kind}:{key}", tier, *in_units(window_s))
            if part.get("accept") is not None:
                yield SpecialRow(f"{kind}:{key}", ACCEPT, _number(part["accept"] * 100), "hours")


def in_units(seconds: int) -> tuple[str, str]:
    """Write seconds in the largest unit that holds them whole."""
    unit = next((name for name, size in UNITS.items() if seconds % size == 0), "minutes")
    return _number(seconds / UNITS[unit]), unit


def _number(value: float) -> str:
    return f"{round(value, 4):g}" if value < 100_000 else str(round(value))


def _unit(text: str) -> str:
    return text if text in UNITS else "days"


def _float(text: str) -> float | None:
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


def _seconds(text: str, unit: str) -> int | None:
    value = _float(text)
    seconds = round(value * UNITS[unit]) if value is not None else 0
    return seconds or None
