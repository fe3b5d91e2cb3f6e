"""Adjust's server-to-server calls: /event, /session, /ad_revenue and /gdpr_forget_device, by query or form.

As Adjust describes them under dev.adjust.com/en/api/s2s-api; docs/dialects.md says what is not described there.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse, JsonResponse

from events import clock
from events.dialects import reading
from events.dialects.base import Claim, Names, Note, Sent, Translated, call, without_blanks
from events.ingest import Receipt
from events.payloads import Call, Refusal, Refused
from growthplatform.core.errors import Problem

NAME = "adjust"
LIMIT_BYTES = 1_000_000
VENDOR_URL = "https://s2s.adjust.com"
EVENT, SESSION, AD_REVENUE, FORGET = "/event", "/session", "/ad_revenue", "/gdpr_forget_device"
# An event's token is an app's own; what can be suggested are these.
NAMES: Names = {"session": "Application Opened", "ad_revenue": "Ad Revenue"}
SWALLOWED: frozenset[str] = frozenset()
ANSWERS = {
    "invalid_app_token": (400, "Invalid app token"),
    "unknown_app": (404, "App token not found"),
    "wrong_key": (401, "Failed to authorize request"),
    "inactive_app": (403, "App is inactive"),
    "invalid_event_token": (400, "Invalid event token"),
    "invalid_callback_params": (400, "Invalid callback parameters"),
    "invalid_revenue": (400, "Invalid revenue"),
    "missing_currency": (400, "Invalid revenue"),
    "missing_id": (404, "Device not found"),
    "body_too_large": (413, "Request size too large"),
    "event_too_large": (413, "Request size too large"),
    "rate_limited": (429, "Too many requests"),
    "opted_out": (451, "Device is opted out"),
    "unavailable": (500, "Internal error, contact support@adjust.com"),
}
ADVERTISING = ("idfa", "gps_adid", "fire_adid", "oaid", "rida", "tifa", "vida")
OWN = ("idfv", "android_id", "web_uuid", "win_udid", "external_device_id")
HASHED = (
    "android_id_lower_md5", "android_id_lower_sha1", "android_id_upper_md5", "android_id_upper_sha1",
    "imei", "imei_lower_md5", "meid", "win_naid", "win_hwid",
)  # fmt: skip
# The order in which Adjust itself prefers them: a device is known by the first that a call has.
DEVICE_IDS = (*ADVERTISING, *OWN, "adid", *HASHED)
SYSTEMS = {"idfa": "iOS", "idfv": "iOS", "gps_adid": "Android", "android_id": "Android", "oaid": "Android"}
USED = {
    *ADVERTISING, *OWN, "s2s", "app_token", "event_token", "created_at", "created_at_unix", "ip_address", "user_agent",
    "revenue", "amount", "currency", "callback_params", "att_status", "os_name", "os_version", "app_version",
    "device_name", "language", "tracking_enabled", "install_referrer", "referrer", "click_time", "install_begin_time",
    "attribution_token", "package_name", "bundle_id",
}  # fmt: skip
APP_TOKEN, EVENT_TOKEN = re.compile(r"[A-Za-z0-9]{12}"), re.compile(r"[A-Za-z0-9]{6}")
MOST_REVENUE = 100_000_000_000
REPEAT_S = 10


class InvalidAppToken(Problem):
    code = "invalid_app_token"
    message = "app_token: twelve letters and digits."


def claim(sent: Sent) -> Claim:
    """Return the app token, and the token of S2S Security where the app has one. Raises InvalidAppToken."""
    token = sent.fields().get("app_token", "").strip()
    if not APP_TOKEN.fullmatch(token):
        raise InvalidAppToken
    return Claim(token, sent.authorization.removeprefix("Bearer ").strip())


def translate(sent: Sent, names: Names) -> Translated:
    """Return the one call of a request; of a device's session also its install."""
    fields, notes = sent.fields(), list[Note]()
    try:
        if sent.path == FORGET:
            return _forgotten(fields)
        made = _call(sent, fields, names, notes)
    except Refused as why:
        return Translated([], [Refusal(0, why.code, why.message, why.field, sent.body or sent.query.encode())])
    installs = (_install(fields, made),) if sent.path == SESSION else ()
    return Translated([(0, made, b"")], [], notes=tuple(notes), installs=installs)


def _forgotten(fields: Mapping[str, str]) -> Translated:
    ids = tuple(one for name in DEVICE_IDS if (one := reading.device_id(fields.get(name))))
    if not ids:
        raise Refused("missing_id", f"idfa: one id of a device is needed, such as {', '.join(DEVICE_IDS[:4])}.", "idfa")
    said = "Nothing of the device is taken from now on. What is stored of it goes by Erase person."
    return Translated([], [], notes=(Note("erase_separately", said),), forget=ids)


def _call(sent: Sent, fields: Mapping[str, str], names: Names, notes: list[Note]) -> Call:
    device = next((one for name in DEVICE_IDS if (one := reading.device_id(fields.get(name)))), "")
    if not device:
        raise Refused("missing_id", f"idfa: one id of a device is needed, such as {', '.join(DEVICE_IDS[:4])}.", "idfa")
    if fields.get("s2s") != "1":
        notes.append(Note("s2s_missing", "s2s: Adjust takes server calls with s2s=1 only. Stored."))
    if fields.get("environment") == "sandbox":
        notes.append(Note("sandbox", "environment: a test event is stored like any other, marked in context.vendor."))
    theirs = {SESSION: "session", AD_REVENUE: "ad_revenue"}.get(sent.path) or fields.get("event_token", "").strip()
    if sent.path == EVENT and not EVENT_TOKEN.fullmatch(theirs):
        raise Refused("invalid_event_token", "event_token: six letters and digits.", "event_token")
    at = _moment(fields)
    moment = at.isoformat() if at else int(sent.received_at.timestamp()) // REPEAT_S
    # Without an id of Adjust's new kind a repeat is told by everything that was sent; the clock of a retry may differ.
    again = fields.get("deduplication_id") or [sorted((name, fields[name]) for name in fields if name != "s2s"), moment]
    return call(
        "track",
        name=names.get(theirs, NAMES.get(theirs, theirs)),
        anonymous_id=device,
        message_id=reading.message_id(NAME, fields.get("app_token"), device, theirs, again),
        at=at,
        properties=_properties(sent, fields, notes),
        context=_context(theirs, fields, fields.get("ip_address") or sent.forwarded_for),
    )


def _moment(fields: Mapping[str, str]) -> Any:
    for name in ("created_at_unix", "created_at"):
        if text := fields.get(name, "").strip():
            # Adjust's own examples have "2017-01-02T15:04:05Z+0200" beside the usual forms.
            said = re.sub(r"Z(?=[+\-]\d{4}$)", "", text)
            at = clock.parse(int(said) if said.isdigit() else said)
            if at is None:
                raise Refused("invalid_timestamp", f"{name}: must be a time since 2000.", name)
            return at
    return None


def _properties(sent: Sent, fields: Mapping[str, str], notes: list[Note]) -> dict[str, Any]:
    properties = _parameters(fields, "callback_params")
    revenue = fields.get("revenue") or fields.get("amount")
    if revenue:
        amount = reading.amount(revenue)
        if amount is None or abs(amount) > MOST_REVENUE:
            raise Refused("invalid_revenue", "revenue: must be a number up to 100,000,000,000.", "revenue")
    if revenue and not fields.get("currency"):
        if sent.path == AD_REVENUE:
            raise Refused("missing_currency", "currency: is needed beside revenue.", "currency")
        notes.append(Note("currency_missing", "currency: is needed beside revenue; the project's is taken."))
    if sent.path == SESSION:
        referrer = fields.get("install_referrer") or fields.get("referrer")
        properties |= without_blanks(
            {
                "install_referrer": referrer,
                "referrer_click_at": fields.get("click_time") if referrer else "",
                "install_begin_at": fields.get("install_begin_time"),
                "apple_ads_token": fields.get("attribution_token"),
            }
        )
    notes += reading.money(properties, revenue, fields.get("currency"))
    return properties


def _parameters(fields: Mapping[str, str], name: str) -> dict[str, Any]:
    found = reading.inner_object(fields.get(name))
    if found is None:
        raise Refused("invalid_callback_params", f'{name}: must be a JSON object, like {{"a": "b"}}.', name)
    return found


def _context(theirs: str, fields: Mapping[str, str], ip: str) -> dict[str, Any]:
    os_name = fields.get("os_name") or next((SYSTEMS[name] for name in SYSTEMS if fields.get(name)), "")
    device = {
        "id": reading.device_id(*(fields.get(name) for name in OWN)),
        "advertisingId": reading.device_id(*(fields.get(name) for name in ADVERTISING)),
        "model": fields.get("device_name"),
        "adTrackingEnabled": _may_track(fields),
    }
    app = {"namespace": fields.get("bundle_id") or fields.get("package_name"), "version": fields.get("app_version")}
    vendor: dict[str, Any] = {"dialect": NAME, "event": theirs, "app_id": fields.get("app_token")}
    rest = reading.leftover(fields, USED)
    if partner := reading.inner_object(rest.get("partner_params")):
        rest["partner_params"] = partner
    return without_blanks(
        {
            "library": {"name": NAME},
            "device": without_blanks(device),
            "os": without_blanks({"name": os_name, "version": fields.get("os_version")}),
            "app": without_blanks(app),
            "ip": ip,
            "userAgent": fields.get("user_agent"),
            "locale": fields.get("language"),
            "vendor": vendor | rest,
        }
    )


def _may_track(fields: Mapping[str, str]) -> bool | None:
    """Return whether the person allowed tracking: Apple's word, else the switch of older systems."""
    if (att := fields.get("att_status", "")) in {"0", "1", "2", "3"}:
        return att == "3"
    return {"1": True, "0": False}.get(fields.get("tracking_enabled", ""))


def _install(fields: Mapping[str, str], session: Call) -> Call:
    """Return the install that a session is, should its device turn out to be new."""
    made = reading.message_id(NAME, fields.get("app_token"), session.anonymous_id, "install")
    return Call(
        made, "track", "Application Installed", None, session.anonymous_id, session.claimed_at, None,
        session.properties, session.context,
    )  # fmt: skip


def accepted(sent: Sent, receipt: Receipt) -> HttpResponse:
    """Answer OK; of a session what Adjust says of it, and of an event known by its id that it was there before."""
    if sent.path == SESSION:
        return JsonResponse(_tracked(sent, receipt))
    if receipt.repeated and sent.fields().get("deduplication_id"):
        return _failed(400, "Ignoring event, earlier unique event tracked")
    return HttpResponse("OK", content_type="text/plain")


def _tracked(sent: Sent, receipt: Receipt) -> dict[str, str]:
    fields = sent.fields()
    device = next((one for name in DEVICE_IDS if (one := reading.device_id(fields.get(name)))), "")
    token = fields.get("app_token", "")
    own = fields.get("adid") or hashlib.blake2b(f"{token} {device}".encode(), digest_size=16).hexdigest()
    message = "Install tracked" if receipt.stored > 1 else "Session tracked"
    stamp = sent.received_at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{sent.received_at.microsecond // 1000:03d}Z+0000"
    return {"app_token": token, "adid": own, "timestamp": stamp, "message": message}


def refused(sent: Sent, problem: Problem) -> HttpResponse:
    """Answer one of Adjust's sentences, in its shape."""
    return _failed(*ANSWERS.get(problem.code, (400, "Bad event state")))


def _failed(status: int, sentence: str) -> HttpResponse:
    return JsonResponse({"error": f"Event request failed ({sentence})"}, status=status)
