"""Jobs that take more than one app: the house project hears of sign-ups, deleted projects are erased."""

import time
from datetime import UTC
from typing import Any

import structlog
from celery import shared_task
from django.utils import timezone

from analytics.erasure import erase as erase_analytics
from attribution.erasure import erase as erase_attribution
from customers import services as customers
from customers.models import Deletion, SignUp
from events import services as events

log = structlog.get_logger(__name__)
# One run of erasing goes on for this long; the next beat takes over from there.
ERASING_S = 50.0


def calls_of(sign_up: SignUp) -> list[dict[str, Any]]:
    """Say a sign-up in the calls any customer would send: who it is, and what they did."""
    user = sign_up.user
    at = sign_up.created_at.astimezone(UTC).isoformat(timespec="milliseconds")
    shared: dict[str, Any] = {"userId": str(user.pk), "timestamp": at}
    if sign_up.anonymous_id:
        shared["anonymousId"] = sign_up.anonymous_id
    # The ids follow from the row, so that a run broken off after storing tells nothing twice.
    return [
        {
            **shared,
            "type": "identify",
            "messageId": f"sign-up-{sign_up.pk}-identify",
            "traits": {"email": user.email, "createdAt": at},
        },
        {
            **shared,
            "type": "track",
            "event": "Signed Up",
            "messageId": f"sign-up-{sign_up.pk}",
            "properties": {"invited": sign_up.invited},
        },
    ]


@shared_task(acks_late=True, time_limit=60)
def record_sign_ups(limit: int = 500) -> int:
    """Tell the house project of new accounts; return of how many.

    Beat runs it every few seconds. Twice at once is harmless: the calls carry the same ids.
    """
    sign_ups = customers.unrecorded_sign_ups(limit)
    if not sign_ups:
        return 0
    calls = [call for sign_up in sign_ups for call in calls_of(sign_up)]
    receipt = events.record(customers.house().pk, calls)
    if receipt.refused:
        log.warning("sign_ups_refused", count=len(receipt.refused), first=receipt.refused[0].code)
    customers.note_recorded(sign_ups)
    return len(sign_ups)


@shared_task(acks_late=True, time_limit=120)
def erase_projects() -> int:
    """Erase what is left of deleted projects, for at most a minute; return how many rows went.

    Beat runs it often. Safe to repeat and to break off anywhere.
    """
    until, rows = time.monotonic() + ERASING_S, 0
    for deletion in customers.unfinished_deletions(timezone.now()):
        rows += _erase(deletion, until)
    return rows


def _erase(deletion: Deletion, until: float) -> int:
    rows = 0
    for erase in (erase_analytics, erase_attribution, events.erase):
        for part in erase(deletion.project_id) if deletion.project_id else ():
            rows += part
            customers.note_erased(deletion, part)
            if time.monotonic() > until:
                return rows
    customers.finish_deletion(deletion)
    return rows
