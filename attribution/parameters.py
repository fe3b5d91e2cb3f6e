"""What a tapped address says of itself, by the names of ad networks. Plain values: no Django, clock or network."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from attribution import contacts

# The first name that has a value counts.
PARAMETERS = {
    "source": ("utm_source", "pid"),
    "medium": ("utm_medium",),
    "campaign": ("utm_campaign", "c", "campaign"),
    "content": ("utm_content",),
    "term": ("utm_term", "af_keywords"),
    "campaign_id": ("utm_id", "campaign_id", "af_c_id"),
    "publisher": ("publisher", "siteid", "site_id", "af_siteid"),
    "ad_set": ("ad_set", "adset", "adgroup", "af_adset"),
    "ad": ("ad", "af_ad"),
    "creative": ("creative", "af_creative"),
    "deep_link": ("deep_link", "af_dp"),
    "network_click_id": ("click_id", "clickid", "gclid", "fbclid", "ttclid"),
    "device_id": ("device_id", "idfv"),
    "advertising_id": ("advertising_id", "idfa", "gaid", "gps_adid"),
    "app": ("app_id", "bundle_id", "package_name"),
    "user_id": ("user_id",),
    "email_sha256": ("em", "email_sha256"),
    "phone_sha256": ("ph", "phone_sha256"),
}
LONGEST = {
    "source": 60,
    "medium": 60,
    "content": 200,
    "term": 200,
    "deep_link": 500,
    "network_click_id": 200,
    "app": 155,
    "user_id": 200,
    "email_sha256": 64,
    "phone_sha256": 64,
}
USUAL_LONGEST = 100
# Sub-ids have one name here, whatever a network calls them.
SUB_IDS = {f"{name}{number}": f"sub{number}" for name in ("sub", "af_sub", "subid") for number in range(1, 6)}
FIELD_NAMES = frozenset(name for names in PARAMETERS.values() for name in names)
# What names a person, and what only proves the address.
NEVER_KEPT = frozenset({"email", "e-mail", "mail", "phone", "tel", "phone_number", "first_name", "last_name"})
PROOFS = frozenset({"signature", "expires"})
MAX_PARAMS, LONGEST_NAME, LONGEST_VALUE = 30, 50, 200
ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
# What a browser or an app would run or read rather than open.
UNSAFE_SCHEMES = frozenset({"javascript", "data", "vbscript", "file", "blob", "about", "intent", "content"})


class Said(NamedTuple):
    """The fields of a touch that an address fills, and its other parameters, sub-ids among them."""

    fields: Mapping[str, str]
    params: Mapping[str, str]


NOTHING = Said({}, {})


def read(query: Mapping[str, str]) -> Said:
    """Read the parameters of a tapped address, cut to what is kept.

    A macro that the network left unfilled, like {gaid} or __IDFA__, says nothing. Of a person only digests are kept:
    plain e-mail addresses and phone numbers are dropped wherever they stand.
    """
    if not query:
        return NOTHING
    fields: dict[str, str] = {}
    for field, names in PARAMETERS.items():
        for name in names:
            if name in query and (value := _value(query[name], LONGEST.get(field, USUAL_LONGEST))):
                fields[field] = value
                break
    for field in ("email_sha256", "phone_sha256"):
        if field in fields and not contacts.digest(fields[field]):
            del fields[field]
        elif field in fields:
            fields[field] = contacts.digest(fields[field])
    if "source" in fields:  # as a link keeps it
        fields["source"] = fields["source"].lower()[: LONGEST["source"]]
    if "deep_link" in fields and not is_safe_deep_link(fields["deep_link"]):
        del fields["deep_link"]
    return Said(fields, params_of(query))


def params_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that fill no field, sub-ids under one name, without those that name a person."""
    kept: dict[str, str] = {}
    for name, text in query.items():
        plain = name.replace("\x00", "")[:LONGEST_NAME]
        own = plain.lower()
        if own in FIELD_NAMES or own in NEVER_KEPT or own in PROOFS or not plain:
            continue
        value = _value(text, LONGEST_VALUE)
        if value and not ADDRESS.search(value):
            kept.setdefault(SUB_IDS.get(own, plain), value)
        if len(kept) == MAX_PARAMS:
            break
    return kept


def is_safe_deep_link(text: str) -> bool:
    """Say whether an app may be asked to open it: a path, or an address that is neither a script nor a file."""
    if text.startswith("/"):
        return True
    scheme = SCHEME.match(text)
    return scheme is not None and scheme[1].lower() not in UNSAFE_SCHEMES


def _value(text: str, longest: int) -> str:
    value = text.replace("\x00", "").strip()[:longest]
    return "" if value[:1] in ("{", "[", "$", "%") or (value.startswith("__") and value.endswith("__")) else value
