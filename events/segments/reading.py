"""What a question reads: the live segments, and where the hot rows begin and end, all of one moment."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.db import connection

from events.segments import files

# The reader that gives events their people; its name is that of events/people.py.
PEOPLE = "people"
# Below every position: a project that was never sealed is hot from its first event, also where positions are negative
# after a dump was restored.
LOWEST = -(2**63)
# One statement, so that nothing can be sealed, replaced or merged between its parts.
SNAPSHOT = f"""
SELECT COALESCE((SELECT position FROM events_seal WHERE project_id = %(project)s), {LOWEST}),
       COALESCE((SELECT position FROM events_consumer WHERE name = %(consumer)s), {LOWEST}),
       (SELECT count(*) FROM events_personmerge WHERE project_id = %(project)s),
       (SELECT COALESCE(max(id), 0) FROM events_personmerge WHERE project_id = %(project)s),
       ARRAY(SELECT person_id FROM events_personerasure
             WHERE project_id = %(project)s AND finished_at IS NULL ORDER BY 1),
       s.id, s.path, s.level, s.bytes, s.rows, s.digest, s.first_ts, s.last_ts, s.first_day, s.last_day
FROM (SELECT) one
LEFT JOIN events_segment s ON s.project_id = %(project)s AND s.replaced_at IS NULL
ORDER BY s.first_ts, s.id
"""  # noqa: S608 -- a number


@dataclass(frozen=True, slots=True)
class SegmentFile:
    """A sealed file of [first_ts, last_ts], both inclusive."""

    id: int
    name: str
    level: int
    bytes: int
    rows: int
    digest: str
    first_ts: datetime
    last_ts: datetime
    first_day: date
    last_day: date

    @property
    def path(self) -> Path:
        """Where it can be read on this machine; of a store elsewhere it is copied when first asked for.

        Some columns are packed: read them by `layout.selected("duckdb", ...)`. There is no `position` in a file.
        """
        return files.store().local(self.name)


@dataclass(frozen=True)
class Snapshot:
    """All of a project's events at one moment: those in `files`, and the hot ones of positions [low, high).

    `merges` counts the rows of PersonMerge that apply to the files; people in `erased` are to be left out of both.
    `watermark` is the same for the same state.
    """

    files: Sequence[SegmentFile]
    low: int
    high: int
    watermark: str
    merges: int
    erased: tuple[int, ...]


def snapshot(project_id: int) -> Snapshot:
    """Return what there is of a project now.

    Inside a transaction that is repeatable read, hot rows read after it in the same one belong to it.
    """
    with connection.cursor() as cursor:
        cursor.execute(SNAPSHOT, {"project": project_id, "consumer": PEOPLE})
        rows = cursor.fetchall()
    low, high, merges, newest_merge, erased = rows[0][:5]
    found = [SegmentFile(*row[5:]) for row in rows if row[5] is not None]
    state = _state(low, newest_merge, erased, [file.id for file in found])
    return Snapshot(found, low, max(low, high), f"{high}-{state}", merges, tuple(erased))


def _state(*parts: Any) -> str:
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Held:
    """What sealed files hold, of all projects, and since when the oldest event waits for being sealed."""

    segments: int
    rows: int
    bytes: int
    replaced: int
    waits_since: datetime | None


def held() -> Held:
    """Return what there is in sealed files."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE replaced_at IS NULL),"
            " COALESCE(sum(rows) FILTER (WHERE replaced_at IS NULL), 0)::bigint,"
            " COALESCE(sum(bytes) FILTER (WHERE replaced_at IS NULL), 0)::bigint,"
            " count(*) FILTER (WHERE replaced_at IS NOT NULL) FROM events_segment"
        )
        segments, rows, size, replaced = cursor.fetchone()
        cursor.execute(
            "SELECT e.received_at FROM events_event e"
            " JOIN events_seal s ON s.project_id = e.project_id AND e.position >= s.position"
            " WHERE e.position >= (SELECT min(position) FROM events_seal) ORDER BY e.position LIMIT 1"
        )
        found = cursor.fetchone()
    return Held(segments, rows, size, replaced, found[0] if found else None)
