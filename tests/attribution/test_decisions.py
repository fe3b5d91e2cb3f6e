"""From the stream to decisions, on real rows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from attribution import late
from attribution.models import Candidate, Decision, Install
from customers.models import Project
from tests.attribution.factories import NOON, TouchFactory, decide, decision_of, install
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


def test_an_install_with_a_click_id_is_credited_to_that_click(project: Project) -> None:
    touch = TouchFactory(project=project, touch_id="tch_1")
    message_id = install(project, properties={"click_id": "tch_1"})

    decide()

    decision = decision_of(message_id)
    assert (decision.tier, decision.touch, decision.probability) == ("click_id", touch, 1.0)
    assert (decision.source, decision.campaign, decision.state) == ("tiktok", "Winter sale", "provisional")
    assert decision.candidates.get().reasons == ["same_click_id", "latest_click"]
    assert not decision.install.pending


def test_an_install_referrer_carries_the_click_id(project: Project) -> None:
    touch = TouchFactory(project=project, touch_id="tch_1")
    message_id = install(project, properties={"install_referrer": "utm_source=tiktok&click_id=tch_1"})

    decide()

    decision = decision_of(message_id)
    assert (decision.tier, decision.touch) == ("install_referrer", touch)


def test_a_still_quoted_install_referrer_is_read_too(project: Project) -> None:
    TouchFactory(project=project, touch_id="tch_1")
    message_id = install(project, properties={"install_referrer": "click_id%3Dtch_1%26utm_source%3Dtiktok"})

    decide()

    assert decision_of(message_id).tier == "install_referrer"


def test_an_advertising_id_ties_a_click_to_an_install_whatever_its_case(project: Project) -> None:
    touch = TouchFactory(project=project, advertising_id="38400000-8cf0-11bd-b23e-10b96e40000d")
    message_id = install(project, device={"advertisingId": "38400000-8CF0-11BD-B23E-10B96E40000D"})

    decide()

    decision = decision_of(message_id)
    assert (decision.tier, decision.touch) == ("device_id", touch)


def test_a_zeroed_advertising_id_matches_nobody(project: Project) -> None:
    zeroed = "00000000-0000-0000-0000-000000000000"
    TouchFactory(project=project, advertising_id=zeroed, ip="203.0.113.7", os_name="ios")
    message_id = install(
        project, device={"advertisingId": zeroed, "adTrackingEnabled": True}, ip="203.0.113.7", os={"name": "Android"}
    )

    decide()

    decision = decision_of(message_id)
    assert decision.tier == "organic"
    assert decision.candidates.get().reasons == ["same_network", "zeroed_id", "other_os"]


def test_the_same_network_and_device_is_enough_within_a_day(project: Project) -> None:
    touch = TouchFactory(project=project, ip="203.0.113.7", os_name="android", os_version="14", device_model="sm-s918b")
    message_id = install(
        project, ip="203.0.113.7", os={"name": "Android", "version": "14.0"}, device={"model": "SM-S918B"}
    )

    decide()

    decision = decision_of(message_id)
    assert (decision.tier, decision.touch) == ("probabilistic", touch)
    assert decision.probability is not None
    assert 0.5 < decision.probability < 1


def test_on_ios_the_network_is_not_asked_without_consent(project: Project) -> None:
    TouchFactory(project=project, ip="203.0.113.7", os_name="ios", os_version="17.2", device_model="iphone")
    same = {"ip": "203.0.113.7", "os": {"name": "iOS", "version": "17.2"}}
    silent = install(project, **same, device={"model": "iPhone14,2"})
    agreed = install(project, **same, device={"model": "iPhone14,2", "adTrackingEnabled": True})

    decide()

    assert decision_of(silent).tier == "organic"
    assert "no_consent" in decision_of(silent).candidates.get().reasons
    assert decision_of(agreed).tier == "probabilistic"


def test_a_project_that_truncates_addresses_is_not_matched_by_them() -> None:
    project = ProjectFactory(ip_policy="truncated")
    TouchFactory(project=project, ip="203.0.113.0", os_name="android")
    message_id = install(project, ip="203.0.113.7", os={"name": "Android"})

    decide()

    decision = decision_of(message_id)
    assert decision.tier == "organic"
    assert "truncated_address" in decision.candidates.get().reasons


def test_another_projects_touch_is_never_found(project: Project) -> None:
    TouchFactory(project=ProjectFactory(), touch_id="tch_1", ip="203.0.113.7", os_name="android")
    message_id = install(project, properties={"click_id": "tch_1"}, ip="203.0.113.7", os={"name": "Android"})

    decide()

    decision = decision_of(message_id)
    assert decision.tier == "organic"
    assert not decision.candidates.exists()


def test_a_bots_click_is_shown_but_never_credited(project: Project) -> None:
    TouchFactory(project=project, touch_id="tch_1", bot=True)
    message_id = install(project, properties={"click_id": "tch_1"})

    decide()

    decision = decision_of(message_id)
    assert decision.tier == "organic"
    assert decision.candidates.get().reasons == ["same_click_id", "bot"]


def test_of_a_crowd_on_one_network_only_the_newest_are_kept_but_all_are_counted(project: Project) -> None:
    for number in range(30):
        TouchFactory(
            project=project, ip="203.0.113.7", os_name="windows phone", ts=NOON - timedelta(minutes=number + 1)
        )
    mine = TouchFactory(project=project, ip="203.0.113.7", device_id="d-12", ts=NOON - timedelta(hours=2))
    message_id = install(project, ip="203.0.113.7", os={"name": "Android"}, device={"id": "d-12"})

    decide()

    decision = decision_of(message_id)
    assert decision.touch == mine
    assert decision.considered == 31
    assert decision.candidates.count() == 21


def test_an_event_is_one_install_however_often_the_stream_is_read(project: Project) -> None:
    message_id = install(project)
    decide()

    decide()

    assert Install.objects.filter(message_id=message_id).count() == 1
    assert Decision.objects.count() == 1


@pytest.mark.parametrize(
    "sent",
    [
        {"properties": {"click_id": {"a": 1}, "install_referrer": 7, "install_begin_at": "soon"}},
        {"device": "phone", "os": [], "app": None, "ip": "nowhere"},
        {"properties": {"click_id": "x" * 5_000, "referrer_click_at": 1e300}},
        {"device": {"id": "i" * 4_000, "advertisingId": True, "model": 3.5}, "userAgent": 12},
    ],
)
def test_an_install_with_nonsense_in_it_is_organic(project: Project, sent: dict[str, object]) -> None:
    message_id = install(project, **sent)

    decide()

    assert decision_of(message_id).tier == "organic"


def test_a_click_that_arrives_after_its_install_revises_the_decision(project: Project) -> None:
    message_id = install(project, at=timezone.now(), properties={"click_id": "tch_late"})
    decide()
    assert decision_of(message_id).tier == "organic"

    touch = TouchFactory(project=project, touch_id="tch_late", ts=timezone.now() - timedelta(hours=1))
    project_late_batch(project, touch.pk)
    decide()

    decision = decision_of(message_id)
    assert (decision.tier, decision.touch, decision.revision) == ("click_id", touch, 2)
    assert Candidate.objects.count() == 1


def project_late_batch(project: Project, *touches: int) -> None:
    """Leave the note that POST /v1/touches leaves."""
    from attribution.models import LateBatch

    LateBatch.objects.create(project=project, touches=list(touches))


def test_a_decision_becomes_final_a_day_after_its_install_was_received(project: Project) -> None:
    message_id = install(project)
    decide()

    early = late.finish(now=timezone.now() + timedelta(hours=23))
    on_time = late.finish(now=timezone.now() + timedelta(hours=24))

    assert (early, on_time) == (0, 1)
    assert decision_of(message_id).state == "final"


def test_a_final_decision_is_not_reopened(project: Project) -> None:
    message_id = install(project, properties={"click_id": "tch_late"})
    decide()
    Install.objects.update(received_at=timezone.now() - timedelta(hours=25))
    late.finish(now=timezone.now())
    touch = TouchFactory(project=project, touch_id="tch_late")
    project_late_batch(project, touch.pk)

    reopened = late.reopen(now=timezone.now())

    assert reopened == 0
    assert decision_of(message_id).tier == "organic"
