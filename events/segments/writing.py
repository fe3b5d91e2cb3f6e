"""From rows to segments' files: sorted, packed, by days, in bounded memory."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb
from django.db import connection

from events.models import Segment
from events.segments import files, layout

# What one job may take; beyond it, DuckDB writes to its temporary folder.
MEMORY_MB = 512
THREADS = 2
# A day with so many rows gets a file of its own; what is left of a month shares one.
DAY_ROWS = 20_000
# Of a group of rows: questions pass over those whose people or times they don't want.
GROUP_ROWS = 122_880
# zstd's levels, the second for files that last: twice the time, and a twelfth less of what questions read.
QUICK, SMALL = 3, 9


@dataclass(frozen=True)
class Span:
    """Rows of [first_ts, last_ts], both inclusive and without a zone, of one month."""

    first_ts: datetime
    last_ts: datetime
    rows: int


@contextmanager
def database(
    folder: Path, *, memory_mb: int = MEMORY_MB, threads: int = THREADS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a DuckDB of this job alone, that spills into `folder`."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": str(threads),
        "temp_directory": str(folder / "spill"),
        "preserve_insertion_order": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
    }
    with duckdb.connect(":memory:", config=config) as db:
        yield db


def spans(db: duckdb.DuckDBPyConnection, table: str, *, day_rows: int = DAY_ROWS) -> list[Span]:
    """Divide the rows of a table by months of `ts`, and large days from the rest of their month, oldest first.

    What is left of a month is cut at each large day, so that no two spans overlap.
    """
    found = db.execute(
        f"SELECT min(ts), max(ts), count(*) FROM {table} GROUP BY ts::date ORDER BY 1"  # noqa: S608 -- our own name
    ).fetchall()
    made: list[Span] = []
    open_month: tuple[int, int] | None = None
    for first, last, rows in found:
        month = (first.year, first.month)
        if rows < day_rows and month == open_month:
            made[-1] = Span(made[-1].first_ts, last, made[-1].rows + rows)
        else:
            made.append(Span(first, last, rows))
        open_month = month if rows < day_rows else None
    return made


def write(db: duckdb.DuckDBPyConnection, source: str, span: Span, target: Path, *, effort: int = QUICK) -> None:
    """Write the rows of a span from `source`, a table or view of packed columns, into a file."""
    db.execute(
        f"COPY (SELECT * FROM {source} WHERE ts >= TIMESTAMP '{span.first_ts}' AND ts <= TIMESTAMP '{span.last_ts}'"  # noqa: S608 -- our own names
        f" ORDER BY {layout.ORDER}) TO '{target}'"
        f" (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {effort}, ROW_GROUP_SIZE {GROUP_ROWS})"
    )


def segment(instance: str, project_id: int, level: int, span: Span, file: Path, *, merged_at: datetime) -> Segment:
    """Put a file into the store and return its row, which is not saved yet: until it is, nobody knows of the file."""
    first, last = span.first_ts.replace(tzinfo=UTC), span.last_ts.replace(tzinfo=UTC)
    name = f"{instance}/{project_id}/{first:%Y-%m}/{first:%d}-{level}-{uuid4().hex[:16]}.parquet"
    made = Segment(
        project_id=project_id,
        path=name,
        level=level,
        first_day=first.date(),
        last_day=last.date(),
        first_ts=first,
        last_ts=last,
        rows=span.rows,
        bytes=file.stat().st_size,
        digest=files.digest(file),
        merged_at=merged_at,
    )
    files.store().put(file, name)
    return made


def instance() -> str:
    """Return what no other database calls itself, so that two that share a store never touch each other's files."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(md5(system_identifier::text || d.oid::text || d.datname), 1, 12)"
            " FROM pg_control_system(), pg_database d WHERE d.datname = current_database()"
        )
        found: str = cursor.fetchone()[0]
    return found


def merged_at(project_id: int) -> datetime:
    """Return the moment before which all merges of people are in what is read of identities now.

    Merges are written one transaction after the other, so those that can be seen are the first ones.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(merged_at) FROM events_personmerge WHERE project_id = %s", [project_id])
        newest: datetime | None = cursor.fetchone()[0]
    return newest + timedelta(microseconds=1) if newest else datetime(1970, 1, 1, tzinfo=UTC)


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def paths(segments: Sequence[Segment]) -> str:
    """Return the files of segments as a list for read_parquet."""
    store = files.store()
    quoted = ("'" + str(store.local(one.path)).replace("'", "''") + "'" for one in segments)
    return f"[{', '.join(quoted)}]"
