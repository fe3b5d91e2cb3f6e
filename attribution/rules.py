"""What a project may set: order of tiers, windows, thresholds, fraud rules; per source and per link where those differ.

Plain values: no Django, clock or network. A rule set keeps them as JSON, see `Rules.to_json`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

INSTALL_REFERRER = "install_referrer"
CLICK_ID = "click_id"
META_REFERRER = "meta_referrer"
APPLE_ADS = "apple_ads"
DEVICE_ID = "device_id"
PERSON_ID = "person_id"
CONTACT_HASH = "contact_hash"
PROBABILISTIC = "probabilistic"
VIEW = "view"
ORGANIC = "organic"

# Tiers that an id or a network's own word proves; a return to the app counts by these alone.
CERTAIN = frozenset({INSTALL_REFERRER, CLICK_ID, META_REFERRER, APPLE_ADS, DEVICE_ID, PERSON_ID, CONTACT_HASH})
# Found by its id alone, however long ago.
TOLD_LATER = frozenset({META_REFERRER, APPLE_ADS})
DAY_S = 86_400
# Tiers of one group are equal in rank: their latest touch wins, and on a tie the one named first.
ORDER = (
    (INSTALL_REFERRER, CLICK_ID, META_REFERRER, APPLE_ADS),
    (DEVICE_ID,),
    (PERSON_ID, CONTACT_HASH),
    (PROBABILISTIC,),
    (VIEW,),
)
WINDOWS_S = {
    INSTALL_REFERRER: 7 * DAY_S,
    CLICK_ID: 7 * DAY_S,
    META_REFERRER: 7 * DAY_S,
    APPLE_ADS: 30 * DAY_S,
    DEVICE_ID: 7 * DAY_S,
    PERSON_ID: 7 * DAY_S,
    CONTACT_HASH: 7 * DAY_S,
    PROBABILISTIC: DAY_S,
    VIEW: DAY_S,
}


class Placed(Protocol):
    """What says which rules hold for a touch."""

    @property
    def source(self) -> str: ...
    @property
    def link_id(self) -> int | None: ...


@dataclass(frozen=True)
class Rules:
    """What a project may set.

    `accept` is the least probability at which a match by network is credited; below it the engine abstains.
    `fraud` holds, by code, {"action": "off" | "flag" | "block", "threshold": number} where it differs from the
    catalogue of attribution.fraud. `sources` (by source) and `links` (by link id, as text) hold partial rules
    ("windows_s", "accept", "fraud") that go before the project's; a link's before its source's.
    """

    order: tuple[tuple[str, ...], ...] = ORDER
    windows_s: Mapping[str, int] = field(default_factory=lambda: dict(WINDOWS_S))
    accept: float = 0.95
    ios_needs_consent: bool = True
    trust_organic_referrer: bool = True
    reinstall_days: int = 90
    inactivity_days: int = 7
    fraud: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    links: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def widest_window_s(self) -> int:
        """How far back touches are looked for; what Meta and Apple tell is found by its id alone."""
        return max(
            window_s for windows in self._windows for tier, window_s in windows.items() if tier not in TOLD_LATER
        )

    @cached_property
    def network_window_s(self) -> int:
        """How far back clicks of the same network are looked for."""
        return max(windows.get(PROBABILISTIC, 0) for windows in self._windows)

    @cached_property
    def rank(self) -> dict[str, int]:
        """The place of each tier, the strongest first; a tier that is not asked has none."""
        return {tier: place for place, tier in enumerate(tier for group in self.order for tier in group)}

    @cached_property
    def group(self) -> dict[str, int]:
        """The place of each tier's group."""
        return {tier: place for place, tiers in enumerate(self.order) for tier in tiers}

    @cached_property
    def weak(self) -> frozenset[str]:
        """The tiers that do not stand whoever holds the clicks of the network: itself, what is weaker, organic."""
        network = self.group.get(PROBABILISTIC, len(self.order))
        return frozenset({ORGANIC, *(tier for tier, group in self.group.items() if group >= network)})

    @cached_property
    def returning(self) -> "Rules":
        """The rules for a return to the app: the same, but only what is certain counts, and no views."""
        order = (tuple(tier for tier in tiers if tier in CERTAIN) for tiers in self.order)
        return replace(self, order=tuple(tiers for tiers in order if tiers))

    def for_touch(self, touch: "Placed") -> "Rules":
        """Return the rules that hold for one touch: its link's go before its source's, those before the project's."""
        if not self._special:
            return self
        link = str(touch.link_id) if touch.link_id is not None else ""
        return self._effective(touch.source if touch.source in self.sources else "", link if link in self.links else "")

    @cached_property
    def _windows(self) -> list[Mapping[str, int]]:
        parts = (*self.sources.values(), *self.links.values())
        return [self.windows_s, *(part.get("windows_s", {}) for part in parts)]

    @cached_property
    def _special(self) -> bool:
        return bool(self.sources or self.links)

    @cached_property
    def _found(self) -> dict[tuple[str, str], "Rules"]:
        return {}

    def _effective(self, source: str, link: str) -> "Rules":
        found = self._found.get((source, link))
        if found is None:
            found = self
            for part in (self.sources.get(source, {}), self.links.get(link, {})):
                found = replace(
                    found,
                    windows_s={**found.windows_s, **part.get("windows_s", {})},
                    accept=part.get("accept", found.accept),
                    fraud={**found.fraud, **part.get("fraud", {})},
                )
            self._found[source, link] = found
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the rules as they are kept in a rule set."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Rules":
        """Read the rules of a rule set; what it does not name is the default."""
        values = {name: value for name, value in stored.items() if name in cls.__dataclass_fields__}
        if "order" in values:
            values["order"] = tuple(tuple(group) for group in values["order"])
        values["windows_s"] = {**WINDOWS_S, **values.get("windows_s", {})}
        return cls(**values)


LONGEST_WINDOW_S = 90 * DAY_S
Wrong = Callable[[str, str], None]
TIERS = tuple(WINDOWS_S)


def problems(stored: Mapping[str, Any]) -> list[dict[str, str]]:
    """Say what is wrong with rules that somebody wrote: unknown, malformed, overlapping or contradictory.

    Each is {"field", "message"}; the list is empty when Rules.from_json can read them and they make sense.
    """
    found: list[dict[str, str]] = []

    def wrong(field: str, message: str) -> None:
        found.append({"field": field, "message": message})

    for name in stored:
        if name not in Rules.__dataclass_fields__:
            wrong(name, "There is no such rule.")
    asked = _order_problems(stored, wrong)
    _part_problems(stored, "", wrong)
    for name, most in (("reinstall_days", 730), ("inactivity_days", 365)):
        if name in stored and not _whole(stored[name], 0, most):
            wrong(name, f"Give whole days, 0 to {most}.")
    for name in ("ios_needs_consent", "trust_organic_referrer"):
        if name in stored and not isinstance(stored[name], bool):
            wrong(name, "Give true or false.")
    for name in ("sources", "links"):
        _parts_problems(name, stored.get(name, {}), asked, wrong)
    return found


def _order_problems(stored: Mapping[str, Any], wrong: Wrong) -> set[str]:
    """Check the order of tiers; return those it names, and nothing when it can't be read."""
    order = stored.get("order", ORDER)
    if not isinstance(order, list | tuple) or not all(isinstance(group, list | tuple) for group in order):
        wrong("order", "Give a list of groups, each a list of kinds of match.")
        return set()
    seen: set[str] = set()
    for group in order:
        if not group:
            wrong("order", "A group is empty.")
        for tier in group:
            if not isinstance(tier, str) or tier not in WINDOWS_S:
                wrong("order", f"There is no kind of match “{tier}”; there are {', '.join(TIERS)}.")
            elif tier in seen:
                wrong("order", f"“{tier}” stands in the order twice, so its rank is not clear.")
            else:
                seen.add(tier)
    if not order:
        wrong("order", "Without any kind of match every install would be organic.")
    return seen


def _parts_problems(name: str, parts: Any, asked: set[str], wrong: Wrong) -> None:
    """Check what differs for sources or for links; `asked` are the tiers of the order."""
    if not isinstance(parts, dict):
        wrong(name, "Give an object: for each name what differs.")
        return
    for key, part in parts.items():
        _special_problems(f"{name}.{key}", part, wrong)
        if name == "links" and not str(key).isdecimal():
            wrong(f"{name}.{key}", "Links are named by their number.")
        windows = part.get("windows_s") if isinstance(part, dict) else None
        for tier in windows if isinstance(windows, dict) else ():
            if asked and tier in WINDOWS_S and tier not in asked:
                message = "This kind of match is not in the order, so its window can't count."
                wrong(f"{name}.{key}.windows_s.{tier}", message)


def _special_problems(place: str, part: Any, wrong: Wrong) -> None:
    if not isinstance(part, dict):
        wrong(place, "Give an object: windows_s, accept or fraud.")
        return
    for name in part:
        if name not in {"windows_s", "accept", "fraud"}:
            wrong(f"{place}.{name}", "Only windows_s, accept and fraud can differ here.")
    _part_problems(part, f"{place}.", wrong)


def _part_problems(part: Mapping[str, Any], before: str, wrong: Wrong) -> None:
    """Check what may be set for a project, a source or a link alike."""
    windows = part.get("windows_s", {})
    if not isinstance(windows, dict):
        wrong(f"{before}windows_s", "Give an object: seconds for each kind of match.")
        windows = {}
    for tier, window_s in windows.items():
        if tier not in WINDOWS_S:
            wrong(f"{before}windows_s.{tier}", "There is no such kind of match.")
        elif not _whole(window_s, 1, LONGEST_WINDOW_S):
            wrong(f"{before}windows_s.{tier}", f"Give whole seconds, 1 to {LONGEST_WINDOW_S} (90 days).")
    accept = part.get("accept", 0.95)
    if isinstance(accept, bool) or not isinstance(accept, int | float) or not 0.5 <= accept <= 1:
        wrong(f"{before}accept", "Give a probability from 0.5 to 1: below a half another click would be likelier.")
    fraud = part.get("fraud", {})
    if not isinstance(fraud, dict):
        wrong(f"{before}fraud", "Give an object: action and threshold for each code.")
        return
    for code, rule in fraud.items():
        _fraud_problems(f"{before}fraud.{code}", rule, wrong)


def _fraud_problems(place: str, rule: Any, wrong: Wrong) -> None:
    if not isinstance(rule, dict) or not rule.keys() <= {"action", "threshold"}:
        wrong(place, "Give action and threshold.")
        return
    if rule.get("action", "flag") not in {"off", "flag", "block"}:
        wrong(f"{place}.action", "Give off, flag or block.")
    threshold = rule.get("threshold", 0)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold < float("inf"):
        wrong(f"{place}.threshold", "Give a number, 0 or more.")


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
