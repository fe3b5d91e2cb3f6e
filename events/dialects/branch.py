"""Branch's events: POST /v2/event/standard and /v2/event/custom, one event a request.

As Branch describes them under help.branch.io/apidocs/events-api. The Branch key in the body is public and stands for
the app: it is the app id of the vendor app. A write key of ours is taken in its place. Links are in attribution.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from django.http import HttpResponse

from events import clock
from events.dialects import reading
from events.dialects.base import Claim, Names, Note, Sent, Translated, call, without_blanks
from events.ingest import Receipt, Unreadable
from events.payloads import Call, Refusal, Refused
from growthplatform.core.errors import Problem

NAME = "branch"
PATH = "/v2/event/"
LIMIT_BYTES = 256 * 1024
VENDOR_URL = "https://api2.branch.io"
NAMES: Names = {
    "ADD_TO_CART": "Product Added",
    "ADD_TO_WISHLIST": "Product Added to Wishlist",
    "VIEW_CART": "Cart Viewed",
    "INITIATE_PURCHASE": "Checkout Started",
    "ADD_PAYMENT_INFO": "Payment Info Entered",
    "PURCHASE": "Order Completed",
    "SPEND_CREDITS": "Credits Spent",
    "RESERVE": "Reserved",
    "SEARCH": "Products Searched",
    "VIEW_ITEM": "Product Viewed",
    "VIEW_ITEMS": "Product List Viewed",
    "VIEW_AD": "Ad Viewed",
    "CLICK_AD": "Ad Clicked",
    "RATE": "Product Reviewed",
    "SHARE": "Product Shared",
    "INITIATE_STREAM": "Stream Started",
    "COMPLETE_STREAM": "Stream Completed",
    "COMPLETE_REGISTRATION": "Signed Up",
    "COMPLETE_TUTORIAL": "Tutorial Completed",
    "ACHIEVE_LEVEL": "Level Completed",
    "UNLOCK_ACHIEVEMENT": "Achievement Unlocked",
    "INVITE": "Invite Sent",
    "LOGIN": "Signed In",
    "START_TRIAL": "Trial Started",
    "SUBSCRIBE": "Subscription Started",
    "OPT_IN": "Opted In",
    "OPT_OUT": "Opted Out",
}
SWALLOWED: frozenset[str] = frozenset()
INVALID_KEY = "Invalid or missing app id, Branch key, or secret"
RATE_LIMITED = "Rate Limit Reached"
# Two that are alike within so many seconds are one, sent again.
REPEAT_S = 10
# By which the person or device is known, in the order in which one of them becomes our anonymous id.
DEVICE_IDS = {"iOS": ("idfv", "idfa"), "Android": ("android_id", "aaid")}
BROWSER = "browser_fingerprint_id"
PRODUCT = {
    "$canonical_identifier": "product_id",
    "$sku": "sku",
    "$product_name": "name",
    "$product_brand": "brand",
    "$product_category": "category",
    "$product_variant": "variant",
    "$price": "price",
    "$quantity": "quantity",
    "$currency": "currency",
}
_USER_FIELDS = {
    "os", "os_version", "idfa", "idfv", "aaid", "android_id", "developer_identity", BROWSER, "user_agent", "language",
    "country", "ip", "brand", "model", "app_version", "limit_ad_tracking", "screen_width", "screen_height",
    "http_referrer", "http_origin",
}  # fmt: skip
_EVENT_FIELDS = {"transaction_id", "revenue", "currency", "search_query"}


class _Keyed(msgspec.Struct):
    branch_key: Any = None


_key_in_text = re.compile(rb'"branch_key"\s*:\s*"([^"\\\s]{1,155})"')
_keyed = msgspec.json.Decoder(_Keyed)


def claim(sent: Sent) -> Claim:
    """Return the Branch key in the body, which is the app as well. Raises Unreadable where there is none."""
    try:
        key = reading.text(_keyed.decode(sent.body).branch_key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Also a body that can't be read may say whose it is, so that it is kept for its owner.
        found = _key_in_text.search(sent.body[:65_536])
        key = found[1].decode(errors="replace") if found else ""
    if not key:
        reading.object_of(sent.body)
        raise _Wrong("branch_key", "missing required field")
    return Claim(key, key, key_free=True)


class _Wrong(Unreadable):
    """A field that Branch would refuse, in Branch's words."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__("invalid_field", f"{field}: {words}")


def _wrong(field: str, words: str = "missing required field", code: str = "invalid_field") -> Refused:
    return Refused(code, f"{field}: {words}", field)


def translate(sent: Sent, names: Names) -> Translated:
    """Return the one event of the body. Raises Unreadable."""
    fields = reading.object_of(sent.body)
    notes: list[Note] = []
    try:
        made = _event(sent, fields, names, notes)
    except Refused as why:
        return Translated([], [Refusal(0, why.code, why.message, why.field, sent.body)], notes=tuple(notes))
    return Translated([(0, made, sent.body)], [], notes=tuple(notes))


def _event(sent: Sent, fields: Mapping[str, Any], names: Names, notes: list[Note]) -> Call:
    theirs, user = reading.text(fields.get("name")), fields.get("user_data")
    if not theirs:
        raise _wrong("name", code="missing_event")
    if user is None:
        raise _wrong("user_data")
    if not isinstance(user, dict):
        raise _wrong("user_data", "wrong field type")
    if sent.path.endswith("/standard") and theirs not in NAMES:
        raise _wrong("name", "not a valid option", "invalid_name")
    system, person, device = _ids(user)
    properties = _properties(fields, notes)
    order = properties.get("order_id")
    # Branch names no message: a purchase is told by its number, anything else by what it holds and when it came.
    parts = [order] if order else [fields, int(sent.received_at.timestamp()) // REPEAT_S]
    return call(
        "track",
        name=names.get(theirs, theirs),
        user_id=person or None,
        anonymous_id=device or None,
        message_id=reading.message_id(NAME, theirs, person, device, *parts),
        at=clock.parse(fields.get("timestamp")),
        properties=properties,
        context=_context(theirs, system, user, fields),
    )


def _ids(user: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return the system, the person's id and the device's. Raises Refused where neither is there."""
    plain = reading.text(user.get("os"))
    if not plain:
        raise _wrong("os")
    system = {"ios": "iOS", "android": "Android"}.get(plain.lower(), "")
    person = reading.text(user.get("developer_identity"))
    ids = [user.get(name) for name in (*DEVICE_IDS.get(system, ()), BROWSER)]
    device = reading.device_id(*ids)
    if not system and not reading.text(user.get(BROWSER)):
        raise _wrong("os", "not a valid option")
    if not person and not device:
        needed = ", ".join(("developer_identity", BROWSER, *DEVICE_IDS.get(system, ())))
        raise _wrong("user_data", f"missing required field: one of {needed}", "missing_id")
    return system or plain, person, device


def _properties(fields: Mapping[str, Any], notes: list[Note]) -> dict[str, Any]:
    event = fields.get("event_data") or {}
    if not isinstance(event, dict):
        raise _wrong("event_data", "wrong field type")
    custom = fields.get("custom_data") or {}
    if not isinstance(custom, dict):
        raise _wrong("custom_data", "wrong field type")
    found: dict[str, Any] = {**custom, **reading.leftover(event, _EVENT_FIELDS)}
    if order := reading.text(event.get("transaction_id")):
        found["order_id"] = order
    if query := reading.text(event.get("search_query")):
        found["query"] = query
    notes += reading.money(found, event.get("revenue"), event.get("currency"))
    items = fields.get("content_items") or []
    if not isinstance(items, list):
        raise _wrong("content_items", "wrong field type")
    if products := [_product(one) for one in items if isinstance(one, dict)]:
        found["products"] = products
    if alias := reading.text(fields.get("customer_event_alias")):
        found["customer_event_alias"] = alias
    return found


def _product(item: Mapping[str, Any]) -> dict[str, Any]:
    return {PRODUCT.get(name, name): value for name, value in item.items()}


def _context(theirs: str, system: str, user: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    device_id, advertising_id = DEVICE_IDS.get(system, ("", ""))
    limited = user.get("limit_ad_tracking")
    used = ("branch_key", "branch_secret", "name", "user_data", "event_data", "custom_data", "content_items",
            "customer_event_alias", "timestamp")  # fmt: skip
    page = {"url": reading.text(user.get("http_origin")), "referrer": reading.text(user.get("http_referrer"))}
    screen = {"width": user.get("screen_width"), "height": user.get("screen_height")}
    return without_blanks(
        {
            "library": {"name": NAME},
            "device": without_blanks(
                {
                    "id": reading.device_id(user.get(device_id)),
                    "advertisingId": reading.device_id(user.get(advertising_id)),
                    "adTrackingEnabled": None if limited is None else str(limited).lower() not in {"true", "1"},
                    "manufacturer": reading.text(user.get("brand")),
                    "model": reading.text(user.get("model")),
                }
            ),
            "os": without_blanks({"name": system, "version": reading.text(user.get("os_version"))}),
            "app": without_blanks({"version": reading.text(user.get("app_version"))}),
            "ip": reading.text(user.get("ip")),
            "userAgent": reading.text(user.get("user_agent")),
            "locale": reading.text(user.get("language")),
            "page": without_blanks(page),
            "screen": without_blanks(screen),
            "vendor": {
                "dialect": NAME,
                "event": theirs,
                "country": reading.text(user.get("country")),
                **reading.leftover(user, _USER_FIELDS),
                **reading.leftover(fields, used),
            },
        }
    )


def accepted(sent: Sent, receipt: Receipt) -> HttpResponse:
    """Answer as Branch does: no view of the app is to be shown."""
    return _json(200, {"branch_view_enabled": False})


def refused(sent: Sent, problem: Problem) -> HttpResponse:
    """Answer Branch's two shapes: what is wrong with a field, or a message with its code."""
    first = problem.detail["refused"][0] if isinstance(problem.detail, dict) and "refused" in problem.detail else {}
    if first.get("field"):
        return _json(400, {"error": {first["field"]: str(first["message"]).partition(": ")[2]}})
    if isinstance(problem, _Wrong):
        field, _, words = problem.message.partition(": ")
        return _json(400, {"error": {field: words}})
    status, message = problem.status, problem.message
    if problem.code in {"unknown_app", "wrong_key"}:
        status, message = 400, INVALID_KEY
    elif problem.code == "rate_limited":
        message = RATE_LIMITED
    return _json(status, {"error": {"message": message, "code": status}})


def _json(status: int, content: Mapping[str, object]) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(content), status=status, content_type="application/json")
