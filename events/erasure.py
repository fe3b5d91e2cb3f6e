"""Erase everything of a project from the log and from what was read out of it."""

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from events.segments import locks, sweeping

CHUNK_ROWS = 20_000
# The log is erased by stretches of arrival time, so that each statement walks the index and holds few locks.
STRETCH = timedelta(hours=1)
# Sealing that runs at the moment is waited for.
WAIT_S = 120
# Those that point to others come first.
TABLES = (
    "events_personmerge",
    "events_personerasure",
    "events_rejected",
    "events_repairrule",
    "events_optout",
    "events_eventname",
    "events_vendorcopy",
    "events_vendorapp",
    "events_personday",
    "events_daycount",
    "events_identity",
    "events_person",
)


def erase(project_id: int) -> Iterator[int]:
    """Delete the rows of a project, a part at a time; give the number of each part. Safe to repeat and to break off."""
    yield from _erase_log(project_id)
    # After the log, so that what is being sealed meanwhile is among them and nothing can be sealed any more.
    with locks.alone(project_id, wait_s=WAIT_S):
        yield sweeping.remove_all(project_id)
    yield from _erase_table("events_message", "key", project_id)
    for table in TABLES:
        yield from _erase_table(table, "id", project_id)
    yield from _erase_table("events_seal", "project_id", project_id)


def _erase_log(project_id: int) -> Iterator[int]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT min(received_at) FROM events_event WHERE project_id = %s", [project_id])
            oldest = cursor.fetchone()[0]
            if oldest is None:
                return
            cursor.execute(
                "DELETE FROM events_event WHERE project_id = %s AND received_at >= %s AND received_at <= %s",
                [project_id, oldest, oldest + STRETCH],
            )
            yield cursor.rowcount


def _erase_table(table: str, key: str, project_id: int) -> Iterator[int]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE project_id = %s AND {key} IN"  # noqa: S608 -- names of our own tables
                f" (SELECT {key} FROM {table} WHERE project_id = %s LIMIT {CHUNK_ROWS})",
                [project_id, project_id],
            )
            if not cursor.rowcount:
                return
            yield cursor.rowcount
