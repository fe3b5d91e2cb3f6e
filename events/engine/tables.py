"""The tables that every expression is written on, whatever engine runs it. Plain Python.

An engine supplies the tables under these names, and `json_text` as a macro of its own.
"""

from typing import Any, NamedTuple

import ibis
import ibis.expr.types as ir

# One row an event. Times are UTC without a zone, in microseconds. `event` is what a person would call it: of a track
# call its name, else "Page: Pricing", "Screen: Login", "Identify", "Group", "Alias". `person` is the person now, after
# all merging. `properties` and `context` are JSON texts.
EVENTS: dict[str, Any] = {
    "person": "int64",
    "event": "string",
    "ts": "timestamp(6)",
    "id": "int64",
    "type": "string",
    "name": "string",
    "user_id": "string",
    "anonymous_id": "string",
    "message_id": "string",
    "received_at": "timestamp(6)",
    "properties": "string",
    "context": "string",
}
# One row a person of the project, with the traits as JSON text.
PEOPLE: dict[str, Any] = {"person": "int64", "user_id": "string", "first_seen": "timestamp(6)", "traits": "string"}
# The people of the saved cohort that the question names.
COHORT: dict[str, Any] = {"person": "int64"}


class Tables(NamedTuple):
    """What an expression is built from; those it does not use are not read."""

    events: ir.Table
    people: ir.Table
    cohort: ir.Table


TABLES = Tables(ibis.table(EVENTS, name="events"), ibis.table(PEOPLE, name="people"), ibis.table(COHORT, name="cohort"))


@ibis.udf.scalar.builtin(name="json_text")  # type: ignore[untyped-decorator]
def json_text(document: str, path: str) -> str:  # type: ignore[empty-body]
    """Return what a JSON path like $."plan" leads to, as text; null where it leads nowhere."""
