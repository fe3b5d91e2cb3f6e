"""Keys on their page."""

import pytest
from django.test import Client

from customers import services as customers
from customers.models import ApiKey, Project
from tests.customers.conftest import SignIn
from tests.factories import ApiKeyFactory

pytestmark = pytest.mark.django_db
KEYS = "/dashboard/acme/settings/keys/"


def test_a_secret_key_is_shown_in_the_answer_that_made_it_and_never_again(page: Client, project: Project) -> None:
    answer = page.post(f"{KEYS}create/", {"name": "backend", "kind": "secret"})

    made = answer.context["made"]
    assert made in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert made not in page.get(KEYS).content.decode()
    assert customers.find_caller(made).project_id == project.pk


def test_a_change_does_not_stay_in_the_address_bar(page: Client, project: Project) -> None:
    answer = page.post(f"{KEYS}create/", {"name": "backend", "kind": "secret"}, HTTP_HX_REQUEST="true")

    assert answer["HX-Push-Url"] == "false"


def test_a_write_key_stays_readable(page: Client, project: Project) -> None:
    key = ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE)

    assert key.text in page.get(KEYS).content.decode()


@pytest.mark.parametrize("body", [{"name": "", "kind": "secret"}, {"name": "x", "kind": "master"}, {"name": "x" * 61}])
def test_a_key_without_name_or_kind_is_refused(page: Client, project: Project, body: dict[str, str]) -> None:
    answer = page.post(f"{KEYS}create/", body)

    assert answer.status_code == 422
    assert not project.keys.exists()


def test_rotating_shows_the_new_key_and_when_the_old_one_ends(page: Client, project: Project) -> None:
    key = ApiKeyFactory(project=project, name="backend")

    answer = page.post(f"{KEYS}{key.pk}/rotate/")

    text = answer.content.decode()
    assert answer.context["made"] in text
    assert "Works until" in text
    assert customers.find_caller(key.text)


def test_a_second_rotation_of_the_same_key_makes_none(page: Client, project: Project) -> None:
    key = ApiKeyFactory(project=project)
    page.post(f"{KEYS}{key.pk}/rotate/")

    answer = page.post(f"{KEYS}{key.pk}/rotate/")

    assert not answer.context["made"]
    assert '"kind": "bad"' in answer["HX-Trigger"]


def test_a_rotated_key_can_be_ended_before_its_day_is_over(page: Client, project: Project) -> None:
    key = ApiKeyFactory(project=project, name="backend")
    page.post(f"{KEYS}{key.pk}/rotate/")

    page.post(f"{KEYS}{key.pk}/revoke/", {"confirm": "backend"})

    assert customers.find_caller(key.text) is None


@pytest.mark.parametrize("typed", ["", "Backend", "backend "])
def test_a_key_is_not_revoked_by_another_name(page: Client, project: Project, typed: str) -> None:
    key = ApiKeyFactory(project=project, name="backend")

    page.post(f"{KEYS}{key.pk}/revoke/", {"confirm": typed})

    assert customers.find_caller(key.text)


def test_a_viewer_sees_keys_but_no_buttons(sign_in: SignIn, project: Project) -> None:
    ApiKeyFactory(project=project, name="backend")

    text = sign_in("viewer").get(KEYS).content.decode()

    assert "backend" in text
    assert "revoke-" not in text
    assert "Make key" not in text
