"""Secrets that have to be readable later: encrypted under SECRET_KEY before they reach the database."""

import base64
import hashlib
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings

from growthplatform.core.errors import Problem


class Unreadable(Problem):
    status = 500
    code = "secret_unreadable"
    message = "This secret was encrypted under another SECRET_KEY: enter it again."


def encrypt(text: str) -> str:
    """Return `text` encrypted."""
    return _fernet().encrypt(text.encode()).decode()


def decrypt(encrypted: str) -> str:
    """Return what was encrypted. Raises Unreadable when that was under another SECRET_KEY."""
    try:
        return _fernet().decrypt(encrypted.encode()).decode()
    except InvalidToken:
        raise Unreadable from None


@cache
def _fernet() -> Fernet:
    """A key of its own out of SECRET_KEY, so that what is signed elsewhere with that one tells nothing about it."""
    # The salt is as it was when attribution alone had secrets: what is stored must stay readable.
    key = hashlib.scrypt(settings.SECRET_KEY.encode(), salt=b"growthplatform attribution secrets", n=2**14, r=8, p=1)
    return Fernet(base64.urlsafe_b64encode(key[:32]))
