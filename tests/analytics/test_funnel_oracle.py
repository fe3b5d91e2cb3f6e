"""Funnels against plain Python: the rules of docs/funnels.md, written down as slowly and simply as they are said."""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.expressions.base import Filter, Property, Step
from analytics.expressions.funnel import LAST, NO_ACTS, NO_STEP, NOT_REACHED, Funnel, journeys
from events.engine.tables import TABLES

VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "analytics_reference.json"
START = datetime(2026, 3, 1, tzinfo=UTC)
PLAN = Property.parse("plan")


@dataclass(frozen=True)
class Act:
    """One event: second `at` after START; `plan` is a property."""

    id: int
    at: int
    event: str
    plan: str = ""
    type: str = "track"

    @property
    def ts(self) -> datetime:
        return START + timedelta(seconds=self.at)


@dataclass(frozen=True)
class Journey:
    level: int
    open: bool
    times: tuple[int, ...]
    value: str | None = None


@pytest.fixture(scope="module")
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("CREATE MACRO json_text(document, path) AS json_extract_string(document, path)")
        connection.execute(
            "CREATE TABLE events (person BIGINT, event VARCHAR, ts TIMESTAMP, id BIGINT, type VARCHAR,"
            " properties VARCHAR)"
        )
        connection.execute("CREATE TABLE people (person BIGINT, traits VARCHAR)")
        yield connection


def counted(db: duckdb.DuckDBPyConnection, people: Sequence[Sequence[Act]], funnel: Funnel) -> dict[int, Journey]:
    """Return the journeys of people, by their number, as the expression has them."""
    db.execute("DELETE FROM events")
    rows = [
        [person, act.event, act.ts.replace(tzinfo=None), act.id, act.type, json.dumps({"plan": act.plan})]
        for person, acts in enumerate(people)
        for act in acts
    ]
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        db.execute(f"INSERT INTO events SELECT {', '.join(['unnest(?)'] * len(columns))}", columns)
    found = db.execute(str(ibis.to_sql(journeys(TABLES, funnel), dialect="duckdb")))
    names = [column[0] for column in found.description]
    return {row[0]: _journey(dict(zip(names, row, strict=True)), funnel) for row in found.fetchall()}


def _journey(row: dict[str, Any], funnel: Funnel) -> Journey:
    times = [row[f"t{k}"] for k in range(1, funnel.number + 1)]
    assert all(time is None for time in times[row["level"] :])
    seconds = tuple(int((time.replace(tzinfo=UTC) - START).total_seconds()) for time in times[: row["level"]])
    return Journey(row["level"], row["open"], seconds, row.get("value"))


# The rules


def is_step(act: Act, step: Step) -> bool:
    right = step.event in {"*", act.event}
    return right and all(act.plan in one.values for one in step.where)


def kinds_of(funnel: Funnel) -> list[Step]:
    return list(dict.fromkeys(funnel.steps))


def kind_of(act: Act, funnel: Funnel) -> int | None:
    """Return which of the different steps an event is: the first that it could be."""
    return next((place for place, step in enumerate(kinds_of(funnel)) if is_step(act, step)), None)


def ordered(acts: Sequence[Act], funnel: Funnel) -> list[Act]:
    """Sort by time, then by step, then by id; what is no step stands behind at the same moment."""

    def place(act: Act) -> tuple[int, int, int]:
        mine = [place for place, step in enumerate(funnel.steps) if is_step(act, step)]
        return (act.at, mine[0] if mine else NO_STEP, act.id)

    return sorted(acts, key=place)


def is_entry(act: Act, funnel: Funnel) -> bool:
    right = is_step(act, funnel.steps[0]) if funnel.order != "any" else kind_of(act, funnel) is not None
    return right and funnel.since <= act.ts < funnel.until


def is_stop(act: Act, funnel: Funnel) -> bool:
    no_step = not any(is_step(act, step) for step in funnel.steps)
    return no_step and any(is_step(act, step) for step in funnel.exclude) and funnel.order != "strict"


def told(acts: Sequence[Act], funnel: Funnel) -> Journey | None:
    """Return a person's journey by the rules, None for who did not enter."""
    history = ordered(acts, funnel)
    entries = [act for act in history if is_entry(act, funnel)]
    if not entries:
        return None
    attempts = {"sequential": _chains, "strict": _unbroken, "any": _gathered}[funnel.order](history, funnel)
    best = max(len(one) for one in attempts)
    chosen = _counted([one for one in attempts if len(one) == best], history, funnel)
    stops = [act.at for act in history if is_stop(act, funnel)]
    last = entries[-1]
    alive = last.ts + timedelta(seconds=funnel.window_s) >= funnel.now
    may_come = best < funnel.number and alive and not any(stop >= last.at for stop in stops)
    return Journey(best, may_come, tuple(act.at for act in chosen), _value(acts, chosen, funnel))


def _counted(furthest: list[list[Act]], history: list[Act], funnel: Funnel) -> list[Act]:
    """Return the attempt that counts: of those that came there first the latest, in each of its steps."""
    if funnel.order == "any":
        done = min(one[-1].at for one in furthest)
        return max((one for one in furthest if one[-1].at == done), key=lambda one: history.index(one[0]))
    ended = min(history.index(one[-1]) for one in furthest)
    ways = [[history.index(act) for act in one] for one in furthest if history.index(one[-1]) == ended]
    latest = max(ways)
    assert all(mine <= its for way in ways for mine, its in zip(way, latest, strict=True))
    return [history[place] for place in latest]


def _chains(history: list[Act], funnel: Funnel) -> list[list[Act]]:
    """Return every chain of different events, in their order, that are step 1, 2, … within the window."""
    found: list[list[Act]] = []
    grown = [[act] for act in history if is_entry(act, funnel)]
    while grown:
        found += grown
        grown = [
            [*chain, act]
            for chain in grown
            if len(chain) < funnel.number
            for act in history[history.index(chain[-1]) + 1 :]
            if is_step(act, funnel.steps[len(chain)])
            and act.at <= chain[0].at + funnel.window_s
            and not any(is_stop(one, funnel) for one in history[history.index(chain[0]) : history.index(act)])
        ]
    return found


def _unbroken(history: list[Act], funnel: Funnel) -> list[list[Act]]:
    acts = [act for act in history if act.type not in NO_ACTS or any(is_step(act, step) for step in funnel.steps)]
    found = []
    for place, entry in enumerate(acts):
        if is_entry(entry, funnel):
            length = 1
            while (
                length < funnel.number
                and place + length < len(acts)
                and is_step(acts[place + length], funnel.steps[length])
                and acts[place + length].at <= entry.at + funnel.window_s
            ):
                length += 1
            found.append(acts[place : place + length])
    return found


def _gathered(history: list[Act], funnel: Funnel) -> list[list[Act]]:
    """Return for each beginning the events that complete a step, in their order."""
    found = []
    for place, entry in enumerate(history):
        if not is_entry(entry, funnel):
            continue
        wanted = [funnel.steps.count(step) for step in kinds_of(funnel)]
        mine = []
        for act in history[place:]:
            if is_stop(act, funnel) or act.at > entry.at + funnel.window_s:
                break
            kind = kind_of(act, funnel)
            if kind is not None and wanted[kind]:
                wanted[kind] -= 1
                mine.append(act)
        found.append(mine)
    return found


def _value(acts: Sequence[Act], chosen: list[Act], funnel: Funnel) -> str | None:
    """Return the plan of the counted attempt's event: at that moment the one of that step that was stored last."""
    if funnel.by is None:
        return None
    step = len(chosen) if funnel.touch == LAST else funnel.touch
    if step > len(chosen):
        return NOT_REACHED
    same = [
        act
        for act in acts
        if act.at == chosen[step - 1].at
        and (kind_of(act, funnel) is not None if funnel.order == "any" else is_step(act, funnel.steps[step - 1]))
    ]
    return max(same, key=lambda act: act.id).plan


def funnel_of(steps: Sequence[Step], window_s: int, **more: Any) -> Funnel:
    """Return a funnel whose entries may be at any second from START to half an hour later."""
    usual = {
        "since": START,
        "until": START + timedelta(minutes=30),
        "now": START + timedelta(days=900),
    }
    return Funnel(steps=steps, window_s=window_s, **(usual | more))


# Against ClickHouse's own cases


@pytest.mark.skipif(not VECTORS.exists(), reason="the vectors are not here")
def test_the_levels_are_those_of_clickhouse(db: duckdb.DuckDBPyConnection) -> None:
    cases = json.loads(VECTORS.read_text())["window_funnel"]
    # Modes that we do not have; and one event as several steps, which we refuse on purpose.
    ours = {(): "sequential", ("strict_order",): "strict"}
    checked = 0

    for case in cases:
        order = ours.get(tuple(case["modes"]))
        if order is None:
            continue
        acts = [Act(place, one["ts"], str(one["event"])) for place, one in enumerate(case["events"])]
        steps = [Step(str(one)) for one in case["steps"]]
        funnel = funnel_of(steps, case["window"], order=order)
        expected = 1 if "trap" in case["name"] else case["expected_level"]
        if len(set(steps)) == 1 and len(steps) == 1:
            funnel = funnel_of([*steps, Step("never")], case["window"], order=order)
        assert counted(db, [acts], funnel)[0].level == expected, case["name"]
        checked += 1

    assert checked == 14


# Against plain Python

EVENTS = st.sampled_from(["A", "B", "C", "D", "X", "Y"])
ACTS = st.builds(
    lambda at, event, plan, kind: Act(0, at, event, plan, kind),
    st.integers(0, 24),
    EVENTS,
    st.sampled_from(["free", "pro", "team"]),
    st.sampled_from(["track", "track", "track", "identify"]),
)
HISTORIES = st.lists(st.lists(ACTS, max_size=8), min_size=1, max_size=12)
STEPS = st.lists(
    st.one_of(
        st.sampled_from([Step("A"), Step("B"), Step("C"), Step("D")]),
        st.sampled_from([Step("*"), Step("A", (Filter(PLAN, "is", ("pro",)),)), Step("B")]),
    ),
    min_size=2,
    max_size=4,
)


@st.composite
def funnels(draw: st.DrawFn, order: str) -> Funnel:
    return funnel_of(
        draw(st.one_of(st.just([Step("A"), Step("B"), Step("C"), Step("D")]), STEPS)),
        draw(st.integers(1, 30)),
        order=order,
        exclude=draw(st.sampled_from([(), (), (Step("X"),), (Step("X"), Step("Y"))])),
        since=START + timedelta(seconds=draw(st.integers(0, 8))),
        until=START + timedelta(seconds=draw(st.integers(10, 30))),
        now=START + timedelta(seconds=draw(st.integers(10, 60))),
        by=draw(st.sampled_from([None, PLAN])),
        touch=draw(st.sampled_from([1, LAST, 2])),
    )


def numbered(people: Sequence[Sequence[Act]]) -> list[list[Act]]:
    number = itertools.count(1)
    return [[Act(next(number), act.at, act.event, act.plan, act.type) for act in acts] for acts in people]


@pytest.mark.parametrize("order", ["sequential", "strict", "any"])
def test_journeys_are_those_of_the_rules(db: duckdb.DuckDBPyConnection, order: str) -> None:
    @settings(max_examples=25, deadline=None)
    @given(HISTORIES, funnels(order))
    def check(people: list[list[Act]], funnel: Funnel) -> None:
        acted = numbered(people)
        expected = {person: one for person, acts in enumerate(acted) if (one := told(acts, funnel))}

        assert counted(db, acted, funnel) == expected

    check()
