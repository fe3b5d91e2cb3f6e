"""What conversion values mean: by the schema of their day, by ranges, and what can't be taken."""

from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.skan import decoding
from attribution.skan.decoding import Meaning, Schema

OLD = Schema(date(2026, 1, 1), None, {5: Meaning("Trial")}, {(1, "high"): Meaning("Paid", "", Decimal(9))}, "", 1)
NEW = Schema(date(2026, 11, 10), None, {5: Meaning("Order")}, {}, "", 2)
OWN = Schema(date(2026, 11, 5), 77, {5: Meaning("Level 5")}, {}, "", 3)
ALL = [OLD, NEW, OWN]


@pytest.mark.parametrize(
    ("app_id", "day", "means"),
    [
        (None, "2025-12-31", None),
        (None, "2026-01-01", "Trial"),
        (None, "2026-11-09", "Trial"),
        (None, "2026-11-10", "Order"),
        (77, "2026-11-04", "Trial"),
        (77, "2026-11-05", "Level 5"),
        (77, "2026-12-01", "Level 5"),
        (88, "2026-12-01", "Order"),
    ],
)
def test_a_value_means_what_was_in_force_when_it_was_set(app_id: int | None, day: str, means: str | None) -> None:
    meaning = decoding.decode(decoding.schema_for(ALL, app_id, date.fromisoformat(day)), 0, 5, "")

    assert (meaning.label if meaning else None) == means


def test_a_postback_speaks_of_the_day_before_at_the_latest_in_the_zone_of_the_project() -> None:
    at = datetime(2026, 11, 10, 22, 30, tzinfo=UTC)

    assert decoding.day_of(at, UTC) == date(2026, 11, 9)
    assert decoding.day_of(at, ZoneInfo("Asia/Tokyo")) == date(2026, 11, 10)


def test_fine_values_speak_in_the_first_window_only_and_go_before_coarse_ones() -> None:
    both = Schema(date(2026, 1, 1), None, {0: Meaning("Opened")}, {(0, "low"): Meaning("Low")})

    assert decoding.decode(both, 0, 0, "low") == Meaning("Opened")
    assert decoding.decode(both, 0, None, "low") == Meaning("Low")
    assert decoding.decode(both, 1, 0, "low") is None
    assert decoding.decode(OLD, 1, None, "high") == Meaning("Paid", "", Decimal(9))
    assert decoding.decode(OLD, 1, None, "") is None
    assert decoding.decode(None, 0, 5, "") is None


def test_ranges_stand_for_each_of_their_values() -> None:
    fine, coarse, wrong = decoding.checked(
        [{"value": "10-12", "label": "Trial", "revenue": "1,50"}, {"value": 0, "event": "Application Opened"}],
        [{"sequence": 2, "value": "low", "label": "Away"}, {"value": "high", "label": "Buyer", "revenue": 20}],
    )

    assert not wrong
    assert [(row["value"], row["label"], row["revenue"]) for row in fine] == [
        (0, "Application Opened", None), (10, "Trial", "1.50"), (11, "Trial", "1.50"), (12, "Trial", "1.50"),
    ]  # fmt: skip
    assert [(row["sequence"], row["value"], row["revenue"]) for row in coarse] == [
        (0, "high", "20.00"),
        (2, "low", None),
    ]
    assert decoding.fine_from(fine)[11] == Meaning("Trial", "", Decimal("1.50"))
    assert decoding.coarse_from(coarse)[2, "low"] == Meaning("Away")


def test_neighbours_of_one_meaning_are_one_range_in_short() -> None:
    fine = {0: Meaning("Opened"), 3: Meaning("Trial"), 4: Meaning("Trial"), 5: Meaning("Trial"), 7: Meaning("Trial")}

    assert [(span, one.label) for span, one in decoding.in_short(fine)] == [
        ("0", "Opened"), ("3–5", "Trial"), ("7", "Trial"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fine", "coarse", "field"),
    [
        ([{"value": 64, "label": "x"}], [], "fine.0.value"),
        ([{"value": "9-3", "label": "x"}], [], "fine.0.value"),
        ([{"value": True, "label": "x"}], [], "fine.0.value"),
        ([{"value": 3, "label": "x"}, {"value": "1-5", "label": "y"}], [], "fine.3.value"),
        ([{"value": 3}], [], "fine.3.label"),
        ([{"value": 3, "label": "x" * 101}], [], "fine.3.label"),
        ([{"value": 3, "label": "x", "revenue": "much"}], [], "fine.3.revenue"),
        ([{"value": 3, "label": "x", "revenue": -1}], [], "fine.3.revenue"),
        ([{"value": 3, "label": "x", "revenue": "NaN"}], [], "fine.3.revenue"),
        ([{"value": 3, "label": "x", "revenue": [1]}], [], "fine.3.revenue"),
        ([], [{"value": "top", "label": "x"}], "coarse.0.value"),
        ([], [{"value": "low", "sequence": 3, "label": "x"}], "coarse.0.value"),
        ([], [{"value": "low", "label": "x"}, {"value": "low", "label": "y"}], "coarse.0.low.value"),
        ("no list", [], "fine"),
        ([], {"value": "low"}, "coarse"),
    ],
)
def test_what_cannot_be_taken_is_named(fine: object, coarse: object, field: str) -> None:
    _, _, wrong = decoding.checked(fine, coarse)

    assert field in [one.field for one in wrong]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 63), st.integers(0, 63), st.decimals(0, 1000, places=2), st.decimals(0, 1000, places=2))
def test_revenue_is_spread_in_even_steps_from_end_to_end(a: int, b: int, low: Decimal, high: Decimal) -> None:
    first, last = sorted((a, b))

    found = decoding.spread(first, last, low, high)

    assert len(found) == last - first + 1
    assert found[0] == low
    assert last == first or found[-1] == high
    assert all(min(low, high) <= one <= max(low, high) for one in found if one is not None)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.lists(st.integers())))
def test_a_range_is_within_sixty_four_values_or_nothing(value: object) -> None:
    found = decoding.span_of(value)

    assert all(one in decoding.FINE_VALUES for one in found)
    assert found == sorted(set(found))
