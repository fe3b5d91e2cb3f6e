"""The name and the colour of a traffic source: the same on every page, in every chart."""

from typing import NamedTuple


class Look(NamedTuple):
    name: str
    colour: str


KNOWN = {
    "organic": Look("Organic", "sky"),
    "tiktok": Look("TikTok", "blue"),
    "meta": Look("Meta", "green"),
    "facebook": Look("Facebook", "green"),
    "instagram": Look("Instagram", "green"),
    "google": Look("Google Ads", "orange"),
    "google_ads": Look("Google Ads", "orange"),
    "apple": Look("Apple Search Ads", "purple"),
    "apple_search_ads": Look("Apple Search Ads", "purple"),
    "referral": Look("Referrals", "vermilion"),
    "referrals": Look("Referrals", "vermilion"),
    "other": Look("Other", "grey"),
    "youtube": Look("YouTube", "grey"),
    "linkedin": Look("LinkedIn", "grey"),
    "qr": Look("QR code", "grey"),
}


def look_of(source: str | None) -> Look:
    """Return how a source is shown; one we do not know keeps its own name and is grey.

    Nothing at all is organic.
    """
    text = (source or "organic").strip()
    key = text.lower().replace(" ", "_").replace("-", "_")
    return KNOWN.get(key) or Look(text[:1].upper() + text[1:] if text.islower() else text, "grey")
