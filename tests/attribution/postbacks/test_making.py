"""Messages are made of final decisions, once each, and taken back when the credit moves."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from attribution.models import Conversion, Decision, Destination, Install, Postback
from attribution.postbacks import making
from customers.models import Project
from tests.attribution.conftest import decided
from tests.attribution.factories import NOON, TouchFactory
from tests.attribution.postbacks.conftest import (
    credited,
    decide_again,
    destination,
    final,
    make,
    messages,
    network,
)

pytestmark = pytest.mark.django_db


def query_of(postback: Postback) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(postback.url).query).items()}


def bought(by: Install, **fields: Any) -> Conversion:
    given: dict[str, Any] = {
        "message_id": f"c-{Conversion.objects.count()}", "name": "Order Completed", "ts": NOON + timedelta(hours=1),
        "received_at": NOON + timedelta(hours=1), "revenue": Decimal("9.9900"), "currency": "EUR", "order_id": "A-1",
        "distinct_id": by.distinct_id, "install": by,
    }  # fmt: skip
    return Conversion.objects.create(project=by.project, **{**given, **fields})


def test_a_network_is_told_of_what_it_brought_and_of_nothing_else(project: Project) -> None:
    tiktok, meta = network(project, "tiktok"), network(project, "meta")
    decision = credited(project, "tiktok")

    make()

    [told] = messages(tiktok)
    assert query_of(told) == {"click_id": "ttc-m-1", "event": "install", "campaign": "Winter sale"}
    assert (told.idempotency_key, told.news) == (f"dec_{decision.pk}-1-install", "install")
    assert messages(meta) == []


def test_a_webhook_is_told_of_organic_installs_too_and_a_network_never(project: Project) -> None:
    webhook, every = destination(project), network(project, "any", sources=[])
    decided(project)
    final(project)

    make()

    body = json.loads(messages(webhook)[0].body)
    assert (body["type"], body["attribution"]["source"]) == ("install", "organic")
    assert messages(every) == []


def test_a_provisional_decision_is_no_news_yet(project: Project) -> None:
    webhook = destination(project)
    decided(project, at=timezone.now())

    make()

    assert messages(webhook) == []


def test_made_again_nothing_is_told_twice(project: Project) -> None:
    webhook = destination(project)
    credited(project)

    make()
    Decision.objects.update(posted=0)
    make()

    assert len(messages(webhook)) == 1


def test_only_news_from_after_the_destination_was_there_are_told(project: Project) -> None:
    early = destination(project)
    credited(project)
    late = destination(project, name="Later")
    Destination.objects.filter(pk=late.pk).update(created_at=NOON + timedelta(hours=1))

    make()

    assert len(messages(early)) == 1
    assert messages(late) == []


def test_a_project_whose_first_destination_is_new_skips_its_past(project: Project) -> None:
    decision = credited(project)
    bought(decision.install)
    webhook = destination(project)
    Destination.objects.filter(pk=webhook.pk).update(created_at=NOON + timedelta(days=2))

    make()

    decision.refresh_from_db()
    assert messages(webhook) == []
    assert decision.posted == decision.revision
    assert not Conversion.objects.filter(posted=False).exists()


def test_without_destinations_nothing_is_touched(project: Project) -> None:
    decision = credited(project)

    assert making.make(now=timezone.now()) == 0

    decision.refresh_from_db()
    assert decision.posted == 0


def test_a_credit_that_moved_is_taken_back_here_and_told_there(project: Project) -> None:
    tiktok, meta = network(project, "tiktok"), network(project, "meta")
    decision = credited(project, "tiktok")
    make()
    Postback.objects.update(tries=1, state="delivered")
    touch = TouchFactory(project=project, source="meta", campaign="Autumn", network_click_id="fb-1")

    decide_again(decision.install, touch=touch, source="meta", campaign="Autumn")
    make()

    first, back = messages(tiktok)
    assert query_of(back) == {
        "click_id": "ttc-m-1", "event": "rejected", "campaign": "Winter sale", "reason": "moved",
    }  # fmt: skip
    assert back.corrects == first
    [told] = messages(meta)
    assert query_of(told) == {"click_id": "fb-1", "event": "install", "campaign": "Autumn"}


def test_a_message_that_no_try_was_made_for_is_canceled_instead(project: Project) -> None:
    tiktok = network(project, "tiktok")
    decision = credited(project, "tiktok")
    make()

    decide_again(decision.install, touch=None, source="organic", campaign="", tier="organic")
    make()

    assert [(one.news, one.state) for one in messages(tiktok)] == [("install", "canceled")]


def test_a_credit_found_to_be_fraud_is_taken_back_and_may_come_back(project: Project) -> None:
    webhook = destination(project)
    decision = credited(project)
    make()
    Postback.objects.update(tries=1, state="delivered")

    decide_again(decision.install, rejected=True)
    make()
    decide_again(decision.install, rejected=False)
    make()

    bodies = [json.loads(one.body) for one in messages(webhook)]
    assert [body["type"] for body in bodies] == ["install", "rejected", "install"]
    assert bodies[1]["reason"] == "fraud"
    assert bodies[1]["corrects"] == bodies[0]["id"]
    assert len({body["id"] for body in bodies}) == 3


def test_a_new_revision_with_the_same_credit_is_no_news(project: Project) -> None:
    webhook = destination(project)
    decision = credited(project)
    make()

    decide_again(decision.install, tier="device_id")
    make()

    assert len(messages(webhook)) == 1


def test_a_conversion_is_told_with_its_revenue_once_its_install_is_final(project: Project) -> None:
    webhook, tiktok = destination(project), network(project, "tiktok", news=["Order Completed"])
    decision = credited(project)
    conversion = bought(decision.install)

    make()

    body = json.loads(messages(webhook)[-1].body)
    assert body["conversion"] == {"revenue": "9.99", "currency": "EUR", "orderId": "A-1"}
    assert (body["type"], body["event"], body["attribution"]["source"]) == ("conversion", "Order Completed", "tiktok")
    assert [one.conversion for one in messages(tiktok)] == [conversion]


def test_a_conversion_of_a_provisional_install_waits(project: Project) -> None:
    webhook = destination(project)
    decision = credited(project)
    Decision.objects.filter(pk=decision.pk).update(state="provisional")
    conversion = bought(decision.install)

    make()

    conversion.refresh_from_db()
    assert not conversion.posted
    assert messages(webhook) == []


def test_a_conversion_of_nobody_known_is_told_to_webhooks_after_two_days(project: Project) -> None:
    webhook, tiktok = destination(project), network(project, "tiktok", news=["*"])
    decision = credited(project)
    old, young = bought(decision.install, install=None), bought(decision.install, install=None)
    Conversion.objects.filter(pk=young.pk).update(received_at=timezone.now())

    make()

    assert [one.conversion for one in messages(webhook) if one.conversion] == [old]
    assert messages(tiktok) == []


def test_a_conversion_that_does_not_count_is_not_told(project: Project) -> None:
    webhook = destination(project)
    bought(credited(project).install, counted=False)

    make()

    assert [one.news for one in messages(webhook)] == ["install"]


def test_conversions_follow_a_credit_that_moves(project: Project) -> None:
    tiktok, meta = (network(project, name, news=["Order Completed", "rejected"]) for name in ("tiktok", "meta"))
    decision = credited(project, "tiktok")
    bought(decision.install)
    make()
    Postback.objects.update(tries=1, state="delivered")

    decide_again(decision.install, touch=None, source="meta")
    make()

    assert [one.news for one in messages(tiktok)] == ["Order Completed", "rejected"]
    assert [one.news for one in messages(meta)] == ["Order Completed"]


def test_the_revenue_of_a_reinstall_goes_to_whom_the_first_install_is_credited(project: Project) -> None:
    tiktok = network(project, "tiktok", news=["Order Completed"])
    first = credited(project, "tiktok")
    decided(project, "again", device_id="device-m-1", at=NOON + timedelta(minutes=30))
    again = final(project, "again")
    assert (again.kind, again.original) == ("reinstall", first)

    bought(again.install)
    make()

    [told] = messages(tiktok)
    assert query_of(told)["click_id"] == "ttc-m-1"


def test_a_paused_destination_gets_its_messages_made_and_an_archived_one_does_not(project: Project) -> None:
    paused, archived = destination(project), destination(project)
    Destination.objects.filter(pk=paused.pk).update(paused_at=NOON)
    Destination.objects.filter(pk=archived.pk).update(archived_at=NOON)
    credited(project)

    make()

    assert len(messages(paused)) == 1
    assert messages(archived) == []


def test_who_refused_tracking_has_no_advertising_id_in_a_message(project: Project) -> None:
    webhook = destination(project)
    credited(project, advertising_id="11111111-2222-4333-8444-555555555555", ad_tracking=False, os_name="ios")

    make()

    assert "11111111-2222" not in messages(webhook)[0].body


def test_an_address_that_grew_too_long_is_given_up_with_a_reason(project: Project) -> None:
    url = "https://8.8.8.8/p?" + "&".join(f"a{number}={{campaign}}" for number in range(30))
    tiktok = network(project, "tiktok", url, news=["install"])
    TouchFactory(project=project, source="tiktok", device_id="device-m-1", campaign="ü" * 100)
    decided(project, device_id="device-m-1")
    final(project)

    make()

    [told] = messages(tiktok)
    assert told.state == "failed"
    assert "longer than" in told.problem
