"""The live feed: what arrives, within a second of its arrival."""

from datetime import datetime
from typing import Any

import orjson
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_safe

from customers import services as customers
from customers.pages import PageRequest, project_page
from events.models import Event
from events.presenting import as_json, line_of
from events.queries import Filters, feed, get_event
from events.services import has_events
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor

TYPES = (*(kind.value for kind in Event.Type), "refused")


@project_page
@require_safe
def live(request: PageRequest) -> HttpResponse:
    """Show events and refusals as they arrive."""
    filters = Filters.from_query(request.GET)
    context = _context(request, filters, "")
    context["new"] = not context["feed"].rows and not filters.active and not has_events(request.project.pk)
    context |= {
        "write_key": customers.write_key(request.project),
        "host": request.build_absolute_uri("/").rstrip("/"),
        "types": TYPES,
    }
    return page(request, "events/live.html", context, partial="board")


@project_page
@require_safe
def live_rows(request: PageRequest) -> HttpResponse:
    """Answer the rows that arrived since ?cursor=, newest first, and the cursor for the next poll."""
    filters = Filters.from_query(request.GET)
    try:
        context = _context(request, filters, request.GET.get("cursor", ""))
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    if request.GET.get("waiting"):  # the empty page listens: with the first row it becomes the feed
        return HttpResponse(status=204, headers={"HX-Refresh": "true"} if context["feed"].rows else {})
    return page(request, "events/live_rows.html", context)


def _context(request: PageRequest, filters: Filters, cursor: str) -> dict[str, Any]:
    found = feed(request.project, filters, cursor=cursor, now=timezone.now())
    return {"feed": found, "lines": [line_of(row) for row in found.rows], "filters": filters}


@project_page
@require_safe
def live_pause(request: PageRequest) -> HttpResponse:
    """Answer the switch of the feed and its poll: without one when ?paused=1, which goes on where it stopped."""
    context = {"paused": request.GET.get("paused") == "1", "cursor": request.GET.get("cursor", "")}
    return page(request, "events/live_switch.html", context)


@project_page
@require_safe
def live_event(request: PageRequest, event_id: int) -> HttpResponse:
    """Answer one event whole: its JSON, and its three times."""
    at = _moment(request.GET.get("at", ""))
    try:
        event = get_event(request.project, event_id, at, now=timezone.now())
    except Event.DoesNotExist:
        raise Http404("This event is not in the log.") from None
    skew_s = (event.ts - event.claimed_at).total_seconds() if event.claimed_at else None
    journey_s = (event.received_at - event.ts).total_seconds()
    shown = as_json(event)
    text = orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode()
    context = {"event": event, "json": shown, "text": text, "skew_s": skew_s, "journey_s": journey_s}
    return page(request, "events/event.html", context)


def _moment(text: str) -> datetime:
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None or timezone.is_naive(at):
        raise Http404("There is no such moment.")
    return at
