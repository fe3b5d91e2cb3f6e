"""The API of destinations and messages."""

import json
from typing import Any

import pytest

from attribution.models import Destination, Postback
from tests.attribution.conftest import Api
from tests.attribution.postbacks.conftest import Receiver, credited, destination, make, messages
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db
WEBHOOK = {"template": "webhook", "name": "Ours", "url": "https://8.8.8.8/hook"}


def body_of(answer: Any) -> Any:
    return json.loads(answer.content)


def test_a_destination_is_made_from_a_template_with_its_secret(api: Api) -> None:
    answer = api("POST", "/v1/destinations", WEBHOOK)

    made = body_of(answer)
    assert answer.status_code == 201
    assert made["signingSecret"].startswith("whsec_")
    assert made["news"] == ["install", "reinstall", "reattribution", "rejected", "*"]
    assert "signingSecret" not in body_of(api("GET", f"/v1/destinations/{made['id']}"))
    assert [one["id"] for one in body_of(api("GET", "/v1/destinations"))["results"]] == [made["id"]]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"template": "nothing"}, "template"),
        ({"url": "http://169.254.169.254/latest/"}, "url"),
        ({"url": "https://{campaign}.example/"}, "url"),
        ({"news": []}, "news"),
        ({"colour": "red"}, "colour"),
        ({"method": "PUT"}, "method"),
        ({"headers": {"Host": "x"}}, "headers"),
        ({"token": "a\nb"}, "token"),
        ({"name": "x" * 101}, "name"),
    ],
)
def test_a_wrong_field_is_named(api: Api, fields: dict[str, Any], field: str) -> None:
    answer = api("POST", "/v1/destinations", {**WEBHOOK, **fields})

    assert answer.status_code == 400
    assert field in {one["field"] for one in body_of(answer)["detail"]}
    assert not Destination.objects.exists()


def test_it_is_changed_paused_and_archived(api: Api) -> None:
    one = destination(api.project)
    path = f"/v1/destinations/{one.pk}"

    assert body_of(api("PATCH", path, {"name": "New", "paused": True}))["state"] == "paused"
    assert body_of(api("PATCH", path, {"paused": False}))["state"] == "live"
    assert body_of(api("DELETE", path))["state"] == "archived"
    assert body_of(api("PATCH", path, {"archived": False}))["state"] == "live"
    assert api("PATCH", path, {"url": "https://127.0.0.1/"}).status_code == 400
    one.refresh_from_db()
    assert (one.name, one.url) == ("New", "https://8.8.8.8/hook")


def test_messages_are_listed_read_and_sent_again(api: Api) -> None:
    one = destination(api.project)
    credited(api.project)
    make()
    [told] = messages(one)
    Postback.objects.update(state="delivered")

    listed = body_of(api("GET", f"/v1/postbacks?destination={one.pk}&state=delivered&q=dec_{told.decision_id}"))
    read = body_of(api("GET", f"/v1/postbacks/{told.pk}"))
    again = api("POST", "/v1/postbacks/resend", {"ids": [told.pk]})

    assert [row["key"] for row in listed["results"]] == [told.idempotency_key]
    assert json.loads(read["request"]["body"])["id"] == told.idempotency_key
    assert body_of(again) == {"sent": 1}
    assert api("POST", "/v1/postbacks/resend", {"ids": [told.pk, 999_999_999]}).status_code == 404
    assert api("GET", "/v1/postbacks?destination=x").status_code == 400


def test_another_projects_rows_are_not_there(api: Api) -> None:
    theirs = destination(ProjectFactory())
    credited(theirs.project)
    make()
    [told] = messages(theirs)

    assert api("GET", f"/v1/destinations/{theirs.pk}").status_code == 404
    assert api("PATCH", f"/v1/destinations/{theirs.pk}", {"paused": True}).status_code == 404
    assert api("POST", f"/v1/destinations/{theirs.pk}/test").status_code == 404
    assert api("GET", f"/v1/postbacks/{told.pk}").status_code == 404
    assert api("POST", "/v1/postbacks/resend", {"ids": [told.pk]}).status_code == 404
    assert body_of(api("GET", f"/v1/postbacks?destination={theirs.pk}"))["results"] == []
    assert api("GET", "/v1/postbacks", key="").status_code == 401


def test_a_test_says_what_came_of_it(api: Api, receiver: Receiver) -> None:
    one = destination(api.project, receiver.url)
    receiver.say(401, body=b"who are you")

    answer = body_of(api("POST", f"/v1/destinations/{one.pk}/test"))

    assert (answer["state"], answer["status"], answer["attempts"][0]["answer"]) == ("failed", 401, "who are you")


def test_templates_and_macros_are_listed(api: Api) -> None:
    answer = body_of(api("GET", "/v1/destinations/templates"))

    assert {one["code"] for one in answer["templates"]} >= {"webhook", "tiktok", "meta", "google"}
    assert "network_click_id" in answer["macros"]


def test_there_is_an_end_to_destinations(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attribution.postbacks.destinations.MOST_DESTINATIONS", 1)
    destination(api.project)

    assert api("POST", "/v1/destinations", WEBHOOK).status_code == 409
