"""What took long to count is kept for a while, so that a page that many look at is counted once."""

import time
from collections.abc import Callable
from typing import TypeVar

from django.core.cache import cache
from redis.exceptions import RedisError

from customers.models import Project

T = TypeVar("T")
# What is counted faster than this is always counted anew.
CHEAP_S = 0.02
# Kept for so many times as long as the counting took: at most a thirtieth of the time is spent on counting.
RATIO = 30
MOST_S = 60


def remembered(project: Project, key: str, count: Callable[[], T], *, least_s: float = 3.0) -> T:
    """Return what `count` returned a moment ago, or count and keep it for `least_s` seconds or longer.

    `key` says all that the result depends on besides the project. Without Redis it counts each time.
    """
    # The moment of creation is part of the key: numbers of projects may come again, as after a restore.
    full_key = f"counted:{project.pk}:{project.created_at.timestamp()}:{project.time_zone}:{key}"
    try:
        known: T | None = cache.get(full_key)
    except RedisError:
        return count()
    if known is not None:
        return known
    started = time.perf_counter()
    found = count()
    took_s = time.perf_counter() - started
    if took_s >= CHEAP_S:
        _keep(full_key, found, min(MOST_S, max(least_s, took_s * RATIO)))
    return found


def _keep(key: str, value: object, seconds: float) -> None:
    try:
        cache.set(key, value, seconds)
    except RedisError:
        return
