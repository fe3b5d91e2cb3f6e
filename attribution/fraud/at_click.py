"""What a touch shows of itself: judged while it is answered, so without asking the database."""

from attribution import networks

NO_FLAGS: list[str] = []


def flags_of(ip: str) -> list[str]:
    """Return the fraud codes to keep on a touch that came from this address, the whole one.

    What its signature says, and whether a machine sent it, are columns of their own. Takes microseconds.
    """
    return ["click_datacenter"] if ip and networks.kind_of(ip) else NO_FLAGS
