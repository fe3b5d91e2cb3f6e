"""The hourly look at sources: flags are raised, stand, are lowered; installs are decided again."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from attribution import decisions, rule_sets
from attribution.fraud import changes, effects, evidence, hourly
from attribution.models import Decision, FraudFlag, Install
from customers.models import Project
from tests.attribution.conftest import installed
from tests.attribution.factories import TouchFactory

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def brought(
    project: Project, number: int, age: timedelta, *, source: str = "shady", publisher: str = "", apart: int = 0
) -> None:
    """Make installs, each with a click of its own so long before."""
    for each in range(number):
        at = NOW - timedelta(hours=2, minutes=each)
        name = f"{source}-{publisher}-{each + apart}"
        TouchFactory(project=project, touch_id=name, source=source, publisher=publisher, ts=at - age)
        installed(project, name, at=at, click_id=name)


def decide() -> None:
    """Decide what waits. A test is one transaction, and what is staged in one goes only when it commits."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS decision_stage")
    decisions.decide_pending(1_000, now=NOW)


@pytest.fixture
def shady(project: Project) -> Project:
    """A project with an honest source, and one whose installs come half a day after its clicks."""
    brought(project, 60, timedelta(minutes=5), source="honest")
    brought(project, 60, timedelta(hours=12), publisher="p1")
    decide()
    return project


def test_a_publisher_with_flat_times_is_flagged_and_its_installs_say_so(shady: Project) -> None:
    changed = hourly.run(now=NOW)

    flag = FraudFlag.objects.get()
    assert changed == 1
    assert (flag.project, flag.code, flag.source, flag.publisher) == (shady, "ctit_flat", "shady", "p1")
    assert flag.evidence["value"] == 0
    assert sum(flag.evidence["times"]) == 60
    assert Install.objects.filter(pending=True).count() == 60
    decide()
    found = evidence.tallies(shady.pk, NOW - timedelta(days=1), NOW)
    assert (found["ctit_flat"].installs, found["ctit_flat"].credited, found["ctit_flat"].blocked) == (60, 60, 0)


def test_looking_again_changes_nothing(shady: Project) -> None:
    hourly.run(now=NOW)
    decide()

    assert hourly.run(now=NOW + HOUR) == 0
    assert FraudFlag.objects.count() == 1
    assert not Install.objects.filter(pending=True).exists()


def test_a_blocking_rule_takes_the_credit_and_the_flag_stays_up(shady: Project) -> None:
    changes.set_rule(shady, "ctit_flat", action="block", threshold=None, user=None)
    Install.objects.update(pending=True)
    Decision.objects.all().delete()
    decide()

    hourly.run(now=NOW)
    decide()
    again = hourly.run(now=NOW + HOUR)

    sources = set(Decision.objects.values_list("source", flat=True))
    assert sources == {"honest", "organic"}
    assert again == 0
    assert FraudFlag.objects.get().until is None


def test_a_flag_is_lowered_when_it_no_longer_holds(shady: Project) -> None:
    hourly.run(now=NOW)
    brought(shady, 200, timedelta(minutes=5), publisher="p1", apart=1_000)
    decide()

    hourly.run(now=NOW + HOUR)

    assert FraudFlag.objects.get(code="ctit_flat").until == NOW + HOUR


def test_a_rule_that_is_off_raises_nothing(shady: Project) -> None:
    changes.set_rule(shady, "ctit_flat", action="off", threshold=None, user=None)

    assert hourly.run(now=NOW) == 0


def test_a_dismissed_flag_speaks_against_nobody_and_is_not_raised_again(
    shady: Project, django_user_model: type[User]
) -> None:
    user = django_user_model.objects.create(username="ann")
    hourly.run(now=NOW)
    decide()
    flag = FraudFlag.objects.get()

    assert changes.dismiss(flag, user=user, now=NOW) == 60
    assert changes.dismiss(flag, user=user, now=NOW) == 0
    decide()
    assert evidence.tallies(shady.pk, NOW - timedelta(days=1), NOW) == {}
    assert hourly.run(now=NOW + HOUR) == 0
    assert FraudFlag.objects.get().dismissed_by == user

    assert changes.restore(flag) == 60
    decide()
    assert evidence.tallies(shady.pk, NOW - timedelta(days=1), NOW)["ctit_flat"].installs == 60


def test_clicks_are_counted_by_publisher_and_repeats_by_device(project: Project) -> None:
    at = NOW - timedelta(hours=3)
    for device, number in (("aaaa-1", 25), ("bbbb-2", 20), ("0000-0000", 30)):
        for _ in range(number):
            TouchFactory(project=project, source="x", publisher="p", advertising_id=device, ts=at)
    TouchFactory(project=project, source="x", publisher="p", bot=True, ts=at)
    TouchFactory(project=project, source="x", publisher="p", ts=NOW - timedelta(minutes=5))

    [group] = hourly.count(project.pk, until=NOW)

    assert (group.source, group.publisher, group.clicks, group.repeated) == ("x", "p", 75, 25)


def test_wrongly_signed_clicks_of_the_last_hour_open_the_breaker(project: Project) -> None:
    for number in range(120):
        TouchFactory(
            project=project,
            source="x",
            signature="invalid" if number < 90 else "valid",
            ts=NOW - timedelta(minutes=10),
        )
    installed(project, at=NOW - timedelta(minutes=5))
    decide()

    hourly.run(now=NOW)

    assert FraudFlag.objects.get().code == "signature_breaker"


def test_the_effect_of_another_threshold_is_measured_on_the_past(project: Project) -> None:
    brought(project, 3, timedelta(seconds=5))
    brought(project, 4, timedelta(seconds=20), apart=100)
    decide()

    past = effects.past_of(project, "ctit_quick", now=NOW)

    assert [(past.at(limit).struck, past.at(limit).credited) for limit in (3, 10, 30)] == [(0, 0), (3, 3), (7, 7)]
    assert past.looked == 7
    assert past.at(30).by_source == [("shady", 7)]


@pytest.mark.parametrize("code", ["address_flood", "device_farm", "dup_device", "geo_mismatch", "emulator"])
def test_every_other_rule_can_be_measured_as_well(project: Project, code: str) -> None:
    at = NOW - HOUR
    for number in range(4):
        name = f"t-{number}"
        TouchFactory(
            project=project, touch_id=name, ip="192.0.2.7", country="DE", ts=at - timedelta(minutes=10), os_name="ios"
        )
        installed(
            project, name, at=at + timedelta(seconds=number), click_id=name, ip="192.0.2.7", device_id="d-1",
            country="US", emulator=True,
        )  # fmt: skip
    decide()

    past = effects.past_of(project, code, now=NOW)

    most = {"address_flood": 3, "device_farm": 2, "dup_device": 0}.get(code, 0)
    assert past.at(most).struck > 0
    assert past.at(most).struck <= past.looked == Install.objects.count()


def test_sources_are_judged_at_any_threshold(shady: Project) -> None:
    def struck(threshold: float) -> list[tuple[str, str]]:
        found = effects.sources_at(shady, "ctit_flat", threshold, now=NOW)
        return [(one.source, one.publisher) for one in found if one.strikes]

    assert struck(0.4) == [("shady", "p1")]
    assert struck(0.0) == []


def test_setting_a_rule_publishes_the_next_version_once(project: Project) -> None:
    rule_sets.current([project.pk])

    made = changes.set_rule(project, "ctit_quick", action="block", threshold=5, user=None, base=1)
    same = changes.set_rule(project, "ctit_quick", action="block", threshold=5, user=None)

    assert made.version == same.version == 2
    assert made.note == "Very short click-to-install time: block, below 5 s"
    assert made.rules["fraud"] == {"ctit_quick": {"action": "block", "threshold": 5}}
    back = changes.set_rule(project, "ctit_quick", action="flag", threshold=10, user=None)
    assert back.rules["fraud"] == {}
    with pytest.raises(rule_sets.RulesOvertaken):
        changes.set_rule(project, "ctit_quick", action="off", threshold=5, user=None, base=1)


def test_a_partners_address_opens_until_it_is_closed(project: Project, django_user_model: type[User]) -> None:
    now, user = timezone.now(), django_user_model.objects.create(username="ann")
    TouchFactory(project=project, source="shady")

    made, token = changes.share(project, "shady", since=NOW - HOUR, until=NOW, user=user, now=now)

    found = changes.find_share(token, now=now)
    assert found == made
    assert token not in made.token_hash
    assert changes.find_share(token, now=now + timedelta(days=31)) is None
    changes.revoke(made, now=now)
    assert changes.find_share(token, now=now) is None
