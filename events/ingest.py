"""From a request's bytes to rows of the log and refusals: the way every event takes, whoever sends it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import psycopg
from django.utils import timezone
from msgspec import Raw

from customers.services import Caller
from events import clock, metrics, payloads, rejections
from events.payloads import Call, Item, RawJson, Refusal, Refused
from events.store import Inet, Row, store
from growthplatform.core.errors import Problem


class Receipt(NamedTuple):
    """What became of the events of one request."""

    stored: int
    repeated: int
    refused: list[Refusal]


class Unreadable(Problem):
    """A body of which no event can be read."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, code=code)


class EventsRefused(Problem):
    """At least one event of a request was not taken; the others are stored."""

    code = "events_refused"

    def __init__(self, receipt: Receipt) -> None:
        first = receipt.refused[0]
        self.receipt = receipt
        self.status = 400
        super().__init__(
            first.message if len(receipt.refused) == 1 else f"{len(receipt.refused)} events refused: {first.message}",
            code=first.code,
            detail={
                "stored": receipt.stored,
                "repeated": receipt.repeated,
                "refused": [refusal.public() for refusal in receipt.refused[:100]],
            },
        )


class Parsed(NamedTuple):
    """The calls of one request with their places in it, and what could not be read."""

    calls: list[tuple[int, Call, bytes]]
    sent_at: datetime | None
    refused: list[Refusal]
    write_key: str = ""


def parse_batch(body: bytes) -> Parsed:
    """Read a batch. One wrong event does not spoil the others. Raises Unreadable."""
    try:
        batch = payloads.batch_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _parse_loosely(body)
    if bytes(batch.context) or len(batch.batch) > payloads.BATCH_EVENTS:
        return _parse_loosely(body)
    try:
        calls = [(index, payloads.check(item, None), b"") for index, item in enumerate(batch.batch)]
    except Refused:
        return _parse_loosely(body)  # which keeps of a refused event all that came, also members unknown to us
    return Parsed(calls, batch.sentAt, [], batch.writeKey or "")


def _parse_loosely(body: bytes) -> Parsed:
    try:
        batch = payloads.loose_batch_decoder.decode(body)
    except msgspec.ValidationError:
        message = 'The body must be an object with "batch": a list of calls.'
        raise Unreadable("invalid_batch", message) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Unreadable("invalid_json", f"The body is not valid JSON: {wrong}.") from None
    calls: list[tuple[int, Call, bytes]] = []
    refused = []
    shared = _of_the_batch(batch.context, "context")
    for index, raw in enumerate(batch.batch[: payloads.BATCH_EVENTS]):
        text = bytes(raw)
        try:
            if len(text) > payloads.EVENT_BYTES:
                raise payloads.too_large()
            call = payloads.check(payloads.read_item(text), None)
            if isinstance(shared, dict):
                call.context = payloads.merged(call.context, shared)
            calls.append((index, call, text))
        except Refused as why:
            refused.append(Refusal(index, why.code, why.message, why.field, text))
    refused += payloads.refuse_beyond(batch.batch, payloads.BATCH_EVENTS, code="too_many_events", things="events")
    sent_at, write_key = clock.parse(_of_the_batch(batch.sentAt, "sentAt")), _of_the_batch(batch.writeKey, "writeKey")
    return Parsed(calls, sent_at, refused, write_key if isinstance(write_key, str) else "")


def _of_the_batch(raw: Raw, field: str) -> Any:
    """Return a member of the batch itself, None where it is missing. Raises Unreadable for what can't be decoded."""
    try:
        return msgspec.json.decode(raw) if bytes(raw) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Unreadable("invalid_json", f"{field}: is not valid JSON: {wrong}.") from None


def parse_single(body: bytes, kind: str | None) -> Parsed:
    """Read one call of the given kind, or of the one it names itself. Raises Unreadable for what is not JSON at all."""
    write_key = ""
    try:
        if len(body) > payloads.EVENT_BYTES + 1024:
            raise payloads.too_large()
        item = payloads.read_item(body)
        write_key = item.writeKey or ""
        return Parsed([(0, payloads.check(item, kind), body)], item.sentAt, [], write_key)
    except Refused as why:
        if why.code == "invalid_json":
            raise Unreadable(why.code, why.message) from None
        return Parsed([], None, [Refusal(0, why.code, why.message, why.field, body)], write_key or _key_in(body))


def _key_in(body: bytes) -> str:
    """Return the write key inside a call that could not be taken, else ""."""
    try:
        return payloads.key_decoder.decode(body).writeKey
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def accept(
    caller: Caller,
    parsed: Parsed,
    *,
    path: str,
    peer_ip: str = "",
    received_at: datetime | None = None,
    keep_refused: bool = True,
) -> Receipt:
    """Store what was read, keep what was refused for its owner; both are committed when this returns.

    `peer_ip` is the address of the person's device where the sender is one, else empty. Safe to repeat.
    """
    received_at = received_at or timezone.now()
    refused = list(parsed.refused)
    rows: list[Row] = []
    places: list[tuple[int, bytes]] = []
    peer = Inet.parse(peer_ip) if peer_ip else None
    for index, call, body in parsed.calls:
        try:
            rows.append(_row(caller, call, parsed.sent_at or call.sent_at, received_at, peer))
            places.append((index, body))
        except Refused as why:
            refused.append(Refusal(index, why.code, why.message, why.field, body or _rebuilt(call)))
    stored, unstorable = _store(caller.project_id, rows, places, parsed.calls)
    refused += unstorable
    refused.sort()
    if refused and keep_refused:
        rejections.keep(caller.project_id, path, refused, parsed.sent_at, received_at)
    receipt = Receipt(stored, len(rows) - len(unstorable) - stored, refused)
    metrics.STORED.inc(receipt.stored)
    metrics.REPEATED.inc(receipt.repeated)
    metrics.REFUSED.inc(len(refused))
    return receipt


def _row(caller: Caller, call: Call, sent_at: datetime | None, received_at: datetime, peer: Inet | None) -> Row:
    if sent_at is not None and sent_at.tzinfo is None:
        sent_at = clock.aware(sent_at)
    ts, clamped = clock.correct(call.claimed_at, sent_at, received_at)
    if caller.retention_days and (received_at - ts).days > caller.retention_days:
        raise Refused(
            "too_old", f"timestamp: older than the {caller.retention_days} days this project keeps.", "timestamp"
        )
    context, ip = call.context, peer
    if context.find(b'"ip"') >= 0:
        ip = _claimed_ip(context) or peer
    if caller.ip_policy != "full":
        context, ip = _without_ip(context), ip.truncated() if ip and caller.ip_policy == "truncated" else None
    return Row(
        caller.project_id, call.message_id, call.type, call.name, call.user_id, call.anonymous_id, ts, call.claimed_at,
        received_at, clamped, ip, call.properties, context,
    )  # fmt: skip


def _claimed_ip(context: bytes) -> Inet | None:
    raw = bytes(payloads.context_ip_decoder.decode(context).ip)
    return Inet.parse(raw[1:-1].decode()) if raw[:1] == b'"' else None


def _without_ip(context: RawJson) -> RawJson:
    if context.find(b'"ip"') < 0:
        return context
    plain = msgspec.json.decode(context)
    plain.pop("ip", None)
    return RawJson(msgspec.json.encode(plain))


def _store(
    project_id: int, rows: Sequence[Row], places: Sequence[tuple[int, bytes]], calls: Iterable[tuple[int, Call, bytes]]
) -> tuple[int, list[Refusal]]:
    """Store all rows at once; when PostgreSQL can't take a value, each by itself, refusing only those it can't."""
    try:
        return store(project_id, rows), []
    except psycopg.DataError as wrong:
        if len(rows) == 1:
            index, body = places[0]
            call = next(call for place, call, _ in calls if place == index)
            reason = str(wrong).splitlines()[0]
            message = f"A value can't be stored: {reason}."
            return 0, [Refusal(index, "invalid_value", message, "", body or _rebuilt(call))]
    calls = list(calls)
    results = [_store(project_id, [row], [place], calls) for row, place in zip(rows, places, strict=True)]
    return sum(stored for stored, _ in results), [refusal for _, refusals in results for refusal in refusals]


def _rebuilt(call: Call) -> bytes:
    """Return the JSON of a call whose own bytes were not kept on the fast way."""
    item = Item(
        type=call.type,
        event=call.name if call.type == "track" else None,
        name=call.name if call.type in {"page", "screen"} else None,
        groupId=call.name if call.type == "group" else None,
        previousId=call.name if call.type == "alias" else None,
        userId=call.user_id,
        anonymousId=call.anonymous_id,
        messageId=call.message_id,
        timestamp=call.claimed_at,
        context=Raw(call.context),
    )
    if call.type in {"identify", "group"}:
        item.traits = Raw(call.properties)
    else:
        item.properties = Raw(call.properties)
    return payloads.compact(item)
