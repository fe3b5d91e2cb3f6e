"""Signatures of SKAdNetwork: which fields Apple signs in which order, and whether a postback is as it was signed.

The fields are joined by an invisible separator (U+2063) and signed with ECDSA and SHA-256. Source of the orders and of
the keys: https://developer.apple.com/documentation/storekit/verifying-an-install-validation-postback
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

SEPARATOR = "\u2063"
SIGNATURE = "attribution-signature"
VALID, INVALID, UNVERIFIABLE = "valid", "invalid", "unverifiable"
P256, P192 = "apple-p256", "apple-p192"
KEYS = {
    P256: (
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEWdp8GPcGqmhgzEFj9Z2nSpQVddayaPe4FMzqM9wi"
        "b1+aHaaIzoHoLN9zW4K8y4SPykE3YVK3sVqW6Af0lfx3gg=="
    ),
    P192: "MEkwEwYHKoZIzj0CAQYIKoZIzj0DAQEDMgAEMyHD625uvsmGq4C43cQ9BnfN2xslVT5V1nOmAMP6qaRRUll3PB1JYmgSm+62sosG",
}
_HEAD = ("version", "ad-network-id", "campaign-id", "app-id", "transaction-id", "redownload")
ORDERS = {
    "1.0": ("ad-network-id", "campaign-id", "app-id", "transaction-id"),
    "2.0": (*_HEAD, "source-app-id"),
    "2.1": (*_HEAD, "source-app-id"),
    "2.2": (*_HEAD, "source-app-id", "fidelity-type"),
    "3.0": (*_HEAD, "source-app-id", "fidelity-type", "did-win"),
    "4.0": (
        "version", "ad-network-id", "source-identifier", "app-id", "transaction-id", "redownload", "source-app-id",
        "source-domain", "fidelity-type", "did-win", "postback-sequence-index",
    ),
}  # fmt: skip
OLD_KEY = ("1.0", "2.0")
OPTIONAL = ("source-app-id", "source-domain")
MOST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a signature proves. `parts` are the signed fields in their order, as far as they could be read.

    `left_out` names a field that came along but was not signed: see `verify`. `field` is the one that a problem is
    about.
    """

    state: str
    problem: str = ""
    key: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    left_out: str = ""
    field: str = ""

    @property
    def joined(self) -> str:
        """What was signed."""
        return SEPARATOR.join(text for _, text in self.parts)


def _plain(most: int) -> Callable[[Any], str | None]:
    """Read a text without anything invisible in it: a separator inside would let one field pass for two."""

    def read(value: Any) -> str | None:
        return value if isinstance(value, str) and 0 < len(value) <= most and value.isprintable() else None

    return read


def _whole(most: int) -> Callable[[Any], str | None]:
    def read(value: Any) -> str | None:
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            return value if int(value) <= most else None
        whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
        return str(value) if whole else None

    return read


def _switch(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value in ("true", "false") else None


# How each signed field is written into what is signed; None for what it can't be.
TEXTS: dict[str, Callable[[Any], str | None]] = {
    "version": _plain(10),
    "ad-network-id": _plain(120),
    "campaign-id": _whole(9_999),
    "source-identifier": _whole(9_999),
    "app-id": _whole(MOST_ID),
    "transaction-id": _plain(100),
    "redownload": _switch,
    "source-app-id": _whole(MOST_ID),
    "source-domain": _plain(253),
    "fidelity-type": _whole(9),
    "did-win": _switch,
    "postback-sequence-index": _whole(9),
}


def version_of(fields: Mapping[str, Any]) -> str:
    """Return the version of a postback; the first one had no name for it."""
    version = fields.get("version", "1.0")
    return version[:10] if isinstance(version, str) and version.isprintable() else ""


def verify(fields: Mapping[str, Any]) -> Verdict:
    """Say whether a postback of SKAdNetwork is as Apple signed it. Never raises.

    Devices send a `source-app-id` of 0 where the ad was of no app (a test); they sign such a postback without it, so
    that is tried as well. Who adds such a 0 to a postback that has no source gets it passed as a test, which counts
    nowhere, and keeps the true one from nothing.
    """
    version = version_of(fields)
    order = ORDERS.get(version)
    if order is None:
        return Verdict(UNVERIFIABLE, "unknown_version", field="version")
    key = P192 if version in OLD_KEY else P256
    if all(fields.get(name) is not None for name in OPTIONAL):
        return Verdict(INVALID, "two_sources", key, field="source-domain")
    parts: list[tuple[str, str]] = []
    for name in order:
        value = fields.get(name)
        if value is None and name in OPTIONAL:
            continue
        text = TEXTS[name](value)
        if text is None:
            problem = "missing_field" if value is None else "wrong_field"
            return Verdict(INVALID, problem, key, tuple(parts), field=name)
        parts.append((name, text))
    return _checked(tuple(parts), key, fields.get(SIGNATURE))


def _checked(parts: tuple[tuple[str, str], ...], key: str, given: Any) -> Verdict:
    signature = decoded(given)
    if signature is None:
        problem = "missing_field" if given is None else "signature_malformed"
        return Verdict(INVALID, problem, key, parts, field=SIGNATURE)
    public = public_key(KEYS[key])
    if public is None:
        return Verdict(UNVERIFIABLE, "key_unavailable", key, parts)
    verdict = Verdict(VALID, "", key, parts)
    if is_signed(public, signature, verdict.joined):
        return verdict
    if ("source-app-id", "0") in parts:
        shorter = tuple(part for part in parts if part != ("source-app-id", "0"))
        verdict = Verdict(VALID, "", key, shorter, left_out="source-app-id")
        if is_signed(public, signature, verdict.joined):
            return verdict
    return Verdict(INVALID, "signature_wrong", key, parts, field=SIGNATURE)


def decoded(text: Any) -> bytes | None:
    """Return what a Base64 text holds; None for anything else."""
    if not isinstance(text, str) or not text or len(text) > 500:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def is_signed(key: ec.EllipticCurvePublicKey, signature: bytes, text: str) -> bool:
    """Say whether `signature` (DER) is the key's over `text`."""
    try:
        key.verify(signature, text.encode(), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


@cache
def public_key(text: str) -> ec.EllipticCurvePublicKey | None:
    """Return a public key from its Base64; None where the library does not know its curve, as some do with P-192."""
    try:
        key = load_der_public_key(base64.b64decode(text))
    except (UnsupportedAlgorithm, ValueError):
        return None
    return key if isinstance(key, ec.EllipticCurvePublicKey) else None
