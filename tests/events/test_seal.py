"""What is sealed is neither lost nor doubled, whatever it looks like and whenever one asks."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from django.db import connection
from django.utils import timezone

from customers.models import Project
from events import services as events
from events.models import Event, Identity, PersonMerge, Seal, Segment
from events.segments import files, layout, locks, sealing
from events.segments.reading import snapshot
from tests.analytics.stories import Told, tell
from tests.factories import ProjectFactory

STORY: dict[str, list[Told]] = {
    "ada": [("2026-11-01T10:00:00Z", "Signed Up", {"plan": "pro"}), ("2026-11-02T10:00:00Z", "Page: Pricing")],
    "bob": [("2026-10-31T23:59:59.999Z", "Signed Up"), ("2026-11-01T00:00:00Z", "Screen: Login")],
}


@pytest.fixture
def project(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Project]:
    settings.SEGMENTS_URL = str(tmp_path / "store")
    yield ProjectFactory()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event; DELETE FROM events_message; DELETE FROM events_consumer")


def sealed_rows(project: Project) -> list[dict[str, Any]]:
    """Return what the live files hold, by id."""
    paths = [str(file.path) for file in snapshot(project.pk).files]
    if not paths:
        return []
    with duckdb.connect() as db:
        found = db.execute(f"SELECT {layout.selected('duckdb')} FROM read_parquet({paths}) ORDER BY id")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def hot_ids(project: Project) -> list[int]:
    found = snapshot(project.pk)
    between = Event.objects.filter(project=project, position__gte=found.low, position__lt=found.high)
    return sorted(between.values_list("id", flat=True))


def plain(at: datetime | None) -> datetime | None:
    return at.astimezone(UTC).replace(tzinfo=None) if at else None


def test_sealed_rows_are_the_rows_of_the_log(project: Project) -> None:
    tell(project, STORY)
    uuid = "5b0e8b6d-9f1a-4b0c-8a6b-0123456789ab"
    odd: list[dict[str, Any]] = [
        {"messageId": uuid, "properties": {"text": 'comma, "quote"\nline\\ ü \u2028', "nested": {"a": [1, None]}}},
        {"messageId": uuid.upper(), "event": ""},
        {"messageId": f"ajs-next-1700000000000-{uuid}", "anonymousId": "device", "event": 'A,"B"\n'},
        {"messageId": f"{uuid}.{uuid}", "context": {"ip": "192.0.2.7"}, "timestamp": "2019-02-28T12:00:00.123456Z"},
    ]
    events.record(project.pk, [{"type": "track", "event": "Odd", "userId": "eve", **one} for one in odd])
    events.digest()

    assert sealing.seal(project.pk) == Event.objects.filter(project=project).count() == len(sealed_rows(project))

    people = events.person_ids(project.pk, ["ada", "bob", "eve"])
    for row, event in zip(sealed_rows(project), Event.objects.filter(project=project).order_by("id"), strict=True):
        assert row["id"] == event.pk
        assert row["person"] == people[event.user_id or ""]
        for name in ("type", "name", "user_id", "anonymous_id", "message_id", "clamped", "ip"):
            assert row[name] == getattr(event, name)
        for name in ("ts", "received_at", "claimed_at"):
            assert row[name] == plain(getattr(event, name))
        for name in ("properties", "context"):
            found = getattr(event, name)
            assert json.loads(row[name]) == (json.loads(found) if isinstance(found, str) else found)
    labels = {row["event"] for row in sealed_rows(project)}
    assert {"Signed Up", "Page: Pricing", "Screen: Login", "Odd"} <= labels


def test_each_event_is_hot_or_sealed(project: Project) -> None:
    tell(project, STORY)
    assert len(hot_ids(project)) == 4

    sealing.seal(project.pk)
    tell(project, {"eve": [("2026-11-03T10:00:00Z", "Signed Up")]})

    ids = [row["id"] for row in sealed_rows(project)] + hot_ids(project)
    assert sorted(ids) == sorted(Event.objects.filter(project=project).values_list("id", flat=True))
    assert len(hot_ids(project)) == 1


def test_sealing_again_seals_nothing(project: Project) -> None:
    tell(project, STORY)

    assert [sealing.seal(project.pk), sealing.seal(project.pk)] == [4, 0]
    assert len(sealed_rows(project)) == 4


def test_what_a_reader_has_not_read_yet_stays_hot(project: Project) -> None:
    tell(project, STORY)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO events_consumer (name, position) VALUES ('slow', 0)")

    assert sealing.seal(project.pk) == 0
    assert sealing.due(timezone.now() + timedelta(days=1)) == []


@pytest.mark.parametrize("stretch_rows", [1, 2, 3, 5])
def test_a_log_is_sealed_by_stretches_that_end_between_transactions(project: Project, stretch_rows: int) -> None:
    for number in range(7):
        tell(project, {f"user-{number}": [("2026-11-01T10:00:00Z", "A"), ("2026-11-02T10:00:00Z", "B")]})

    assert sealing.seal(project.pk, stretch_rows=stretch_rows) == 14

    assert Segment.objects.filter(project=project).count() > 1
    assert len({row["id"] for row in sealed_rows(project)}) == len(sealed_rows(project)) == 14


def test_other_projects_are_left_alone(project: Project) -> None:
    other = ProjectFactory()
    tell(project, STORY)
    tell(other, STORY)

    sealing.seal(project.pk)

    assert sealed_rows(other) == []
    assert len(hot_ids(other)) == 4


def test_rows_of_a_person_who_is_being_erased_are_not_sealed(project: Project) -> None:
    tell(project, STORY)
    Identity.objects.filter(project=project, value="ada").delete()

    assert sealing.seal(project.pk) == 2

    assert {row["user_id"] for row in sealed_rows(project)} == {"bob"}
    assert sealing.seal(project.pk) == 0


def test_files_are_divided_by_months_and_large_days(project: Project) -> None:
    tell(project, STORY)
    tell(project, {"eve": [("2026-11-20T10:00:00Z", "Signed Up")]})

    sealing.seal(project.pk)

    spans = Segment.objects.order_by("first_ts").values_list("first_day", "last_day", "rows")
    assert [(str(first), str(last), rows) for first, last, rows in spans] == [
        ("2026-10-31", "2026-10-31", 1),
        ("2026-11-01", "2026-11-20", 4),
    ]


def test_a_segment_says_what_its_file_is(project: Project) -> None:
    tell(project, STORY)

    sealing.seal(project.pk)

    for segment in Segment.objects.filter(project=project):
        path = files.store().local(segment.path)
        assert segment.bytes == path.stat().st_size
        assert segment.digest == files.digest(path)
        assert segment.first_day == segment.first_ts.date()


def test_one_process_seals_a_project_at_a_time(project: Project) -> None:
    tell(project, STORY)
    sealing.seal(project.pk, until=0)
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [locks.FAMILY + project.pk])

    assert sealing.seal(project.pk) == 0

    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [locks.FAMILY + project.pk])
    other.close()
    assert sealing.seal(project.pk) == 4


def test_what_another_process_sealed_meanwhile_is_not_sealed_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(project, STORY)
    commit = sealing._commit

    def overtaken(*given: Any) -> None:
        monkeypatch.setattr(sealing, "_commit", commit)
        commit(*given)
        commit(*given)

    monkeypatch.setattr(sealing, "_commit", overtaken)
    sealing.seal(project.pk)

    assert len(sealed_rows(project)) == 4


def test_projects_are_due_by_rows_or_by_age(project: Project) -> None:
    now = timezone.now()
    tell(project, STORY)

    assert sealing.due(now + timedelta(minutes=30)) == []
    assert sealing.due(now + timedelta(minutes=61)) == [project.pk]
    sealing.seal_due(now + timedelta(minutes=61))
    assert sealing.due(now + timedelta(days=1)) == []
    assert len(sealed_rows(project)) == 4


def test_a_merge_after_sealing_is_told_until_the_files_know_of_it(project: Project) -> None:
    events.record(
        project.pk,
        [
            {"type": "track", "event": "Visited", "anonymousId": "device", "messageId": "1"},
            {"type": "track", "event": "Signed Up", "userId": "ada", "messageId": "2"},
        ],
    )
    events.digest()
    sealing.seal(project.pk)

    events.record(project.pk, [{"type": "alias", "userId": "ada", "previousId": "device", "messageId": "3"}])
    events.digest()

    [merge] = PersonMerge.objects.filter(project=project)
    assert snapshot(project.pk).merges == 1
    assert {row["person"] for row in sealed_rows(project)} == {merge.person_id, merge.survivor_id}
    answer = events.relation(project).run(lambda t: t.events.agg(people=t.events.person.nunique()))
    assert answer.rows == [(1,)]


def test_questions_count_the_same_before_and_after_sealing(project: Project) -> None:
    tell(project, STORY)

    def asked() -> Any:
        return events.relation(project).run(
            lambda t: (
                t.events.group_by("event")
                .agg(
                    n=t.events.count(),
                    people=t.events.person.nunique(),
                    first=t.events.ts.min(),
                    m=t.events.message_id.max(),
                )
                .order_by("event")
            )
        )

    before = asked()
    sealing.seal(project.pk)
    after = asked()

    assert before.rows == after.rows
    assert before.watermark != after.watermark
    assert Seal.objects.get(project=project).sealed_at is not None
