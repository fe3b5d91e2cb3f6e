"""Refused events: seen with their reason, repaired, replayed, discarded; and the same by the API."""

import csv
import io
import json

import pytest

from events.models import Event, Rejected
from tests.scene import Scene, make_scene, text_of, words_of

WITHOUT_ID = {"type": "track", "event": "Signed Up", "messageId": "m-1"}
REPAIRED = {**WITHOUT_ID, "userId": "ada"}


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return make_scene()


@pytest.fixture
def rejected(scene: Scene) -> Rejected:
    scene.record(WITHOUT_ID)
    return Rejected.objects.get(project=scene.project)


def stored(scene: Scene) -> list[Event]:
    return list(Event.objects.filter(project=scene.project))


def test_the_list_says_why_how_often_and_when(scene: Scene, rejected: Rejected) -> None:
    scene.record(WITHOUT_ID)

    said = words_of(scene.owner.get(scene.url("rejected/")))

    assert "either userId or anonymousId is needed" in said
    assert "missing_id" in said
    assert "1 different, seen 2 times" in said


def test_the_list_is_cut_by_code_state_and_words(scene: Scene, rejected: Rejected) -> None:
    scene.record({"type": "track", "userId": "u", "messageId": "m-2"})

    by_code = words_of(scene.owner.get(scene.url("rejected/?code=missing_id")))
    by_word = words_of(scene.owner.get(scene.url("rejected/"), {"q": "signed up"}))
    discarded = words_of(scene.owner.get(scene.url("rejected/?state=discarded")))
    odd = scene.owner.get(scene.url("rejected/?state=odd&sort=odd&q=%00&code=%00"))

    assert "1 different" in by_code
    assert "Replay all as they came" in by_code
    assert "1 different" in by_word
    assert "0 different" in discarded
    assert "2 different" in words_of(odd)


def test_csv_holds_the_bodies(scene: Scene, rejected: Rejected) -> None:
    rows = list(csv.DictReader(io.StringIO(text_of(scene.owner.get(scene.url("rejected/?format=csv"))))))

    assert [row["code"] for row in rows] == ["missing_id"]
    assert json.loads(rows[0]["body"])["event"] == "Signed Up"


def test_pages_of_the_list_follow_each_other(scene: Scene) -> None:
    scene.record(*({"type": "track", "event": f"E {n}"} for n in range(60)))

    first = scene.owner.get(scene.url("rejected/?sort=-seen"))
    second = scene.owner.get(scene.url("rejected/?sort=-seen"), {"sort": "-seen", "cursor": first.context["next"]})

    seen = {row.pk for row in [*first.context["rows"], *second.context["rows"]]}
    assert len(seen) == 60
    assert scene.owner.get(scene.url("rejected/?cursor=x")).status_code == 404


def test_the_detail_names_the_faulty_field_and_the_way_to_repair(scene: Scene) -> None:
    scene.record({"type": "track", "event": "Signed Up", "userId": "ada", "properties": [1, 2]})
    rejected = Rejected.objects.get(project=scene.project)

    page = text_of(scene.owner.get(scene.url(f"rejected/{rejected.pk}/")))

    assert "<mark>&quot;properties&quot;: [</mark>" in page
    assert "properties, traits and context are objects" in page


def test_a_repaired_event_is_stored_and_the_refusal_is_done(scene: Scene, rejected: Rejected) -> None:
    answer = scene.owner.post(scene.url(f"rejected/{rejected.pk}/replay/"), {"body": json.dumps(REPAIRED)}, follow=True)

    rejected.refresh_from_db()
    assert "Replayed: the event is stored." in words_of(answer)
    assert rejected.state == Rejected.State.REPLAYED
    assert [event.user_id for event in stored(scene)] == ["ada"]


def test_replaying_twice_stores_once_also_without_a_message_id(scene: Scene, rejected: Rejected) -> None:
    body = {"type": "track", "event": "Signed Up", "userId": "ada"}

    scene.owner.post(scene.url(f"rejected/{rejected.pk}/replay/"), {"body": json.dumps(body)})
    again = scene.owner.post(scene.url(f"rejected/{rejected.pk}/replay/"), {"body": json.dumps(body)})
    by_key = scene.api(f"/v1/rejected/{rejected.pk}/replay", body)

    assert "It was replayed and is stored" in words_of(again)
    assert (by_key.status_code, by_key.json()["code"]) == (409, "already_replayed")
    assert len(stored(scene)) == 1


def test_what_is_still_wrong_keeps_the_text_and_shows_the_new_reason_beside_it(
    scene: Scene, rejected: Rejected
) -> None:
    body = json.dumps({**REPAIRED, "properties": "text"})

    answer = scene.owner.post(scene.url(f"rejected/{rejected.pk}/replay/"), {"body": body}, HTTP_HX_REQUEST="true")

    rejected.refresh_from_db()
    assert answer.status_code == 422
    assert "Still refused because of properties" in words_of(answer)
    assert "ada" in text_of(answer)
    assert "<html" not in text_of(answer)
    assert rejected.state == Rejected.State.OPEN
    assert stored(scene) == []


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '{"type": "track"', '"text"', "\x00"])
def test_a_body_that_is_nothing_is_refused_with_a_sentence(scene: Scene, rejected: Rejected, body: str) -> None:
    answer = scene.owner.post(scene.url(f"rejected/{rejected.pk}/replay/"), {"body": body})

    assert answer.status_code == 422
    assert Rejected.objects.filter(project=scene.project).count() == 1, "a repair that fails is no new refusal"


def test_discarding_has_an_undo(scene: Scene, rejected: Rejected) -> None:
    discarded = scene.owner.post(scene.url(f"rejected/{rejected.pk}/discard/"), follow=True)
    state = Rejected.objects.get(pk=rejected.pk).state
    scene.owner.post(scene.url(f"rejected/{rejected.pk}/restore/"))

    assert f"undo:{scene.url(f'rejected/{rejected.pk}/restore/')}" in text_of(discarded)
    assert state == Rejected.State.DISCARDED
    assert Rejected.objects.get(pk=rejected.pk).state == Rejected.State.OPEN


def test_all_of_one_code_are_replayed_and_those_still_wrong_are_counted(scene: Scene, rejected: Rejected) -> None:
    mendable = Rejected.objects.create(
        project=scene.project,
        fingerprint="1" * 32,
        code="missing_id",
        message="m",
        path="/v1/track",
        body=json.dumps(REPAIRED),
    )

    answer = scene.owner.post(scene.url("rejected/replay/"), {"code": "missing_id"}, follow=True)

    mendable.refresh_from_db()
    rejected.refresh_from_db()
    assert "1 replayed, 1 still refused" in words_of(answer)
    assert (mendable.state, rejected.state) == ("replayed", "open")
    assert len(stored(scene)) == 1


def test_a_touch_is_not_offered_for_replay(scene: Scene) -> None:
    touch = Rejected.objects.create(
        project=scene.project, fingerprint="1" * 32, code="unknown_link", message="m", path="/v1/touches", body="{}"
    )

    page = text_of(scene.owner.get(scene.url(f"rejected/{touch.pk}/")))

    assert scene.api(f"/v1/rejected/{touch.pk}/replay", b" ").json()["code"] == "not_an_event"
    assert "A touch is no event" in page
    assert "<textarea" not in page


def test_a_viewer_looks_but_changes_nothing(scene: Scene, rejected: Rejected) -> None:
    page = text_of(scene.viewer.get(scene.url(f"rejected/{rejected.pk}/")))

    assert "<textarea" not in page
    for path in (f"rejected/{rejected.pk}/replay/", f"rejected/{rejected.pk}/discard/", "rejected/replay/"):
        assert scene.viewer.post(scene.url(path), {"code": "missing_id", "body": "{}"}).status_code == 403
    assert Rejected.objects.get(pk=rejected.pk).state == Rejected.State.OPEN


def test_refusals_of_another_organization_do_not_exist(scene: Scene, rejected: Rejected) -> None:
    other = make_scene()

    assert scene.stranger.get(scene.url("rejected/")).status_code == 404
    assert scene.stranger.post(scene.url(f"rejected/{rejected.pk}/discard/")).status_code == 404
    assert other.owner.get(other.url(f"rejected/{rejected.pk}/")).status_code == 404
    assert other.owner.post(other.url(f"rejected/{rejected.pk}/replay/"), {"body": "{}"}).status_code == 404
    assert other.api(f"/v1/rejected/{rejected.pk}/replay", REPAIRED).status_code == 404


def test_an_empty_list_says_what_will_be_here(scene: Scene) -> None:
    assert "Nothing was refused" in words_of(scene.owner.get(scene.url("rejected/")))


def test_the_api_lists_counts_and_replays(scene: Scene, rejected: Rejected) -> None:
    listed = scene.api("/v1/rejected").json()
    counted = scene.api("/v1/rejected?count=true&code=missing_id").json()
    refused = scene.api(f"/v1/rejected/{rejected.pk}/replay", b" ")
    replayed = scene.api(f"/v1/rejected/{rejected.pk}/replay", REPAIRED)

    assert [row["code"] for row in listed["results"]] == ["missing_id"]
    assert listed["next"] is None
    assert counted == {"count": 1}
    assert (refused.status_code, refused.json()["code"]) == (400, "missing_id")
    assert replayed.json() == {"stored": 1, "repeated": 0}
    assert scene.api("/v1/rejected").json()["results"] == []
    assert len(scene.api("/v1/rejected?state=replayed").json()["results"]) == 1


def test_the_api_of_refusals_needs_a_secret_key_and_readable_filters(scene: Scene, rejected: Rejected) -> None:
    assert scene.api("/v1/rejected", key="").status_code == 401
    assert scene.api("/v1/rejected", key=scene.write_key).status_code == 403
    assert scene.api(f"/v1/rejected/{rejected.pk}/replay", REPAIRED, key="").status_code == 401
    assert scene.api("/v1/rejected?state=odd").status_code == 400
    assert scene.api("/v1/rejected?cursor=odd").status_code == 400
    assert scene.api("/v1/rejected?limit=0").status_code == 400
    assert scene.api("/v1/rejected/999999/replay", REPAIRED).status_code == 404
