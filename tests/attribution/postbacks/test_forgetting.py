"""Messages go with what they are about, and say nothing of a person for longer than the rest does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from attribution import retention
from attribution.forgetting import forget_person
from attribution.models import Conversion, Decision, Postback, PostbackTry
from customers.models import Project
from tests.attribution.factories import NOON
from tests.attribution.postbacks.conftest import Receiver, credited, decide_again, destination, make, messages, send

pytestmark = pytest.mark.django_db


def test_messages_go_with_their_installs_and_conversions(project: Project) -> None:
    destination(project)
    decision = credited(project)
    for name, install in (("a", decision.install), ("b", None)):
        Conversion.objects.create(
            project=project, message_id=name, distinct_id="x", name="Order Completed", ts=NOON, received_at=NOON,
            install=install,
        )  # fmt: skip
    make()
    Postback.objects.update(tries=1, state="delivered")
    decide_again(decision.install, rejected=True)
    make()
    PostbackTry.objects.create(postback=Postback.objects.earliest("id"))
    Project.objects.update(retention_days=1)

    retention.forget_old(now=timezone.now() + timedelta(days=400))

    assert not Decision.objects.exists()
    assert not Postback.objects.exists()
    assert not PostbackTry.objects.exists()


def test_after_a_while_content_is_forgotten_and_a_correction_is_still_right(
    project: Project, receiver: Receiver
) -> None:
    webhook = destination(project, receiver.url)
    decision = credited(project, advertising_id="11111111-2222-4333-8444-555555555555", ip="198.51.100.7")
    make()
    send()
    assert "198.51.100.7" in str(messages(webhook)[0].facts)

    retention.forget_signals(now=timezone.now() + timedelta(days=60))

    [told] = messages(webhook)
    assert (told.url, told.body, told.attempts.count()) == ("", "", 0)
    assert "11111111" not in str(told.facts)
    assert "198.51.100.7" not in str(told.facts)
    decide_again(decision.install, rejected=True)
    make()
    assert [one.news for one in messages(webhook)] == ["install", "rejected"]
    assert '"clickId"' in messages(webhook)[1].body


def test_of_an_erased_person_nothing_more_is_sent_and_nothing_kept(project: Project, receiver: Receiver) -> None:
    webhook = destination(project, receiver.url)
    credited(project, distinct_id="lena")
    make()

    forget_person(project.pk, ["lena"])
    make()

    assert send() == 0
    [told] = messages(webhook)
    assert (told.state, told.url, told.body, told.facts) == ("canceled", "", "", {})
