"""Segment's wire format, and what of it is checked before a row is made.

Nested values stay raw JSON (msgspec.Raw): they are checked for form, size, depth and NUL, and never decoded.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

import msgspec
from msgspec import Raw

from events import clock

EVENT_BYTES = 32 * 1024
BATCH_BYTES = 500 * 1024
BATCH_EVENTS = 2_500
MESSAGE_ID_CHARS = 100
ID_CHARS = 512
NAME_CHARS = 256
DEPTH = 64

Id = str | int | float | None


class Item(msgspec.Struct, gc=False):
    """One call. Ids may be numbers, as many senders have them; they are kept as text."""

    type: str | None = None
    event: str | None = None
    name: str | None = None
    userId: Id = None  # noqa: N815 -- the wire's names
    anonymousId: Id = None  # noqa: N815
    groupId: Id = None  # noqa: N815
    previousId: Id = None  # noqa: N815
    messageId: str | None = None  # noqa: N815
    timestamp: datetime | None = None
    sentAt: datetime | None = None  # noqa: N815
    originalTimestamp: datetime | None = None  # noqa: N815
    category: str | None = None
    properties: Raw = Raw()
    traits: Raw = Raw()
    context: Raw = Raw()
    writeKey: str | None = None  # noqa: N815


class Batch(msgspec.Struct, gc=False):
    batch: list[Item]
    sentAt: datetime | None = None  # noqa: N815
    context: Raw = Raw()
    writeKey: str | None = None  # noqa: N815


class LooseBatch(msgspec.Struct):
    """A batch of which at least one part is wrong: each event is then read by itself."""

    batch: list[Raw]
    sentAt: msgspec.Raw = Raw()  # noqa: N815
    context: Raw = Raw()
    writeKey: Raw = Raw()  # noqa: N815


class OnlyTraits(msgspec.Struct):
    traits: Raw = Raw()


class OnlyIp(msgspec.Struct):
    ip: Raw = Raw()


class OnlyKey(msgspec.Struct):
    writeKey: str = ""  # noqa: N815


class Refusal(NamedTuple):
    """Why one event of a request was not taken."""

    place: int
    code: str
    message: str
    field: str
    body: bytes

    def public(self) -> dict[str, object]:
        return {"index": self.place, "field": self.field, "code": self.code, "message": self.message}


class Refused(Exception):  # noqa: N818
    """One event can't be taken, and why."""

    def __init__(self, code: str, message: str, field: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.field = code, message, field


class RawJson(bytes):
    """JSON text that goes into a jsonb column without being decoded."""


class Call(msgspec.Struct, gc=False):
    """A call that passed: the columns of a row, before clocks and addresses."""

    message_id: str
    type: str
    name: str | None
    user_id: str | None
    anonymous_id: str | None
    claimed_at: datetime | None
    sent_at: datetime | None
    properties: RawJson
    context: RawJson


EMPTY = RawJson(b"{}")
TYPES = frozenset({"track", "identify", "page", "screen", "group", "alias"})
# The short addresses that the browser library uses.
KINDS = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias"}


def _text(value: Id, field: str) -> str | None:
    if value is None or value == "":
        return None
    text = value if isinstance(value, str) else str(value)
    if len(text) > ID_CHARS:
        raise Refused("invalid_field", f"{field}: longer than {ID_CHARS} characters.", field)
    if "\x00" in text:
        raise Refused("nul_character", f"{field}: holds a NUL character, which can't be stored.", field)
    return text


def _object(raw: Raw, field: str) -> RawJson:
    """Return raw JSON that is an object, of bounded depth, without NUL, in valid UTF-8."""
    value = RawJson(raw)
    if len(value) < 5 and value in {b"", b"null"}:
        return EMPTY
    if value[0] != 123:  # "{"
        raise Refused("not_an_object", f"{field}: must be an object, like {{}}.", field)
    if value.find(b"\\u0000") >= 0 and _holds_nul(value):
        raise Refused("nul_character", f"{field}: holds a NUL character, which can't be stored.", field)
    if value.count(b"{") + value.count(b"[") > DEPTH and _depth(value) > DEPTH:
        raise Refused("too_deep", f"{field}: nested deeper than {DEPTH} levels.", field)
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError:
            raise Refused("invalid_utf8", f"{field}: is not valid UTF-8.", field) from None
    return value


def _holds_nul(value: bytes) -> bool:
    """Tell a real \\u0000 from an escaped backslash before u0000."""
    return b"\\u0000" in value.replace(b"\\\\", b"")


def _depth(value: bytes) -> int:
    deepest = depth = 0
    inside = escaped = False
    for byte in value:
        if escaped:
            escaped = False
        elif inside:
            escaped, inside = byte == 92, byte != 34
        elif byte == 34:
            inside = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _traits_in(context: bytes) -> RawJson:
    """Return the traits inside the context of an identify call, where RudderStack's libraries put them."""
    traits = bytes(_context_traits.decode(context).traits)
    return RawJson(traits) if traits.startswith(b"{") else EMPTY


def check(item: Item, kind: str | None) -> Call:
    """Return the call that `item` is; `kind` is the call's type where the address says it, else the item's own.

    Raises Refused with code, sentence and field.
    """
    kind = kind or item.type
    if kind not in TYPES:
        raise Refused("invalid_type", "type: must be track, identify, page, screen, group or alias.", "type")
    user_id = None if item.userId is None else _text(item.userId, "userId")
    anonymous_id = None if item.anonymousId is None else _text(item.anonymousId, "anonymousId")
    if user_id is None and anonymous_id is None:
        raise Refused("missing_id", "userId: either userId or anonymousId is needed.", "userId")
    message_id = item.messageId or uuid4().hex
    if len(message_id) > MESSAGE_ID_CHARS or "\x00" in message_id:
        raise Refused("invalid_message_id", f"messageId: at most {MESSAGE_ID_CHARS} characters, no NUL.", "messageId")
    field = "traits" if kind in {"identify", "group"} else "properties"
    details, context = (
        _object(item.traits if field == "traits" else item.properties, field),
        _object(item.context, "context"),
    )
    if len(details) + len(context) > EVENT_BYTES:
        raise too_large()
    if kind == "identify" and details == b"{}" and context.find(b'"traits"') >= 0:
        details = _traits_in(context)
    if item.category and field == "properties":
        details = merged(details, {"category": item.category})
    claimed_at = item.timestamp or item.originalTimestamp
    if claimed_at is not None:
        if claimed_at.tzinfo is None:
            claimed_at = clock.aware(claimed_at)
        if claimed_at < clock.EARLIEST:
            raise invalid_time("timestamp")
    return Call(
        message_id,
        kind,
        _name(item, kind),
        user_id,
        anonymous_id,
        claimed_at,
        item.sentAt,
        details,
        context,
    )


def _name(item: Item, kind: str) -> str | None:
    match kind:
        case "track":
            if not item.event:
                raise Refused("missing_event", "event: a track call needs the name of the event.", "event")
            name = item.event
        case "group":
            name = _text(item.groupId, "groupId") or ""
            if not name:
                raise Refused("missing_group", "groupId: a group call needs it.", "groupId")
        case "alias":
            name = _text(item.previousId, "previousId") or ""
            if not name or item.userId in {None, ""}:
                raise Refused("missing_id", "previousId: an alias call needs previousId and userId.", "previousId")
            return name
        case "page" | "screen":
            name = item.name or ""
        case _:
            return None
    if len(name) > NAME_CHARS or "\x00" in name:
        raise Refused("invalid_name", f"event: a name has at most {NAME_CHARS} characters and no NUL.", "event")
    return name or None


def too_large() -> Refused:
    return Refused("event_too_large", f"An event may have {EVENT_BYTES // 1024} KB; this one is larger.", "")


def refuse_beyond(batch: Sequence[Raw], limit: int, *, code: str, things: str) -> Iterator[Refusal]:
    """Refuse what a batch has beyond `limit`, in batches to replay: thousands must not make as many rows."""
    start = limit
    while start < len(batch):
        end, size = start, 0
        while end < len(batch) and (end == start or size + len(bytes(batch[end])) < EVENT_BYTES):
            size += len(bytes(batch[end])) + 1
            end += 1
        body = b'{"batch":[' + b",".join(bytes(raw) for raw in batch[start:end]) + b"]}"
        message = f"A batch may have {limit:,} {things}; the {end - start:,} from place {start} on were not taken."
        yield Refusal(start, code, message, "batch", body)
        start = end


def invalid_time(field: str) -> Refused:
    return Refused(
        "invalid_timestamp", f"{field}: must be a time since 2000 in ISO 8601, like 2026-11-20T10:38:42Z.", field
    )


def merged(raw: bytes, more: dict[str, object]) -> RawJson:
    """Return the raw object with the members of `more` added where it has none of that name."""
    return RawJson(msgspec.json.encode({**more, **msgspec.json.decode(raw)}))


_item = msgspec.json.Decoder(Item)
_context_traits = msgspec.json.Decoder(OnlyTraits)
context_ip_decoder = msgspec.json.Decoder(OnlyIp)
key_decoder = msgspec.json.Decoder(OnlyKey)
batch_decoder = msgspec.json.Decoder(Batch)
loose_batch_decoder = msgspec.json.Decoder(LooseBatch)
_any = msgspec.json.Decoder()
TIMES = ("timestamp", "sentAt", "originalTimestamp")


def read_item(body: bytes | Raw) -> Item:
    """Read one event, forgiving times in other forms than RFC 3339. Raises Refused."""
    try:
        return _item.decode(body)
    except msgspec.ValidationError as wrong:
        first = str(wrong)
    except RecursionError:
        raise Refused("too_deep", f"Nested deeper than {DEPTH} levels.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise Refused("invalid_json", f"Not valid JSON: {wrong}.") from None
    return _read_loosely(body, first)


def _read_loosely(body: bytes | Raw, first: str) -> Item:
    try:
        plain = _any.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Refused("invalid_json", f"Not valid JSON: {wrong}.") from None
    if not isinstance(plain, dict):
        raise Refused("not_an_object", "An event must be an object, like {}.")
    for field in TIMES:
        if plain.get(field) is not None and (plain_time := clock.parse(plain[field])) is None:
            if field != "sentAt":
                raise invalid_time(field)
            plain[field] = None
        elif plain.get(field) is not None:
            plain[field] = plain_time
    try:
        return _item.decode(msgspec.json.encode(plain))
    except msgspec.ValidationError as wrong:
        text = str(wrong)
        field = re.split(r"[.\[`]", text.rpartition("`$.")[2], maxsplit=1)[0] if "`$." in text else ""
        raise Refused("invalid_field", f"{field}: {text.partition(' - at')[0]}.".removeprefix(": "), field) from None
    except msgspec.DecodeError:
        raise Refused("invalid_json", f"Not valid: {first}.") from None


def compact(item: Item) -> bytes:
    """Return the JSON of `item` without the members it does not have."""
    members = {name: getattr(item, name) for name in item.__struct_fields__}
    return msgspec.json.encode({name: value for name, value in members.items() if value is not None and value != Raw()})
