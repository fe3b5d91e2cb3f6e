"""What the rules know of an install and of a touch. Plain values: no Django, clock or network."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

CLICK, IMPRESSION = "click", "impression"


# Values, never changed once made. `frozen` would say so, but makes building one ten times as slow, and a replay builds
# millions.
@dataclass(slots=True, unsafe_hash=True)
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
    install_referrer: str = ""
    referrer_click_at: datetime | None = None
    locale: str = ""
    time_zone: str = ""
    screen: str = ""
    country: str = ""
    user_id: str = ""
    email_sha256: str = ""
    phone_sha256: str = ""
    claim_id: str = ""
    emulator: bool = False
    signature: str = ""


@dataclass(slots=True, unsafe_hash=True)
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
    locale: str = ""
    time_zone: str = ""
    screen: str = ""
    country: str = ""
    user_id: str = ""
    email_sha256: str = ""
    phone_sha256: str = ""
    origin: str = ""
    signature: str = ""
    flags: tuple[str, ...] = ()
    source: str = ""
    publisher: str = ""
    campaign: str = ""
    link_id: int | None = None


def is_real_id(value: str) -> bool:
    """Say whether an id can tell devices apart: not empty, not zeroed, none of the known placeholders."""
    plain = value.replace("-", "").replace(":", "")
    return len(set(plain)) > 1 and plain.lower() not in PLACEHOLDERS


# Besides ids of one repeated character: the id that a faulty Android 2.2 gave to all devices, and words for "none".
PLACEHOLDERS = frozenset({"9774d56d682e549c", "unknown", "null", "none", "undefined", "nil", "na", "n/a", "optout"})


@lru_cache(maxsize=100_000)
def versions_agree(one: str, other: str) -> bool:
    """Compare two versions by major and minor, as far as both are known."""
    return all(a == b for a, b in zip(one.split(".")[:2], other.split(".")[:2], strict=False) if a and b)


@lru_cache(maxsize=100_000)
def models_agree(one: str, other: str) -> bool:
    """Compare two models; browsers shorten Apple's ("iphone" for "iphone14,2"), some senders put the brand first."""
    if not one or not other or one == other:
        return True
    short, long = sorted((one, other), key=len)
    return (short in APPLE_FAMILIES and long.startswith(short)) or long.endswith(f" {short}")


APPLE_FAMILIES = frozenset({"iphone", "ipad", "ipod", "ipod touch"})
