"""Messages on their way: claimed when due, sent by threads, tried again later and later, at most for a day.

At least once: a run that dies between sending and noting leaves its messages to the next one, which sends the same
content under the same key. One destination that hangs holds up no other.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

import orjson
import structlog
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from attribution import retries
from attribution.locks import alone
from attribution.models import Destination, Postback
from attribution.postbacks import credentials, signing
from attribution.postbacks.rendering import Request, with_token
from growthplatform.core import cipher, outbound
from growthplatform.core.outbound import Answer

log = structlog.get_logger(__name__)
TIMEOUT_S = 10.0
# 111 minutes by the first pauses, then 22 hours: a day.
MOST_TRIES = 28
# So many in a row open the breaker: nothing is sent for a while, then one message to see.
BREAK_AT = 10
BREAKS_S = (60, 120, 300, 600, 1_800)
AT_ONCE = 64
THREADS = 8
DESTINATIONS = 8
# A run that died leaves its messages to the next one after this long; longer than a batch of them can take.
LEASE = timedelta(seconds=AT_ONCE / THREADS * TIMEOUT_S + 60)
LOCK = "attribution.postbacks"

DUE = """
SELECT d.id FROM attribution_destination d
WHERE d.paused_at IS NULL AND d.archived_at IS NULL AND (d.broken_until IS NULL OR d.broken_until <= %(now)s)
    AND EXISTS (SELECT FROM attribution_postback p
        WHERE p.destination_id = d.id AND p.state = 'waiting' AND p.next_at <= %(now)s)
ORDER BY d.id
"""
CLAIM = """
UPDATE attribution_postback SET tries = tries + 1, next_at = %s WHERE id IN (
    SELECT id FROM attribution_postback WHERE destination_id = %s AND state = 'waiting' AND next_at <= %s
    ORDER BY next_at, id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING id, idempotency_key, tries, method, url, headers, body
"""
SETTLE = """
UPDATE attribution_postback p SET state = r.state, tries = r.tries, next_at = r.next_at, status = r.status,
    problem = r.problem, delivered_at = r.delivered_at
FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::timestamptz[], %s::int[], %s::text[], %s::timestamptz[])
    AS r(id, state, tries, next_at, status, problem, delivered_at)
WHERE p.id = r.id AND p.state = 'waiting'
"""
# Of those that are still there: a project may have been erased meanwhile.
NOTE = """
INSERT INTO attribution_postbacktry (postback_id, at, ms, status, problem, answer)
SELECT p.id, r.at, r.ms, r.status, r.problem, r.answer
FROM unnest(%s::bigint[], %s::timestamptz[], %s::int[], %s::int[], %s::text[], %s::text[])
    AS r(id, at, ms, status, problem, answer)
JOIN attribution_postback p ON p.id = r.id
"""


class Claimed(NamedTuple):
    """A message that this run sends."""

    id: int
    key: str
    tries: int
    request: Request


@dataclass(frozen=True)
class Target:
    """A destination as a batch needs it."""

    id: int
    signing: str
    token: str
    failures: int


@dataclass(frozen=True)
class Tried:
    """A message and what came of sending it; `answer` is None where the breaker opened before its turn."""

    claimed: Claimed
    at: datetime
    answer: Answer | None = None


def send_due(*, now: datetime, working_s: float) -> int:
    """Send all messages that are due, for about `working_s`; return how many tries were made.

    One run at a time. Only this thread talks to the database: others wait for the network.
    """
    with alone(LOCK) as mine:
        return _send_due(now, working_s) if mine else 0


def send_one(postback: Postback, *, timeout_s: float = TIMEOUT_S) -> Answer | None:
    """Send one waiting message now, while somebody watches; None where it is not waiting or on its way already."""
    target = target_of(postback.destination)
    now = timezone.now()
    lease = now + timedelta(seconds=timeout_s + 60)
    waiting = Postback.objects.filter(pk=postback.pk, state=Postback.State.WAITING, next_at__lte=now)
    if not waiting.update(tries=F("tries") + 1, next_at=lease):
        return None
    postback.refresh_from_db()
    request = Request(postback.method, postback.url, postback.headers, postback.body)
    tried = _try(Claimed(postback.pk, postback.idempotency_key, postback.tries, request), target, timeout_s)
    settle([tried], now=timezone.now())
    postback.refresh_from_db()
    return tried.answer


def target_of(destination: Destination) -> Target:
    """Return a destination with its secrets opened."""
    known = credentials.read(destination)
    return Target(destination.pk, known.signing, known.token, destination.failures)


def _send_due(now: datetime, working_s: float) -> int:
    until, sent = monotonic() + working_s, 0
    at_work: dict[Future[list[Tried]], Target] = {}
    with ThreadPoolExecutor(DESTINATIONS, thread_name_prefix="destination") as pool:
        while True:
            busy = {target.id for target in at_work.values()}
            if monotonic() < until:
                for target, batch in _claim_due(timezone.now() if sent else now, busy, DESTINATIONS - len(at_work)):
                    at_work[pool.submit(_send, batch, target)] = target
            if not at_work:
                return sent
            done, _ = wait(at_work, return_when=FIRST_COMPLETED)
            for future in done:
                tried = future.result()
                settle(tried, now=timezone.now())
                _judge(at_work.pop(future), tried, now=timezone.now())
                sent += sum(one.answer is not None for one in tried)


def _claim_due(now: datetime, busy: set[int], most: int) -> Iterator[tuple[Target, list[Claimed]]]:
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"now": now})
        due = [pk for (pk,) in cursor.fetchall() if pk not in busy]
    # Another order each time: with more destinations than places, none waits for ever.
    random.shuffle(due)
    for destination in Destination.objects.filter(pk__in=due[:most]):
        try:
            target = target_of(destination)
        except cipher.Unreadable:
            log.exception("destination_unreadable", destination=destination.pk)
            _open_breaker(destination, now)
            continue
        number = 1 if destination.failures >= BREAK_AT else AT_ONCE
        if claimed := _claim(destination.pk, now, number):
            yield target, claimed


def _claim(destination_id: int, now: datetime, number: int) -> list[Claimed]:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [now + LEASE, destination_id, now, number])
        rows = cursor.fetchall()
    return [
        Claimed(pk, key, tries, Request(method, url, orjson.loads(headers), body))
        for pk, key, tries, method, url, headers, body in sorted(rows)
    ]


def _send(batch: Sequence[Claimed], target: Target) -> list[Tried]:
    """Send the messages of one destination by several threads, until the breaker opens."""
    lock, in_a_row = Lock(), [target.failures]

    def work(claimed: Claimed) -> Tried:
        if in_a_row[0] >= BREAK_AT and len(batch) > 1:
            return Tried(claimed, timezone.now())
        tried = _try(claimed, target, TIMEOUT_S)
        with lock:
            in_a_row[0] = 0 if tried.answer and tried.answer.ok else in_a_row[0] + 1
        return tried

    if len(batch) == 1:
        return [work(batch[0])]
    with ThreadPoolExecutor(min(THREADS, len(batch)), thread_name_prefix="postback") as pool:
        return list(pool.map(work, batch))


def _try(claimed: Claimed, target: Target, timeout_s: float) -> Tried:
    at = timezone.now()
    request = with_token(claimed.request, target.token)
    body = request.body.encode()
    key = original_key(claimed.key)
    headers = {**request.headers, "Idempotency-Key": key}
    if target.signing:
        headers |= signing.headers(target.signing, key, int(at.timestamp()), request.url, body)
    answer = outbound.request(request.method, request.url, headers, body, timeout_s)
    if target.token:
        answer = replace(answer, head=_hidden(answer.head, target), problem=_hidden(answer.problem, target))
    return Tried(claimed, at, answer)


def original_key(key: str) -> str:
    """Return the key that a message is sent under: one that is sent again by hand keeps that of the first."""
    return key.partition("+")[0]


def _hidden(text: str, target: Target) -> str:
    """Leave the token out of what is kept of an answer."""
    return text.replace(target.token, "{token}")


def settle(tried: Iterable[Tried], *, now: datetime) -> None:
    """Write down what came of messages: delivered, when to try again, or given up."""
    rows = [_outcome(one, now) for one in tried]
    notes = [
        (one.claimed.id, one.at, one.answer.ms, one.answer.status, one.answer.problem[:300], one.answer.head)
        for one in tried
        if one.answer
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SETTLE, [list(column) for column in zip(*rows, strict=True)])
        if notes:
            cursor.execute(NOTE, [list(column) for column in zip(*notes, strict=True)])


def _outcome(one: Tried, now: datetime) -> tuple[Any, ...]:
    pk, tries, answer = one.claimed.id, one.claimed.tries, one.answer
    waiting = Postback.State.WAITING.value
    if answer is None:
        return pk, waiting, tries - 1, now, None, "Not tried: the destination has failed too often in a row.", None
    if answer.ok:
        return pk, Postback.State.DELIVERED.value, tries, now, answer.status, "", now
    problem = answer.problem[:300]
    if tries >= MOST_TRIES:
        return pk, Postback.State.FAILED.value, tries, now, answer.status, problem, None
    return pk, waiting, tries, now + retries.pause_after(tries, answer.retry_after_s), answer.status, problem, None


def _judge(target: Target, tried: Sequence[Tried], *, now: datetime) -> None:
    """Count a destination's failures in a row, and open or close its breaker."""
    failures = target.failures
    for one in tried:
        if one.answer:
            failures = 0 if one.answer.ok else failures + 1
    if failures == target.failures == 0:
        return
    broken_until = None
    if failures >= BREAK_AT:
        # Of those that were on their way together when it opened, only the first so many count.
        failures = failures if target.failures >= BREAK_AT else BREAK_AT
        broken_until = now + timedelta(seconds=BREAKS_S[min(failures - BREAK_AT, len(BREAKS_S) - 1)])
    Destination.objects.filter(pk=target.id).update(failures=failures, broken_until=broken_until)


def _open_breaker(destination: Destination, now: datetime) -> None:
    rows = Destination.objects.filter(pk=destination.pk)
    rows.update(failures=max(destination.failures, BREAK_AT), broken_until=now + timedelta(seconds=BREAKS_S[-1]))
