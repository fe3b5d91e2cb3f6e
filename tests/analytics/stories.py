"""What people did, told in short: recorded through the product's own door, and read into people."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Subquery

from customers.models import Project
from events import services as events
from events.models import Consumer, Event

Told = tuple[str, str] | tuple[str, str, Mapping[str, Any]]


def tell(project: Project, told: Mapping[str, Sequence[Told]], *, received_at: datetime | None = None) -> None:
    """Record events by user id: {"ada": [("2026-11-01T10:00:00Z", "Signed Up", {"plan": "pro"}), …]}.

    "Page: Pricing" is a page call. Needs a test with `transactional_db`, as the log is read by transaction.
    """
    calls = [_call(user, number, *one) for user, acts in told.items() for number, one in enumerate(acts)]
    for start in range(0, len(calls), 500):
        receipt = events.record(project.pk, calls[start : start + 500], received_at=received_at)
        assert not receipt.refused, receipt.refused
    _digested()


def _digested() -> None:
    """Read the log to its end: while a vacuum holds the oldest transaction, it can be read no further."""
    unread = Event.objects.filter(position__gte=Subquery(Consumer.objects.filter(name="people").values("position")[:1]))
    give_up_at = time.monotonic() + 20
    while time.monotonic() < give_up_at:
        while (stretch := events.digest()) and stretch.more:
            pass
        if not unread.exists():
            return
        time.sleep(0.05)
    raise AssertionError("The log could not be read to its end.")


def _call(user: str, number: int, at: str, event: str, properties: Mapping[str, Any] | None = None) -> dict[str, Any]:
    kind, _, name = event.partition(": ") if event.startswith(("Page: ", "Screen: ")) else ("track", "", event)
    label = {"event": name} if kind == "track" else {"name": name}
    return {
        "type": kind.lower(),
        **label,
        "userId": user,
        "timestamp": at,
        "messageId": f"{user}-{number}-{at}-{event}",
        "properties": dict(properties or {}),
    }
