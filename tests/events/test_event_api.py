"""GET /v1/events: the log for programs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Identity
from tests.scene import Scene, digest_all, make_scene


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    at = timezone.now() - timedelta(hours=2)
    scene.record(
        {"type": "page", "name": "Pricing", "anonymousId": "device-7", "messageId": "1", "timestamp": at.isoformat()},
        {"type": "identify", "userId": "ada", "anonymousId": "device-7", "messageId": "2", "traits": {"plan": "pro"}},
        {"type": "track", "event": "Order Completed", "userId": "ada", "messageId": "3", "properties": {"revenue": 5}},
        {"type": "track", "event": "Order Completed", "userId": "bo", "messageId": "4"},
    )
    digest_all()
    return scene


def found(scene: Scene, query: str = "") -> set[str]:
    return {row["messageId"] for row in scene.api(f"/v1/events?{query}").json()["results"]}


def test_an_event_reads_as_it_was_sent_with_its_times_and_person(scene: Scene) -> None:
    [event] = scene.api("/v1/events?userId=ada&name=Order%20Completed").json()["results"]

    person = Identity.objects.get(project=scene.project, value="ada").person
    assert (event["type"], event["event"], event["userId"]) == ("track", "Order Completed", "ada")
    assert event["properties"] == {"revenue": 5}
    assert event["personId"] == str(person)
    assert event["clamped"] is False
    assert event["receivedAt"] >= event["timestamp"]


def test_filters_narrow_the_list(scene: Scene) -> None:
    person = Identity.objects.get(project=scene.project, value="ada").person
    hour_ago = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")

    assert found(scene) == {"1", "2", "3", "4"}
    assert found(scene, "type=page") == {"1"}
    assert found(scene, "name=Pricing") == {"1"}
    assert found(scene, "anonymousId=device-7") == {"1", "2"}
    assert found(scene, f"personId={person}") == {"1", "2", "3"}
    assert found(scene, "personId=p_999999") == set()
    assert found(scene, f"from={hour_ago}") == {"2", "3", "4"}
    assert found(scene, f"to={hour_ago}") == {"1"}


def test_count_answers_for_the_same_filters(scene: Scene) -> None:
    assert scene.api("/v1/events?count=true").json() == {"count": 4}
    assert scene.api("/v1/events?count=true&userId=bo").json() == {"count": 1}


def test_the_cursor_walks_through_all_without_gap_or_repeat(scene: Scene) -> None:
    seen, cursor = [], ""
    for _ in range(4):
        page = scene.api(f"/v1/events?limit=1&cursor={cursor}").json()
        seen += [row["messageId"] for row in page["results"]]
        cursor = page["next"]

    assert sorted(seen) == ["1", "2", "3", "4"]
    assert cursor is None


@pytest.mark.parametrize(
    "query",
    [
        "from=yesterday",
        "to=2026-13-01",
        "type=poke",
        "personId=ada",
        "limit=0",
        "limit=501",
        "limit=x",
        "cursor=x",
        "name=%00",
        "from=9999-12-31",
    ],
)
def test_what_cannot_be_read_is_400_with_a_sentence(scene: Scene, query: str) -> None:
    answer = scene.api(f"/v1/events?{query}")

    assert answer.status_code == 400
    assert answer.json()["message"]


def test_without_a_secret_key_nothing_is_read(scene: Scene) -> None:
    assert scene.api("/v1/events", key="").status_code == 401
    assert scene.api("/v1/events", key="sk_nobodys").status_code == 401
    assert scene.api("/v1/events", key=scene.write_key).status_code == 403


def test_another_projects_events_are_never_answered(scene: Scene) -> None:
    other = make_scene()
    person = Identity.objects.get(project=scene.project, value="ada").person

    assert other.api("/v1/events").json() == {"results": [], "next": None}
    assert other.api(f"/v1/events?personId={person}").json() == {"results": [], "next": None}
