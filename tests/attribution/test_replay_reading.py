"""A replay reads its candidates in another way than a decision does; it must find the same ones."""

import random
from datetime import timedelta
from typing import Any

import pytest

from attribution import candidates, decisions, replays, rule_sets
from attribution.candidates import Found
from attribution.models import Decision, Replay, ReplayChange, Touch
from attribution.replays import reading
from attribution.rules import PROBABILISTIC, WINDOWS_S, Rules
from customers.models import Project
from tests.attribution.conftest import installed
from tests.attribution.factories import NOON, TouchFactory

MICROSECOND = timedelta(microseconds=1)
ADDRESSES = ["198.51.100.1", "198.51.100.2", "2001:db8::1", None]
MODELS = ["", "sm-s918b", "samsung sm-s918b", "iphone", "iphone14,2", "pixel 8"]
VERSIONS = ["", "14", "14.1", "17.2", "9"]
IDS = ["", "dev-1", "dev-2", "00000000-0000-0000-0000-000000000000"]


def some(chance: random.Random) -> dict[str, Any]:
    """Return what a touch and an install have alike."""
    return {
        "ip": chance.choice(ADDRESSES), "os_name": chance.choice(["", "ios", "android"]),
        "os_version": chance.choice(VERSIONS), "device_model": chance.choice(MODELS),
        "app": chance.choice(["", "com.a", "com.b"]), "device_id": chance.choice(IDS),
        "advertising_id": chance.choice(["", "", "adv-1"]), "user_id": chance.choice(["", "", "u-1"]),
        "email_sha256": chance.choice(["", "", "e" * 64]),
    }  # fmt: skip


def world(project: Project, seed: int, apart: timedelta = timedelta()) -> list[int]:
    """Make random touches, some of them late, and random installs among them; return the installs.

    Of touches at the same moment nobody knows which is the newer one; `apart` sets them that far apart.
    """
    chance = random.Random(seed)
    for number in range(120):
        ago_s = chance.choice([0, 60, 3600, 80_000, 86_400, 200_000, 604_800, 700_000])
        at = NOON - timedelta(seconds=ago_s) - number * apart
        TouchFactory(
            project=project, touch_id=f"t-{number}", ts=at,
            received_at=at + timedelta(hours=chance.choice([0, 0, 0, 12, 30, 300])),
            type=chance.choice(["click", "click", "impression"]), bot=chance.random() < 0.1, **some(chance),
        )  # fmt: skip
    return [
        installed(
            project, f"m-{number}", at=NOON + timedelta(seconds=chance.choice([-3600, 0, 1, 400, 90_000])),
            click_id=chance.choice(["", f"t-{chance.randrange(140)}"]), ad_tracking=chance.choice([True, None]),
            **some(chance),
        ).pk
        for number in range(40)
    ]  # fmt: skip


def told(found: dict[int, Found]) -> dict[int, Any]:
    """Return what a decision goes by: the touches that could win, and what the network did where there are any."""
    return {
        pk: (sorted(one.near), [one.touches[near] for near in sorted(one.near)], one.seen, one.clicks_hour, one.traffic)
        for pk, one in found.items()
        if one.near
    }


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("counted", [2_000, 7])
def test_a_replay_finds_the_candidates_that_a_decision_finds(
    project: Project, seed: int, counted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (candidates, reading):
        monkeypatch.setattr(module, "COUNTED", counted)
    monkeypatch.setattr(candidates, "CANDIDATES", candidates.CANDIDATES.replace("LIMIT 2000", f"LIMIT {counted}"))
    rules = Rules(windows_s={**WINDOWS_S, PROBABILISTIC: 86_400})
    claimed = candidates.of_installs(world(project, seed, MICROSECOND if counted == 7 else timedelta()))

    usual = told(candidates.find(claimed, lambda _: rules))
    reader = reading.Reader(project.pk, rules)
    at_once = told(reader.find(claimed))

    assert at_once == usual
    assert any(one[4] for one in usual.values())


@pytest.mark.parametrize("seed", range(8))
def test_installs_of_any_kind_replayed_by_the_same_rules_differ_in_nothing(project: Project, seed: int) -> None:
    flood = {"address_flood": {"action": "block", "threshold": 1}}
    rules = Rules(
        accept=0.5,
        ios_needs_consent=seed % 2 == 0,
        fraud=flood if seed % 3 == 0 else {},
        sources={"tiktok": {"windows_s": {PROBABILISTIC: 70_000}}} if seed % 4 == 1 else {},
    )
    rule_sets.publish(project, rules, "", None)
    world(project, seed)
    decisions.decide_pending(1_000, now=NOON)

    replay = replays.start(project, rules, NOON - timedelta(days=9), NOON + timedelta(days=9))
    replays.work(replay.pk)

    changed = ReplayChange.objects.filter(replay=replay)
    assert list(changed.values_list("decision__install", "old_tier", "new_tier")) == []
    assert Replay.objects.get(pk=replay.pk).done == 40
    assert Decision.objects.exclude(tier="organic").exists()


def test_what_is_kept_of_an_address_from_one_stretch_to_the_next_changes_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "WORTH_KEEPING", 1)
    monkeypatch.setattr(reading, "PAIRS", 10)
    rules = Rules()
    claimed = sorted(candidates.of_installs(world(project, 7)), key=lambda one: one.facts.installed_at)
    usual = told(candidates.find(claimed, lambda _: rules))

    for order in (claimed, claimed[::-1]):
        reader, at_once = reading.Reader(project.pk, rules), {}
        for first in range(0, len(order), 9):
            at_once |= told(reader.find(order[first : first + 9]))
        assert at_once == usual


def test_of_too_many_clicks_the_newest_are_weighed(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEPT", 3)
    same = {"ip": "198.51.100.9", "os_name": "android", "os_version": "14"}
    for number in range(5):
        TouchFactory(
            project=project, touch_id=f"t-{number}", ts=NOON - timedelta(minutes=5 - number), received_at=NOON, **same
        )
    [claimed] = candidates.of_installs([installed(project, **same).pk])

    found = reading.Reader(project.pk, Rules()).find([claimed])

    names = Touch.objects.filter(pk__in=found[claimed.id].near).values_list("touch_id", flat=True)
    assert sorted(names) == ["t-2", "t-3", "t-4"]


def test_an_address_without_a_click_has_no_candidates(project: Project) -> None:
    [claimed] = candidates.of_installs([installed(project, ip="198.51.100.9", os_name="ios").pk])

    assert reading.Reader(project.pk, Rules()).find([claimed]) == {}
