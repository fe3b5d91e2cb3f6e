"""How a question is run: limits, an end on request, once for all who ask it, kept while nothing changes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import ibis
import ibis.expr.types as ir
import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from redis.exceptions import RedisError

from customers.models import Project
from events import services as events
from events.engine import asking, duck, running
from events.engine.answers import Cancelled, TooLarge, TooSlow
from events.engine.tables import Tables, json_text
from events.engine.tickets import QuestionTickets
from tests.analytics.stories import tell
from tests.factories import ProjectFactory

ADA = {"ada": [("2026-11-01T10:00:00Z", "Signed Up", {"plan": "pro", "note": 'a "b",\nc'})]}


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory()


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements that reached the engine."""
    seen: list[str] = []
    run = duck.run

    def counted(inputs: Any, sql: str) -> Any:
        seen.append(sql)
        return run(inputs, sql)

    monkeypatch.setattr(duck, "run", counted)
    return seen


def how_many(tables: Tables) -> ir.Table:
    return tables.events.agg(events=tables.events.count())


def endless(tables: Tables) -> ir.Table:
    """Count for minutes: five million numbers with each other."""
    numbers = ibis.range(0, 5_000_000).unnest().name("n").as_table()
    pairs = numbers.join(numbers.view(), ibis.literal(True), rname="{name}_other")
    return pairs.agg(n=(pairs.n * pairs.n_other % 7).sum())


def test_what_was_answered_is_given_again_until_something_is_new(project: Project, runs: list[str]) -> None:
    tell(project, ADA)
    first = events.relation(project).run(how_many)
    again = events.relation(project).run(how_many)
    tell(project, {"bob": [("2026-11-02T10:00:00Z", "Signed Up")]})

    after = events.relation(project).run(how_many)

    assert (first.rows, again.rows, after.rows) == ([(1,)], [(1,)], [(2,)])
    assert len(runs) == 2
    assert first.watermark == again.watermark != after.watermark


def test_a_fresh_answer_is_given_without_a_look_at_the_stream(project: Project, runs: list[str], settings: Any) -> None:
    settings.ANALYTICS_FRESH_SECONDS = 60
    tell(project, ADA)
    events.relation(project).run(how_many)
    tell(project, {"bob": [("2026-11-02T10:00:00Z", "Signed Up")]})

    again = events.relation(project).run(how_many)

    assert again.rows == [(1,)]
    assert len(runs) == 1


def test_other_bounds_people_and_projects_are_other_questions(project: Project, runs: list[str]) -> None:
    tell(project, ADA)
    day = datetime(2026, 11, 2, tzinfo=UTC)

    found = [
        events.relation(project).run(how_many).rows,
        events.relation(project, day).run(how_many).rows,
        events.relation(project, names=["Signed Out"]).run(how_many).rows,
        events.relation(ProjectFactory()).run(how_many).rows,
        events.relation(project, cohort=[1, 2, 3]).run(lambda tables: tables.cohort.agg(n=tables.cohort.count())).rows,
    ]

    assert found == [[(1,)], [(0,)], [(0,)], [(0,)], [(3,)]]
    assert len(runs) == 5


def test_a_question_that_many_ask_at_once_runs_once(project: Project, runs: list[str]) -> None:
    tell(project, ADA)
    together = threading.Barrier(5)

    def ask(_: int) -> Any:
        together.wait()
        try:
            return events.relation(project).run(how_many).rows
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as readers:
        found = list(readers.map(ask, range(5)))

    assert found == [[(1,)]] * 5
    assert len(runs) == 1


def test_without_redis_a_question_is_answered_each_time(
    project: Project, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(project, ADA)

    def away(*_: Any, **__: Any) -> None:
        raise RedisError

    for name in ("get", "set", "add", "delete"):
        monkeypatch.setattr(asking.cache, name, away)

    assert [events.relation(project).run(how_many).rows for _ in range(2)] == [[(1,)], [(1,)]]
    assert len(runs) == 2


def test_a_question_that_takes_too_long_is_refused(project: Project, settings: Any) -> None:
    settings.ANALYTICS_SECONDS = 1
    started = time.monotonic()

    with pytest.raises(TooSlow):
        events.relation(project).run(endless)

    assert time.monotonic() - started < 60


def test_a_question_that_needs_too_much_memory_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: Any) -> None:
        raise duck.duckdb.OutOfMemoryException("Out of Memory")

    monkeypatch.setattr(duck, "_supply", exhausted)

    with pytest.raises(TooLarge):
        events.relation(project).run(how_many)


def test_a_page_that_is_left_ends_its_question(project: Project) -> None:
    ticket = "00000000-aaaa-bbbb-cccc-000000000001"
    threading.Timer(0.5, events.cancel_question, [ticket]).start()
    started = time.monotonic()

    def asked(_: HttpRequest) -> HttpResponse:
        events.relation(project).run(endless)
        return HttpResponse()

    with pytest.raises(Cancelled):
        QuestionTickets(asked)(RequestFactory().get("/", headers={"X-Question": ticket}))

    assert time.monotonic() - started < 60


def test_a_cancelled_ticket_ends_no_other_question(project: Project) -> None:
    tell(project, ADA)
    events.cancel_question("00000000-aaaa-bbbb-cccc-000000000002")

    with running.ticketed("00000000-aaaa-bbbb-cccc-000000000003"):
        found = events.relation(project).run(how_many)

    assert found.rows == [(1,)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ('$."plan"', "pro"),
        ('$."note"', 'a "b",\nc'),
        ('$."nothing"', None),
        ('$."plan"."deeper"', None),
    ],
)
def test_properties_come_as_they_were_sent(project: Project, path: str, text: str | None) -> None:
    tell(project, ADA)

    found = events.relation(project).run(
        lambda tables: tables.events.select(v=json_text(tables.events.properties, path))
    )

    assert found.rows == [(text,)]


def test_an_empty_text_is_not_taken_for_none(project: Project) -> None:
    tell(project, {"ada": [("2026-11-01T10:00:00Z", "Page: ")]})

    found = events.relation(project).run(lambda tables: tables.events.select("event", "name", "anonymous_id"))

    assert found.rows in ([("Page: ", "", None)], [("Page: ", None, None)])
