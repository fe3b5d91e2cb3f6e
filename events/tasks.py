"""Celery's entry points of events."""

import time

from celery import shared_task
from django.utils import timezone

from events import repair_rules, services

# One run reads on for this long; the next beat takes over from there.
READING_S = 10.0
SEALING_S, COMPACTING_S = 60.0, 60.0
ERASING_S = 60.0
REPAIRING_S = 30.0


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


@shared_task(time_limit=900)
def seal() -> int:
    """Seal the projects that are due; return how many events. Twice at once is harmless: one works on a project."""
    return services.seal_due(timezone.now(), until=time.monotonic() + SEALING_S)


@shared_task(time_limit=3600)
def compact() -> int:
    """Make few large sealed files of many small ones. Twice at once is harmless: one works on a project."""
    return services.compact(timezone.now(), until=time.monotonic() + COMPACTING_S)


@shared_task(time_limit=3600)
def apply_merges() -> int:
    """Let sealed rows say the people of now. Twice at once is harmless: one works on a project."""
    return services.apply_merges(until=time.monotonic() + COMPACTING_S)


@shared_task(time_limit=900)
def tidy_store() -> int:
    """Remove sealed files that nobody needs and drop the log's partitions that are sealed. Safe to repeat."""
    now = timezone.now()
    return services.sweep(now) + len(services.drop_sealed(now))


@shared_task(time_limit=3600)
def erase_people() -> int:
    """Erase from sealed files the people whose erasure was asked for; return how many. Safe to repeat."""
    return services.finish_person_erasures(until=time.monotonic() + ERASING_S)


@shared_task(time_limit=300)
def repair_refused() -> int:
    """Repair refused events by their projects' rules; return how many. Twice at once is harmless: each is locked."""
    return repair_rules.work_all(until=time.monotonic() + REPAIRING_S)
