"""Rows that only segments have: every list, count and single event is the same as while PostgreSQL had them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from attribution.models import Install
from events import partitions
from events import services as events
from events.models import Event, Identity, PersonErasure, Segment
from events.segments import sealing
from tests.scene import Scene, digest_all, make_scene, text_of, words_of

DAYS = 120
QUERIES = (
    "",
    "type=page",
    "name=Opened",
    "userId=user-3",
    "anonymousId=device-4",
    "name=Opened&userId=user-1",
    "from={early}&to={late}",
    "from={late}",
    "to={early}",
)


@pytest.fixture
def scene(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Scene]:
    settings.SEGMENTS_URL = str(tmp_path / "segments")
    settings.HOT_DAYS = 10
    events.create_partitions()
    scene = make_scene()
    fill(scene)
    yield scene
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event")


def fill(scene: Scene) -> None:
    """Four months of seven people, of whom some turn out to be one half way."""
    now = timezone.now()
    for back in range(DAYS, -1, -3):
        at = now - timedelta(days=back)
        calls: list[dict[str, Any]] = []
        for n in range(7):
            ids = {"userId": f"user-{n}"} if n < 4 else {"anonymousId": f"device-{n}"}
            happened = at - timedelta(hours=n * n)
            shared = {**ids, "timestamp": happened.isoformat(), "messageId": f"m-{back}-{n}"}
            if n % 3:
                calls.append(
                    {**shared, "type": "track", "event": "Opened" if n % 2 else "Closed", "properties": {"n": n}}
                )
            else:
                calls.append({**shared, "type": "page", "name": f"Page {n}", "context": {"ip": "203.0.113.7"}})
        if back == DAYS // 2:
            calls.append({"type": "identify", "userId": "user-1", "anonymousId": "device-4", "messageId": "joined"})
        receipt = events.record(scene.project.pk, calls, received_at=at)
        assert not receipt.refused
        if back % 30 == 0:
            digest_all()


def seal(scene: Scene) -> None:
    """Seal everything, and let PostgreSQL drop what arrived more than HOT_DAYS ago, an hour later."""
    sealing.seal(scene.project.pk)
    before = Event.objects.count()
    partitions.drop_sealed(timezone.now() + timedelta(hours=1), hot_days=10)
    assert before - Event.objects.count() > 200


def listed(scene: Scene, query: str, limit: int = 37) -> list[dict[str, Any]]:
    """Walk through all pages."""
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = scene.api(f"/v1/events?{query}&limit={limit}&cursor={cursor}").json()
        assert "missing" not in page
        rows += page["results"]
        cursor = page["next"] or ""
        if not cursor:
            return rows


def spelled(query: str) -> str:
    now = timezone.now()
    early, late = (f"{now - timedelta(days=days):%Y-%m-%d}" for days in (70, 20))
    return query.format(early=early, late=late)


def person_of(scene: Scene, value: str) -> str:
    return str(Identity.objects.get(project=scene.project, value=value).person)


def test_lists_and_counts_are_the_same_when_rows_have_left_postgresql(scene: Scene) -> None:
    queries = [spelled(query) for query in (*QUERIES, f"personId={person_of(scene, 'device-4')}")]
    before = [listed(scene, query) for query in queries]

    seal(scene)

    for query, rows in zip(queries, before, strict=True):
        assert listed(scene, query) == rows, query
        assert scene.api(f"/v1/events?{query}&count=true").json() == {"count": len(rows)}
        assert len(rows) > 5


def test_what_arrived_late_and_is_not_sealed_is_listed_between_sealed_rows(scene: Scene) -> None:
    seal(scene)
    at = timezone.now() - timedelta(days=50)
    events.record(
        scene.project.pk, [{"type": "track", "event": "Late", "userId": "user-3", "messageId": "late"}], received_at=at
    )

    rows = listed(scene, "userId=user-3")

    assert [row["messageId"] for row in rows].count("late") == 1
    assert [row["receivedAt"] for row in rows] == sorted((row["receivedAt"] for row in rows), reverse=True)


def test_a_person_page_shows_the_whole_timeline(scene: Scene) -> None:
    page = f"people/{person_of(scene, 'device-4')}/"
    before = [text_of(scene.owner.get(scene.url(page), {"cursor": cursor})) for cursor in cursors(scene, page)]

    seal(scene)

    after = [text_of(scene.owner.get(scene.url(page), {"cursor": cursor})) for cursor in cursors(scene, page)]
    assert len(after) > 1
    assert [timeline(page) for page in after] == [timeline(page) for page in before]
    assert "<option>Closed</option>" in after[0]
    assert words_of(scene.owner.get(scene.url(page), {"name": "Closed"})).count("Closed") > 10


def cursors(scene: Scene, page: str) -> Iterator[str]:
    cursor = ""
    while cursor is not None:
        yield cursor
        cursor = scene.owner.get(scene.url(page), {"cursor": cursor}).context["next"]


def timeline(page: str) -> str:
    return page.partition('id="timeline"')[2].partition('aria-labelledby="h-installs"')[0]


def test_one_event_opens_from_its_segment(scene: Scene) -> None:
    event = Event.objects.get(project=scene.project, message_id=f"m-{DAYS}-1")
    address = scene.url(f"live/{event.pk}/?at={event.received_at.isoformat()}").replace("+", "%2B")
    before = text_of(scene.owner.get(address))

    seal(scene)

    assert not Event.objects.filter(pk=event.pk).exists()
    assert text_of(scene.owner.get(address)) == before
    other = scene.url(f"live/{event.pk + 100_000}/?at={event.received_at.isoformat()}").replace("+", "%2B")
    assert scene.owner.get(other).status_code == 404


def test_the_live_feed_of_a_project_that_fell_silent_shows_what_came_last(scene: Scene) -> None:
    seal(scene)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event WHERE project_id = %s", [scene.project.pk])

    page = text_of(scene.owner.get(scene.url("live/")))

    assert page.count("g-feed") or page.count("Opened") > 5
    assert events.has_events(scene.project.pk)
    assert "First event received" in words_of(scene.owner.get(scene.url("start/")))


def test_hours_of_a_day_long_ago_are_counted_from_segments(scene: Scene) -> None:
    day = (timezone.now() - timedelta(days=60)).astimezone(scene.project.tz).date()
    query = f"from={day - timedelta(days=1)}&to={day}&compare=none"
    before = scene.api(f"/v1/metrics/overview?{query}").json()

    seal(scene)

    scene.project.time_zone = "Europe/Berlin"
    assert scene.api(f"/v1/metrics/overview?{query}&fresh=1").json()["metrics"] == before["metrics"]


def test_the_last_time_somebody_was_seen_is_exact_beyond_the_border(scene: Scene) -> None:
    now = timezone.now()
    asked = [
        (value, now - timedelta(days=back, hours=hours))
        for value in ("user-1", "device-4", "user-0", "device-6", "nobody")
        for back in (0, 5, 12, 13, 30, 59, 60, 61, 100, 119, 121)
        for hours in (0, 1, 17, 37)
    ]
    before = events.last_seen_before(scene.project.pk, asked)

    seal(scene)

    assert events.last_seen_before(scene.project.pk, asked) == before
    assert sum(at is not None for at in before) > 100


def test_the_newest_install_of_an_id_is_found_in_a_segment(scene: Scene) -> None:
    at = timezone.now() - timedelta(days=40)
    call = {"type": "track", "event": "Application Installed", "anonymousId": "phone", "messageId": "i-1"}
    events.record(scene.project.pk, [call], received_at=at)
    digest_all()
    before = events.newest_of(scene.project.pk, "phone", {"Application Installed"})

    seal(scene)

    assert before is not None
    assert events.newest_of(scene.project.pk, "phone", {"Application Installed"}) == before
    assert events.find(scene.project.pk, "i-1") == before
    assert events.newest_of(scene.project.pk, "nobody", {"Application Installed"}) is None
    assert Install.objects.count() == 0


def test_people_being_erased_are_not_listed(scene: Scene) -> None:
    seal(scene)
    person = Identity.objects.get(project=scene.project, value="user-2").person
    old = {"to": f"{timezone.now() - timedelta(days=20):%Y-%m-%d}"}

    PersonErasure.objects.create(project=scene.project, person_id=person.pk)

    assert listed(scene, f"userId=user-2&to={old['to']}") == []


def test_a_file_that_is_gone_is_named_and_the_rest_is_served(scene: Scene, tmp_path: Path) -> None:
    seal(scene)
    lost = Segment.objects.filter(project=scene.project).order_by("first_ts").first()
    assert lost is not None
    (tmp_path / "segments" / lost.path).unlink()

    answer = scene.api("/v1/events?limit=500").json()
    count = scene.api("/v1/events?count=true").json()

    assert [one["segment"] for one in answer["missing"]] == [lost.pk]
    assert answer["missing"][0]["why"] == "the file is not there"
    assert answer["results"]
    assert count["missing"] == answer["missing"]
    page = words_of(scene.owner.get(scene.url(f"people/{person_of(scene, 'user-3')}/")))
    assert "some of what they did may be missing" in page


@pytest.mark.parametrize("cursor", ["x", "WzEsMl0", "WyIyMDI2LTAxLTAxIiwxXQ"])
def test_a_cursor_of_nobody_is_refused_beyond_the_border_too(scene: Scene, cursor: str) -> None:
    seal(scene)

    answer = scene.api(f"/v1/events?cursor={cursor}&to=2000-01-02")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_the_border_moves_up_where_days_of_the_log_are_missing(scene: Scene) -> None:
    """As after HOT_DAYS was raised: what lies before the gap is answered by segments."""
    before = listed(scene, "")
    seal(scene)
    gone = (timezone.now() - timedelta(days=4)).date()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS events_event_{gone:%Y%m%d}")
        cursor.execute(
            "DELETE FROM events_event WHERE received_at < %s", [datetime(gone.year, gone.month, gone.day, tzinfo=UTC)]
        )

    assert listed(scene, "") == before
