"""Lists of machines' addresses and countries: what is on them, at every edge, quickly."""

import gzip
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from attribution import geo, networks
from attribution import services as attribution
from attribution.fraud import at_click
from attribution.models import NetworkRange
from attribution.ranges import V4, V6, Address, Range, Ranges, read_address, read_network, read_range

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "datacenter_ips"


@pytest.fixture(autouse=True)
def _forget() -> None:
    networks.forget_cached()


def test_addresses_are_read_as_numbers() -> None:
    assert read_address("192.0.2.1") == Address(V4, 0xC0000201)
    assert read_address("::ffff:192.0.2.1") == Address(V4, 0xC0000201)
    assert read_address("2001:db8::1") == Address(V6, 0x20010DB8_00000000)
    assert read_address("") is read_address("home") is read_address("1.2.3") is read_address("1.2.3.4\x00") is None


def test_ranges_are_read_only_where_they_are_some() -> None:
    assert read_range("192.0.2.0", "192.0.2.255") == Range(V4, 0xC0000200, 0xC00002FF)
    assert read_range("192.0.2.9", "192.0.2.1") is read_range("192.0.2.9", "::1") is None
    assert read_network("192.0.2.0/24") == ("192.0.2.0", "192.0.2.255")
    assert read_network("192.0.2.0/99") is None


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12), st.integers(1, 3)), max_size=12))
def test_the_range_that_begins_last_counts(given_: list[tuple[int, int, int]]) -> None:
    ranges = [(Range(V4, first, first + length), value) for first, length, value in given_]

    found = Ranges(ranges)

    for number in range(75):
        holding = [(one, value) for one, value in ranges if one.first <= number <= one.last]
        expected = max(one.first for one, _ in holding) if holding else None
        values = {value for one, value in holding if one.first == expected}
        assert found.find(Address(V4, number)) in (values or {0})


@pytest.mark.django_db
def test_loaded_lists_are_known_at_once_and_replaced_as_a_whole(tmp_path: Path) -> None:
    clouds, vpns = tmp_path / "clouds.csv", tmp_path / "vpn.txt.gz"
    clouds.write_text(
        "# a list\n192.0.2.0,192.0.2.127,Big Cloud,https://cloud.example/\n2001:db8::,2001:db8:0:ffff::,Six\n"
    )
    with gzip.open(vpns, "wt") as file:
        file.write("198.51.100.0/24\n192.0.2.64/26\n")

    call_command("load-networks", str(clouds), str(vpns))

    kinds = {ip: networks.kind_of(ip) for ip in ("192.0.2.0", "192.0.2.64", "192.0.2.128", "198.51.100.255")}
    assert kinds == {
        "192.0.2.0": "datacenter",
        "192.0.2.64": "vpn",
        "192.0.2.128": "",
        "198.51.100.255": "vpn",
    }
    assert networks.kind_of("2001:db8::7") == "datacenter"
    assert networks.kind_of("2001:db9::7") == networks.kind_of("") == ""
    assert at_click.flags_of("192.0.2.1") == ["click_datacenter"]
    assert at_click.flags_of("203.0.113.1") == []
    assert NetworkRange.objects.get(first="192.0.2.0").name == "Big Cloud"
    call_command("load-networks", str(vpns), "--kind", "tor")
    assert networks.kind_of("192.0.2.0") == ""
    assert networks.kind_of("192.0.2.64") == "tor"


@pytest.mark.django_db
def test_a_file_that_is_no_list_changes_nothing(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("192.0.2.0/24\n")
    bad.write_text("192.0.2.0/24\nhello\n")
    call_command("load-networks", str(good))

    with pytest.raises(CommandError, match=r"bad\.txt, line 2: 'hello' is no range"):
        call_command("load-networks", str(bad))
    with pytest.raises(CommandError):
        call_command("load-networks", str(tmp_path / "missing.txt"))

    assert NetworkRange.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.skipif(not REAL.exists(), reason="The real lists are not on this machine.")
def test_the_real_lists_load_and_answer_in_microseconds() -> None:
    call_command("load-networks", *map(str, sorted(REAL.glob("*.gz"))))

    assert networks.kind_of("3.0.0.1") == "datacenter"
    addresses = [str(ip_address(number * 65_537 % 2**32)) for number in range(5_000)]
    began = time.perf_counter()
    for address in addresses:
        at_click.flags_of(address)
    each_ms = (time.perf_counter() - began) / len(addresses) * 1_000
    assert NetworkRange.objects.count() == 65_609
    assert each_ms < 1


def test_countries_come_from_the_operators_files(settings: Any, tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    file.write_text(
        "1.0.0.0,1.0.0.255,AU\n2001:200::,2001:200:ffff:ffff:ffff:ffff:ffff:ffff,jp\nnonsense\n1.1.0.0,1.1.0.9,??\n"
    )
    settings.COUNTRY_RANGES = f"{file},{tmp_path / 'missing.csv'}"

    found = [
        geo.country_of(ip) for ip in ("1.0.0.0", "1.0.0.255", "1.0.1.0", "2001:200::1", "10.0.0.1", "", "x", "1.1.0.1")
    ]

    assert found == ["AU", "AU", "", "JP", "", "", "", ""]


def test_the_proxys_word_goes_before_the_files_where_the_operator_believes_it(settings: Any, tmp_path: Path) -> None:
    file = tmp_path / "countries.csv"
    file.write_text("1.0.0.0,1.0.0.255,AU\n")
    settings.COUNTRY_RANGES = str(file)
    said = {"CF-IPCountry": "de"}

    assert geo.country_said(said, "1.0.0.1") == "AU"
    settings.COUNTRY_HEADER = "CF-IPCountry"
    assert geo.country_said(said, "1.0.0.1") == "DE"
    assert geo.country_said({"CF-IPCountry": "T1"}, "1.0.0.1") == "AU"
    assert geo.country_said({}, "") == ""


def test_without_files_no_address_has_a_country() -> None:
    assert geo.country_of("8.8.8.8") == ""
    assert [geo.normal(text) for text in ("de", " US ", "DEU", "", None, 7, "XX")] == ["DE", "US", "", "", "", "", ""]


@pytest.mark.django_db(transaction=True)
def test_a_web_process_reads_the_lists_before_its_first_click(
    tmp_path: Path, django_assert_num_queries: Callable[[int], AbstractContextManager[Any]]
) -> None:
    file = tmp_path / "clouds.txt"
    file.write_text("192.0.2.0/24\n")
    call_command("load-networks", str(file))

    attribution.warm()

    with django_assert_num_queries(0):
        assert at_click.flags_of("192.0.2.1") == ["click_datacenter"]
