"""A person is erased: at once from every answer, for good from every table and every sealed file."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from attribution import services as attribution
from attribution.models import Candidate, Conversion, Decision, Install, Touch
from events import services as events
from events import tasks
from events.models import Event, Identity, Person, PersonErasure, PersonMerge, Rejected, Segment
from events.segments import files, locks, sealing
from tests.scene import Scene, digest_all, make_scene, words_of

ADA = ("ada", "adas-phone", "adas-old-phone")


@pytest.fixture
def scene(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Scene]:
    """Ada, known by three ids that were joined after her first events were sealed, and Bo."""
    settings.SEGMENTS_URL = str(tmp_path / "segments")
    scene = make_scene()
    scene.record(*[track(value, n) for value in (*ADA, "bo") for n in range(20)])
    digest_all()
    sealing.seal(scene.project.pk)
    scene.record(
        {
            "type": "identify",
            "userId": "ada",
            "anonymousId": "adas-phone",
            "messageId": "i1",
            "traits": {"email": "ada@example.com"},
        },
        {"type": "identify", "userId": "ada", "anonymousId": "adas-old-phone", "messageId": "i2"},
        *[track(value, n + 100) for value in (*ADA, "bo") for n in range(5)],
        {"type": "track", "userId": "ada", "messageId": "refused"},
        {"type": "track", "userId": "bo", "messageId": "refused-too", "properties": {"friend": "ada"}},
    )
    digest_all()
    yield scene
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event")


def track(value: str, number: int) -> dict[str, Any]:
    ids = {"userId": value} if value in {"ada", "bo"} else {"anonymousId": value}
    return {"type": "track", "event": "Opened", **ids, "messageId": f"{value}-{number}", "properties": {"who": value}}


def person_of(scene: Scene, value: str) -> Person:
    return Identity.objects.get(project=scene.project, value=value).person


def erase(scene: Scene, query: str = "userId=ada", key: str | None = None) -> Any:
    key = scene.secret_key if key is None else key
    return Client().delete(f"/v1/people?{query}", HTTP_AUTHORIZATION=f"Bearer {key}")


def people_in(scene: Scene) -> dict[int, int]:
    """Count the rows of each person as every analysis sees them."""
    answer = events.relation(scene.project).run(
        lambda tables: tables.events.group_by("person").agg(events=tables.events.count())
    )
    return dict(answer.rows)


def sealed_texts(scene: Scene) -> str:
    """Return everything that live files say."""
    paths = [str(files.store().local(one.path)) for one in Segment.objects.filter(replaced_at=None)]
    return str(duckdb.sql(f"SELECT * FROM read_parquet({paths})").fetchall())


def test_a_person_is_in_no_answer_once_the_erasure_is_asked_for(scene: Scene) -> None:
    ada, bo = person_of(scene, "ada"), person_of(scene, "bo")
    assert PersonMerge.objects.count() == 2
    assert people_in(scene) == {ada.pk: 77, bo.pk: 25}

    answer = erase(scene)

    assert (answer.status_code, answer.json()["personId"], answer.json()["state"]) == (202, str(ada), "erasing")
    assert people_in(scene) == {bo.pk: 25}
    assert scene.owner.get(scene.url(f"people/{ada}/")).status_code == 404
    assert {row["userId"] for row in scene.api("/v1/events?limit=500").json()["results"]} == {"bo"}
    assert not Identity.objects.filter(value__in=ADA).exists()


def test_every_row_of_every_table_and_file_is_gone_when_it_is_finished(scene: Scene) -> None:
    sealing.seal(scene.project.pk)
    scene.record(*[track("ada", n + 200) for n in range(3)])
    bo = person_of(scene, "bo")
    erase(scene)
    assert "adas-old-phone" in sealed_texts(scene)

    assert tasks.erase_people() == 1

    texts = sealed_texts(scene)
    assert "'bo'" in texts
    assert not [value for value in ADA if f"'{value}'" in texts]
    assert people_in(scene) == {bo.pk: 25}
    [erasure] = PersonErasure.objects.all()
    assert erasure.finished_at
    assert erasure.rows == 80
    for table in ("events_event", "events_identity", "events_person", "events_rejected"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE '%%adas-%%' OR t::text LIKE '%%ada@%%'")
            assert cursor.fetchone()[0] == 0, table


def test_refused_events_go_with_the_person_and_those_that_only_mention_them_stay(scene: Scene) -> None:
    erase(scene)

    [left] = Rejected.objects.all()
    assert "refused-too" in left.body


def test_what_is_being_sealed_meanwhile_is_erased_as_well(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealing has read the rows, then the person is erased, then the file is made known."""
    commit = sealing._commit

    def late(*arguments: Any) -> None:
        erase(scene)
        commit(*arguments)

    monkeypatch.setattr(sealing, "_commit", late)
    sealing.seal(scene.project.pk)
    assert "adas-phone" in sealed_texts(scene)
    assert set(people_in(scene)) == {person_of(scene, "bo").pk}

    tasks.erase_people()

    assert "adas-phone" not in sealed_texts(scene)


def test_a_repeat_says_how_far_it_is(scene: Scene) -> None:
    ada = person_of(scene, "ada")
    erase(scene)
    tasks.erase_people()

    again = Client().delete(f"/v1/people/{ada}", HTTP_AUTHORIZATION=f"Bearer {scene.secret_key}")

    assert (again.status_code, again.json()["state"]) == (200, "done")
    [listed] = scene.api("/v1/erasures").json()["results"]
    assert listed == again.json()


def test_events_that_come_afterwards_are_a_new_person(scene: Scene) -> None:
    ada = person_of(scene, "ada")
    erase(scene)
    scene.record(track("ada", 1), track("ada", 999))
    digest_all()

    tasks.erase_people()

    new = person_of(scene, "ada")
    assert new.pk != ada.pk
    # The first of the two had been sent before: its message id is still known.
    assert people_in(scene)[new.pk] == 1


def test_only_a_secret_key_of_the_project_erases(scene: Scene) -> None:
    other = make_scene()

    assert erase(scene, key="").status_code == 401
    assert erase(scene, key=scene.write_key).status_code == 403
    assert erase(scene, key=other.secret_key).status_code == 404
    assert erase(scene, "userId=nobody").json()["code"] == "unknown_person"
    for query in ("", "userId=ada&anonymousId=x", "userId=%00"):
        assert erase(scene, query).status_code == 400
    for number in ("p_0", "x", "p_99999999999999999999"):
        answer = Client().delete(f"/v1/people/{number}", HTTP_AUTHORIZATION=f"Bearer {scene.secret_key}")
        assert answer.status_code == 404
    assert Person.objects.filter(project=scene.project).count() == 2


def test_a_manager_erases_on_the_page_by_typing_the_id(scene: Scene) -> None:
    ada = person_of(scene, "ada")
    page = scene.url(f"people/{ada}/")
    assert "Erase this person?" in words_of(scene.owner.get(page))
    assert "Erase" not in words_of(scene.viewer.get(page))

    assert scene.viewer.post(f"{page}erase/", {"confirm": str(ada)}).status_code == 403
    assert scene.stranger.post(f"{page}erase/", {"confirm": str(ada)}).status_code == 404
    scene.owner.post(f"{page}erase/", {"confirm": "p_1"})
    assert Person.objects.filter(pk=ada.pk).exists()
    answer = scene.owner.post(f"{page}erase/", {"confirm": str(ada)}, follow=True)

    assert answer.redirect_chain[0][0] == scene.url("erasures/")
    assert "In no answer; files follow" in words_of(answer)
    assert scene.owner.post(f"{page}erase/", {"confirm": str(ada)}).status_code == 404
    tasks.erase_people()
    assert "In no answer; files follow" not in words_of(scene.viewer.get(scene.url("erasures/")))
    activity = words_of(scene.owner.get(f"/dashboard/{scene.project.slug}/settings/activity/"))
    assert f"Person erased {ada}" in activity


def test_the_list_is_empty_at_first_and_leads_on(scene: Scene) -> None:
    assert "Nobody was erased yet" in words_of(scene.owner.get(scene.url("erasures/")))
    assert scene.owner.get(scene.url("erasures/?cursor=x")).status_code == 404
    assert "Erased people" in words_of(scene.owner.get(scene.url("settings/")))


def test_erasing_waits_while_others_work_on_the_segments(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    erase(scene)

    def busy(*arguments: Any) -> int:
        raise locks.Busy

    with monkeypatch.context() as patched:
        patched.setattr("events.segments.compaction.erase_person", busy)
        assert tasks.erase_people() == 0
    assert PersonErasure.objects.get().finished_at is None

    assert tasks.erase_people() == 1


def test_a_damaged_file_keeps_the_erasure_open_and_the_person_out_of_answers(scene: Scene) -> None:
    erase(scene)
    damaged = Segment.objects.get(replaced_at=None)
    files.store().local(damaged.path).write_bytes(b"PAR1 nothing PAR1")

    assert tasks.erase_people() == 0

    assert PersonErasure.objects.get().finished_at is None


def test_attribution_keeps_its_counts_and_forgets_who_it_was(scene: Scene) -> None:
    now = timezone.now()
    told = {
        "ip": "203.0.113.9",
        "device": {"id": "device-1", "advertisingId": "ad-1", "model": "Pixel"},
        "userAgent": "Ada's browser",
    }
    Touch.objects.create(
        project=scene.project, touch_id="click-of-ada", type="click", ts=now - timedelta(hours=1), source="tiktok",
        campaign="Winter", ip="203.0.113.9", user_agent="Ada's browser", user_id="ada",
    )  # fmt: skip
    scene.record(
        {
            "type": "track",
            "event": "Application Installed",
            "userId": "ada",
            "messageId": "install-of-ada",
            "context": told,
            "properties": {"click_id": "click-of-ada"},
        },
        {
            "type": "track",
            "event": "Order Completed",
            "userId": "ada",
            "messageId": "order-of-ada",
            "properties": {"revenue": 12, "currency": "USD", "order_id": "A-7"},
        },
    )
    attribution.gather()
    attribution.decide_pending(100, now=timezone.now())
    digest_all()
    period = (now - timedelta(days=1), timezone.now() + timedelta(days=1))
    before = attribution.sum_of(attribution.campaign_totals(scene.project, *period))
    assert (before.installs, before.credited) == (1, 1)

    erase(scene)
    tasks.erase_people()

    assert attribution.sum_of(attribution.campaign_totals(scene.project, *period)) == before
    for model in (Install, Touch, Conversion):
        [row] = model.objects.filter(project=scene.project).values()
        said = " ".join(str(value) for value in row.values())
        assert not [word for word in ("ada", "Ada", "203.0.113.9", "device-1", "ad-1", "Pixel", "A-7") if word in said]
    assert Conversion.objects.get().revenue == 12
    assert Decision.objects.get().source == "tiktok"
    assert not Candidate.objects.exists()
    assert attribution.decide_pending(100, now=timezone.now()) == 0
    assert not Event.objects.filter(project=scene.project).exclude(user_id="bo").exists()
