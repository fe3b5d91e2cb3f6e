"""Signatures of AdAttributionKit: a compact JWS whose payload Apple signed; what stands around it, it did not sign.

Format and keys: https://developer.apple.com/documentation/adattributionkit/verifying-a-postback
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from attribution.skan import verifying
from attribution.skan.verifying import INVALID, UNVERIFIABLE, VALID, Verdict

JWS = "jws-string"
PRODUCTION = "apple-cas-identifier/0"
DEVELOPMENT = "apple-development-identifier/"
KEYS = {
    # The same key as SKAdNetwork's from version 2.1 on.
    PRODUCTION: verifying.KEYS[verifying.P256],
    f"{DEVELOPMENT}0": (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAELeEDzpJEP+/qRSE5hJVC1p1J0ssUnQGMzBBbvnAC"
        "Bok8OVGGLgxL0myrKiy6lvRtSlLRsWit87i+vftD8AEqeQ=="
    ),
    f"{DEVELOPMENT}1": (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YzdO7eM97s/IJ25kdW5CZ3A14USE5IJ5Ha/vhWa"
        "xI6UBI1ZxCEvjrKxVluVGe6qWwF1BDFq+QHqKfH5u+wxHQ=="
    ),
}
ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
SIGNATURE_BYTES = 64
NEEDED = ("postback-identifier", "ad-network-identifier", "advertised-item-identifier")


@dataclass(frozen=True, slots=True)
class Opened:
    """What a JWS holds, as far as it can be read, and what its signature proves."""

    verdict: Verdict
    header: Mapping[str, Any] = field(default_factory=dict)
    payload: Mapping[str, Any] = field(default_factory=dict)


def verify(text: Any) -> Opened:
    """Open a JWS and say whether Apple signed it. Never raises.

    Only ES256 with one of Apple's keys counts, whatever the header asks for. Which keys an app may use is the
    caller's to say.
    """
    parts = text.split(".") if isinstance(text, str) else []
    if len(parts) != 3:
        return Opened(Verdict(INVALID, "not_jws", field=JWS))
    header, payload = _object(parts[0]), _object(parts[1])
    signature = decoded(parts[2])
    if header is None or payload is None or signature is None:
        return Opened(Verdict(INVALID, "not_jws", field=JWS), header or {}, payload or {})
    verdict = _checked(parts, header, signature)
    missing = next((name for name in NEEDED if payload.get(name) in (None, "")), "")
    if verdict.state == VALID and missing:
        verdict = replace(verdict, state=INVALID, problem="missing_field", field=missing)
    return Opened(verdict, header, payload)


def _checked(parts: list[str], header: Mapping[str, Any], signature: bytes) -> Verdict:
    shown = (("header", parts[0]), ("payload", parts[1]))
    name = header.get("kid")
    if header.get("alg") != "ES256" or "crit" in header:
        return Verdict(INVALID, "wrong_algorithm", "", shown, field="alg")
    if not isinstance(name, str) or name not in KEYS:
        return Verdict(INVALID, "unknown_key", "", shown, field="kid")
    public = verifying.public_key(KEYS[name])
    if public is None:
        return Verdict(UNVERIFIABLE, "key_unavailable", name, shown)
    if len(signature) != SIGNATURE_BYTES:
        return Verdict(INVALID, "signature_malformed", name, shown, field="signature")
    r, s = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
    if not verifying.is_signed(public, encode_dss_signature(r, s), f"{parts[0]}.{parts[1]}"):
        return Verdict(INVALID, "signature_wrong", name, shown, field="signature")
    return Verdict(VALID, "", name, shown)


def decoded(text: str) -> bytes | None:
    """Return what a Base64url text without padding holds; None for anything else."""
    if not ALPHABET.fullmatch(text):
        return None
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None


def _object(text: str) -> dict[str, Any] | None:
    plain = decoded(text)
    try:
        found = orjson.loads(plain) if plain else None
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
