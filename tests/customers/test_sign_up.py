"""New accounts: who may make one, and how the house project hears of it."""

from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers import adapter
from customers import services as customers
from customers.models import Member, SignUp
from events.models import Event
from growthplatform.tasks import record_sign_ups
from tests.factories import OrganizationFactory, UserFactory

pytestmark = pytest.mark.django_db
ACCOUNT = {"email": "ada@example.com", "password1": "correct horse 42"}


@pytest.fixture
def invited_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "config", msgspec.structs.replace(adapter.config, sign_up="invited"))


def house_events() -> list[Event]:
    return list(Event.objects.filter(project=customers.house()).order_by("message_id"))


def test_a_new_account_is_signed_in_and_led_on(client: Client) -> None:
    answer = client.post("/accounts/signup/", ACCOUNT)

    assert answer["Location"] == "/dashboard/"
    assert client.get("/dashboard/projects/new/").status_code == 200


def test_the_house_hears_of_a_sign_up_who_it_is_and_what_they_saw_before(client: Client) -> None:
    client.cookies["anonymous_id"] = "11111111-2222-4333-8444-555555555555"
    client.post("/accounts/signup/", ACCOUNT)

    assert record_sign_ups() == 1

    signed_up, identified = house_events()
    user = User.objects.get()
    assert (signed_up.name, signed_up.user_id, signed_up.properties) == ("Signed Up", str(user.pk), {"invited": False})
    assert signed_up.anonymous_id == "11111111-2222-4333-8444-555555555555"
    assert identified.properties["email"] == "ada@example.com"


def test_a_sign_up_is_told_once_also_when_the_run_broke_off_before_it_was_noted(client: Client) -> None:
    client.post("/accounts/signup/", ACCOUNT)
    record_sign_ups()
    SignUp.objects.update(recorded_at=None)

    record_sign_ups()

    assert len(house_events()) == 2
    assert record_sign_ups() == 0


@pytest.mark.parametrize("cookie", ["", "x" * 5_000, "ÿ" * 10])
def test_a_strange_cookie_does_not_spoil_the_sign_up(client: Client, cookie: str) -> None:
    client.cookies["anonymous_id"] = cookie

    client.post("/accounts/signup/", ACCOUNT)

    assert record_sign_ups() == 1
    assert len(house_events()) == 2


def test_where_only_the_invited_come_in_the_door_is_closed(client: Client, invited_only: None) -> None:
    answer = client.post("/accounts/signup/", ACCOUNT)

    assert answer.status_code == 200
    assert not User.objects.exists()


def test_where_only_the_invited_come_in_an_invitation_opens_the_door(client: Client, invited_only: None) -> None:
    organization = OrganizationFactory()
    owner = Member.objects.create(organization=organization, user=UserFactory(), role="owner")
    sent = customers.invite(organization, ACCOUNT["email"], "viewer", by=owner)
    client.get("/" + sent.address.split("/", 3)[3])

    answer = client.post("/accounts/signup/", ACCOUNT)

    assert answer["Location"].startswith("/dashboard/invitations/")


def test_the_mail_address_of_the_invitation_is_filled_in(client: Client) -> None:
    answer = client.get("/accounts/signup/", {"email": "friend@example.com"})

    assert 'value="friend@example.com"' in answer.content.decode()


def test_a_mail_server_that_is_away_does_not_spoil_the_sign_up(client: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    answer = client.post("/accounts/signup/", ACCOUNT)

    assert answer.status_code == 302
    assert User.objects.exists()


def test_every_page_sends_its_view_to_the_house_without_its_key_changing_hands(client: Client) -> None:
    customers.forget_house()
    key = customers.write_key(customers.house())

    text = client.get("/accounts/login/").content.decode()

    assert f'data-write-key="{key}"' in text


def test_before_the_first_start_pages_send_nothing(client: Client) -> None:
    customers.forget_house()

    assert "data-write-key" not in client.get("/accounts/login/").content.decode()


def test_an_account_made_by_createsuperuser_signs_in_by_mail_address(client: Client) -> None:
    User.objects.create_superuser("root", "root@example.com", "correct horse 42")

    answer = client.post("/accounts/login/", {"login": "root@example.com", "password": "correct horse 42"})

    assert answer.status_code == 302
    assert client.get("/admin/").status_code == 200
