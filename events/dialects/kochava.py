"""Kochava's server-to-server calls: POST /track/json with an action, `event` or `install`.

As Kochava describes them under support.kochava.com, "Post-Install Event Setup" and "Install Notification Setup". The
shape of its answers is not described; docs/dialects.md says what is from memory.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from django.http import HttpResponse, JsonResponse

from events import clock
from events.dialects import reading
from events.dialects.base import Claim, Names, Note, Sent, Translated, call, without_blanks
from events.ingest import Receipt, Unreadable
from events.payloads import Call, Refusal, Refused
from growthplatform.core.errors import Problem

NAME = "kochava"
LIMIT_BYTES = 256 * 1024
VENDOR_URL = "https://control.kochava.com"
NAMES: Names = {
    "Purchase": "Order Completed",
    "Registration Complete": "Signed Up",
    "Add to Cart": "Product Added",
    "Add to Wishlist": "Product Added to Wishlist",
    "Checkout Start": "Checkout Started",
    "View": "Product Viewed",
    "Search": "Products Searched",
    "Subscribe": "Subscription Started",
    "Start Trial": "Trial Started",
    "Level Complete": "Level Completed",
    "Tutorial Complete": "Tutorial Completed",
    "Achievement": "Achievement Unlocked",
    "Rating": "Product Reviewed",
    "Push Opened": "Push Notification Tapped",
}
SWALLOWED = frozenset({"opted_out", "unknown_action"})
EVENT, INSTALL, SESSION, LINK = "event", "install", "session", "identityLink"
ADVERTISING = ("idfa", "adid", "oaid", "amazon_advertising_id")
OWN = ("idfv", "android_id", "imei", "mac", "custom")
USED = {
    "usertime", "app_version", "device_ver", "device_ids", "device_ua", "event_name", "event_data", "origination_ip",
    "currency", "app_tracking_transparency", "locale", "os_version", "device_limit_tracking", "package",
    "install_referrer", "ad_services_token", "identity_link", "user_id",
}  # fmt: skip
APP_ID = re.compile(rb'"kochava_app_id"\s*:\s*"([A-Za-z0-9_.\-]{1,100})"')
REPEAT_S = 10


def claim(sent: Sent) -> Claim:
    """Return the app in the body; Kochava has no key. Raises Unreadable.

    It is looked for also in a body that is no JSON or cut off, so that its owner gets to see it.
    """
    try:
        app_id = reading.text(reading.object_of(sent.body).get("kochava_app_id"))
    except Unreadable:
        if not (found := APP_ID.search(sent.body)):
            raise
        app_id = found[1].decode()
    if not app_id:
        raise Unreadable("missing_app_id", "kochava_app_id: is a mandatory field.")
    return Claim(app_id, sent.authorization.removeprefix("Bearer ").strip())


def translate(sent: Sent, names: Names) -> Translated:
    """Return the one call of the body. Raises Unreadable."""
    fields = reading.object_of(sent.body)
    notes: list[Note] = []
    try:
        made = _call(sent, fields, names, notes)
    except Refused as why:
        return Translated([], [Refusal(0, why.code, why.message, why.field, sent.body)], notes=tuple(notes))
    return Translated([(0, made, sent.body)], [], notes=tuple(notes))


def _call(sent: Sent, fields: Mapping[str, Any], names: Names, notes: list[Note]) -> Call:
    action = reading.text(fields.get("action"))
    if action not in {EVENT, INSTALL, SESSION, LINK}:
        said = f"action: {action or 'none'!r} is kept, not stored; event, install, session and identityLink are."
        raise Refused("unknown_action", said, "action")
    data = reading.inner_object(fields.get("data"))
    if data is None:
        raise Refused("not_an_object", "data: must be an object.", "data")
    ids = _device_ids(data)
    device = reading.device_id(fields.get("kochava_device_id"), *(ids.get(name) for name in (*OWN, *ADVERTISING)))
    if not device:
        raise Refused(
            "missing_id", "device_ids: one id is needed, in data.device_ids or kochava_device_id.", "device_ids"
        )
    theirs = reading.text(data.get("event_name")) if action == EVENT else action
    if not theirs:
        raise Refused("missing_event", "event_name: is a mandatory field of an event.", "event_name")
    at = _moment(data, notes)
    moment = at.isoformat() if at else int(sent.received_at.timestamp()) // REPEAT_S
    properties = _properties(action, theirs, data, notes)
    app_id = reading.text(fields.get("kochava_app_id"))
    # A device has one install, whenever it is told again.
    told = "install" if action == INSTALL else [theirs, properties, moment]
    usual = {INSTALL: "Application Installed", SESSION: "Application Opened"}.get(action)
    return call(
        "identify" if action == LINK else "track",
        name=usual or names.get(theirs, theirs),
        user_id=_user(data),
        anonymous_id=device,
        message_id=reading.message_id(NAME, app_id, device, told),
        at=at,
        properties=properties,
        context=_context(app_id, theirs, fields, data, ids),
    )


def _device_ids(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the ids of the device; old clients write their names in capitals."""
    said = data.get("device_ids")
    if isinstance(said, list):
        said = {name: value for one in said if isinstance(one, dict) for name, value in one.items()}
    return {str(name).lower(): value for name, value in said.items()} if isinstance(said, dict) else {}


def _user(data: Mapping[str, Any]) -> str | None:
    link = reading.inner_object(data.get("identity_link")) or {}
    return (
        reading.text(data.get("user_id"))
        or next((plain for one in link.values() if (plain := reading.text(one))), "")
        or None
    )


def _moment(data: Mapping[str, Any], notes: list[Note]) -> Any:
    said = reading.text(data.get("usertime"))
    at = clock.parse(int(said)) if said.isascii() and said.isdigit() else None
    if said and at is None:
        notes.append(Note("invalid_timestamp", "usertime: is no time in seconds since 1970; now is taken."))
    return at


def _properties(action: str, theirs: str, data: Mapping[str, Any], notes: list[Note]) -> dict[str, Any]:
    properties = reading.inner_object(data.get("event_data"))
    if properties is None:
        properties = {"event_data": reading.text(data.get("event_data"))}
    if action == LINK:
        return reading.inner_object(data.get("identity_link")) or {}
    if action == INSTALL:
        referrer = data.get("install_referrer")
        said = referrer if isinstance(referrer, dict) else {"referrer": referrer}
        properties |= without_blanks(
            {
                "install_referrer": said.get("referrer"),
                "referrer_click_at": said.get("referrer_click_time"),
                "install_begin_at": said.get("install_begin_time"),
                "apple_ads_token": reading.text(data.get("ad_services_token")),
            }
        )
    revenue = properties.pop("revenue", None) or properties.get("sum")
    if not revenue and theirs == "Purchase":
        revenue = properties.get("price")
    if "orderId" in properties:
        properties["order_id"] = properties.pop("orderId")
    notes += reading.money(properties, revenue, (properties.get("currency") or data.get("currency")) if revenue else "")
    return properties


def _context(
    app_id: str, theirs: str, fields: Mapping[str, Any], data: Mapping[str, Any], ids: Mapping[str, Any]
) -> dict[str, Any]:
    # "iPhone-iOS-16.1": the model itself may have hyphens.
    model, _, rest = reading.text(data.get("device_ver")).partition("-iOS-")
    os_name = "iOS" if rest else ""
    if not rest:
        model, _, rest = model.partition("-Android-")
        os_name = "Android" if rest else ""
    if not os_name:
        os_name = (
            "iOS"
            if ids.get("idfa") or ids.get("idfv")
            else "Android"
            if ids.get("adid") or ids.get("android_id")
            else ""
        )
    device = {
        "id": reading.device_id(*(ids.get(name) for name in OWN)),
        "advertisingId": reading.device_id(*(ids.get(name) for name in ADVERTISING)),
        "model": model if rest else "",
        "adTrackingEnabled": _may_track(data),
    }
    vendor = {
        "dialect": NAME,
        "event": theirs,
        "app_id": app_id,
        "device_id": reading.text(fields.get("kochava_device_id")),
    }
    return without_blanks(
        {
            "library": {"name": NAME},
            "device": without_blanks(device),
            "os": without_blanks({"name": os_name, "version": rest or reading.text(data.get("os_version"))}),
            "app": without_blanks({"namespace": data.get("package"), "version": reading.text(data.get("app_version"))}),
            "ip": reading.text(data.get("origination_ip")),
            # Kochava asks for it in percent signs.
            "userAgent": unquote(reading.text(data.get("device_ua"))),
            "locale": reading.text(data.get("locale")),
            "vendor": without_blanks(vendor) | reading.leftover(data, USED),
        }
    )


def _may_track(data: Mapping[str, Any]) -> bool | None:
    """Return whether the person allowed tracking: Apple's word, else the switch of older systems."""
    att = (reading.inner_object(data.get("app_tracking_transparency")) or {}).get("att")
    limited = data.get("device_limit_tracking")
    if isinstance(att, bool):
        return att
    return not limited if isinstance(limited, bool) else None


def accepted(sent: Sent, receipt: Receipt) -> HttpResponse:
    return JsonResponse({"success": "1"})


def refused(sent: Sent, problem: Problem) -> HttpResponse:
    """Answer the sentence; the status says whether the same may be sent again."""
    status = problem.status if problem.status in {413, 429, 500, 503} else 400
    return JsonResponse({"success": "0", "error": problem.message}, status=status)
