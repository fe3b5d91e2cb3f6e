"""Any two properties of campaigns crossed: the cells add up, lead on, and equal the file."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from attribution import campaigns
from customers.models import Project
from tests.attribution.factories import NOON, TouchFactory
from tests.attribution.test_counting import decision, pays

PAGE = "/dashboard/acme/campaigns/pivot/"


@pytest.fixture(autouse=True)
def _a_day_later() -> Iterator[None]:
    with time_machine.travel(NOON + timedelta(hours=20), tick=False):
        yield


@pytest.fixture
def traffic(project: Project) -> None:
    for number in range(12):
        source, country = ("tiktok", "meta", "organic")[number % 3], ("DE", "US", "", "FR")[number % 4]
        one = decision(project, source=source, country=country, tier="organic" if source == "organic" else "click_id")
        pays(one, "1.5")
        TouchFactory(project=project, source=source, country=country, ts=NOON)
    decision(project, source="meta", country="DE", rejected=True)


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))


def test_cells_add_up_to_rows_columns_and_the_whole(editor: Client, traffic: None) -> None:
    context = editor.get(PAGE).context

    assert context["heads"][0] != ""
    assert [line["total"] for line in context["lines"]] == ["4", "4", "4"]
    assert [sum(int(cell["text"] or 0) for cell in line["cells"]) for line in context["lines"]] == [4, 4, 4]
    assert context["total"] == "12"
    assert sum(int(total) for total in context["totals"]) == 12


@pytest.mark.parametrize("measure", campaigns.MEASURES)
@pytest.mark.parametrize(("rows", "columns"), [("source", "country"), ("country", "day"), ("platform", "source")])
def test_page_and_file_show_every_measure(editor: Client, traffic: None, measure: str, rows: str, columns: str) -> None:
    query = {"rows": rows, "columns": columns, "measure": measure}

    page, file = editor.get(PAGE, query), rows_of(editor.get(PAGE, {**query, "format": "csv"}))

    assert page.status_code == 200
    assert len(page.context["lines"]) == len(file) > 0


def test_a_cell_leads_to_the_rows_behind_it(editor: Client, traffic: None) -> None:
    context = editor.get(PAGE, {"rows": "country", "columns": "source"}).context
    line = next(line for line in context["lines"] if line["words"] == "Germany")
    cell = next(cell for cell, head in zip(line["cells"], context["heads"], strict=True) if head == "Meta")

    below = editor.get(cell["url"])

    assert f"{below.context['together'].now.installs}" == cell["text"]


def test_many_columns_are_added_up_and_the_file_has_them_all(editor: Client, traffic: None, project: Project) -> None:
    for number in range(20):
        decision(project, publisher=f"p{number:02}")

    page = editor.get(PAGE, {"columns": "publisher"}).context
    [*_, tiktok] = sorted(
        rows_of(editor.get(PAGE, {"columns": "publisher", "format": "csv"})), key=lambda row: row["source"]
    )

    assert page["heads"][-1] == "All others"
    assert len(page["heads"]) == campaigns.MOST_COLUMNS + 1
    assert sum(int(total) for total in page["totals"]) == 32
    assert len([name for name in tiktok if name.startswith("p")]) == 20


def test_clicks_cannot_be_cut_by_the_way_of_matching(editor: Client, traffic: None) -> None:
    answer = editor.get(PAGE, {"rows": "tier", "measure": "clicks"})

    assert "A click is not matched yet" in answer.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"rows": "nonsense", "columns": "nonsense", "measure": "nonsense"},
        {"rows": "source", "columns": "source"},
        {"rows": "day"},
        {"cursor": "nonsense", "source": "\x00", "country": "'; drop table"},
        {"from": "2026-11-12", "to": "2026-11-01"},
    ],
)
def test_an_address_typed_by_hand_is_a_page(editor: Client, traffic: None, query: dict[str, str]) -> None:
    assert editor.get(PAGE, query).status_code == 200


def test_the_address_keeps_the_filters_from_page_to_page(editor: Client, traffic: None) -> None:
    context = editor.get(PAGE, {"source": "meta", "range": "7d", "campaign": "-"}).context

    assert [chip["words"] for chip in context["chips"]] == ["Meta", "No campaign"]
    assert all("source=meta" in view["url"] and "range=7d" in view["url"] for view in context["views"])
    assert "campaign" not in context["chips"][0]["clear"]


def test_a_stranger_finds_no_page(stranger: Client, project: Project) -> None:
    assert stranger.get(PAGE).status_code == 404
