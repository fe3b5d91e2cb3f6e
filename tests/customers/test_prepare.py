"""What a start does to the database, and what it says."""

from collections.abc import Iterator
from io import StringIO

import msgspec
import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core.management import call_command
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from analytics.management.commands import prepare
from customers import services as customers
from customers.models import Member
from growthplatform.celery import app
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff_email(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(prepare, "config", msgspec.structs.replace(prepare.config, staff_email="Ada@example.com"))
    return "ada@example.com"


def run(name: str) -> str:
    out = StringIO()
    call_command(name, stdout=out)
    return out.getvalue()


def test_a_start_makes_the_house_and_every_schedule_and_repeats_nothing() -> None:
    run("prepare")
    first = list(PeriodicTask.objects.values_list("name", "task", "interval__every"))
    run("prepare")

    assert list(PeriodicTask.objects.values_list("name", "task", "interval__every")) == first
    assert {name for name, _, _ in first} == set(prepare.schedules())
    assert customers.house_write_key()


def test_every_scheduled_task_exists() -> None:
    app.loader.import_default_modules()

    missing = {task for task, _ in prepare.schedules().values()} - set(app.tasks)

    assert not missing


def test_what_staff_changed_stays_and_what_no_app_wants_goes() -> None:
    run("prepare")
    slow = IntervalSchedule.objects.create(every=7, period="minutes")
    ours = PeriodicTask.objects.first()
    ours.interval, ours.enabled = slow, False
    ours.save()
    PeriodicTask.objects.create(name="gone", task="a.b", interval=slow, description=prepare.OURS)
    PeriodicTask.objects.create(name="of staff", task="a.b", interval=slow)

    run("prepare")

    ours.refresh_from_db()
    assert (ours.interval, ours.enabled) == (slow, False)
    assert not PeriodicTask.objects.filter(name="gone").exists()
    assert PeriodicTask.objects.filter(name="of staff").exists()


def test_a_task_that_moved_is_followed() -> None:
    run("prepare")
    row = PeriodicTask.objects.first()
    task = row.task
    PeriodicTask.objects.filter(pk=row.pk).update(task="old.place")

    run("prepare")

    row.refresh_from_db()
    assert row.task == task


def test_what_waited_too_long_is_not_run_late() -> None:
    run("prepare")

    assert not PeriodicTask.objects.filter(expire_seconds=None).exists()


def test_the_staff_address_becomes_staff_and_owner_of_the_house(staff_email: str) -> None:
    user = UserFactory(username=staff_email)
    EmailAddress.objects.create(user=user, email=staff_email, verified=True, primary=True)

    run("prepare")

    user.refresh_from_db()
    assert user.is_staff
    assert Member.objects.get(user=user).organization.house


def test_a_staff_address_that_nobody_confirmed_opens_nothing(staff_email: str) -> None:
    user = UserFactory(username=staff_email)
    EmailAddress.objects.create(user=user, email=staff_email, verified=False, primary=True)

    run("prepare")

    user.refresh_from_db()
    assert not user.is_staff


def test_a_staff_address_without_an_account_changes_nothing(staff_email: str) -> None:
    run("prepare")

    assert not User.objects.exists()


def test_the_welcome_says_where_the_product_is() -> None:
    text = run("welcome")

    assert "/dashboard/" in text
    assert "/api/docs/" in text
    assert "onboard" in text
    assert "demo" not in text


def test_with_a_demo_the_welcome_says_how_to_sign_in_and_how_to_remove_it() -> None:
    user, _ = customers.create_account(customers.DEMO_EMAIL, customers.demo_password())
    organization = customers.create_organization("Demo Ltd", user, demo=True)
    project = customers.create_project(organization, "Demo app")

    text = run("welcome")

    assert customers.demo_password() in text
    assert customers.write_key(project) in text
    assert "demo --remove" in text


def test_a_changed_demo_password_is_not_claimed_to_work() -> None:
    user, _ = customers.create_account(customers.DEMO_EMAIL, "something else")
    organization = customers.create_organization("Demo Ltd", user, demo=True)
    customers.create_project(organization, "Demo app")

    text = run("welcome")

    assert customers.demo_password() not in text
    assert "was changed" in text
