"""All rows of the stream as they are kept, for files of raw data: sealed ones and hot ones, each once."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
from django.db import connection, transaction
from psycopg import sql

from events.engine import soundness
from events.engine.inputs import LABEL, MERGES
from events.models import Segment
from events.segments import files, layout, writing
from events.segments.reading import SegmentFile, Snapshot, snapshot
from events.store import raw_cursor
from events.wanted import plain
from growthplatform.core.errors import Problem

# What refused events are, for statements of other apps.
REJECTED_SQL = "(SELECT * FROM events_rejected)"
MEMORY_MB, THREADS = 128, 2
# A batch is at the most so many rows: with 2 KB of properties each 16 MB.
BATCH_ROWS = 8_192
COLUMNS = {
    "id": "BIGINT",
    "message_id": "VARCHAR",
    "type": "VARCHAR",
    "event": "VARCHAR",
    "name": "VARCHAR",
    "person": "BIGINT",
    "user_id": "VARCHAR",
    "anonymous_id": "VARCHAR",
    "ts": "TIMESTAMP",
    "claimed_at": "TIMESTAMP",
    "received_at": "TIMESTAMP",
    "clamped": "BOOLEAN",
    "ip": "VARCHAR",
    "properties": "VARCHAR",
    "context": "VARCHAR",
}
TIMES = ("ts", "received_at")
HOT = (
    f"SELECT e.id, e.message_id, e.type, {LABEL} AS event, e.name, i.person_id AS person, e.user_id,"  # noqa: S608
    """
       e.anonymous_id, e.ts AT TIME ZONE 'UTC' AS ts, e.claimed_at AT TIME ZONE 'UTC' AS claimed_at,
       e.received_at AT TIME ZONE 'UTC' AS received_at, e.clamped, host(e.ip) AS ip, e.properties, e.context
FROM events_event e
JOIN events_identity i ON i.project_id = e.project_id AND i.value = COALESCE(e.user_id, e.anonymous_id)
WHERE e.project_id = {project} AND e.position >= {low} AND e.position < {high}
"""
)
# PostgreSQL writes null as nothing and the empty text as ""; a line is as long as the longest event.
CSV = "header=true, nullstr='', allow_quoted_nulls=false, delim=',', quote='\"', escape='\"', max_line_size=33554432"


class FilesMissing(Problem):
    """Some of the sealed files can't be read: a file without their rows would be taken for the whole."""

    status = 503
    code = "files_missing"


@dataclass(frozen=True)
class Asked:
    """Which rows: with `by` (ts or received_at) in [since, until), of some names (as `event` says them) or of all."""

    since: datetime | None = None
    until: datetime | None = None
    by: str = "ts"
    names: frozenset[str] | None = None


@dataclass(frozen=True)
class Raw:
    """Rows in batches with COLUMNS, in no order that is promised; times are UTC. `total` is at most about so many."""

    total: int
    rows: pa.RecordBatchReader


@contextmanager
def raw(project_id: int, asked: Asked) -> Iterator[Raw]:
    """Yield a project's events of one moment, each once, in bounded memory.

    Erased people are left out; the person is the one of now. Raises FilesMissing when a sealed file can't be read.
    """
    with files.workspace() as folder, writing.database(folder, memory_mb=MEMORY_MB, threads=THREADS) as db:
        db.execute("SET streaming_buffer_size = '8MB'")
        with _one_moment():
            found = snapshot(project_id)
            sealed = _of_time(found.files, asked)
            _copied(HOT, folder / "hot.csv", project=project_id, low=found.low, high=found.high)
            if found.merges:
                _copied(MERGES, folder / "merges.csv", project=project_id)
        kept = _held(sealed, folder)
        hot = _supply(db, kept, folder, merged=bool(found.merges))
        rows = db.sql(_query(asked, found, merged=bool(found.merges)))
        yield Raw(_about(sealed, asked) + hot, rows.to_arrow_reader(BATCH_ROWS))


@contextmanager
def _one_moment() -> Iterator[None]:
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        raw_cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _copied(query: str, file: Path, **given: int) -> None:
    literals = {name: sql.Literal(value) for name, value in given.items()}
    statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv, HEADER)").format(sql.SQL(query).format(**literals))
    with file.open("wb") as out, raw_cursor().copy(statement) as copy:
        for block in copy:
            out.write(block)


def _of_time(found: Sequence[SegmentFile], asked: Asked) -> list[SegmentFile]:
    """Keep the files that may hold what is asked for. One that was made before rows arrived has none of them."""
    if asked.by == "ts":
        return [
            one
            for one in found
            if (asked.until is None or one.first_ts < asked.until)
            and (asked.since is None or one.last_ts >= asked.since)
        ]
    if asked.since is None:
        return list(found)
    made = Segment.objects.filter(pk__in=[one.id for one in found], made_at__gte=asked.since)
    late = set(made.values_list("pk", flat=True))
    return [one for one in found if one.id in late]


def _held(sealed: Sequence[SegmentFile], folder: Path) -> list[Path]:
    """Return the files under names of our own, so that they stay while they are read, however long that takes."""
    readable, missing = soundness.divide(sealed)
    if missing:
        days = ", ".join(sorted({f"{one.first_day:%d %b %Y}" for one in missing})[:5])
        raise FilesMissing(
            f"{len(missing)} of {len(sealed)} files of the event store can't be read (days from {days})."
            " Put them back from the backup; a file without them would look whole."
        )
    return [_kept(one.path, folder / f"{number}.parquet") for number, one in enumerate(readable)]


def _kept(path: Path, name: Path) -> Path:
    try:
        os.link(path, name)
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, name)
    return name


def _supply(db: duckdb.DuckDBPyConnection, kept: Sequence[Path], folder: Path, *, merged: bool) -> int:
    """Make tables of what there is; return how many hot rows."""
    declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    if kept:
        paths = ", ".join(f"'{path}'" for path in kept)
        db.execute(
            f"CREATE TEMP VIEW sealed AS SELECT {layout.selected('duckdb', *COLUMNS)} FROM read_parquet([{paths}])"  # noqa: S608
        )
    else:
        db.execute(f"CREATE TEMP TABLE sealed ({declared})")
    _table(db, "hot", COLUMNS, folder / "hot.csv")
    if merged:
        _table(db, "merges", {"person_id": "BIGINT", "survivor_id": "BIGINT"}, folder / "merges.csv")
    [[number]] = db.execute("SELECT count(*) FROM hot").fetchall()
    return int(number)


def _table(db: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], file: Path) -> None:
    kinds = ", ".join(f"'{column}': '{kind}'" for column, kind in columns.items())
    db.execute(f"CREATE TEMP VIEW {name} AS SELECT * FROM read_csv('{file}', columns={{{kinds}}}, {CSV})")  # noqa: S608


def _query(asked: Asked, found: Snapshot, *, merged: bool) -> str:
    names = ", ".join(COLUMNS)
    sealed = f"SELECT {names} FROM sealed"  # noqa: S608 -- our own names
    if merged:
        now = ", ".join(
            "COALESCE(m.survivor_id, s.person) AS person" if one == "person" else f"s.{one}" for one in COLUMNS
        )
        sealed = f"SELECT {now} FROM sealed s LEFT JOIN merges m ON m.person_id = s.person"  # noqa: S608
    clauses = ["true"]
    by = asked.by if asked.by in TIMES else "ts"
    if asked.since:
        clauses.append(f"{by} >= TIMESTAMP '{plain(asked.since)}'")
    if asked.until:
        clauses.append(f"{by} < TIMESTAMP '{plain(asked.until)}'")
    if asked.names is not None:
        listed = ", ".join("'" + name.replace("'", "''") + "'" for name in sorted(asked.names))
        clauses.append(f"event IN ({listed or 'NULL'})")
    if found.erased:
        clauses.append(f"person NOT IN ({', '.join(str(int(one)) for one in found.erased)})")
    where = " AND ".join(clauses)
    return (
        f"SELECT {names} FROM ({sealed}) x WHERE {where}"  # noqa: S608 -- names and numbers, texts are quoted
        f" UNION ALL SELECT {names} FROM hot WHERE {where}"
    )


def _about(sealed: Sequence[SegmentFile], asked: Asked) -> int:
    """Estimate the rows of the files within the time asked for, as if they were spread evenly."""
    if asked.by != "ts":
        return sum(one.rows for one in sealed)
    return round(sum(one.rows * _share(one, asked) for one in sealed))


def _share(one: SegmentFile, asked: Asked) -> float:
    whole = (one.last_ts - one.first_ts).total_seconds()
    first = max(one.first_ts, asked.since or one.first_ts)
    last = min(one.last_ts, asked.until or one.last_ts)
    return 1.0 if whole <= 0 else max((last - first).total_seconds(), 0.0) / whole
