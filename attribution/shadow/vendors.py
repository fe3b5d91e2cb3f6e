"""What other vendors call things, and how they count where nobody set it otherwise. Plain values.

Windows are defaults, which each app may have set otherwise, so the report lets them be changed: AppsFlyer, Adjust and
Singular look 7 days back for clicks; Branch's and Kochava's 30 days are their usual choice, not checked with them.
Views are looked for 24 hours back.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

DAY_S = 86_400


class Windows(NamedTuple):
    """How long before an install a touch may lie, in seconds."""

    click_s: int
    view_s: int = DAY_S
    network_s: int = DAY_S


WINDOWS: Mapping[str, Windows] = {
    "appsflyer": Windows(7 * DAY_S),
    "adjust": Windows(7 * DAY_S),
    "branch": Windows(30 * DAY_S),
    "singular": Windows(7 * DAY_S),
    "kochava": Windows(30 * DAY_S),
}
VENDORS = {
    "appsflyer": "AppsFlyer",
    "adjust": "Adjust",
    "branch": "Branch",
    "singular": "Singular",
    "kochava": "Kochava",
}
# Our usual names of a source, the likeliest first; the project's own way of writing goes before.
SOURCES: Mapping[str, Collection[str]] = {
    "organic": ("organic", "unattributed", "Untrusted Devices", "(none)"),
    "meta": (
        "facebook_ads_int", "facebook ads", "facebook", "facebook installs", "instagram installs", "messenger installs",
        "off-facebook installs", "fb", "meta", "meta ads", "restricted", "facebook_ads",
    ),
    "tiktok": (
        "bytedanceglobal_int", "tiktokglobal_int", "tiktok", "tiktok san", "tiktok for business", "tiktok ads",
        "tiktok_ads", "bytedance_int", "tiktok_int",
    ),
    "google": (
        "googleadwords_int", "google ads", "google ads aci", "google ads ace", "adwords", "google", "google_ads",
        "google ads search", "google adwords",
    ),
    "apple": ("apple search ads", "apple_search_ads", "apple", "apple ads"),
    "snapchat": ("snapchat_int", "snapchat", "snapchat installs"),
    "twitter": ("twitter", "twitter installs", "twitter_int", "x ads"),
    "unity": ("unityads_int", "unity ads", "unity"),
    "applovin": ("applovin_int", "applovin"),
    "ironsource": ("ironsource_int", "ironsource"),
    "vungle": ("vungle_int", "vungle", "liftoff monetize"),
    "chartboost": ("chartboosts2s_int", "chartboost"),
    "mintegral": ("mintegral_int", "mintegral"),
    "liftoff": ("liftoff_int", "liftoff"),
    "moloco": ("moloco_int", "moloco"),
}  # fmt: skip
# Spellings of one source that projects choose for themselves.
SPELLINGS: Mapping[str, Collection[str]] = {
    "meta": ("meta", "facebook", "facebook_ads", "fb"),
    "google": ("google", "google_ads", "adwords"),
    "apple": ("apple", "apple_search_ads"),
}
_BY_NAME = {name.casefold(): ours for ours, names in SOURCES.items() for name in names}
# What an event is called by the vendor alone; where one comes under such a name, nobody has mapped it.
THEIR_NAMES: Mapping[str, str] = {"appsflyer": r"^af_", "adjust": r"^[a-z0-9]{6}$", "branch": r"^[A-Z][A-Z_]+$"}


def source_of(theirs: str, known: Sequence[str] = ()) -> str:
    """Return what a source of another vendor is called here.

    `known` are the project's own sources, the largest first: where it has one of the names, it is that.
    """
    text = " ".join(theirs.split())
    usual = _BY_NAME.get(text.casefold())
    # A network's own name in a vendor's list ends so where it is integrated.
    bare = re.sub(r"_int$", "", text, flags=re.IGNORECASE).lower()
    same = next((one for one in known if one.casefold() in {text.casefold(), bare}), None)
    if same is not None:
        return same
    if usual is None:
        return bare[:60]
    spellings = SPELLINGS.get(usual, (usual,))
    return next((one for one in known if one.casefold() in spellings), usual)


def is_theirs(vendor: str, event: str, names: Collection[str]) -> bool:
    """Say whether an event's name is one that only this vendor's format has."""
    pattern = THEIR_NAMES.get(vendor)
    return event in names or bool(pattern and re.search(pattern, event))
