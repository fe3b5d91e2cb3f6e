"""The log's only writer: rows in, each message id once, committed when the call returns.

One row is one statement. Several are two: their keys into `events_message`, which answers the new ones, then those
rows by binary COPY. Nested JSON passes through as it came.
"""

import hashlib
import socket
import struct
from collections.abc import Container, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from django.db import connection, transaction
from psycopg.adapt import Dumper
from psycopg.pq import Format

from events.payloads import RawJson

COLUMNS = (
    "project_id, message_id, type, name, user_id, anonymous_id, ts, claimed_at, received_at, clamped, ip, properties,"
    " context"
)
TYPES = [
    "int8", "varchar", "varchar", "text", "text", "text", "timestamptz", "timestamptz", "timestamptz", "bool", "inet",
    "jsonb", "jsonb",
]  # fmt: skip
ONE = f"""
WITH fresh AS (
    INSERT INTO events_message (project_id, key, received_at) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING RETURNING key
)
INSERT INTO events_event ({COLUMNS})
SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::inet, %s, %s FROM fresh
"""  # noqa: S608
KEYS = """
INSERT INTO events_message (project_id, key, received_at)
SELECT %s, key, %s FROM unnest(%s) AS key ON CONFLICT DO NOTHING
"""
NEW_KEYS = KEYS + "RETURNING uuid_send(key)"
COPY = f"COPY events_event ({COLUMNS}) FROM STDIN (FORMAT BINARY)"


class Row(NamedTuple):
    """One row of the log, as it is copied in."""

    project_id: int
    message_id: str
    type: str
    name: str | None
    user_id: str | None
    anonymous_id: str | None
    ts: datetime
    claimed_at: datetime | None
    received_at: datetime
    clamped: bool
    ip: "Inet | None"
    properties: RawJson
    context: RawJson


class Inet(bytes):
    """An address in PostgreSQL's binary form."""

    @classmethod
    def parse(cls, text: str) -> "Inet | None":
        """Return the address that `text` writes, None when it writes none."""
        try:
            if ":" not in text:
                return cls(b"\x02\x20\x00\x04" + socket.inet_pton(socket.AF_INET, text))
            packed = socket.inet_pton(socket.AF_INET6, text)
        except (OSError, ValueError):
            return None
        if packed[:12] == b"\x00" * 10 + b"\xff\xff":  # an IPv4 address in IPv6 clothes
            return cls(b"\x02\x20\x00\x04" + packed[12:])
        return cls(b"\x03\x80\x00\x10" + packed)

    def truncated(self) -> "Inet":
        """Return the network part only: /24 of IPv4, /48 of IPv6."""
        keep = 3 if self[0] == 2 else 6
        return Inet(self[:4] + self[4 : 4 + keep] + bytes(len(self) - 4 - keep))


class UuidArray(bytes):
    """A uuid[] in PostgreSQL's binary form."""

    @classmethod
    def of(cls, keys: Sequence[bytes]) -> "UuidArray":
        """Return the array of 16-byte keys: one dimension, no nulls, lower bound 1."""
        head = struct.pack(">iiIii", 1, 0, psycopg.adapters.types["uuid"].oid, len(keys), 1)
        return cls(head + b"".join([b"\x00\x00\x00\x10" + key for key in keys]))


class _RawJsonDumper(Dumper):
    format = Format.BINARY
    oid = psycopg.adapters.types["jsonb"].oid

    def dump(self, obj: RawJson) -> bytes:
        return b"\x01" + obj


class _InetDumper(Dumper):
    format = Format.BINARY
    oid = psycopg.adapters.types["inet"].oid

    def dump(self, obj: bytes) -> bytes:
        return obj


class _UuidArrayDumper(_InetDumper):
    oid = psycopg.adapters.types["uuid"].array_oid


psycopg.adapters.register_dumper(RawJson, _RawJsonDumper)
psycopg.adapters.register_dumper(Inet, _InetDumper)
psycopg.adapters.register_dumper(UuidArray, _UuidArrayDumper)


def _digest(message_id: str) -> bytes:
    return hashlib.blake2b(message_id.encode(), digest_size=16).digest()


def key_of(message_id: str) -> UUID:
    """Return the 128-bit key that stands for a message id."""
    return UUID(bytes=_digest(message_id))


def raw_cursor() -> "psycopg.Cursor[Any]":
    """Return a cursor that binds on the server and prepares, on Django's own connection."""
    connection.ensure_connection()
    return psycopg.Cursor(connection.connection)


def store(project_id: int, rows: Sequence[Row]) -> int:
    """Store `rows` of one project and commit; return how many were new.

    Safe to repeat, also at the same moment: a message id that is stored already is passed over. Raises
    psycopg.DataError, with nothing stored, when PostgreSQL can't take a value of any row.
    """
    if not rows:
        return 0
    if len(rows) == 1:
        return _store_one(project_id, rows[0])
    keyed = {_digest(row.message_id): row for row in reversed(rows)}
    # Sorted: two requests with the same ids must not wait for each other crosswise.
    parameters = (project_id, rows[0].received_at, UuidArray.of(sorted(keyed)))
    try:
        return _store_new(keyed, parameters)
    except _SomeRepeated:
        return _store_fresh(keyed, parameters)


def _store_one(project_id: int, row: Row) -> int:
    # One statement commits by itself; inside somebody's transaction a refused value must not end that.
    with transaction.atomic() if connection.in_atomic_block else nullcontext():
        cursor = raw_cursor()
        cursor.execute(ONE, (project_id, key_of(row.message_id), row.received_at, *row))
        return cursor.rowcount


class _SomeRepeated(Exception):  # noqa: N818
    """Not all keys were new; raised to undo the attempt that took them for new."""


def _store_new(keyed: dict[bytes, Row], parameters: tuple[Any, ...]) -> int:
    """Store rows that are all new, the usual case, without asking PostgreSQL which ones are."""
    with transaction.atomic():
        cursor = raw_cursor()
        cursor.execute(KEYS, parameters)
        if cursor.rowcount < len(keyed):
            raise _SomeRepeated
        _copy(cursor, keyed, keyed)
    return len(keyed)


def _store_fresh(keyed: dict[bytes, Row], parameters: tuple[Any, ...]) -> int:
    """Store those rows whose keys are new."""
    with transaction.atomic():
        cursor = raw_cursor()
        cursor.execute(NEW_KEYS, parameters)
        fresh = {bytes(key) for (key,) in cursor.fetchall()}
        if fresh:
            _copy(cursor, keyed, fresh)
    return len(fresh)


def _copy(cursor: "psycopg.Cursor[Any]", keyed: dict[bytes, Row], wanted: Container[bytes]) -> None:
    with cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for key in reversed(keyed):
            if key in wanted:
                copy.write_row(keyed[key])
