"""Signatures of messages, as Standard Webhooks has them (standardwebhooks.com), so that its libraries verify ours.

Plain values: no Django, clock or network.
"""

import base64
import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

PREFIX = "whsec_"


def new_secret() -> str:
    """Return a new secret in the form its receivers configure."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secret: str, message_id: str, timestamp: int, url: str, body: bytes) -> dict[str, str]:
    """Return what is sent with each try: the id, its time in Unix seconds, and the signature of both and the body."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secret, message_id, timestamp, url, body),
    }


def sign(secret: str, message_id: str, timestamp: int, url: str, body: bytes) -> str:
    """Return `v1,` and the HMAC-SHA256 of `id.timestamp.body`; without a body of path and query in its place."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    parts = urlsplit(url)
    signed = body or (parts.path + (f"?{parts.query}" if parts.query else "")).encode()
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"
