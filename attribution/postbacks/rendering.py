"""Requests made of a template and facts: macros in braces, escaped for the place they stand in.

Plain values: no Django, clock or network.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

LONGEST_URL = 4_000
LONGEST_BODY = 20_000
# Filled while it is sent, so that no log or page ever holds it.
TOKEN = "token"  # noqa: S105 -- the macro's name
# Name, and what stands there.
MACROS = {
    "id": "our id of the message; the same however often it is sent",
    "news": "install, reinstall, reattribution, rejected, conversion or test",
    "event": "the same, or the name of the event of a conversion",
    "reason": "of a rejection: fraud, moved or changed",
    "corrects": "of a rejection: the id of the message it takes back",
    "decision_id": "our id of the decision, like dec_12",
    "revision": "which revision of the decision",
    "tier": "how the install was matched: click_id, referrer, device_id …",
    "source": "who is credited",
    "campaign": "the campaign",
    "campaign_id": "the network’s id of the campaign",
    "adset": "the ad set",
    "ad": "the ad",
    "creative": "the creative",
    "publisher": "the site or app that showed it",
    "click_id": "our id of the click",
    "network_click_id": "the network’s own id of the click",
    "touch_type": "click or impression",
    **{f"sub{number}": f"sub-id {number} of the tapped address" for number in range(1, 6)},
    "touch_time": "when it was tapped, in Unix seconds",
    "install_time": "when the app was opened first, in Unix seconds",
    "install_time_iso": "the same, like 2026-11-20T10:41:30+00:00",
    "event_time": "of the conversion, else of the install, in Unix seconds",
    "event_time_ms": "the same in milliseconds",
    "event_time_us": "the same with six digits behind the point",
    "event_time_iso": "the same, like 2026-11-20T10:41:30+00:00",
    "revenue": "of a conversion, like 9.99",
    "currency": "three letters, like USD",
    "order_id": "the order of a conversion",
    "app": "bundle id or package",
    "os": "ios, android …",
    "os_version": "like 17.2",
    "device_model": "like iPhone15,2",
    "country": "two letters, like DE",
    "locale": "like de-DE",
    "advertising_id": "of the device; empty where tracking was refused",
    "idfa": "the advertising id of an Apple device",
    "gaid": "the advertising id of any other device",
    "device_id": "the vendor’s or app’s own id of the device",
    "tracking": "1 where the person lets the app track, 0 where not, empty where nobody asked",
    "ip": "the network address of the install",
    "user_agent": "of the browser that tapped",
    "user_id": "your own id of the person",
    "email_sha256": "digest of the e-mail address",
    "phone_sha256": "digest of the phone number",
    TOKEN: "the access token of this destination; shown nowhere",
}
MACRO = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,39})(?:\|([^{}]*))?\}")
FORM = "application/x-www-form-urlencoded"
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")
# Ours, or those of the connection.
OWN_HEADERS = {
    "host", "content-length", "connection", "transfer-encoding", "idempotency-key", "webhook-id", "webhook-timestamp",
    "webhook-signature",
}  # fmt: skip
Escape = Callable[[str], str]


class Wrong(NamedTuple):
    """What is wrong with a template: the field and a sentence."""

    field: str
    message: str


@dataclass(frozen=True)
class Shape:
    """A request with macros in it. With `own` it carries our own JSON."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: str = ""
    own: bool = False


@dataclass(frozen=True)
class Request:
    """A request with its macros filled, but for the token."""

    method: str
    url: str
    headers: dict[str, str]
    body: str


def render(shape: Shape, facts: Mapping[str, str]) -> Request:
    """Fill a template; a macro without a value leaves its default, or nothing."""
    content_type = _content_type(shape)
    body = _fill(shape.body, facts, _escape_of(shape.body, content_type))
    if shape.own:
        body, content_type = own_json(facts), "application/json"
    headers = {name: CONTROL.sub(" ", _fill(text, facts, str)).strip() for name, text in shape.headers.items()}
    if body and content_type and not any(name.lower() == "content-type" for name in headers):
        headers["Content-Type"] = content_type
    return Request(shape.method, _fill(shape.url, facts, _in_url), headers, body)


def with_token(request: Request, token: str) -> Request:
    """Return a rendered request with the destination's token in its places."""
    known = {TOKEN: token}
    escape = _escape_of(request.body, _content_type(Shape(**vars(request))))
    headers = {name: CONTROL.sub("", _put(text, known, str)) for name, text in request.headers.items()}
    return Request(request.method, _put(request.url, known, _in_url), headers, _put(request.body, known, escape))


def problems(shape: Shape, *, kind: str, news: list[str], sample: Mapping[str, str]) -> list[Wrong]:
    """Return what is wrong with a template that would send `news`, seen by filling it with `sample`."""
    found = [*_unknown(shape), *_of_headers(shape.headers)]
    try:
        parts = urlsplit(shape.url)
        whole = parts.scheme in ("http", "https") and bool(parts.netloc)
    except ValueError:
        return [*found, Wrong("url", "Give a whole address that begins with https:// or http://.")]
    if not whole:
        found.append(Wrong("url", "Give a whole address that begins with https:// or http://."))
    elif "{" in parts.netloc:
        found.append(Wrong("url", "A macro can’t stand in the host, as messages could be led anywhere by it."))
    if shape.method == "GET" and shape.body:
        found.append(Wrong("body", "A GET has no body. Put the macros into the address, or choose POST."))
    if len(shape.body) > LONGEST_BODY:
        found.append(Wrong("body", f"A body has at most {LONGEST_BODY:,} characters."))
    if kind == "network" and "rejected" in news and not _tells_rejections(shape):
        text = "A rejection would look like an install: put {news} or {event} into the address or the body."
        found.append(Wrong("news", text))
    return found or _of_sample(shape, sample)


def own_json(facts: Mapping[str, str]) -> str:
    """Return a message in our own shape, for webhooks: what is not known is left out."""
    said = {name: value for name, value in facts.items() if value != ""}

    def part(**names: str) -> dict[str, Any]:
        return {theirs: said[ours] for theirs, ours in names.items() if ours in said}

    message: dict[str, Any] = {
        **part(id="id", type="news", event="event", occurredAt="event_time_iso", reason="reason", corrects="corrects"),
        "attribution": part(
            decisionId="decision_id", revision="revision", tier="tier", source="source", campaign="campaign",
            campaignId="campaign_id", adSet="adset", ad="ad", creative="creative", publisher="publisher",
            clickId="click_id", networkClickId="network_click_id", touchType="touch_type",
            **{f"sub{number}": f"sub{number}" for number in range(1, 6)},
        ),
        "install": part(
            installedAt="install_time_iso", app="app", os="os", osVersion="os_version", deviceModel="device_model",
            country="country", advertisingId="advertising_id", deviceId="device_id", userId="user_id",
        ),
    }  # fmt: skip
    if "revision" in said:
        message["attribution"]["revision"] = int(said["revision"])
    if conversion := part(revenue="revenue", currency="currency", orderId="order_id"):
        message["conversion"] = conversion
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _fill(template: str, facts: Mapping[str, str], escape: Escape) -> str:
    def filled(found: re.Match[str]) -> str:
        name = found[1].lower()
        if name == TOKEN or name not in MACROS:
            return found[0]
        # A value must not become a place for the token.
        value = _chosen(facts.get(name, ""), found[2]).replace("{" + TOKEN, "{ " + TOKEN)
        return escape(value)

    return MACRO.sub(filled, template)


def _put(text: str, known: Mapping[str, str], escape: Escape) -> str:
    return text.replace("{" + TOKEN + "}", escape(known[TOKEN]))


def _chosen(value: str, choice: str | None) -> str:
    """Return what stands for a value: of {event|install=Install;Order Completed=Purchase;Other}."""
    if choice is None:
        return value
    default = None
    for part in choice.split(";"):
        this, equals, becomes = part.partition("=")
        if equals and this.strip() == value:
            return becomes.strip()
        if not equals:
            default = part.strip()
    if "=" in choice:
        return value if default is None else default
    return value or default or ""


def _content_type(shape: Shape) -> str:
    said = next((text for name, text in shape.headers.items() if name.lower() == "content-type"), "")
    if said:
        return said.partition(";")[0].strip().lower()
    return "application/json" if shape.body.lstrip()[:1] in ("{", "[") else FORM if shape.body else ""


def _escape_of(body: str, content_type: str) -> Escape:
    if content_type.endswith("json"):
        return lambda value: json.dumps(value, ensure_ascii=False)[1:-1]
    return _in_url if content_type == FORM else str


def _in_url(value: str) -> str:
    return quote(value, safe="")


def _unknown(shape: Shape) -> list[Wrong]:
    places = [("url", shape.url), ("body", shape.body), *(("headers", text) for text in shape.headers.values())]
    found = [
        Wrong(field, f"{{{match[1]}}} is no macro of ours.")
        for field, text in places
        for match in MACRO.finditer(text)
        if match[1].lower() not in MACROS
    ]
    rest = MACRO.sub("", shape.url)
    if "{" in rest or "}" in rest:
        found.append(Wrong("url", "A brace stands alone. Write a macro as {campaign}."))
    return list(dict.fromkeys(found))


def _of_headers(headers: Mapping[str, str]) -> list[Wrong]:
    found = []
    for name in headers:
        if not HEADER_NAME.fullmatch(name):
            found.append(
                Wrong("headers", f"“{name}” can’t be the name of a header. Write one a line, like Name: value.")
            )
        elif name.lower() in OWN_HEADERS:
            found.append(Wrong("headers", f"{name} is set by us."))
    if not all(value.isascii() for value in headers.values()):
        found.append(Wrong("headers", "Headers are written in plain ASCII."))
    return found


def _tells_rejections(shape: Shape) -> bool:
    named = {match[1].lower() for text in (shape.url, shape.body) for match in MACRO.finditer(text)}
    return bool(named & {"news", "event", "reason"}) or shape.own


def _of_sample(shape: Shape, sample: Mapping[str, str]) -> list[Wrong]:
    """Fill the template with values, and without any, and see whether it still is what it should be."""
    if _content_type(shape).endswith("json") and shape.body:
        for facts, when in ((sample, "Filled with a real decision"), ({}, "Where nothing is known")):
            try:
                json.loads(with_token(render(shape, facts), "token").body)
            except ValueError as wrong:
                text = f"{when}, this is not JSON: {wrong}. Put quotes around macros, or a default: {{revenue|0}}."
                return [Wrong("body", text)]
    if len(render(shape, sample).url) > LONGEST_URL:
        return [Wrong("url", f"Filled, the address is longer than {LONGEST_URL:,} characters.")]
    return []
