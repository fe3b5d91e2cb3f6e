"""Addresses of data centres, VPNs and Tor: which list an address is on.

The lists are rows, loaded by `manage.py load-networks`; each process keeps them as sorted arrays (1 MB for 60,000).
"""

import csv
import gzip
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import structlog
from django.db import DatabaseError, connection, transaction

from attribution.models import NetworkRange
from attribution.ranges import Range, Ranges, read_address, read_network, read_range
from events.store import raw_cursor

log = structlog.get_logger(__name__)
# A loaded list is known this late at the most, in each process.
CACHE_S = 60.0
# The gravest kind counts where an address is on several lists.
KINDS = (NetworkRange.Kind.TOR.value, NetworkRange.Kind.VPN.value, NetworkRange.Kind.DATACENTER.value)
READ = "SELECT kind, host(first), host(last) FROM attribution_networkrange"
NEWEST = "SELECT max(id) FROM attribution_networkrange"
WRITE = "COPY attribution_networkrange (kind, first, last, name, listed_at) FROM STDIN"
NAME = NetworkRange._meta.get_field("name").max_length  # noqa: SLF001 -- documented API


class Known(NamedTuple):
    """What a process knows: until when it need not ask, the newest row it has seen, the ranges of each kind."""

    until: float
    newest: int | None
    lists: tuple[tuple[str, Ranges], ...]


class Listed(NamedTuple):
    """One line of a list."""

    kind: str
    first: str
    last: str
    name: str


class WrongList(Exception):  # noqa: N818 -- as the other refusals are named
    """A file that is no list of addresses."""


_known = Known(0.0, None, ())


def kind_of(ip: str) -> str:
    """Return the kind of list that an address is on, "" for none."""
    address = read_address(ip)
    if address is None:
        return ""
    for kind, ranges in _lists():
        if ranges.find(address):
            return kind
    return ""


def warm() -> None:
    """Read the lists now, so that the first look-up need not; without a database that one does."""
    try:
        _lists()
    except DatabaseError:
        log.warning("networks_not_read_yet")
    finally:
        connection.close()


def remember(lists: tuple[tuple[str, Ranges], ...]) -> None:
    """Let this process know these lists and no others, until it asks the database again."""
    global _known  # noqa: PLW0603
    _known = Known(time.monotonic() + CACHE_S, None, lists)


def forget_cached() -> None:
    """Drop what this process remembers of the lists."""
    global _known  # noqa: PLW0603
    _known = Known(0.0, None, ())


def _lists() -> tuple[tuple[str, Ranges], ...]:
    global _known  # noqa: PLW0603
    now = time.monotonic()
    if now < _known.until:
        return _known.lists
    cursor = raw_cursor()
    row = cursor.execute(NEWEST).fetchone()
    newest = row[0] if row else None
    lists = _known.lists if newest == _known.newest else _read()
    _known = Known(now + CACHE_S, newest, lists)
    return lists


def _read() -> tuple[tuple[str, Ranges], ...]:
    found: dict[str, list[tuple[Range, int]]] = {}
    for kind, first, last in raw_cursor().execute(READ):
        if range_ := read_range(first, last):
            found.setdefault(kind, []).append((range_, 1))
    return tuple((kind, Ranges(found[kind])) for kind in KINDS if kind in found)


def read_list(path: Path, kind: str = "") -> Iterator[Listed]:
    """Read a list: lines of `first,last,name,…`, or one network like 192.0.2.0/24 a line; gzip where it ends in .gz.

    `kind` says what its addresses are; without it the file's name does: "vpn" or "tor", else data centres.
    Raises WrongList for a file in which a line is neither.
    """
    name = path.name.lower()
    kind = kind or next((kind for kind in ("vpn", "tor") if kind in name), NetworkRange.Kind.DATACENTER.value)
    title = path.name.split(".")[0].replace("_", " ")
    with gzip.open(path, "rt", encoding="utf-8") if name.endswith(".gz") else path.open(encoding="utf-8") as lines:
        for number, fields in enumerate(csv.reader(lines), start=1):
            if not fields or fields[0].startswith("#"):
                continue
            ends = (fields[0].strip(), fields[1].strip()) if len(fields) > 1 else read_network(fields[0].strip())
            if ends is None or read_range(*ends) is None:
                raise WrongList(f"{path.name}, line {number}: {','.join(fields)[:60]!r} is no range of addresses.")
            yield Listed(kind, *ends, (fields[2].strip() if len(fields) > 2 else title)[:NAME])


def replace(listed: Iterable[Listed], *, now: datetime) -> int:
    """Put these ranges in the place of all that were there, and commit; return how many."""
    number = 0
    with transaction.atomic():
        cursor = raw_cursor()
        cursor.execute("DELETE FROM attribution_networkrange")
        with cursor.copy(WRITE) as copy:
            for number, one in enumerate(listed, start=1):  # noqa: B007
                copy.write_row((*one, now))
    forget_cached()
    return number
