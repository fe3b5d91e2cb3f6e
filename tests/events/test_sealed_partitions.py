"""The log gives up what is sealed, once it is old enough, and never anything else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from customers.models import Project
from events import log, partitions
from events import services as events
from events.models import Consumer, Event, Seal
from events.segments import sealing
from events.segments.reading import snapshot
from tests.analytics.stories import Told, tell
from tests.events.test_seal import hot_ids, sealed_rows
from tests.factories import ProjectFactory

HOT_DAYS = 35
NOW = timezone.now()
OLD = NOW.astimezone(UTC).replace(hour=12) - timedelta(days=50)
LATER = NOW + timedelta(hours=1)
STORY: dict[str, list[Told]] = {"ada": [("2026-09-01T10:00:00Z", "Signed Up"), ("2026-09-02T10:00:00Z", "Page: Home")]}


@pytest.fixture
def project(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Project]:
    settings.SEGMENTS_URL = str(tmp_path / "store")
    partitions.create_ahead(OLD.date(), days=0)
    yield ProjectFactory()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event; DELETE FROM events_message; DELETE FROM events_consumer")
        for day in partitions.days_present():
            if day <= OLD.date():
                cursor.execute(f"DROP TABLE {partitions.name_of(day)}")


def dropped(now: datetime) -> bool:
    return partitions.name_of(OLD.date()) in partitions.drop_sealed(now, HOT_DAYS)


def in_log(project: Project) -> int:
    return Event.objects.filter(project=project).count()


def test_a_sealed_partition_is_dropped_a_quarter_of_an_hour_later(project: Project) -> None:
    tell(project, STORY, received_at=OLD)
    sealing.seal(project.pk)

    assert not dropped(NOW)
    assert not dropped(NOW + timedelta(minutes=14))
    assert in_log(project) == 2
    assert dropped(LATER)
    assert in_log(project) == 0
    assert len(sealed_rows(project)) == 2
    answer = events.relation(project).run(lambda t: t.events.agg(n=t.events.count()))
    assert answer.rows == [(2,)]


def test_a_partition_with_an_unsealed_row_stays(project: Project) -> None:
    tell(project, STORY, received_at=OLD)

    assert not dropped(NOW)
    assert not dropped(LATER)
    assert in_log(project) == 2


def test_a_row_that_comes_after_the_mark_is_kept(project: Project) -> None:
    tell(project, STORY, received_at=OLD)
    sealing.seal(project.pk)
    assert not dropped(NOW)
    tell(project, {"eve": [("2026-09-03T10:00:00Z", "Late")]}, received_at=OLD)

    assert not dropped(LATER)
    assert len(hot_ids(project)) == 1
    sealing.seal(project.pk)
    assert not dropped(LATER)
    assert dropped(LATER + timedelta(minutes=16))
    assert len(sealed_rows(project)) == 3


def test_a_partition_of_a_project_that_was_never_sealed_stays(project: Project) -> None:
    other = ProjectFactory()
    tell(project, STORY, received_at=OLD)
    tell(other, STORY, received_at=OLD)
    sealing.seal(project.pk)

    assert not dropped(NOW)
    assert not dropped(LATER)


def test_young_partitions_stay(project: Project) -> None:
    partitions.create_ahead(NOW.date())
    tell(project, STORY)
    sealing.seal(project.pk)
    partitions.drop_sealed(NOW, HOT_DAYS)

    partitions.drop_sealed(LATER, HOT_DAYS)

    assert in_log(project) == 2


def test_old_sealed_rows_leave_the_default_partition(project: Project) -> None:
    tell(project, STORY, received_at=OLD - timedelta(days=400))
    sealing.seal(project.pk)
    tell(project, {"eve": [("2025-09-03T10:00:00Z", "Late")]}, received_at=OLD - timedelta(days=400))

    partitions.drop_sealed(NOW, HOT_DAYS)
    assert in_log(project) == 3
    partitions.drop_sealed(LATER, HOT_DAYS)

    assert in_log(project) == 1 == len(hot_ids(project))
    assert len(sealed_rows(project)) == 2


def test_what_is_sealed_stays_sealed_when_a_dump_is_restored_elsewhere(project: Project) -> None:
    other = ProjectFactory()
    tell(project, STORY)
    sealing.seal(project.pk)
    tell(project, {"eve": [("2026-09-03T10:00:00Z", "Late")]})
    tell(other, STORY)
    # As numbers of another server are: far above those of this one.
    with connection.cursor() as cursor:
        for table in ("events_event", "events_consumer", "events_seal"):
            cursor.execute(f"UPDATE {table} SET position = position + 1000000000000")

    with transaction.atomic():
        log._rebase()

    assert len(hot_ids(project)) == 1
    assert len(hot_ids(other)) == 2
    assert Seal.objects.get(project=project).position < 0
    assert Consumer.objects.get(name="people").position < 0
    tell(project, {"bob": [("2026-09-04T10:00:00Z", "After")]})
    assert sealing.seal(project.pk) == 2
    assert sealing.seal(other.pk) == 2
    assert len({row["id"] for row in sealed_rows(project)}) == 4


def test_a_mark_of_another_server_is_taken_away(project: Project) -> None:
    tell(project, STORY, received_at=OLD)
    sealing.seal(project.pk)
    name = partitions.name_of(OLD.date())
    with connection.cursor() as cursor:
        cursor.execute(f"COMMENT ON TABLE {name} IS 'sealed below 99999999999 since {NOW.isoformat()}'")

    assert not dropped(LATER)
    assert partitions._mark_of(name) is None


def test_the_snapshot_tells_one_state_by_one_watermark(project: Project) -> None:
    tell(project, STORY)
    first, again = snapshot(project.pk), snapshot(project.pk)
    sealing.seal(project.pk)

    assert first.watermark == again.watermark != snapshot(project.pk).watermark
    assert events.held().rows >= 2
