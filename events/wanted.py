"""Which events a reader wants: the same filter for the log in PostgreSQL and for sealed segments."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from events.models import Event

# Written as the index event_by_person is: the id that an event is known by is the user id where there is one.
DISTINCT_ID = Coalesce(F("user_id"), F("anonymous_id"))


@dataclass(frozen=True)
class Wanted:
    """Filters of a list of events; what is empty or None does not filter. `since` and `until` bound when it happened.

    `label` is the name or the type, `part` is contained in the name in any case, `either_id` is the user id or the
    anonymous id, and `distinct_ids` are those that an event is known by.
    """

    since: datetime | None = None
    until: datetime | None = None
    type: str = ""
    name: str = ""
    label: str = ""
    part: str = ""
    user_id: str = ""
    anonymous_id: str = ""
    either_id: str = ""
    distinct_ids: tuple[str, ...] | None = None
    id: int | None = None
    message_id: str = ""
    names: tuple[str, ...] | None = None

    @property
    def known_by(self) -> tuple[str, ...] | None:
        """Return the ids that the events are known by, None where the filters don't say."""
        if self.user_id:
            return (self.user_id,)
        return self.distinct_ids

    def among(self, rows: QuerySet[Event]) -> QuerySet[Event]:
        """Return those of `rows`, a project's log, that are wanted."""
        rows = rows.filter(Q(**{column: value for column, value in self._equal.items() if value}))
        if self.since:
            # Nothing happens after its arrival, so the index on the arrival bounds what is read.
            rows = rows.filter(ts__gte=self.since, received_at__gte=self.since)
        if self.until:
            rows = rows.filter(ts__lt=self.until)
        if self.label:
            rows = rows.filter(Q(name=self.label) | Q(type=self.label))
        if self.part:
            rows = rows.filter(name__icontains=self.part)
        if self.either_id:
            rows = rows.filter(Q(user_id=self.either_id) | Q(anonymous_id=self.either_id))
        if self.names is not None:
            rows = rows.filter(name__in=self.names)
        if self.known_by is not None:
            rows = rows.annotate(distinct_id=DISTINCT_ID).filter(distinct_id__in=self.known_by)
        return rows

    @property
    def _equal(self) -> Mapping[str, Any]:
        columns = ("type", "name", "user_id", "anonymous_id", "message_id", "id")
        return {column: getattr(self, column) for column in columns}

    def conditions(self) -> list[tuple[str, list[Any]]]:
        """Return the same for DuckDB, where times are UTC without a zone: conditions and their values."""
        found = [(f"{column} = ?", [value]) for column, value in self._equal.items() if value]
        if self.since:
            found.append(("ts >= ?", [plain(self.since)]))
        if self.until:
            found.append(("ts < ?", [plain(self.until)]))
        if self.label:
            found.append(("(name = ? OR type = ?)", [self.label, self.label]))
        if self.part:
            found.append(("contains(upper(name), upper(?))", [self.part]))
        if self.either_id:
            found.append(("(user_id = ? OR anonymous_id = ?)", [self.either_id, self.either_id]))
        if self.names is not None:
            found.append(("list_contains(?::VARCHAR[], name)", [list(self.names)]))
        if self.known_by is not None:
            found.append(("list_contains(?::VARCHAR[], coalesce(user_id, anonymous_id))", [list(self.known_by)]))
        return found


def plain(moment: datetime) -> datetime:
    """Return a moment as segments have it: in UTC, without saying so."""
    return moment.astimezone(UTC).replace(tzinfo=None)
