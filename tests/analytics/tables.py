"""Expressions run on rows told in a test, in a DuckDB of its own: no stream, no people, nothing stored."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import ibis
import ibis.expr.types as ir

from events.engine.tables import TABLES, Tables


@dataclass(frozen=True)
class Row:
    """An event of a person at a time (UTC, without a zone)."""

    person: int
    event: str
    ts: datetime
    id: int
    properties: Mapping[str, Any] = field(default_factory=dict)


def rows_of(
    rows: Sequence[Row],
    build: Callable[[Tables], ir.Table],
    *,
    traits: Mapping[int, Mapping[str, Any]] | None = None,
    cohort: Sequence[int] = (),
) -> list[tuple[Any, ...]]:
    """Return what an expression answers over the rows."""
    with duckdb.connect() as db:
        db.execute("CREATE MACRO json_text(document, path) AS json_extract_string(document, path)")
        db.execute(
            "CREATE TABLE events (person BIGINT, event VARCHAR, ts TIMESTAMP, id BIGINT, type VARCHAR, name VARCHAR,"
            " user_id VARCHAR, anonymous_id VARCHAR, message_id VARCHAR, received_at TIMESTAMP, properties VARCHAR,"
            " context VARCHAR)"
        )
        db.execute("CREATE TABLE people (person BIGINT, user_id VARCHAR, first_seen TIMESTAMP, traits VARCHAR)")
        db.execute("CREATE TABLE cohort AS SELECT unnest(?::BIGINT[]) AS person", [list(cohort)])
        told = [
            (one.person, one.event, one.ts, one.id, _type(one.event), one.ts, json.dumps(dict(one.properties)))
            for one in rows
        ]
        if told:
            db.executemany(
                "INSERT INTO events (person, event, ts, id, type, received_at, properties)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                told,
            )
        people = [(person, json.dumps(dict(found))) for person, found in (traits or {}).items()]
        if people:
            db.executemany("INSERT INTO people (person, traits) VALUES (?, ?)", people)
        return db.execute(str(ibis.to_sql(build(TABLES), dialect="duckdb"))).fetchall()


def _type(event: str) -> str:
    return {"Page": "page", "Screen": "screen"}.get(event.partition(":")[0], "track") if ": " in event else "track"
