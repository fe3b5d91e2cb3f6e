"""How touches reach the database: one by a prepared INSERT, many by COPY; each touch id once in a project."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from events.payloads import EMPTY, RawJson
from events.store import Inet, raw_cursor

# Shared by all rows without flags, so never changed.
NO_FLAGS: list[str] = []


class TouchRow(NamedTuple):
    """A touch as it is written; the fields are the columns, `params` as JSON text."""

    project_id: int
    touch_id: str
    type: str
    link_id: int | None
    ts: datetime
    received_at: datetime
    clamped: bool
    source: str
    medium: str
    campaign: str
    content: str
    term: str
    campaign_id: str
    publisher: str
    network_click_id: str
    device_id: str
    advertising_id: str
    ip: Inet | None
    app: str
    os_name: str
    os_version: str
    device_model: str
    user_agent: str
    locale: str
    time_zone: str
    screen: str
    bot: bool
    ad_set: str = ""
    ad: str = ""
    creative: str = ""
    params: RawJson = EMPTY
    deep_link: str = ""
    country: str = ""
    user_id: str = ""
    email_sha256: str = ""
    phone_sha256: str = ""
    origin: str = ""
    signature: str = ""
    flags: list[str] = NO_FLAGS


COLUMNS = ", ".join(TouchRow._fields)
OTHER_TYPES = {
    "project_id": "int8",
    "link_id": "int8",
    "ts": "timestamptz",
    "received_at": "timestamptz",
    "clamped": "bool",
    "ip": "inet",
    "user_agent": "text",
    "bot": "bool",
    "params": "jsonb",
    "flags": "varchar[]",
}
TYPES = [OTHER_TYPES.get(field, "varchar") for field in TouchRow._fields]
CASTS = {"ip": "::inet", "flags": "::varchar[]"}
VALUES = ", ".join(f"%s{CASTS.get(field, '')}" for field in TouchRow._fields)
ONE = f"INSERT INTO attribution_touch ({COLUMNS}) VALUES ({VALUES})"  # noqa: S608 -- the columns are constant
STAGE = f"""
CREATE TEMP TABLE IF NOT EXISTS touch_stage ON COMMIT DELETE ROWS AS
SELECT {COLUMNS} FROM attribution_touch WITH NO DATA
"""  # noqa: S608
# A link that was deleted a moment ago must not spoil the batch.
STAGED = ", ".join(
    "(SELECT id FROM attribution_link WHERE id = link_id)" if field == "link_id" else field
    for field in TouchRow._fields
)
COPY = f"COPY touch_stage ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
# In the order of their ids, so that two requests with the same touches never wait for each other crosswise.
MOVE = f"""
WITH stored AS (
    INSERT INTO attribution_touch ({COLUMNS})
    SELECT {STAGED} FROM touch_stage ORDER BY touch_id
    ON CONFLICT DO NOTHING
    RETURNING id
), late AS (
    INSERT INTO attribution_latebatch (project_id, touches)
    SELECT %s, array_agg(id) FROM stored HAVING count(*) > 0
)
SELECT count(*) FROM stored
"""  # noqa: S608


def store_one(row: TouchRow) -> None:
    """Store one touch and commit."""
    raw_cursor().execute(ONE, row)


def store_many(project_id: int, rows: Sequence[TouchRow]) -> int:
    """Store touches of one project and commit; return how many were new.

    Safe to repeat, also at the same moment: a touch id that is there already is passed over. Decisions that the new
    touches could change are made again, see late.py.
    """
    if not rows:
        return 0
    with transaction.atomic():
        cursor = raw_cursor()
        cursor.execute(STAGE)
        with cursor.copy(COPY) as copy:
            copy.set_types(TYPES)
            for row in rows:
                copy.write_row(row)
        cursor.execute(MOVE, (project_id,))
        found = cursor.fetchone()
    return int(found[0]) if found else 0
