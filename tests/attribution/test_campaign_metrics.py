"""GET /v1/metrics/campaigns: the numbers of the pages for programs."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from tests.attribution.conftest import Api
from tests.attribution.factories import NOON, TouchFactory
from tests.attribution.test_counting import decision, pays

CALL = "/v1/metrics/campaigns"


@pytest.fixture(autouse=True)
def _a_day_later() -> Iterator[None]:
    with time_machine.travel(NOON + timedelta(hours=20), tick=False):
        yield


@pytest.fixture
def traffic(api: Api) -> None:
    pays(decision(api.project, country="DE", ad_set="One"), "12.5")
    decision(api.project, country="US", ad_set="Two")
    decision(api.project, source="meta", campaign="", country="DE")
    decision(api.project, source="meta", campaign="", kind="reinstall")
    decision(api.project, at=NOON - timedelta(days=28))
    TouchFactory.create_batch(4, project=api.project, ts=NOON)


def test_rows_count_as_the_page_does(api: Api, traffic: None) -> None:
    answer = api("GET", CALL).json()

    first, second = answer["rows"]
    assert (first["source"], first["campaign"], first["installs"], first["clicks"]) == ("tiktok", "Winter sale", 2, 4)
    assert (first["revenue"], first["conversion"], first["previous"]["installs"]) == ("12.5000", 0.5, 1)
    assert (second["source"], second["campaign"], second["reinstalls"]) == ("meta", "", 1)
    assert (answer["total"]["installs"], answer["total"]["previous"]["installs"]) == (3, 1)
    assert answer["definitions"]["installs"].startswith("First opens")


def test_any_three_properties_may_be_asked_for_and_filtered_by(api: Api, traffic: None) -> None:
    answer = api("GET", f"{CALL}?by=adSet,country,day&source=tiktok&campaign=Winter%20sale").json()

    assert {(row["adSet"], row["country"], row["day"][:10]) for row in answer["rows"] if row["installs"]} == {
        ("One", "DE", "2026-11-10"), ("Two", "US", "2026-11-10")
    }  # fmt: skip
    assert answer["filters"] == {"source": "tiktok", "campaign": "Winter sale"}
    assert api("GET", f"{CALL}?campaign=-").json()["total"]["installs"] == 1


def test_pages_go_through_all_rows_once(api: Api, traffic: None) -> None:
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        answer = api("GET", f"{CALL}?by=country&limit=1&cursor={cursor}").json()
        seen += [row["country"] for row in answer["rows"]]
        cursor = answer["next"]

    assert sorted(seen) == ["", "DE", "US"]


def test_the_file_has_the_same_rows(api: Api, traffic: None) -> None:
    answer: Any = api("GET", f"{CALL}?by=source&format=csv")

    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))
    assert [(row["source"], row["installs"], row["revenue"]) for row in rows] == [
        ("tiktok", "2", "12.5000"), ("meta", "1", "0")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("by=nonsense", "by"),
        ("by=source,source", "by"),
        ("by=source,campaign,ad,country", "by"),
        ("by=ad_set", "by"),
        ("from=2026-11-01", "to"),
        ("range=1y", "range"),
        ("country=%00", "country"),
        ("limit=0", "limit"),
        ("cursor=x", "cursor"),
    ],
)
def test_what_cannot_be_read_is_named(api: Api, traffic: None, query: str, field: str) -> None:
    answer = api("GET", f"{CALL}?{query}")

    assert answer.status_code == 400
    assert field in answer.json()["message"]


def test_no_key_no_numbers(api: Api) -> None:
    assert api("GET", CALL, key="").status_code == 401
    assert api("GET", CALL, key="sk_wrong").status_code == 401


def test_another_projects_numbers_stay_away(api: Api) -> None:
    TouchFactory(ts=NOON)

    assert api("GET", CALL).json()["rows"] == []


def test_along_the_way_of_matching_clicks_are_not_known(api: Api, traffic: None) -> None:
    answer = api("GET", f"{CALL}?by=tier").json()

    assert answer["rows"][0]["clicks"] is answer["total"]["clicks"] is answer["total"]["previous"]["conversion"] is None
    assert answer["total"]["installs"] == 3
