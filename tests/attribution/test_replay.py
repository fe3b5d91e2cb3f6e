import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from attribution import decisions, replays, rule_sets, tasks
from attribution.models import Candidate, Conversion, Decision, Replay, RuleSet, Touch
from attribution.replays import changes, working
from attribution.rules import CLICK_ID, DAY_S, DEVICE_ID, PROBABILISTIC, VIEW, WINDOWS_S, Rules
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.attribution.conftest import decided, installed
from tests.attribution.factories import NOON, TouchFactory

DAY = timedelta(days=1)
SHORT_CLICKS = Rules(windows_s={**WINDOWS_S, CLICK_ID: 3600, DEVICE_ID: 3600})


def clicked(project: Project, touch_id: str, ago: timedelta, **fields: Any) -> Touch:
    at = NOON - ago
    return TouchFactory(project=project, touch_id=touch_id, ts=at, received_at=at, **fields)


def replayed(project: Project, rules: Rules, **fields: Any) -> Replay:
    replay = replays.start(project, rules, NOON - 30 * DAY, NOON + 30 * DAY, **fields)
    replays.work(replay.pk)
    replay.refresh_from_db()
    return replay


def applied(replay: Replay) -> Replay:
    replays.approve(replay, None)
    replays.work(replay.pk)
    replay.refresh_from_db()
    return replay


@pytest.fixture
def world(project: Project) -> dict[str, Decision]:
    """Make three installs: by a fresh click, by an old click with a newer view, organic."""
    clicked(project, "fresh", timedelta(minutes=10), source="tiktok", campaign="Winter")
    clicked(project, "old", timedelta(hours=5), source="meta", campaign="Brand")
    clicked(
        project, "seen", timedelta(minutes=30), source="google", campaign="Video", type="impression", device_id="dev-2"
    )
    return {
        "fresh": decided(project, "m-1", click_id="fresh"),
        "old": decided(project, "m-2", click_id="old", device_id="dev-2"),
        "organic": decided(project, "m-3", device_id="dev-3"),
    }


def test_the_same_rules_change_nothing(project: Project, world: dict[str, Decision]) -> None:
    replay = replayed(project, rule_sets.current([project.pk])[project.pk].rules)

    assert (replay.state, replay.total, replay.done) == ("done", 3, 3)
    assert replay.summary["changed"] == 0
    assert not replay.changes.exists()


def test_other_rules_say_what_would_move_and_move_nothing_yet(project: Project, world: dict[str, Decision]) -> None:
    Conversion.objects.create(
        project=project, message_id="c-1", distinct_id="x", name="Paid", ts=NOON, received_at=NOON, revenue="12.50",
        install=world["old"].install, currency=project.currency,
    )  # fmt: skip

    replay = replayed(project, SHORT_CLICKS)

    assert replay.summary["routes"] == [
        {
            "from": "meta", "fromRejected": False, "to": "google", "toRejected": False, "installs": 1,
            "revenue": "12.5000",
        }
    ]  # fmt: skip
    [change] = replay.changes.all()
    assert (change.decision, change.old_tier, change.new_tier) == (world["old"], CLICK_ID, VIEW)
    assert (change.new_source, change.new_campaign, change.revenue) == ("google", "Video", 12.5)
    world["old"].refresh_from_db()
    assert (world["old"].source, world["old"].revision) == ("meta", 1)


def test_the_campaigns_of_a_difference_add_up(project: Project, world: dict[str, Decision]) -> None:
    replay = replayed(project, SHORT_CLICKS)

    rows = {(row["source"], row["campaign"]): (row["before"], row["after"]) for row in replay.summary["campaigns"]}
    assert rows == {("meta", "Brand"): (1, 0), ("google", "Video"): (0, 1)}


def test_approving_publishes_the_rules_and_rewrites_the_period(project: Project, world: dict[str, Decision]) -> None:
    replay = applied(replayed(project, SHORT_CLICKS, note="Clicks for an hour"))

    assert replay.state == "approved"
    assert replay.rule_set is not None
    assert (replay.rule_set.version, replay.rule_set.note) == (2, "Clicks for an hour")
    old = Decision.objects.get(pk=world["old"].pk)
    assert (old.source, old.tier, old.revision, old.rule_set) == ("google", VIEW, 2, replay.rule_set)
    [lost] = Candidate.objects.filter(decision=old, credited=False)
    assert "outside_window" in lost.reasons
    fresh = Decision.objects.get(pk=world["fresh"].pk)
    assert (fresh.source, fresh.revision, fresh.rule_set) == ("tiktok", 1, replay.rule_set)


def test_after_the_approval_the_same_replay_changes_nothing(project: Project, world: dict[str, Decision]) -> None:
    applied(replayed(project, SHORT_CLICKS))

    again = replayed(project, SHORT_CLICKS)

    assert again.summary["changed"] == 0


def test_a_replay_is_approved_once(project: Project, world: dict[str, Decision]) -> None:
    replay = replayed(project, SHORT_CLICKS)
    replays.approve(replay, None)

    with pytest.raises(replays.NotApprovable):
        replays.approve(Replay.objects.get(pk=replay.pk), None)

    assert RuleSet.objects.filter(project=project).count() == 2


def test_a_replay_of_rules_that_were_changed_since_is_not_approved(
    project: Project, world: dict[str, Decision]
) -> None:
    replay = replayed(project, SHORT_CLICKS)
    rule_sets.publish(project, Rules(accept=0.5), "", None)

    with pytest.raises(rule_sets.RulesOvertaken):
        replays.approve(replay, None)

    replay.refresh_from_db()
    assert replay.state == "done"


def test_a_canceled_replay_leaves_nothing_and_is_worked_on_no_more(
    project: Project, world: dict[str, Decision]
) -> None:
    replay = replayed(project, SHORT_CLICKS)

    replays.cancel(replay, now=NOON)
    replays.cancel(replay, now=NOON)

    assert replay.state == "canceled"
    assert not replay.changes.exists()
    with pytest.raises(replays.NotApprovable):
        replays.approve(replay, None)
    assert replay.pk not in replays.unfinished()


def test_an_approved_replay_is_not_canceled(project: Project, world: dict[str, Decision]) -> None:
    replay = applied(replayed(project, SHORT_CLICKS))

    with pytest.raises(replays.NotCancelable):
        replays.cancel(replay, now=NOON)


def test_canceling_in_the_middle_of_a_stretch_takes_it_back(
    project: Project, world: dict[str, Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = replays.start(project, SHORT_CLICKS, NOON - DAY, NOON + DAY)
    decide = changes.Decider.decide

    def canceled_meanwhile(self: changes.Decider, *edges: Any) -> int:
        gone = decide(self, *edges)
        Replay.objects.filter(pk=replay.pk).update(state="canceled")
        return gone

    monkeypatch.setattr(changes.Decider, "decide", canceled_meanwhile)

    replays.work(replay.pk)

    # The cancelation of this test was part of the stretch's own transaction, and is taken back with it.
    assert not replay.changes.exists()
    assert not Replay.objects.get(pk=replay.pk).parts[0]["done"]


def test_a_replay_goes_on_where_a_killed_worker_stopped(
    project: Project, world: dict[str, Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "STRETCH", 1)
    replay = replays.start(project, SHORT_CLICKS, NOON - DAY, NOON + DAY)
    decide, calls = changes.Decider.decide, []

    def killed_at_the_second(self: changes.Decider, *edges: Any) -> int:
        calls.append(edges)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return decide(self, *edges)

    monkeypatch.setattr(changes.Decider, "decide", killed_at_the_second)

    with pytest.raises(KeyboardInterrupt):
        replays.work(replay.pk)
    replay.refresh_from_db()
    stopped = (replay.state, replay.done)
    replays.work(replay.pk)

    replay.refresh_from_db()
    assert stopped == ("running", 1)
    assert (replay.state, replay.done, len(calls)) == ("done", 3, 4)
    assert replay.summary["changed"] == 1


def test_applying_goes_on_where_a_killed_worker_stopped(
    project: Project, world: dict[str, Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    replay = replayed(project, SHORT_CLICKS)
    replays.approve(replay, None)
    decide_again = decisions.decide_again
    turns: list[Any] = []

    def killed_at_the_second(ids: Any, *, now: datetime) -> None:
        turns.append(ids)
        if len(turns) == 2:
            raise KeyboardInterrupt
        decide_again(ids, now=now)

    monkeypatch.setattr(decisions, "decide_again", killed_at_the_second)

    with pytest.raises(KeyboardInterrupt):
        replays.work(replay.pk)
    moved = Decision.objects.get(pk=world["old"].pk)
    untouched = Decision.objects.get(pk=world["fresh"].pk)
    assert (moved.source, moved.rule_set.version, untouched.rule_set.version) == ("google", 2, 1)
    replays.work(replay.pk)

    assert Replay.objects.get(pk=replay.pk).state == "approved"
    assert set(Decision.objects.filter(project=project).values_list("rule_set__version", flat=True)) == {2}
    assert Decision.objects.get(pk=world["old"].pk).revision == 2


def test_what_was_erased_is_counted_and_kept(project: Project, world: dict[str, Decision]) -> None:
    for touch in Touch.objects.filter(project=project, touch_id__in=["fresh", "seen"]):
        Candidate.objects.filter(touch=touch).delete()
        Decision.objects.filter(touch=touch).update(touch=None)
        touch.delete()

    replay = applied(replayed(project, SHORT_CLICKS))

    assert replay.summary["gone"] == 2
    for name, source in (("fresh", "tiktok"), ("old", "meta"), ("organic", "organic")):
        kept = Decision.objects.get(pk=world[name].pk)
        assert (kept.source, kept.revision) == (source, 1)
        assert kept.rule_set.version == (2 if name == "organic" else 1)


def test_rules_that_look_further_back_than_touches_are_kept_are_not_tried_on_those_installs(
    project: Project, world: dict[str, Decision]
) -> None:
    project.retention_days = (timezone.now() - NOON).days + 20
    project.save()

    replay = replayed(project, Rules(windows_s={**WINDOWS_S, CLICK_ID: 60 * DAY_S}))

    assert replay.summary["gone"] == 3


def test_a_touch_of_after_the_deadline_is_not_found_by_a_replay(project: Project, world: dict[str, Decision]) -> None:
    TouchFactory(
        project=project, touch_id="late", ts=NOON - timedelta(minutes=1), device_id="dev-3",
        received_at=NOON + 2 * DAY,
    )  # fmt: skip

    assert replayed(project, rule_sets.current([project.pk])[project.pk].rules).summary["changed"] == 0


def on_network(**fields: Any) -> dict[str, Any]:
    return {"ip": "198.51.100.7", "os_name": "android", "os_version": "14", "device_model": "sm-s918b", **fields}


def test_a_click_that_a_certain_match_gives_up_goes_to_the_install_that_was_refused_it(project: Project) -> None:
    clicked(project, "shared", timedelta(minutes=50), **on_network())
    taker = decided(project, "m-1", at=NOON + timedelta(hours=3), click_id="shared", **on_network(ip="192.0.2.1"))
    refused = decided(project, "m-2", at=NOON, **on_network())
    assert (taker.tier, refused.tier) == (CLICK_ID, "organic")

    replay = replayed(project, Rules(windows_s={**WINDOWS_S, CLICK_ID: 3600}, accept=0.5))

    new = dict(replay.changes.values_list("decision", "new_tier"))
    assert new == {taker.pk: "organic", refused.pk: PROBABILISTIC}
    applied(replay)
    assert Decision.objects.get(pk=refused.pk).touch_id == Touch.objects.get(touch_id="shared").pk
    assert Decision.objects.get(pk=taker.pk).touch is None


def test_two_installs_never_get_one_click_by_network_even_from_two_stretches(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "STRETCH", 1)
    rule_sets.publish(project, Rules(windows_s={**WINDOWS_S, PROBABILISTIC: 60}), "", None)
    clicked(project, "one", timedelta(minutes=10), **on_network())
    for number in (1, 2):
        decided(project, f"m-{number}", at=NOON + timedelta(seconds=number), **on_network())
    assert set(Decision.objects.values_list("tier", flat=True)) == {"organic"}

    replay = replayed(project, Rules(accept=0.5))

    assert list(replay.changes.values_list("decision__install__message_id", "new_tier")) == [("m-1", PROBABILISTIC)]


def test_a_rejected_install_is_told_as_leaving_its_source(project: Project) -> None:
    rule_sets.publish(project, Rules(fraud={"emulator": {"action": "flag"}}), "", None)
    clicked(project, "fresh", timedelta(minutes=10), source="tiktok")
    decided(project, "m-1", click_id="fresh", emulator=True)

    replay = replayed(project, Rules(fraud={"emulator": {"action": "block"}}))

    [route] = replay.summary["routes"]
    assert (route["from"], route["to"], route["toRejected"], route["revenue"]) == ("tiktok", "tiktok", True, "0")
    applied(replay)
    assert Decision.objects.get().rejected


def test_one_replay_at_a_time_is_at_work_in_a_project(project: Project) -> None:
    replays.start(project, Rules(), NOON - DAY, NOON)

    with pytest.raises(replays.ReplayRunning):
        replays.start(project, Rules(), NOON - DAY, NOON)


def test_rules_that_contradict_themselves_are_refused_by_name(project: Project) -> None:
    with pytest.raises(InvalidField) as refused:
        replays.start(project, {"accept": 7, "order": [["click_id"], ["click_id"]]}, NOON - DAY, NOON)

    assert {row["field"] for row in refused.value.detail} == {"accept", "order"}


def test_a_period_that_ends_before_it_begins_is_refused(project: Project) -> None:
    with pytest.raises(InvalidField) as refused:
        replays.start(project, Rules(), NOON, NOON)

    assert refused.value.detail[0]["field"] == "to"


def test_an_empty_period_is_done_at_once(project: Project) -> None:
    replay = replayed(project, Rules())

    assert (replay.state, replay.total, replay.summary["changed"]) == ("done", 0, 0)


def test_a_replay_that_fails_says_so_and_changes_nothing(
    project: Project, world: dict[str, Decision], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(changes.Decider, "decide", broken)
    replay = replays.start(project, SHORT_CLICKS, NOON - DAY, NOON + DAY)

    with pytest.raises(ZeroDivisionError):
        replays.work(replay.pk)

    replay.refresh_from_db()
    assert replay.state == "failed"
    assert "Nothing was changed" in replay.problem


def test_another_projects_installs_are_not_touched(project: Project, world: dict[str, Decision]) -> None:
    other = installed(Project.objects.create(organization=project.organization, name="B", slug="b"), "m-9")
    decisions.decide_pending(10, now=NOON + timedelta(seconds=2))

    replay = applied(replayed(project, SHORT_CLICKS))

    assert replay.total == 3
    assert Decision.objects.get(install=other).rule_set.version == 1


def test_the_worker_and_the_command_work_on_what_waits(project: Project, world: dict[str, Decision]) -> None:
    first = replays.start(project, SHORT_CLICKS, NOON - DAY, NOON + DAY)
    worked = tasks.work_on_replays()
    second, out = replays.start(project, SHORT_CLICKS, NOON - DAY, NOON + DAY), io.StringIO()
    call_command("replay", stdout=out)

    assert (worked, tasks.work_on_replays()) == (1, 0)
    assert out.getvalue() == f"Replay {second.pk}: done\n"
    assert set(Replay.objects.filter(pk__in=[first.pk, second.pk]).values_list("state", flat=True)) == {"done"}


def test_a_helper_decides_stretches_and_leaves_the_end_to_the_leader(
    project: Project, world: dict[str, Decision]
) -> None:
    replay = replays.start(project, SHORT_CLICKS, NOON - DAY, NOON + DAY)
    call_command("replay", "--help-with", str(replay.pk))
    before = Replay.objects.get(pk=replay.pk).state
    working.plan(replay)

    call_command("replay", "--help-with", str(replay.pk))

    replay.refresh_from_db()
    assert before == "waiting"
    assert (replay.state, replay.done) == ("running", 3)
    replays.work(replay.pk)
    replay.refresh_from_db()
    assert (replay.state, replay.done, replay.summary["changed"]) == ("done", 3, 1)
