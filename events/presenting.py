"""An event as JSON: the same names in the API, in the feed and for copying."""

from collections.abc import Mapping
from typing import Any

from events.models import Event

# What the column `name` holds for each type of call, by the wire's names.
NAME_OF = {"track": "event", "page": "name", "screen": "name", "group": "groupId", "alias": "previousId"}
TRAITS = {"identify", "group"}


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
