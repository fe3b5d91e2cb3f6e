"""AppsFlyer's server-to-server events of apps: POST /inappevent/{app_id}, one event a request.

As AppsFlyer describes them under dev.appsflyer.com/hc/reference/s2s-events-api3-overview.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from events import clock
from events.dialects import reading
from events.dialects.base import Claim, Names, Note, Sent, Translated, UnknownApp, call, without_blanks
from events.ingest import Receipt
from events.payloads import Refusal, Refused
from growthplatform.core.errors import Problem

NAME = "appsflyer"
PATH = "/inappevent/"
LIMIT_BYTES = 256 * 1024
# Above this AppsFlyer takes nothing; we do, and say so.
THEIR_BYTES = 1024
VENDOR_URL = "https://api3.appsflyer.com"
NAMES: Names = {
    "af_purchase": "Order Completed",
    "af_complete_registration": "Signed Up",
    "af_login": "Signed In",
    "af_add_to_cart": "Product Added",
    "af_add_to_wishlist": "Product Added to Wishlist",
    "af_initiated_checkout": "Checkout Started",
    "af_add_payment_info": "Payment Info Entered",
    "af_content_view": "Product Viewed",
    "af_list_view": "Product List Viewed",
    "af_search": "Products Searched",
    "af_subscribe": "Subscription Started",
    "af_start_trial": "Trial Started",
    "af_level_achieved": "Level Completed",
    "af_tutorial_completion": "Tutorial Completed",
    "af_achievement_unlocked": "Achievement Unlocked",
    "af_rate": "Product Reviewed",
    "af_share": "Product Shared",
    "af_invite": "Invite Sent",
    "af_opened_from_push_notification": "Push Notification Tapped",
}
# AppsFlyer answers these with OK and records nothing.
SWALLOWED = frozenset({"id_prefix_missing", "opted_out"})
ANSWERS = {
    "invalid_json": (400, "Payload is missing or failed to parse"),
    "not_an_object": (400, "Payload is missing or failed to parse"),
    "missing_id": (400, "appsflyer_id is a mandatory field"),
    "unknown_app": (400, "app_id"),
    "wrong_key": (401, "Unauthorized"),
    "inactive_app": (403, "Forbidden"),
    "rate_limited": (429, "Too Many Requests"),
    "unavailable": (500, "Internal Server Error"),
    "server_error": (500, "Internal Server Error"),
}
# Inside eventValue: their names of what the stream calls otherwise.
VALUES = {
    "af_order_id": "order_id",
    "af_quantity": "quantity",
    "af_price": "price",
    "af_content_id": "product_id",
    "af_content_type": "category",
    "af_coupon_code": "coupon",
    "af_search_string": "query",
}
CONTACTS = {"email_hashed": "emailSha256", "phone_number_e164_hashed": "phoneSha256"}
USED = {
    "appsflyer_id", "customer_user_id", "eventName", "eventValue", "eventTime", "eventCurrency", "ip", "ua", "os",
    "bundleIdentifier", "app_version_name", "advertising_id", "idfa", "idfv", "oaid", "amazon_aid", "aie", "att",
    "language", *CONTACTS,
}  # fmt: skip
USUAL_ID = re.compile(r"\d{10,16}-\d{1,20}")
# Without a time of its own an event is told from its repeat by when it came, to this many seconds.
REPEAT_S = 10


def claim(sent: Sent) -> Claim:
    """Return the app in the address and the key in the header."""
    app_id, doubt = sent.path.removeprefix(PATH), None
    if app_id.isascii() and app_id.isdigit():
        doubt = Note("id_prefix_missing", f'app_id: iOS ids begin with "id": id{app_id}. AppsFlyer drops this event.')
    return Claim(app_id, sent.authorization.strip(), doubt)


def translate(sent: Sent, names: Names) -> Translated:
    """Return the one event of the body. Raises Unreadable."""
    fields = reading.object_of(sent.body)
    notes: list[Note] = []
    if len(sent.body) > THEIR_BYTES:
        notes.append(Note("larger_than_vendor_takes", f"{len(sent.body):,} bytes; AppsFlyer takes 1 KB. Stored."))
    try:
        made = _event(sent, fields, names, notes)
    except Refused as why:
        return Translated([], [Refusal(0, why.code, why.message, why.field, sent.body)], notes=tuple(notes))
    return Translated([(0, made, sent.body)], [], notes=tuple(notes))


def _event(sent: Sent, fields: Mapping[str, Any], names: Names, notes: list[Note]) -> Any:
    device, theirs = reading.text(fields.get("appsflyer_id")), reading.text(fields.get("eventName"))
    if not device:
        raise Refused("missing_id", "appsflyer_id: is a mandatory field.", "appsflyer_id")
    if not theirs:
        raise Refused("missing_event", "eventName: is a mandatory field.", "eventName")
    if not USUAL_ID.fullmatch(device):
        notes.append(Note("unusual_id", "appsflyer_id: is not of the form that AppsFlyer gives out."))
    app_id = claim(sent).app_id
    value = reading.inner_object(fields.get("eventValue"))
    time = reading.text(fields.get("eventTime"))
    at = clock.parse(time) if time else None
    if time and at is None:
        notes.append(Note("invalid_timestamp", "eventTime: is no time like 2026-11-20 12:17:01.123; now is taken."))
    when = at.isoformat() if at else int(sent.received_at.timestamp()) // REPEAT_S
    content = fields.get("eventValue") if value is None else value
    return call(
        "track",
        name=names.get(theirs, theirs),
        user_id=reading.text(fields.get("customer_user_id")) or None,
        anonymous_id=device,
        message_id=reading.message_id(NAME, app_id, device, theirs, content, when),
        at=at,
        properties=_properties(fields, value, notes),
        context=_context(app_id, theirs, fields),
    )


def _properties(fields: Mapping[str, Any], value: dict[str, Any] | None, notes: list[Note]) -> dict[str, Any]:
    if value is None:
        notes.append(Note("event_value_not_json", "eventValue: is no JSON object; kept as text."))
        return {"event_value": reading.text(fields.get("eventValue"))}
    properties = {
        VALUES.get(name, name): one for name, one in value.items() if name not in {"af_revenue", "af_currency"}
    }
    currency = fields.get("eventCurrency") or value.get("af_currency")
    notes += reading.money(properties, value.get("af_revenue"), currency)
    return properties


def _context(app_id: str, theirs: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    ios = app_id.startswith("id") and app_id[2:].isdigit()
    device = {
        "id": reading.device_id(fields.get("idfv")),
        "advertisingId": reading.device_id(
            *(fields.get(name) for name in ("idfa", "advertising_id", "oaid", "amazon_aid"))
        ),
        "adTrackingEnabled": _may_track(fields),
    }
    os_name = "iOS" if ios else "Android" if "." in app_id else ""
    namespace = reading.text(fields.get("bundleIdentifier")) or ("" if ios else app_id)
    return without_blanks(
        {
            "library": {"name": NAME},
            "device": without_blanks(device),
            "os": without_blanks({"name": os_name, "version": reading.text(fields.get("os"))}),
            "app": without_blanks({"namespace": namespace, "version": reading.text(fields.get("app_version_name"))}),
            "ip": reading.text(fields.get("ip")),
            "userAgent": reading.text(fields.get("ua")),
            "locale": reading.text(fields.get("language")),
            **{ours: reading.text(fields.get(field)) for field, ours in CONTACTS.items()},
            "vendor": {"dialect": NAME, "event": theirs, "app_id": app_id, **reading.leftover(fields, USED)},
        }
    )


def _may_track(fields: Mapping[str, Any]) -> bool | None:
    """Return whether the person allowed tracking: Apple's word, else the switch of older systems."""
    att, allowed = reading.text(fields.get("att")), fields.get("aie")
    if att in {"0", "1", "2", "3"}:
        return att == "3"
    return allowed if isinstance(allowed, bool) else {"true": True, "false": False}.get(reading.text(allowed).lower())


def accepted(sent: Sent, receipt: Receipt) -> HttpResponse:
    """Answer OK, as AppsFlyer does also for what it drops."""
    return HttpResponse("OK", content_type="text/plain")


def refused(sent: Sent, problem: Problem) -> HttpResponse:
    """Answer one of AppsFlyer's sentences, in plain text."""
    if isinstance(problem, UnknownApp):
        status, sentence = 400, "Failed to Authenticate"
    else:
        status, sentence = ANSWERS.get(problem.code, (400, "Bad request"))
    return HttpResponse(sentence, status=status, content_type="text/plain")
