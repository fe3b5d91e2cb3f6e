"""What one question reads, all of the same moment: which files, and from PostgreSQL what is in no file yet."""

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection, transaction
from psycopg import sql
from psycopg.errors import QueryCanceled

from events.engine import soundness
from events.engine.answers import Missing, TooSlow
from events.engine.soundness import Readable
from events.engine.sources import Bounds
from events.segments.reading import SegmentFile, Snapshot, snapshot
from events.store import raw_cursor

if TYPE_CHECKING:
    from customers.models import Project

LABEL = (
    "CASE e.type WHEN 'track' THEN e.name WHEN 'page' THEN 'Page: ' || COALESCE(e.name, '')"
    " WHEN 'screen' THEN 'Screen: ' || COALESCE(e.name, '') ELSE initcap(e.type) END"
)
# The names are those of events/engine/tables.py; the label must be the one that sealing writes.
HOT = (
    f"SELECT i.person_id AS person, {LABEL} AS event,"  # noqa: S608 -- constant
    """
       e.ts AT TIME ZONE 'UTC' AS ts, e.id, e.type, e.name, e.user_id, e.anonymous_id, e.message_id,
       e.received_at AT TIME ZONE 'UTC' AS received_at, e.properties, e.context
FROM events_event e
JOIN events_identity i ON i.project_id = e.project_id AND i.value = COALESCE(e.user_id, e.anonymous_id)
WHERE e.project_id = {project} AND e.position >= {low} AND e.position < {high} AND {within}
"""
)
PEOPLE = """
SELECT id AS person, user_id, first_seen_at AT TIME ZONE 'UTC' AS first_seen, traits FROM events_person
WHERE project_id = {project}
"""
# Whoever was merged more than once is led to the person at the end of the chain.
MERGES = """
WITH RECURSIVE chain AS (
    SELECT person_id, survivor_id, 1 AS length FROM events_personmerge WHERE project_id = {project}
    UNION ALL
    SELECT c.person_id, m.survivor_id, c.length + 1 FROM chain c
    JOIN events_personmerge m ON m.project_id = {project} AND m.person_id = c.survivor_id
)
SELECT DISTINCT ON (person_id) person_id, survivor_id FROM chain ORDER BY person_id, length DESC
"""


# What tells one state of a project's hot rows from another: rows come at the end, and go by erasure only.
HOT_STATE = """
SELECT count(*), max(position) FROM events_event WHERE project_id = %s AND position >= %s AND position < %s
"""


@dataclass(frozen=True)
class Inputs:
    """What an engine is given: files on this machine, of Parquet and of CSV with a header.

    `people` and `merges` are None where the question needs none; `missing` are the segments left out.
    """

    bounds: Bounds
    segments: tuple[Readable, ...]
    hot: Path
    people: Path | None
    merges: Path | None
    cohort: tuple[int, ...]
    erased: tuple[int, ...]
    watermark: str
    missing: tuple[Missing, ...]

    @property
    def paths(self) -> list[str]:
        return [str(one.path) for one in self.segments]


@contextmanager
def gathered(
    project: "Project",
    bounds: Bounds,
    *,
    cohort: Collection[int] = (),
    people: bool = True,
    without: Collection[int] = (),
) -> Iterator[Inputs]:
    """Yield what a question reads; its files are gone afterwards. `without` are segments known to be unreadable."""
    with tempfile.TemporaryDirectory(prefix="growth-question-") as folder:
        yield _gather(project.pk, bounds, Path(folder), tuple(cohort), people=people, without=without)


def _gather(
    project_id: int, bounds: Bounds, folder: Path, cohort: tuple[int, ...], *, people: bool, without: Collection[int]
) -> Inputs:
    given = {"project": sql.Literal(project_id)}
    with _one_moment():
        found = snapshot(project_id)
        state = _watermark(project_id, found)
        hot = _copied(
            HOT,
            folder / "hot.csv",
            **given,
            low=sql.Literal(found.low),
            high=sql.Literal(found.high),
            within=_within(bounds),
        )
        asked = _copied(PEOPLE, folder / "people.csv", **given) if people else None
        merges = _copied(MERGES, folder / "merges.csv", **given) if found.merges else None
    sound, missing = soundness.divide([one for one in found.files if _overlaps(one, bounds)], without)
    return Inputs(
        bounds=bounds,
        segments=tuple(sound),
        hot=hot,
        people=asked,
        merges=merges,
        cohort=cohort,
        erased=tuple(found.erased),
        watermark=state,
        missing=tuple(missing),
    )


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let all statements of the block see the same moment; inside somebody's transaction that is theirs to choose.

    Raises TooSlow when one of them takes longer than a question may.
    """
    if connection.in_atomic_block:
        yield
        return
    try:
        with transaction.atomic():
            cursor = raw_cursor()
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = {settings.ANALYTICS_SECONDS * 1000}")
            yield
    except QueryCanceled as fault:
        raise TooSlow from fault


def _copied(query: str, file: Path, **given: sql.Composable) -> Path:
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(sql.SQL(query).format(**given))
    with file.open("wb") as out, raw_cursor().copy(statement) as copy:
        for block in copy:
            out.write(block)
    return file


def _within(bounds: Bounds) -> sql.Composable:
    clauses: list[sql.Composable] = [sql.SQL("true")]
    if bounds.since:
        clauses.append(sql.SQL("e.ts >= {}").format(sql.Literal(bounds.since)))
    if bounds.until:
        clauses.append(sql.SQL("e.ts < {}").format(sql.Literal(bounds.until)))
    if bounds.names is not None:
        clauses.append(sql.SQL(LABEL + " = ANY({})").format(sql.Literal(sorted(bounds.names))))
    return sql.SQL(" AND ").join(clauses)


def _overlaps(segment: SegmentFile, bounds: Bounds) -> bool:
    starts_late = bounds.until is not None and segment.first_ts >= bounds.until
    ends_early = bounds.since is not None and segment.last_ts < bounds.since
    return not starts_late and not ends_early


def watermark(project_id: int) -> str:
    """Name the state of the stream that a question asked now would be answered from."""
    return _watermark(project_id, snapshot(project_id))


def _watermark(project_id: int, found: Snapshot) -> str:
    # Positions rise with every transaction, also those of other projects; a project's own events are what counts.
    with connection.cursor() as cursor:
        cursor.execute(HOT_STATE, [project_id, found.low, found.high])
        rows, newest = cursor.fetchone()
    return f"{rows}-{newest or found.low}-{found.watermark.partition('-')[2]}"
