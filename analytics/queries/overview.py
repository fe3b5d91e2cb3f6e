"""The key numbers of a project over a period: one truth for the page, its CSV and the API.

Days come from the counts that events keeps by day of the project's zone; hours, of which there are at most 48, from
the log itself. Installs and clicks come from attribution.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ibis
import ibis.expr.types as ir
from django.db import connection
from django.utils import timezone

from attribution import services as attribution
from customers.models import Project
from customers.remembered import remembered
from events import services as stream
from events.engine.tables import Tables
from growthplatform.core.periods import Period

Point = int | float | None
ORGANIC = "organic"
# How long at least what took long to count is kept: of a period that runs, and of one that is over.
OPEN_S = 3.0
CLOSED_S = 60.0

DEFINITIONS = {
    "people": "People with at least one event in the period; one who came on three days counts once.",
    "events": "Events that were accepted, by the time they happened. A repeated messageId counts once.",
    "installs": "First opens of the app that have their decision, organic ones included, by the time of the install."
    " Reinstalls, returns and installs rejected as fraud stay out.",
    "clicks": "Clicks on links and ads, bots left out.",
    "conversion": "Installs credited to a link or an ad, divided by clicks. Organic ones have no click and stay out.",
}


@dataclass(frozen=True)
class Measure:
    """One number over a period and its points, one for each bucket; `done` is the part of it that is compared."""

    value: Point
    done: Point
    points: Sequence[Point]


@dataclass(frozen=True)
class Source:
    """Installs of one source, one value for each bucket."""

    key: str
    points: Sequence[int]

    @property
    def installs(self) -> int:
        return sum(self.points)


@dataclass(frozen=True)
class Numbers:
    """The measures of one period."""

    people: Measure
    events: Measure
    installs: Measure
    clicks: Measure
    conversion: Measure
    sources: Sequence[Source]
    counted_at: datetime

    def measure(self, key: str) -> Measure:
        found: Measure = getattr(self, key)
        return found


@dataclass(frozen=True)
class Overview:
    period: Period
    now: Numbers
    before: Numbers | None


def overview(project: Project, period: Period) -> Overview:
    """Count a project's key numbers over `period` and, when it compares, over the one before.

    A day that has just begun is not compared with a whole one: people and events are compared without the buckets
    that are not over, as they are counted by day; what attribution counts up to the same time of the day, as on its
    own pages.
    """
    over = len(period.buckets) - period.unfinished
    before = _kept(project, period.previous, over) if period.previous else None
    return Overview(period, _kept(project, period, over), before)


def _kept(project: Project, period: Period, over: int) -> Numbers:
    """Count, or take what was counted a moment ago; of a period that is over, some minutes ago at the most."""
    key = f"numbers:{period.bucket}:{period.start.isoformat()}:{period.end.isoformat()}:{over}"
    least_s = CLOSED_S if period.until >= period.end else OPEN_S
    return remembered(project, key, lambda: _numbers(project, period, over), least_s=least_s)


def change(now: Point, before: Point) -> float | None:
    """Return the change as a share of what was before, None where there was nothing."""
    return None if now is None or not before else (now - before) / before


def _numbers(project: Project, period: Period, over: int) -> Numbers:
    length = len(period.buckets)
    people, events = (
        _activity_by_hour(project, period, over) if period.bucket == "hour" else _by_day(project, period, over)
    )
    sources = _installs(project, period)
    installs = [sum(row.points[index] for row in sources) for index in range(length)]
    credited = [sum(row.points[index] for row in sources if row.key != ORGANIC) for index in range(length)]
    clicks = _clicks(project, period)
    total = attribution.sum_of(attribution.campaign_totals(project, period.start, period.until))
    conversion = Measure(
        _ratio(sum(credited), sum(clicks)),
        _ratio(total.credited, total.clicks),
        [_ratio(some, of) for some, of in zip(credited, clicks, strict=True)],
    )
    return Numbers(
        people,
        events,
        Measure(sum(installs), total.installs, installs),
        Measure(sum(clicks), total.clicks, clicks),
        conversion,
        sources,
        counted_at=timezone.now(),
    )


def _ratio(some: int, of: int) -> float | None:
    return some / of if of else None


def _sum(points: Sequence[int], over: int) -> Measure:
    return Measure(sum(points), sum(points[:over]), points)


def _by_day(project: Project, period: Period, over: int) -> tuple[Measure, Measure]:
    length = len(period.buckets)
    where = {"project": project.pk, "first": period.first, "last": period.last}
    events = _rows(
        "SELECT day - %(first)s, sum(events) FROM events_daycount"
        " WHERE project_id = %(project)s AND day BETWEEN %(first)s AND %(last)s GROUP BY 1",
        where,
    )
    people = _rows(
        "SELECT day - %(first)s, count(*) FROM events_personday"
        " WHERE project_id = %(project)s AND day BETWEEN %(first)s AND %(last)s GROUP BY 1",
        where,
    )
    [(everybody, before_last)] = _rows(
        f"SELECT {CAME_BEFORE.format('end', 'after')}, {CAME_BEFORE.format('over', 'over_day')}",
        {
            **where,
            "start": period.start,
            "end": period.end,
            "after": period.first + timedelta(days=length),
            "over": period.buckets[over] if over < length else period.end,
            "over_day": period.first + timedelta(days=over),
        },
    )
    return Measure(everybody, before_last, _filled(people, length)), _sum(_filled(events, length), over)


# The people with an event from `start` up to a moment and its day. Who was seen last, or first, in that time came in
# it; only of those who came before and after must the days themselves be asked. Hashing every day of every person
# takes ten times as long.
CAME_BEFORE = """(
    (SELECT count(*) FROM events_person
     WHERE project_id = %(project)s AND last_seen_at >= %(start)s AND last_seen_at < %({0})s)
    + (SELECT count(*) FROM events_person WHERE project_id = %(project)s AND last_seen_at >= %({0})s
       AND first_seen_at >= %(start)s AND first_seen_at < %({0})s)
    + (SELECT count(*) FROM events_person p WHERE project_id = %(project)s AND last_seen_at >= %({0})s
       AND first_seen_at < %(start)s AND EXISTS (
           SELECT FROM events_personday d WHERE d.person_id = p.id AND d.day >= %(first)s AND d.day < %({1})s))
)"""


def _activity_by_hour(project: Project, period: Period, over: int) -> tuple[Measure, Measure]:
    """Count people and events by hour from the log.

    An event never happens after its arrival, so the index on the arrival bounds what is read. Where the log has lost
    rows to segments, the relation of both is asked.
    """
    border = stream.sealed_before(project.pk, timezone.now())
    if border and period.start < border:
        return _activity_from_segments(project, period, over)
    rows = _rows(
        "WITH seen AS MATERIALIZED ("
        " SELECT floor(extract(epoch FROM ts - %(start)s) / 3600)::int AS hour,"
        " COALESCE(user_id, anonymous_id) AS value, count(*) AS events FROM events_event"
        " WHERE project_id = %(project)s AND received_at >= %(start)s AND ts >= %(start)s AND ts < %(end)s"
        " GROUP BY 1, 2),"
        " person AS MATERIALIZED ("
        " SELECT seen.hour, COALESCE(i.person_id::text, '=' || seen.value) AS who, sum(seen.events) AS events FROM seen"
        " LEFT JOIN events_identity i ON i.project_id = %(project)s AND i.value = seen.value GROUP BY 1, 2)"
        " SELECT hour, count(*), sum(events) FROM person GROUP BY hour"
        " UNION ALL SELECT -1, count(*), count(*) FILTER (WHERE came < %(over)s)"
        " FROM (SELECT who, min(hour) AS came FROM person GROUP BY who) AS everybody",
        {"project": project.pk, "start": period.start, "end": period.end, "over": over},
    )
    length = len(period.buckets)
    [(_, everybody, before_last)] = [row for row in rows if row[0] == -1]
    people = _filled([(hour, people) for hour, people, _ in rows if hour >= 0], length)
    events = _filled([(hour, events) for hour, _, events in rows if hour >= 0], length)
    return Measure(everybody, before_last, people), _sum(events, over)


def _activity_from_segments(project: Project, period: Period, over: int) -> tuple[Measure, Measure]:
    start = ibis.timestamp(period.start.astimezone(UTC).replace(tzinfo=None))

    def build(tables: Tables) -> ir.Table:
        hour = (tables.events.ts.epoch_seconds() - start.epoch_seconds()) // 3600
        acts = tables.events.select("person", hour=hour.cast("int64"))
        return acts.group_by("person", "hour").agg(events=acts.count())

    answer = stream.relation(project, period.start, period.end).run(build)
    length = len(period.buckets)
    people, acts, first = [0] * length, [0] * length, dict[int, int]()
    for person, hour, number in answer.rows:
        people[hour] += 1
        acts[hour] += number
        first[person] = min(hour, first.get(person, hour))
    before_last = sum(hour < over for hour in first.values())
    return Measure(len(first), before_last, people), _sum(acts, over)


def _installs(project: Project, period: Period) -> list[Source]:
    rows = attribution.installs_by_source(project, period.start, period.end, bucket=period.bucket)
    found = [Source(row.source or ORGANIC, row.along(period.buckets)) for row in rows]
    return sorted(found, key=lambda row: row.key != ORGANIC)


def _clicks(project: Project, period: Period) -> list[int]:
    rows = attribution.clicks_by_source(project, period.start, period.end, bucket=period.bucket)
    along = [row.along(period.buckets) for row in rows]
    return [sum(points[index] for points in along) for index in range(len(period.buckets))]


def _filled(rows: Sequence[tuple[int, Any]], length: int) -> list[int]:
    points = [0] * length
    for index, value in rows:
        points[index] = int(value)
    return points


def _rows(sql: str, params: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        found: list[Any] = cursor.fetchall()
    return found
