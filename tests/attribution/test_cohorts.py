"""Cohorts: whose week, how old, who came back, what it brought; page and file are the same."""

import csv
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from attribution import cohorts
from attribution.cohorts import COMPLETE, FUTURE, PARTIAL, Cohorts
from customers.models import Project
from events.models import Identity, Person, PersonDay
from tests.attribution.credit_rows import convert, journey
from tests.factories import ProjectFactory

PAGE = "/dashboard/acme/cohorts/"
# A Friday; weeks begin on Monday, 16 November.
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MONDAY = datetime(2026, 10, 26, 9, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _on_a_friday() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def came(project: Project, name: str, *days: date) -> None:
    """Make a person of this id who was active on these days."""
    person = Person.objects.create(project=project, first_seen_at=MONDAY, last_seen_at=MONDAY)
    Identity.objects.create(project=project, value=name, person=person, known=False)
    for day in days:
        PersonDay.objects.create(project=project, day=day, person=person, events=1)


def installed(project: Project, name: str, *after: int, at: datetime = MONDAY, **more: Any) -> Any:
    """Make an install, and the person active so many days after it."""
    decision = journey(project, more.pop("steps", ["tiktok"]), at=at, distinct_id=name, **more)
    day = at.astimezone(project.tz).date()
    came(project, name, day, *(day + timedelta(days=number) for number in after))
    return decision


def one(project: Project, unit: str = "week") -> cohorts.Cohort:
    [found] = cohorts.read(project, unit, now=NOW).cohorts
    return found


def test_a_person_comes_back_in_the_week_of_age_that_the_day_lies_in(project: Project) -> None:
    installed(project, "p-1", 1, 7, 8, 21)

    assert one(project).active == {1: 1, 2: 1, 3: 1}


def test_the_day_of_the_install_is_not_coming_back(project: Project) -> None:
    installed(project, "p-1")

    found = one(project)

    assert (found.people, found.installs, found.active) == (1, 1, {})


def test_an_install_belongs_to_the_day_of_the_projects_zone(project: Project) -> None:
    installed(project, "p-1", at=datetime(2026, 11, 8, 23, 30, tzinfo=UTC))

    assert one(project).start == date(2026, 11, 9)


def test_two_installs_of_one_person_are_one_person_from_the_first_on(project: Project) -> None:
    installed(project, "p-1", 9)
    journey(project, ["tiktok"], at=MONDAY + DAY, distinct_id="p-1")

    found = one(project)

    assert (found.people, found.installs, found.active) == (1, 2, {2: 1})


def test_an_install_whose_person_is_not_known_yet_counts(project: Project) -> None:
    journey(project, ["tiktok"], at=MONDAY, distinct_id="not-read-yet")

    assert (one(project).people, one(project).active) == (1, {})


def test_rejected_installs_reinstalls_and_returns_are_no_cohort(project: Project) -> None:
    first = installed(project, "p-1")
    journey(project, ["meta"], at=MONDAY, rejected=True)
    journey(project, ["meta"], at=MONDAY, kind="reinstall", original=first)
    journey(project, ["meta"], at=MONDAY, kind="reattribution")

    assert one(project).installs == 1


def test_another_projects_people_stay_out(project: Project) -> None:
    installed(ProjectFactory(), "p-1", 3)

    assert cohorts.read(project, "week", now=NOW).cohorts == []


def test_revenue_grows_with_age_and_a_reinstalls_belongs_to_the_first_install(project: Project) -> None:
    first = installed(project, "p-1")
    again = journey(project, ["meta"], at=MONDAY + 9 * DAY, kind="reinstall", original=first, distinct_id="p-1")
    convert(first, "3.00", ts=MONDAY + timedelta(hours=1))
    convert(first, "4.00", ts=MONDAY + 7 * DAY)
    convert(again, "5.00", ts=MONDAY + 10 * DAY)
    convert(first, "9.00", ts=MONDAY, counted=False)
    convert(first, "9.00", ts=MONDAY, currency="XXX")

    found = one(project)

    assert found.source == "tiktok"
    assert [found.revenue_to(age) for age in (1, 2, 3)] == [Decimal("7.00"), Decimal("12.00"), Decimal("12.00")]


def test_an_age_is_complete_when_the_last_who_may_have_installed_have_lived_through_it() -> None:
    starts = cohorts.starts_until(NOW.date(), "week")
    found = Cohorts("week", starts, NOW.date(), [])

    # Installed from 2 to 8 November: week 1 of the last one ends on 15 November, week 2 on the 22nd.
    assert [found.state(date(2026, 11, 2), age) for age in (1, 2, 4)] == [COMPLETE, PARTIAL, FUTURE]
    assert [found.state(date(2026, 11, 9), age) for age in (1, 2)] == [PARTIAL, PARTIAL]
    assert [found.state(date(2026, 11, 16), age) for age in (1, 2)] == [PARTIAL, FUTURE]
    assert Cohorts("week", starts, date(2026, 11, 16), []).state(date(2026, 11, 16), 1) == FUTURE


@given(st.dates(date(2020, 1, 1), date(2030, 12, 31)), st.sampled_from(["week", "month"]))
def test_starts_follow_each_other_without_a_gap_and_end_with_today(today: date, unit: str) -> None:
    starts = cohorts.starts_until(today, unit)

    assert len(starts) == 12
    assert [cohorts.next_start(start, unit) for start in starts[:-1]] == starts[1:]
    assert starts[-1] <= today < cohorts.next_start(starts[-1], unit)


def test_all_together_count_only_cohorts_for_whom_the_age_is_complete(project: Project) -> None:
    installed(project, "p-1", 2)
    installed(project, "p-2")
    installed(project, "p-3", 2, at=NOW - 6 * DAY)

    found = cohorts.read(project, "week", now=NOW)
    cell = found.complete(found.cohorts)[0]

    assert (cell.active, cell.people, cell.share) == (1, 2, 0.5)


def test_months_are_read_by_thirty_days_of_age(project: Project) -> None:
    installed(project, "p-1", 30, 31, at=datetime(2026, 8, 3, 9, tzinfo=UTC))

    found = one(project, "month")

    assert (found.start, found.active) == (date(2026, 8, 1), {1: 1, 2: 1})


def test_one_statement_reads_it_all(project: Project) -> None:
    installed(project, "p-1", 2)

    with CaptureQueriesContext(connection) as seen:
        cohorts.read(project, "week", now=NOW)

    assert len(seen) == 1


@pytest.fixture
def people(project: Project) -> None:
    """Two who came back and one who did not, of two sources, in a week that is complete; one of this week."""
    convert(installed(project, "p-1", 3, 10), "6.00", ts=MONDAY + DAY)
    installed(project, "p-2")
    installed(project, "p-3", 3, steps=["meta"])
    installed(project, "p-4", 1, at=NOW - 3 * DAY)


def test_the_page_shows_shares_marks_what_is_not_over_and_says_when_it_begins(editor: Client, people: None) -> None:
    answer = editor.get(PAGE)

    rows = {row["name"]: row for row in answer.context["rows"]}
    week = rows[date(2026, 10, 26)]
    assert (week["people"], week["cells"][0]["text"], week["cells"][1]["text"]) == (3, "66.7", "33.3")
    assert "is-partial" not in week["cells"][0]["css"]
    assert "is-few" in week["cells"][0]["css"]
    assert week["cells"][0]["title"] == "2 of 3 people"
    assert "is-partial" in rows[date(2026, 11, 16)]["cells"][0]["css"]
    assert answer.context["mean"][0]["text"] == "66.7"
    assert b"Nobody installed" in answer.content


def test_revenue_per_install_and_sources_beside_each_other(editor: Client, people: None) -> None:
    answer = editor.get(PAGE, {"measure": "revenue", "rows": "source"})

    rows = {row["name"]: row for row in answer.context["rows"]}
    assert rows["tiktok"]["cells"][0]["text"] == "$3.00"
    assert rows["meta"]["cells"][0]["text"] == "$0.00"


def test_one_source_alone(editor: Client, people: None) -> None:
    rows = {row["name"]: row for row in editor.get(PAGE, {"source": "meta"}).context["rows"]}

    assert (rows[date(2026, 10, 26)]["people"], rows[date(2026, 10, 26)]["cells"][0]["text"]) == (1, "100.0")


def test_the_file_has_what_the_page_shows(editor: Client, people: None) -> None:
    file = editor.get(PAGE, {"format": "csv"})
    rows = list(csv.DictReader(b"".join(file.streaming_content).decode().splitlines()))

    week = [row for row in rows if row["installed_from"] == "2026-10-26" and row["age"] == "1"]
    assert sum(int(row["active"]) for row in week) / sum(int(row["people"]) for row in week) == pytest.approx(2 / 3)
    assert {row["source"]: row["revenue_per_install"] for row in week} == {"tiktok": "3.000000", "meta": "0.000000"}
    assert [row["complete"] for row in rows if row["installed_from"] == "2026-11-16"] == ["no"]


@pytest.mark.parametrize("query", ["?unit=moon&measure=cheese&rows=x", "?source=nobody", "?unit=month&measure=people"])
def test_odd_addresses_are_answered(editor: Client, people: None, query: str) -> None:
    assert editor.get(PAGE + query).status_code == 200


def test_a_project_without_installs_is_told_how_to_begin(editor: Client) -> None:
    assert "Cohorts begin with the first install" in editor.get(PAGE).content.decode()


def test_a_stranger_sees_nothing(stranger: Client, project: Project) -> None:
    assert stranger.get(PAGE).status_code == 404
