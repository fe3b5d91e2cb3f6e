"""Sealed files at an address that speaks S3, read through copies on this machine."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import Project
from events import services as events
from events.models import Segment
from events.segments import compaction, files, sealing, sweeping
from tests.analytics.stories import tell
from tests.events.test_seal import STORY, sealed_rows
from tests.factories import ProjectFactory

moto = pytest.importorskip("moto.server")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A server that speaks S3 over HTTP."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def project(
    transactional_db: None, endpoint: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    settings.SEGMENTS_URL = f"s3://bucket-{tmp_path.name[-12:].strip('_').replace('_', '-').lower()}/events"
    settings.SEGMENT_CACHE = tmp_path / "copies"
    files._store.cache_clear()
    remote = files.store()
    assert isinstance(remote, files.Remote)
    system, root = remote._system()
    system.mkdir(root.partition("/")[0])
    yield ProjectFactory()
    files._store.cache_clear()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event; DELETE FROM events_message; DELETE FROM events_consumer")


def copies(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "copies").rglob("*.parquet"))


def objects() -> list[str]:
    return sorted(found.name for found in files.store().names(""))


def counted(project: Project) -> Any:
    return events.relation(project).run(lambda t: t.events.group_by("event").agg(n=t.events.count()).order_by("event"))


def test_events_are_sealed_into_a_bucket_and_read_from_there(project: Project, tmp_path: Path) -> None:
    tell(project, STORY)
    before = counted(project).rows

    sealing.seal(project.pk)
    for copy in copies(tmp_path):
        copy.unlink()

    assert objects() == sorted(Segment.objects.values_list("path", flat=True))
    assert counted(project).rows == before
    assert len(copies(tmp_path)) == len(objects())
    assert len(sealed_rows(project)) == 4


def test_a_copy_is_the_object(project: Project, tmp_path: Path) -> None:
    tell(project, STORY)
    sealing.seal(project.pk)
    segment = Segment.objects.first()
    assert segment

    files.store().local(segment.path).unlink()

    assert files.digest(files.store().local(segment.path)) == segment.digest


def test_an_object_that_is_lost_is_named(project: Project, tmp_path: Path) -> None:
    tell(project, STORY)
    sealing.seal(project.pk)
    lost = compaction.live(project.pk)[0]
    files.store().remove(lost.path)

    answer = counted(project)

    assert [missing.segment for missing in answer.missing] == [lost.pk]
    assert sum(n for _, n in answer.rows) == 4 - lost.rows


def test_objects_are_compacted_replaced_and_swept(project: Project) -> None:
    for day in ("2026-09-01", "2026-09-02"):
        tell(project, {"ada": [(f"{day}T10:00:00Z", "Signed Up")]})
        sealing.seal(project.pk)
    compaction.compact(project.pk, timezone.now())
    files.store().put(_file(files.store()), "unknown/left.parquet")

    assert len(objects()) == 4
    sweeping.sweep(timezone.now() + timedelta(minutes=20))

    assert objects() == sorted([*Segment.objects.values_list("path", flat=True), "unknown/left.parquet"])
    assert len(sealed_rows(project)) == 2


def _file(store: files.Store) -> Path:
    assert isinstance(store, files.Remote)
    store.copies.mkdir(parents=True, exist_ok=True)
    made = store.copies / "made"
    made.write_bytes(b"left by another")
    return made


def test_copies_not_read_for_long_make_room(project: Project, tmp_path: Path) -> None:
    for day in ("2026-08-01", "2026-09-02"):
        tell(project, {"ada": [(f"{day}T10:00:00Z", "Signed Up")]})
        sealing.seal(project.pk)
    first, second = (files.store().local(one.path) for one in compaction.live(project.pk))
    long_ago = time.time() - 2 * files.IN_USE_S
    os.utime(first, (long_ago, first.stat().st_mtime))
    remote = files.store()
    assert isinstance(remote, files.Remote)

    assert remote.trim(0) == 1

    assert not first.exists()
    assert second.exists()  # a question may read it
    assert remote.local(compaction.live(project.pk)[0].path).exists()


def test_a_copy_is_as_old_as_it_was_made_however_often_it_is_read(project: Project) -> None:
    tell(project, STORY)
    sealing.seal(project.pk)
    [name, *_] = objects()
    made_at = files.store().local(name).stat().st_mtime_ns

    assert files.store().local(name).stat().st_mtime_ns == made_at
