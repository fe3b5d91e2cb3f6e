"""Organizations, projects, the house, deletion."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from django.db import connection

from customers import services as customers
from customers.models import ApiKey, Deletion, Organization, Project
from customers.organizations import HouseStays
from customers.slugs import slug_of
from growthplatform.config import config
from growthplatform.core.errors import InvalidField
from tests.factories import OrganizationFactory, UserFactory


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Acme Ltd", "acme-ltd"),
        ("Ärzte & Söhne", "arzte-sohne"),
        ("Яндекс Маркет", "yandeks-market"),
        ("東京", "dongjing"),
        ("???", "project"),
        ("x" * 100, "x" * 52),
    ],
)
def test_a_slug_is_the_name_in_latin_letters(name: str, slug: str) -> None:
    assert slug_of(name, "project") == slug


@pytest.mark.django_db
def test_two_projects_of_one_name_get_two_slugs() -> None:
    organization = OrganizationFactory()

    slugs = [customers.create_project(organization, "Shop").slug for _ in range(3)]

    assert slugs == ["shop", "shop-2", "shop-3"]


@pytest.mark.django_db
def test_a_project_never_takes_an_address_of_the_dashboard() -> None:
    project = customers.create_project(OrganizationFactory(), "Projects")

    assert project.slug == "projects-2"


@pytest.mark.django_db
def test_a_new_project_has_a_write_key() -> None:
    project = customers.create_project(OrganizationFactory(), "Shop")

    assert customers.write_key(project).startswith("wk_")
    assert project.keys.get().kind == ApiKey.Kind.WRITE


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\0b"])
def test_a_name_that_can_not_be_shown_is_refused(name: str) -> None:
    with pytest.raises(InvalidField):
        customers.create_organization(name)


@pytest.mark.django_db
def test_the_newest_write_key_that_stays_is_the_one_shown() -> None:
    project = customers.create_project(OrganizationFactory(), "Shop")
    _, text = customers.rotate(project.keys.get())

    assert customers.write_key(project) == text


@pytest.mark.django_db
def test_the_house_is_made_once_with_a_write_key() -> None:
    first, second = customers.house(), customers.house()

    assert first == second
    assert first.organization.house
    assert customers.house_write_key() == customers.write_key(first)


@pytest.mark.django_db(transaction=True)
def test_processes_that_start_at_once_make_one_house() -> None:
    def ask(_: int) -> int:
        try:
            return customers.house().pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        houses = set(pool.map(ask, range(12)))

    assert len(houses) == 1
    assert Organization.objects.filter(house=True).count() == 1
    assert ApiKey.objects.filter(project__house=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_projects_made_at_once_get_slugs_of_their_own() -> None:
    organization = OrganizationFactory()

    def make(_: int) -> str:
        try:
            return customers.create_project(organization, "Shop").slug
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        slugs = set(pool.map(make, range(8)))

    assert len(slugs) == 8


@pytest.mark.django_db
def test_the_house_can_not_be_deleted() -> None:
    with pytest.raises(HouseStays):
        customers.delete_project(customers.house(), asked_by=None)


@pytest.mark.django_db
def test_a_deleted_project_is_gone_for_its_members_and_frees_its_address(project: Project) -> None:
    user = UserFactory()

    deletion = customers.delete_project(project, asked_by=user)

    assert deletion.state == Deletion.State.WAITING
    assert not Project.objects.live().exists()
    assert customers.create_project(project.organization, "Acme").slug == "acme"


@pytest.mark.django_db
def test_deleting_a_project_twice_asks_once(project: Project) -> None:
    first = customers.delete_project(project, asked_by=None)

    assert customers.delete_project(project, asked_by=None) == first
    assert Deletion.objects.count() == 1


def test_a_new_project_keeps_events_as_long_as_the_installation_says(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = OrganizationFactory()
    monkeypatch.setattr("customers.organizations.config", msgspec.structs.replace(config, default_retention_days=90))

    usual = customers.create_project(organization, "Usual")
    forever = customers.create_project(organization, "For good", retention_days=None)

    assert (usual.retention_days, forever.retention_days) == (90, None)
