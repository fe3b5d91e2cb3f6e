"""Whether clicks, installs and receipts were signed with a key of the project.

Once there is a key, what comes without a signature counts as wrongly signed: whoever forges would leave it out.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from attribution import secrets
from attribution.models import Secret, Signature

VALID, INVALID, EXPIRED = Signature.VALID.value, Signature.INVALID.value, Signature.EXPIRED.value
# So far may the time in a signature be from the event's own.
SKEW_S = 300
LONGEST_RECEIPT = 10_000


def of_click(project_id: int, source: str, query: Mapping[str, str], path: str, now: datetime) -> str:
    """Return "valid", "invalid" or "expired"; "" where the source has no key.

    The address carries `expires` (Unix seconds) and `signature`: what `sign_click` returns.
    """
    keys = secrets.live(project_id, Secret.Kind.CLICK_SIGNATURE, source)
    if not keys:
        return ""
    said, expires = query.get("signature", ""), query.get("expires", "")
    if not said.isascii() or not any(hmac.compare_digest(said.lower(), sign_click(key, path, query)) for key in keys):
        return INVALID
    if not expires.isascii() or not expires.isdigit() or len(expires) > 12:
        return INVALID
    return VALID if now.timestamp() <= int(expires) else EXPIRED


def sign_click(key: str, path: str, query: Mapping[str, str]) -> str:
    """Return the signature of a click: HMAC-SHA256 in hex over the path and all other parameters, sorted by name."""
    signed = sorted((name, value) for name, value in query.items() if name != "signature")
    return _hmac(key, f"{path}?{urlencode(signed, quote_via=quote)}")


def of_install(
    project_id: int, properties: Mapping[str, Any], context: Mapping[str, Any], message_id: str, ts: datetime
) -> str:
    """Return "valid", "invalid" or "expired"; "" where the project has no key.

    The event carries `context.signature` or `properties.signature`: "t=<Unix seconds>,v1=<hex>", see `sign_install`.
    """
    keys = secrets.live(project_id, Secret.Kind.SDK_SIGNATURE)
    if not keys:
        return ""
    parts = _parts(context.get("signature") or properties.get("signature"))
    t, said = parts.get("t", ""), parts.get("v1", "")
    if not t.isascii() or not t.isdigit() or len(t) > 12 or not said.isascii():
        return INVALID
    app, device = _inside(context, "app", "namespace"), _inside(context, "device", "id")
    if not any(hmac.compare_digest(said.lower(), sign_install(key, t, message_id, app, device)) for key in keys):
        return INVALID
    return VALID if abs(ts.timestamp() - int(t)) <= SKEW_S else EXPIRED


def sign_install(key: str, t: str, message_id: str, app: str, device_id: str) -> str:
    """Return the signature of an install: HMAC-SHA256 in hex over "t.messageId.app.deviceId"."""
    return _hmac(key, f"{t}.{message_id}.{app}.{device_id}")


def of_receipt(project_id: int, properties: Mapping[str, Any]) -> str:
    """Return "valid" or "invalid" for a purchase with a receipt of Google Play; "" without one or without a key.

    `properties.receipt` is {"data", "signature"}: what Play's library hands the app, both as text.
    """
    receipt = properties.get("receipt")
    if not isinstance(receipt, dict):
        return ""
    keys = secrets.live(project_id, Secret.Kind.PLAY_LICENCE)
    if not keys:
        return ""
    data, said = receipt.get("data"), receipt.get("signature")
    if not isinstance(data, str) or not isinstance(said, str) or len(data) + len(said) > LONGEST_RECEIPT:
        return INVALID
    return VALID if any(_signed_by_play(key, data, said) for key in keys) else INVALID


def _signed_by_play(key: str, data: str, said: str) -> bool:
    try:
        public = load_der_public_key(base64.b64decode(key))
        if not isinstance(public, rsa.RSAPublicKey):
            return False
        # SHA-1 is what Play signs with; there is no choice.
        public.verify(base64.b64decode(said), data.encode(), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def _hmac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def _parts(signature: object) -> dict[str, str]:
    if not isinstance(signature, str):
        return {}
    return {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in signature.split(","))}


def _inside(context: Mapping[str, Any], part: str, name: str) -> str:
    """Return a text inside a part of the context, "" where it is missing."""
    inner = context.get(part)
    value = inner.get(name) if isinstance(inner, dict) else None
    return value if isinstance(value, str) else ""
