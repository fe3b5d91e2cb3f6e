"""Celery's entry points of attribution."""

import time

from celery import shared_task
from django.utils import timezone

from attribution import (
    announce,
    apple_ads,
    calibration,
    conversions,
    decisions,
    installs,
    late,
    network_claims,
    replays,
    retention,
)
from attribution.appsflyer_import import working as appsflyer_files
from attribution.costs import drafts
from attribution.exports import jobs, schedules
from attribution.fraud import hourly
from attribution.postbacks import making, sending
from attribution.shadow import forwarding
from attribution.skan import receiving

# One run goes on for this long while there is work; the next beat takes over from there.
WORKING_S = 10.0


@shared_task(acks_late=True, time_limit=300)
def attribute_pending(limit: int = 5_000) -> int:
    """Take new installs from the stream and decide all that wait, `limit` at a time; return how many.

    Beat runs it every second. Twice at once is harmless: the stream's reader and each install are locked rows.
    """
    until, decided, more = time.monotonic() + WORKING_S, 0, True
    while more and time.monotonic() < until:
        _, more = installs.gather()
        late.reopen(now=timezone.now())
        number = decisions.decide_pending(limit, now=timezone.now())
        decided += number
        more = more or number == limit
    return decided


@shared_task(acks_late=True, time_limit=300)
def finish_decisions() -> int:
    """Make decisions final that no late touch may change any more; return how many. Safe to repeat."""
    return late.finish(now=timezone.now())


@shared_task(acks_late=True, time_limit=3600)
def forget_old() -> int:
    """Delete touches and installs that are older than they are kept for, and blank the signals of newer ones; return
    how many rows. Safe to repeat.
    """
    now = timezone.now()
    return retention.forget_old(now=now) + retention.forget_signals(now=now) + receiving.forget_refused(now=now)


@shared_task(acks_late=True, time_limit=300)
def forget_drafts() -> int:
    """Throw away files of spend that somebody uploaded and did not come back to; return how many."""
    return drafts.forget_drafts(timezone.now())


@shared_task(acks_late=True, time_limit=120)
def ask_apple() -> int:
    """Take the tokens of AdServices that are due to Apple; return how many. Beat runs it every two seconds.

    Safe to repeat, and one at a time.
    """
    return apple_ads.run(now=timezone.now(), working_s=WORKING_S)


@shared_task(acks_late=True, time_limit=300)
def read_meta_again() -> int:
    """Read Meta's messages of the last day with keys that are new; return how many opened. Safe to repeat."""
    return network_claims.reread_for_new_keys(now=timezone.now())


@shared_task(acks_late=True, time_limit=3600)
def watch_sources() -> int:
    """Look for sources and publishers whose clicks look wrong as a whole; return how many flags changed. Hourly."""
    return hourly.run(now=timezone.now())


@shared_task(acks_late=True, time_limit=300)
def announce_decisions() -> int:
    """Tell decisions to the stream as Install Attributed events; return how many. Safe to repeat and to run twice."""
    until, told, more = time.monotonic() + WORKING_S, 0, True
    while more and time.monotonic() < until:
        number = announce.announce(now=timezone.now())
        told += number
        more = number == announce.BATCH
    return told


@shared_task(acks_late=True, time_limit=300)
def link_conversions() -> int:
    """Tie conversions to installs of people who were not recognised at first; return how many. Safe to repeat."""
    return conversions.link_waiting(now=timezone.now())


@shared_task(acks_late=True, time_limit=6 * 3600)
def work_on_replays() -> int:
    """Go on with the replays that somebody has ordered or approved; return how many came to rest.

    Beat runs it every second. Twice at once is harmless: one replay at a time is at work, and all it has done is rows.
    """
    return sum(replays.work(pk) for pk in replays.unfinished())


@shared_task(acks_late=True, time_limit=3600)
def learn_matching() -> int:
    """Learn and measure anew how installs are matched by network, where that is a day old; return how many. Hourly."""
    return calibration.learn_all(now=timezone.now())


@shared_task(acks_late=True, time_limit=300)
def adopt_postbacks() -> int:
    """Give Apple's postbacks to the projects that have named their apps since, and forget those that nobody named;
    return how many were given. Safe to repeat and to run twice.
    """
    given = receiving.adopt_waiting()
    receiving.forget_unclaimed(now=timezone.now())
    return given


@shared_task(acks_late=True, time_limit=300)
def make_postbacks() -> int:
    """Make the messages that final decisions and conversions call for; return how many of these were looked at.

    Safe to repeat and to run twice.
    """
    until, looked, more = time.monotonic() + WORKING_S, 0, True
    while more and time.monotonic() < until:
        number = making.make(now=timezone.now())
        looked += number
        more = number > 0
    return looked


@shared_task(acks_late=True, time_limit=600)
def send_postbacks() -> int:
    """Send the messages that are due; return how many tries were made. Safe to repeat, and one at a time."""
    return sending.send_due(now=timezone.now(), working_s=WORKING_S)


@shared_task(acks_late=True, time_limit=300)
def send_vendor_copies() -> int:
    """Send the copies on that are due at other vendors; return how many. Safe to repeat and to run twice."""
    return forwarding.run(now=timezone.now(), working_s=WORKING_S)


@shared_task(acks_late=True, time_limit=3600)
def forget_vendor_copies() -> int:
    """Delete copies that have arrived or were given up long ago; return how many. Safe to repeat."""
    return forwarding.forget_old(now=timezone.now())


@shared_task(acks_late=True, time_limit=300)
def write_exports() -> bool:
    """Order what schedules are due, and start a process for exports that wait; return whether one was started.

    Beat runs it every two seconds. Twice at once is harmless: each export is taken by a lock.
    """
    schedules.run(now=timezone.now())
    return jobs.start()


@shared_task(acks_late=True, time_limit=3600)
def expire_exports() -> int:
    """Remove files of raw data whose days are over; return how many. Safe to repeat."""
    return jobs.expire(now=timezone.now())


@shared_task(acks_late=True, time_limit=6 * 3600)
def read_vendor_files() -> int:
    """Go on with the files of raw data that somebody has brought; return how many came to rest.

    Beat runs it every two seconds. Twice at once is harmless: a file is read by one worker, and all it did is rows.
    """
    return sum(appsflyer_files.work(pk) for pk in appsflyer_files.unfinished())
