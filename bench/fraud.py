"""What fraud rules cost: at the click, at the decision, and the hourly look at all sources."""

import argparse
import gzip
import random
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from attribution import geo, networks
from attribution.facts import InstallFacts, TouchFacts
from attribution.fraud import at_click, sources
from attribution.fraud import rules as fraud
from attribution.ranges import Ranges, read_range
from attribution.rules import Rules

RANGES, COUNTRY_RANGES, LOOKED, NOON = 65_000, 300_000, 50_000, datetime(2026, 11, 10, 12, tzinfo=UTC)


def _each_us(work: Callable[[str], object], values: Iterable[str]) -> float:
    values = list(values)
    began = time.perf_counter()
    for value in values:
        work(value)
    return (time.perf_counter() - began) / len(values) * 1e6


def _spread(number: int) -> list[tuple[str, str]]:
    """Return so many ranges of IPv4 addresses, evenly spread."""
    step = 2**32 // number
    return [(str(IPv4Address(step * at)), str(IPv4Address(step * at + step // 2))) for at in range(number)]


def main(options: list[str]) -> None:
    """Print what each part costs."""
    parser = argparse.ArgumentParser(prog="python -m bench fraud")
    parser.add_argument("--small", action="store_true", help="a tenth of the look-ups")
    number = LOOKED // 10 if parser.parse_known_args(options)[0].small else LOOKED
    chance = random.Random(1)
    addresses = [str(IPv4Address(chance.getrandbits(32))) for _ in range(number)]

    began = time.perf_counter()
    listed = Ranges((range_, 1) for one in _spread(RANGES) if (range_ := read_range(*one)))
    print(f"lists            {RANGES:,} ranges in sorted arrays in {time.perf_counter() - began:.2f} s")
    networks.remember((("datacenter", listed),))
    print(f"flags at a click {_each_us(at_click.flags_of, addresses):.2f} µs")
    networks.forget_cached()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "countries.csv.gz")
        with gzip.open(path, "wt") as file:
            file.writelines(
                f"{first},{last},{chance.choice(('DE', 'US', 'FR'))}\n" for first, last in _spread(COUNTRY_RANGES)
            )
        began = time.perf_counter()
        geo.country_in(str(path), "192.0.2.1")
        print(f"countries        {COUNTRY_RANGES:,} ranges read in {time.perf_counter() - began:.2f} s")
        print(f"country          {_each_us(lambda ip: geo.country_in(str(path), ip), addresses):.2f} µs")

    install, rules = (
        InstallFacts(NOON, ip="192.0.2.1", country="DE", install_begin_at=NOON - timedelta(seconds=90)),
        Rules(),
    )
    touches = [
        TouchFacts(
            at, f"t-{at}", "click", NOON - timedelta(minutes=2 + at), ip="192.0.2.1", country="DE", source="tiktok"
        )
        for at in range(1_000)
    ]
    flags = {("tiktok", ""): [fraud.Raised("ctit_flat", NOON - timedelta(days=7), None, 0.1, 0.4)]}
    for name, known in (("no flag up", {}), ("a flag up", flags)):
        began = time.perf_counter()
        for _ in range(number // 1_000):
            for touch in touches:
                fraud.of_touch(install, touch, rules, known)
        print(f"rules of a touch {(time.perf_counter() - began) / (number // 1_000) / 1_000 * 1e6:.2f} µs, {name}")

    groups = [
        sources.Counted(f"s{at % 20}", f"p{at}", clicks=1_000 + at, installs=at, times=tuple(range(sources.BARS)))
        for at in range(2_000)
    ]
    began = time.perf_counter()
    found = sources.findings(groups, lambda _code, _source: 0.5)
    print(f"hourly judging   {time.perf_counter() - began:.2f} s for 2,000 publishers, {len(found):,} judged")
