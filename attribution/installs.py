"""Installs: each "Application Installed" event of the stream becomes one, once; and opens that may be returns."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from django.db import transaction
from django.utils import timezone

from attribution import claims, conversions, geo, network_claims, signatures, tables
from attribution.devices import normal_model, normal_os, read_agent
from attribution.models import Install
from attribution.rules import LONGEST_WINDOW_S
from events import clock
from events import services as events
from events.store import Inet, raw_cursor

CONSUMER = "attribution"
EVENT = "Application Installed"
KINDS = {
    EVENT: Install.Kind.INSTALL.value,
    "Application Opened": Install.Kind.OPEN.value,
    "Deep Link Opened": Install.Kind.OPEN.value,
}


class InstallRow(NamedTuple):
    """An install as it is written; the fields are the columns."""

    project_id: int
    message_id: str
    kind: str
    distinct_id: str
    installed_at: datetime
    received_at: datetime
    click_id: str
    referrer_click_id: str
    install_referrer: str
    referrer_click_at: datetime | None
    install_begin_at: datetime | None
    device_id: str
    advertising_id: str
    ip: Inet | None
    app: str
    os_name: str
    os_version: str
    device_model: str
    locale: str
    time_zone: str
    screen: str
    country: str
    user_id: str
    email_sha256: str
    phone_sha256: str
    emulator: bool
    signature: str
    ad_tracking: bool | None
    pending: bool


COLUMNS = ", ".join(InstallRow._fields)
OTHER_TYPES = {
    "project_id": "int8",
    "distinct_id": "text",
    "installed_at": "timestamptz",
    "received_at": "timestamptz",
    "install_referrer": "text",
    "referrer_click_at": "timestamptz",
    "install_begin_at": "timestamptz",
    "ip": "inet",
    "emulator": "bool",
    "ad_tracking": "bool",
    "pending": "bool",
}
TYPES = [OTHER_TYPES.get(field, "varchar") for field in InstallRow._fields]
STAGE = f"""
CREATE TEMP TABLE IF NOT EXISTS install_stage ON COMMIT DELETE ROWS AS
SELECT {COLUMNS} FROM attribution_install WITH NO DATA
"""  # noqa: S608
COPY = f"COPY install_stage ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
# An open is kept only where a click could have brought it: by an id, within the longest window there can be.
CLICKED = " OR ".join(
    f"(s.{name} <> '' AND EXISTS (SELECT FROM attribution_touch t WHERE t.project_id = s.project_id"
    f" AND t.{name} = s.{name} AND t.{name} <> '' AND t.type = 'click'"
    f" AND t.ts BETWEEN s.installed_at - interval '{LONGEST_WINDOW_S} seconds' AND s.installed_at))"
    for name in ("advertising_id", "device_id", "user_id", "email_sha256", "phone_sha256")
)
MOVE = f"""
INSERT INTO attribution_install ({COLUMNS}) SELECT {COLUMNS} FROM install_stage s
WHERE s.kind = 'install' OR {CLICKED} OR (s.click_id <> '' AND EXISTS (
    SELECT FROM attribution_touch t
    WHERE t.project_id = s.project_id AND t.touch_id = s.click_id AND t.type = 'click'
)) ORDER BY received_at
ON CONFLICT DO NOTHING RETURNING id, project_id, distinct_id
"""  # noqa: S608


def gather() -> tuple[int, bool]:
    """Read the next stretch of the log and keep its installs, opens and conversions; return how many installs and
    opens were new, and whether there is more.

    One transaction with the reader's position, so that nothing is lost or read twice.
    """
    with transaction.atomic():
        stretch = events.advance(CONSUMER)
        if stretch is None or stretch.low >= stretch.high:
            return 0, False
        found: list[events.EventRow] = []
        worth: list[events.EventRow] = []
        for event in events.read(stretch, KINDS.keys() | conversions.NAMES, with_property=conversions.PROPERTY):
            (found if event.name in KINDS else worth).append(event)
        new = store(found)
        conversions.store(worth)
        # Those that came before their install did.
        conversions.link_to(new)
        return len(new), stretch.more


def store(found: Collection[events.EventRow]) -> list[conversions.Owner]:
    """Keep the installs and opens that events tell of, with what they claim; return the new ones."""
    if not found:
        return []
    said = [(event, claims.of_event(event)) for event in found]
    new = _store([row_of(event, claimed) for event, claimed in said])
    network_claims.keep([(event.project_id, event.message_id, claimed) for event, claimed in said], now=timezone.now())
    return new


def _store(rows: Collection[InstallRow]) -> list[conversions.Owner]:
    cursor = raw_cursor()
    cursor.execute(STAGE)
    # What a caller's own transaction had staged before is written already.
    cursor.execute("DELETE FROM install_stage")
    with cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for row in rows:
            copy.write_row(row)
    cursor.execute(MOVE)
    new = [conversions.Owner(*row) for row in cursor]
    tables.analyze_new(len(new), "attribution_install")
    return new


def row_of(event: events.EventRow, claimed: claims.Claims | None = None) -> InstallRow:
    """Return the install that an event tells of. What it says in the wrong form counts as not said."""
    properties, context = event.properties, event.context
    claimed = claims.of_event(event) if claimed is None else claimed
    device, system = _object(context, "device"), _object(context, "os")
    referrer = claimed.install_referrer
    agent = read_agent(_text(context, "userAgent", 1_000)) if not system else read_agent("")
    said_country = geo.normal(context.get("country")) or geo.normal(_object(context, "location").get("country"))
    return InstallRow(
        project_id=event.project_id,
        message_id=event.message_id,
        kind=KINDS.get(event.name, Install.Kind.INSTALL.value),
        distinct_id=event.distinct_id,
        installed_at=event.ts,
        received_at=event.received_at,
        click_id=_text(properties, "click_id", 200) or click_id_of_address(_text(properties, "url", 4_000)),
        referrer_click_id=click_id_in(referrer),
        install_referrer=referrer,
        referrer_click_at=_moment(properties, "referrer_click_at"),
        install_begin_at=_moment(properties, "install_begin_at"),
        device_id=_text(device, "id", 100).lower(),
        advertising_id=_text(device, "advertisingId", 100).lower(),
        ip=Inet.parse(event.ip) if event.ip else None,
        app=_text(_object(context, "app"), "namespace", 155),
        os_name=normal_os(_text(system, "name", 40)) or agent.os_name,
        os_version=_text(system, "version", 40).lower() or agent.os_version,
        device_model=normal_model(_text(device, "model", 100)) or agent.model,
        locale=_text(context, "locale", 40),
        time_zone=_text(context, "timezone", 50),
        screen=screen_of(_object(context, "screen")),
        country=said_country or (geo.country_of(event.ip) if event.ip else ""),
        user_id=event.user_id if len(event.user_id) <= 200 else "",
        email_sha256=claimed.email_sha256,
        phone_sha256=claimed.phone_sha256,
        emulator=_flag(device, "emulator") or _flag(properties, "emulator") or False,
        signature=signatures.of_install(event.project_id, properties, context, event.message_id, event.ts),
        ad_tracking=_flag(device, "adTrackingEnabled"),
        pending=True,
    )


def screen_of(screen: Mapping[str, Any]) -> str:
    """Return a screen as touches have it: width and height in pixels, 1170x2532; "" where one is missing."""
    sides = [screen.get(name) for name in ("width", "height")]
    if not all(isinstance(side, int | float) and not isinstance(side, bool) and 0 < side < 100_000 for side in sides):
        return ""
    return "x".join(f"{side:.0f}" for side in sides)


def click_id_of_address(address: str) -> str:
    """Return the click id that the address which opened the app carries; else ""."""
    try:
        query = urlsplit(address).query
    except ValueError:
        return ""
    return click_id_in(query)


def click_id_in(referrer: str) -> str:
    """Return the click id inside an install referrer, as Google Play hands it over or still quoted; else ""."""
    for text in (referrer, unquote(referrer)):
        found = parse_qs(text, max_num_fields=100).get("click_id") if text.count("&") < 100 else None
        if found:
            return found[0].strip()[:200]
    return ""


def _object(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = parent.get(name)
    return value if isinstance(value, dict) else {}


def _text(parent: Mapping[str, Any], name: str, longest: int) -> str:
    """Return text; what is too long is left out whole, as half an id would match the wrong thing."""
    value = parent.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    text = str(value).strip()
    return text if len(text) <= longest else ""


def _moment(parent: Mapping[str, Any], name: str) -> datetime | None:
    value = parent.get(name)
    if isinstance(value, str) and value.strip().isdigit():
        value = int(value)
    moment = clock.parse(value)
    return moment.astimezone(UTC) if moment else None


def _flag(parent: Mapping[str, Any], name: str) -> bool | None:
    value = parent.get(name)
    return value if isinstance(value, bool) else None
