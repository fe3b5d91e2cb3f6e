"""The date range of a page, also where a day has 23 or 25 hours."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growthplatform.core.periods import PRESETS, Period

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)


def test_without_a_query_it_is_the_last_28_days_with_today() -> None:
    period = Period.from_query({}, zone=BERLIN, now=NOW)

    assert (period.first, period.last) == (date(2026, 10, 24), date(2026, 11, 20))
    assert len(period.buckets) == 28
    assert period.unfinished == 1
    assert period.dates == "24 Oct – 20 Nov"
    assert not period.can_go_later


def test_the_previous_period_is_counted_only_as_far_into_its_last_day_as_now_is_into_today() -> None:
    period = Period.from_query({"range": "7d"}, zone=UTC, now=NOW)

    before = period.previous
    assert before is not None
    assert before.end == period.start
    assert before.until == datetime(2026, 11, 13, 10, 30, tzinfo=UTC)
    assert before.label == "Previous 7 days"


def test_days_given_by_hand_are_both_inclusive() -> None:
    period = Period.from_query({"from": "2026-11-01", "to": "2026-11-03"}, zone=UTC, now=NOW)

    assert period.end - period.start == timedelta(days=3)
    assert period.label == "3 days"
    assert period.can_go_later
    assert period.steps()["earlier"] == {"from": "2026-10-29", "to": "2026-10-31"}


@pytest.mark.parametrize(
    "query",
    [
        {"range": "9000d"},
        {"from": "soon", "to": "later"},
        {"from": "2026-11-03", "to": "2026-11-01"},
        {"from": "0001-01-01", "to": "9999-12-31"},
    ],
)
def test_what_can_not_be_read_is_the_last_28_days(query: dict[str, str]) -> None:
    assert Period.from_query(query, zone=BERLIN, now=NOW).key == "28d"


def test_24_hours_are_hours() -> None:
    period = Period.from_query({"range": "24h"}, zone=BERLIN, now=NOW)

    assert period.bucket == "hour"
    assert len(period.buckets) == 24
    assert period.buckets[-1] == datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
    assert period.unfinished == 1


def test_the_day_the_clocks_go_back_has_25_hours() -> None:
    period = Period.from_query({"from": "2026-10-25", "to": "2026-10-25"}, zone=BERLIN, now=NOW)

    assert len(period.buckets) == 25
    assert len({bucket.astimezone(UTC) for bucket in period.buckets}) == 25


def test_comparison_can_be_switched_off() -> None:
    assert Period.from_query({"compare": "none"}, zone=UTC, now=NOW).previous is None


@given(
    st.sampled_from([*PRESETS]),
    st.integers(1_577_836_800, 2_050_000_000),
    st.sampled_from(["Europe/Berlin", "America/St_Johns", "Pacific/Apia"]),
)
def test_buckets_follow_each_other_and_fill_the_period(key: str, at: int, zone: str) -> None:
    period = Period.from_query({"range": key}, zone=ZoneInfo(zone), now=datetime.fromtimestamp(at, UTC))

    buckets = period.buckets
    assert buckets[0] == period.start
    assert buckets == sorted(buckets)
    assert buckets[-1] < period.end
    assert period.start <= period.until <= period.end
    assert period.previous is not None
    assert period.previous.end == period.start
