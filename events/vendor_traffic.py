"""What comes in vendors' formats: how much in a day, the newest events, and what was refused of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis.expr.types as ir
from django.db import connection
from django.db.models import Count, Max, Q, Sum

from customers.models import Project
from events import vendor_formats
from events.dialects import registry
from events.engine.tables import Tables, json_text
from events.models import Event, Rejected
from events.relation import relation

DAY = timedelta(days=1)
RECENT = timedelta(hours=1)
# What PostgreSQL's patterns don't have.
NAMED = re.compile(r"\(\?P<\w+>")
# So many of the newest rows are looked through for those of one format: a look every two seconds must stay cheap.
LOOKED_THROUGH = 5_000
NEWEST = """
SELECT id, received_at FROM (
    SELECT id, received_at, context FROM events_event WHERE project_id = %s AND received_at > %s
    ORDER BY received_at DESC, id DESC LIMIT %s
) newest WHERE context #>> '{vendor,dialect}' = %s LIMIT %s
"""


@dataclass(frozen=True)
class Traffic:
    """How many events came in one format in a day, and when the last one happened."""

    events: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True)
class Refusals:
    """What waits under Rejected events: different refusals, how often they came, when last."""

    kinds: int = 0
    times: int = 0
    last_at: datetime | None = None


def traffic(project: Project, *, now: datetime) -> dict[str, Traffic]:
    """Return the events of the last 24 hours by dialect; those without any are left out.

    Raises TooSlow, TooLarge, Cancelled and EngineDown.
    """
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)

    def build(tables: Tables) -> ir.Table:
        events = tables.events.filter(tables.events.context.contains('"vendor"'))
        named = events.mutate(dialect=json_text(events.context, '$."vendor"."dialect"'))
        named = named.filter(named.dialect.isin(list(vendor_formats.FORMATS)))
        return named.group_by("dialect").aggregate(events=named.id.count(), last_at=named.ts.max())

    found = relation(project, until - DAY, until).run(build)
    return {dialect: Traffic(count, last_at.replace(tzinfo=UTC)) for dialect, count, last_at in found.rows}


def newest(project: Project, dialect: str, *, now: datetime, number: int = 5) -> list[Event]:
    """Return the newest events of a format among what came in the last hour, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(NEWEST, [project.pk, now - RECENT, LOOKED_THROUGH, dialect, number])
        found = cursor.fetchall()
    if not found:
        return []
    rows = Event.objects.filter(
        project=project, received_at__in={at for _, at in found}, pk__in=[pk for pk, _ in found]
    )
    return list(rows.order_by("-received_at", "-id"))


def sent_to(dialect: str) -> Q:
    """Return the condition of refusals that came to the addresses of a format."""
    condition = Q(pk=None)
    for route in registry.ROUTES:
        if dialect == route.dialect.NAME:
            condition |= Q(path__regex=f"^/({NAMED.sub('(?:', route.pattern)})$")
    return condition


def newest_refused(project: Project, dialect: str, *, now: datetime) -> Rejected | None:
    """Return what was refused last in a format, if that was in the last hour."""
    rows = Rejected.objects.filter(sent_to(dialect), project=project, last_at__gt=now - RECENT)
    return rows.order_by("-last_at").first()


def refused(project: Project) -> Mapping[str, Refusals]:
    """Return what waits for repair, by dialect."""
    open_ones = Rejected.objects.filter(project=project, state=Rejected.State.OPEN).order_by()
    found = {}
    for dialect in vendor_formats.FORMATS:
        row = open_ones.filter(sent_to(dialect)).aggregate(kinds=Count("pk"), times=Sum("seen"), last_at=Max("last_at"))
        found[dialect] = Refusals(row["kinds"], row["times"] or 0, row["last_at"])
    return found


def refused_codes(project: Project, dialect: str) -> list[tuple[str, int]]:
    """Return the codes of what waits for repair in one format with the number of refusals, most first."""
    rows = Rejected.objects.filter(project=project, state=Rejected.State.OPEN).filter(sent_to(dialect)).order_by()
    return [
        (row["code"], row["kinds"])
        for row in rows.values("code").annotate(kinds=Count("pk")).order_by("-kinds", "code")
    ]
