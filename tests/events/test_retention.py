"""Partitions are there before they are needed; what is older than its project keeps it goes, nothing else."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from customers.models import ApiKey, Project
from events import partitions, services
from events.models import Event, Rejected
from events.payloads import Refusal
from tests.events.conftest import Sender, track
from tests.factories import ProjectFactory

FAR = date(2031, 5, 10)


def at_noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def record(project: Project, message_id: str, **more: Any) -> None:
    receipt = services.record(project.pk, [track(message_id, **more)])
    assert receipt.stored == 1


def received(project: Project, day: date) -> None:
    """Store an event that arrived on `day`."""
    record(project, f"m-{day}")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE events_event SET received_at = %s WHERE project_id = %s AND message_id = %s",
            [at_noon(day), project.pk, f"m-{day}"],
        )


def rows_in(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_class WHERE relname = %s", [table])
        if not cursor.fetchone()[0]:
            return -1
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


@pytest.fixture
def project(transactional_db: None) -> Iterator[Project]:
    """A project and a log that is as before afterwards: making partitions commits."""
    yield ProjectFactory()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event")
        cursor.execute("DELETE FROM events_message")
        for day in partitions.days_present():
            if day > FAR - timedelta(days=30):
                cursor.execute(f"DROP TABLE {partitions.name_of(day)}")


def test_partitions_of_yesterday_to_a_week_ahead_are_made_once(project: Project) -> None:
    made = services.create_partitions(FAR)
    again = services.create_partitions(FAR)
    next_day = services.create_partitions(FAR + timedelta(days=1))

    assert made == [f"events_event_{FAR + timedelta(days=n):%Y%m%d}" for n in range(-1, 8)]
    assert again == []
    assert next_day == ["events_event_20310518"]


def test_old_partitions_go_once_they_are_empty(project: Project) -> None:
    services.create_partitions(FAR)
    received(project, FAR)

    gone = partitions.drop_empty(FAR + timedelta(days=1))

    assert f"events_event_{FAR - timedelta(days=1):%Y%m%d}" in gone
    assert rows_in(partitions.name_of(FAR)) == 1
    assert rows_in(partitions.name_of(FAR + timedelta(days=1))) == 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event")
    assert partitions.drop_empty(FAR + timedelta(days=1)) == [partitions.name_of(FAR)]


def test_events_that_came_before_their_partition_move_into_it(project: Project) -> None:
    received(project, FAR)
    received(project, FAR + timedelta(days=1))
    received(project, FAR + timedelta(days=40))
    assert rows_in("events_event_default") == 3

    services.create_partitions(FAR)

    assert rows_in("events_event_20310510") == 1
    assert rows_in("events_event_20310511") == 1
    assert rows_in("events_event_default") == 1
    assert Event.objects.filter(project=project).count() == 3


def test_a_partition_is_indexed_like_the_log(project: Project) -> None:
    services.create_partitions(FAR)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'events_event'")
        wanted = cursor.fetchone()
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE tablename = 'events_event_20310510'")
        assert cursor.fetchone() == wanted


def test_an_event_of_today_goes_into_the_partition_of_today(project: Project) -> None:
    services.create_partitions()

    record(project, "m-1")

    assert rows_in("events_event_default") == 0
    assert rows_in(partitions.name_of(timezone.now().date())) == 1


def test_retention_deletes_what_is_older_in_its_project_only(sender: Sender) -> None:
    now = timezone.now()
    others = {days: ProjectFactory(retention_days=days) for days in (None, 7, 30)}
    for project in others.values():
        for age_days in (0, 6, 8, 29, 31, 400):
            Project.objects.filter(pk=project.pk).update(retention_days=None)
            record(project, f"m-{age_days}", timestamp=(now - timedelta(days=age_days)).isoformat())
    for days, project in others.items():
        Project.objects.filter(pk=project.pk).update(retention_days=days)

    gone = services.forget_old(now)

    left = {
        days: sorted(int(event.message_id[2:]) for event in Event.objects.filter(project=project))
        for days, project in others.items()
    }
    assert left == {None: [0, 6, 8, 29, 31, 400], 7: [0, 6], 30: [0, 6, 8, 29]}
    assert gone == 6


def test_message_ids_are_known_for_eight_days(sender: Sender) -> None:
    now = timezone.now()
    for age_days in (0, 7, 9):
        record(sender.project, f"m-{age_days}")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE events_message SET received_at = %s WHERE project_id = %s AND received_at > %s",
                [now - timedelta(days=age_days), sender.project.pk, now - timedelta(minutes=1)],
            )

    services.forget_old(now)

    repeats = [services.record(sender.project.pk, [track(f"m-{age_days}")]).repeated for age_days in (0, 7, 9)]
    assert repeats == [1, 1, 0]


def test_refusals_go_a_month_after_they_were_last_seen(sender: Sender) -> None:
    now = timezone.now()
    for age_days in (0, 29, 31):
        services.reject(sender.project.pk, "/v1/batch", [Refusal(0, "bad", "Bad.", "", b"%d" % age_days)])
        Rejected.objects.filter(body=str(age_days)).update(last_at=now - timedelta(days=age_days))

    services.forget_old(now)

    assert sorted(row.body for row in sender.rejected()) == ["0", "29"]


def test_forgetting_again_changes_nothing(sender: Sender) -> None:
    now = timezone.now()
    sender.batch(track("m-1"))

    assert services.forget_old(now) == services.forget_old(now) == 0
    assert len(sender.events()) == 1
    assert ApiKey.objects.count() == 1
