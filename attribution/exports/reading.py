"""Raw data as Arrow batches: from PostgreSQL by one statement, events from sealed files and hot rows, each once."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from django.db import OperationalError, connection, transaction
from psycopg import sql

from attribution.exports import appsflyer
from attribution.exports.columns import DECIMAL, INTEGER, JSON, NUMBER, TEXT, TIME, YES_NO, Column, Kind
from attribution.exports.kinds import APPSFLYER, AS_APPSFLYER, EVENTS, KINDS, OWN
from customers.models import Project
from events import services as events
from growthplatform.core import arrow
from growthplatform.core.errors import InvalidField

ARROW = {
    TEXT: pa.string(),
    JSON: pa.string(),
    INTEGER: pa.int64(),
    DECIMAL: pa.decimal128(16, 4),
    NUMBER: pa.float64(),
    TIME: pa.timestamp("us", "UTC"),
    YES_NO: pa.bool_(),
}
BY_TIME, BY_ARRIVAL = "time", "arrival"
MEMORY_MB, THREADS, BATCH_ROWS = 256, 1, 8_192
# Longer than this nobody counts, only to draw a bar.
COUNTING_MS = 3_000


@dataclass(frozen=True)
class Asked:
    """Which rows, and under which column names: what happened, or with `by` "arrival" came, in [since, until)."""

    kind: str
    columns: str = OWN
    since: datetime | None = None
    until: datetime | None = None
    by: str = BY_TIME
    source: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rows:
    """Batches of one schema, to be taken once; `total` is about how many rows they are, None where nobody knows."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]
    total: int | None


def check(asked: Asked) -> None:
    """Raise InvalidField for what can't be asked together."""
    if asked.kind not in KINDS:
        raise InvalidField.named("kind", f"One of {', '.join(KINDS)}.")
    if asked.columns not in (OWN, APPSFLYER):
        raise InvalidField.named("columns", f"{OWN} or {APPSFLYER}.")
    if asked.columns == APPSFLYER and asked.kind not in AS_APPSFLYER:
        raise InvalidField.named("columns", f"AppsFlyer's columns are for {' and '.join(AS_APPSFLYER)} only.")
    if asked.by not in (BY_TIME, BY_ARRIVAL):
        raise InvalidField.named("by", f"{BY_TIME} or {BY_ARRIVAL}.")
    if asked.source and not KINDS[asked.kind].of_source:
        raise InvalidField.named("source", f"{KINDS[asked.kind].label} have no source.")
    if asked.names and asked.kind != EVENTS.name:
        raise InvalidField.named("names", "Only events are chosen by name.")
    if asked.since and asked.until and asked.since >= asked.until:
        raise InvalidField.named("to", "The period must end after it begins.")


def columns_of(asked: Asked) -> tuple[Column, ...]:
    """Return the columns of the file, in order."""
    if asked.columns == APPSFLYER:
        return appsflyer.KIND.columns
    return KINDS[asked.kind].columns


def schema_of(asked: Asked) -> pa.Schema:
    """Return the columns as Arrow knows them, each with what it means."""
    return pa.schema(
        [pa.field(one.name, ARROW[one.type], metadata={"means": one.means} if one.means else None)
         for one in columns_of(asked)]
    )  # fmt: skip


@contextmanager
def opened(project: Project, asked: Asked) -> Iterator[Rows]:
    """Yield the rows asked for, all of one moment. Raises InvalidField, and FilesMissing of events."""
    check(asked)
    schema = schema_of(asked)
    if asked.kind != EVENTS.name:
        query = _statement(_kind(asked), asked, project)
        with arrow.batches(query) as found:
            yield Rows(schema, _shaped(found, schema), _count(_kind(asked), asked, project))
        return
    by = "received_at" if asked.by == BY_ARRIVAL else "ts"
    wanted = events.RawAsked(asked.since, asked.until, by, frozenset(asked.names) or None)
    with events.raw(project.pk, wanted) as raw:
        if asked.columns == OWN:
            yield Rows(schema, _shaped(raw.rows, schema), raw.total)
        else:
            with _joined(project, raw.rows) as found:
                yield Rows(schema, _shaped(found, schema), raw.total)


def _kind(asked: Asked) -> Kind:
    return appsflyer.KIND if asked.columns == APPSFLYER else KINDS[asked.kind]


def _shaped(found: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Give each batch exactly the names and types of the schema."""
    for batch in found:
        arrays = [
            column if column.type == field.type else column.cast(field.type)
            for column, field in zip(batch.columns, schema, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _statement(kind: Kind, asked: Asked, project: Project) -> str:
    listed = ", ".join(column.sql for column in kind.columns)
    return _text(f"SELECT {listed} {_rows(kind)} {{where}}", where=_where(kind, asked, project))


def _rows(kind: Kind) -> str:
    return f"FROM {kind.source.replace('{rejected}', events.REJECTED_SQL)} WHERE"


def _text(query: str, **parts: sql.Composable) -> str:
    """Fill a statement of constants. It is sent without parameters, so nothing in it is escaped twice."""
    [before, after] = query.split("{where}")
    return sql.Composed([sql.SQL(before), parts["where"], sql.SQL(after)]).as_string(None)


def _where(kind: Kind, asked: Asked, project: Project) -> sql.Composable:
    at = kind.arrival if asked.by == BY_ARRIVAL else kind.time
    clauses = [sql.SQL(f"{kind.project} = {{}}").format(sql.Literal(project.pk))]
    if asked.since:
        clauses.append(sql.SQL(f"{at} >= {{}}").format(sql.Literal(asked.since)))
    if asked.until:
        clauses.append(sql.SQL(f"{at} < {{}}").format(sql.Literal(asked.until)))
    if asked.source:
        clauses.append(sql.SQL(f"{kind.of_source} = {{}}").format(sql.Literal(asked.source)))
    return sql.SQL(" AND ").join(clauses)


def _count(kind: Kind, asked: Asked, project: Project) -> int | None:
    query = _text(f"SELECT count(*) {_rows(kind)} {{where}}", where=_where(kind, asked, project))
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = {COUNTING_MS}")
            cursor.execute(query)
            [number] = cursor.fetchone()
            cursor.execute("SET LOCAL statement_timeout = 0")
    except OperationalError:
        return None
    return int(number)


@contextmanager
def _joined(project: Project, rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatchReader]:
    """Yield events under AppsFlyer's names, each with what its person's install before it was credited to."""
    with tempfile.TemporaryDirectory(prefix="growth-export-") as folder:
        query = appsflyer.OPENINGS.replace("{people}", events.PEOPLE_SQL).replace("{project}", str(int(project.pk)))
        file = Path(folder, "openings.parquet")
        with arrow.batches(query) as found, pq.ParquetWriter(file, found.schema, compression="lz4") as out:
            for batch in found:
                out.write_batch(batch)
        config: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{MEMORY_MB}MB",
            "threads": str(THREADS),
            "temp_directory": str(Path(folder, "spill")),
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        with duckdb.connect(":memory:", config=config) as db:
            db.execute("SET streaming_buffer_size = '8MB'")
            # Nobody can say beforehand how many events come; they must not be what is held in memory.
            db.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
            db.execute(f"CREATE TEMP VIEW openings AS SELECT * FROM read_parquet('{file}')")  # noqa: S608 -- our own path
            db.register("events", rows)
            yield db.sql(appsflyer.EVENT_ROWS).to_arrow_reader(BATCH_ROWS)
