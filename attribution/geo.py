"""The country of an address: from the proxy in front that knows it, or from a file of ranges that the operator gives.

No such file comes along: the free ones forbid old copies, or want to be named. docs/fraud.md says where to get one.
"""

import csv
import gzip
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import structlog
from django.conf import settings

from attribution.ranges import Range, Ranges, read_address, read_range

log = structlog.get_logger(__name__)
COUNTRY = re.compile(r"[A-Z]{2}")
# What proxies say of an address without a country, and of Tor.
NO_COUNTRIES = frozenset({"XX", "T1", "ZZ", "EU", "AP"})


def country_of(ip: str) -> str:
    """Return the country of an address as two capitals, "" where it is unknown or private. Takes microseconds."""
    return country_in(settings.COUNTRY_RANGES, ip)


def country_in(files: str, ip: str) -> str:
    """Return the country that files, with commas between, give an address; "" where they give none."""
    ranges = _ranges(files)
    if ranges is None:
        return ""
    address = read_address(ip)
    return _written(ranges.find(address)) if address else ""


def country_said(headers: Mapping[str, str], ip: str = "") -> str:
    """Return the country that the proxy's header COUNTRY_HEADER names, else that of the address."""
    name = settings.COUNTRY_HEADER
    return (normal(headers.get(name, "")) if name else "") or country_of(ip)


def normal(text: object) -> str:
    """Return a country as it is kept, two capitals; "" for anything else."""
    country = text.strip().upper() if isinstance(text, str) else ""
    return country if COUNTRY.fullmatch(country) and country not in NO_COUNTRIES else ""


def warm() -> None:
    """Read the operator's files now, so that the first look-up need not."""
    _ranges(settings.COUNTRY_RANGES)


@cache
def _ranges(files: str) -> Ranges | None:
    """Load the files, once in a process; None where there are none. What can't be read is logged and left out."""
    found: list[tuple[Range, int]] = []
    for path in filter(None, (part.strip() for part in files.split(","))):
        try:
            found += _read(Path(path))
        except (OSError, UnicodeDecodeError):
            log.exception("country_ranges_unreadable", path=path)
    return Ranges(found) if found else None


def _read(path: Path) -> Iterator[tuple[Range, int]]:
    """Read lines of `first,last,country`; lines of another form are passed over."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for fields in csv.reader(lines):
            if len(fields) < 3:
                continue
            range_, country = read_range(fields[0].strip(), fields[1].strip()), normal(fields[2])
            if range_ and country:
                yield range_, (ord(country[0]) << 8) + ord(country[1])


def _written(value: int) -> str:
    return chr(value >> 8) + chr(value & 255) if value else ""
