"""What is older than its project keeps things is forgotten; counts stay."""

from datetime import timedelta

import pytest
from django.utils import timezone

from attribution import erasure, replays, retention, rule_sets
from attribution.models import AppleToken, Candidate, Conversion, Decision, Install, Replay, ReplayChange, Touch
from customers.models import Project
from tests.attribution.factories import NOON, TouchFactory, decide, decision_of, install, track
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


def full_project() -> Project:
    """Make a project with a reinstall, a conversion, a token and a replay, all pointing to each other."""
    project = ProjectFactory(retention_days=30)
    touch = TouchFactory(project=project, touch_id="c-1", ts=NOON - timedelta(days=2))
    install(project, at=NOON - timedelta(days=1), properties={"click_id": "c-1"}, who="anna")
    again = install(project, at=NOON, who="anna")
    track(project, "Order Completed", at=NOON, properties={"revenue": 5}, who="anna")
    decide()
    decision = decision_of(again)
    assert decision.original
    AppleToken.objects.create(project=project, install=decision.original.install, token="t")
    replay = Replay.objects.create(project=project, base=decision.rule_set, rules={}, since=NOON, until=NOON)
    ReplayChange.objects.create(
        replay=replay, decision=decision.original, old_tier="click_id", old_source="s", new_tier="organic",
        new_source="organic", new_touch=touch,
    )  # fmt: skip
    return project


def test_a_reinstall_outlives_the_install_it_repeats() -> None:
    project = full_project()

    retention.forget_old(now=NOON + timedelta(days=29, hours=12))

    assert Decision.objects.get(project=project).original is None
    assert Conversion.objects.get(project=project).install is not None
    assert not ReplayChange.objects.exists()
    assert not AppleToken.objects.exists()
    assert retention.forget_old(now=NOON + timedelta(days=31)) == 2
    assert not any(model.objects.exists() for model in (Touch, Install, Decision, Conversion))


def test_a_project_is_erased_in_parts_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    project = full_project()
    monkeypatch.setattr(erasure, "CHUNK_ROWS", 1)

    erased = sum(erasure.erase(project.pk))

    assert erased > 8
    assert not any(model.objects.exists() for model in (Touch, Install, Decision, Conversion, Candidate, Replay))


def test_what_a_network_is_matched_by_is_forgotten_long_before_the_rest() -> None:
    project = ProjectFactory()
    device = {"ip": "203.0.113.7", "os_name": "android", "os_version": "14", "device_model": "sm-s918b"}
    TouchFactory(project=project, touch_id="c-1", received_at=NOON, user_agent="Mozilla/5.0", locale="de-DE", **device)
    message_id = install(
        project, os={"name": "Android", "version": "14"}, device={"model": "SM-S918B"}, ip=device["ip"], locale="de-DE"
    )
    decide()
    Install.objects.update(received_at=NOON)
    before = decision_of(message_id)
    assert before.tier == "probabilistic"

    early = retention.forget_signals(now=NOON + timedelta(days=45))
    late = retention.forget_signals(now=NOON + timedelta(days=45, seconds=1))
    again = retention.forget_signals(now=NOON + timedelta(days=46))

    assert (early, late, again) == (0, 2, 0)
    touch, installed = Touch.objects.get(), Install.objects.get()
    assert (touch.ip, touch.user_agent, touch.locale, touch.device_model) == (None, "", "", "sm-s918b")
    assert (installed.ip, installed.locale, installed.os_name) == (None, "", "android")
    assert decision_of(message_id).touch == before.touch


def test_a_replay_leaves_alone_what_can_not_be_matched_by_network_any_more() -> None:
    project = ProjectFactory()
    device = {"ip": "203.0.113.7", "os_name": "android", "os_version": "14", "device_model": "sm-s918b"}
    TouchFactory(project=project, touch_id="c-1", received_at=NOON, **device)
    install(project, os={"name": "Android", "version": "14"}, device={"model": "SM-S918B"}, ip=device["ip"])
    decide()
    Install.objects.update(received_at=timezone.now() - timedelta(days=46))
    retention.forget_signals(now=timezone.now())
    rules = rule_sets.current([project.pk])[project.pk].rules
    replay = replays.start(
        project, rules, since=NOON - timedelta(days=1), until=NOON + timedelta(days=1), note="", user=None
    )

    replays.work(replay.pk)

    replay.refresh_from_db()
    assert (replay.state, replay.summary["gone"]) == ("done", 1)
    assert not replay.changes.exists()
