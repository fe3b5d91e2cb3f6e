"""Rows of AppsFlyer's raw data, read into touches and calls of our own API. Plain values.

An install row tells of the install, of the touch it was credited to, and of up to three others (contributors). An
event row tells of its event alone: the touches came with the install. Each id is made of what the row says, so that a
row told again, in whatever file, is the same row.
"""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import IO, Any
from zoneinfo import ZoneInfo

from attribution.shadow.number_files import PLATFORMS, Wrong, amount_of
from attribution.shadow.vendors import source_of
from events import clock
from events.dialects import appsflyer, reading

# What a file must have at least to be raw data of AppsFlyer.
NEEDED = ("install time", "event name", "media source", "appsflyer id")
INSTALLED, OPENED, REMOVED = "Application Installed", "Application Opened", "Application Uninstalled"
# How ids of what was taken over begin: it is history, of which networks are told nothing any more.
TAKEN_OVER = "appsflyer-import"
# AppsFlyer's own names of installs and returns.
OWN_NAMES = {
    "install": INSTALLED,
    "reinstall": INSTALLED,
    "re-attribution": INSTALLED,
    "reattribution": INSTALLED,
    "re-engagement": OPENED,
    "reengagement": OPENED,
    "uninstall": REMOVED,
}
# Heads of older exports.
FORMER = {
    "media source (pid)": "media source",
    "campaign (c)": "campaign",
    "appsflyer device id": "appsflyer id",
    "adset name": "adset",
    "ad name": "ad",
    "site id (af siteid)": "site id",
    "click time": "attributed touch time",
}
TOUCHES = {"click": "click", "impression": "impression", "view": "impression", "tv": "impression"}
UNTOLD = frozenset({"", "n/a", "none", "null", "organic"})
# Half an id matches the wrong thing, so what is longer is left out.
LONGEST = {"campaign": 100, "adset": 100, "ad": 100, "site id": 100, "campaign id": 100, "keywords": 200}
CONTRIBUTORS = (1, 2, 3)
LATE = timedelta(seconds=1)


class WrongFile(Exception):  # noqa: N818 -- a refusal, as everywhere in the product
    """The file is no raw data of AppsFlyer; the sentence says why."""


@dataclass(frozen=True)
class Taken:
    """What a row becomes: touches first, then the call that is decided by them."""

    line: int
    call: dict[str, Any]
    touches: list[dict[str, Any]] = field(default_factory=list)
    touched_at: datetime | None = None
    """Of an install: when the touch happened that AppsFlyer credits."""

    @property
    def is_install(self) -> bool:
        return bool(self.call["event"] == INSTALLED)


@dataclass(frozen=True)
class Told:
    """How a file is to be read: its times' zone, names of events and sources, and the project's currency."""

    zone: ZoneInfo
    names: Mapping[str, str]
    sources: Sequence[str] = ()
    currency: str = ""


def lines_of(file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line it ends on, the head first. Raises WrongFile."""
    try:
        rows = csv.reader(_text_of(file))
        for values in rows:
            if any(values):
                yield rows.line_num, values
    except UnicodeDecodeError:
        raise WrongFile("The file is not UTF-8, which AppsFlyer’s exports are.") from None
    except csv.Error as wrong:
        raise WrongFile(f"The file can’t be read as CSV: {wrong}.") from None


def _text_of(file: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(file):
        text = line.decode().replace("\x00", "")
        yield text.removeprefix("\ufeff") if number == 0 else text


def head_of(values: Sequence[str]) -> list[str]:
    """Return the columns by their plain names. Raises WrongFile where it lacks what raw data has."""
    head = [FORMER.get(plain(name), plain(name)) for name in values]
    lacking = [name for name in NEEDED if name not in head]
    if lacking:
        raise WrongFile(f"This is no raw data of AppsFlyer: it has no column {', '.join(lacking)}.")
    return head


def plain(name: str) -> str:
    """Return a column's name as it is looked up: "Attributed Touch Type" and "attributed_touch_type" are one."""
    return " ".join(re.sub(r"[_\s]+", " ", name).strip().casefold().split())


def read(line: int, values: Sequence[str], head: Sequence[str], told: Told) -> Taken | Wrong:
    """Read one row below the head."""
    text = ",".join(values)[:500]
    if len(values) != len(head):
        return Wrong(line, "", "wrong_columns", f"{len(values)} values where the first line has {len(head)}.", text)
    row = {name: value.strip() for name, value in zip(head, values, strict=True) if value.strip()}
    try:
        return _taken(line, row, told)
    except _Unread as why:
        return Wrong(line, why.field, why.code, f"{why.field}: {why.message}", text)


class _Unread(Exception):  # noqa: N818
    def __init__(self, named: str, code: str, message: str) -> None:
        self.field, self.code, self.message = named, code, message
        super().__init__(message)


def _taken(line: int, row: Mapping[str, str], told: Told) -> Taken:
    device, user, theirs = row.get("appsflyer id", ""), row.get("customer user id", ""), row.get("event name", "")
    if not device and not user:
        raise _Unread("AppsFlyer ID", "missing_id", "no id of a device or a person.")
    if not theirs:
        raise _Unread("Event Name", "missing_event", "no name of an event.")
    own = OWN_NAMES.get(theirs.casefold())
    installed_at = _moment(row, "install time", told, needed=own == INSTALLED)
    at = installed_at if own == INSTALLED else _moment(row, "event time", told, needed=True)
    if at is None:
        raise _Unread("Event Time", "invalid_timestamp", "no time.")
    app = row.get("app id", "")
    touches = _touches(row, told, at, device or user, app) if own in {INSTALLED, OPENED} else []
    properties = _properties(row, told) if own is None else {}
    if touches and _is_credited(row):
        properties["click_id"] = touches[0]["touchId"]
    value = reading.inner_object(row.get("event value"))
    content = row.get("event value") if value is None else value
    when = at.isoformat()
    call = {
        "type": "track",
        "event": own or told.names.get(theirs, theirs),
        "messageId": reading.message_id(TAKEN_OVER, app, device, theirs, content if own is None else {}, when),
        "anonymousId": device or None,
        "userId": user or None,
        "timestamp": when,
        "properties": properties,
        "context": _context(row, theirs, app),
    }
    touched_at = clock.parse(touches[0]["timestamp"]) if touches and _is_credited(row) else None
    return Taken(line, {name: one for name, one in call.items() if one is not None}, touches, touched_at)


def _moment(row: Mapping[str, str], name: str, told: Told, *, needed: bool) -> datetime | None:
    text = row.get(name, "")
    if not text:
        if needed:
            raise _Unread(name.title(), "invalid_timestamp", "no time.")
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise _Unread(name.title(), "invalid_timestamp", f"{text[:40]!r} is no time.") from None
    at = (at.replace(tzinfo=told.zone) if at.tzinfo is None else at).astimezone(UTC)
    if at < clock.EARLIEST:
        raise _Unread(name.title(), "invalid_timestamp", f"{text[:40]!r} is before the year 2000.")
    return at


def _is_credited(row: Mapping[str, str]) -> bool:
    return row.get("media source", "").casefold() not in UNTOLD


def _touches(row: Mapping[str, str], told: Told, at: datetime, device: str, app: str) -> list[dict[str, Any]]:
    """Return the touch that AppsFlyer credits, then the contributors, each with the device it knew them by."""
    found = []
    if _is_credited(row):
        campaign = {
            "source": source_of(row["media source"], told.sources),
            "name": _short(row, "campaign"),
            "id": _short(row, "campaign id"),
            "adSet": _short(row, "adset") or _short(row, "adset id"),
            "ad": _short(row, "ad") or _short(row, "ad id"),
            "publisher": _short(row, "site id"),
            "term": _short(row, "keywords"),
            "medium": row.get("channel", "")[:60],
        }
        subs = {f"sub{number}": row.get(f"sub param {number}", "")[:500] for number in range(1, 6)}
        touch = _touch(row.get("attributed touch type", ""), row.get("attributed touch time", ""), campaign, told, at)
        found.append(touch | {"params": _told(subs)})
    for number in CONTRIBUTORS:
        of = f"contributor {number}"
        source, time = row.get(f"{of} media source", ""), row.get(f"{of} touch time", "")
        if source.casefold() in UNTOLD or not time:
            continue
        campaign = {"source": source_of(source, told.sources), "name": row.get(f"{of} campaign", "")[:100]}
        found.append(_touch(row.get(f"{of} touch type", ""), time, campaign, told, at))
    context = _told({"device": _device(row), "app": _told({"namespace": _namespace(row)})})
    for touch in found:
        campaign = touch["campaign"]
        known = (app, device, touch["type"], touch["timestamp"], campaign.get("source"), campaign.get("name"))
        touch["touchId"] = f"af_{hashlib.sha256(repr(known).encode()).hexdigest()[:40]}"
        touch["context"] = context
    return found


def _touch(kind: str, time: str, campaign: Mapping[str, str], told: Told, at: datetime) -> dict[str, Any]:
    moment = _moment({"attributed touch time": time}, "attributed touch time", told, needed=False) if time else None
    # Without a time of its own, and where clocks disagree, it happened right before what it brought.
    moment = min(moment or at - LATE, at - LATE)
    return {
        "type": TOUCHES.get(kind.casefold(), "click"),
        "timestamp": moment.isoformat(),
        "campaign": _told(campaign),
    }


def _properties(row: Mapping[str, str], told: Told) -> dict[str, Any]:
    value = reading.inner_object(row.get("event value"))
    if value is None:
        properties: dict[str, Any] = {"event_value": row["event value"]}
    else:
        properties = {
            appsflyer.VALUES.get(name, name): one
            for name, one in value.items()
            if name not in {"af_revenue", "af_currency"}
        }
    revenue, currency = row.get("event revenue", ""), row.get("event revenue currency", "").upper()
    in_dollars = row.get("event revenue usd", "")
    if told.currency == "USD" and in_dollars and currency not in {"", "USD"}:
        properties |= {"original_revenue": revenue, "original_currency": currency}
        revenue, currency = in_dollars, "USD"
    if revenue:
        amount = amount_of(revenue)
        if amount is None:
            raise _Unread("Event Revenue", "invalid_number", f"{revenue[:40]!r} is no number.")
        properties["revenue"] = float(amount)
        if len(currency) == 3:
            properties["currency"] = currency
    return properties


def _context(row: Mapping[str, str], theirs: str, app: str) -> dict[str, Any]:
    platform = row.get("platform", "").casefold()
    vendor = {
        "dialect": appsflyer.NAME,
        "event": theirs,
        "app_id": app,
        "media_source": row.get("media source"),
        "is_retargeting": row.get("is retargeting"),
        "attribution_lookback": row.get("attribution lookback"),
    }
    return _told(
        {
            "library": {"name": "appsflyer_import"},
            "device": _device(row) | _told({"model": row.get("device model") or row.get("device type")}),
            "os": _told(
                {
                    "name": {"ios": "iOS", "android": "Android"}.get(PLATFORMS.get(platform, ""), platform),
                    "version": row.get("os version"),
                }
            ),
            "app": _told(
                {"namespace": _namespace(row), "version": row.get("app version"), "name": row.get("app name")}
            ),
            "location": _told(
                {"country": row.get("country code"), "region": row.get("state"), "city": row.get("city")}
            ),
            "network": _told({"carrier": row.get("carrier") or row.get("operator"), "wifi": _flag(row.get("wifi"))}),
            "ip": row.get("ip"),
            "locale": row.get("language"),
            "userAgent": row.get("user agent"),
            "vendor": _told(vendor),
        }
    )


def _device(row: Mapping[str, str]) -> dict[str, Any]:
    """Return what the device is known by; where nothing of its own is told, AppsFlyer's id of the installation."""
    own = reading.device_id(row.get("idfv"), row.get("android id"), row.get("appsflyer id"))
    return _told({"id": own, "advertisingId": reading.device_id(row.get("idfa"), row.get("advertising id"))})


def _namespace(row: Mapping[str, str]) -> str:
    return row.get("bundle id") or row.get("app id", "")


def _short(row: Mapping[str, str], name: str) -> str:
    text = row.get(name, "")
    return "" if text.casefold() in UNTOLD else text[: LONGEST.get(name, 100)]


def _flag(text: str | None) -> bool | None:
    return {"true": True, "false": False}.get((text or "").casefold())


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", {})}
