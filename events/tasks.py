"""Celery's entry points of events."""

import time

from celery import shared_task
from django.utils import timezone

from events import services

# One run reads on for this long; the next beat takes over from there.
READING_S = 10.0


@shared_task(time_limit=120)
def read_log() -> int:
    """Turn new events into people and day counts; return how many stretches were read.

    Beat runs it every second. Twice at once is harmless: the log's reader is one row, locked.
    """
    until, stretches = time.monotonic() + READING_S, 0
    while time.monotonic() < until:
        stretch = services.digest()
        stretches += stretch is not None
        if stretch is None or not stretch.more:
            break
    return stretches


@shared_task(time_limit=300)
def create_partitions() -> list[str]:
    """Make the partitions of the days to come. Safe to repeat."""
    return services.create_partitions()


@shared_task(time_limit=3600)
def forget_old() -> int:
    """Delete events, refusals and message ids that are older than they are kept for. Safe to repeat."""
    return services.forget_old(timezone.now())
