"""How fast a key may send: counted in windows of one second, in Redis for all web processes together.

Each process counts for itself and tells Redis ten times a second at the most: a busy key costs no round trip a request,
and may overrun its limit by what the other processes take in a tenth of a second.
"""

import threading
import time
from dataclasses import dataclass

import redis
from django.conf import settings

from customers.keys import Caller
from growthplatform.core.errors import TooManyRequests

SYNC_S = 0.1
PAUSE_S = 1.0

_redis = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
_lock = threading.Lock()
_away_until = 0.0


@dataclass(slots=True)
class Window:
    """What one key sent in one second: `…_here` not told to Redis yet, the others as Redis answered last."""

    second: int
    synced_at: float = 0.0
    events: int = 0
    requests: int = 0
    events_here: int = 0
    requests_here: int = 0


_windows: dict[int, Window] = {}


def admit(caller: Caller, events: int = 1) -> None:
    """Count a request with `events` events against its key.

    Raises TooManyRequests with the seconds to wait. While Redis is away each process judges by its own count: events
    matter more than the limit.
    """
    allowed = caller.events_per_second or settings.INGEST_EVENTS_PER_SECOND
    now = time.time()
    with _lock:
        window = _windows.get(caller.key_id)
        if window is None or window.second != int(now):
            window = _windows[caller.key_id] = Window(int(now))
        sent = window.events + window.events_here + events
        requests = window.requests + window.requests_here + 1
        # A single batch larger than the limit passes when it is alone in its second, else it could never be sent.
        refused = (sent > allowed and sent > events) or requests > settings.INGEST_REQUESTS_PER_SECOND
        if not refused:
            window.events_here += events
            window.requests_here += 1
        if now - window.synced_at >= SYNC_S:
            _tell(caller.key_id, window, now)
    if refused:
        raise TooManyRequests(
            f"This key may send {allowed:,} events and {settings.INGEST_REQUESTS_PER_SECOND:,} requests a second;"
            " wait and send again.",
            retry_after_s=1,
        )


def _tell(key_id: int, window: Window, now: float) -> None:
    global _away_until  # noqa: PLW0603
    window.synced_at = now
    if now < _away_until:
        return
    name = f"rate:{key_id}:{window.second}"
    try:
        with _redis.pipeline(transaction=False) as pipe:
            pipe.incrby(name, window.events_here)
            pipe.incrby(name + ":requests", window.requests_here)
            pipe.expire(name, 3)
            pipe.expire(name + ":requests", 3)
            window.events, window.requests, *_ = pipe.execute()
    except (redis.RedisError, OSError):
        _away_until = now + PAUSE_S
        return
    window.events_here = window.requests_here = 0


def forget_limits() -> None:
    """Forget everything that was counted."""
    global _away_until  # noqa: PLW0603
    _away_until = 0.0
    _windows.clear()
    for name in _redis.scan_iter("rate:*"):
        _redis.delete(name)
