"""GET /v1/attributions, one of them, and why."""

from datetime import timedelta
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from customers.models import ApiKey, Project
from events import services as events
from tests.attribution.factories import NOON, TouchFactory, decide, decision_of, install
from tests.factories import ApiKeyFactory, ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return ProjectFactory(time_zone="Europe/Berlin")


@pytest.fixture
def key(project: Project) -> str:
    return ApiKeyFactory(project=project).text


def get(key: str, path: str = "", **query: Any) -> Any:
    headers = {"HTTP_AUTHORIZATION": f"Bearer {key}"} if key else {}
    return APIClient().get(f"/v1/attributions{path}", query, **headers)


def credited(project: Project, **more: Any) -> str:
    """Send an install that follows a click with its click id."""
    touch = TouchFactory(project=project, **more)
    message_id = install(project, properties={"click_id": touch.touch_id})
    decide()
    return message_id


def test_a_decision_is_listed_in_the_agreed_shape(project: Project, key: str) -> None:
    message_id = credited(project, touch_id="tch_1")
    while (stretch := events.digest()) and stretch.more:
        pass

    answer = get(key)

    assert answer.status_code == 200
    row = answer.json()["results"][0]
    assert answer.json()["next"] is None
    decided_at, person_id = row.pop("decidedAt"), row.pop("personId")
    assert decided_at
    assert person_id.startswith("p_")
    assert row == {
        "id": f"dec_{decision_of(message_id).pk}",
        "kind": "install",
        "messageId": message_id,
        "installedAt": "2026-11-10T12:00:00+00:00",
        "state": "provisional",
        "revision": 1,
        "tier": "click_id",
        "probability": 1.0,
        "touchId": "tch_1",
        "source": "tiktok",
        "campaign": "Winter sale",
        "adSet": None,
        "ad": None,
        "creative": None,
        "publisher": None,
        "country": None,
        "os": None,
        "originalId": None,
        "rejected": False,
        "fraud": [],
        "fraudEvidence": [],
        "notes": [],
        "ruleSet": 1,
    }
    assert get(key, personId=person_id, count="true").json() == {"count": 1}
    assert get(key, personId="p_999999", count="true").json() == {"count": 0}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 2),
        ({"source": "tiktok"}, 1),
        ({"source": "organic"}, 1),
        ({"campaign": "Winter sale"}, 1),
        ({"tier": "organic"}, 1),
        ({"kind": "install"}, 2),
        ({"kind": "reinstall"}, 0),
        ({"from": "2026-11-10T12:00:00Z"}, 2),
        ({"from": "2026-11-10T12:00:01Z"}, 0),
        ({"to": "2026-11-10T12:00:00Z"}, 0),
        ({"from": "2026-11-10", "to": "2026-11-10"}, 2),
        ({"from": "2026-11-11"}, 0),
        ({"to": "2026-11-09"}, 0),
        ({"from": "2026-11-10T14:00:00+02:00"}, 2),
    ],
)
def test_filters_and_counts_agree(project: Project, key: str, query: dict[str, str], count: int) -> None:
    credited(project)
    install(project)
    decide()

    assert get(key, count="true", **query).json() == {"count": count}
    assert len(get(key, **query).json()["results"]) == count


def test_pages_continue_where_the_last_one_ended(project: Project, key: str) -> None:
    for number in range(5):
        install(project, at=NOON + timedelta(seconds=number // 2), properties={"n": number})
    decide()

    seen, cursor = [], ""
    while True:
        answer = get(key, limit=2, cursor=cursor).json()
        seen += [row["id"] for row in answer["results"]]
        cursor = answer["next"]
        if not cursor:
            break

    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    "query",
    [{"from": "soon"}, {"to": "2026-13-01"}, {"limit": "0"}, {"cursor": "x"}, {"personId": "ada"}],
)
def test_a_filter_that_can_not_be_read_is_refused(key: str, query: dict[str, str]) -> None:
    answer = get(key, **query)

    assert answer.status_code == 400
    assert {"error", "code", "message", "detail"} == answer.json().keys()


def test_one_decision_is_answered_by_its_id(project: Project, key: str) -> None:
    decision = decision_of(credited(project))

    answer = get(key, f"/dec_{decision.pk}")

    assert answer.status_code == 200
    assert answer.json()["id"] == f"dec_{decision.pk}"
    assert "candidates" not in answer.json()


def test_explain_says_why_this_touch_and_why_not_the_others(project: Project, key: str) -> None:
    TouchFactory(project=project, touch_id="other", ip="203.0.113.7", os_name="ios", ts=NOON - timedelta(seconds=30))
    TouchFactory(project=project, touch_id="mine", ts=NOON - timedelta(seconds=198))
    message_id = install(project, properties={"click_id": "mine"}, ip="203.0.113.7", os={"name": "Android"})
    decide()

    answer = get(key, f"/dec_{decision_of(message_id).pk}/explain").json()

    mine, other = answer["candidates"]
    assert answer["summary"] == (
        "Credited to Winter sale / TikTok: clicked 3 min 18 s before the install, with the same click id."
        " One other touch lost. Winter sale / TikTok’s click came from another operating system."
    )
    assert answer["considered"] == 2
    assert answer["rules"]["windows_s"]["click_id"] == 7 * 86_400
    assert (mine["touchId"], mine["tier"], mine["eligible"], mine["credited"]) == ("mine", "click_id", True, True)
    assert (mine["reasons"], mine["age_s"], mine["probability"]) == (["same_click_id", "latest_click"], 198.0, 1.0)
    assert mine["explanation"][0] == "The app sent the click id of this touch."
    assert (other["touchId"], other["eligible"], other["fraud"]) == ("other", False, [])
    assert other["reasons"] == ["same_network", "other_os"]


def test_an_organic_install_is_explained_too(project: Project, key: str) -> None:
    message_id = install(project)
    decide()

    answer = get(key, f"/dec_{decision_of(message_id).pk}/explain").json()

    assert (answer["tier"], answer["touchId"], answer["source"]) == ("organic", None, "organic")
    assert (answer["candidates"], answer["campaign"]) == ([], None)
    assert answer["summary"].startswith("Organic: no tap and no view shares an id or the network with this install.")


@pytest.mark.parametrize("path", ["", "/dec_{id}", "/dec_{id}/explain"])
def test_a_key_opens_only_its_own_project(project: Project, path: str) -> None:
    path = path.format(id=decision_of(credited(project)).pk)
    stranger = ApiKeyFactory(project=ProjectFactory()).text
    public = ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text

    assert get("", path).status_code == 401
    assert get("sk_wrong", path).status_code == 401
    assert get(public, path).status_code == 403
    if path:
        assert get(stranger, path).status_code == 404
    else:
        assert get(stranger, path).json()["results"] == []


@pytest.mark.parametrize("name", ["dec_0", "dec_x", "x", "dec_99999999999999999999", "dec_١"])
def test_a_decision_that_is_not_there_is_a_404(key: str, name: str) -> None:
    answer = get(key, f"/{name}")

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


def test_the_description_shows_every_address_with_an_example() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]

    for path, method in (
        ("/v1/touches", "post"),
        ("/v1/attributions", "get"),
        ("/v1/attributions/{decision_id}", "get"),
        ("/v1/attributions/{decision_id}/explain", "get"),
    ):
        answer = paths[path][method]["responses"]["200"]["content"]["application/json"]
        assert answer["examples"]
    assert paths["/c/{slug}"]["get"]["responses"].keys() == {"302", "404", "410"}
    assert paths["/i/{slug}"]["get"]["responses"].keys() == {"200", "404"}
