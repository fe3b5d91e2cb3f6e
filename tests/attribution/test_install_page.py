"""The list of installs: found by its filters, paged, as a file."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from customers.models import Project
from events.models import Identity, Person
from growthplatform.core import paging
from tests.attribution.conftest import decided, installed
from tests.attribution.factories import NOON, TouchFactory

PAGE = "/dashboard/acme/installs/"


@pytest.fixture(autouse=True)
def _a_day_later() -> Iterator[None]:
    with time_machine.travel(NOON + timedelta(hours=20), tick=False):
        yield


@pytest.fixture
def installs(project: Project) -> None:
    TouchFactory(project=project, touch_id="tap-1", campaign="Winter sale")
    TouchFactory(project=project, touch_id="tap-2", source="meta", campaign="Spring")
    decided(project, "m-1", click_id="tap-1", distinct_id="ada")
    decided(project, "m-2", click_id="tap-2", distinct_id="bob", at=NOON + timedelta(hours=1))
    decided(project, "m-3", distinct_id="eve", at=NOON + timedelta(hours=2))


def found(client: Client, **query: str) -> list[str]:
    return [row["install"].message_id for row in client.get(PAGE, query).context["rows"]]


def test_installs_come_newest_first_with_their_credit(editor: Client, installs: None) -> None:
    answer = editor.get(PAGE)

    assert [row["install"].message_id for row in answer.context["rows"]] == ["m-3", "m-2", "m-1"]
    assert b"Winter sale" in answer.content
    assert answer.context["rows"][2]["age_s"] == 600


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"source": "tiktok"}, ["m-1"]),
        ({"source": "meta", "campaign": "Spring"}, ["m-2"]),
        ({"source": "meta", "campaign": "Winter sale"}, []),
        ({"campaign": "-"}, ["m-3"]),
        ({"tier": "organic"}, ["m-3"]),
        ({"q": "m-2"}, ["m-2"]),
        ({"q": "tap-1"}, ["m-1"]),
        ({"q": "eve"}, ["m-3"]),
        ({"q": "%"}, []),
        ({"q": "p_99999999"}, []),
        ({"q": "p_999999999999999999999999"}, []),
        ({"range": "7d", "sort": "source"}, ["m-2", "m-3", "m-1"]),
        ({"from": "2026-11-09", "to": "2026-11-09"}, []),
    ],
)
def test_filters_and_search_find(editor: Client, installs: None, query: dict[str, str], expected: list[str]) -> None:
    assert found(editor, **query) == expected


def test_a_person_is_found_by_the_public_id(editor: Client, installs: None, project: Project) -> None:
    person = Person.objects.create(project=project, first_seen_at=NOON, last_seen_at=NOON)
    Identity.objects.create(project=project, value="bob", person=person, known=True)

    answer = editor.get(PAGE, {"q": f"p_{person.pk}"})

    assert [row["install"].message_id for row in answer.context["rows"]] == ["m-2"]
    assert f"p_{person.pk}".encode() in answer.content


@pytest.mark.parametrize("sort", ["installed", "-source", "campaign", "tier", "nonsense"])
def test_every_order_pages_through_all_installs_once(
    editor: Client, installs: None, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("attribution.views.shared.PAGE_ROWS", 1)
    seen: list[str] = []
    cursor: str | None = ""

    while cursor is not None:
        context = editor.get(PAGE, {"sort": sort, "cursor": cursor}).context
        seen += [row["install"].message_id for row in context["rows"]]
        cursor = context["next"]

    assert sorted(seen) == ["m-1", "m-2", "m-3"]


def test_the_file_equals_the_list_for_the_same_filters(editor: Client, installs: None) -> None:
    page = editor.get(PAGE, {"source": "tiktok"})
    answer: Any = editor.get(PAGE, {"source": "tiktok", "format": "csv"})
    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))

    assert [row["message_id"] for row in rows] == [row["install"].message_id for row in page.context["rows"]]
    assert (rows[0]["tier"], rows[0]["touch_id"], rows[0]["campaign"]) == ("click_id", "tap-1", "Winter sale")
    assert rows[0]["installed_at"] == "2026-11-10T13:00:00+01:00"


def test_installs_that_wait_are_said(editor: Client, project: Project) -> None:
    installed(project)

    assert b"1 install waits for its decision" in editor.get(PAGE).content


def test_a_project_without_installs_gets_a_working_command(editor: Client, project: Project) -> None:
    assert b"curl http://testserver/v1/track" in editor.get(PAGE).content


@pytest.mark.parametrize("values", [None, ["x", "y"], [1, 1], [{}, []], ["x"], [None, None]])
def test_a_cursor_that_makes_no_sense_begins_at_the_first_page(editor: Client, installs: None, values: Any) -> None:
    cursor = "nonsense" if values is None else paging.encode(values)

    assert found(editor, cursor=cursor) == ["m-3", "m-2", "m-1"]


def test_a_cursor_with_a_nul_character_begins_at_the_first_page(editor: Client, installs: None) -> None:
    assert len(found(editor, sort="campaign", cursor=paging.encode(["\x00", 1]))) == 3


def test_a_viewer_may_look_and_a_stranger_not(viewer: Client, stranger: Client, installs: None) -> None:
    assert viewer.get(PAGE).status_code == 200
    assert stranger.get(PAGE).status_code == 404
