"""What an install says about who brought it besides ids of devices and clicks: contacts, Meta's and Apple's word.

Plain values: no Django, clock or network. Networks are asked later, see network_claims.py.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from attribution import contacts
from attribution import meta as of_meta

LONGEST_REFERRER = 8_000
LONGEST_TOKEN = 4_000
# Reason code of a decision whose referrer holds a message of Meta that no key of the project opens.
META_NOT_DECRYPTED = "meta_not_decrypted"


class Event(Protocol):
    """The part of an event that is read; events.EventRow has it."""

    @property
    def properties(self) -> dict[str, Any]: ...
    @property
    def context(self) -> dict[str, Any]: ...


class Claims(NamedTuple):
    """What an install claims; "" where it says nothing.

    `install_referrer` is the referrer to keep: Google Play's, or Meta's own where that says more.
    `meta` is the encrypted message in it, `apple_token` the token of AdServices.
    """

    email_sha256: str = ""
    phone_sha256: str = ""
    install_referrer: str = ""
    meta: of_meta.Payload | None = None
    apple_token: str = ""

    @property
    def asks(self) -> bool:
        """Say whether a network has to be asked about the install."""
        return bool(self.meta or self.apple_token)


NOTHING = Claims()


def of_event(event: Event) -> Claims:
    """Read the claims of an event. What it says in the wrong form counts as not said.

    From `context` or its `traits`: email, phone, emailSha256, phoneSha256 (the digest goes before the plain value).
    From `properties`: install_referrer, meta_install_referrer {install_referrer, is_ct, actual_timestamp},
    apple_ads_token.
    """
    properties, context = event.properties, event.context
    traits = context.get("traits")
    places = (context, traits) if isinstance(traits, dict) else (context,)
    referrer = _text(properties, "install_referrer", LONGEST_REFERRER)
    payload = of_meta.payload_in(referrer)
    if "click_id" not in referrer and (own := _meta_referrer(properties)):
        referrer, payload = own, of_meta.payload_in(own)
    return Claims(
        contacts.digest(_first(places, "emailSha256")) or contacts.email_sha256(_first(places, "email")),
        contacts.digest(_first(places, "phoneSha256")) or contacts.phone_sha256(_first(places, "phone")),
        referrer,
        payload,
        _text(properties, "apple_ads_token", LONGEST_TOKEN),
    )


def notes_of(install_referrer: str, claim_id: str) -> tuple[str, ...]:
    """Return the reason codes that a decision notes about an install with this referrer and claim."""
    if not claim_id and of_meta.payload_in(install_referrer):
        return (META_NOT_DECRYPTED,)
    return ()


def _meta_referrer(properties: Mapping[str, Any]) -> str:
    """Return what Meta's content provider on the device said, as an install referrer."""
    said = properties.get("meta_install_referrer")
    if isinstance(said, str):
        return of_meta.referrer_of(said, click=True, at_s=0) if len(said) <= LONGEST_REFERRER else ""
    if not isinstance(said, dict):
        return ""
    text = _text(said, "install_referrer", LONGEST_REFERRER)
    at = said.get("actual_timestamp")
    at_s = int(at) if isinstance(at, int | str) and str(at).isascii() and str(at).isdigit() and len(str(at)) < 11 else 0
    # A column of 0 and 1, which wrappers hand on as they like.
    view = said.get("is_ct") in (0, "0", False, "false")
    return of_meta.referrer_of(text, click=not view, at_s=at_s) if text else ""


def _first(places: tuple[Mapping[str, Any], ...], name: str) -> str:
    return next((text for place in places if (text := _text(place, name, 320))), "")


def _text(parent: Mapping[str, Any], name: str, longest: int) -> str:
    value = parent.get(name)
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return text if len(text) <= longest else ""
