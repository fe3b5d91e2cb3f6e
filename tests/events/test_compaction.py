"""Sealed files written anew: the same rows in fewer files, the people of now, and without who or what is to go."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import Project
from events import services as events
from events.models import PersonMerge, Seal, Segment
from events.segments import compaction, files, locks, sealing, sweeping
from events.segments.reading import snapshot
from tests.analytics.stories import tell
from tests.events.test_seal import hot_ids, sealed_rows
from tests.factories import ProjectFactory


@pytest.fixture
def project(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Project]:
    settings.SEGMENTS_URL = str(tmp_path / "store")
    yield ProjectFactory()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event; DELETE FROM events_message; DELETE FROM events_consumer")


def sealed(project: Project, *days: str) -> None:
    """Seal a file for each day, of two people."""
    for day in days:
        minute = Segment.objects.count()  # so that no event is the repeat of one before
        tell(project, {who: [(f"{day}T10:{minute:02}:00Z", f"By {who} on {day}")] for who in ("ada", "bob")})
        sealing.seal(project.pk)


def live(project: Project) -> list[tuple[int, str, int]]:
    return [(one.level, str(one.first_day), one.rows) for one in compaction.live(project.pk)]


def at(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T12:00:00+00:00")


def on_disk(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path / "store")) for path in (tmp_path / "store").rglob("*.parquet"))


def test_a_month_that_is_over_becomes_one_file(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-15", "2026-09-30", "2026-10-01")
    before = sealed_rows(project)

    replaced = compaction.compact(project.pk, at("2026-10-04"))

    assert replaced == 3
    assert live(project) == [(2, "2026-09-01", 6), (0, "2026-10-01", 2)]
    assert sealed_rows(project) == before
    assert compaction.compact(project.pk, at("2026-10-04")) == 0


def test_a_day_that_is_over_becomes_one_file(project: Project) -> None:
    sealed(project, "2026-10-03", "2026-10-04", "2026-10-03")
    before = sealed_rows(project)

    compaction.compact(project.pk, at("2026-10-04"))

    assert live(project) == [(1, "2026-10-03", 4), (0, "2026-10-04", 2)]
    assert sealed_rows(project) == before


def test_a_day_that_goes_on_is_joined_when_it_has_many_files(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "MANY", 3)
    sealed(project, "2026-10-04", "2026-10-04")
    assert compaction.compact(project.pk, at("2026-10-04")) == 0
    sealed(project, "2026-10-04")

    assert compaction.compact(project.pk, at("2026-10-04")) == 3
    assert live(project) == [(1, "2026-10-04", 6)]


def test_what_comes_late_waits_for_a_day_or_for_company(project: Project) -> None:
    now = timezone.now()
    month = (now - timedelta(days=70)).date().replace(day=5).isoformat()
    for _ in range(11):
        sealed(project, month)
    compaction.compact(project.pk, now)
    sealed(project, month)

    assert compaction.compact(project.pk, now) == 0
    assert compaction.compact(project.pk, now + timedelta(days=1, hours=1)) == 2
    assert live(project) == [(2, month, 24)]


def test_no_file_grows_beyond_its_limit(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed(project, "2026-09-01", "2026-09-02", "2026-09-03", "2026-09-04")
    monkeypatch.setattr(compaction, "FILE_ROWS", 5)

    compaction.compact(project.pk, at("2026-10-04"))

    assert live(project) == [(2, "2026-09-01", 4), (2, "2026-09-03", 4)]
    assert compaction.compact(project.pk, at("2026-10-04")) == 0


def test_a_damaged_file_stays_and_the_others_are_joined(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-02", "2026-09-03")
    broken = compaction.live(project.pk)[1]
    files.store().local(broken.path).write_bytes(b"PAR1 nothing")

    compaction.compact(project.pk, at("2026-10-04"))

    assert live(project) == [(2, "2026-09-01", 4), (0, "2026-09-02", 2)]


def test_rows_written_anew_have_the_people_of_now(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-02")
    tell(project, {"eve": [("2026-09-03T10:00:00Z", "Signed Up")]})
    sealing.seal(project.pk)
    events.record(project.pk, [{"type": "track", "event": "Seen", "anonymousId": "device", "messageId": "y"}])
    events.digest()
    sealing.seal(project.pk)
    events.record(project.pk, [{"type": "identify", "userId": "ada", "anonymousId": "device", "messageId": "z"}])
    events.digest()
    sealing.seal(project.pk)
    [merge] = PersonMerge.objects.filter(project=project)
    assert merge.person_id in {row["person"] for row in sealed_rows(project)}

    forgotten = compaction.apply_merges(project.pk)

    assert forgotten == 1
    assert snapshot(project.pk).merges == 0
    assert merge.person_id not in {row["person"] for row in sealed_rows(project)}
    assert len(sealed_rows(project)) == 7
    # Files without the former person were only noted.
    assert Segment.objects.filter(project=project).exclude(replaced_at=None).count() == 1
    assert compaction.apply_merges(project.pk) == 0


def test_a_merge_is_told_until_the_last_file_knows_of_it(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-02")
    ids = events.person_ids(project.pk, ["ada", "bob"])
    PersonMerge.objects.create(project=project, person_id=ids["bob"], survivor_id=ids["ada"])
    broken = compaction.live(project.pk)[1]
    files.store().local(broken.path).unlink()

    assert compaction.apply_merges(project.pk) == 0
    assert snapshot(project.pk).merges == 1


def test_a_chain_of_merges_leads_to_its_end(project: Project) -> None:
    sealed(project, "2026-09-01")
    ids = events.person_ids(project.pk, ["ada", "bob"])
    PersonMerge.objects.create(project=project, person_id=ids["bob"], survivor_id=ids["ada"])
    PersonMerge.objects.create(project=project, person_id=ids["ada"], survivor_id=900_000)

    compaction.apply_merges(project.pk)

    assert {row["person"] for row in sealed_rows(project)} == {900_000}


def test_an_erased_person_is_in_no_file(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-02")
    tell(project, {"eve": [("2026-09-03T10:00:00Z", "Signed Up")]})
    sealing.seal(project.pk)
    ids = events.person_ids(project.pk, ["ada", "bob"])
    PersonMerge.objects.create(project=project, person_id=ids["bob"], survivor_id=ids["ada"])

    gone = compaction.erase_person(project.pk, ids["ada"])

    assert gone == 4
    assert [row["user_id"] for row in sealed_rows(project)] == ["eve"]
    assert compaction.erase_person(project.pk, ids["ada"]) == 0


def test_one_segment_can_be_written_without_a_person(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-02")
    first, _ = compaction.live(project.pk)
    ada = events.person_ids(project.pk, ["ada"])["ada"]

    assert [compaction.rewrite(first, without_person=ada), compaction.rewrite(first, without_person=ada)] == [1, 0]
    assert len(sealed_rows(project)) == 3


def test_erasing_from_a_damaged_file_is_refused_after_the_others(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-02")
    broken = compaction.live(project.pk)[0]
    path = files.store().local(broken.path)
    path.write_bytes(path.read_bytes()[:-1])
    ada = events.person_ids(project.pk, ["ada"])["ada"]

    with pytest.raises(compaction.Damaged):
        compaction.erase_person(project.pk, ada)

    assert sorted(one.rows for one in compaction.live(project.pk)) == [1, 2]


def test_retention_lets_sealed_rows_go(project: Project) -> None:
    now = timezone.now()
    old, young = (now - timedelta(days=40)).date(), (now - timedelta(days=2)).date()
    sealed(project, old.isoformat(), young.isoformat())
    Project.objects.filter(pk=project.pk).update(retention_days=30)

    assert events.forget_old(now) == 2
    assert {row["ts"].date() for row in sealed_rows(project)} == {young}
    assert events.forget_old(now) == 0


def test_retention_writes_a_month_anew_when_a_whole_day_of_it_is_too_old(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-10", "2026-09-20")
    compaction.compact(project.pk, at("2026-10-04"))

    assert compaction.forget_before(project.pk, datetime(2026, 9, 10, 11, tzinfo=UTC)) == 4
    assert compaction.forget_before(project.pk, datetime(2026, 9, 20, 9, tzinfo=UTC)) == 0
    assert {row["ts"].date() for row in sealed_rows(project)} == {date(2026, 9, 20)}


def test_replaced_files_stay_for_those_who_read_them(project: Project, tmp_path: Path) -> None:
    sealed(project, "2026-09-01", "2026-09-02")
    compaction.compact(project.pk, at("2026-10-04"))
    now = timezone.now()

    assert sweeping.sweep(now + timedelta(minutes=14)) == 0
    assert len(on_disk(tmp_path)) == 3
    assert sweeping.sweep(now + timedelta(minutes=16)) == 2
    assert on_disk(tmp_path) == [one.path for one in Segment.objects.all()]


def test_files_that_nobody_knows_of_are_removed_after_hours(project: Project, tmp_path: Path) -> None:
    sealed(project, "2026-09-01")
    [known] = on_disk(tmp_path)
    (tmp_path / "store" / known).with_name("unknown.parquet").write_bytes(b"left")
    foreign = tmp_path / "store" / "another-instance" / "1" / "file.parquet"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"not ours")

    assert sweeping.sweep(timezone.now()) == 0
    assert sweeping.sweep(timezone.now() + timedelta(hours=7)) == 1
    assert on_disk(tmp_path) == sorted([known, "another-instance/1/file.parquet"])


def test_a_project_is_erased_with_its_files(project: Project, tmp_path: Path) -> None:
    other = ProjectFactory()
    sealed(project, "2026-09-01", "2026-09-02")
    sealed(other, "2026-09-01")
    compaction.compact(project.pk, at("2026-10-04"))
    tell(project, {"ada": [("2026-09-04T10:00:00Z", "Hot")]})

    list(events.erase(project.pk))

    assert on_disk(tmp_path) == [one.path for one in compaction.live(other.pk)]
    assert not Segment.objects.filter(project=project).exists()
    assert not Seal.objects.filter(project=project).exists()
    assert hot_ids(project) == []
    assert len(sealed_rows(other)) == 2


def test_nothing_is_compacted_while_another_process_is_at_it(project: Project) -> None:
    sealed(project, "2026-09-01", "2026-09-02")
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [locks.FAMILY + project.pk])
        assert compaction.compact(project.pk, at("2026-10-04")) == 0
        cursor.execute("SELECT pg_advisory_unlock(%s)", [locks.FAMILY + project.pk])
    other.close()

    assert compaction.compact(project.pk, at("2026-10-04")) == 2
