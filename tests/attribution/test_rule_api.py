from datetime import timedelta
from typing import Any

import pytest

from attribution import replays, rule_sets
from attribution.models import Replay, RuleSet
from attribution.rules import CLICK_ID, VIEW, WINDOWS_S, Rules
from tests.attribution.conftest import Api, decided
from tests.attribution.factories import NOON, TouchFactory
from tests.factories import ApiKeyFactory

RULE_SETS = "/v1/attribution/rule-sets"
REPLAYS = "/v1/attribution/replays"
PERIOD = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z"}
SHORT = {"windows_s": {CLICK_ID: 3600}}


@pytest.fixture
def replay(api: Api) -> Replay:
    at = NOON - timedelta(hours=5)
    TouchFactory(project=api.project, touch_id="old", ts=at, received_at=at, source="meta", campaign="Brand")
    decided(api.project, "m-1", click_id="old")
    started = api("POST", REPLAYS, {**PERIOD, "rules": SHORT, "note": "An hour"}).json()
    replays.work(started["id"])
    return Replay.objects.get(pk=started["id"])


def test_the_rules_of_a_project_are_listed_newest_first(api: Api) -> None:
    rule_sets.publish(api.project, Rules(accept=0.8), "Looser", None)

    answer = api("GET", RULE_SETS).json()

    assert [(row["version"], row["note"]) for row in answer["results"]] == [(2, "Looser"), (1, "")]
    assert answer["results"][0]["rules"]["accept"] == 0.8
    assert answer["next"] is None


def test_rules_are_published_as_the_next_version(api: Api) -> None:
    answer = api("POST", RULE_SETS, {"rules": {"windows_s": {VIEW: 3600}}, "note": "Views", "base": 1})

    assert answer.status_code == 201
    assert answer.json()["version"] == 2
    assert answer.json()["rules"]["windows_s"] == {**WINDOWS_S, VIEW: 3600}
    assert api("GET", f"{RULE_SETS}/2").json() == answer.json()


def test_what_the_api_answers_can_be_published_again(api: Api) -> None:
    rules = api("GET", f"{RULE_SETS}").json()["results"][0]["rules"]

    assert api("POST", RULE_SETS, {"rules": rules}).json()["version"] == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "body"),
        ({"rules": {}, "nots": 1}, "nots"),
        ({"rules": []}, "rules"),
        ({}, "rules"),
        ({"rules": {"accept": 2}}, "accept"),
        ({"rules": {"speed": 2}}, "speed"),
        ({"rules": {"order": [["click_id"], ["click_id"]]}}, "order"),
        ({"rules": {"windows_s": {"view": -1}}}, "windows_s.view"),
        ({"rules": {"sources": {"tiktok": {"order": []}}}}, "sources.tiktok.order"),
        ({"rules": {}, "note": 7}, "note"),
        ({"rules": {}, "base": "1"}, "base"),
    ],
)
def test_bad_rules_are_refused_by_field(api: Api, body: Any, field: str) -> None:
    answer = api("POST", RULE_SETS, body)

    assert answer.status_code == 400
    assert field in {row["field"] for row in answer.json()["detail"]}
    assert not RuleSet.objects.filter(project=api.project, version__gt=1).exists()


def test_publishing_on_an_older_version_is_a_conflict(api: Api) -> None:
    rule_sets.publish(api.project, Rules(accept=0.8), "", None)

    answer = api("POST", RULE_SETS, {"rules": {"accept": 0.7}, "base": 1})

    assert (answer.status_code, answer.json()["code"]) == (409, "rules_overtaken")


def test_a_replay_goes_from_its_order_to_its_approval(api: Api, replay: Replay) -> None:
    found = api("GET", f"{REPLAYS}/{replay.pk}").json()
    changes = api("GET", f"{REPLAYS}/{replay.pk}/changes").json()
    approved = api("POST", f"{REPLAYS}/{replay.pk}/approve")
    replays.work(replay.pk)

    assert (found["state"], found["total"], found["done"], found["version"]) == ("done", 1, 1, None)
    assert (found["summary"]["moved"], found["summary"]["gone"]) == (1, 0)
    assert changes["results"][0]["from"] == {
        "source": "meta", "campaign": "Brand", "tier": "click_id", "rejected": False,
    }  # fmt: skip
    assert changes["results"][0]["to"]["source"] == "organic"
    assert (approved.status_code, approved.json()["state"], approved.json()["version"]) == (200, "applying", 2)
    assert api("GET", f"{REPLAYS}/{replay.pk}").json()["state"] == "approved"
    assert api("GET", "/v1/attributions").json()["results"][0]["source"] == "organic"


def test_a_replay_is_approved_once_and_not_canceled_after(api: Api, replay: Replay) -> None:
    api("POST", f"{REPLAYS}/{replay.pk}/approve")

    again, canceled = (api("POST", f"{REPLAYS}/{replay.pk}/{deed}") for deed in ("approve", "cancel"))

    assert (again.status_code, again.json()["code"]) == (409, "not_approvable")
    assert (canceled.status_code, canceled.json()["code"]) == (409, "not_cancelable")


def test_a_replay_is_canceled_twice_without_harm(api: Api, replay: Replay) -> None:
    for _ in range(2):
        answer = api("POST", f"{REPLAYS}/{replay.pk}/cancel")
        assert (answer.status_code, answer.json()["state"]) == (200, "canceled")


def test_two_replays_at_once_are_a_conflict(api: Api) -> None:
    api("POST", REPLAYS, {**PERIOD, "rules": SHORT})

    answer = api("POST", REPLAYS, {**PERIOD, "rules": SHORT})

    assert (answer.status_code, answer.json()["code"]) == (409, "replay_running")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"from": "yesterday"}, "from"),
        ({"to": None}, "to"),
        ({"from": 7}, "from"),
        ({"to": "2026-11-01T00:00:00Z"}, "to"),
        ({"rules": {"accept": "high"}}, "accept"),
        ({"since": "2026-11-01"}, "since"),
    ],
)
def test_a_bad_order_is_refused_by_field(api: Api, changes: dict[str, Any], field: str) -> None:
    answer = api("POST", REPLAYS, {**PERIOD, "rules": SHORT, **changes})

    assert answer.status_code == 400
    assert field in {row["field"] for row in answer.json()["detail"]}
    assert not Replay.objects.exists()


def test_replays_are_listed_newest_first(api: Api, replay: Replay) -> None:
    api("POST", REPLAYS, {**PERIOD, "rules": SHORT, "note": "second"})

    first = api("GET", f"{REPLAYS}?limit=1").json()
    second = api("GET", f"{REPLAYS}?limit=1&cursor={first['next']}").json()

    assert [row["note"] for row in first["results"] + second["results"]] == ["second", "An hour"]


def test_a_stranger_finds_no_replay_and_no_version(api: Api, replay: Replay) -> None:
    key = ApiKeyFactory().text

    for method, path in (
        ("GET", f"{REPLAYS}/{replay.pk}"),
        ("GET", f"{REPLAYS}/{replay.pk}/changes"),
        ("POST", f"{REPLAYS}/{replay.pk}/approve"),
        ("POST", f"{REPLAYS}/{replay.pk}/cancel"),
        ("GET", f"{REPLAYS}/{10**18}"),
        ("GET", f"{RULE_SETS}/7"),
    ):
        assert api(method, path, key=key).status_code == 404
    replay.refresh_from_db()
    assert replay.state == "done"


def test_without_a_key_there_is_nothing(api: Api) -> None:
    for path in (RULE_SETS, REPLAYS):
        assert api("GET", path, key="").status_code == 401
