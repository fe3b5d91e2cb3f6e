"""What a destination is proved by: the secret its messages are signed with, and the network's access token."""

from typing import NamedTuple

import orjson

from attribution.models import Destination
from growthplatform.core import cipher


class Credentials(NamedTuple):
    """Both in plain text; "" where there is none."""

    signing: str = ""
    token: str = ""


def read(destination: Destination) -> Credentials:
    """Open the secrets of a destination. Raises Unreadable after a change of SECRET_KEY."""
    if not destination.secret:
        return Credentials()
    return Credentials(**orjson.loads(cipher.decrypt(destination.secret)))


def sealed(known: Credentials) -> str:
    """Return secrets encrypted, as a destination keeps them."""
    return cipher.encrypt(orjson.dumps(known._asdict()).decode())
