"""The page of campaigns: page, file and drill-down count alike."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from attribution import queries
from attribution.models import Touch
from customers.models import Project
from tests.attribution.conftest import decided
from tests.attribution.factories import NOON, LinkFactory, TouchFactory

PAGE = "/dashboard/acme/campaigns/"


@pytest.fixture(autouse=True)
def _a_day_later() -> Iterator[None]:
    with time_machine.travel(NOON + timedelta(hours=20), tick=False):
        yield


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))


@pytest.fixture
def traffic(project: Project) -> None:
    """Two TikTok campaigns and a newsletter, four installs of which one is organic; one install the month before."""
    before = NOON - timedelta(minutes=5)
    for number in range(4):
        TouchFactory(project=project, touch_id=f"w{number}", campaign="Winter sale", ts=before)
    TouchFactory(project=project, touch_id="p0", campaign="Puzzle", ts=before)
    TouchFactory(project=project, touch_id="n0", source="newsletter", campaign="", ts=before)
    TouchFactory(project=project, touch_id="seen", type=Touch.Type.IMPRESSION, ts=before)
    TouchFactory(project=project, touch_id="bot", bot=True, ts=before)
    decided(project, "m-1", click_id="w0")
    decided(project, "m-2", click_id="w1")
    decided(project, "m-3", click_id="n0")
    decided(project, "m-4")
    TouchFactory(project=project, touch_id="old", ts=before - timedelta(days=28))
    decided(project, "m-5", click_id="old", at=NOON - timedelta(days=28))
    TouchFactory(touch_id="theirs", source="theirs")


def test_a_row_counts_clicks_views_installs_and_the_change(editor: Client, traffic: None) -> None:
    answer = editor.get(PAGE)

    row = next(row for row in answer.context["rows"] if row.values["campaign"] == "Winter sale")
    assert (row.now.clicks, row.now.impressions, row.now.installs) == (4, 1, 2)
    assert row.before.installs == 1
    assert row.now.conversion == 0.5
    assert row.now.tiers == {"click_id": 2}
    assert b"theirs" not in answer.content


def test_the_file_equals_the_page_and_its_totals(editor: Client, traffic: None) -> None:
    answer = editor.get(PAGE)
    rows = rows_of(editor.get(PAGE, {"format": "csv"}))

    names = ("clicks", "impressions", "installs")
    shown = [
        (row.source, row.values["campaign"], *(str(getattr(row.now, name)) for name in names))
        for row in answer.context["rows"]
    ]
    assert [(row["source"], row["campaign"], *(row[name] for name in names)) for row in rows] == shown
    together = answer.context["together"].now
    for name in names:
        assert sum(int(row[name]) for row in rows) == getattr(together, name)


def test_organic_installs_do_not_raise_the_conversion(editor: Client, traffic: None) -> None:
    together = editor.get(PAGE).context["together"].now

    assert (together.installs, together.credited, together.clicks) == (4, 3, 6)
    assert together.conversion == 0.5


def test_sources_add_up_to_the_same_as_campaigns(editor: Client, traffic: None) -> None:
    by_source = editor.get(PAGE, {"by": "source"}).context
    by_campaign = editor.get(PAGE).context

    assert {row.source for row in by_source["rows"]} == {"tiktok", "newsletter", "organic"}
    assert by_source["together"].now == by_campaign["together"].now


def test_a_source_leads_to_its_campaigns_and_these_to_their_installs(editor: Client, traffic: None) -> None:
    source = next(row for row in editor.get(PAGE, {"by": "source"}).context["rows"] if row.source == "tiktok")
    campaigns = editor.get(source.url).context["rows"]
    winter = next(row for row in campaigns if row.values["campaign"] == "Winter sale")
    below = editor.get(winter.url)
    installs = editor.get(below.context["installs_url"])

    assert {row.source for row in campaigns} == {"tiktok"}
    assert below.context["together"].now == winter.now
    assert installs.context["number"] == winter.now.installs


def test_a_campaign_without_a_name_leads_to_its_installs_too(editor: Client, traffic: None) -> None:
    nameless = next(row for row in editor.get(PAGE).context["rows"] if row.source == "newsletter")

    below = editor.get(nameless.url)
    assert below.context["title"] == "No campaign"
    assert editor.get(below.context["installs_url"]).context["number"] == 1


def test_the_chart_adds_up_to_the_key_number(editor: Client, traffic: None) -> None:
    for metric, total in (("installs", 4), ("clicks", 6)):
        series = editor.get(PAGE, {"metric": metric}).context["figure"].option["series"]
        bars = [one["data"] for one in series if one["type"] == "bar"]
        values = [value["value"] if isinstance(value, dict) else value for data in bars for value in data]
        assert sum(values) == total


def test_days_follow_the_projects_zone(project: Project) -> None:
    late = NOON.replace(hour=23, minute=30)
    decided(project, "m-1", at=late)

    timeline = queries.installs_by_source(project, late - timedelta(days=2), late + timedelta(days=2))[0]

    assert [day.date().isoformat() for day in timeline.counts] == ["2026-11-11"]


@pytest.mark.parametrize("sort", ["name", "-clicks", "impressions", "-change", "conversion", "nonsense", "-source"])
def test_every_order_pages_through_all_rows_once(
    editor: Client, traffic: None, monkeypatch: pytest.MonkeyPatch, sort: str
) -> None:
    monkeypatch.setattr("attribution.views.shared.PAGE_ROWS", 2)
    seen: list[tuple[str, str]] = []
    cursor: str | None = ""

    while cursor is not None:
        context = editor.get(PAGE, {"sort": sort, "cursor": cursor}).context
        seen += [(row.source, row.values["campaign"]) for row in context["rows"]]
        cursor = context["next"]

    assert len(seen) == len(set(seen)) == 4


def test_a_project_without_traffic_is_told_how_it_comes(editor: Client, project: Project) -> None:
    answer = editor.get(PAGE)

    assert b"curl http://testserver/v1/touches" in answer.content


def test_an_empty_period_offers_a_longer_one(editor: Client, project: Project) -> None:
    LinkFactory(project=project)
    TouchFactory(project=project, ts=NOON - timedelta(days=80))

    answer = editor.get(PAGE, {"range": "7d"})

    assert b"Show the last 90 days" in answer.content


def test_a_viewer_may_look(viewer: Client, traffic: None) -> None:
    answer = viewer.get(PAGE)

    assert answer.status_code == 200
    assert b"Create link" not in answer.content


def test_a_stranger_finds_no_page(stranger: Client, project: Project) -> None:
    assert stranger.get(PAGE).status_code == 404


def test_a_page_needs_as_many_queries_for_many_campaigns_as_for_few(
    editor: Client, traffic: None, project: Project, django_assert_max_num_queries: Any
) -> None:
    TouchFactory.create_batch(30, project=project, campaign="Another", source="meta")

    with django_assert_max_num_queries(20):
        editor.get(PAGE)


def test_clicks_are_those_of_the_page_where_its_rows_have_none(editor: Client, traffic: None) -> None:
    by_tier = [kpi.now for kpi in editor.get(PAGE, {"by": "tier"}).context["kpis"]]
    of_one_tier = [kpi.value for kpi in editor.get(PAGE, {"tier": "click_id"}).context["kpis"]]
    [row, *_] = rows_of(editor.get(PAGE, {"by": "tier", "format": "csv"}))

    assert by_tier == [kpi.now for kpi in editor.get(PAGE).context["kpis"]]
    assert of_one_tier[1] == of_one_tier[3] == "–"
    assert row["clicks"] == ""
