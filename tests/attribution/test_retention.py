"""What is older than its project keeps things is forgotten; counts stay."""

from datetime import timedelta

import pytest

from attribution import retention
from attribution.models import Candidate, Decision, Install, Touch
from tests.attribution.factories import NOON, TouchFactory, decide, decision_of, install
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_touches_and_installs_past_their_retention_are_forgotten() -> None:
    project = ProjectFactory()
    TouchFactory(project=project, touch_id="c-1", ts=NOON - timedelta(days=2))
    install(project, properties={"click_id": "c-1"})
    decide()
    project.retention_days = 30
    project.save()

    early = retention.forget_old(now=NOON + timedelta(days=27))
    gone = retention.forget_old(now=NOON + timedelta(days=31))

    assert (early, gone) == (0, 2)
    assert not any(model.objects.exists() for model in (Touch, Install, Decision, Candidate))


def test_a_decision_outlives_its_touch_and_keeps_its_source() -> None:
    project = ProjectFactory(retention_days=30)
    message_id = install(project, at=NOON, properties={"click_id": "c-1"})
    TouchFactory(project=project, touch_id="c-1", ts=NOON - timedelta(days=2))
    decide()

    retention.forget_old(now=NOON + timedelta(days=29))

    decision = decision_of(message_id)
    assert (decision.touch, decision.source, decision.tier) == (None, "tiktok", "click_id")


def test_projects_that_keep_everything_lose_nothing() -> None:
    TouchFactory(ts=NOON - timedelta(days=4_000))

    assert retention.forget_old(now=NOON) == 0
    assert Touch.objects.exists()
