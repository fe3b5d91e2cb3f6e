"""Questions over sealed files and hot rows: each event once, the people of now, and no silent gap."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import ibis.expr.types as ir
import pytest
from django.utils import timezone

from customers.models import Project
from events import services as events
from events.engine import duck, soundness
from events.engine.answers import Unreadable
from events.engine.tables import Tables
from events.models import Consumer, Person, PersonErasure, PersonMerge, Seal, Segment
from events.segments import files, layout
from tests.analytics.stories import tell
from tests.factories import ProjectFactory

DAY = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def project(transactional_db: None, settings: Any, tmp_path: Path) -> Project:
    settings.SEGMENTS_URL = str(tmp_path / "store")
    return ProjectFactory()


def sealed(project: Project, day: datetime, rows: list[tuple[int, str]]) -> Segment:
    """Write a segment of (person, event), one a minute from the begin of a day, and let hot rows begin behind it."""
    known = Segment.objects.filter(project=project).count()
    name = f"{project.pk}/{known}.parquet"
    with files.workspace() as folder, duckdb.connect() as db:
        db.execute(
            "CREATE TABLE e (person BIGINT, event VARCHAR, ts TIMESTAMP, id BIGINT, type VARCHAR, name VARCHAR,"
            " user_id VARCHAR, anonymous_id VARCHAR, message_id VARCHAR, received_at TIMESTAMP, properties VARCHAR,"
            " context VARCHAR, claimed_at TIMESTAMP, clamped BOOLEAN, ip VARCHAR)"
        )
        for number, (person, event) in enumerate(rows):
            at = (day + timedelta(minutes=number)).replace(tzinfo=None)
            db.execute(
                "INSERT INTO e VALUES (?, ?, ?, ?, 'track', ?, ?, NULL, ?, ?, '{}', '{}', NULL, false, NULL)",
                [person, event, at, known * 1000 + number, event, f"u{person}", f"m{known}-{number}", at],
            )
        db.execute(f"COPY (SELECT {layout.PACKED} FROM e) TO '{folder}/new.parquet' (COMPRESSION zstd)")
        made = folder / "new.parquet"
        size, digest = made.stat().st_size, files.digest(made)
        files.store().put(made, name)
    Seal.objects.get_or_create(project=project)
    return Segment.objects.create(
        project=project,
        path=name,
        first_day=day.date(),
        last_day=day.date(),
        first_ts=day,
        last_ts=day + timedelta(minutes=len(rows) - 1),
        rows=len(rows),
        bytes=size,
        digest=digest,
        merged_at=timezone.now(),
    )


def person(project: Project) -> int:
    return Person.objects.create(project=project, first_seen_at=DAY, last_seen_at=DAY).pk


def counted(tables: Tables) -> ir.Table:
    return (
        tables.events.group_by("event")
        .agg(events=tables.events.count(), people=tables.events.person.nunique())
        .order_by("event")
    )


def test_sealed_and_hot_rows_are_one_stream(project: Project) -> None:
    one = person(project)
    sealed(project, DAY, [(one, "Signed Up"), (one, "Paid")])
    tell(project, {"ada": [("2026-10-02T00:00:00Z", "Paid")]})

    found = events.relation(project).run(counted)

    assert found.rows == [("Paid", 2, 2), ("Signed Up", 1, 1)]
    assert not found.missing


def test_what_was_sealed_is_not_read_from_the_hot_log_again(project: Project) -> None:
    tell(project, {"ada": [("2026-10-01T00:00:00Z", "Paid")]})
    ada = Person.objects.get(project=project).pk
    sealed(project, DAY, [(ada, "Paid")])
    Seal.objects.filter(project=project).update(position=Consumer.objects.get(name="people").position)

    assert events.relation(project).run(counted).rows == [("Paid", 1, 1)]


def test_only_files_of_the_time_that_is_asked_for_are_read(project: Project) -> None:
    one = person(project)
    sealed(project, DAY, [(one, "Paid"), (one, "Paid")])
    far = sealed(project, DAY + timedelta(days=40), [(one, "Paid")])
    files.store().remove(far.path)

    found = events.relation(project, DAY + timedelta(minutes=1), DAY + timedelta(days=40)).run(counted)

    assert found.rows == [("Paid", 1, 1)]
    assert not found.missing


def test_people_who_turned_out_to_be_one_are_counted_once(project: Project) -> None:
    first, second, third = (person(project) for _ in range(3))
    sealed(project, DAY, [(first, "Paid"), (second, "Paid"), (third, "Paid")])
    PersonMerge.objects.create(project=project, person_id=first, survivor_id=second)
    PersonMerge.objects.create(project=project, person_id=second, survivor_id=third)

    assert events.relation(project).run(counted).rows == [("Paid", 3, 1)]


def test_a_person_who_is_being_erased_is_in_no_answer(project: Project) -> None:
    first, second = person(project), person(project)
    sealed(project, DAY, [(first, "Paid"), (second, "Paid")])
    before = events.relation(project).run(counted)
    PersonErasure.objects.create(project=project, person_id=first)

    after = events.relation(project).run(counted)

    assert (before.rows, after.rows) == ([("Paid", 2, 2)], [("Paid", 1, 1)])


def test_a_file_that_is_gone_is_named_and_the_rest_answered(project: Project) -> None:
    one = person(project)
    sealed(project, DAY, [(one, "Paid")])
    gone = sealed(project, DAY + timedelta(days=1), [(one, "Paid"), (one, "Paid")])
    files.store().remove(gone.path)

    found = events.relation(project).run(counted)

    assert found.rows == [("Paid", 1, 1)]
    assert [(one.segment, one.rows, one.why) for one in found.missing] == [(gone.pk, 2, "the file is not there")]
    assert found.missing[0].first_day == gone.first_day


@pytest.mark.parametrize("known", [True, False], ids=["read before", "never read"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "overwritten"])
def test_a_damaged_file_is_named_and_the_rest_answered(project: Project, damage: str, known: bool) -> None:
    one = person(project)
    sealed(project, DAY, [(one, "Paid")])
    harmed = sealed(project, DAY + timedelta(days=1), [(one, "Paid"), (one, "Paid")])
    if known:
        assert events.relation(project).run(counted).rows == [("Paid", 3, 1)]
    path = files.store().local(harmed.path)
    whole = path.read_bytes()
    broken = {
        "flipped": whole[:40] + bytes([whole[40] ^ 0xFF]) + whole[41:],
        "cut": whole[:-9],
        "overwritten": b"\0" * len(whole),
    }
    path.write_bytes(broken[damage])
    tell(project, {"ada": [("2026-10-05T00:00:00Z", "Seen")]})  # else the answer of before still holds

    found = events.relation(project).run(counted)

    assert found.rows == [("Paid", 1, 1), ("Seen", 1, 1)]
    assert [one.segment for one in found.missing] == [harmed.pk]


def test_a_file_that_fails_in_the_engine_is_looked_at_and_left_out(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = person(project)
    sealed(project, DAY, [(one, "Paid")])
    harmed = sealed(project, DAY + timedelta(days=1), [(one, "Paid")])
    monkeypatch.setattr(soundness, "DIGESTED_BYTES", 0)  # as when there is more to read than one question may
    path = files.store().local(harmed.path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40] + b"\xff" * 32 + whole[-8:])

    found = events.relation(project).run(counted)

    assert found.rows == [("Paid", 1, 1)]
    assert [one.segment for one in found.missing] == [harmed.pk]


def test_a_fault_that_no_file_explains_is_not_hidden(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed(project, DAY, [(person(project), "Paid")])

    def failing(*_: Any) -> Any:
        raise Unreadable

    monkeypatch.setattr(duck, "run", failing)

    with pytest.raises(Unreadable):
        events.relation(project).run(counted)


def test_an_answer_with_a_gap_is_not_kept(project: Project) -> None:
    one = person(project)
    harmed = sealed(project, DAY, [(one, "Paid")])
    path = files.store().local(harmed.path)
    away = path.rename(path.with_suffix(".away"))
    before = events.relation(project).run(counted)
    away.rename(path)

    after = events.relation(project).run(counted)

    assert (before.rows, after.rows) == ([], [("Paid", 1, 1)])
