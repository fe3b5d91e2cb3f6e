"""Single events and last moments that other apps ask for, whether PostgreSQL still has the rows or only segments do."""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection
from django.utils import timezone

from events import listing
from events.log import FIELDS, EventRow, row_of
from events.segments import cold
from events.store import key_of
from events.wanted import Wanted


def find(project_id: int, message_id: str) -> EventRow | None:
    """Return the track event with this message id; None when there is none, or it is older than ids are kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT received_at FROM events_message WHERE project_id = %s AND key = %s",
            [project_id, key_of(message_id)],
        )
        known = cursor.fetchone()
        if known is None:
            return None
        cursor.execute(
            f"SELECT {FIELDS} FROM events_event e"  # noqa: S608 -- constant
            " WHERE e.project_id = %s AND e.received_at = %s AND e.message_id = %s AND e.type = 'track'",
            [project_id, known[0], message_id],
        )
        found = cursor.fetchone()
    return row_of(found) if found else _sealed(project_id, Wanted(message_id=message_id, type="track"))


def newest_of(project_id: int, distinct_id: str, names: Collection[str]) -> EventRow | None:
    """Return the last track event of some names that came with this id."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {FIELDS} FROM events_event e"  # noqa: S608 -- constant
            " WHERE e.project_id = %s AND COALESCE(e.user_id, e.anonymous_id) = %s AND e.type = 'track'"
            " AND e.name = ANY(%s) ORDER BY e.received_at DESC LIMIT 1",
            [project_id, distinct_id, list(names)],
        )
        found = cursor.fetchone()
    if found:
        return row_of(found)
    return _sealed(project_id, Wanted(distinct_ids=(distinct_id,), type="track", names=tuple(names)))


def _sealed(project_id: int, wanted: Wanted) -> EventRow | None:
    """Return the last row that is wanted of those that only segments have."""
    event = listing.find(project_id, wanted, now=timezone.now())
    if event is None:
        return None
    return EventRow(
        project_id,
        event.message_id,
        event.user_id or event.anonymous_id or "",
        event.ts,
        event.received_at,
        event.ip,
        event.properties,
        event.context,
        event.name or "",
        event.user_id or "",
    )


LAST_SEEN = """
SELECT a.n, (
    SELECT max(e.ts) FROM (
        SELECT a.distinct_id AS value
        UNION SELECT same.value FROM events_identity mine JOIN events_identity same USING (person_id)
        WHERE mine.project_id = %s AND mine.value = a.distinct_id
    ) ids JOIN events_event e
        ON e.project_id = %s AND COALESCE(e.user_id, e.anonymous_id) = ids.value AND e.ts < a.ts
) FROM unnest(%s::int[], %s::text[], %s::timestamptz[]) AS a(n, distinct_id, ts)
"""


def last_seen_before(project_id: int, asked: Sequence[tuple[str, datetime]]) -> list[datetime | None]:
    """Return for each id and moment when that person, under whatever id, had last done something before it."""
    numbers = list(range(len(asked)))
    ids, moments = [distinct_id for distinct_id, _ in asked], [ts for _, ts in asked]
    with connection.cursor() as cursor:
        cursor.execute(LAST_SEEN, [project_id, project_id, numbers, ids, moments])
        found: dict[int, datetime | None] = dict(cursor.fetchall())
    border = cold.border(project_id, now=timezone.now())
    if border:
        # What PostgreSQL has from the border on is the last there is; before it, segments may know of something later.
        open_ones = [number for number in numbers if (known := found.get(number)) is None or known < border.at]
        for number, at in _last_sealed(border, [(number, *asked[number]) for number in open_ones]).items():
            known = found.get(number)
            found[number] = at if known is None else max(at, known)
    return [found.get(number) for number in numbers]


# From when on the last event before a moment must lie: the fourth last day that is counted for the person. Three days
# may hold nothing before it: its own, and one to either side, as days are those of the project's time zone then.
LAST_DAYS = """
SELECT a.n, i.person_id, d.day::timestamp AT TIME ZONE 'UTC' - interval '1 day', a.ts
FROM unnest(%(numbers)s::int[], %(ids)s::text[], %(moments)s::timestamptz[]) AS a(n, value, ts)
JOIN events_identity i ON i.project_id = %(project)s AND i.value = a.value
JOIN events_person p ON p.id = i.person_id AND p.first_seen_at < least(a.ts, %(border)s)
CROSS JOIN LATERAL (
    SELECT min(day) AS day FROM (
        SELECT day FROM events_personday d WHERE d.person_id = i.person_id AND d.day <= (a.ts + interval '1 day')::date
        ORDER BY day DESC LIMIT 4
    ) AS newest
) AS d
WHERE d.day IS NOT NULL
"""


def _last_sealed(border: cold.Border, asked: Sequence[tuple[int, str, datetime]]) -> dict[int, datetime]:
    """Return when each person had last done something before a moment, of what only segments have.

    Days that are counted say where to look, so that one file or two are read however long somebody was away.
    """
    if not asked:
        return {}
    numbers, ids, moments = (list(column) for column in zip(*asked, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            LAST_DAYS,
            {"project": border.project_id, "numbers": numbers, "ids": ids, "moments": moments, "border": border.at},
        )
        spans = cursor.fetchall()
    return cold.last_before(border, spans)
