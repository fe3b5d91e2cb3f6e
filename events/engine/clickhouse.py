"""ClickHouse's own engine, by chdb, in a process beside this one: it is large, and what runs too long ends with it.

The first question starts the process, which answers one question at a time. Needs requirements-scale.txt.
"""

import atexit
import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import sqlglot
from django.conf import settings
from sqlglot.tokens import TokenType  # type: ignore[attr-defined]

from events.engine import running
from events.engine.answers import EngineDown, TooLarge, Unreadable
from events.engine.inputs import Inputs
from events.engine.sources import MERGES, events_view
from events.engine.tables import COHORT, EVENTS, PEOPLE
from events.segments import layout

NAME = DIALECT = "clickhouse"
TYPES = {"int64": "Nullable(Int64)", "string": "Nullable(String)", "timestamp(6)": "Nullable(DateTime64(6, 'UTC'))"}
STARTING_S = 60
TOO_LARGE = "MEMORY_LIMIT_EXCEEDED"
DAMAGED = ("INCORRECT_DATA", "CANNOT_", "CORRUPTED", "PARQUET", "UNKNOWN_EXCEPTION", "STD_EXCEPTION", "INCORRECT_FILE")
# JSON null leads nowhere, as in the other engines; the text "null" does not.
JSON_TEXT = """
CREATE FUNCTION IF NOT EXISTS json_text AS (document, path) ->
    if(JSON_VALUE(document, path) = 'null' AND JSON_QUERY(document, path) = '[null]', NULL, JSON_VALUE(document, path))
"""
# What an expression uses several times is named in its WITH; by itself ClickHouse would run it each time.
COUNTS = ("COUNT", "COUNTIF", "UNIQEXACT")
COMMON = re.compile(r'"(t\d+)" AS \(')
SETTINGS = """
SET enable_materialized_cte = 1,
    function_json_value_return_type_allow_nullable = 1, function_json_value_return_type_allow_complex = 1,
    join_use_nulls = 1, session_timezone = 'UTC', union_default_mode = 'DISTINCT',
    input_format_csv_empty_as_default = 0,
    format_csv_null_representation = '', aggregate_functions_null_for_empty = 1, transform_null_in = 0
"""


def run(inputs: Inputs, sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
    """Return the columns and rows of `sql` over the inputs.

    Raises TooSlow, TooLarge, Cancelled and EngineDown, and Unreadable when a segment turns out to be damaged.
    """
    with _one_at_a_time:
        child = _running()
        with tempfile.NamedTemporaryFile(prefix="growth-answer-", suffix=".arrow") as file:
            with running.limited(child.kill):
                child.ask({"statements": _statements(inputs), "sql": _adapted(sql), "file": file.name})
            return _read(Path(file.name))


def _adapted(sql: str) -> str:
    """Return the SQL with its common parts marked to be computed once, and counts with a sign.

    ClickHouse counts in UInt64, which has no type in common with the numbers that other engines know.
    """
    tokens = sqlglot.tokenize(sql, read=DIALECT)
    marks: list[tuple[int, str]] = []
    for place, token in enumerate(tokens[:-1]):
        if token.text.upper() not in COUNTS or tokens[place + 1].token_type != TokenType.L_PAREN:
            continue
        end = _closing(tokens, place + 1)
        if tokens[end + 1 : end + 2] and tokens[end + 1].token_type == TokenType.OVER:
            continue
        marks += [(token.start, "toInt64("), (tokens[end].end + 1, ")")]
    for at, text in sorted(marks, reverse=True):
        sql = sql[:at] + text + sql[at:]
    return COMMON.sub(r'"\1" AS MATERIALIZED (', sql)


def _closing(tokens: Sequence[Any], opening: int) -> int:
    depth = 0
    for place in range(opening, len(tokens)):
        depth += (tokens[place].token_type == TokenType.L_PAREN) - (tokens[place].token_type == TokenType.R_PAREN)
        if not depth:
            return place
    return len(tokens) - 1


def _read(file: Path) -> tuple[Sequence[str], Sequence[tuple[Any, ...]]]:
    with pa.memory_map(str(file)) as source:
        found = pa.ipc.open_file(source).read_all()
    # Times have no zone in the other engines.
    plain = [
        column.cast(pa.timestamp("us")) if pa.types.is_timestamp(column.type) else column for column in found.columns
    ]
    return found.column_names, list(zip(*(column.to_pylist() for column in plain), strict=True))


def _statements(inputs: Inputs) -> list[str]:
    view = events_view(inputs.bounds, merged=inputs.merges is not None, erased=inputs.erased)
    return [
        _view("segments", _segments(inputs.paths)),
        _view("hot", _csv(inputs.hot, EVENTS)),
        _view("people", _csv(inputs.people, PEOPLE)),
        _view("merges", _csv(inputs.merges, dict.fromkeys(MERGES.columns, "int64"))),
        _view("cohort", _cohort(inputs.cohort)),
        _view("events", str(ibis.to_sql(view, dialect=DIALECT))),
    ]


def _view(name: str, query: str) -> str:
    return f"CREATE OR REPLACE VIEW {name} AS {query}"


def _segments(paths: Sequence[str]) -> str:
    if not paths:
        return _nothing(EVENTS)
    files = ", ".join(_quoted(path) for path in paths)
    columns = layout.selected(DIALECT, *EVENTS)
    return f"SELECT {columns} FROM file([{files}], Parquet)"  # noqa: S608 -- names of files that we made


def _csv(file: Path | None, columns: dict[str, str]) -> str:
    if file is None:
        return _nothing(columns)
    declared = _quoted(", ".join(f"{column} {TYPES[kind]}" for column, kind in columns.items()))
    return f"SELECT * FROM file({_quoted(str(file))}, CSVWithNames, {declared})"  # noqa: S608


def _cohort(people: Sequence[int]) -> str:
    if not people:
        return _nothing(COHORT)
    return f"SELECT toInt64(arrayJoin([{', '.join(map(str, people))}])) AS person"


def _nothing(columns: dict[str, str]) -> str:
    nulls = ", ".join(f"CAST(NULL AS {TYPES[kind]}) AS {column}" for column, kind in columns.items())
    return f"SELECT {nulls} WHERE false"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class _Child:
    """The process that holds the engine; a line of JSON goes in for each question, and one comes out."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "events.engine.clickhouse_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        memory = f"SET max_memory_usage = {settings.ANALYTICS_MEMORY_MB * 1_000_000}"
        self.ask({"statements": [SETTINGS, memory, JSON_TEXT]})

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, question: dict[str, Any]) -> None:
        """Hand in a question and wait for its end. Raises what the engine says, or EngineDown."""
        sent, received = self._process.stdin, self._process.stdout
        assert sent, received
        try:
            sent.write(json.dumps(question) + "\n")
            sent.flush()
            answer = (received.readline() if received else "") or "{}"
        except OSError as gone:
            raise EngineDown from gone
        fault = json.loads(answer).get("fault", "the process ended")
        if not fault:
            return
        if TOO_LARGE in fault:
            raise TooLarge
        if any(word in fault for word in DAMAGED):
            raise Unreadable(fault)
        raise EngineDown(detail=fault[:2_000]) if not self.alive else RuntimeError(fault)

    def kill(self) -> None:
        """End the process with whatever it does."""
        self._process.kill()
        self._process.wait()


_one_at_a_time = threading.Lock()
_children: list[_Child] = []


def _running() -> _Child:
    while _children and not _children[0].alive:
        _children.pop()
    if not _children:
        _children.append(_Child())
    return _children[0]


@atexit.register
def stop() -> None:
    """End the engine's process. Safe to repeat."""
    with contextlib.suppress(OSError):
        for child in _children:
            child.kill()
    _children.clear()
