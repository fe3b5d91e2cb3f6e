"""PostHog's capture format: what its clients send to /batch/, /e/, /i/v0/e/, /capture/, /track/ and /engage/.

The key of a project at PostHog ("phc_…") is public and stands for the app: it is the app id of the vendor app. A write
key of ours is taken in its place.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import msgspec
from django.http import HttpResponse

from events import clock
from events.bodies import too_large
from events.dialects import posthog_body
from events.dialects.base import Claim, Names, Note, Sent, Translated, call, without_blanks
from events.ingest import Receipt
from events.payloads import Call, Refusal, Refused
from growthplatform.core.errors import Problem

NAME = "posthog"
LIMIT_BYTES = posthog_body.BATCH_BYTES
VENDOR_URL = "https://us.i.posthog.com"
# PostHog's mobile clients use Segment's names for an app's life already.
NAMES: Names = {
    "user signed up": "Signed Up",
    "user_signed_up": "Signed Up",
    "user logged in": "Signed In",
    "user_logged_in": "Signed In",
    "order completed": "Order Completed",
    "purchase_completed": "Order Completed",
    "purchase completed": "Order Completed",
}
SWALLOWED: frozenset[str] = frozenset()
MOST_EVENTS = 20_000
OK = b'{"status":"Ok"}'
# Where in the context a property of PostHog's goes; all others stay properties.
PLACES: dict[str, tuple[str, str]] = {
    "$os": ("os", "name"),
    "$os_name": ("os", "name"),
    "$os_version": ("os", "version"),
    "$device_id": ("device", "id"),
    "$device_type": ("device", "type"),
    "$device_model": ("device", "model"),
    "$device_manufacturer": ("device", "manufacturer"),
    "$device_name": ("device", "name"),
    "$app_name": ("app", "name"),
    "$app_version": ("app", "version"),
    "$app_build": ("app", "build"),
    "$app_namespace": ("app", "namespace"),
    "$screen_width": ("screen", "width"),
    "$screen_height": ("screen", "height"),
    "$network_wifi": ("network", "wifi"),
    "$network_cellular": ("network", "cellular"),
    "$network_carrier": ("network", "carrier"),
    "$current_url": ("page", "url"),
    "$pathname": ("page", "path"),
    "$referrer": ("page", "referrer"),
    "title": ("page", "title"),
    "utm_source": ("campaign", "source"),
    "utm_medium": ("campaign", "medium"),
    "utm_campaign": ("campaign", "name"),
    "utm_term": ("campaign", "term"),
    "utm_content": ("campaign", "content"),
    "$lib": ("vendor", "lib"),
    "$lib_version": ("vendor", "libVersion"),
}
FLAT: dict[str, str] = {
    "$ip": "ip",
    "$raw_user_agent": "userAgent",
    "$user_agent": "userAgent",
    "$locale": "locale",
    "$browser_language": "locale",
    "$timezone": "timezone",
}
# Of a page view these are properties as well, as Segment has them.
OF_PAGES = ("url", "path", "referrer", "title")
OWN = frozenset({"token", "distinct_id", "$anon_distinct_id", "$set", "$set_once", "$screen_name", "alias"})
# Everything else is a server: its address must not be taken for the person's.
DEVICE_AGENTS = (
    "Mozilla/", "posthog-ios", "posthog-android", "posthog-flutter", "posthog-react-native", "CFNetwork/", "Dalvik/",
)  # fmt: skip
PERSONAL = frozenset({"$identify", "$set", "$set_once"})
_WORDS = {
    "missing_event": "event submitted with an empty event name",
    "missing_id": "event submitted without a distinct_id",
    "empty_batch": "request holds no event",
    "event_too_large": "maximum event size exceeded",
    "rate_limited": "rate limited",
    "unknown_app": "API key is not valid: unknown",
    "wrong_key": "API key is not valid: unknown",
    "unavailable": "transient error, please retry",
    "body_too_large": "length limit exceeded",
    "invalid_gzip": "failed to decode request: invalid gzip data",
}
_decoding = frozenset({"invalid_base64", "unsupported_compression"})
_parsing = frozenset({"invalid_json", "not_an_object", "invalid_uuid", "invalid_utf8"})


def claim(sent: Sent) -> Claim:
    """Return the key, which is the app as well. Raises KeyRefused, and Unreadable for what says no key."""
    key = posthog_body.key_of(posthog_body.unwrapped(sent.query, sent.body), sent.query)
    return Claim(key, key, key_free=True)


def translate(sent: Sent, names: Names) -> Translated:
    """Return the calls of all events; one that is wrong does not spoil the others. Raises Unreadable, BodyTooLarge."""
    text = posthog_body.unwrapped(sent.query, sent.body)
    if len(text) > posthog_body.SINGLE_BYTES and not sent.path.startswith(("/batch", "/i/v0/ai/batch")):
        raise too_large(posthog_body.SINGLE_BYTES, text)
    return translated(posthog_body.read(text, sent.query), names, sent)


def translated(request: posthog_body.Request, names: Names, sent: Sent) -> Translated:
    """Return the calls of the events of a request that was read, and those that are refused.

    Raises BodyTooLarge for more events than one transaction should hold: clients then send them in halves.
    """
    if len(request.events) > MOST_EVENTS:
        problem = too_large(LIMIT_BYTES, sent.body)
        problem.message = f"A request may have {MOST_EVENTS:,} events, this one has {len(request.events):,}: split it."
        raise problem
    calls: list[tuple[int, Call, bytes]] = []
    refused, notes = [], []
    for place, event in enumerate(request.events):
        try:
            if not isinstance(event, dict):
                raise Refused("not_an_object", "An event must be an object, like {}.")
            found, noted = _calls(event, names, sent)
        except Refused as why:
            refused.append(Refusal(place, why.code, why.message, why.field, msgspec.json.encode(event)))
            continue
        calls += [(place, one, b"") for one in found]
        notes += noted
    # History keeps the times it has: the clock of the machine that moves it says nothing about them.
    sent_at = None if request.historical else clock.parse(request.sent_at)
    return Translated(calls, refused, sent_at, tuple(notes[:3]), from_device=_from_device(sent))


def _from_device(sent: Sent) -> bool:
    """Say whether the peer is the person's device: not behind servers, nor where the client asks to leave it out."""
    return "ip=0" not in sent.query and any(mark in sent.agent for mark in DEVICE_AGENTS)


class _Read(NamedTuple):
    """One event of PostHog's, taken apart."""

    name: str
    properties: Mapping[str, Any]
    context: Mapping[str, Any]
    rest: dict[str, Any]
    user_id: str | None
    anonymous_id: str | None
    message_id: str
    at: datetime | None

    def call(self, kind: str, details: Mapping[str, Any], *, suffix: str = "", **more: str | None) -> Call:
        return call(
            kind,
            user_id=self.user_id,
            anonymous_id=self.anonymous_id,
            message_id=self.message_id + suffix,
            at=self.at,
            properties=details,
            context=self.context,
            **more,
        )


def _calls(event: Mapping[str, Any], names: Names, sent: Sent) -> tuple[list[Call], list[Note]]:
    read, notes = _read(event, sent)
    traits = _traits(read.properties)
    if "$unset" in read.properties:
        notes.append(Note("unset_ignored", "$unset: traits of a person are not taken away; kept as a property."))
    if read.name in PERSONAL:
        return [read.call("identify", traits or read.rest)], notes
    if read.properties.get("$process_person_profile") is False:
        # PostHog changes no person by such an event; what it says of one stays with the event.
        read.rest.update(traits)
        return [_call(read, names)], notes
    return [_call(read, names), *([read.call("identify", traits, suffix=":set")] if traits else [])], notes


def _read(event: Mapping[str, Any], sent: Sent) -> tuple[_Read, list[Note]]:
    properties = event.get("properties") or {}
    if not isinstance(properties, dict):
        raise Refused("not_an_object", "properties: must be an object, like {}.", "properties")
    properties = {**{name: event[name] for name in ("$set", "$set_once") if event.get(name)}, **properties}
    name = event.get("event") or ("$identify" if sent.path.startswith("/engage") else "")
    if not isinstance(name, str) or not name:
        raise Refused("missing_event", "event: the name of the event is needed.", "event")
    at, notes = _time(event, sent.received_at)
    ids = _ids(_distinct_id(event, properties), name, properties)
    return _Read(name, properties, *_split(properties, name), *ids, _message_id(event, name), at), notes


def _call(read: _Read, names: Names) -> Call:
    rest = read.rest
    match read.name:
        case "$create_alias" | "$merge_dangerously":
            return read.call("alias", {}, previous_id=_text(read.properties.get("alias")))
        case "$groupidentify":
            details = {**_object(rest.pop("$group_set", None)), "$group_type": rest.pop("$group_type", None)}
            return read.call("group", details, name=_text(rest.pop("$group_key", None)))
        case "$pageview":
            page = {key: value for key, value in read.context.get("page", {}).items() if key in OF_PAGES}
            return read.call("page", {**page, **rest})
        case "$screen":
            return read.call("screen", rest, name=_text(read.properties.get("$screen_name")))
        case name:
            return read.call("track", rest, name=names.get(name, name))


def _split(properties: Mapping[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the context that properties say, and the properties that are left."""
    context: dict[str, Any] = {"library": {"name": NAME}, "vendor": {"dialect": NAME, "event": name}}
    rest: dict[str, Any] = {}
    for key, value in properties.items():
        if place := PLACES.get(key):
            if value is not None:
                context.setdefault(place[0], {})[place[1]] = value
        elif flat := FLAT.get(key):
            context[flat] = value
        elif key not in OWN:
            rest[key] = value
    return without_blanks(context), rest


def _traits(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an event says of its person; what counts only where nothing is known yet stays under $set_once."""
    return {
        **_object(properties.get("$set")),
        **without_blanks({"$set_once": _object(properties.get("$set_once"))}),
    }


def _distinct_id(event: Mapping[str, Any], properties: Mapping[str, Any]) -> str:
    found = (event.get("distinct_id"), event.get("$distinct_id"), properties.get("distinct_id"))
    distinct_id = _text(next((one for one in found if one is not None), None)) or ""
    if not distinct_id:
        raise Refused("missing_id", "distinct_id: the id of the person is needed.", "distinct_id")
    return distinct_id


def _ids(distinct_id: str, name: str, properties: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return user id and anonymous id; PostHog has one id for both, and other members that tell them apart."""
    if name == "$identify":
        return distinct_id, _text(properties.get("$anon_distinct_id"))
    if name in {"$create_alias", "$merge_dangerously"}:
        return distinct_id, None
    identified = properties.get("$is_identified")
    if identified is None:
        identified = properties.get("$process_person_profile") is not False
        identified = identified and distinct_id != properties.get("$device_id")
    if name == "$groupidentify" and distinct_id.lstrip("$") == _group_id(properties):
        identified = False  # servers name the group itself where no person is meant
    return (distinct_id, None) if identified else (None, distinct_id)


def _group_id(properties: Mapping[str, Any]) -> str:
    return f"{properties.get('$group_type')}_{properties.get('$group_key')}"


def _time(event: Mapping[str, Any], received_at: datetime) -> tuple[datetime | None, list[Note]]:
    claimed, offset = event.get("timestamp"), event.get("offset")
    if claimed:
        at = clock.parse(claimed)
        ignored = Note("invalid_timestamp", "timestamp: can't be read; the time of arrival is taken.")
        return at, [] if at else [ignored]
    if isinstance(offset, int | float) and 0 <= offset < 1e11:
        return received_at - timedelta(milliseconds=offset), []
    return None, []


def _message_id(event: Mapping[str, Any], name: str) -> str:
    """Return the event's uuid; without one an id of its content where that has a time, as a repeat would say it again.

    Raises Refused for a uuid that is none, as PostHog does.
    """
    if text := event.get("uuid"):
        try:
            return str(UUID(str(text)))
        except ValueError:
            raise Refused("invalid_uuid", "uuid: must be a UUID, or be left out.", "uuid") from None
    if not event.get("timestamp"):
        return uuid4().hex
    content = [name, event.get("distinct_id"), event["timestamp"], event.get("properties")]
    return f"{NAME}:{hashlib.sha256(msgspec.json.encode(content, order='sorted')).hexdigest()[:40]}"


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    """Return an id as text; PostHog takes numbers, lists and objects as well."""
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value, order="sorted").decode()


def accepted(sent: Sent, receipt: Receipt) -> HttpResponse:
    """Answer success; nothing at all to a beacon that says it listens to nothing."""
    if "beacon=1" in sent.query.split("&"):
        return HttpResponse(status=204)
    return HttpResponse(OK, content_type="application/json")


def refused(sent: Sent, problem: Problem) -> HttpResponse:
    """Answer as PostHog does: a status and one sentence of text."""
    text = _WORDS.get(problem.code, problem.message)
    if problem.code in _decoding:
        text = f"failed to decode request: {problem.message}"
    elif problem.code in _parsing:
        text = f"failed to parse request: {problem.message}"
    status = 401 if problem.code == "unknown_app" else problem.status
    if status == HTTPStatus.TOO_MANY_REQUESTS and "Mozilla/" in sent.agent:
        # The library of browsers gives up what gets a 429; what gets a 503 it sends again.
        status, text = 503, _WORDS["unavailable"]
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
