"""The country of an address."""


def country_of(ip: str) -> str:
    """Return the country of an address as two capitals, "" where it is unknown or private."""
    return ""
