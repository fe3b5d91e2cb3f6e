"""DuckDB in this process: one instance, one cursor a question, so that all questions share one limit of memory."""

import os
import tempfile
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import ibis
from django.conf import settings

from events.engine import running
from events.engine.answers import TooLarge, Unreadable
from events.engine.inputs import Inputs
from events.engine.sources import events_view
from events.engine.tables import COHORT, EVENTS, PEOPLE
from events.segments import layout

NAME = DIALECT = "duckdb"
TYPES = {"int64": "BIGINT", "string": "VARCHAR", "timestamp(6)": "TIMESTAMP"}
MERGES = {"person_id": "int64", "survivor_id": "int64"}
# PostgreSQL writes null as nothing and the empty text as ""; a line is as long as the longest event.
CSV = "header=true, nullstr='', allow_quoted_nulls=false, delim=',', quote='\"', escape='\"', max_line_size=33554432"
_starting = threading.Lock()
_instances: dict[int, duckdb.DuckDBPyConnection] = {}


def run(inputs: Inputs, sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
    """Return the columns and rows of `sql` over the inputs.

    Raises TooSlow, TooLarge and Cancelled, and Unreadable when a segment turns out to be damaged.
    """
    with closing(_instance().cursor()) as db:
        try:
            with running.limited(db.interrupt):
                _supply(db, inputs)
                found = db.execute(sql)
                return [column[0] for column in found.description], found.fetchall()
        except duckdb.OutOfMemoryException as fault:
            raise TooLarge from fault
        except (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException):
            raise
        except duckdb.Error as fault:
            if isinstance(fault, duckdb.FatalException | duckdb.InternalException):
                _give_up_instance()
            # A damaged file shows itself by any other error, plain ones among them.
            raise Unreadable(str(fault)) from fault


def _instance() -> duckdb.DuckDBPyConnection:
    """Return this process's DuckDB: a child of a fork must not use its parent's."""
    with _starting:
        if os.getpid() not in _instances:
            _instances[os.getpid()] = _started()
        return _instances[os.getpid()]


def _give_up_instance() -> None:
    """Let the next question start anew: DuckDB refuses everything after a fault of its own."""
    with _starting:
        _instances.pop(os.getpid(), None)


def _started() -> duckdb.DuckDBPyConnection:
    db = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{settings.ANALYTICS_MEMORY_MB}MB",
            "threads": str(len(os.sched_getaffinity(0))),
            "temp_directory": str(Path(tempfile.gettempdir(), f"growth-duckdb-{os.getpid()}")),
            "preserve_insertion_order": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        },
    )
    db.execute("SET GLOBAL parquet_metadata_cache = true")
    db.execute("CREATE MACRO json_text(document, path) AS json_extract_string(document, path)")
    return db


def _supply(db: duckdb.DuckDBPyConnection, inputs: Inputs) -> None:
    columns = layout.selected(DIALECT, *EVENTS)
    if inputs.segments:
        # Files never change under their path, and what they hold is the same for all.
        files = ", ".join(_quoted(path) for path in inputs.paths)
        db.execute(f"CREATE TEMP VIEW segments AS SELECT {columns} FROM read_parquet([{files}])")  # noqa: S608
    else:
        db.execute(f"CREATE TEMP TABLE segments ({_declared(EVENTS)})")
    _table(db, "hot", EVENTS, inputs.hot)
    if inputs.people:
        _table(db, "people", PEOPLE, inputs.people)
    if inputs.merges:
        _table(db, "merges", MERGES, inputs.merges)
    db.execute(f"CREATE TEMP TABLE cohort ({_declared(COHORT)})")
    if inputs.cohort:
        db.execute("INSERT INTO cohort SELECT unnest(?::BIGINT[])", [list(inputs.cohort)])
    view = events_view(inputs.bounds, merged=inputs.merges is not None, erased=inputs.erased)
    db.execute(f"CREATE TEMP VIEW events AS {ibis.to_sql(view, dialect=DIALECT)}")


def scan(file: Path, columns: dict[str, str]) -> str:
    """Return what reads a CSV of inputs in a FROM clause."""
    kinds = ", ".join(f"'{column}': '{TYPES[kind]}'" for column, kind in columns.items())
    return f"read_csv({_quoted(str(file))}, columns={{{kinds}}}, {CSV})"


def _table(db: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], file: Path) -> None:
    db.execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {scan(file, columns)}")  # noqa: S608


def _declared(columns: dict[str, str]) -> str:
    return ", ".join(f"{column} {TYPES[kind]}" for column, kind in columns.items())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
