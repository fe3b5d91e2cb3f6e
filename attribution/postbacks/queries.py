"""What became of messages: the log with its filters, and how each destination fares."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from attribution.models import Destination, Postback
from attribution.postbacks import sending
from customers.models import Project

DAY = timedelta(days=1)
HEALTH = """
SELECT d.id,
    (SELECT count(*) FROM attribution_postback p WHERE p.destination_id = d.id AND p.state = 'waiting'),
    (SELECT min(created_at) FROM attribution_postback p WHERE p.destination_id = d.id AND p.state = 'waiting'),
    r.delivered, r.failed,
    (SELECT max(created_at) FROM attribution_postback p WHERE p.destination_id = d.id)
FROM attribution_destination d CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE p.state = 'delivered') AS delivered,
        count(*) FILTER (WHERE p.state = 'failed') AS failed
    FROM attribution_postback p WHERE p.destination_id = d.id AND p.created_at > %s
) r
WHERE d.id = ANY(%s)
"""


class Health(NamedTuple):
    """How a destination fares: what waits, and what became of the messages of the last 24 hours."""

    waiting: int = 0
    oldest_at: datetime | None = None
    delivered: int = 0
    failed: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True)
class LogFilter:
    """What of the log is asked for; "" and None ask for all."""

    destination: int | None = None
    state: str = ""
    news: str = ""
    words: str = ""


def health(destinations: Iterable[Destination], *, now: datetime) -> dict[int, Health]:
    """Return how each destination fares, by its id."""
    ids = [one.pk for one in destinations]
    with connection.cursor() as cursor:
        cursor.execute(HEALTH, [now - DAY, ids])
        return {pk: Health(*row) for pk, *row in cursor.fetchall()}


def state_of(destination: Destination, *, now: datetime) -> str:
    """Return "archived", "paused", "broken" (nothing is sent for a while), "failing" or "live"."""
    if destination.archived_at:
        return "archived"
    if destination.paused_at:
        return "paused"
    if destination.failures >= sending.BREAK_AT:
        return "broken"
    return "failing" if destination.failures else "live"


def log(project: Project, asked: LogFilter) -> QuerySet[Postback]:
    """Return the messages asked for. `words` are a key, a decision (dec_12) or a part of the address."""
    rows = Postback.objects.filter(project=project).select_related("destination")
    if asked.destination:
        rows = rows.filter(destination=asked.destination)
    if asked.state in Postback.State.values:
        rows = rows.filter(state=asked.state)
    if asked.news:
        rows = rows.filter(news=asked.news)
    words = asked.words.strip().replace("\x00", "")
    if not words:
        return rows
    decision = words.removeprefix("dec_")
    if words.startswith("dec_") and decision.isascii() and decision.isdigit() and len(decision) < 19:
        return rows.filter(decision=int(decision))
    return rows.filter(Q(idempotency_key__istartswith=words) | Q(url__icontains=words))


def news_in(project: Project) -> list[str]:
    """Return what the newest messages of a project told of, for a filter."""
    newest = Postback.objects.filter(project=project).order_by("-id").values_list("news", flat=True)[:2_000]
    return sorted(set(newest))
