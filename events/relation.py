"""The stream as one relation: the door for every question about many events."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir

from customers.models import Project
from events.engine import duck
from events.engine.answers import Answer
from events.engine.tables import TABLES, Tables


@dataclass(frozen=True)
class Relation:
    """Events of a project that happened in [since, until), of some names or all; `cohort` are person ids."""

    project: Project
    since: datetime | None = None
    until: datetime | None = None
    names: frozenset[str] | None = None
    cohort: tuple[int, ...] | None = None

    def run(self, build: Callable[[Tables], ir.Table]) -> Answer:
        """Build an Ibis expression on the tables and run it; raises TooSlow, TooLarge and EngineDown."""
        started = time.perf_counter()
        sql = str(ibis.to_sql(build(TABLES), dialect="duckdb"))
        columns, rows, watermark = duck.run(self, sql)
        return Answer(columns, rows, sql, watermark, took_s=time.perf_counter() - started)


def relation(
    project: Project,
    since: datetime | None = None,
    until: datetime | None = None,
    names: Collection[str] | None = None,
    *,
    cohort: Collection[int] | None = None,
) -> Relation:
    """Return the project's events of a time and of some names as a relation, to be asked by `run`."""
    return Relation(
        project,
        since,
        until,
        None if names is None else frozenset(names),
        None if cohort is None else tuple(cohort),
    )
