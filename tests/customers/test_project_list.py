"""The way to a project: the first page after sign-in, the list, a new project."""

from typing import Any

import pytest
from django.test import Client

from customers import services as customers
from customers.models import Deletion, Member, Organization, Project
from tests.customers.conftest import SignIn, signed_in
from tests.factories import MemberFactory, ProjectFactory, UserFactory

pytestmark = pytest.mark.django_db
NEW = {"organization_name": "Acme Ltd", "name": "Shop", "platform": "web", "domain": "", "time_zone": "Europe/Berlin"}


def test_the_first_page_is_the_project_last_seen(page: Client, project: Project) -> None:
    other = ProjectFactory(organization=project.organization, name="Aaa")
    page.get(f"/dashboard/{project.slug}/settings/")

    answer = page.get("/dashboard/")

    assert answer["Location"] == f"/dashboard/{project.slug}/"
    assert other.name < project.name


def test_a_new_account_is_led_to_its_first_project() -> None:
    answer = signed_in(UserFactory()).get("/dashboard/", follow=True)

    assert "Create your first project" in answer.content.decode()


def test_the_first_project_comes_with_its_organization_and_leads_to_the_install_guide() -> None:
    user = UserFactory()

    answer = signed_in(user).post("/dashboard/projects/new/", NEW)

    assert answer["Location"] == "/dashboard/shop/start/"
    project = Project.objects.get()
    assert (project.organization.name, project.time_zone) == ("Acme Ltd", "Europe/Berlin")
    assert project.organization.members.get().role == Member.Role.OWNER
    assert customers.write_key(project)


def test_the_next_project_joins_an_organization_that_one_manages(page: Client, project: Project) -> None:
    answer = page.post("/dashboard/projects/new/", {**NEW, "organization": str(project.organization_id)})

    assert answer.status_code == 302
    assert project.organization.projects.count() == 2


def test_nobody_makes_projects_for_a_strangers_organization(page: Client, project: Project) -> None:
    stranger = ProjectFactory().organization

    answer = page.post("/dashboard/projects/new/", {**NEW, "organization": str(stranger.pk)})

    assert answer.status_code == 422
    assert stranger.projects.count() == 1


def test_an_editor_makes_projects_in_an_organization_of_their_own(sign_in: SignIn, project: Project) -> None:
    sign_in("editor").post("/dashboard/projects/new/", {**NEW, "organization": str(project.organization_id)})

    assert project.organization.projects.count() == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "required"),
        ({"name": "a\x01b"}, "control characters"),
        ({"domain": "not a domain"}, "A domain looks like"),
        ({"time_zone": "Mars/Base"}, "Select a valid choice"),
        ({"platform": "fax"}, "Select a valid choice"),
        ({"organization_name": "x" * 101}, "at most 100"),
    ],
)
def test_what_is_wrong_is_said_beside_the_field_and_nothing_is_lost(change: dict[str, Any], words: str) -> None:
    answer = signed_in(UserFactory()).post("/dashboard/projects/new/", {**NEW, **change})

    text = answer.content.decode()
    assert answer.status_code == 422
    assert words in text
    assert 'value="Acme Ltd"' in text or "organization_name" in change
    assert not Organization.objects.exists()


def test_fields_not_yet_filled_in_are_not_wrong_on_the_way() -> None:
    browser = signed_in(UserFactory())

    answer = browser.post("/dashboard/projects/new/check/", {**NEW, "name": "", "domain": "no domain"})

    text = answer.content.decode()
    assert "A domain looks like" in text
    assert "required." not in text


@pytest.mark.parametrize("domain", ["https://Shop.Example.com/path?x=1", "shop.example.com", "SHOP.example.com:8080"])
def test_an_address_is_taken_as_its_domain(domain: str) -> None:
    signed_in(UserFactory()).post("/dashboard/projects/new/", {**NEW, "domain": domain})

    assert Project.objects.get().domain == "shop.example.com"


def test_the_list_has_the_projects_of_all_ones_organizations_and_no_others(page: Client, owner: Member) -> None:
    mine = ProjectFactory(organization=MemberFactory(user=owner.user, role="viewer").organization, name="Second one")
    foreign = ProjectFactory(name="Somebody else's")

    text = page.get("/dashboard/projects/").content.decode()

    assert mine.name in text
    assert "Acme app" in text
    assert foreign.slug not in text


@pytest.mark.parametrize(("query", "found"), [("acme", True), ("ltd", True), ("zzz", False), ("a\0b", False)])
def test_the_list_is_searched_by_project_and_organization(page: Client, query: str, found: bool) -> None:
    answer = page.get("/dashboard/projects/", {"q": query}, HTTP_HX_REQUEST="true")

    text = answer.content.decode()
    assert ("acme" in text) == found
    assert "<html" not in text


@pytest.mark.parametrize("sort", ["name", "-name", "organization", "-created", "nonsense"])
def test_the_list_is_sorted_by_its_columns(page: Client, sort: str) -> None:
    assert page.get("/dashboard/projects/", {"sort": sort}).status_code == 200


def test_a_deletion_is_shown_until_it_is_done(page: Client, project: Project, owner: Member) -> None:
    page.post(f"/dashboard/{project.slug}/settings/delete/", {"confirm": "Acme app"})

    text = page.get("/dashboard/projects/").content.decode()

    assert "Waiting" in text
    assert "every 2s" in text
    Deletion.objects.update(state=Deletion.State.DONE)
    assert "every 2s" not in page.get("/dashboard/projects/deletions/").content.decode()


def test_the_list_asks_the_database_as_often_for_fifty_projects_as_for_one(
    page: Client, project: Project, django_assert_max_num_queries: Any
) -> None:
    for _ in range(50):
        ProjectFactory(organization=project.organization)

    with django_assert_max_num_queries(9):
        page.get("/dashboard/projects/")
