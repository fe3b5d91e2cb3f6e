"""Active people, stickiness and lifecycle: a plain Python oracle over any stream, and what must always hold."""

import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from analytics.analyses import active, lifecycle, stickiness
from analytics.expressions.active import trailing
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.scene import make_scene

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Berlin")
Stream = Mapping[str, list[datetime]]
SPAN = "from=2026-10-20&to=2026-11-15"
DAYS = [date(2026, 10, 20) + timedelta(days=day) for day in range(27)]


@pytest.fixture
def stream(transactional_db: None) -> tuple[Project, Stream]:
    """A random stream over ten weeks, over the end of summer time, around midnight often."""
    project = make_scene().project
    chance = random.Random(7)
    begin = datetime(2026, 9, 7, tzinfo=UTC)
    told = {
        f"u{one}": [
            begin
            + timedelta(days=chance.randrange(70), hours=chance.choice([0, 9, 22, 23]), minutes=chance.randrange(60))
            for _ in range(chance.randrange(1, 30))
        ]
        for one in range(30)
    }
    tell(project, {user: [(f"{at:%Y-%m-%dT%H:%M:%SZ}", "Visit") for at in times] for user, times in told.items()})
    return project, told


def days_of(stream: Stream) -> dict[str, set[date]]:
    return {user: {at.astimezone(ZONE).date() for at in times} for user, times in stream.items()}


def between(days: dict[str, set[date]], first: date, last: date) -> set[str]:
    return {user for user, mine in days.items() if any(first <= day <= last for day in mine)}


def test_active_people_are_those_that_plain_python_finds(stream: tuple[Project, Stream]) -> None:
    project, told = stream
    days = days_of(told)

    result = active.answer(project, active.parse(project, QueryDict(SPAN), now=NOW))

    for name, window in active.DAYS.items():
        wanted = [len(between(days, day - timedelta(days=window - 1), day)) for day in DAYS]
        assert list(result.lines[0].people[name]) == wanted
        before = [day - timedelta(days=27) for day in DAYS]
        assert result.previous
        assert list(result.previous.people[name]) == [
            len(between(days, day - timedelta(days=window - 1), day)) for day in before
        ]


def test_the_people_of_a_point_are_as_many_as_it_says(stream: tuple[Project, Stream]) -> None:
    project, _ = stream
    question = active.parse(project, QueryDict(SPAN), now=NOW)
    result = active.answer(project, question)

    for name in active.MEASURES:
        found = active.people(project, question, {"measure": name, "day": "2026-11-01"})
        assert len(found.relation.run(found.build).rows) == result.lines[0].people[name][12]


def test_active_people_by_a_value(transactional_db: None) -> None:
    project = make_scene().project
    tell(
        project,
        {
            "ada": [("2026-11-10T10:00:00Z", "Visit", {"os": "iOS"}), ("2026-11-10T11:00:00Z", "Visit", {"os": "web"})],
            "bob": [("2026-11-11T10:00:00Z", "Visit", {"os": "web"})],
        },
    )
    query = "event=Visit&by=os&show=wau&from=2026-11-10&to=2026-11-12"

    result = active.answer(project, active.parse(project, QueryDict(query), now=NOW))

    assert {line.value: list(line.people["wau"]) for line in result.lines} == {"web": [1, 2, 2], "iOS": [1, 1, 1]}
    top = active.answer(project, active.parse(project, QueryDict(f"{query}&top=1"), now=NOW))
    assert {line.value: list(line.people["dau"]) for line in top.lines} == {"web": [1, 1, 0], "(other)": [1, 0, 0]}


def test_windows_end_where_nobody_comes_any_more() -> None:
    rows = [(1, 10, 2), (1, 12, 1), (7, 12, 1), (7, 17, 1), (7, 19, 1)]

    assert trailing(rows, 7, 9, 20) == [0, 2, 2, 2, 2, 2, 2, 2, 1, 1, 0, 0]


def test_stickiness_is_what_plain_python_finds(stream: tuple[Project, Stream]) -> None:
    project, told = stream
    days = days_of(told)
    question = stickiness.parse(project, QueryDict(SPAN), now=NOW)

    result = stickiness.answer(project, question)

    inside = {user: len({day for day in mine if day in DAYS}) for user, mine in days.items()}
    often = [number for number in inside.values() if number]
    assert dict(result.now.often) == {number: often.count(number) for number in sorted(set(often))}
    assert result.now.people == len(often)
    daily = [len(between(days, day, day)) for day in DAYS]
    assert list(result.now.daily) == daily
    assert result.now.share == pytest.approx(sum(daily) / len(DAYS) / len(often))
    november = len(between(days, date(2026, 11, 1), DAYS[-1]))
    assert [month.people for month in result.now.months] == [
        len(between(days, DAYS[0], date(2026, 10, 31))),
        november,
    ]
    for active_days, wanted in (("3", often.count(3)), ("3-", sum(number >= 3 for number in often))):
        found = stickiness.people(project, question, {"active": active_days})
        assert len(found.relation.run(found.build).rows) == wanted


@pytest.mark.parametrize("unit", ["day", "week", "month"])
def test_the_lifecycle_is_what_plain_python_finds(stream: tuple[Project, Stream], unit: str) -> None:
    project, told = stream
    question = lifecycle.parse(project, QueryDict(f"{SPAN}&interval={unit}"), now=NOW)

    result = lifecycle.answer(project, question)

    cycles = question.cycles
    mine = {user: {_number(day, unit) for day in days} for user, days in days_of(told).items()}
    for place, cycle in enumerate(_number(cycles.day(number), unit) for number in cycles.numbers):
        wanted = {
            "new": sum(min(one) == cycle for one in mine.values()),
            "returning": sum(cycle in one and cycle - 1 in one for one in mine.values()),
            "resurrected": sum(cycle in one and cycle - 1 not in one and min(one) < cycle for one in mine.values()),
            "dormant": sum(cycle not in one and cycle - 1 in one for one in mine.values()),
        }
        assert {state: result.people[state][place] for state in wanted} == wanted
        at = f"{cycles.day(cycles.numbers[place])}"
        for state, number in wanted.items():
            found = lifecycle.people(project, question, {"at": at, "state": state})
            assert len(found.relation.run(found.build).rows) == number


def _number(day: date, unit: str) -> int:
    if unit == "month":
        return day.year * 12 + day.month
    return day.toordinal() if unit == "day" else (day.toordinal() - 1) // 7


def test_the_lifecycle_adds_up(stream: tuple[Project, Stream]) -> None:
    project, _ = stream

    result = lifecycle.answer(project, lifecycle.parse(project, QueryDict(f"{SPAN}&interval=day"), now=NOW))

    trend = active.answer(project, active.parse(project, QueryDict(SPAN), now=NOW)).lines[0].people["dau"]
    assert result.active == list(trend)
    pairs = zip(result.people["returning"], result.people["dormant"], strict=True)
    assert [returning + dormant for returning, dormant in pairs][1:] == list(trend)[:-1]


@pytest.mark.parametrize(
    ("module", "query", "field"),
    [
        (active, "show=yearly", "show"),
        (lifecycle, "interval=hour", "interval"),
        (stickiness, "range=9d", "range"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(transactional_db: None, module: object, query: str, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        module.parse(make_scene().project, QueryDict(query), now=NOW)  # type: ignore[attr-defined]

    assert refused.value.detail[0]["field"] == field


@pytest.mark.parametrize("kind", ["active", "stickiness", "lifecycle", "retention"])
def test_a_project_without_events_has_an_empty_answer(transactional_db: None, kind: str) -> None:
    scene = make_scene()

    answer = scene.api(f"/v1/metrics/{kind}?range=28d")
    csv = scene.api(f"/v1/metrics/{kind}?range=28d&format=csv")

    assert answer.status_code == 200
    assert answer.json()["kind"] == kind
    assert csv.status_code == 200
    assert scene.api(f"/v1/metrics/{kind}", key="").status_code == 401
