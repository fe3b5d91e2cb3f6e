"""Decisions told to the stream they came from: one "Install Attributed" event for each revision, after Segment's spec
of mobile events, so that everything which reads events knows the source of an install."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from attribution.models import Decision
from customers.models import Project
from customers.services import caller_of
from events import services as events

EVENT = "Install Attributed"
PROVIDER = "Growth Platform"
BATCH = 500
# Older ones, of before there was this event or of a long standstill, are not news any more.
NEWS = timedelta(days=7)
REVISION = F("revision")


def announce(*, now: datetime, limit: int = BATCH) -> int:
    """Record an event for up to `limit` decisions whose revision was not told yet; return how many were looked at.

    Each revision is told once: the events and the note that they were told are committed together. Twice at once is
    harmless.
    """
    with transaction.atomic():
        waiting = Decision.objects.filter(announced__lt=REVISION).select_for_update(skip_locked=True, of=("self",))
        decisions = list(waiting.select_related("install").order_by("id")[:limit])
        news = [one for one in decisions if now - one.decided_at < NEWS]
        for project in Project.objects.filter(pk__in={one.project_id for one in news}):
            calls = [call_of(one) for one in news if one.project_id == project.pk]
            events.record(project.pk, calls, caller=caller_of(project))
        Decision.objects.filter(pk__in=[one.pk for one in decisions]).update(announced=REVISION)
    return len(decisions)


def call_of(decision: Decision) -> dict[str, Any]:
    """Return the event that tells a decision, at the time of the install: telling it is nothing the person did."""
    install = decision.install
    known = bool(install.user_id) and install.user_id == install.distinct_id
    campaign = {
        "source": decision.source,
        "name": decision.campaign,
        "content": decision.ad,
        "ad_creative": decision.creative,
        "ad_group": decision.ad_set,
    }
    return {
        "type": "track",
        "event": EVENT,
        "messageId": f"attributed-{decision.pk}-{decision.revision}",
        "userId" if known else "anonymousId": install.distinct_id,
        "timestamp": decision.installed_at.isoformat(),
        "properties": {
            "provider": PROVIDER,
            "campaign": {name: value for name, value in campaign.items() if value},
            "decisionId": f"dec_{decision.pk}",
            "revision": decision.revision,
            "kind": decision.kind,
            "tier": decision.tier,
            "probability": decision.probability,
            "state": decision.state,
            "rejected": decision.rejected,
            "installMessageId": install.message_id,
        },
        "context": {"app": {"namespace": install.app}} if install.app else {},
    }
