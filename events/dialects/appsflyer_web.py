"""AppsFlyer's server-to-server calls of websites: POST /v1/{bundle}/event and /v1/{bundle}/setcuid.

As AppsFlyer's "WEB Server-TO-Server API" describes them. The key is in the body.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse, JsonResponse

from events import clock
from events.dialects import appsflyer, reading
from events.dialects.base import Claim, Names, Note, Sent, Translated, UnknownApp, WrongKey, call, without_blanks
from events.ingest import Receipt, Unreadable
from events.payloads import Call, Refusal, Refused
from growthplatform.core.errors import Problem

NAME = appsflyer.NAME
LIMIT_BYTES = appsflyer.LIMIT_BYTES
VENDOR_URL = "https://webs2s.appsflyer.com"
NAMES: Names = appsflyer.NAMES
SWALLOWED = frozenset({"opted_out"})
PATH = re.compile(r"/v1/(?P<bundle>[^/]+)/(?P<what>event|setcuid)")
KEY = re.compile(rb'"webDevKey"\s*:\s*"([^"\\]{1,200})"')
# What AppsFlyer cuts off after; we keep it whole.
VALUE_CHARS = 1_000
USED = {
    "webDevKey", "eventType", "eventName", "customerUserId", "afUserId", "timestamp", "eventValue", "eventRevenue",
    "eventRevenueCurrency", "referrer", "UserAgent", "userAgent", "ip",
}  # fmt: skip
SENTENCES = {
    "missing_id": "SetCUID event cannot be parsed without both user ids - customerUserId and afUserID",
    "unknown_app": "The specified bundle ID was not found",
    "wrong_key": "Authorization information is missing or invalid",
}


def claim(sent: Sent) -> Claim:
    """Return the bundle in the address and the key in the body, also of one that is no JSON."""
    found = PATH.fullmatch(sent.path)
    try:
        key = reading.text(reading.object_of(sent.body).get("webDevKey"))
    except Unreadable:
        key = said[1].decode(errors="replace") if (said := KEY.search(sent.body)) else ""
    return Claim(found["bundle"] if found else "", key)


def translate(sent: Sent, names: Names) -> Translated:
    """Return the one call of the body. Raises Unreadable."""
    fields, notes = reading.object_of(sent.body), list[Note]()
    try:
        made = _linked(sent, fields) if sent.path.endswith("/setcuid") else _event(sent, fields, names, notes)
    except Refused as why:
        return Translated([], [Refusal(0, why.code, why.message, why.field, sent.body)], notes=tuple(notes))
    return Translated([(0, made, sent.body)], [], notes=tuple(notes))


def _linked(sent: Sent, fields: Mapping[str, Any]) -> Call:
    user, browser = reading.text(fields.get("customerUserId")), reading.text(fields.get("afUserId"))
    if not user or not browser:
        raise Refused("missing_id", "customerUserId: both customerUserId and afUserId are needed.", "customerUserId")
    known = reading.message_id(NAME, sent.path, user, browser)
    return call(
        "identify",
        user_id=user,
        anonymous_id=browser,
        message_id=known,
        at=None,
        properties={},
        context={"library": {"name": NAME}, "vendor": {"dialect": NAME, "event": "setcuid"}},
    )


def _event(sent: Sent, fields: Mapping[str, Any], names: Names, notes: list[Note]) -> Call:
    user, browser = reading.text(fields.get("customerUserId")), reading.text(fields.get("afUserId"))
    if not user and not browser:
        raise Refused("missing_id", "customerUserId: customerUserId or afUserId is needed.", "customerUserId")
    theirs = reading.text(fields.get("eventName"))
    if not theirs:
        raise Refused("missing_event", "eventName: is a mandatory field.", "eventName")
    if fields.get("eventType") != "EVENT":
        raise Refused("invalid_field", "eventType: is always EVENT.", "eventType")
    value = reading.inner_object(fields.get("eventValue"))
    if value is None:
        notes.append(Note("event_value_not_json", "eventValue: is no object; kept as text."))
        value = {"event_value": reading.text(fields.get("eventValue"))}
    if len(str(fields.get("eventValue") or "")) > VALUE_CHARS:
        notes.append(
            Note("larger_than_vendor_takes", "eventValue: AppsFlyer cuts it off after 1,000 characters. Stored.")
        )
    at = clock.parse(fields.get("timestamp"))
    if fields.get("timestamp") is not None and at is None:
        notes.append(Note("invalid_timestamp", "timestamp: is no time in milliseconds since 1970; now is taken."))
    when = at.isoformat() if at else int(sent.received_at.timestamp()) // appsflyer.REPEAT_S
    properties = dict(value)
    notes += reading.money(properties, fields.get("eventRevenue"), fields.get("eventRevenueCurrency"))
    return call(
        "track",
        name=names.get(theirs, theirs),
        user_id=user or None,
        anonymous_id=browser or None,
        message_id=reading.message_id(NAME, sent.path, user, browser, theirs, properties, when),
        at=at,
        properties=properties,
        context=without_blanks(
            {
                "library": {"name": NAME},
                "ip": reading.text(fields.get("ip")),
                "userAgent": reading.text(fields.get("UserAgent") or fields.get("userAgent")),
                "page": without_blanks({"referrer": reading.text(fields.get("referrer"))}),
                "vendor": {"dialect": NAME, "event": theirs, "app_id": claim(sent).app_id}
                | reading.leftover(fields, USED),
            }
        ),
    )


def accepted(sent: Sent, receipt: Receipt) -> HttpResponse:
    """Answer which of the two it was, as AppsFlyer's specification has it."""
    said = "Customer user ID or AF user ID was set successfully for the specified bundle ID."
    return JsonResponse({"status": "Success" if sent.path.endswith("/setcuid") else "OK", "message": said})


def refused(sent: Sent, problem: Problem) -> HttpResponse:
    """Answer AppsFlyer's three members: error, message, status."""
    status = 404 if isinstance(problem, UnknownApp) else 401 if isinstance(problem, WrongKey) else 400
    if problem.status in {403, 413, 429, 500, 503}:
        status = problem.status
    phrase = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}.get(status, problem.message)
    sentence = SENTENCES.get(problem.code, problem.message)
    return JsonResponse({"error": sentence, "message": phrase, "status": status}, status=status)
