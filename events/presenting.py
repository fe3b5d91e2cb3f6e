"""An event as JSON: the same names in the API, in the feed and for copying."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from events.models import Event, Rejected

# What the column `name` holds for each type of call, by the wire's names.
NAME_OF = {"track": "event", "page": "name", "screen": "name", "group": "groupId", "alias": "previousId"}
TRAITS = {"identify", "group"}


@dataclass(frozen=True)
class Line:
    """One row of a feed: an event or a refusal, with the few words that are shown of it."""

    row: Event | Rejected
    refused: bool = False
    who: str = ""
    what: str = ""
    where: str = ""
    old: bool = False


def line_of(row: Event | Rejected) -> Line:
    """Return the words of one row of a feed."""
    if isinstance(row, Rejected):
        return Line(row, refused=True, old=_is_old(row.last_at))
    return Line(
        row,
        who=row.user_id or row.anonymous_id or "",
        what=_first(row.properties, ("product_name",), ("path",), ("title",), ("name",), ("email",)),
        where=_first(row.context, ("device", "model"), ("os", "name"), ("library", "name")),
        old=_is_old(row.received_at),
    )


def _is_old(at: datetime) -> bool:
    """Say whether the time of day alone would mislead."""
    return timezone.localdate(at) != timezone.localdate()


def _first(values: dict[str, Any], *paths: Sequence[str]) -> str:
    """Return the first text that lies at one of the paths."""
    for path in paths:
        value: Any = values
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            return value
    return ""


def as_json(event: Event, people: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Return an event with the names of the wire, times in ISO 8601.

    `people` says which person an id stands for; without it no personId is written.
    """
    shown: dict[str, Any] = {"messageId": event.message_id, "type": event.type}
    if event.name is not None and event.type in NAME_OF:
        shown[NAME_OF[event.type]] = event.name
    shown |= {"userId": event.user_id, "anonymousId": event.anonymous_id}
    if people is not None:
        person = people.get(event.user_id or event.anonymous_id or "")
        shown["personId"] = f"p_{person}" if person else None
    shown |= {
        "timestamp": event.ts.isoformat(),
        "originalTimestamp": event.claimed_at.isoformat() if event.claimed_at else None,
        "receivedAt": event.received_at.isoformat(),
        "clamped": event.clamped,
        "ip": event.ip,
        "traits" if event.type in TRAITS else "properties": event.properties,
        "context": event.context,
    }
    return shown
