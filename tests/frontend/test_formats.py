"""How numbers and times are written."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from growthplatform.core import formats

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (48552, "48,552"), (-3, "−3"), (Decimal("1999.6"), "2,000"), (None, "–")]
)
def test_a_count_has_thousands_and_a_true_minus(value: float | None, text: str) -> None:
    assert formats.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (999, "999"),
        (1000, "1k"),
        (184_210, "184.2k"),
        (999_949, "999.9k"),
        (999_960, "1M"),
        (2_500_000_000, "2.5B"),
        (0.5, "0.5"),
    ],
)
def test_a_compact_number_never_shows_a_thousand_thousands(value: float, text: str) -> None:
    assert formats.compact(value) == text


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (128_640, "USD", "$128,640"),
        (Decimal("1.58"), "EUR", "€1.58"),
        (-5, "USD", "−$5.00"),
        (990, "JPY", "¥990"),
        (3, "SEK", "SEK 3.00"),
    ],
)
def test_money_drops_cents_from_a_thousand_on(amount: float, currency: str, text: str) -> None:
    assert formats.money(amount, currency) == text


def test_a_share_is_written_in_per_cent_without_a_space() -> None:
    assert formats.share(0.0961) == "9.6%"
    assert formats.share(0.0342, 2) == "3.42%"
    assert formats.share(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (198, "3 min 18 s"),
        (126_000, "1 day 11 h"),
        (172_800, "2 days"),
        (0, "0 s"),
        (1.82, "1.8 s"),
        (86_401, "1 day"),
        (-60, "−1 min"),
    ],
)
def test_a_span_is_said_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert formats.span(seconds) == text
    assert formats.span(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "just now"), (59, "59 s ago"), (240, "4 min ago"), (90_000, "1 day ago"), (-7200, "in 2 h")],
)
def test_ago_uses_one_unit(seconds: int, text: str) -> None:
    assert formats.ago(NOON - timedelta(seconds=seconds), NOON) == text


def test_a_time_is_shown_in_the_zone_of_the_project() -> None:
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        assert formats.local(NOON) == "Fri 20 Nov 2026, 21:00"
        assert formats.local(NOON, "day") == "20 Nov 2026"
        assert formats.local(NOON, "time") == "21:00:00"
