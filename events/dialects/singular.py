"""Singular's server-to-server calls: /api/v1/launch and /api/v1/evt or /api/v2/evt, by query, form or JSON.

As Singular describes them under support.singular.net, "Server-to-Server SESSION / EVENT Endpoint API Reference". The
status is always 200; whether it went well says the body.
"""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse, JsonResponse

from events import clock
from events.dialects import reading
from events.dialects.base import Claim, Names, Note, Sent, Translated, call, without_blanks
from events.ingest import Receipt
from events.payloads import Call, Refusal, Refused
from growthplatform.core.errors import Problem

NAME = "singular"
LAUNCH = "/api/v1/launch"
LIMIT_BYTES = 256 * 1024
VENDOR_URL = "https://s2s.singular.net"
NAMES: Names = {
    "sng_ecommerce_purchase": "Order Completed",
    "__iap__": "Order Completed",
    "sng_complete_registration": "Signed Up",
    "sng_login": "Signed In",
    "sng_add_to_cart": "Product Added",
    "sng_add_to_wishlist": "Product Added to Wishlist",
    "sng_checkout_initiated": "Checkout Started",
    "sng_add_payment_info": "Payment Info Entered",
    "sng_content_view": "Product Viewed",
    "sng_search": "Products Searched",
    "sng_subscribe": "Subscription Started",
    "sng_start_trial": "Trial Started",
    "sng_level_achieved": "Level Completed",
    "sng_tutorial_complete": "Tutorial Completed",
    "sng_achievement_unlocked": "Achievement Unlocked",
    "sng_rate": "Product Reviewed",
    "sng_share": "Product Shared",
    "sng_invite": "Invite Sent",
}
SWALLOWED = frozenset({"opted_out"})
PLATFORMS = {
    "iOS": "iOS", "Android": "Android", "Web": "", "PC": "Windows", "Xbox": "Xbox", "Playstation": "PlayStation",
    "Nintendo": "Nintendo", "MetaQuest": "Android", "CTV": "",
    # As Singular's page for PC and consoles writes them.
    "pc": "Windows", "xbox": "Xbox", "playstation": "PlayStation", "nintendo": "Nintendo", "metaquest": "Android",
}  # fmt: skip
# By which ids a device is known on each platform, the one it always has first; elsewhere it is Singular's own.
OF_PLATFORM = {"iOS": ("idfv", "idfa"), "Android": ("asid", "aifa", "amid", "oaid", "andi")}
OF_OTHERS = ("sdid",)
ADVERTISING = ("idfa", "aifa", "amid", "oaid")
IDS = ("idfv", "asid", "andi", "sdid", *ADVERTISING)
USED = {
    *IDS, "a", "p", "i", "n", "e", "ip", "ve", "ma", "mo", "lc", "av", "ua", "amt", "cur", "is_revenue_event", "utime",
    "umilisec", "custom_user_id", "install_ref", "attribution_token", "att_authorization_status", "dnt", "openuri",
    "c", "purchase_transaction_id", "use_ip", "install", "meta_ref",
}  # fmt: skip
REPEAT_S = 10


class InvalidArgument(Problem):
    """An argument is missing or wrong: the sentence is Singular's."""

    code = "invalid_argument"


def claim(sent: Sent) -> Claim:
    """Return the app in `i` and Singular's SDK key in `a`. Raises InvalidArgument."""
    fields = _fields(sent)
    for name in ("a", "i"):
        if not reading.text(fields.get(name)):
            raise InvalidArgument(f"missing argument: {name}")
    return Claim(reading.text(fields["i"]), reading.text(fields["a"]))


def translate(sent: Sent, names: Names) -> Translated:
    """Return the one call of a request; of a device's session also its install. Raises Unreadable."""
    fields, notes = _fields(sent), list[Note]()
    try:
        device = _device(fields)
        made = _call(sent, fields, device, names, notes)
    except Refused as why:
        return Translated([], [Refusal(0, why.code, why.message, why.field, sent.body or sent.query.encode())])
    asked = reading.text(fields.get("use_ip")).lower() == "true"
    found = Translated([(0, made, b"")], [], notes=tuple(notes), from_device=asked)
    return _with_install(found, fields, made) if sent.path == LAUNCH else found


def _with_install(found: Translated, fields: Mapping[str, Any], session: Call) -> Translated:
    """Add the install that a session is: as the client says by `install`, else if the device turns out to be new."""
    said, install = reading.text(fields.get("install")).lower(), _install(fields, session)
    if said in {"true", "1"}:
        return found._replace(calls=[(0, install, b""), *found.calls])
    return found if said in {"false", "0"} else found._replace(installs=(install,))


def _fields(sent: Sent) -> dict[str, Any]:
    fields: dict[str, Any] = dict(sent.fields())
    return fields | reading.object_of(sent.body) if sent.body.lstrip()[:1] == b"{" else fields


def _device(fields: Mapping[str, Any]) -> str:
    """Return the id of the device. Raises Refused in Singular's words."""
    platform = reading.text(fields.get("p"))
    if not platform:
        raise Refused("missing_argument", "missing argument: p", "p")
    if platform not in PLATFORMS:
        raise Refused("invalid_platform", f"invalid platform: {platform}", "p")
    if not reading.text(fields.get("ip")) and reading.text(fields.get("use_ip")).lower() != "true":
        raise Refused("missing_argument", "missing argument: ip", "ip")
    if not reading.device_id(*(fields.get(name) for name in IDS)):
        raise Refused("missing_id", "no device ID supplied", "")
    wanted = OF_PLATFORM.get(platform, OF_OTHERS)
    found = reading.device_id(*(fields.get(name) for name in wanted))
    if not found:
        said = f"platform: {platform} should have an {wanted[0]} param"
        raise Refused("other_platforms_id", said, wanted[0])
    return found


def _call(sent: Sent, fields: Mapping[str, Any], device: str, names: Names, notes: list[Note]) -> Call:
    theirs = "launch" if sent.path == LAUNCH else reading.text(fields.get("n"))
    if not theirs:
        raise Refused("missing_argument", "missing argument: n", "n")
    time = reading.text(fields.get("umilisec")) or reading.text(fields.get("utime"))
    at = clock.parse(int(time)) if time.isascii() and time.isdigit() else None
    if time and at is None:
        notes.append(Note("invalid_timestamp", "utime: is no time in seconds since 1970; now is taken."))
    moment = at.isoformat() if at else int(sent.received_at.timestamp()) // REPEAT_S
    properties = _properties(sent, fields, notes)
    known = reading.message_id(NAME, fields.get("i"), device, theirs, properties, moment)
    return call(
        "track",
        name="Application Opened" if sent.path == LAUNCH else names.get(theirs, theirs),
        user_id=reading.text(fields.get("custom_user_id")) or None,
        anonymous_id=device,
        message_id=known,
        at=at,
        properties=properties,
        context=_context(theirs, fields),
    )


def _properties(sent: Sent, fields: Mapping[str, Any], notes: list[Note]) -> dict[str, Any]:
    properties = reading.inner_object(fields.get("e"))
    if properties is None:
        notes.append(Note("arguments_not_json", "e: is no JSON object; kept as text."))
        properties = {"e": reading.text(fields.get("e"))}
    if order := reading.text(fields.get("purchase_transaction_id")):
        properties["order_id"] = order
    if sent.path == LAUNCH:
        properties |= _referrer(fields)
    notes += reading.money(properties, fields.get("amt"), fields.get("cur"))
    return properties


def _referrer(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the store says of who brought the install."""
    said = reading.inner_object(fields.get("install_ref")) or {}
    return without_blanks(
        {
            "install_referrer": said.get("installReferrer") or said.get("referrer"),
            "referrer_click_at": said.get("referrerClickTimestampServerSeconds")
            or said.get("referrerClickTimestampSeconds")
            or said.get("clickTimestampSeconds"),
            "install_begin_at": said.get("installBeginTimestampServerSeconds")
            or said.get("installBeginTimestampSeconds"),
            "meta_install_referrer": reading.inner_object(fields.get("meta_ref"))
            or reading.text(fields.get("meta_ref")),
            "apple_ads_token": reading.text(fields.get("attribution_token")),
            "url": reading.text(fields.get("openuri")),
        }
    )


def _context(theirs: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    platform, att = reading.text(fields.get("p")), reading.text(fields.get("att_authorization_status"))
    device = {
        "id": reading.device_id(*(fields.get(name) for name in ("idfv", "asid", "andi", "sdid"))),
        "advertisingId": reading.device_id(*(fields.get(name) for name in ADVERTISING)),
        "manufacturer": reading.text(fields.get("ma")),
        "model": reading.text(fields.get("mo")),
        "adTrackingEnabled": att == "3" if att else {"1": False, "0": True}.get(reading.text(fields.get("dnt"))),
    }
    return without_blanks(
        {
            "library": {"name": NAME},
            "device": without_blanks(device),
            "os": without_blanks({"name": PLATFORMS.get(platform), "version": reading.text(fields.get("ve"))}),
            "app": without_blanks({"namespace": fields.get("i"), "version": reading.text(fields.get("av"))}),
            "ip": reading.text(fields.get("ip")),
            "userAgent": reading.text(fields.get("ua")),
            "locale": reading.text(fields.get("lc")).replace("_", "-"),
            "vendor": {"dialect": NAME, "event": theirs, "platform": platform, **reading.leftover(fields, USED)},
        }
    )


def _install(fields: Mapping[str, Any], session: Call) -> Call:
    """Return the install that a session is, should its device turn out to be new."""
    made = reading.message_id(NAME, fields.get("i"), session.anonymous_id, "install")
    return Call(
        made, "track", "Application Installed", session.user_id, session.anonymous_id, session.claimed_at, None,
        session.properties, session.context,
    )  # fmt: skip


def accepted(sent: Sent, receipt: Receipt) -> HttpResponse:
    return JsonResponse({"status": "ok"})


def refused(sent: Sent, problem: Problem) -> HttpResponse:
    """Answer the reason with 200, as Singular does; another status only where the same may be sent again."""
    if problem.status in {429, 500, 503}:
        return JsonResponse({"status": "error", "reason": problem.message}, status=problem.status)
    reason = {"unknown_app": "invalid argument: i", "wrong_key": "invalid argument: a"}.get(problem.code)
    return JsonResponse({"status": "error", "reason": reason or problem.message})
