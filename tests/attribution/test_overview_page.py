"""The overview of attribution: its parts add up, and each leads on."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client

from attribution.models import Install
from customers.models import Project
from tests.attribution.factories import NOON, TouchFactory
from tests.attribution.test_counting import decision, pays
from tests.attribution.test_network_claims import opened

PAGE = "/dashboard/acme/attribution/"


@pytest.fixture(autouse=True)
def _a_day_later() -> Iterator[None]:
    with time_machine.travel(NOON + timedelta(hours=20), tick=False):
        yield


@pytest.fixture
def traffic(project: Project) -> None:
    for number in range(6):
        TouchFactory(project=project, touch_id=f"t{number}", ts=NOON)
    pays(decision(project, country="DE"), "12")
    decision(project, country="US", tier="probabilistic")
    decision(project, source="organic", campaign="", tier="organic", country="DE")
    decision(project, source="meta", rejected=True)
    decision(project, kind="reinstall")
    decision(project, kind="reattribution")
    decision(project, at=NOON - timedelta(days=28))


def test_installs_agree_in_all_parts_of_the_page(editor: Client, traffic: None) -> None:
    context = editor.get(PAGE).context

    installs, clicks, revenue, conversion = (kpi.now for kpi in context["kpis"])
    assert (installs, clicks, revenue) == (3, 6, 12.0)
    assert conversion == pytest.approx(2 / 6)
    assert sum(row.now.installs for row in context["rows"]) == installs
    assert sum(row.now.installs for row in context["countries"]) == installs
    assert sum(tier["number"] for tier in context["tiers"]) == installs
    assert sum(row.now.revenue for row in context["countries"]) == Decimal(12)
    assert context["past"].installs == 1


def test_what_is_no_install_stands_beside(editor: Client, traffic: None, project: Project) -> None:
    Install.objects.create(project=project, message_id="w", distinct_id="a", installed_at=NOON, received_at=NOON)

    beside = {one["words"]: one["now"] for one in editor.get(PAGE).context["beside"]}

    assert beside == {
        "Reinstalls": 1, "Returns": 1, "Rejected as fraud": 1, "Sources flagged": 0, "Waiting for a decision": 1
    }  # fmt: skip


@pytest.mark.parametrize(("metric", "total"), [("installs", 3), ("clicks", 6), ("revenue", 12.0)])
def test_each_key_number_can_be_drawn(editor: Client, traffic: None, metric: str, total: float) -> None:
    series = editor.get(PAGE, {"metric": metric}).context["figure"].option["series"]

    bars = [one["data"] for one in series if one["type"] == "bar"]
    assert sum(value["value"] if isinstance(value, dict) else value for data in bars for value in data) == total


def test_sources_and_countries_lead_to_their_campaigns(editor: Client, traffic: None) -> None:
    context = editor.get(PAGE, {"range": "7d"}).context
    tiktok = next(row for row in context["rows"] if row.source == "tiktok")
    germany = next(row for row in context["countries"] if row.words == "Germany")

    assert editor.get(tiktok.url).context["together"].now.installs == 2
    assert "range=7d" in tiktok.url
    assert editor.get(germany.url).status_code == 200


def test_the_file_has_the_rows_of_the_page(editor: Client, traffic: None) -> None:
    answer: Any = editor.get(PAGE, {"format": "csv"})

    text = b"".join(answer.streaming_content).decode()
    assert "tiktok,6,0,2,2,1,1,0,12.0000" in text


def test_a_project_without_traffic_is_told_how_it_comes(editor: Client, project: Project) -> None:
    assert b"curl http://testserver/v1/touches" in editor.get(PAGE).content


def test_an_empty_period_is_a_page(editor: Client, traffic: None) -> None:
    answer = editor.get(PAGE, {"from": "2026-01-01", "to": "2026-01-05"})

    assert "Show the last 90 days" in answer.content.decode()


def test_a_viewer_may_look_and_a_stranger_may_not(viewer: Client, stranger: Client, traffic: None) -> None:
    assert viewer.get(PAGE).status_code == 200
    assert stranger.get(PAGE).status_code == 404


def test_the_page_needs_few_queries(editor: Client, traffic: None, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(28):
        editor.get(PAGE)


def test_messages_of_meta_that_nobody_can_read_are_shown(editor: Client, traffic: None, project: Project) -> None:
    opened(project)

    beside = {one["words"]: one for one in editor.get(PAGE).context["beside"]}

    assert beside["Messages of Meta unread"]["now"] == 1
    assert "network-keys" in beside["Messages of Meta unread"]["url"]


def test_of_very_many_sources_the_largest_are_shown_and_all_are_counted(editor: Client, project: Project) -> None:
    for number in range(25):
        decision(project, source=f"channel {number:02}")
    decision(project, source="channel 24")

    answer = editor.get(PAGE)

    assert len(answer.context["rows"]) == 20
    assert answer.context["rows"][0].source == "channel 24"
    assert answer.context["total"].installs == 26
    assert "All 25 sources" in answer.content.decode()
