"""PostHog's newer format, /i/v1/analytics/events: a batch with its key in a header, answered event by event.

Its server clients use it where they are told to (POSTHOG_CAPTURE_MODE=v1). What an event says is as in posthog.py.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.http import HttpResponse

from events.dialects import posthog, posthog_body
from events.dialects.base import Claim, Names, Sent, Translated
from events.dialects.posthog import LIMIT_BYTES, NAME, NAMES, SWALLOWED, VENDOR_URL
from events.ingest import EventsRefused, Receipt
from growthplatform.core.errors import Problem

__all__ = ["LIMIT_BYTES", "NAME", "NAMES", "SWALLOWED", "VENDOR_URL", "accepted", "claim", "refused", "translate"]

# What the format moved out of the properties, by the names they have there.
MOVED = {"session_id": "$session_id", "window_id": "$window_id"}
OPTIONS = {
    "process_person_profile": "$process_person_profile",
    "cookieless_mode": "$cookieless_mode",
    "product_tour_id": "$product_tour_id",
}


def claim(sent: Sent) -> Claim:
    """Return the key in the header, which is the app as well. Raises KeyRefused."""
    kind, _, key = sent.authorization.partition(" ")
    if kind.lower() != "bearer" or not key.strip():
        raise posthog_body.KeyRefused("event submitted without an api_key")
    key = posthog_body.checked(key.strip())
    return Claim(key, key, key_free=True)


def translate(sent: Sent, names: Names) -> Translated:
    """Return the calls of all events. Raises Unreadable, BodyTooLarge."""
    request = _read(sent)
    events = [_as_before(event, sent) if isinstance(event, dict) else event for event in request.events]
    # `created_at` stays the same while a client tries again, so it says nothing of its clock.
    return posthog.translated(posthog_body.Request(events), names, sent)


def _read(sent: Sent) -> posthog_body.Request:
    return posthog_body.read(posthog_body.unwrapped("", sent.body), "")


def _as_before(event: Mapping[str, Any], sent: Sent) -> dict[str, Any]:
    """Return an event in the older format's shape, which keeps everything among the properties."""
    properties, options = event.get("properties") or {}, event.get("options")
    if not isinstance(properties, dict):
        return dict(event)
    told = {MOVED[name]: event[name] for name in MOVED if event.get(name)}
    if isinstance(options, dict):
        told |= {OPTIONS[name]: options[name] for name in OPTIONS if options.get(name) is not None}
    library, _, version = sent.agent.partition("/")
    return {**event, "properties": {"$lib": library, "$lib_version": version, **properties, **told}}


def accepted(sent: Sent, receipt: Receipt) -> HttpResponse:
    """Answer for each event that it is stored, or why it is not."""
    dropped = {one.place: one.message for one in receipt.refused}
    results = {}
    for place, event in enumerate(_read(sent).events):
        if isinstance(event, dict) and isinstance(uuid := event.get("uuid"), str):
            results[uuid] = {"result": "drop", "details": dropped[place]} if place in dropped else {"result": "ok"}
    return _json(200, {"results": results})


def refused(sent: Sent, problem: Problem) -> HttpResponse:
    """Answer why the whole request was not taken; where it was read, what became of each event."""
    if isinstance(problem, EventsRefused):
        return accepted(sent, problem.receipt)
    older = posthog.refused(sent, problem)
    return _json(older.status_code, {"error": problem.code, "error_description": older.content.decode()})


def _json(status: int, content: Mapping[str, object]) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(content), status=status, content_type="application/json")
