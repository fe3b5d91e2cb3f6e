"""What a request of PostHog's clients holds: JSON, bare or inside a form, base64 or gzip. Plain Python.

They were written over ten years: one event, a list of events, a batch; the key at the top, in each event, or in its
properties; packed without a header that says so.
"""

import base64
import binascii
import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from events.bodies import GZIP, inflate, unpack
from events.ingest import Unreadable
from growthplatform.core.errors import Problem

SINGLE_BYTES, BATCH_BYTES = 2 * 1024 * 1024, 20 * 1024 * 1024
KEY_CHARS = 64
ZLIB, ZSTD = {b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda"}, b"\x28\xb5\x2f\xfd"
_KEY = re.compile(rb'"(?:api_key|\$?token)"\s*:\s*"([^"\\\s]{1,100})"')
_BASE64 = re.compile(rb"[A-Za-z0-9+/=_\s-]+")


class KeyRefused(Problem):
    """No key, two keys, or one that can't be a project's; the message is PostHog's own."""

    status = 401
    code = "invalid_key"


class Request(NamedTuple):
    """One request read: its events as they were sent, each an object or not."""

    events: list[Any]
    sent_at: object = None
    historical: bool = False


class _Properties(msgspec.Struct):
    token: str = ""


class _Keyed(msgspec.Struct):
    """What says whose a request or an event is; all else is passed over."""

    api_key: str = ""
    token: str = ""
    dollar_token: str = msgspec.field(default="", name="$token")
    properties: _Properties | msgspec.UnsetType = msgspec.UNSET
    batch: msgspec.Raw = msgspec.Raw()

    def key(self) -> str:
        inside = self.properties.token if isinstance(self.properties, _Properties) else ""
        return (self.api_key or self.token or self.dollar_token or inside).strip()


_one = msgspec.json.Decoder(_Keyed)
_many = msgspec.json.Decoder(list[_Keyed])
_any = msgspec.json.Decoder()


def unwrapped(query: str, body: bytes) -> bytes:
    """Return the JSON of a request whose gzip, if it had any, is off already.

    Raises Unreadable for what is neither JSON nor packed JSON, BodyTooLarge, InvalidGzip.
    """
    if body[:1] in {b"{", b"["} and "data=" not in query:
        return body
    if body[:2] in ZLIB or body[:4] == ZSTD:
        return _unpacked(body)
    asked = dict(parse_qsl(query, keep_blank_values=True))
    data: bytes = asked.get("data", "").encode() or body.strip()
    form: dict[str, str] = {}
    if data[:1] not in {b"{", b"["} and _is_form(data):
        # base64 has "+", which a form means as a space where its sender did not escape it.
        form = dict(parse_qsl(data.decode(errors="replace"), keep_blank_values=True))
        data = form.get("data", "").encode()
    if not data:
        raise Unreadable("empty_batch", "The request holds no event.")
    if (form.get("compression") or asked.get("compression", "")).startswith("lz"):
        raise Unreadable("unsupported_compression", "lz-string packing of clients before 2021 is not read: use gzip.")
    return _unpacked(data)


def _is_form(data: bytes) -> bool:
    return re.match(rb"(?:[\w.]+=[^&]*&)*data=", data[:200]) is not None


def _unpacked(data: bytes) -> bytes:
    if data[:2] in ZLIB:
        return inflate(data, BATCH_BYTES)
    if data[:4] == ZSTD:
        raise Unreadable("unsupported_compression", "zstd is not read: use gzip.")
    if data[:1] not in {b"{", b"["} and data[:2] != GZIP:
        if not _BASE64.fullmatch(data):
            raise Unreadable("invalid_json", "The body is not JSON, nor base64 or gzip of it.")
        plain = re.sub(rb"[\s-]", b"+", data).replace(b"_", b"/").rstrip(b"=")
        try:
            data = base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
        except binascii.Error as wrong:
            raise Unreadable("invalid_base64", f"The body is not valid base64: {wrong}.") from None
    return unpack(data, BATCH_BYTES) if data[:2] == GZIP else data


def key_of(text: bytes, query: str) -> str:
    """Return the key that a request came with. Raises KeyRefused in PostHog's words."""
    try:
        keys = _keys_in(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Also a body that can't be read may say whose it is, so that it is kept for its owner.
        keys = {found.decode(errors="replace") for found in _KEY.findall(text[:65_536])[:1]}
    if not keys:
        asked = dict(parse_qsl(query))
        keys = {asked.get("token") or asked.get("api_key") or ""} - {""}
    if not keys:
        raise KeyRefused("event submitted without an api_key")
    if len(keys) > 1:
        raise KeyRefused("batch submitted with inconsistent api_key values", code="inconsistent_keys")
    return checked(keys.pop())


def _keys_in(text: bytes) -> set[str]:
    if text[:1] == b"[":
        return {one.key() for one in _many.decode(text)} - {""}
    whole = _one.decode(text)
    if whole.key() or not bytes(whole.batch):
        return {whole.key()} - {""}
    return {one.key() for one in _many.decode(whole.batch)} - {""}


def checked(key: str) -> str:
    """Return a key that may be a project's. Raises KeyRefused in PostHog's words."""
    wrong = {
        "too_long": len(key) > KEY_CHARS,
        "not_ascii": not key.isascii(),
        "personal_api_key": key.startswith("phx_"),
        "null_byte": "\x00" in key,
    }
    for reason, is_so in wrong.items():
        if is_so:
            raise KeyRefused(f"API key is not valid: {reason}")
    return key


def read(text: bytes, query: str) -> Request:
    """Return the events of a request. Raises Unreadable for what is not JSON, or holds no event."""
    try:
        found = _any.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Unreadable("invalid_json", f"The body is not valid JSON: {wrong}.") from None
    request = Request([found])
    if isinstance(found, list):
        request = Request(found)
    elif isinstance(found, dict) and isinstance(found.get("batch"), list):
        request = Request(found["batch"], found.get("sent_at"), found.get("historical_migration") is True)
    if not request.events:
        raise Unreadable("empty_batch", "The request holds no event.")
    return request if request.sent_at else request._replace(sent_at=_sent_at_in(query))


def _sent_at_in(query: str) -> int | None:
    """Return the milliseconds that browsers put into the address; seconds, of clients long gone, tell nothing."""
    asked = dict(parse_qsl(query)) if "_=" in query or "sent_at=" in query else {}
    text = asked.get("sent_at") or asked.get("_") or ""
    return int(text) if text.isascii() and text.isdigit() and 12 <= len(text) <= 14 else None
