"""Trends against a plain Python oracle over any stream, and what properties of every kind do to them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.expressions.base import Filter, Property, Step, chosen
from analytics.expressions.formula import FormulaError
from analytics.expressions.formula import parse as parse_formula
from analytics.expressions.trend import NUMBERLESS, VALUES, Cut, Series, trend
from tests.analytics.tables import Row, rows_of

BERLIN = ZoneInfo("Europe/Berlin")
SINCE = datetime(2026, 10, 23, 22, tzinfo=UTC)  # midnight in Berlin, two days before the clocks change
UNTIL = SINCE + timedelta(days=5)
VALUES_SENT = (1, "2", 2.5, "pro", True, None, "NaN", "1e2", "0x10", "1_000", " 7", [1], {"a": 1})


def as_number(value: Any) -> float | None:
    """Return what counts as a number: numbers, and texts that are written like one."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, str):
        return float(value) if value in {"2", "1e2"} else None
    return float(value)


def label(value: Any) -> str:
    return "(none)" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


acts = st.lists(
    st.tuples(
        st.integers(1, 4), st.integers(0, 5 * 24 * 60 - 1), st.sampled_from("AB"), st.sampled_from(VALUES_SENT[:9])
    ),
    max_size=30,
)


def stream(told: Sequence[tuple[int, int, str, Any]]) -> list[Row]:
    start = SINCE.replace(tzinfo=None)
    return [
        Row(person, event, start + timedelta(minutes=minute), place, {"x": value})
        for place, (person, minute, event, value) in enumerate(told)
    ]


def day_of(row: Row) -> date:
    return row.ts.replace(tzinfo=UTC).astimezone(BERLIN).date()


@settings(max_examples=40, deadline=None)
@given(told=acts, top=st.integers(1, 4))
def test_trends_are_those_of_the_definition(told: list[tuple[int, int, str, Any]], top: int) -> None:
    rows, x = stream(told), Property.parse("x")
    series = [Series(Step("A")), Series(Step("A"), "people"), Series(Step("B"), "sum", x), Series(Step("A"), "p50", x)]

    answer = rows_of(rows, lambda tables: trend(tables, series, Cut("day", BERLIN, SINCE, UNTIL), by=x, top=top))

    ranked = sorted(Counter(label(row.properties["x"]) for row in rows).items(), key=lambda pair: (-pair[1], pair[0]))
    kept = {value for value, _ in ranked[:top]}
    groups: defaultdict[tuple[str, str, date | None], list[Row]] = defaultdict(list)
    for row in rows:
        value = label(row.properties["x"])
        for day in (day_of(row), None):
            groups[row.event, value if value in kept else "(other)", day].append(row)
    found = {(place, value, bucket and bucket.date()): number for place, value, bucket, number in answer}
    expected: dict[tuple[int, str, date | None], float | None] = {(VALUES, "", None): len(ranked)}
    for event, place in (("B", 2), ("A", 3)):
        numbers = [as_number(row.properties["x"]) for row in rows if row.event == event]
        expected[NUMBERLESS - place, "", None] = numbers.count(None)
    for (event, value, day), mine in groups.items():
        numbers = sorted(number for row in mine if (number := as_number(row.properties["x"])) is not None)
        if event == "A":
            expected[0, value, day] = len(mine)
            expected[1, value, day] = len({row.person for row in mine})
            if numbers:
                middle = len(numbers) // 2
                expected[3, value, day] = (numbers[middle] + numbers[~middle]) / 2
        else:
            expected[2, value, day] = sum(numbers) if numbers else None
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("operator", "values", "passing"),
    [
        ("is", ("2",), ["2"]),
        ("is", ("true",), [True]),
        ("is", ("pro", "1"), [1, "pro"]),
        ("gt", ("1",), ["2", 2.5, "1e2"]),
        ("lte", ("2",), [1, "2"]),
        ("contains", ("PR",), ["pro"]),
        ("unset", (), [None]),
        ("not", ("pro", "2"), [1, 2.5, True, None, "NaN", "1e2", "0x10", "1_000", " 7", [1], {"a": 1}]),
    ],
)
def test_a_property_of_mixed_types_is_compared_as_what_it_looks_like(
    operator: str, values: tuple[str, ...], passing: list[Any]
) -> None:
    rows = stream([(1, place, "A", value) for place, value in enumerate(VALUES_SENT)])
    condition = Filter(Property.parse("x"), operator, values)

    answer = rows_of(rows, lambda tables: chosen(tables, [condition]).select("id").order_by("id"))

    assert [VALUES_SENT[place] for (place,) in answer] == passing


@pytest.mark.parametrize(("operator", "passing"), [("before", [0, 3]), ("since", [1, 2])])
def test_days_are_compared_however_exact_a_time_was_sent(operator: str, passing: list[int]) -> None:
    sent = ["2026-11-02", "2026-11-03T00:00:00Z", "2026-12-01 10:00", "1999-01-01T10", "soon", 20261103, None]
    rows = stream([(1, place, "A", value) for place, value in enumerate(sent)])
    condition = Filter(Property.parse("x"), operator, ("2026-11-03",))

    answer = rows_of(rows, lambda tables: chosen(tables, [condition]).select("id").order_by("id"))

    assert [place for (place,) in answer] == passing


def test_traits_nested_properties_and_cohorts_narrow_events() -> None:
    rows = [
        Row(person, "A", SINCE.replace(tzinfo=None), person, {"cover": {"kind": "photo" if person % 2 else "clip"}})
        for person in range(1, 7)
    ]
    conditions = [
        Filter(Property.parse("cover.kind"), "is", ("photo",)),
        Filter(Property.parse("person.company.size"), "gte", ("10",)),
    ]
    traits = {person: {"company": {"size": person * 4}} for person in range(1, 6)}

    answer = rows_of(
        rows,
        lambda tables: chosen(tables, conditions, cohort=True).select("person").order_by("person"),
        traits=traits,
        cohort=[2, 3, 4],
    )

    assert answer == [(3,)]


@pytest.mark.parametrize("path", ['"', "\\", "*", "a.*", "..", "a'b", "a\nb", "$", "a[0]", "ключ", "x" * 5_000])
def test_any_name_of_a_property_can_be_asked_for(path: str) -> None:
    rows = stream([(1, 0, "A", 1)])

    answer = rows_of(rows, lambda tables: chosen(tables, [Filter(Property.parse(path), "set")]).select("id"))

    assert answer == []


@pytest.mark.parametrize(
    ("text", "value"),
    [("A/B*100", 50), ("(a+b)*-2", -6), ("A - B - 1", -2), ("A/(B-2)", None), ("A/C", None), ("2*.5*B", 2), ("--A", 1)],
)
def test_formulas(text: str, value: float | None) -> None:
    assert parse_formula(text, "ABC").value({"A": 1.0, "B": 2.0, "C": None}) == value


@settings(max_examples=200)
@given(st.text(alphabet="AB()+-*/1. x", max_size=30))
def test_any_text_is_a_formula_or_is_refused(text: str) -> None:
    with suppress(FormulaError):
        assert isinstance(parse_formula(text, "AB").value({"A": 3.0, "B": 0.0}), float | None)


def test_deep_and_long_formulas_are_refused() -> None:
    for text in ("(" * 90 + "A" + ")" * 90, "-" * 100 + "A", "A" + "+A" * 200):
        with pytest.raises(FormulaError):
            parse_formula(text, "A")
