"""DuckDB in this process. First form: everything from the hot log; segments, limits and the cache follow."""

import tempfile
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from django.db import connection

from events.store import raw_cursor

if TYPE_CHECKING:
    from events.relation import Relation

HOT = """
COPY (
    SELECT i.person_id AS person,
           CASE e.type WHEN 'track' THEN e.name WHEN 'page' THEN 'Page: ' || COALESCE(e.name, '')
                WHEN 'screen' THEN 'Screen: ' || COALESCE(e.name, '') ELSE initcap(e.type) END AS event,
           e.ts AT TIME ZONE 'UTC' AS ts, e.id, e.type, e.name, e.user_id, e.anonymous_id, e.message_id,
           e.received_at AT TIME ZONE 'UTC' AS received_at, e.properties, e.context
    FROM events_event e
    JOIN events_identity i ON i.project_id = e.project_id AND i.value = COALESCE(e.user_id, e.anonymous_id)
    WHERE e.project_id = {project}
) TO STDOUT (FORMAT csv, HEADER)
"""
TYPES = (
    "{'person': 'BIGINT', 'event': 'VARCHAR', 'ts': 'TIMESTAMP', 'id': 'BIGINT', 'type': 'VARCHAR', 'name': 'VARCHAR',"
    " 'user_id': 'VARCHAR', 'anonymous_id': 'VARCHAR', 'message_id': 'VARCHAR', 'received_at': 'TIMESTAMP',"
    " 'properties': 'VARCHAR', 'context': 'VARCHAR'}"
)
PEOPLE = """
COPY (SELECT id AS person, user_id, first_seen_at AT TIME ZONE 'UTC' AS first_seen, traits FROM events_person
      WHERE project_id = {project}) TO STDOUT (FORMAT csv, HEADER)
"""


def _copied(sql: str, file: Path) -> None:
    with file.open("wb") as out, raw_cursor().copy(sql) as copy:
        for block in copy:
            out.write(block)


def run(relation: "Relation", sql: str) -> tuple[Sequence[str], Sequence[tuple[Any, ...]], str]:
    """Return the columns and rows of `sql` over the relation's tables."""
    project = relation.project.pk
    with tempfile.TemporaryDirectory() as folder, duckdb.connect() as db:
        hot, people = Path(folder, "hot.csv"), Path(folder, "people.csv")
        _copied(HOT.format(project=project), hot)
        _copied(PEOPLE.format(project=project), people)
        db.execute("CREATE MACRO json_text(document, path) AS json_extract_string(document, path)")
        clauses, values = _bounds(relation)
        db.execute(
            f"CREATE TABLE events AS SELECT * FROM read_csv('{hot}', columns={TYPES}, nullstr='') WHERE {clauses}",  # noqa: S608
            values,
        )
        db.execute(
            f"CREATE TABLE people AS SELECT * FROM read_csv('{people}', columns={{'person': 'BIGINT',"  # noqa: S608
            " 'user_id': 'VARCHAR', 'first_seen': 'TIMESTAMP', 'traits': 'VARCHAR'})"
        )
        db.execute("CREATE TABLE cohort AS SELECT unnest(?::BIGINT[]) AS person", [list(relation.cohort or ())])
        found = db.execute(sql)
        return [column[0] for column in found.description], found.fetchall(), _watermark()


def _bounds(relation: "Relation") -> tuple[str, list[Any]]:
    clauses: list[str] = ["true"]
    values: list[Any] = []
    if relation.since:
        clauses.append("ts >= ?::TIMESTAMP")
        values.append(_utc(relation.since))
    if relation.until:
        clauses.append("ts < ?::TIMESTAMP")
        values.append(_utc(relation.until))
    if relation.names is not None:
        clauses.append("list_contains(?::VARCHAR[], event)")
        values.append(sorted(relation.names))
    return " AND ".join(clauses), values


def _utc(moment: Any) -> str:
    return str(moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" "))


def _watermark() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COALESCE(max(position), 0) FROM events_consumer WHERE name = 'people'")
        return str(cursor.fetchone()[0])
