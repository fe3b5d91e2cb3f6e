"""Who a key lets in, and who not."""

import base64
from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from customers import services as customers
from customers.api import IngestView, ProjectView
from customers.models import ApiKey, Project
from tests.factories import ApiKeyFactory

pytestmark = pytest.mark.django_db


class Managed(ProjectView):
    def get(self, request: Request) -> Response:
        return Response({"project": self.project.slug})


class Sent(IngestView):
    def get(self, request: Request) -> Response:
        return Response({"project": self.caller.project_id})


def ask(view: type[ProjectView], header: str = "") -> Response:
    headers = {"HTTP_AUTHORIZATION": header} if header else {}
    return view.as_view()(RequestFactory().get("/", **headers))


def basic(user: str, password: str = "") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_secret_key_as_bearer_opens_its_own_project(project: Project) -> None:
    key = ApiKeyFactory(project=project)

    answer = ask(Managed, f"Bearer {key.text}")

    assert answer.status_code == 200
    assert answer.data == {"project": project.slug}


@pytest.mark.parametrize("password", ["", "anything"])
def test_a_secret_key_as_user_name_of_basic_opens_its_project(project: Project, password: str) -> None:
    key = ApiKeyFactory(project=project)

    answer = ask(Managed, basic(key.text, password))

    assert answer.status_code == 200


def test_no_key_is_401_and_says_how_to_send_one(project: Project) -> None:
    answer = ask(Managed)

    assert answer.status_code == 401
    assert answer.data["code"] == "missing_key"
    assert "Bearer" in answer.data["message"]
    assert answer["WWW-Authenticate"]


@pytest.mark.parametrize(
    "header", ["Bearer sk_unknown", "Bearer nonsense", "Bearer " + "sk_" + "a" * 500, basic("sk_ünknown")]
)
def test_an_unknown_key_is_401(header: str) -> None:
    answer = ask(Managed, header)

    assert answer.status_code == 401
    assert answer.data["code"] == "invalid_key"


@pytest.mark.parametrize("header", ["Basic not-base64!", "Basic", "Bearer", "Digest abc", "Basic /w=="])
def test_a_broken_header_is_401_and_never_a_fault(header: str) -> None:
    answer = ask(Managed, header)

    assert answer.status_code == 401


def test_a_write_key_may_send_but_not_manage(project: Project) -> None:
    key = ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE)

    managing, sending = ask(Managed, f"Bearer {key.text}"), ask(Sent, basic(key.text))

    assert (managing.status_code, managing.data["code"]) == (403, "secret_key_required")
    assert sending.data == {"project": project.pk}


def test_a_revoked_key_is_refused_at_once_in_this_process(project: Project) -> None:
    key = ApiKeyFactory(project=project)
    assert ask(Managed, f"Bearer {key.text}").status_code == 200

    customers.revoke(key)

    assert ask(Managed, f"Bearer {key.text}").status_code == 401


def test_a_rotated_key_works_beside_the_new_one_for_24_hours(project: Project) -> None:
    key = ApiKeyFactory(project=project, name="backend")

    new, text = customers.rotate(key)

    assert ask(Managed, f"Bearer {key.text}").status_code == 200
    assert ask(Managed, f"Bearer {text}").status_code == 200
    key.refresh_from_db()
    assert timedelta(hours=23, minutes=59) < key.expires_at - timezone.now() <= timedelta(hours=24)
    assert new.name == "backend"


def test_a_rotated_key_ends_when_its_day_is_over(project: Project) -> None:
    key = ApiKeyFactory(project=project)
    customers.rotate(key)
    assert ask(Managed, f"Bearer {key.text}").status_code == 200

    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now())
    customers.forget_cached()

    assert ask(Managed, f"Bearer {key.text}").status_code == 401


def test_a_key_is_rotated_once_however_often_one_clicks(project: Project) -> None:
    key = ApiKeyFactory(project=project)
    customers.rotate(key)

    with pytest.raises(Exception, match="rotated or revoked before"):
        customers.rotate(key)

    assert project.keys.count() == 2


def test_a_rotated_key_keeps_its_own_speed(project: Project) -> None:
    key = ApiKeyFactory(project=project, events_per_second=7)

    new, _ = customers.rotate(key)

    assert new.events_per_second == 7


def test_only_the_fingerprint_of_a_secret_key_is_kept(project: Project) -> None:
    key = ApiKeyFactory(project=project)

    stored = ApiKey.objects.values().get(pk=key.pk)

    assert not [value for value in stored.values() if isinstance(value, str) and key.text in value]


def test_keys_of_a_deleted_project_open_nothing(project: Project) -> None:
    key = ApiKeyFactory(project=project)

    customers.delete_project(project, asked_by=None)

    assert ask(Managed, f"Bearer {key.text}").status_code == 401
