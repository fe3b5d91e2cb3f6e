"""Lists of events, page by page, whether PostgreSQL still has them or only the segments do."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from customers.models import Project
from events.engine.answers import Missing
from events.models import Event
from events.segments import cold
from events.wanted import Wanted
from growthplatform.core.paging import InvalidCursor, decode, encode, paginate


@dataclass(frozen=True)
class Listed:
    """Rows of one page, the cursor of the next (None on the last page), and the segments that could not be read."""

    rows: Sequence[Event]
    next: str | None
    missing: Sequence[Missing] = ()


def page(
    project: Project, wanted: Wanted, *, order: str = "received_at", cursor: str = "", limit: int = 50, now: datetime
) -> Listed:
    """Return one page of a project's events, latest first by `order`: "received_at" or "ts". Raises InvalidCursor."""
    after = _after(cursor)
    mine = wanted.among(Event.objects.filter(project=project))
    if cold.border(project.pk, now=now) is None:
        return Listed(*paginate(mine, [f"-{order}", "-id"], cursor=cursor, limit=limit))
    with cold.moment():
        border = cold.border(project.pk, now=now)
        if border is None:
            return Listed(*paginate(mine, [f"-{order}", "-id"], cursor=cursor, limit=limit))
        hot = paginate(mine.filter(border.hither), [f"-{order}", "-id"], cursor=cursor, limit=limit)
        if hot.next and getattr(hot.rows[-1], order) >= border.at:
            return Listed(*hot)
        found = cold.rows(border, wanted, order=order, after=after, limit=limit + 1)
    key = attrgetter(order, "id")
    merged = sorted([*hot.rows, *found.rows], key=key, reverse=True)
    more = hot.next is not None or len(merged) > limit
    last = key(merged[:limit][-1]) if more else None
    return Listed(merged[:limit], encode([last[0].isoformat(), last[1]]) if last else None, found.missing)


def topped_up(project: Project, found: list[Event], wanted: Wanted, limit: int, *, now: datetime) -> list[Event]:
    """Return the newest events `found` in PostgreSQL, filled up to `limit` with those that only segments have."""
    border = cold.border(project.pk, now=now) if len(found) < limit else None
    if border is None:
        return found
    known = {event.pk for event in found}
    beyond = cold.rows(border, wanted, limit=limit).rows
    merged = [*found, *(event for event in beyond if event.pk not in known)]
    return sorted(merged, key=attrgetter("received_at", "id"), reverse=True)[:limit]


def count(project: Project, wanted: Wanted, *, now: datetime) -> tuple[int, Sequence[Missing]]:
    """Count a project's events, and name the segments that could not be read."""
    mine = wanted.among(Event.objects.filter(project=project))
    if cold.border(project.pk, now=now) is None:
        return mine.count(), ()
    with cold.moment():
        border = cold.border(project.pk, now=now)
        if border is None:
            return mine.count(), ()
        beyond, missing = cold.count(border, wanted)
        return mine.filter(border.hither).count() + beyond, missing


def names(project: Project, wanted: Wanted, limit: int, *, now: datetime) -> list[str]:
    """Return the names of the track events that are wanted, in order."""
    mine = wanted.among(Event.objects.filter(project=project)).filter(type="track").exclude(name=None)
    found = {name for name in mine.order_by("name").values_list("name", flat=True).distinct()[:limit] if name}
    border = cold.border(project.pk, now=now)
    if border:
        found.update(cold.names(border, wanted, limit))
    return sorted(found)[:limit]


def find(project_id: int, wanted: Wanted, *, now: datetime) -> Event | None:
    """Return the row that is wanted from the segments; None where they have none."""
    border = cold.border(project_id, now=now)
    found = cold.rows(border, wanted, limit=1).rows if border else ()
    return found[0] if found else None


def _after(cursor: str) -> tuple[datetime, int] | None:
    if not cursor:
        return None
    at, row_id = decode(cursor, 2)
    try:
        moment = datetime.fromisoformat(at)
        number = int(row_id)
    except (ValueError, TypeError):
        raise InvalidCursor from None
    if moment.tzinfo is None:
        raise InvalidCursor
    return moment, number
