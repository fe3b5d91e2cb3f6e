"""The wire format of touches in bulk, and what of it is checked before a row is made."""

import re
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
import orjson
from msgspec import Raw

from attribution import contacts, geo, parameters
from attribution.devices import MAX_CHARS, normal_model, normal_os, read_agent
from attribution.fraud import at_click
from attribution.store import TouchRow
from events import clock
from events.payloads import EMPTY, RawJson, Refusal, Refused
from events.store import Inet
from growthplatform.core.api import InvalidJson
from growthplatform.core.errors import Problem

BODY_BYTES = 5_000_000
BATCH_TOUCHES = 2_500
TOUCH_BYTES = 32 * 1024

Text = str | int | float | None


class InvalidBatch(Problem):
    code = "invalid_batch"
    message = 'The body must be an object with "batch": a list of touches.'


class CampaignIn(msgspec.Struct, gc=False, rename="camel"):
    source: Text = None
    medium: Text = None
    name: Text = None
    content: Text = None
    term: Text = None
    id: Text = None
    publisher: Text = None
    ad_set: Text = None
    ad: Text = None
    creative: Text = None


class DeviceIn(msgspec.Struct, gc=False, rename="camel"):
    id: Text = None
    advertising_id: Text = None
    model: Text = None


class OsIn(msgspec.Struct, gc=False):
    name: Text = None
    version: Text = None


class AppIn(msgspec.Struct, gc=False):
    namespace: Text = None


class ScreenIn(msgspec.Struct, gc=False):
    width: Text = None
    height: Text = None


class ContextIn(msgspec.Struct, gc=False, rename="camel"):
    ip: str | None = None
    user_agent: str | None = None
    locale: Text = None
    timezone: Text = None
    device: DeviceIn | None = None
    os: OsIn | None = None
    app: AppIn | None = None
    screen: ScreenIn | None = None
    country: Text = None
    user_id: Text = None
    email_sha256: Text = None
    phone_sha256: Text = None


class TouchIn(msgspec.Struct, gc=False, rename="camel"):
    """One touch as a server or a network sends it."""

    type: Literal["click", "impression"]
    touch_id: str | int
    timestamp: str | int | float | None = None
    link: str | None = None
    campaign: CampaignIn | None = None
    context: ContextIn | None = None
    click_id: Text = None
    deep_link: Text = None
    params: dict[str, Text] | None = None


class BatchIn(msgspec.Struct, gc=False):
    batch: list[Raw]


class LinkFacts(msgspec.Struct, frozen=True, gc=False):
    """What a touch takes over from its link."""

    id: int
    source: str
    medium: str
    campaign: str
    content: str
    term: str
    campaign_id: str
    publisher: str
    ad_set: str = ""
    ad: str = ""
    creative: str = ""
    deep_link: str = ""


_batch = msgspec.json.Decoder(BatchIn)
_touch = msgspec.json.Decoder(TouchIn)
NO_CAMPAIGN, NO_CONTEXT = CampaignIn(), ContextIn()
NO_DEVICE, NO_OS = DeviceIn(), OsIn()
COUNTRY = re.compile(r"[A-Z]{2}")


def read_batch(body: bytes) -> list[Raw]:
    """Read the body of a batch into its touches. Raises InvalidJson and InvalidBatch."""
    try:
        return _batch.decode(body).batch
    except msgspec.ValidationError:
        raise InvalidBatch from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise InvalidJson(f"The body is not valid JSON: {wrong}.") from None


def read_touch(raw: Raw) -> TouchIn:
    """Read one touch. Raises Refused with code, sentence and field."""
    if len(bytes(raw)) > TOUCH_BYTES:
        raise Refused("touch_too_large", f"A touch may have {TOUCH_BYTES // 1024} KB; this one is larger.")
    try:
        return _touch.decode(raw)
    except msgspec.ValidationError as wrong:
        reason, _, place = str(wrong).partition(" - at `$.")
        field = place.rstrip("`") or _missing(reason)
        raise Refused("invalid_field", f"{field}: {reason}.".removeprefix(": "), field) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Refused("invalid_json", f"Not valid JSON: {wrong}.") from None


def _missing(text: str) -> str:
    """Return the field that a sentence like "Object missing required field `touchId`" names."""
    return text.split("`")[1] if "missing required field" in text else ""


def refusal(index: int, why: Refused, raw: Raw) -> Refusal:
    return Refusal(index, why.code, why.message, why.field, bytes(raw))


def check(
    touch: TouchIn, link: LinkFacts | None, *, project_id: int, ip_policy: str, received_at: datetime
) -> TouchRow:
    """Return the row that a touch becomes; the campaign it names goes before its link's.

    Raises Refused with code, sentence and field for what can't be kept.
    """
    campaign, context = touch.campaign or NO_CAMPAIGN, touch.context or NO_CONTEXT
    device, system = context.device or NO_DEVICE, context.os or NO_OS
    touch_id = _text(touch.touch_id, "touchId", 100)
    if not touch_id:
        raise Refused("missing_id", "touchId: every touch needs an id of its own; a repeat is stored once.", "touchId")
    source = _text(campaign.source, "campaign.source", 60).lower()[:60] or (link.source if link else "")
    if not source:
        raise Refused(
            "missing_source", "campaign.source: who showed the ad; needed where no link says it.", "campaign.source"
        )
    happened = _moment(touch.timestamp)
    ts, clamped = clock.correct(happened, None, received_at)
    agent = (context.user_agent or "")[:MAX_CHARS]
    _text(agent, "context.userAgent", MAX_CHARS)
    read = read_agent(agent)
    ip_text = (context.ip or "").strip()
    address = _address(ip_text)
    return TouchRow(
        project_id=project_id,
        touch_id=touch_id,
        type=touch.type,
        link_id=link.id if link else None,
        ts=ts,
        received_at=received_at,
        clamped=clamped,
        source=source,
        medium=_text(campaign.medium, "campaign.medium", 60) or (link.medium if link else ""),
        campaign=_text(campaign.name, "campaign.name", 100) or (link.campaign if link else ""),
        content=_text(campaign.content, "campaign.content", 200) or (link.content if link else ""),
        term=_text(campaign.term, "campaign.term", 200) or (link.term if link else ""),
        campaign_id=_text(campaign.id, "campaign.id", 100) or (link.campaign_id if link else ""),
        publisher=_text(campaign.publisher, "campaign.publisher", 100) or (link.publisher if link else ""),
        network_click_id=_text(touch.click_id, "clickId", 200),
        device_id=_text(device.id, "context.device.id", 100).lower(),
        advertising_id=_text(device.advertising_id, "context.device.advertisingId", 100).lower(),
        ip=allowed(address, ip_policy),
        app=_text(context.app.namespace if context.app else None, "context.app.namespace", 155),
        os_name=normal_os(_text(system.name, "context.os.name", 40)) or read.os_name[:40],
        os_version=_text(system.version, "context.os.version", 40).lower()
        or ("" if system.name else read.os_version[:40]),
        device_model=normal_model(_text(device.model, "context.device.model", 100)) or read.model[:100],
        user_agent=agent,
        locale=_text(context.locale, "context.locale", 40),
        time_zone=_text(context.timezone, "context.timezone", 50),
        screen=_screen(context.screen),
        bot=read.bot,
        ad_set=_text(campaign.ad_set, "campaign.adSet", 100) or (link.ad_set if link else ""),
        ad=_text(campaign.ad, "campaign.ad", 100) or (link.ad if link else ""),
        creative=_text(campaign.creative, "campaign.creative", 100) or (link.creative if link else ""),
        params=_params(touch.params),
        deep_link=_deep_link(touch.deep_link) or (link.deep_link if link else ""),
        country=_country(context.country) or geo.country_of(ip_text),
        user_id=_text(context.user_id, "context.userId", 200),
        email_sha256=_digest(context.email_sha256, "context.emailSha256"),
        phone_sha256=_digest(context.phone_sha256, "context.phoneSha256"),
        flags=at_click.flags_of(ip_text),
    )


def _text(value: Text, field: str, longest: int) -> str:
    """Return a value as trimmed text, "" where it is missing. Raises Refused."""
    if value is None:
        return ""
    text = (value if isinstance(value, str) else str(value)).strip()
    if len(text) > longest:
        raise Refused("invalid_field", f"{field}: longer than {longest} characters.", field)
    if "\x00" in text:
        raise Refused("nul_character", f"{field}: holds a NUL character, which can't be stored.", field)
    return text


def _params(given: dict[str, Text] | None) -> RawJson:
    """Return the other parameters of a click as JSON text, cut to what is kept; see parameters.py. Raises Refused."""
    if not given:
        return EMPTY
    kept = parameters.params_of({name: _text(value, "params", TOUCH_BYTES) for name, value in given.items()})
    return RawJson(orjson.dumps(kept))


def _deep_link(value: Text) -> str:
    text = _text(value, "deepLink", 500)
    if text and not parameters.is_safe_deep_link(text):
        raise Refused("invalid_field", "deepLink: must be a path, or an address that an app may open.", "deepLink")
    return text


def _country(value: Text) -> str:
    text = _text(value, "context.country", 100).upper()
    if text and not COUNTRY.fullmatch(text):
        raise Refused("invalid_field", "context.country: must be two letters, like DE.", "context.country")
    return text


def _digest(value: Text, field: str) -> str:
    """Return a SHA-256 as it is kept. Raises Refused for anything else, so that nobody sends the address itself."""
    text = _text(value, field, 320)
    if text and not contacts.digest(text):
        raise Refused("invalid_field", f"{field}: must be a SHA-256 in 64 hexadecimal digits.", field)
    return contacts.digest(text)


def _moment(value: Any) -> datetime | None:
    if value is None or value == "":
        return None
    moment = clock.parse(value)
    if moment is None:
        raise Refused(
            "invalid_timestamp",
            "timestamp: must be a time since 2000 in ISO 8601, like 2026-11-20T10:38:42Z.",
            "timestamp",
        )
    return moment.astimezone(UTC)


def _address(text: str) -> Inet | None:
    if not text:
        return None
    ip = Inet.parse(text)
    if ip is None:
        raise Refused("invalid_field", "context.ip: must be an IPv4 or IPv6 address.", "context.ip")
    return ip


def allowed(ip: Inet | None, ip_policy: str) -> Inet | None:
    """Return as much of an address as a project's policy lets it keep."""
    if ip is None or ip_policy == "none":
        return None
    return ip.truncated() if ip_policy == "truncated" else ip


def _screen(screen: ScreenIn | None) -> str:
    if screen is None:
        return ""
    width, height = _text(screen.width, "context.screen.width", 9), _text(screen.height, "context.screen.height", 9)
    return f"{width}x{height}" if width and height else ""
