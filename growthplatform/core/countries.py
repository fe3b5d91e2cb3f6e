"""The name of a country, from the list that comes with the time zones."""

from functools import cache
from importlib import resources

# What people call them; the list has official forms or other habits.
USUAL = {"GB": "United Kingdom", "KR": "South Korea", "KP": "North Korea", "MM": "Myanmar"}


def name_of(code: str) -> str:
    """Return the English name of a country by its ISO 3166-1 code; the code itself where there is none."""
    return USUAL.get(code) or _names().get(code, code)


def code_of(name: str) -> str | None:
    """Return the code of a country by its English name, as people or the list call it; None where there is none."""
    return _codes().get(name.strip().casefold())


@cache
def _codes() -> dict[str, str]:
    listed = {name.casefold(): code for code, name in (_names() | USUAL).items()}
    more = {"united states of america": "US", "usa": "US", "great britain": "GB", "czechia": "CZ", "turkey": "TR"}
    return {**{name.casefold(): code for code, name in _names().items()}, **listed, **more}


@cache
def _names() -> dict[str, str]:
    text = (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text("utf-8")
    pairs = (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))
    return {pair[0]: pair[1] for pair in pairs}
