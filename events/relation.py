"""The stream as one relation: the door for every question about many events."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import ibis.expr.types as ir

from customers.models import Project
from events.engine import asking
from events.engine.answers import Answer
from events.engine.sources import Bounds
from events.engine.tables import Tables


@dataclass(frozen=True)
class Relation:
    """Events of a project that happened in [since, until), of some names or all; `cohort` are person ids."""

    project: Project
    since: datetime | None = None
    until: datetime | None = None
    names: frozenset[str] | None = None
    cohort: tuple[int, ...] | None = None

    @property
    def bounds(self) -> Bounds:
        return Bounds(self.since, self.until, self.names)

    def run(self, build: Callable[[Tables], ir.Table], *, engine: str = "", anew: bool = False) -> Answer:
        """Build an Ibis expression on the tables and answer it, by ANALYTICS_ENGINE unless another is named.

        `anew` runs it whatever is kept. Raises TooSlow, TooLarge, Cancelled and EngineDown.
        """
        return asking.answer(self, build, engine=engine, anew=anew)


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
