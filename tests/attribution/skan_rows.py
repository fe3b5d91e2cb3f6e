"""Postbacks of Apple for tests: the public ones, and others signed here with a key that stands in for Apple's."""

import base64
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from attribution.skan import jws, verifying

PUBLIC = Path(__file__).parents[3] / "shared/data/skan_postbacks/postbacks.json"
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def public(name: str) -> list[dict[str, Any]]:
    """Return the public postbacks of a kind; the test is skipped where they are not."""
    if not PUBLIC.exists():
        pytest.skip("the public postbacks are not here")
    return json.loads(PUBLIC.read_text())[name]


def ours(
    monkeypatch: pytest.MonkeyPatch, key: ec.EllipticCurvePrivateKey = PRIVATE, name: str = verifying.P256
) -> None:
    """Let our key pass for Apple's: for SKAdNetwork's of that name, for production and for development."""
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = base64.b64encode(der).decode()
    monkeypatch.setitem(verifying.KEYS, name, text)
    monkeypatch.setitem(jws.KEYS, jws.PRODUCTION, text)
    monkeypatch.setitem(jws.KEYS, "apple-development-identifier/1", text)


def skan(**fields: Any) -> dict[str, Any]:
    """Make a signed postback of SKAdNetwork 4; names may be written with underscores."""
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    body: dict[str, Any] = {
        "version": "4.0",
        "ad-network-id": "22mmun2rn5.skadnetwork",
        "source-identifier": "5239",
        "app-id": 525463029,
        "transaction-id": "6aafb7a5-0170-41b5-bbe4-fe71dedf1e30",
        "redownload": False,
        "source-app-id": 1234567891,
        "fidelity-type": 1,
        "did-win": True,
        "postback-sequence-index": 0,
        **given,
    }
    body = {name: value for name, value in body.items() if value is not None}
    parts = verifying.verify({**body, verifying.SIGNATURE: ""}).parts
    joined = verifying.SEPARATOR.join(text for _, text in parts)
    signature = PRIVATE.sign(joined.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return {**body, verifying.SIGNATURE: base64.b64encode(signature).decode()}


def aak(*, kid: str = jws.PRODUCTION, outside: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Make a signed postback of AdAttributionKit in its envelope."""
    payload = {
        "postback-identifier": "3f50fe57-29ae-4861-8c0b-ac6adddff72c",
        "ad-network-identifier": "test.adattributionkit",
        "advertised-item-identifier": 525463029,
        "publisher-item-identifier": 5838492,
        "impression-type": "app-impression",
        "conversion-type": "download",
        "source-identifier": "8344",
        "did-win": True,
        "postback-sequence-index": 0,
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    return {jws.JWS: sealed({"kid": kid, "alg": "ES256"}, payload), **(outside or {})}


def sealed(header: dict[str, Any], payload: dict[str, Any]) -> str:
    """Return a compact JWS signed with our key, whatever its header says."""
    text = f"{_part(orjson.dumps(header))}.{_part(orjson.dumps(payload))}"
    r, s = decode_dss_signature(PRIVATE.sign(text.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
    return f"{text}.{_part(r.to_bytes(32) + s.to_bytes(32))}"


def _part(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
