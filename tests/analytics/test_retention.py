"""Retention: the published vectors, a plain Python oracle over any stream, and what must always hold."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.http import QueryDict

from analytics.analyses import retention
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene

VECTORS = Path(__file__).parents[3] / "shared/vectors/analytics_reference.json"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return make_scene()


def ask(project: Project, query: str, now: datetime = NOW) -> retention.Result:
    return retention.answer(project, retention.parse(project, QueryDict(query), now=now))


def active(result: retention.Result, place: int = 0) -> list[int | None]:
    return [cell.people for cell in result.cohorts[place].cells]


def people_of(project: Project, query: str, **place: str) -> list[int]:
    question = retention.parse(project, QueryDict(query), now=NOW)
    found = retention.people(project, question, place)
    return sorted(row[0] for row in found.relation.run(found.build).rows)


@pytest.mark.skipif(not VECTORS.exists(), reason="the published vectors are not here")
@pytest.mark.parametrize("mode", ["classic", "unbounded"])
@pytest.mark.parametrize("clock", ["calendar", "window"])
def test_the_published_rows(transactional_db: None, mode: str, clock: str) -> None:
    vector = json.loads(VECTORS.read_text())["retention"]
    project = make_scene(time_zone="UTC").project
    tell(project, {user: [(f"{at}:00Z", "Visit") for at in times] for user, times in vector["events"].items()})

    result = ask(project, f"from=2026-03-01&to=2026-03-01&period=day&cells=7&mode={mode}&clock={clock}")

    wanted = vector[f"{mode}_calendar_day" if clock == "calendar" else f"{mode}_24h_window"]
    assert result.cohorts[0].size == vector["cohort_size"]
    assert active(result) == wanted


def visits(*days: str) -> list[tuple[str, str]]:
    return [(f"2026-{day}T10:00:00Z", "Visit") for day in days]


@pytest.fixture
def shop(scene: Scene) -> Project:
    tell(
        scene.project,
        {
            "old": visits("08-03", "11-02", "11-03"),
            "ada": [*visits("11-02", "11-04", "11-10"), ("2026-11-02T09:00:00Z", "Signed Up", {"plan": "pro"})],
            "bob": [*visits("11-03"), ("2026-11-03T11:00:00Z", "Signed Up", {"plan": "free"})],
            "cid": [("2026-11-09T10:00:00Z", "Signed Up", {"plan": "pro"}), *visits("11-18", "11-19")],
        },
    )
    return scene.project


WEEKS = "from=2026-11-02&to=2026-11-15"


def test_who_came_before_the_period_is_not_new(shop: Project) -> None:
    result = ask(shop, f"start=Visit&return=Visit&{WEEKS}&period=week")

    assert [row.size for row in result.cohorts] == [2, 0]
    assert active(result) == [2, 1, 0]


def test_recurring_cohorts_hold_everybody_who_starts_in_them(shop: Project) -> None:
    result = ask(shop, f"start=Visit&return=Visit&who=recurring&{WEEKS}&period=week")

    assert [row.size for row in result.cohorts] == [3, 1]
    assert active(result) == [3, 1, 0]


def test_what_happened_before_the_start_is_not_coming_back(shop: Project) -> None:
    result = ask(shop, f"start=Signed Up&return=Visit&{WEEKS}&period=week")

    assert [row.size for row in result.cohorts] == [2, 1]
    assert active(result) == [1, 1, 0]
    assert active(result, 1) == [0, 1, None]


def test_cells_that_are_not_over_are_marked_and_not_in_the_mean(shop: Project) -> None:
    result = ask(shop, f"start=Signed Up&return=Visit&{WEEKS}&period=week")

    states = [[cell.state for cell in row.cells] for row in result.cohorts]
    assert states == [["complete", "complete", "partial"], ["complete", "partial", "future"]]
    assert result.mean_shares == [pytest.approx(1 / 3), 0.5, None]
    assert retention.as_json(result)["cohorts"][1] == {
        "start": "2026-11-09",
        "size": 1,
        "active": [0, 1],
        "complete": 1,
    }


def test_a_simple_mean_counts_each_cohort_the_same(shop: Project) -> None:
    result = ask(shop, f"start=Signed Up&return=Visit&{WEEKS}&period=week&mean=simple")

    assert result.mean_shares == [0.25, 0.5, None]


def test_windows_are_over_later_than_the_calendar_says(shop: Project) -> None:
    result = ask(shop, f"start=Signed Up&return=Visit&{WEEKS}&period=week&clock=window")

    assert [[cell.state for cell in row.cells] for row in result.cohorts] == [
        ["complete", "partial", "partial"],
        ["partial", "partial", "future"],
    ]
    assert active(result) == [1, 1, 0]


def test_coming_back_only_once_may_be_too_little(shop: Project) -> None:
    result = ask(shop, f"start=Signed Up&return=Visit&{WEEKS}&period=week&times=2")

    assert active(result) == [1, 0, 0]
    assert active(result, 1) == [0, 1, None]


def test_brackets_put_periods_together(shop: Project) -> None:
    result = ask(shop, f"start=Signed Up&return=Visit&{WEEKS}&period=day&mode=bracket&brackets=0,1-3,4-9&times=1")

    first = result.cohorts[0]  # Ada, of 2 November
    assert [cell.people for cell in first.cells] == [1, 1, 1]
    assert retention.as_json(result)["cells"] == ["Day 0", "Days 1–3", "Days 4–9"]


def test_a_breakdown_is_by_the_event_that_people_started_with(shop: Project) -> None:
    result = ask(shop, f"start=Signed Up&return=Visit&{WEEKS}&period=week&by=plan")

    assert {row.value: (row.size, [cell.share for cell in row.cells][:2]) for row in result.rows} == {
        "pro": (2, [0.5, 1.0]),
        "free": (1, [0.0, 0.0]),
    }


def test_a_property_adds_up_by_cohort(scene: Scene) -> None:
    def paid(day: str, price: Any) -> tuple[str, str, Mapping[str, Any]]:
        return (f"2026-{day}T10:00:00Z", "Paid", {"price": price})

    tell(
        scene.project,
        {
            "ada": [paid("11-02", 10), paid("11-03", "5.5"), paid("11-09", 1)],
            "bob": [paid("11-04", "much"), paid("11-10", -2)],
        },
    )
    query = f"start=Paid&return=Paid&{WEEKS}&period=week&of=price&cells=2"

    assert [cell.amount for cell in ask(scene.project, query).cohorts[0].cells] == [15.5, -1, 0]
    unbounded = ask(scene.project, f"{query}&mode=unbounded").cohorts[0]
    assert [cell.amount for cell in unbounded.cells] == [14.5, -1, 0]
    assert [cell.people for cell in unbounded.cells] == [2, 2, 0]


def test_the_cohorts_right_before_are_compared_with(shop: Project) -> None:
    result = ask(shop, "start=Visit&return=Visit&from=2026-11-09&to=2026-11-15&period=week&cells=1")

    assert result.previous == [1.0, 0.5]
    assert ask(shop, f"compare=none&{WEEKS}").previous is None


def test_the_people_of_a_cell_are_as_many_as_it_says(shop: Project) -> None:
    query = f"start=Signed Up&return=Visit&{WEEKS}&period=week"

    result = ask(shop, query)

    for row in result.cohorts:
        assert row.cohort is not None
        at = f"{result.question.cycles.day(row.cohort)}"
        assert len(people_of(shop, query, row=at)) == row.size
        for cell in row.cells:
            back = people_of(shop, query, row=at, cell=f"{cell.place}")
            away = people_of(shop, query, row=at, cell=f"{cell.place}", away="1")
            assert len(back) == (cell.people or 0)
            assert len(back) + len(away) == row.size
    assert len(people_of(shop, query, cell="0")) == result.mean[0].people


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("period=year", "period"),
        ("mode=odd", "mode"),
        ("times=0", "times"),
        ("period=month&cells=13", "cells"),
        ("period=day&cells=91", "cells"),
        ("mode=bracket&brackets=3,1", "brackets"),
        ("mode=bracket&brackets=a", "brackets"),
        ("mode=bracket&brackets=0-99", "brackets"),
        ("clock=sundial", "clock"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(shop: Project, query: str, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        ask(shop, query)

    assert refused.value.detail[0]["field"] == field


@pytest.mark.parametrize("place", [{"row": "2026-11-03"}, {"row": "x"}, {"cell": "99"}, {"cell": "-1"}])
def test_a_place_that_cannot_be_is_refused(shop: Project, place: dict[str, str]) -> None:
    with pytest.raises(InvalidField):
        people_of(shop, f"{WEEKS}&period=week", **place)


def test_a_range_in_the_future_and_an_unknown_event_are_said(shop: Project) -> None:
    result = ask(shop, "start=Signd Up&from=2027-01-01&to=2027-01-07")

    assert "in the future" in result.notes[0]
    assert "Did you mean “Signed Up”?" in result.notes[1]
    assert retention.shown(result).empty


def test_the_page_shows_the_cohorts_and_leads_to_their_people(shop: Project, scene: Scene) -> None:
    address = scene.url("explore/retention/?start=Visit&return=Visit&from=2026-11-02&to=2026-11-15")

    shown = scene.owner.get(address, headers={"HX-Request": "true", "HX-Target": "result"}).content.decode()

    assert "Started in the week of" in shown
    assert "row=2026-11-02&amp;cell=1" in shown
    assert "Nobody started" in shown
