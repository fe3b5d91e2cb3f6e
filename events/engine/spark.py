"""Spark: one long session of this process with the cluster that SPARK_URL names.

Its workers read the files under the address that they have here: a folder that all machines mount, for example. What
is hot travels from here. Needs requirements-scale.txt and Java 17.
"""

import atexit
import os
import sys
import threading
import uuid
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import ibis
import sqlglot
from django.conf import settings
from ibis.config import Config

from events.engine import running
from events.engine.answers import EngineDown, TooLarge, Unreadable
from events.engine.duck import scan
from events.engine.inputs import Inputs
from events.engine.sources import MERGES, events_view
from events.engine.tables import COHORT, EVENTS, PEOPLE
from events.segments import layout

NAME = "spark"
DIALECT = "pyspark"
TYPES = {"int64": "BIGINT", "string": "STRING", "timestamp(6)": "TIMESTAMP_NTZ"}
# Paths come as $."plan"; Spark wants $['plan'].
JSON_TEXT = """
CREATE OR REPLACE TEMPORARY FUNCTION json_text(document STRING, path STRING) RETURNS STRING
RETURN get_json_object(document, regexp_replace(path, '[.]"([^"]*)"', "['$1']"))
"""
OPTIONS = {
    "spark.app.name": "growth-platform",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.shuffle.partitions": "8",
    # try_cast and null where a sum can't be made, as the other engines do; and no error for numbers as keys.
    "spark.sql.ansi.enabled": "true",
    # A worker that dies takes its part of a shuffle along; those stages run again on the others.
    "spark.task.maxFailures": "8",
    "spark.stage.maxConsecutiveAttempts": "8",
}
TOO_LARGE = ("OutOfMemoryError", "maxResultSize")
DAMAGED = ("FAILED_READ_FILE", "SparkFileNotFoundException", "FileNotFoundException", "CANNOT_READ_FILE")
GONE = ("SparkContext was shut down", "stopped SparkContext", "Connection refused", "All masters are unresponsive")


class _Options(Config):  # type: ignore[misc]
    treat_nan_as_null: bool = False


# Ibis' own back end for Spark would set these, and needs more packages than compiling does.
ibis.options.pyspark = _Options()
_starting = threading.Lock()
_sessions: list[Any] = []


def run(inputs: Inputs, sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
    """Return the columns and rows of `sql` over the inputs.

    Raises TooSlow, TooLarge, Cancelled and EngineDown, and Unreadable when a segment turns out to be damaged.
    """
    session, group = _session().newSession(), uuid.uuid4().hex
    context = session.sparkContext
    # Its jobs are those of this thread until the next question gives the thread another name.
    context.setJobGroup(group, "question", interruptOnCancel=True)
    kept: list[Any] = []
    try:
        with running.limited(lambda: context.cancelJobGroup(group)):
            _supply(session, inputs)
            found = session.sql(_with_common_parts_kept(session, sql, kept))
            return found.columns, [tuple(row) for row in found.collect()]
    except Exception as fault:
        _translate(fault)
        raise
    finally:
        for part in kept:
            part.unpersist()


def _with_common_parts_kept(session: Any, sql: str, kept: list[Any]) -> str:
    """Make a view of each part of WITH, kept once it was computed, and return the rest.

    By itself Spark would compute a part again wherever the expression uses it. They are added to `kept`.
    """
    query = sqlglot.parse_one(sql, dialect="spark")
    common = query.find(sqlglot.exp.With)
    if common is None:
        return sql
    for part in common.expressions:
        kept.append(session.sql(part.this.sql(dialect="spark")).cache())
        kept[-1].createOrReplaceTempView(part.alias)
    common.pop()
    return str(query.sql(dialect="spark"))


def _translate(fault: Exception) -> None:
    """Raise what the engine's fault means to the asker, where it is not a mistake of ours."""
    said = str(fault)
    if any(word in said for word in TOO_LARGE):
        raise TooLarge from fault
    if any(word in said for word in DAMAGED):
        raise Unreadable(said) from fault
    if any(word in said for word in GONE):
        stop()
        raise EngineDown from fault


def _supply(session: Any, inputs: Inputs) -> None:
    session.sql(JSON_TEXT)
    if inputs.segments:
        session.read.parquet(*(f"file:{path}" for path in inputs.paths)).createOrReplaceTempView("files")
        session.sql(f"SELECT {layout.selected(NAME, *EVENTS)} FROM files").createOrReplaceTempView(  # noqa: S608
            "segments"
        )
    else:
        _table(session, "segments", EVENTS, None)
    _table(session, "hot", EVENTS, inputs.hot)
    _table(session, "people", PEOPLE, inputs.people)
    _table(session, "merges", dict.fromkeys(MERGES.columns, "int64"), inputs.merges)
    rows = [(person,) for person in inputs.cohort]
    session.createDataFrame(rows, _declared(COHORT)).createOrReplaceTempView("cohort")
    view = events_view(inputs.bounds, merged=inputs.merges is not None, erased=inputs.erased)
    session.sql(str(ibis.to_sql(view, dialect=DIALECT))).createOrReplaceTempView("events")


def _table(session: Any, name: str, columns: dict[str, str], file: Path | None) -> None:
    rows: list[tuple[Any, ...]] = []
    if file:
        with duckdb.connect() as db:
            rows = db.execute(f"SELECT * FROM {scan(file, columns)}").fetchall()  # noqa: S608
    session.createDataFrame(rows, _declared(columns)).createOrReplaceTempView(name)


def _declared(columns: dict[str, str]) -> str:
    return ", ".join(f"{column} {TYPES[kind]}" for column, kind in columns.items())


def _session() -> Any:
    with _starting:
        if _sessions and getattr(_sessions[0].sparkContext, "_jsc", None) is None:
            _sessions.clear()
        if not _sessions:
            _sessions.append(_started())
        return _sessions[0]


def _started() -> Any:
    # The workers' Python is not used, but must not be another release than this one's.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of releases of packages that are not used here
            from pyspark.sql import SparkSession

            builder = SparkSession.builder.master(settings.SPARK_URL)
            for name, value in OPTIONS.items():
                builder = builder.config(name, value)
            session = builder.getOrCreate()
    except Exception as fault:
        raise EngineDown from fault
    session.sparkContext.setLogLevel("OFF")
    return session


@atexit.register
def stop() -> None:
    """Leave the cluster. Safe to repeat."""
    while _sessions:
        _sessions.pop().stop()
