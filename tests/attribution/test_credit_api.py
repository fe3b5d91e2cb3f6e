"""Models of credit through the API: the same numbers, clear refusals, nobody else's rows."""

from datetime import timedelta

import pytest

from attribution import crediting
from attribution.models import CreditModel
from tests.attribution.conftest import Api
from tests.attribution.credit_rows import journey
from tests.attribution.factories import NOON
from tests.factories import ProjectFactory

MODELS = "/v1/attribution/models"
OWN = "/v1/attribution/credit-models"
PERIOD = "?from=2026-11-01&to=2026-11-20"
DAY = timedelta(days=1)


def test_the_models_are_answered_as_they_are_compared(api: Api) -> None:
    journey(api.project, ["tiktok", "meta"], revenue=["12.50"])
    journey(api.project)

    answer = api("GET", f"{MODELS}{PERIOD}").json()

    found = crediting.compare(api.project, NOON - 9 * DAY, NOON + 10 * DAY, by="source", measure="installs")
    assert (answer["total"], answer["organic"], answer["causal"]) == (2.0, 1.0, False)
    assert [row["source"] for row in answer["channels"]] == [row.channel.source for row in found.rows]
    shared = [[round(one, 6) for one in row.credits] for row in found.rows]
    assert [list(row["credit"].values()) for row in answer["channels"]] == shared
    assert [model["name"] for model in answer["models"]] == [column.name for column in found.columns]


def test_revenue_by_campaign_names_its_currency(api: Api) -> None:
    journey(api.project, ["tiktok"], revenue=["12.50"])

    answer = api("GET", f"{MODELS}{PERIOD}&by=campaign&measure=revenue").json()

    assert (answer["total"], answer["currency"]) == (12.5, api.project.currency)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("?by=country", "by"),
        ("?measure=clicks", "measure"),
        ("?from=soon", "from"),
        ("?from=2026-11-20&to=2026-11-01", "to"),
        ("?from=2020-01-01&to=2026-11-01", "to"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(api: Api, query: str, field: str) -> None:
    answer = api("GET", MODELS + query)

    assert answer.status_code == 400
    assert answer.json()["detail"][0]["field"] == field


@pytest.mark.parametrize("path", [MODELS, OWN, f"{OWN}/1", "/v1/attributions/dec_1/credit"])
def test_nothing_is_answered_without_a_key(api: Api, path: str) -> None:
    assert api("GET", path, key="").status_code == 401


def test_one_install_is_answered_with_each_touchs_share(api: Api) -> None:
    decision = journey(api.project, ["tiktok", "meta"])

    answer = api("GET", f"/v1/attributions/dec_{decision.pk}/credit").json()

    assert [(touch["source"], touch["credited"]) for touch in answer["touches"]] == [("tiktok", False), ("meta", True)]
    for model in answer["models"]:
        assert sum(touch["credit"][model["name"]] for touch in answer["touches"]) == pytest.approx(1)


def test_a_strangers_install_does_not_exist(api: Api) -> None:
    theirs = journey(ProjectFactory(), ["tiktok"])

    assert api("GET", f"/v1/attributions/dec_{theirs.pk}/credit").status_code == 404


def test_own_weights_are_made_changed_listed_and_deleted(api: Api) -> None:
    made = api("POST", OWN, {"name": " Clicks  first ", "weights": {"view": 0.25}})
    assert made.status_code == 201
    assert made.json()["name"] == "Clicks first"
    path = f"{OWN}/{made.json()['id']}"

    changed = api("PUT", path, {"name": "Clicks first", "weights": {"equal": True, "half_life_days": 2}})
    assert changed.json()["definition"] == (
        "The same to each touch; half as much for every 2 days before the last one."
    )
    assert [one["name"] for one in api("GET", OWN).json()["results"]] == ["Clicks first"]

    assert api("DELETE", path).status_code == 204
    assert api("DELETE", path).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": 7}, "name"),
        ({"name": "Linear"}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"name": "Mine", "weights": {"first": -1}}, "first"),
        ({"name": "Mine", "weights": {"last": "1e999"}}, "last"),
        ({"name": "Mine", "weights": []}, "weights"),
        ([], "body"),
    ],
)
def test_weights_that_cannot_be_meant_are_refused_by_name(api: Api, body: object, field: str) -> None:
    answer = api("POST", OWN, body)

    assert answer.status_code == 400
    assert answer.json()["detail"][0]["field"] == field
    assert not CreditModel.objects.exists()


def test_a_name_is_taken_once_and_ten_models_are_enough(api: Api) -> None:
    for number in range(10):
        api("POST", OWN, {"name": f"Model {number}"})

    assert api("POST", OWN, {"name": "One more"}).json()["code"] == "too_many_models"
    assert api("PUT", f"{OWN}/{CreditModel.objects.get(name='Model 1').pk}", {"name": "Model 2"}).status_code == 409


def test_another_projects_model_does_not_exist(api: Api) -> None:
    theirs = crediting.save_model(ProjectFactory(), "Theirs", {})

    assert api("PUT", f"{OWN}/{theirs.pk}", {"name": "Mine"}).status_code == 404
    assert api("DELETE", f"{OWN}/{theirs.pk}").status_code == 404
    assert CreditModel.objects.get().name == "Theirs"
