"""Spend, rates and ROAS by API: verdicts for each row, the numbers of the pages, refusals by field."""

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest
import time_machine

from attribution.models import ExchangeRate, Spend
from tests.attribution.conftest import Api
from tests.attribution.credit_rows import Step, convert, journey
from tests.factories import ApiKeyFactory

AT = datetime(2026, 11, 10, 9, tzinfo=UTC)
ROW = {"day": "2026-11-10", "source": "tiktok", "campaign": "Winter", "amount": "100.00", "currency": "USD"}


@pytest.fixture(autouse=True)
def _now() -> Any:
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False):
        yield


def told(api: Api, *rows: Any, **more: Any) -> tuple[int, Any]:
    answer = api("POST", "/v1/spend", {"spend": list(rows), **more})
    return answer.status_code, orjson.loads(answer.content)


def asked(api: Api, path: str) -> Any:
    answer = api("GET", path)
    assert answer.status_code == 200, answer.content
    return orjson.loads(answer.content)


def test_a_batch_is_taken_row_by_row_and_safe_to_repeat(api: Api) -> None:
    first = told(api, ROW, {**ROW, "day": "2026-11-11"})
    again = told(api, ROW, {**ROW, "day": "2026-11-11", "amount": 90})

    assert (first[0], first[1]["added"]) == (200, 2)
    assert [one["outcome"] for one in again[1]["results"]] == ["unchanged", "replaced"]
    assert again[1]["results"][1]["was"] == {"amount": "100.0000", "currency": "USD"}
    assert sum(row.amount for row in Spend.objects.all()) == 190


BROKEN: list[tuple[Any, str, str]] = [
    ({"day": "10/11/2026"}, "day", "ambiguous_day"),
    ({"day": "soon"}, "day", "invalid_day"),
    ({"day": None}, "day", "missing"),
    ({"source": ""}, "source", "missing"),
    ({"amount": "x"}, "amount", "invalid_amount"),
    ({"amount": -1}, "amount", "negative_amount"),
    ({"currency": "XXQ"}, "currency", "unknown_currency"),
    ({"country": "Atlantis"}, "country", "unknown_country"),
    ({"adSet": "x" * 101}, "adSet", "too_long"),
    ({"clicks": "many"}, "clicks", "invalid_number"),
    ({"clicks": 1.5}, "clicks", "invalid_number"),
    ({"amount": [5]}, "amount", "invalid_value"),
    ({"amount": True}, "amount", "invalid_value"),
    ({"amuont": "5"}, "amuont", "unknown_field"),
]


def test_each_broken_row_is_refused_by_field_and_the_others_are_taken(api: Api) -> None:
    status, answer = told(api, ROW, *({**ROW, **wrong} for wrong, _, _ in BROKEN), "text", ROW)

    assert (status, answer["added"], answer["refused"]) == (200, 1, len(BROKEN) + 2)
    errors = [one["error"] for one in answer["results"][1:]]
    assert [(one["field"], one["code"]) for one in errors[:-2]] == [(field, code) for _, field, code in BROKEN]
    assert [one["code"] for one in errors[-2:]] == ["invalid_row", "row_repeated"]


def test_a_complete_batch_removes_what_it_leaves_out_and_is_taken_as_a_whole(api: Api) -> None:
    told(api, ROW, {**ROW, "campaign": "Old"})

    refused = told(api, ROW, {**ROW, "amount": "x"}, complete=True)
    done = told(api, ROW, complete=True)

    assert refused[0] == 400
    assert refused[1]["detail"] == [{"index": 1, "field": "amount", "message": refused[1]["detail"][0]["message"]}]
    assert done[1]["removed"] == 1
    assert [row.campaign for row in Spend.objects.all()] == ["Winter"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "spend"),
        ({"spend": []}, "spend"),
        ({"spend": {}}, "spend"),
        ({"spend": [ROW], "rows": 1}, "rows"),
        ({"spend": [ROW], "complete": "yes"}, "complete"),
        ({"spend": [ROW], "name": 5}, "name"),
        ([], "body"),
    ],
)
def test_what_is_no_batch_is_refused_by_field(api: Api, body: Any, field: str) -> None:
    answer = api("POST", "/v1/spend", body)

    assert answer.status_code == 400
    assert orjson.loads(answer.content)["detail"][0]["field"] == field


def test_a_source_that_a_program_names_is_taken_as_it_is(api: Api) -> None:
    told(api, {**ROW, "source": "Facebook"})

    assert Spend.objects.get().source == "facebook"


def test_spend_is_listed_by_page_kept_to_filters_and_as_a_file(api: Api) -> None:
    told(api, *({**ROW, "day": f"2026-11-{day:02}", "country": "DE" if day % 2 else ""} for day in range(1, 8)))

    first = asked(api, "/v1/spend?limit=4")
    rest = asked(api, f"/v1/spend?limit=4&cursor={first['next']}")

    days = [row["day"][-2:] for row in [*first["results"], *rest["results"]]]
    assert days == ["07", "06", "05", "04", "03", "02", "01"]
    assert rest["next"] is None
    assert len(asked(api, "/v1/spend?country=-&from=2026-11-01&to=2026-11-05")["results"]) == 2
    file = api("GET", "/v1/spend?format=csv")
    assert len(list(csv.DictReader(io.StringIO(b"".join(file.streaming_content).decode())))) == 7


def test_roas_has_the_numbers_of_the_pages_and_says_which_ages_are_complete(api: Api) -> None:
    convert(journey(api.project, [Step("tiktok", campaign="Winter")], at=AT), "150")
    told(api, ROW, {**ROW, "day": "2026-11-18", "campaign": "New", "currency": "EUR"})

    found = asked(api, "/v1/metrics/roas?from=2026-11-10&to=2026-11-20")

    winter, new = found["rows"]
    assert (winter["spend"], winter["cpi"], winter["roas"], winter["roi"]) == ("100.0000", "100.0000", 1.5, 0.5)
    assert (new["campaign"], new["spendWithoutRate"], new["cpi"]) == ("New", {"EUR": "100.0000"}, None)
    ages = {one["age"]: one for one in winter["byAge"]}
    assert (ages[0]["state"], ages[7]["state"], ages[90]["state"]) == ("complete", "partial", "future")
    assert (ages[7]["installedUntil"], ages[7]["revenue"], ages[7]["roas"]) == ("2026-11-13", "150.0000", 1.5)
    assert found["total"]["installs"] == 1
    campaigns = asked(api, "/v1/metrics/campaigns?from=2026-11-10&to=2026-11-20")
    assert Decimal(campaigns["total"]["revenue"]) == Decimal(found["total"]["revenue"])
    assert campaigns["total"]["installs"] == found["total"]["installs"]


@pytest.mark.parametrize(
    "query", ["by=nothing", "by=source,source", "by=tier", "from=x&to=y", "range=5y", "limit=0", "country=%00"]
)
def test_a_parameter_that_cant_be_read_is_refused(api: Api, query: str) -> None:
    assert api("GET", f"/v1/metrics/roas?{query}").status_code == 400


def test_roas_is_paged_and_a_file(api: Api) -> None:
    told(api, *({**ROW, "campaign": f"c{number}", "amount": number} for number in range(1, 6)))

    first = asked(api, "/v1/metrics/roas?by=campaign&limit=3")
    rest = asked(api, f"/v1/metrics/roas?by=campaign&limit=3&cursor={first['next']}")

    assert [row["campaign"] for row in [*first["rows"], *rest["rows"]]] == ["c5", "c4", "c3", "c2", "c1"]
    file = b"".join(api("GET", "/v1/metrics/roas?by=day,country&format=csv").streaming_content).decode()
    assert file.startswith("day,country,spend,")


def test_rates_are_kept_listed_with_what_is_missing_and_deleted(api: Api) -> None:
    told(api, {**ROW, "currency": "EUR"}, {**ROW, "currency": "GBP", "campaign": "Other"})

    kept = api("POST", "/v1/exchange-rates", {"currency": "eur", "day": "2026-11-01", "rate": "1.10"})

    assert orjson.loads(kept.content) == {"currency": "EUR", "into": "USD", "day": "2026-11-01", "rate": "1.1"}
    found = asked(api, "/v1/exchange-rates")
    assert [one["currency"] for one in found["missing"]] == ["GBP"]
    assert asked(api, "/v1/metrics/roas")["total"]["spend"] == "110.0000"
    assert api("DELETE", "/v1/exchange-rates/EUR/2026-11-01").status_code == 204
    assert api("DELETE", "/v1/exchange-rates/EUR/2026-11-01").status_code == 404
    assert not ExchangeRate.objects.exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": 5}, "currency"),
        ({"currency": "XXQ"}, "currency"),
        ({"day": "x"}, "day"),
        ({"day": None}, "day"),
        ({"rate": "0"}, "rate"),
        ({"rate": True}, "rate"),
        ({"x": 1}, "x"),
    ],
)
def test_a_wrong_rate_is_refused_by_field(api: Api, change: Any, field: str) -> None:
    answer = api("POST", "/v1/exchange-rates", {"currency": "EUR", "day": "2026-11-01", "rate": "1.1", **change})

    assert answer.status_code == 400
    assert orjson.loads(answer.content)["detail"][0]["field"] == field


def test_another_projects_spend_is_neither_seen_nor_changed(api: Api) -> None:
    told(api, ROW)
    stranger = ApiKeyFactory().text

    seen = orjson.loads(api("GET", "/v1/spend", key=stranger).content)
    api("POST", "/v1/spend", {"spend": [{**ROW, "amount": 1}], "complete": True}, key=stranger)

    assert seen["results"] == []
    assert Spend.objects.get(project=api.project).amount == 100
    assert api("GET", "/v1/spend", key="").status_code == 401
