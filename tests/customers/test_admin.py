"""The staff admin: every list and detail opens, what is measured can't be changed, lists don't ask row by row."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import models
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from attribution.models import LateBatch, Touch
from customers import services as customers
from customers.models import Deletion, Project
from events.models import Consumer
from tests.customers.conftest import signed_in
from tests.customers.test_erasing import fill
from tests.factories import ApiKeyFactory, InvitationFactory, MemberFactory, ProjectFactory, UserFactory

pytestmark = pytest.mark.django_db
OWN = ["customers", "events", "attribution", "analytics"]
MODELS = [model for name in OWN for model in apps.get_app_config(name).get_models()]
# Shown inside their decision, or their postback.
INSIDE = {"Candidate", "PostbackTry"}
LOOK_ONLY = ["event", "rejected", "person", "identity", "consumer"]


@pytest.fixture
def staff() -> Client:
    return signed_in(UserFactory(is_staff=True, is_superuser=True))


def everything(project: Project) -> None:
    """Make at least one row of every model."""
    fill(project)
    user = MemberFactory(organization=project.organization).user
    InvitationFactory(organization=project.organization, expires_at=timezone.now(), token_hash="0" * 64)
    ApiKeyFactory(project=project)
    customers.note_sign_up(user)
    customers.delete_project(ProjectFactory(organization=project.organization), asked_by=user)
    Consumer.objects.get_or_create(name="people")
    LateBatch.objects.create(project=project, touches=[1])


def listed(model: type[models.Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def test_every_model_has_its_place() -> None:
    assert {model.__name__ for model in MODELS} - {model.__name__ for model in admin.site._registry} == INSIDE


@pytest.mark.parametrize("model", [model for model in MODELS if model.__name__ not in INSIDE])
def test_every_list_opens_and_is_searched(model: type[models.Model], staff: Client, project: Project) -> None:
    fill(project)

    assert staff.get(listed(model)).status_code == 200
    assert staff.get(listed(model), {"q": "acme"}).status_code == 200


@pytest.mark.parametrize("model", [model for model in MODELS if model.__name__ not in INSIDE])
def test_a_list_asks_the_database_as_often_for_many_rows_as_for_few(
    model: type[models.Model], staff: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(8):
        project = ProjectFactory()
        MemberFactory(organization=project.organization)
        ApiKeyFactory(project=project)
        fill(project)

    with django_assert_max_num_queries(12):
        staff.get(listed(model))


@pytest.mark.parametrize("model", [model for model in MODELS if model.__name__ not in {*INSIDE, "Event"}])
def test_every_detail_opens(model: type[models.Model], staff: Client, project: Project) -> None:
    everything(project)
    row = model._default_manager.first()

    answer = staff.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk]))

    assert answer.status_code == 200


def test_what_was_measured_and_decided_can_not_be_changed(staff: Client, project: Project) -> None:
    fill(project)
    touch = Touch.objects.get()

    answer = staff.post(reverse("admin:attribution_touch_change", args=[touch.pk]), {"source": "forged"})

    assert answer.status_code == 403
    assert staff.get(reverse("admin:attribution_decision_add")).status_code == 403


def test_a_key_shows_no_fingerprint_and_is_revoked_by_staff(staff: Client, project: Project) -> None:
    key = ApiKeyFactory(project=project)

    text = staff.get(reverse("admin:customers_apikey_change", args=[key.pk])).content.decode()
    staff.post(reverse("admin:customers_apikey_changelist"), {"action": "revoke", "_selected_action": [key.pk]})

    assert key.key_hash not in text
    assert customers.find_caller(key.text) is None


def test_a_project_deleted_by_staff_takes_its_events_along(staff: Client, project: Project) -> None:
    address = reverse("admin:customers_project_changelist")

    staff.post(address, {"action": "delete_with_events", "_selected_action": [project.pk]})

    assert Deletion.objects.get().project == project
    assert Deletion.objects.get().asked_at <= timezone.now()


def test_a_member_who_is_not_staff_does_not_see_the_admin(page: Client) -> None:
    assert page.get("/admin/").status_code == 302


@pytest.mark.parametrize("model", [model for model in admin.site._registry if model not in MODELS])
def test_the_lists_of_the_packages_underneath_open_too(model: type[models.Model], staff: Client) -> None:
    assert staff.get(listed(model)).status_code == 200


def test_a_schedule_is_made_in_the_admin(staff: Client) -> None:
    assert staff.get(reverse("admin:django_celery_beat_periodictask_add")).status_code == 200
