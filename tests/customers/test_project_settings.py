"""What a project and an organization are, changed by their managers."""

from typing import Any

import pytest
from django.test import Client

from customers.models import Deletion, Member, Project
from tests.customers.conftest import SignIn
from tests.factories import MemberFactory

pytestmark = pytest.mark.django_db
FIELDS = {
    "name": "Acme app",
    "platform": "ios",
    "bundle_id": "com.acme.app",
    "package_name": "com.acme.app",
    "domain": "acme.example",
    "time_zone": "Europe/Berlin",
    "currency": "EUR",
    "ip_policy": "truncated",
    "retention_days": "90",
}


def save(page: Client, **changes: str) -> Any:
    return page.post("/dashboard/acme/settings/", {**FIELDS, **changes})


def test_all_settings_are_saved(page: Client, project: Project) -> None:
    answer = save(page)

    assert answer.status_code == 302
    project.refresh_from_db()
    assert {name: str(getattr(project, name)) for name in FIELDS} == FIELDS


def test_an_empty_retention_keeps_events_for_good(page: Client, project: Project) -> None:
    save(page, retention_days="")

    project.refresh_from_db()
    assert project.retention_days is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("bundle_id", "no dots"),
        ("package_name", "com.1acme"),
        ("domain", "https://"),
        ("currency", "XXX"),
        ("ip_policy", "some"),
        ("retention_days", "0"),
        ("retention_days", "-1"),
        ("retention_days", "99999999999"),
        ("time_zone", "Berlin"),
        ("name", "\x00"),
    ],
)
def test_a_wrong_value_is_refused_beside_its_field(page: Client, project: Project, field: str, value: str) -> None:
    answer = save(page, **{field: value})

    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    project.refresh_from_db()
    assert project.currency == "USD"


def test_the_page_around_a_refused_form_shows_what_is_stored(page: Client, project: Project) -> None:
    answer = save(page, name="Renamed", currency="XXX")

    assert "<b>Acme app</b>" in answer.content.decode()


def test_a_viewer_sees_the_settings_without_a_button(sign_in: SignIn, project: Project) -> None:
    text = sign_in("viewer").get("/dashboard/acme/settings/").content.decode()

    assert "disabled" in text
    assert ">Save<" not in text
    assert "delete-project" not in text


def test_a_project_is_deleted_after_its_name_was_typed(page: Client, project: Project) -> None:
    answer = page.post("/dashboard/acme/settings/delete/", {"confirm": "Acme app"})

    assert answer["Location"] == "/dashboard/projects/"
    assert Deletion.objects.get().project == project
    assert page.get("/dashboard/acme/settings/").status_code == 404


@pytest.mark.parametrize("typed", ["", "acme app", "Acme"])
def test_a_project_is_not_deleted_by_another_name(page: Client, project: Project, typed: str) -> None:
    page.post("/dashboard/acme/settings/delete/", {"confirm": typed})

    assert not Deletion.objects.exists()


def test_an_organization_is_renamed(page: Client, project: Project) -> None:
    answer = page.post("/dashboard/acme/settings/organization/", {"name": "Acme Group"})

    assert answer.status_code == 302
    project.organization.refresh_from_db()
    assert project.organization.name == "Acme Group"


def test_an_organization_without_a_name_is_refused(page: Client, project: Project) -> None:
    assert page.post("/dashboard/acme/settings/organization/", {"name": " "}).status_code == 422


def test_a_member_leaves_after_the_name_was_typed(sign_in: SignIn, project: Project) -> None:
    browser = sign_in("viewer")
    browser.post("/dashboard/acme/settings/organization/leave/", {"confirm": "something"})
    assert browser.get("/dashboard/acme/settings/").status_code == 200

    browser.post("/dashboard/acme/settings/organization/leave/", {"confirm": "Acme Ltd"})

    assert browser.get("/dashboard/acme/settings/").status_code == 404


def test_the_only_owner_is_told_why_leaving_is_not_possible(page: Client, owner: Member) -> None:
    text = page.get("/dashboard/acme/settings/organization/").content.decode()
    page.post("/dashboard/acme/settings/organization/leave/", {"confirm": "Acme Ltd"})

    assert "only owner" in text
    assert Member.objects.filter(pk=owner.pk).exists()


def test_roles_are_changed_and_members_removed_on_the_page(page: Client, project: Project) -> None:
    member = MemberFactory(organization=project.organization, role="viewer")
    page.post(f"/dashboard/acme/settings/members/{member.pk}/role/", {"role": "editor"})
    member.refresh_from_db()
    assert member.role == "editor"

    page.post(f"/dashboard/acme/settings/members/{member.pk}/remove/", {"confirm": member.user.email})

    assert not Member.objects.filter(pk=member.pk).exists()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("members/{other}/role/", {"role": "king"}),
        ("members/{other}/remove/", {"confirm": "wrong"}),
        ("members/{own}/role/", {"role": "viewer"}),
    ],
)
def test_what_can_not_be_done_to_members_is_said_in_a_toast(
    page: Client, project: Project, owner: Member, path: str, body: dict[str, str]
) -> None:
    other = MemberFactory(organization=project.organization, role="viewer")

    answer = page.post("/dashboard/acme/settings/" + path.format(other=other.pk, own=owner.pk), body)

    assert '"kind": "bad"' in answer["HX-Trigger"]
    assert set(project.organization.members.values_list("role", flat=True)) == {"owner", "viewer"}


@pytest.mark.parametrize("email", ["", "nonsense", "two@example.com,three@example.com"])
def test_an_invitation_needs_an_address(page: Client, project: Project, email: str) -> None:
    answer = page.post("/dashboard/acme/settings/members/invite/", {"email": email, "role": "viewer"})

    assert answer.status_code == 422
    assert not project.organization.invitations.exists()


def test_inviting_a_member_is_refused_beside_the_field(page: Client, owner: Member) -> None:
    answer = page.post("/dashboard/acme/settings/members/invite/", {"email": owner.user.email, "role": "viewer"})

    assert answer.status_code == 422
    assert "is a member already" in answer.content.decode()
