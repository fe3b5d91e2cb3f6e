"""Erase a person from requests in other vendors' formats: the refused ones, and the copies that go on to the vendor."""

from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import msgspec
from django.db import connection

from events.dialects import adjust, registry, singular
from events.models import Rejected, VendorCopy

# Where the formats have ids of people and devices; an id may look like any other value, so only these are compared.
ID_FIELDS = frozenset(
    {
        "appsflyer_id", "customer_user_id", "customerUserId", "afUserId", "advertising_id", "amazon_aid",
        *adjust.DEVICE_IDS, *singular.IDS, "custom_user_id",
        "kochava_device_id", "user_id", "email", "identity_link",
        "developer_identity", "browser_fingerprint_id", "aaid",
        "distinct_id", "alias", "$user_id", "$device_id", "$anon_distinct_id",
    }
)  # fmt: skip
COPIES = """
SELECT id FROM events_vendorcopy
WHERE project_id = %s AND (position(%s::bytea IN body) > 0 OR position(%s IN query) > 0)
"""


def delete(project_id: int, ids: Collection[str]) -> None:
    """Delete refused requests and copies in which one of the ids stands for a person or device."""
    for value in ids:
        for written in {value, quote(value, safe=""), quote_plus(value), _in_json(value)}:
            _delete_refused(project_id, written, value)
            _delete_copies(project_id, written, value)


def mentions(text: str, value: str) -> bool:
    """Say whether a body or query has the id among its ids; what can't be read does when it holds the text at all."""
    if text.lstrip()[:1] in {"{", "["}:
        try:
            return value.lower() in _ids(msgspec.json.decode(text), named=False)
        except msgspec.DecodeError:
            return value in text
    return value.lower() in _ids(dict(parse_qsl(text, keep_blank_values=True)), named=False)


def _ids(found: Any, *, named: bool) -> Iterator[str]:
    """Give the values of all fields that ids are in, in lower case; `named` says that the field above is one."""
    if isinstance(found, dict):
        for name, value in found.items():
            yield from _ids(value, named=named or name.lower() in ID_FIELDS or name in ID_FIELDS)
    elif isinstance(found, list):
        for value in found:
            yield from _ids(value, named=named)
    elif named and isinstance(found, str | int):
        yield str(found).lower()


def _in_json(value: str) -> str:
    return msgspec.json.encode(value).decode()[1:-1]


def _delete_refused(project_id: int, written: str, value: str) -> None:
    rows = Rejected.objects.filter(project=project_id, body__contains=written).only("pk", "path", "body")
    gone = [row.pk for row in rows if registry.of_path(row.path) and mentions(row.body, value)]
    Rejected.objects.filter(pk__in=gone).delete()


def _delete_copies(project_id: int, written: str, value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COPIES, [project_id, written.encode(), written])
        found = [pk for (pk,) in cursor.fetchall()]
    rows = VendorCopy.objects.filter(pk__in=found).only("pk", "body", "query")
    texts = {row.pk: (bytes(row.body).decode(errors="replace"), row.query) for row in rows}
    gone = [pk for pk, parts in texts.items() if any(mentions(part, value) for part in parts if part)]
    VendorCopy.objects.filter(pk__in=gone).delete()
