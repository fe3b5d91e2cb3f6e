"""How fast a key may send: counted in Redis for all web processes together, in windows of one second."""

import time

import redis
from django.conf import settings

from customers.keys import Caller
from growthplatform.core.errors import TooManyRequests

_redis = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
_open_again_at = 0.0


def admit(caller: Caller, events: int = 1) -> None:
    """Count a request with `events` events against its key.

    Raises TooManyRequests with the seconds to wait. While Redis is away everything passes: events matter more than
    the limit.
    """
    global _open_again_at  # noqa: PLW0603 -- one breaker for the process
    now = time.time()
    if now < _open_again_at:
        return
    allowed = caller.events_per_second or settings.INGEST_EVENTS_PER_SECOND
    name = f"rate:{caller.key_id}:{int(now)}"
    try:
        with _redis.pipeline(transaction=False) as pipe:
            sent, requests, _, _ = (
                pipe.incrby(name, events).incr(name + "r").expire(name, 3).expire(name + "r", 3).execute()
            )
    except (redis.RedisError, OSError):
        _open_again_at = now + 1
        return
    # A single batch larger than the limit passes when it is alone in its second, else it could never be sent.
    if (sent > allowed and sent > events) or requests > settings.INGEST_REQUESTS_PER_SECOND:
        raise TooManyRequests(
            f"This key may send {allowed:,} events and {settings.INGEST_REQUESTS_PER_SECOND:,} requests a second;"
            " wait and send again.",
            retry_after_s=1,
        )


def forget_limits() -> None:
    """Forget everything that was counted."""
    global _open_again_at  # noqa: PLW0603
    _open_again_at = 0.0
    for name in _redis.scan_iter("rate:*"):
        _redis.delete(name)
