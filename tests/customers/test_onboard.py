"""manage.py onboard and the door behind it."""

import json
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from customers import services as customers
from customers.models import ApiKey, Organization, SignUp

pytestmark = pytest.mark.django_db


def onboard(*arguments: str) -> str:
    out = StringIO()
    call_command("onboard", *arguments, stdout=out)
    return out.getvalue()


def test_json_has_what_a_client_needs() -> None:
    answer = json.loads(onboard("Acme Ltd", "--email", "ada@example.com", "--json"))

    assert list(answer) == ["organization", "project", "write_key", "secret_key", "dashboard_url"]
    assert answer["organization"] == answer["project"] == "acme-ltd"
    assert answer["write_key"].startswith("wk_")
    assert answer["dashboard_url"].endswith("/dashboard/acme-ltd/start/")
    assert customers.find_caller(answer["secret_key"]).secret


def test_a_repeat_finds_the_same_and_makes_one_more_secret_key() -> None:
    first = json.loads(onboard("Acme Ltd", "--email", "ada@example.com", "--json"))
    second = json.loads(onboard("Acme Ltd", "--email", "Ada@Example.com", "--json"))

    assert first.pop("secret_key") != second.pop("secret_key")
    assert first == second
    assert Organization.objects.count() == 1
    assert ApiKey.objects.filter(kind=ApiKey.Kind.SECRET).live().count() == 2


def test_the_same_name_with_another_address_is_another_customer() -> None:
    onboard("Acme Ltd", "--email", "ada@example.com")
    answer = json.loads(onboard("Acme Ltd", "--email", "bob@example.com", "--json"))

    assert answer["organization"] == "acme-ltd-2"


def test_a_new_account_gets_one_mail_to_choose_a_password(client: object) -> None:
    onboard("Acme Ltd", "--email", "ada@example.com")
    onboard("Acme Ltd", "--email", "ada@example.com")

    (letter,) = mail.outbox
    address = next(line for line in letter.body.splitlines() if "/password/reset/" in line)
    shown = client.get("/" + address.split("/", 3)[3], follow=True)
    assert shown.status_code == 200
    assert "password1" in shown.content.decode()


def test_the_house_hears_of_the_new_account_once() -> None:
    onboard("Acme Ltd", "--email", "ada@example.com")
    onboard("Other Ltd", "--email", "ada@example.com")

    assert SignUp.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "email"), [("", "ada@example.com"), ("Acme", "not an address"), ("x" * 101, "a@b.de")]
)
def test_bad_input_is_refused_in_a_sentence(name: str, email: str) -> None:
    with pytest.raises(CommandError):
        onboard(name, "--email", email)

    assert not Organization.objects.exists()
