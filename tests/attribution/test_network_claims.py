"""Meta's word about an install: read with the project's key, at once or when the key comes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from attribution import claims, network_claims, secrets, tasks
from attribution.models import Install, Secret, Touch
from customers.models import Project
from tests.attribution.factories import decide, decision_of
from tests.attribution.factories import install as send_install
from tests.attribution.test_claims import KEY, REFERRER, event
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db
AT = datetime.fromtimestamp(1_763_300_000, UTC)


def opened(project: Project, **fields: Any) -> Install:
    said = claims.of_event(event({"install_referrer": REFERRER}))
    defaults = {
        "message_id": "i-1",
        "distinct_id": "a-1",
        "installed_at": AT + timedelta(minutes=5),
        "received_at": timezone.now(),
        "install_referrer": said.install_referrer,
        "os_name": "android",
        "pending": False,
    }
    install = Install.objects.create(project=project, **{**defaults, **fields})
    network_claims.keep([(project.pk, install.message_id, said)], now=timezone.now())
    install.refresh_from_db()
    return install


def test_a_message_that_the_key_opens_becomes_a_touch_of_the_install(project: Project) -> None:
    secrets.create(project, Secret.Kind.META_REFERRER, KEY)

    install = opened(project)

    touch = Touch.objects.get(project=project)
    assert (install.claim_id, install.pending) == (touch.touch_id, True)
    assert (touch.touch_id, touch.origin, touch.source) == (f"meta_{install.pk}", "meta_referrer", "meta")
    assert (touch.campaign, touch.ad_set, touch.ad) == (
        "Adams Test Campaign Group", "Adams Test Campaign", "Adams Test Ad Group"
    )  # fmt: skip
    assert (touch.ts, touch.type) == (AT, "click")
    assert touch.received_at == install.received_at


def test_a_click_that_claims_to_be_after_the_install_was_at_the_install(project: Project) -> None:
    secrets.create(project, Secret.Kind.META_REFERRER, KEY)

    install = opened(project, installed_at=AT - timedelta(days=1))

    assert Touch.objects.get().ts == install.installed_at


def test_without_a_key_the_install_stays_as_it_is_and_is_counted_as_unread(project: Project) -> None:
    install = opened(project)

    assert (install.claim_id, install.pending) == ("", False)
    assert network_claims.unread(project, now=timezone.now()) == 1
    assert claims.notes_of(install.install_referrer, install.claim_id) == (claims.META_NOT_DECRYPTED,)


def test_another_projects_key_opens_nothing(project: Project) -> None:
    secrets.create(ProjectFactory(), Secret.Kind.META_REFERRER, KEY)

    assert opened(project).claim_id == ""


def test_a_key_that_comes_later_opens_the_last_days_messages(project: Project) -> None:
    now = timezone.now()
    fresh = opened(project)
    old = opened(project, message_id="i-2", received_at=now - timedelta(hours=25))
    secrets.create(project, Secret.Kind.META_REFERRER, KEY)

    assert network_claims.reread(project, now=now) == 1
    assert network_claims.reread(project, now=now) == 0

    fresh.refresh_from_db()
    old.refresh_from_db()
    assert (fresh.claim_id, fresh.pending) == (f"meta_{fresh.pk}", True)
    assert old.claim_id == ""
    assert network_claims.unread(project, now=now) == 0


def test_keeping_the_same_claim_twice_changes_nothing(project: Project) -> None:
    secrets.create(project, Secret.Kind.META_REFERRER, KEY)
    install = opened(project)
    Install.objects.update(pending=False)

    said = claims.of_event(event({"install_referrer": REFERRER}))
    network_claims.keep([(project.pk, install.message_id, said)], now=timezone.now())

    install.refresh_from_db()
    assert not install.pending
    assert Touch.objects.count() == 1


def test_the_worker_reads_what_came_just_before_a_key(project: Project) -> None:
    install = opened(project)
    secrets.create(project, Secret.Kind.META_REFERRER, KEY)

    assert tasks.read_meta_again() == 1

    install.refresh_from_db()
    assert install.claim_id == f"meta_{install.pk}"
    Secret.objects.update(created_at=timezone.now() - timedelta(hours=1))
    opened(project, message_id="i-3", claim_id="")
    Install.objects.update(claim_id="")
    assert tasks.read_meta_again() == 0


@pytest.mark.django_db(transaction=True)
def test_metas_word_decides_an_install_of_the_stream_and_a_later_key_revises_it(project: Project) -> None:
    now = timezone.now()
    first = send_install(project, at=now, properties={"install_referrer": REFERRER}, os={"name": "Android"})
    decide()
    assert decision_of(first).tier == "organic"
    assert claims.META_NOT_DECRYPTED in decision_of(first).notes

    secrets.create(project, Secret.Kind.META_REFERRER, KEY)
    Touch.objects.all().delete()
    network_claims.reread(project, now=now)
    Touch.objects.update(ts=now - timedelta(hours=1))
    decide()

    revised = decision_of(first)
    assert (revised.tier, revised.revision, revised.source) == ("meta_referrer", 2, "meta")
    assert (revised.campaign, revised.ad_set) == ("Adams Test Campaign Group", "Adams Test Campaign")
    assert revised.probability == 1.0
    assert claims.META_NOT_DECRYPTED not in revised.notes


@pytest.mark.django_db(transaction=True)
def test_metas_word_is_in_the_first_decision_when_the_key_is_there(project: Project) -> None:
    secrets.create(project, Secret.Kind.META_REFERRER, KEY)

    message = send_install(
        project, at=AT + timedelta(minutes=3), properties={"install_referrer": REFERRER}, os={"name": "Android"}
    )
    decide()

    decision = decision_of(message)
    assert (decision.tier, decision.revision, decision.source) == ("meta_referrer", 1, "meta")
