"""Rows of attribution, and the installs and touches that tests send."""

import itertools
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import factory
from django.utils import timezone

from attribution import decisions, installs, late
from attribution.models import Decision, Link, Touch
from customers.models import Project
from events import services as events
from tests.factories import ProjectFactory

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.2 Mobile/15E148 Safari/604.1"
)
GALAXY = (
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/131.0.0.0 Mobile Safari/537.36"
)
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
)
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


class LinkFactory(factory.django.DjangoModelFactory[Link]):
    class Meta:
        model = Link

    project = factory.SubFactory(ProjectFactory)
    slug = factory.Sequence(lambda n: f"link-{n}")
    name = "Winter sale"
    source = "tiktok"
    fallback_url = "https://shop.example/"


class TouchFactory(factory.django.DjangoModelFactory[Touch]):
    class Meta:
        model = Touch

    project = factory.SubFactory(ProjectFactory)
    touch_id = factory.Sequence(lambda n: f"touch-{n}")
    type = Touch.Type.CLICK
    ts = NOON - timedelta(minutes=10)
    received_at = factory.SelfAttribute("ts")
    source = "tiktok"
    campaign = "Winter sale"


def install(project: Project, *, at: datetime = NOON, properties: Any = None, who: str = "", **context: Any) -> str:
    """Send an install through the stream; return its message id. Each is somebody else's unless `who` says whose."""
    return track(project, "Application Installed", at=at, properties=properties, who=who, **context)


def track(
    project: Project,
    event: str,
    *,
    at: datetime = NOON,
    properties: Any = None,
    who: str = "",
    user: str = "",
    received_at: datetime | None = None,
    **context: Any,
) -> str:
    """Send an event through the stream; return its message id."""
    message_id = f"{event}-{next(numbers)}"
    call = {
        "type": "track",
        "event": event,
        "messageId": message_id,
        "anonymousId": who or f"a-{message_id}",
        "timestamp": at.isoformat(),
        "properties": properties or {},
        "context": context,
    }
    receipt = events.record(project.pk, [call | ({"userId": user} if user else {})], received_at=received_at)
    assert not receipt.refused, receipt.refused
    return message_id


numbers = itertools.count(time.time_ns())


def decide() -> None:
    """Do what the beat task does."""
    installs.gather()
    late.reopen(now=timezone.now())
    decisions.decide_pending(5_000, now=timezone.now())


def decision_of(message_id: str) -> Decision:
    return Decision.objects.select_related("touch", "install").get(install__message_id=message_id)
