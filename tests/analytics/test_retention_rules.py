"""Retention's way of counting against plain Python over any stream, and against published numbers of real shops."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.expressions.base import Step
from analytics.expressions.calendar import Calendar, cycle_of
from analytics.expressions.lifecycle import NEW, lifecycle
from analytics.expressions.retention import DAYS, SIZE, Retention, retention
from events.engine.tables import TABLES
from tests.analytics.tables import Row, rows_of

DATA = Path(__file__).parents[3] / "shared/data"
ZONE = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 10, 1, tzinfo=UTC).replace(tzinfo=None)
END = BEGIN + timedelta(days=70)
Happened = tuple[int, str, datetime]
MOMENTS = st.datetimes(min_value=BEGIN, max_value=END - timedelta(days=5), timezones=st.none())
STREAMS = st.lists(st.tuples(st.integers(1, 4), st.sampled_from("AB"), MOMENTS), max_size=40)


def place_of(at: datetime, unit: str) -> int:
    """Return which day, week or month a UTC time is in, in Berlin."""
    day = at.replace(tzinfo=UTC).astimezone(ZONE).date()
    if unit == "month":
        return day.year * 12 + day.month - 1
    return (day - date(1970, 1, 1)).days if unit == "day" else (day - date(1969, 12, 29)).days // 7


def counted(stream: Sequence[Happened], asked: Retention) -> dict[tuple[int, int], int]:
    """Return people by cohort and cell, by looking at every event of every person, one by one."""
    unit, found = asked.calendar.unit, defaultdict[tuple[int, int], int](int)
    for person in {one for one, _, _ in stream}:
        mine = [(event, at) for one, event, at in stream if one == person]
        starts: dict[int, datetime] = {}
        for at in sorted(at for event, at in mine if asked.start.event in {event, "*"}):
            starts.setdefault(place_of(at, unit), at)
        if asked.once and starts:
            starts = dict([min(starts.items())])
        for cohort, start in starts.items():
            if not asked.first <= cohort <= asked.last:
                continue
            cells: dict[int, int] = defaultdict(int)
            for event, at in mine:
                if asked.comeback.event in {event, "*"} and at >= start:
                    past = (at - start) // timedelta(days=DAYS[unit])
                    cells[past if asked.clock == "window" else place_of(at, unit) - cohort] += 1
            found[cohort, SIZE] += 1
            for cell in held(cells, asked):
                found[cohort, cell] += 1
    return dict(found)


def held(cells: Mapping[int, int], asked: Retention) -> set[int]:
    """Return in which cells somebody counts who came so often in each period."""
    if asked.mode == "bracket":
        sums = {
            place: sum(number for cell, number in cells.items() if first <= cell <= last)
            for place, (first, last) in enumerate(asked.brackets)
        }
        return {place for place, number in sums.items() if number >= asked.times}
    often = {cell for cell, number in cells.items() if number >= asked.times}
    if asked.mode == "unbounded":
        return {min(max(often), asked.columns)} if often else set()
    return {cell for cell in often if cell <= asked.columns}


@settings(max_examples=60, deadline=None)
@given(
    stream=STREAMS,
    unit=st.sampled_from(["day", "week", "month"]),
    mode=st.sampled_from(["classic", "unbounded", "bracket"]),
    clock=st.sampled_from(["calendar", "window"]),
    once=st.booleans(),
    times=st.sampled_from([1, 1, 2]),
    names=st.sampled_from([("A", "A"), ("A", "B"), ("*", "*"), ("A", "*")]),
)
def test_any_stream_is_counted_as_plain_python_does(
    stream: list[Happened], unit: str, mode: str, clock: str, once: bool, times: int, names: tuple[str, str]
) -> None:
    since, until = BEGIN.replace(tzinfo=UTC) - timedelta(days=2), END.replace(tzinfo=UTC)
    asked = Retention(
        start=Step(names[0]),
        comeback=Step(names[1]),
        calendar=Calendar(unit, ZONE, since, until),
        first=cycle_of(date(2026, 10, 15), unit),
        last=cycle_of(date(2026, 11, 10), unit),
        columns=5,
        once=once,
        mode=mode,
        clock=clock,
        times=times,
        brackets=((0, 0), (1, 2), (3, 5)) if mode == "bracket" else (),
    )
    rows = [Row(person, event, at, number) for number, (person, event, at) in enumerate(stream)]

    found = rows_of(rows, lambda tables: retention(tables, asked))

    sums: dict[tuple[int, int], int] = defaultdict(int)
    for _, cohort, cell, people, _ in found:
        sums[cohort, cell] += people
    assert dict(sums) == counted(stream, asked)


@pytest.fixture
def shop() -> Any:
    """The order lines of a real shop as events, of the rows that name a customer."""
    file = DATA / "online_retail/online_retail.csv.zst"
    if not file.exists():
        pytest.skip("the order lines are not here")
    with duckdb.connect() as db:
        db.execute(
            f"""CREATE TABLE events AS SELECT CustomerID::BIGINT AS person, 'Order' AS event,
            InvoiceDate::TIMESTAMP AS ts, row_number() OVER () AS id, '' AS properties, '' AS context,
            Quantity > 0 AND UnitPrice > 0 AS sold FROM read_csv('{file}', compression='zstd')
            WHERE CustomerID IS NOT NULL"""
        )
        yield db


WHOLE = (948, 362, 317, 367, 341, 376, 360, 336, 336, 374, 354, 474, 260)
SOLD = (885, 324, 286, 340, 321, 352, 321, 309, 313, 350, 331, 445, 235)


@pytest.mark.parametrize(("kept", "wanted"), [("true", WHOLE), ("sold", SOLD)])
@pytest.mark.parametrize("columns", [12, 60])
def test_the_published_cohorts_of_a_real_shop(shop: Any, kept: str, wanted: tuple[int, ...], columns: int) -> None:
    """Counted in both ways: with the bits of a number, and person by person where there are too many periods."""
    calendar = Calendar("month", ZoneInfo("UTC"), datetime(2010, 11, 1, tzinfo=UTC), datetime(2012, 1, 1, tzinfo=UTC))
    asked = Retention(Step("Order"), Step("Order"), calendar, 2010 * 12 + 11, 2010 * 12 + 11, columns)
    shop.execute(f"DELETE FROM events WHERE NOT ({kept})")

    rows = shop.execute(str(ibis.to_sql(retention(TABLES, asked), dialect="duckdb"))).fetchall()

    cells = {cell: people for _, _, cell, people, _ in rows}
    assert tuple(cells[cell] for cell in range(13)) == wanted
    assert cells[SIZE] == wanted[0]


def test_the_published_registrations_of_a_real_game() -> None:
    file = DATA / "mobile_game_case/users.csv.gz"
    if not file.exists():
        pytest.skip("the users are not here")
    calendar = Calendar("month", ZoneInfo("UTC"), datetime(2022, 6, 1, tzinfo=UTC), datetime(2023, 5, 1, tzinfo=UTC))
    first = 2022 * 12 + 6
    expression = lifecycle(TABLES, Step("Registered"), calendar, first, first + 8)
    with duckdb.connect() as db:
        db.execute(
            f"""CREATE TABLE events AS SELECT "ID User"::BIGINT AS person, 'Registered' AS event,
            "Reg Date"::TIMESTAMP AS ts, row_number() OVER () AS id FROM read_csv('{file}')"""
        )
        rows = db.execute(str(ibis.to_sql(expression, dialect="duckdb"))).fetchall()

    new = {cycle: people for cycle, state, people in rows if state == NEW}
    assert [new[first + month] for month in range(9)] == [259, 235, 257, 263, 255, 255, 415, 458, 681]
