"""From hot rows to sealed files: stretch by stretch of the log, each committed as a whole."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

import adbc_driver_postgresql.dbapi as adbc
import pyarrow
from django.db import connection, transaction
from django.utils import timezone

from events.models import Seal, Segment
from events.segments import files, layout, locks, writing
from events.segments.reading import LOWEST
from growthplatform.core import arrow

# Sealed at once at the most, about: what a stretch takes of disk and memory.
STRETCH_ROWS = 250_000
# A project is sealed when it has so many hot rows, or some of such an age.
DUE_ROWS = 20_000
SOME_ROWS, SOME_AGE = 1_000, timedelta(minutes=10)
FEW_AGE = timedelta(hours=1)
# The seal of a project without new rows may lie so many positions behind before it is moved.
LAG = 10_000
# The label must be the one that questions read of hot rows, events/engine/inputs.py.
LABEL = (
    "CASE e.type WHEN 'track' THEN e.name WHEN 'page' THEN 'Page: ' || COALESCE(e.name, '')"
    " WHEN 'screen' THEN 'Screen: ' || COALESCE(e.name, '') ELSE initcap(e.type) END"
)
# In the order of positions, so that a stretch can end after some rows. Who has no person is being erased.
HOT = (
    f"SELECT i.person_id, {LABEL},"  # noqa: S608 -- constant
    """
       e.ts AT TIME ZONE 'UTC', e.id, e.type, e.name, e.user_id, e.anonymous_id, e.message_id,
       e.received_at AT TIME ZONE 'UTC', e.claimed_at AT TIME ZONE 'UTC', e.clamped, host(e.ip), e.properties,
       e.context, e.position
FROM (
    SELECT * FROM events_event WHERE project_id = {project} AND position >= {low} AND position < {top}
    ORDER BY position LIMIT {limit}
) e
LEFT JOIN events_identity i ON i.project_id = e.project_id AND i.value = COALESCE(e.user_id, e.anonymous_id)
"""
)
COLUMNS = (
    "person", "event", "ts", "id", "type", "name", "user_id", "anonymous_id", "message_id", "received_at", "claimed_at",
    "clamped", "ip", "properties", "context", "position",
)  # fmt: skip
# What all readers have read: each of these rows has its person. Below it nothing can appear any more.
TOP = "SELECT min(position) FROM events_consumer"


@dataclass(frozen=True)
class Stretch:
    """Positions of a project's log from `low` up to but without `high`."""

    low: int
    high: int


class Overtaken(Exception):  # noqa: N818
    """The project was sealed by somebody else meanwhile; what was made is left for sweeping."""


def seal(project_id: int, *, stretch_rows: int = STRETCH_ROWS, until: float = float("inf")) -> int:
    """Seal what all readers have read of a project's log; return how many events.

    Safe to repeat and to kill: until a stretch is committed, its rows are hot and its files unknown. Returns 0 while
    another process is at it. Stops at `until`, of the monotonic clock.
    """
    rows = 0
    try:
        with locks.alone(project_id):
            for stretch, made in _made(project_id, stretch_rows, until):
                _commit(project_id, stretch, made)
                rows += sum(one.rows for one in made)
    except (locks.Busy, Overtaken):
        return rows
    return rows


def seal_due(now: datetime, *, until: float = float("inf")) -> int:
    """Seal the projects that have enough or old enough hot rows; return how many events."""
    return sum(seal(project_id, until=until) for project_id in due(now) if time.monotonic() < until)


def due(now: datetime) -> list[int]:
    """Return the projects to be sealed, those with most to seal first; note of the others that they have nothing."""
    with connection.cursor() as cursor:
        cursor.execute(TOP)
        top = cursor.fetchone()[0]
        if top is None:
            return []
        _begin(top)
        cursor.execute(
            """
            SELECT e.project_id, count(*), min(e.received_at) FROM events_event e
            JOIN events_seal s ON s.project_id = e.project_id AND e.position >= s.position
            WHERE e.position >= (SELECT min(position) FROM events_seal) AND e.position < %s GROUP BY 1 ORDER BY 2 DESC
            """,
            [top],
        )
        waiting = cursor.fetchall()
        cursor.execute(
            "UPDATE events_seal SET position = %s WHERE position < %s AND project_id <> ALL(%s)",
            [top, top - LAG, [project_id for project_id, _, _ in waiting]],
        )
        cursor.execute("SELECT id FROM customers_project WHERE deleted_at IS NOT NULL")
        leaving = {project_id for (project_id,) in cursor.fetchall()}
    return [
        project_id for project_id, rows, oldest in waiting if project_id not in leaving and _is_due(rows, now - oldest)
    ]


def _is_due(rows: int, age: timedelta) -> bool:
    return rows >= DUE_ROWS or age >= FEW_AGE or (rows >= SOME_ROWS and age >= SOME_AGE)


def _begin(top: int) -> None:
    """Give every project a seal: at the beginning of the log where it has rows, else where the log is now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_seal (project_id, position)
            SELECT p.id, CASE WHEN EXISTS (SELECT FROM events_event e WHERE e.project_id = p.id) THEN %s ELSE %s END
            FROM customers_project p WHERE NOT EXISTS (SELECT FROM events_seal s WHERE s.project_id = p.id)
            ON CONFLICT DO NOTHING
            """,
            [LOWEST, top],
        )


def _made(project_id: int, rows: int, until: float) -> Iterator[tuple[Stretch, list[Segment]]]:
    """Yield stretch by stretch with its files in the store; the next one is read while files are written."""
    instance, low, writing_now = writing.instance(), _sealed_below(project_id), None
    with ThreadPoolExecutor(1) as pool:
        while time.monotonic() < until and (top := _top()) is not None and top > low:
            read = _Read(project_id)
            try:
                stretch = read.copy(low, top, rows)
                if writing_now:
                    yield writing_now[0], writing_now[1].result()
            except BaseException:
                read.close()
                raise
            writing_now = stretch, pool.submit(read.write, instance)
            low = stretch.high
        if writing_now:
            yield writing_now[0], writing_now[1].result()


def _top() -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(TOP)
        top: int | None = cursor.fetchone()[0]
    return top


def _sealed_below(project_id: int) -> int:
    found = Seal.objects.filter(project=project_id).values_list("position", flat=True).first()
    return LOWEST if found is None else found


class _Read:
    """The rows of a stretch in a DuckDB of their own, on the way from the log to files."""

    def __init__(self, project_id: int):
        self.project_id = project_id
        # Before the rows are read: of merges that happen meanwhile they may show some, and are told all.
        self.merged_at = writing.merged_at(project_id)
        self._open = ExitStack()
        self._folder = self._open.enter_context(files.workspace())
        self._db = self._open.enter_context(writing.database(self._folder))

    def close(self) -> None:
        self._open.close()

    def copy(self, low: int, top: int, limit: int) -> Stretch:
        """Copy rows with the people of this moment from `low` on, about `limit`; return what that is of the log.

        They come binary, batch by batch, by one statement on a connection of its own. It only reads, so it gets no
        number and holds back no reader of the log, however long it takes.
        """
        self._fill({"project": self.project_id, "low": low, "top": top, "limit": limit})
        found = self._db.execute("SELECT count(*), min(position), max(position) FROM hot").fetchone()
        rows, first, last = found or (0, None, None)
        if rows < limit:
            high = top
        elif first == last:  # one transaction that is larger than a stretch
            self._db.execute("DROP TABLE hot")
            return self.copy(low, top, limit * 4)
        else:  # the last transaction may go on behind the limit
            high = last
        self._db.execute(
            f"CREATE VIEW sealed AS SELECT * EXCLUDE (position) FROM hot WHERE position < {high}"  # noqa: S608 -- a number
            " AND person IS NOT NULL"
        )
        return Stretch(low, high)

    def _fill(self, given: dict[str, int]) -> None:
        with adbc.connect(arrow.address(), autocommit=True) as log, log.cursor() as cursor:
            cursor.execute(HOT.format(**given))
            found = cursor.fetch_record_batch()
            fields = [field.with_name(name) for field, name in zip(found.schema, COLUMNS, strict=True)]
            batches = (batch.rename_columns(list(COLUMNS)) for batch in found)
            self._db.register("rows", pyarrow.RecordBatchReader.from_batches(pyarrow.schema(fields), batches))
            self._db.execute(f"CREATE TABLE hot AS SELECT {layout.PACKED}, position FROM rows")  # noqa: S608 -- constant
            self._db.unregister("rows")

    def write(self, instance: str) -> list[Segment]:
        """Put the rows into the store as files; return their segments, which nobody knows of yet."""
        made = []
        with self._open:
            for number, span in enumerate(writing.spans(self._db, "sealed")):
                file = self._folder / f"{number}.parquet"
                writing.write(self._db, "sealed", span, file)
                made.append(writing.segment(instance, self.project_id, 0, span, file, merged_at=self.merged_at))
        return made


def _commit(project_id: int, stretch: Stretch, made: list[Segment]) -> None:
    """Make the files known and move the seal, both or neither."""
    with transaction.atomic():
        Seal.objects.get_or_create(project_id=project_id, defaults={"position": LOWEST})
        moved = Seal.objects.filter(project_id=project_id, position=stretch.low)
        if not moved.update(position=stretch.high, sealed_at=timezone.now()):
            raise Overtaken(project_id)
        Segment.objects.bulk_create(made)
