"""Installs: each "Application Installed" event of the stream becomes one, once."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from django.db import transaction

from attribution.devices import normal_model, normal_os, read_agent
from events import clock
from events import services as events
from events.store import Inet, raw_cursor

CONSUMER = "attribution"
EVENT = "Application Installed"


class InstallRow(NamedTuple):
    """An install as it is written; the fields are the columns."""

    project_id: int
    message_id: str
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
    "ad_tracking": "bool",
    "pending": "bool",
}
TYPES = [OTHER_TYPES.get(field, "varchar") for field in InstallRow._fields]
STAGE = f"""
CREATE TEMP TABLE IF NOT EXISTS install_stage ON COMMIT DELETE ROWS AS
SELECT {COLUMNS} FROM attribution_install WITH NO DATA
"""  # noqa: S608
COPY = f"COPY install_stage ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
MOVE = f"""
INSERT INTO attribution_install ({COLUMNS}) SELECT {COLUMNS} FROM install_stage ORDER BY received_at
ON CONFLICT DO NOTHING
"""  # noqa: S608


def gather() -> tuple[int, bool]:
    """Read the next stretch of the log and keep its installs; return how many were new, and whether there is more.

    One transaction with the reader's position, so that nothing is lost or read twice.
    """
    with transaction.atomic():
        stretch = events.advance(CONSUMER)
        if stretch is None or stretch.low >= stretch.high:
            return 0, False
        rows = [row_of(event) for event in events.read(stretch, {EVENT})]
        return _store(rows), stretch.more


def _store(rows: list[InstallRow]) -> int:
    if not rows:
        return 0
    cursor = raw_cursor()
    cursor.execute(STAGE)
    with cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for row in rows:
            copy.write_row(row)
    cursor.execute(MOVE)
    return cursor.rowcount


def row_of(event: events.EventRow) -> InstallRow:
    """Return the install that an event tells of. What it says in the wrong form counts as not said."""
    properties, context = event.properties, event.context
    device, system = _object(context, "device"), _object(context, "os")
    referrer = _text(properties, "install_referrer", 2_000)
    agent = read_agent(_text(context, "userAgent", 1_000)) if not system else read_agent("")
    return InstallRow(
        project_id=event.project_id,
        message_id=event.message_id,
        distinct_id=event.distinct_id,
        installed_at=event.ts,
        received_at=event.received_at,
        click_id=_text(properties, "click_id", 200),
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
        ad_tracking=_flag(device, "adTrackingEnabled"),
        pending=True,
    )


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
