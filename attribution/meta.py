"""What Meta puts into an install referrer, encrypted for the app's owner. Plain values: no Django, clock or network.

Format: https://developers.facebook.com/docs/app-ads/install-referrer and …/meta-install-referrer.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LONGEST = 8_000
KEY_BYTES = 32
NONCE_BYTES = 12


class Payload(NamedTuple):
    """An encrypted message of Meta; `at_s` is Meta's time of the touch in Unix seconds, 0 where it gives none."""

    data: str
    nonce: str
    at_s: int = 0
    click: bool = True


class Ad(NamedTuple):
    """What Meta says about the ad. Its "campaign group" is what it calls a campaign today, and so on down."""

    campaign: str = ""
    campaign_id: str = ""
    ad_set: str = ""
    ad: str = ""
    publisher: str = ""
    params: Mapping[str, str] = {}


def payload_in(referrer: str) -> Payload | None:
    """Return the encrypted part of an install referrer, quoted once or twice; None where there is none."""
    if "utm_content" not in referrer or len(referrer) > LONGEST:
        return None
    for text in (referrer, unquote(referrer)):
        found = parse_qs(text, max_num_fields=100).get("utm_content") if text.count("&") < 100 else None
        if found and (payload := _payload(found[0])):
            return payload
    return None


def referrer_of(text: str, *, click: bool, at_s: int) -> str:
    """Return what Meta's own content provider says as an install referrer that `payload_in` reads; "" for nonsense.

    The provider hands over the JSON alone, or with utm_content= before it, with its kind and time beside it.
    """
    payload = _payload(text) or payload_in(text)
    if payload is None:
        return ""
    source = {"data": payload.data, "nonce": payload.nonce}
    content = {"t": at_s or payload.at_s, "ct": int(click), "source": source}
    return f"utm_content={json.dumps(content, separators=(',', ':'))}"


def decrypt(payload: Payload, keys: Iterable[str]) -> Ad | None:
    """Return what the message says by the first key that fits; None when none does or it is not what Meta sends."""
    for key in keys:
        try:
            cipher = AESGCM(_key(key))
            text = cipher.decrypt(bytes.fromhex(payload.nonce), bytes.fromhex(payload.data), None)
            said = json.loads(text)
        except (InvalidTag, ValueError, RecursionError):
            continue
        if isinstance(said, dict):
            return _ad(said)
    return None


def is_key(text: str) -> bool:
    """Say whether text is a key as Meta's App Dashboard shows it: 64 hexadecimal digits."""
    try:
        return len(_key(text)) == KEY_BYTES
    except ValueError:
        return False


def _key(text: str) -> bytes:
    return bytes.fromhex(text.strip())


def _payload(text: str) -> Payload | None:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    source = said.get("source") if isinstance(said, dict) else None
    if not isinstance(source, dict):
        return None
    data, nonce = source.get("data"), source.get("nonce")
    if not isinstance(data, str) or not isinstance(nonce, str) or not data or len(nonce) != 2 * NONCE_BYTES:
        return None
    at_s = said.get("t")
    known = isinstance(at_s, int) and not isinstance(at_s, bool) and 0 < at_s < 4_102_444_800
    return Payload(data, nonce, at_s if known else 0, said.get("ct") != 0)


def _ad(said: Mapping[str, Any]) -> Ad:
    def text(name: str, longest: int = 100) -> str:
        value = said.get(name)
        return str(value).strip().replace("\x00", "")[:longest] if isinstance(value, str | int) else ""

    others = ("account_id", "campaign_id", "adgroup_id", "ad_id", "ad_objective_name")
    return Ad(
        campaign=text("campaign_group_name") or text("campaign_group_id"),
        campaign_id=text("campaign_group_id"),
        ad_set=text("campaign_name") or text("campaign_id"),
        ad=text("adgroup_name") or text("adgroup_id") or text("ad_id"),
        publisher=text("publisher_platform"),
        params={f"meta_{name}": value for name in others if (value := text(name))},
    )
