"""Installs, reinstalls and returns, to the day; and who keeps a click that two installs could have."""

from datetime import timedelta

import pytest
from django.utils import timezone

from attribution import deciding, decisions, installs
from attribution.models import Candidate, Decision, Install, RuleSet
from attribution.rules import Rules
from customers.models import Project
from tests.attribution.factories import NOON, TouchFactory, decide, decision_of, install, track
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)
DEVICE = {"device": {"id": "phone-1"}}
SAME = {"ip": "203.0.113.7", "os_name": "android", "os_version": "14", "device_model": "sm-s918b"}
HERE = {"ip": "203.0.113.7", "os": {"name": "Android", "version": "14"}}
S918B = {"model": "SM-S918B"}


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


@pytest.mark.parametrize(("days", "kind"), [(89, "reinstall"), (90, "reinstall"), (91, "install")])
@pytest.mark.parametrize("same", ["device", "advertising", "person"])
def test_an_install_of_somebody_known_is_a_reinstall_for_90_days(
    project: Project, days: int, kind: str, same: str
) -> None:
    said = {
        "device": {"device": {"id": "phone-1"}},
        "advertising": {"device": {"advertisingId": "38400000-8cf0-11bd-b23e-10b96e40000d"}},
        "person": {"who": "anna"},
    }[same]
    first = install(project, at=NOON - timedelta(days=days), **said)
    again = install(project, at=NOON, **said)

    decide()

    assert decision_of(first).kind == "install"
    assert decision_of(again).kind == kind
    assert decision_of(again).original == (decision_of(first) if kind == "reinstall" else None)


def test_a_zeroed_id_makes_no_reinstall(project: Project) -> None:
    zeroed = {"device": {"advertisingId": "00000000-0000-0000-0000-000000000000", "id": "unknown"}}
    install(project, at=NOON - timedelta(days=1), **zeroed)
    other = install(project, **zeroed)

    decide()

    assert decision_of(other).kind == "install"


def test_a_reinstall_is_credited_to_what_brought_it_and_remembers_the_install_before(project: Project) -> None:
    TouchFactory(project=project, touch_id="old", ts=NOON - timedelta(days=30), source="meta")
    TouchFactory(project=project, touch_id="new", source="tiktok")
    first = install(project, at=NOON - timedelta(days=29), properties={"click_id": "old"}, **DEVICE)
    decide()
    again = install(project, properties={"click_id": "new"}, **DEVICE)

    decide()

    decision = decision_of(again)
    assert (decision.kind, decision.source) == ("reinstall", "tiktok")
    assert decision.original == decision_of(first)
    assert decision_of(first).revision == 1


def test_an_install_that_arrives_after_the_one_it_precedes_makes_that_a_reinstall(project: Project) -> None:
    later = install(project, at=NOON, **DEVICE)
    decide()
    assert decision_of(later).kind == "install"

    earlier = install(project, at=NOON - timedelta(days=3), **DEVICE)
    decide()
    decide()

    assert decision_of(earlier).kind == "install"
    assert (decision_of(later).kind, decision_of(later).revision) == ("reinstall", 2)
    assert decision_of(later).original == decision_of(earlier)


def opened(project: Project, *, away_days: float, event: str = "Application Opened", **said: object) -> str:
    """Let somebody who was there `away_days` ago open the app again."""
    track(project, "Application Installed", at=NOON - timedelta(days=away_days), who="anna")
    return track(project, event, at=NOON, who="anna", **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(("away_days", "found"), [(6.9, 0), (7.1, 1)])
@pytest.mark.parametrize("event", ["Application Opened", "Deep Link Opened"])
def test_an_open_by_a_click_of_somebody_who_was_away_is_a_return(
    project: Project, away_days: float, found: int, event: str
) -> None:
    touch = TouchFactory(project=project, touch_id="back", ts=NOON - timedelta(minutes=1))
    message_id = opened(project, away_days=away_days, event=event, properties={"url": "app://sale?click_id=back"})

    decide()

    returns = Decision.objects.filter(kind="reattribution")
    assert returns.count() == found
    if found:
        assert (returns.get().touch, returns.get().tier) == (touch, "click_id")
        assert returns.get().install.message_id == message_id
    assert not Install.objects.filter(pending=True).exists()


def test_an_open_without_a_click_is_not_even_kept(project: Project) -> None:
    message_id = opened(project, away_days=30, device={"id": "phone-1"})

    decide()

    assert not Install.objects.filter(message_id=message_id).exists()


@pytest.mark.parametrize(
    "touch",
    [
        {"type": "impression", "device_id": "phone-1"},
        {"device_id": "phone-1", "ts": NOON - timedelta(days=8)},
        {**SAME},
    ],
)
def test_views_old_clicks_and_the_network_bring_nobody_back(project: Project, touch: dict[str, object]) -> None:
    TouchFactory(project=project, **{"ts": NOON - timedelta(minutes=1), **touch})
    opened(project, away_days=30, ip="203.0.113.7", os={"name": "Android"}, device={"id": "phone-1"})

    decide()

    assert not Decision.objects.filter(kind="reattribution").exists()


def test_one_click_brings_somebody_back_once(project: Project) -> None:
    TouchFactory(project=project, touch_id="back", ts=NOON - timedelta(minutes=1))
    opened(project, away_days=30, properties={"click_id": "back"})
    track(project, "Application Opened", at=NOON + timedelta(hours=1), who="anna", properties={"click_id": "back"})

    decide()

    assert Decision.objects.filter(kind="reattribution").count() == 1


def test_somebody_who_was_never_there_does_not_return(project: Project) -> None:
    TouchFactory(project=project, touch_id="back", ts=NOON - timedelta(minutes=1))
    track(project, "Application Opened", who="anna", properties={"click_id": "back"})

    decide()

    assert not Decision.objects.exists()


def test_of_two_installs_that_one_click_of_the_network_could_have_brought_the_first_gets_it(project: Project) -> None:
    TouchFactory(project=project, **SAME)
    first = install(project, **HERE, device=S918B)
    second = install(project, at=NOON + timedelta(seconds=5), **HERE, device=S918B)

    decide()

    assert decision_of(first).tier == "probabilistic"
    assert decision_of(second).tier == "organic"
    assert "credited_elsewhere" in Candidate.objects.get(decision=decision_of(second)).reasons


def test_a_certain_install_takes_the_click_from_one_matched_by_network_before(project: Project) -> None:
    now = timezone.now()
    TouchFactory(project=project, touch_id="mine", ts=now - timedelta(minutes=10), **SAME)
    by_network = install(project, at=now, **HERE, device=S918B)
    decide()
    assert decision_of(by_network).tier == "probabilistic"

    certain = install(project, at=now, properties={"click_id": "mine"})
    decide()
    decide()

    assert decision_of(certain).tier == "click_id"
    assert (decision_of(by_network).tier, decision_of(by_network).revision) == ("organic", 2)


def test_in_one_batch_the_certain_one_gets_the_click_too(project: Project) -> None:
    TouchFactory(project=project, touch_id="mine", **SAME)
    by_network = install(project, **HERE, device=S918B)
    certain = install(project, properties={"click_id": "mine"})

    decide()

    assert decision_of(certain).tier == "click_id"
    assert (decision_of(by_network).tier, decision_of(by_network).revision) == ("organic", 1)


def test_what_two_workers_gave_away_at_the_same_moment_is_decided_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    TouchFactory(project=project, **SAME)
    first, second = (install(project, **HERE, device=S918B) for _ in range(2))
    installs.gather()
    assert decisions.decide_pending(1, now=NOON) == 1

    with monkeypatch.context() as patched:  # the other worker has not committed yet
        known = decisions.candidates.holders
        patched.setattr(
            decisions.candidates, "holders", lambda found, claimed: known(found, claimed) if not claimed else []
        )
        assert decisions.decide_pending(1, now=NOON) == 1
    assert decision_of(second).tier == "probabilistic"

    decide()

    assert (decision_of(first).tier, decision_of(second).tier) == ("probabilistic", "organic")


def test_a_click_that_is_given_up_goes_to_the_next(project: Project) -> None:
    now = timezone.now()
    click = TouchFactory(project=project, ts=now - timedelta(minutes=10), **SAME)
    first = install(project, at=now, **HERE, device=S918B, properties={"click_id": "late"})
    second = install(project, at=now, **HERE, device=S918B)
    decide()
    assert decision_of(second).tier == "organic"

    better = TouchFactory(project=project, touch_id="late", ts=now - timedelta(minutes=5))
    from attribution.models import LateBatch

    LateBatch.objects.create(project=project, touches=[better.pk])
    decide()
    decide()

    assert decision_of(first).touch == better
    assert decision_of(second).touch == click


def test_a_touch_received_a_day_after_the_install_changes_nothing(project: Project) -> None:
    message_id = install(project, properties={"click_id": "late"})
    arrived = Install.objects.none()
    decide()
    arrived = Install.objects.get(message_id=message_id).received_at
    TouchFactory(project=project, touch_id="late", received_at=arrived + timedelta(hours=24, seconds=1))
    Install.objects.update(pending=True)

    decide()

    assert decision_of(message_id).tier == "organic"


def test_a_decision_keeps_the_rules_it_was_made_by(project: Project) -> None:
    TouchFactory(project=project, touch_id="c-1", ts=NOON - timedelta(days=2))
    old = install(project, properties={"click_id": "c-1"})
    decide()
    strict = Rules.from_json({"windows_s": {"click_id": 60}})
    RuleSet.objects.create(project=project, version=2, rules=strict.to_json())
    Install.objects.update(pending=True)
    new = install(project, properties={"click_id": "c-1"})

    decide()

    assert (decision_of(old).tier, decision_of(old).rule_set.version) == ("click_id", 1)
    assert (decision_of(new).tier, decision_of(new).rule_set.version) == ("organic", 2)


def test_a_decision_copies_what_is_counted_by(project: Project) -> None:
    TouchFactory(project=project, touch_id="c-1", ad_set="Boots", ad="A", creative="9x16", publisher="p-1")
    message_id = install(
        project, properties={"click_id": "c-1"}, os={"name": "Android"}, location={"country": "at"}, device={"id": "x1"}
    )

    decide()

    decision = decision_of(message_id)
    copied = (decision.ad_set, decision.ad, decision.creative, decision.publisher, decision.country, decision.os_name)
    assert copied == ("Boots", "A", "9x16", "p-1", "AT", "android")


def test_an_emulators_install_is_rejected_where_the_rules_block_it(project: Project) -> None:
    blocking = Rules(fraud={"emulator": {"action": "block", "threshold": 0}})
    RuleSet.objects.create(project=project, version=1, rules=blocking.to_json())
    message_id = install(project, device={"emulator": True})

    decide()

    decision = decision_of(message_id)
    assert decision.rejected
    assert decision.fraud[0]["code"] == "emulator"


def test_deciding_again_by_the_same_rules_changes_nothing(project: Project) -> None:
    for number in range(5):
        TouchFactory(project=project, touch_id=f"c-{number}", ts=NOON - timedelta(minutes=number + 1), **SAME)
        install(project, at=NOON + timedelta(minutes=number), **HERE, device=S918B)
    install(project, at=NOON + timedelta(minutes=9), properties={"click_id": "c-3"})
    decide()
    decide()
    before = list(Decision.objects.order_by("id").values_list("id", "tier", "touch", "revision", "kind"))

    Install.objects.update(pending=True)
    decide()

    assert list(Decision.objects.order_by("id").values_list("id", "tier", "touch", "revision", "kind")) == before
    claimed = decisions.candidates.of_installs(list(Install.objects.values_list("pk", flat=True)))
    outcome = deciding.decide_batch(decisions.read_batch(claimed, lambda _: Rules()), lambda _: Rules(), explain=False)
    again = {one.claimed.id: (one.verdict.tier, one.verdict.touch and one.verdict.touch.id) for one in outcome.decided}
    assert again == {row.install_id: (row.tier, row.touch_id) for row in Decision.objects.all()}
