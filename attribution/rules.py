"""What a project may set: order of tiers, windows, thresholds, fraud rules; per source and per link where those differ.

Plain values: no Django, clock or network. A rule set keeps them as JSON, see `Rules.to_json`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

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


@dataclass(frozen=True, slots=True)
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

    @property
    def widest_window_s(self) -> int:
        """How far back touches are looked for; what Meta and Apple tell is found by its id alone."""
        return max(window_s for tier, window_s in self.windows_s.items() if tier not in {META_REFERRER, APPLE_ADS})

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
