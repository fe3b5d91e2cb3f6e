"""Rules that repair refused events: tried first, then applied to what waits and to what comes."""

import json
import time
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from events import repair_offers, repair_rules, tasks, vendor_apps
from events.dialects import vendors
from events.models import Event, Rejected, RepairRule
from growthplatform.core.errors import InvalidField
from tests.scene import Scene, make_scene

APP = "id123456789"
KEY = "dev-key-of-acme-42"
PREFIX = repair_offers.for_code("id_prefix_missing")[0].given
RENAME = {"code": "missing_id", "field": "user_id", "action": "rename", "value": "userId"}


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    vendors.forget_cached()
    return make_scene()


def without_prefix(scene: Scene, number: int, **more: object) -> None:
    """Let AppsFlyer-shaped events come in under the App Store's bare number."""
    if not scene.project.vendor_apps.exists():
        vendor_apps.claim(scene.project, "appsflyer", APP, key=KEY)
    for n in range(number):
        body = {"appsflyer_id": f"1700000000000-{n}", "eventName": "af_purchase", "eventValue": "", **more}
        answer = Client().post(
            "/inappevent/123456789", json.dumps(body), content_type="application/json", headers={"authentication": KEY}
        )
        assert (answer.status_code, answer.content) == (200, b"OK")
        assert "id_prefix_missing" in answer["X-Ingest-Warning"]


def hand_written(scene: Scene, *calls: dict[str, object]) -> None:
    scene.record(*({"type": "track", "event": "Signed Up", **call} for call in calls))


def stored(scene: Scene) -> list[Event]:
    return list(Event.objects.filter(project=scene.project))


def names(scene: Scene) -> list[str]:
    return sorted(str(event.name) for event in stored(scene))


def test_events_without_the_prefix_are_repaired_by_the_rule_that_is_offered(scene: Scene) -> None:
    without_prefix(scene, 3)

    rule = repair_rules.create(scene.project, PREFIX)
    repaired = tasks.repair_refused()

    rule.refresh_from_db()
    assert repaired == rule.repaired == 3
    assert names(scene) == ["af_purchase"] * 3
    assert set(Rejected.objects.values_list("state", "repaired_by")) == {("replayed", rule.pk)}


def test_a_rule_goes_on_with_what_comes_and_repairs_each_once(scene: Scene) -> None:
    repair_rules.create(scene.project, RENAME)
    hand_written(scene, {"user_id": "ada", "messageId": "m-1"})

    first, second = tasks.repair_refused(), tasks.repair_refused()
    hand_written(scene, {"user_id": "bob", "messageId": "m-2"})
    third = tasks.repair_refused()

    assert (first, second, third) == (1, 0, 1)
    assert {event.user_id for event in stored(scene)} == {"ada", "bob"}


def test_a_preview_says_how_many_would_be_repaired_and_changes_nothing(scene: Scene) -> None:
    hand_written(scene, *({"user_id": f"u{n}"} for n in range(3)), {"nothing": 1}, {"user_id": "u", "properties": [1]})

    shown = repair_rules.preview(repair_rules.draft(scene.project, RENAME))

    assert (shown.waiting, shown.looked_at, shown.repaired, shown.unchanged) == (5, 5, 3, 1)
    assert list(shown.wrong.values()) == [1]
    assert [
        (kind, line.strip(" ,").rstrip('0123456789"')) for kind, line in shown.examples[0].lines if kind != " "
    ] == [
        ("-", '"user_id": "u'),
        ("+", '"userId": "u'),
    ]
    assert stored(scene) == []
    assert Rejected.objects.filter(state="open").count() == 5
    assert not RepairRule.objects.exists()


def test_what_one_rule_uncovers_another_repairs(scene: Scene) -> None:
    hand_written(scene, {"user_id": "ada", "properties": []})
    one = repair_rules.create(scene.project, RENAME)
    first = tasks.repair_refused()

    two = repair_rules.create(
        scene.project, {"code": "not_an_object", "field": "properties", "action": "set", "value": "{}"}
    )
    second = tasks.repair_refused()

    one.refresh_from_db()
    two.refresh_from_db()
    assert (first, second) == (0, 1)
    assert (one.repaired, two.repaired) == (1, 1)
    assert names(scene) == ["Signed Up"]


def test_what_a_rule_can_not_repair_is_tried_again_only_when_rules_change(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_written(scene, {"user_id": "", "messageId": "m-1"})
    rule = repair_rules.create(scene.project, RENAME)
    tried: list[int] = []
    whole = repair_rules.attempt
    monkeypatch.setattr(repair_rules, "attempt", lambda row, rules: tried.append(row.pk) or whole(row, rules))

    tasks.repair_refused()
    tasks.repair_refused()
    before = len(tried)
    repair_rules.pause(rule, now=timezone.now())
    tasks.repair_refused()
    repair_rules.resume(rule, now=timezone.now())
    tasks.repair_refused()

    assert (before, len(tried)) == (1, 2)
    assert repair_rules.progress(rule) == repair_rules.Progress(0, 1, 0)


def test_a_paused_rule_rests_and_takes_up_what_came_meanwhile(scene: Scene) -> None:
    rule = repair_rules.create(scene.project, RENAME)
    repair_rules.pause(rule, now=timezone.now())
    hand_written(scene, {"user_id": "ada"})

    resting = tasks.repair_refused()
    left = repair_rules.progress(rule)
    repair_rules.resume(rule, now=timezone.now())

    assert resting == 0
    assert (left.left, left.total) == (1, 1)
    assert tasks.repair_refused() == 1


def test_a_rule_keeps_to_its_code_its_address_and_its_project(scene: Scene) -> None:
    other = make_scene()
    hand_written(other, {"user_id": "theirs"})
    hand_written(scene, {"user_id": "ours"})
    repair_rules.create(scene.project, {**RENAME, "path": "/v1/batch"})

    repaired = tasks.repair_refused()

    assert repaired == 0, "these came from inside, not to /v1/batch"
    assert Rejected.objects.filter(state="open").count() == 2


def test_a_body_of_which_only_the_beginning_was_kept_is_left_alone(scene: Scene) -> None:
    hand_written(scene, {"user_id": "ada"})
    Rejected.objects.update(cut=True)
    rule = repair_rules.create(scene.project, RENAME)

    repaired = tasks.repair_refused()

    assert repaired == 0
    assert repair_rules.preview(rule).waiting == 0


def test_work_breaks_off_when_its_time_is_over_and_goes_on_later(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_written(scene, *({"user_id": f"u{n}"} for n in range(5)))
    repair_rules.create(scene.project, RENAME)
    monkeypatch.setattr(repair_rules, "CHUNK", 2)

    first = repair_rules.work(scene.project.pk, until=time.monotonic() - 1)
    rest = repair_rules.work(scene.project.pk)

    assert (first, rest) == (0, 5)


def test_a_late_refusal_keeps_the_time_it_happened(scene: Scene) -> None:
    at = timezone.now() - timedelta(hours=3)
    hand_written(scene, {"user_id": "ada", "timestamp": at.isoformat()})
    repair_rules.create(scene.project, RENAME)

    tasks.repair_refused()

    assert abs(stored(scene)[0].ts - at) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": ""}, "code"),
        ({"field": ""}, "field"),
        ({"field": "x" * 101}, "field"),
        ({"action": "explode"}, "action"),
        ({"value": ""}, "value"),
        ({"value": "\x00"}, "value"),
        ({"action": "replace"}, "old"),
        ({"field": "path"}, "action"),
        ({"path": "v1"}, "path"),
    ],
)
def test_a_rule_that_can_do_nothing_is_refused_by_field(scene: Scene, change: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        repair_rules.create(scene.project, {**RENAME, **change})

    assert refused.value.detail[0]["field"] == field


def test_each_rule_that_is_offered_is_one_and_says_why(scene: Scene) -> None:
    for ready in repair_offers.READY:
        rule = repair_rules.draft(scene.project, ready.given)

        assert ready.why.endswith(".")
        assert repair_rules.words_of(rule)
