"""Ranges of addresses in sorted arrays: which range holds an address. Plain Python: no Django, clock or network."""

import socket
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_network
from itertools import pairwise
from typing import NamedTuple

V4, V6 = 4, 6


class Address(NamedTuple):
    """An address as a number: an IPv4 one whole, of an IPv6 one the network, its first 64 bits."""

    version: int
    number: int


class Range(NamedTuple):
    """Addresses from the first to the last, both included, of one version."""

    version: int
    first: int
    last: int


def read_address(text: str) -> Address | None:
    """Read an address; None for what is none. An IPv4 address in IPv6 clothes is an IPv4 one."""
    try:
        if ":" not in text:
            return Address(V4, int.from_bytes(socket.inet_pton(socket.AF_INET, text)))
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None
    if packed[:12] == b"\x00" * 10 + b"\xff\xff":
        return Address(V4, int.from_bytes(packed[12:]))
    return Address(V6, int.from_bytes(packed[:8]))


def read_range(first: str, last: str) -> Range | None:
    """Read a range from its two ends; None when they are none, or the wrong way round."""
    low, high = read_address(first), read_address(last)
    if low is None or high is None or low.version != high.version or low.number > high.number:
        return None
    return Range(low.version, low.number, high.number)


def read_network(text: str) -> tuple[str, str] | None:
    """Return the first and the last address of a network like 192.0.2.0/24; None for what is none."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    return str(network[0]), str(network[-1])


class Ranges:
    """Ranges with a value each, 1 to 65,535; where they overlap, the one that begins last counts."""

    def __init__(self, ranges: Iterable[tuple[Range, int]]) -> None:
        self._firsts = {V4: array("I"), V6: array("Q")}
        self._lasts = {V4: array("I"), V6: array("Q")}
        self._values = {V4: array("H"), V6: array("H")}
        sorted_ = sorted(ranges)
        # Most files have none, and cutting them takes longer than all the rest.
        cut = _without_overlap(sorted_) if _overlap(sorted_) else sorted_
        for range_, value in cut:
            firsts, lasts, values = (part[range_.version] for part in (self._firsts, self._lasts, self._values))
            if lasts and lasts[-1] + 1 == range_.first and values[-1] == value:
                lasts[-1] = range_.last
                continue
            firsts.append(range_.first)
            lasts.append(range_.last)
            values.append(value)

    def __len__(self) -> int:
        return sum(len(firsts) for firsts in self._firsts.values())

    def find(self, address: Address) -> int:
        """Return the value of the range that holds an address, 0 when none does."""
        place = bisect_right(self._firsts[address.version], address.number) - 1
        if place < 0 or address.number > self._lasts[address.version][place]:
            return 0
        return self._values[address.version][place]


def _overlap(ranges: Sequence[tuple[Range, int]]) -> bool:
    return any(one.version == next_.version and next_.first <= one.last for (one, _), (next_, _) in pairwise(ranges))


def _without_overlap(ranges: Iterable[tuple[Range, int]]) -> Iterator[tuple[Range, int]]:
    """Cut sorted ranges so that none overlaps: inside another range one with a later start goes before it."""
    open_: list[tuple[Range, int]] = []
    at, version = 0, 0
    for range_, value in ranges:
        if range_.version != version:
            yield from _rest(open_, at)
            open_, at, version = [], 0, range_.version
        while open_ and open_[-1][0].last < range_.first:
            yield from _piece(open_[-1], at)
            at = max(at, open_.pop()[0].last + 1)
        if open_ and at < range_.first:
            yield from _piece((open_[-1][0]._replace(last=range_.first - 1), open_[-1][1]), at)
        at = range_.first
        open_.append((range_, value))
    yield from _rest(open_, at)


def _rest(open_: list[tuple[Range, int]], at: int) -> Iterator[tuple[Range, int]]:
    for one in reversed(open_):
        yield from _piece(one, at)
        at = max(at, one[0].last + 1)


def _piece(one: tuple[Range, int], at: int) -> Iterator[tuple[Range, int]]:
    """Yield what a range still has from `at` on."""
    range_, value = one
    first = max(at, range_.first)
    if first <= range_.last:
        yield range_._replace(first=first), value
