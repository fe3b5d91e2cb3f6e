"""What happens at this moment: people now, the pulse of the last minutes, the newest events and refusals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from attribution.models import Decision
from customers.models import Project
from customers.remembered import remembered
from events.models import Event, Person, Rejected
from events.queries import newest_events, pulse
from growthplatform.core import formats, sources

NOW = timedelta(minutes=5)
SHOWN = 4


class Look(NamedTuple):
    icon: str


ICONS = {
    "Application Installed": Look(icon="download"),
    "Application Opened": Look(icon="device-mobile"),
    "Order Completed": Look(icon="shopping-cart"),
    "Deep Link Opened": Look(icon="link"),
    "Experiment Viewed": Look(icon="flask"),
}
BY_TYPE = {
    "track": Look(icon="bolt"),
    "page": Look(icon="file-text"),
    "screen": Look(icon="device-mobile"),
    "identify": Look(icon="user"),
    "group": Look(icon="users"),
    "alias": Look(icon="users"),
}
REFUSED = Look(icon="mail-x")
WORDS = {"Application Installed": "Install", "Application Opened": "App opened", "Order Completed": "Order"}


@dataclass(frozen=True)
class Moment:
    """One thing that just happened, in words."""

    icon: str
    title: str
    more: str
    at: datetime
    view: str


@dataclass(frozen=True)
class Strip:
    people: int
    last_at: datetime | None
    beats: Sequence[int]
    moments: Sequence[Moment]
    lively: bool


def strip(project: Project, *, now: datetime) -> Strip:
    """Return what happens now; people are those with an event in the last five minutes."""
    newest = newest_events(project, SHOWN, now=now)
    refused = list(Rejected.objects.filter(project=project, state=Rejected.State.OPEN).order_by("-last_at", "-id")[:1])
    sources_of = _sources(project, newest)
    moments = [_moment(project, event, sources_of) for event in newest]
    moments += [
        Moment(REFUSED.icon, "Event refused", row.message, row.last_at, "events:rejected-list") for row in refused
    ]
    return Strip(
        Person.objects.filter(project=project, last_seen_at__gte=now - NOW).count(),
        newest[0].received_at if newest else None,
        remembered(project, "pulse", lambda: pulse(project, now=now)),
        sorted(moments, key=lambda moment: moment.at, reverse=True)[:SHOWN],
        lively=bool(newest) and newest[0].received_at > now - NOW,
    )


def _sources(project: Project, newest: Sequence[Event]) -> dict[str, str]:
    """Return what each new install is credited to, as far as that is decided."""
    installs = [event.message_id for event in newest if event.name == "Application Installed"]
    if not installs:
        return {}
    rows = Decision.objects.filter(project=project, install__message_id__in=installs)
    return {
        message_id: " / ".join(filter(None, [sources.look_of(source).name, campaign]))
        for message_id, source, campaign in rows.values_list("install__message_id", "source", "campaign")
    }


def _moment(project: Project, event: Event, sources_of: dict[str, str]) -> Moment:
    name = event.name or ""
    title = (
        WORDS.get(name, name) if event.type == "track" else f"{event.type.capitalize()}{f': {name}' if name else ''}"
    )
    if name == "Order Completed" and (amount := _amount(event.properties, project.currency)):
        title = f"Order, {amount}"
    look = ICONS.get(name) or BY_TYPE.get(event.type, BY_TYPE["track"])
    more = [sources_of.get(event.message_id, ""), _what(event), _device(event.context), _place(event.context)]
    return Moment(look.icon, title, " · ".join([part for part in more if part][:3]), event.received_at, "events:live")


def _amount(properties: dict[str, Any], currency: str) -> str:
    value = properties.get("revenue", properties.get("total", properties.get("value")))
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    code = properties.get("currency")
    return formats.money(value, code if isinstance(code, str) and len(code) == 3 else currency)


def _what(event: Event) -> str:
    """Return the one property that says most: what was bought, seen or opened."""
    for key in ("product_name", "title", "path", "name", "email", "feature"):
        value = event.properties.get(key)
        if isinstance(value, str) and value:
            return value[:60]
    products = event.properties.get("products")
    if isinstance(products, list) and products and isinstance(products[0], dict):
        return str(products[0].get("name") or "")[:60]
    return ""


def _device(context: dict[str, Any]) -> str:
    device, system = context.get("device"), context.get("os")
    for part, key in ((device, "model"), (system, "name")):
        if isinstance(part, dict) and isinstance(part.get(key), str):
            return str(part[key])[:40]
    return ""


def _place(context: dict[str, Any]) -> str:
    place = context.get("location")
    return str(place.get("city") or place.get("country") or "")[:40] if isinstance(place, dict) else ""
