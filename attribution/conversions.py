"""Conversions: events worth counting, with their revenue, read once from the stream and tied to an install."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import orjson
from django.db import connection

from attribution import rule_sets, signatures
from attribution.fraud.rules import blocks, of_conversion
from attribution.rules import Rules
from customers.models import Project
from events import services as events
from events.payloads import RawJson
from events.store import raw_cursor

ORDER = "Order Completed"
# Worth counting also without revenue.
NAMES = frozenset({ORDER, "Signed Up", "Trial Started", "Subscription Started"})
# Any other event with this number in its properties is a conversion too.
PROPERTY = "revenue"
MOST = Decimal(10) ** 12
CENT_PARTS = Decimal("0.0001")
# So long people are asked for again whom nobody knew when their conversion came.
WAITING = timedelta(days=2)
LINKED_AT_ONCE = 5_000


class Owner(NamedTuple):
    """An install that conversions may belong to."""

    id: int
    project_id: int
    distinct_id: str


class ConversionRow(NamedTuple):
    """A conversion as it is written; the fields are the columns."""

    project_id: int
    message_id: str
    distinct_id: str
    name: str
    ts: datetime
    received_at: datetime
    revenue: Decimal | None
    currency: str
    order_id: str
    fraud: RawJson
    counted: bool


COLUMNS = ", ".join(ConversionRow._fields)
TYPES = [
    "int8", "varchar", "text", "varchar", "timestamptz", "timestamptz", "numeric", "varchar", "varchar", "jsonb",
    "bool",
]  # fmt: skip
STAGE = f"""
CREATE TEMP TABLE IF NOT EXISTS conversion_stage ON COMMIT DELETE ROWS AS
SELECT {COLUMNS} FROM attribution_conversion WITH NO DATA
"""  # noqa: S608
COPY = f"COPY conversion_stage ({COLUMNS}) FROM STDIN (FORMAT BINARY)"
MOVE = f"""
INSERT INTO attribution_conversion ({COLUMNS}) SELECT {COLUMNS} FROM conversion_stage ORDER BY received_at, ts
ON CONFLICT DO NOTHING RETURNING id, project_id, distinct_id
"""  # noqa: S608
KNOWN_ORDERS = """
SELECT c.project_id, c.order_id, c.name, c.message_id FROM attribution_conversion c
JOIN unnest(%s::bigint[], %s::text[]) AS o(project_id, order_id)
    ON c.project_id = o.project_id AND c.order_id = o.order_id AND c.order_id <> ''
"""
# The last install before it, or return that a touch brought, by any id of the person.
LINK = """
WITH same AS MATERIALIZED (SELECT * FROM unnest(%s::bigint[], %s::text[]) AS s(id, distinct_id)), found AS (
    SELECT DISTINCT ON (c.id) c.id, i.id AS install_id
    FROM same JOIN attribution_conversion c ON c.id = same.id
    JOIN attribution_install i ON i.project_id = c.project_id AND md5(i.distinct_id) = md5(same.distinct_id)
        AND i.distinct_id = same.distinct_id AND i.installed_at <= c.ts
    WHERE i.kind = 'install' OR EXISTS (
        SELECT FROM attribution_decision d WHERE d.install_id = i.id AND d.touch_id IS NOT NULL
    )
    ORDER BY c.id, i.installed_at DESC, i.id DESC
)
UPDATE attribution_conversion c SET install_id = f.install_id FROM found f
WHERE c.id = f.id AND c.install_id IS DISTINCT FROM f.install_id
"""
OF_PEOPLE = """
SELECT c.id, c.project_id, c.distinct_id FROM attribution_conversion c
JOIN unnest(%s::text[]) AS p(distinct_id)
    ON md5(c.distinct_id) = md5(p.distinct_id) AND c.distinct_id = p.distinct_id
WHERE c.project_id = %s
"""
UNLINKED = """
SELECT id, project_id, distinct_id FROM attribution_conversion
WHERE project_id = ANY(%s) AND ts > %s AND install_id IS NULL ORDER BY id DESC LIMIT %s
"""


def store(found: Collection[events.EventRow]) -> int:
    """Keep the conversions that events tell of, and tie each to an install as far as known; return how many were new.

    Inside the transaction of the reader's position.
    """
    rows = [row for event in found if (row := row_of(event))]
    if not rows:
        return 0
    rows = _judged(rows, found)
    cursor = raw_cursor()
    cursor.execute(STAGE)
    # What a caller's own transaction had staged before is written already.
    cursor.execute("DELETE FROM conversion_stage")
    with cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for row in rows:
            copy.write_row(row)
    cursor.execute(MOVE)
    new = [Owner(*row) for row in cursor]
    _link(new)
    return len(new)


def row_of(event: events.EventRow) -> ConversionRow | None:
    """Return the conversion that an event tells of; None when it has no revenue and is not worth counting without."""
    properties = event.properties
    amount = amount_in(properties.get(PROPERTY))
    if amount is None and event.name == ORDER:
        amount = amount_in(properties.get("total"))
        amount = amount_in(properties.get("value")) if amount is None else amount
    if amount is None and event.name not in NAMES:
        return None
    currency = properties.get("currency")
    known = isinstance(currency, str) and len(currency.strip()) == 3 and currency.strip().isascii()
    order_id = properties.get("order_id", properties.get("orderId"))
    order = str(order_id).strip() if isinstance(order_id, str | int) and not isinstance(order_id, bool) else ""
    return ConversionRow(
        event.project_id,
        event.message_id,
        event.distinct_id,
        event.name[:200],
        event.ts,
        event.received_at,
        amount,
        str(currency).strip().upper() if known else "",
        order if len(order) <= 200 else "",
        RawJson(b"[]"),
        counted=True,
    )


def amount_in(value: Any) -> Decimal | None:
    """Read an amount of money; None for what is no number, or larger than any price."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) >= MOST:
        return None
    return amount.quantize(CENT_PARTS)


def _judged(rows: Sequence[ConversionRow], found: Collection[events.EventRow]) -> list[ConversionRow]:
    """Fill in the project's currency, and say what speaks against each: an order that is there already, a receipt."""
    currencies = dict(Project.objects.filter(pk__in={row.project_id for row in rows}).values_list("pk", "currency"))
    rules = {pk: version.rules for pk, version in rule_sets.current(currencies).items()}
    properties = {(event.project_id, event.message_id): event.properties for event in found}
    orders = _known_orders(rows)
    judged = []
    for row in rows:
        first = orders.setdefault((row.project_id, row.order_id, row.name), row.message_id) if row.order_id else ""
        receipt = signatures.of_receipt(row.project_id, properties[row.project_id, row.message_id])
        repeated = bool(row.order_id) and first != row.message_id
        struck = of_conversion(rules.get(row.project_id, Rules()), repeated=repeated, receipt=receipt)
        judged.append(
            row._replace(
                currency=row.currency or currencies.get(row.project_id, ""),
                fraud=RawJson(orjson.dumps([one._asdict() for one in struck])),
                counted=not blocks(struck),
            )
        )
    return judged


def _known_orders(rows: Sequence[ConversionRow]) -> dict[tuple[int, str, str], str]:
    """Return the message that each order of these rows, which is there already, came with."""
    asked = [(row.project_id, row.order_id) for row in rows if row.order_id]
    if not asked:
        return {}
    cursor = raw_cursor()
    cursor.execute(KNOWN_ORDERS, ([project for project, _ in asked], [order for _, order in asked]))
    return {(project, order, name): message for project, order, name, message in cursor}


def link_to(installs: Iterable[Owner]) -> None:
    """Tie conversions to installs that came, or were found to be returns, after them."""
    by_project: dict[int, list[str]] = defaultdict(list)
    for install in installs:
        by_project[install.project_id].append(install.distinct_id)
    cursor = raw_cursor()
    for project_id, ids in by_project.items():
        same = events.same_people(project_id, ids)
        cursor.execute(OF_PEOPLE, (list({value for values in same.values() for value in values}), project_id))
        _link([Owner(*row) for row in cursor.fetchall()])


def link_waiting(*, now: datetime) -> int:
    """Try again for conversions of people whose ids were not known to be theirs yet; return how many have an install
    now. Safe to repeat."""
    projects = list(Project.objects.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(UNLINKED, [projects, now - WAITING, LINKED_AT_ONCE])
        waiting = [Owner(*row) for row in cursor.fetchall()]
    return _link(waiting)


def _link(conversions: Sequence[Owner]) -> int:
    """Tie conversions, each given by id, project and person, to installs; return how many changed."""
    by_project: dict[int, list[Owner]] = defaultdict(list)
    for one in conversions:
        by_project[one.project_id].append(one)
    linked = 0
    cursor = raw_cursor()
    for project_id, ones in by_project.items():
        same: Mapping[str, list[str]] = events.same_people(project_id, [one.distinct_id for one in ones])
        pairs = [(one.id, value) for one in ones for value in same[one.distinct_id]]
        cursor.execute(LINK, ([pk for pk, _ in pairs], [value for _, value in pairs]))
        linked += cursor.rowcount
    return linked
