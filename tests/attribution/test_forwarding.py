"""Copies for the old vendor: sent as they came, again where that may help, and never to where they must not go."""

from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.utils import timezone

from attribution.shadow import forwarding
from customers.models import Project
from events.models import VendorApp, VendorCopy
from growthplatform.core import cipher
from growthplatform.core.errors import InvalidField
from tests.attribution.vendor_server import Vendor, running

pytestmark = pytest.mark.django_db
State = VendorCopy.State


@pytest.fixture
def vendor(settings: Any) -> Iterator[Vendor]:
    settings.OUTBOUND_PRIVATE_NETWORKS = (ip_network("127.0.0.0/8"),)
    with running() as made:
        yield made


@pytest.fixture
def app(project: Project, vendor: Vendor) -> VendorApp:
    return VendorApp.objects.create(
        project=project, dialect="appsflyer", app_id="id123456789", forward=True, forward_url=vendor.url
    )


def copy(app: VendorApp, **fields: Any) -> VendorCopy:
    given = {
        "method": "POST",
        "path": "/inappevent/id123456789",
        "content_type": "application/json",
        "authorization": cipher.encrypt("their-key"),
        "agent": "their-server/1.0",
        "body": b'{"eventName": "af_purchase"}',
        **fields,
    }
    return VendorCopy.objects.create(project=app.project, app=app, **given)


def send(**later: float) -> int:
    return forwarding.run(now=timezone.now() + timedelta(**later), working_s=5)


def test_a_copy_arrives_as_it_came(app: VendorApp, vendor: Vendor) -> None:
    one = copy(app, query="a=1&b=%20")

    assert send() == 1

    [seen] = vendor.seen
    assert (seen["method"], seen["path"]) == ("POST", "/inappevent/id123456789?a=1&b=%20")
    assert seen["body"] == b'{"eventName": "af_purchase"}'
    assert seen["headers"]["authentication"] == "their-key"
    assert seen["headers"]["User-Agent"] == "their-server/1.0"
    one.refresh_from_db()
    assert (one.state, one.status, one.tries) == (State.DELIVERED, 200, 1)
    assert send(hours=30) == 0


def test_what_fails_is_sent_again_later_and_later_until_a_day_is_over(app: VendorApp, vendor: Vendor) -> None:
    vendor.status = 503
    one, waits, at = copy(app), [], timezone.now()
    for _ in range(7):
        forwarding.run(now=at, working_s=5)
        one.refresh_from_db()
        waits.append((one.next_at - at).total_seconds() / 60)
        at = one.next_at

    for waited, least in zip(waits, [1, 5, 15, 30, 60, 60, 60], strict=True):
        assert least <= waited <= least * 1.1
    assert one.problem == "It answered 503."
    forwarding.run(now=one.received_at + timedelta(hours=23, minutes=30), working_s=5)
    one.refresh_from_db()
    assert one.state == State.FAILED


def test_a_vendor_that_says_when_to_come_again_is_listened_to(app: VendorApp, vendor: Vendor) -> None:
    vendor.status, vendor.headers = 429, {"Retry-After": "700"}
    one, now = copy(app), timezone.now()

    forwarding.run(now=now, working_s=5)

    one.refresh_from_db()
    assert one.next_at - now == timedelta(seconds=700)


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_the_vendors_last_word_is_kept_and_not_asked_for_again(app: VendorApp, vendor: Vendor, status: int) -> None:
    vendor.status = status
    one = copy(app)

    send()

    one.refresh_from_db()
    assert (one.state, one.status) == (State.FAILED, status)
    assert send(hours=2) == 0


def test_a_vendor_that_is_down_does_not_hold_up_the_others(app: VendorApp, vendor: Vendor, project: Project) -> None:
    down = VendorApp.objects.create(
        project=project, dialect="adjust", app_id="abc", forward=True, forward_url="http://127.0.0.1:1"
    )
    for _ in range(forwarding.BREAKS_AFTER):
        copy(down, path="/event")
    done = forwarding.send_due(now=timezone.now())
    new = copy(down, path="/event")

    forwarding._broken(done, timezone.now())
    copy(app)

    assert send() == 1
    assert len(vendor.seen) == 1
    new.refresh_from_db()
    assert new.next_at > timezone.now() + timedelta(seconds=50)


def test_nothing_goes_to_addresses_inside(app: VendorApp, vendor: Vendor, settings: Any) -> None:
    settings.OUTBOUND_PRIVATE_NETWORKS = ()
    one = copy(app)

    send()

    one.refresh_from_db()
    assert vendor.seen == []
    assert "not an address of the public internet" in one.problem
    with pytest.raises(InvalidField, match="public internet"):
        forwarding.switch(app, on=True, url="http://169.254.169.254")


def test_our_own_key_is_not_told_to_the_vendor(app: VendorApp, vendor: Vendor) -> None:
    copy(app, authorization=cipher.encrypt("wk_secret"))

    send()

    assert not any(name.lower() in {"authorization", "authentication"} for name in vendor.seen[0]["headers"])


def test_switched_off_nothing_is_sent_and_what_waits_is_given_up(app: VendorApp, vendor: Vendor) -> None:
    one = copy(app)
    forwarding.switch(app, on=False)

    assert send() == 0

    one.refresh_from_db()
    assert (one.state, vendor.seen) == (State.FAILED, [])
    [health] = forwarding.health(app.project, now=timezone.now())
    assert (health.state, health.failed) == ("off", 1)


def test_health_says_how_copies_fare(app: VendorApp, vendor: Vendor) -> None:
    copy(app)
    send()
    copy(app, received_at=timezone.now() - timedelta(minutes=20), next_at=timezone.now() + timedelta(minutes=9))

    [health] = forwarding.health(app.project, now=timezone.now())

    assert (health.state, health.delivered, health.waiting, health.failed) == ("late", 1, 1, 0)


def test_copies_are_forgotten_in_time(app: VendorApp, vendor: Vendor) -> None:
    copy(app)
    send()
    stale = copy(app, received_at=timezone.now() - timedelta(hours=1))

    assert forwarding.forget_old(now=timezone.now()) == 0
    assert forwarding.forget_old(now=timezone.now() + timedelta(days=3)) == 1
    stale.refresh_from_db()
    assert stale.state == State.FAILED
    assert forwarding.forget_old(now=timezone.now() + timedelta(days=40)) == 1
