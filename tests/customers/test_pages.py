"""Who may open and change what, on every page of customers."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from customers.models import Member, Project
from customers.urls import urlpatterns
from tests.customers.conftest import SignIn
from tests.factories import ApiKeyFactory, InvitationFactory, MemberFactory

pytestmark = pytest.mark.django_db

OPEN_TO_MEMBERS = [
    "getting-started",
    "getting-started-arrived",
    "project-settings",
    "key-list",
    "member-list",
    "organization-settings",
]
FOR_MANAGERS = ["activity-list"]
CHANGES = [
    "project-settings",
    "project-settings-check",
    "project-delete",
    "key-create",
    "key-rotate",
    "key-revoke",
    "invitation-create",
    "member-role",
    "member-remove",
    "invitation-resend",
    "invitation-revoke",
    "organization-settings",
    "organization-settings-check",
]
WITHOUT_PROJECT = ["start", "project-list", "project-create", "project-create-check", "deletion-list"]
OTHERS = ["invitation-accept", "organization-leave"]


@pytest.fixture
def address(project: Project, owner: Member) -> Any:
    """Write the address of a view, with rows of the project where it names one."""
    rows = {
        "key_id": ApiKeyFactory(project=project).pk,
        "member_id": MemberFactory(organization=project.organization).pk,
        "invitation_id": InvitationFactory(
            organization=project.organization, expires_at=owner.created_at, token_hash="0" * 64
        ).pk,
    }

    def of(name: str) -> str:
        part = next(part for part in urlpatterns if part.name == name)
        names = part.pattern.converters
        more = {key: value for key, value in rows.items() if key in names}
        return reverse(f"customers:{name}", kwargs={"project_slug": project.slug, **more})

    return of


def test_every_address_is_in_one_of_the_lists_here() -> None:
    tested = {*OPEN_TO_MEMBERS, *FOR_MANAGERS, *CHANGES, *WITHOUT_PROJECT, *OTHERS}

    assert tested == {part.name for part in urlpatterns}


@pytest.mark.parametrize("name", OPEN_TO_MEMBERS)
@pytest.mark.parametrize("role", Member.Role.values)
def test_every_member_may_look(name: str, role: str, address: Any, sign_in: SignIn) -> None:
    answer = sign_in(role).get(address(name))

    assert answer.status_code == 200


@pytest.mark.parametrize("name", FOR_MANAGERS)
@pytest.mark.parametrize(("role", "status"), [("owner", 200), ("admin", 200), ("editor", 403), ("viewer", 403)])
def test_managers_may_look_at_more(name: str, role: str, status: int, address: Any, sign_in: SignIn) -> None:
    answer = sign_in(role).get(address(name))

    assert answer.status_code == status


@pytest.mark.parametrize("name", [*OPEN_TO_MEMBERS, *FOR_MANAGERS])
def test_a_strangers_project_does_not_exist(name: str, address: Any, sign_in: SignIn) -> None:
    assert sign_in("stranger").get(address(name)).status_code == 404


@pytest.mark.parametrize("name", [*CHANGES, "organization-leave"])
def test_a_stranger_changes_nothing_and_finds_nothing(name: str, address: Any, sign_in: SignIn) -> None:
    assert sign_in("stranger").post(address(name)).status_code == 404


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_only_managers_change(name: str, role: str, address: Any, sign_in: SignIn) -> None:
    answer = sign_in(role).post(address(name))

    assert answer.status_code == 403
    assert "Ask an owner or admin" in answer.content.decode()


@pytest.mark.parametrize("name", [*OPEN_TO_MEMBERS, *FOR_MANAGERS])
def test_who_is_not_signed_in_is_sent_to_sign_in(name: str, address: Any, client: Client) -> None:
    answer = client.get(address(name))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=")


@pytest.mark.parametrize("name", WITHOUT_PROJECT)
def test_pages_without_a_project_ask_to_sign_in_too(name: str, client: Client) -> None:
    path = reverse(f"customers:{name}")

    assert client.get(path)["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", ["key-rotate", "key-revoke"])
def test_a_key_of_another_project_does_not_exist(name: str, page: Client, project: Project) -> None:
    foreign = ApiKeyFactory()

    answer = page.post(reverse(f"customers:{name}", args=[project.slug, foreign.pk]), {"confirm": foreign.label})

    assert answer.status_code == 404
    foreign.refresh_from_db()
    assert foreign.live


@pytest.mark.parametrize("name", ["member-role", "member-remove"])
def test_a_member_of_another_organization_does_not_exist(name: str, page: Client, project: Project) -> None:
    foreign = MemberFactory()

    answer = page.post(reverse(f"customers:{name}", args=[project.slug, foreign.pk]), {"role": "viewer"})

    assert answer.status_code == 404


@pytest.mark.parametrize("name", [name for name in CHANGES if not name.endswith("settings")])
def test_a_change_is_not_made_by_a_link(name: str, address: Any, page: Client) -> None:
    assert page.get(address(name)).status_code == 405
