"""Who changed what."""

from typing import Any

import pytest
from django.test import Client

from customers.models import Member, Project
from tests.factories import ApiKeyFactory, ProjectFactory

pytestmark = pytest.mark.django_db
ACTIVITY = "/dashboard/acme/settings/activity/"


def rows(page: Client, **query: str) -> list[Any]:
    return page.get(ACTIVITY, query).context["entries"]


def test_a_change_is_listed_with_who_made_it_and_what_it_was_before(page: Client, owner: Member) -> None:
    page.post("/dashboard/acme/settings/organization/", {"name": "Acme Group"})

    entry = rows(page)[0]
    assert (entry.thing, entry.verb, entry.name) == ("Organization", "changed", "Acme Group")
    assert entry.actor == owner.user.email
    assert entry.changes == [("name", "Acme Ltd", "Acme Group")]


@pytest.mark.parametrize("forged", ["not an address", "9.9.9.9", "1.2.3.4, 5.6.7.8", "x" * 500])
def test_the_address_of_a_change_is_not_the_clients_to_invent(page: Client, owner: Member, forged: str) -> None:
    answer = page.post("/dashboard/acme/settings/organization/", {"name": "Acme Group"}, HTTP_X_FORWARDED_FOR=forged)

    assert answer.status_code == 302
    assert rows(page)[0].address == "127.0.0.1"


def test_making_rotating_and_revoking_a_key_is_listed_without_its_secret(page: Client, project: Project) -> None:
    key = ApiKeyFactory(project=project, name="backend")
    page.post(f"/dashboard/acme/settings/keys/{key.pk}/rotate/")
    page.post(f"/dashboard/acme/settings/keys/{key.pk}/revoke/", {"confirm": "backend"})

    text = page.get(ACTIVITY).content.decode()

    assert {"Key added", "Key rotated", "Key revoked"} <= {f"{entry.thing} {entry.verb}" for entry in rows(page)}
    assert key.text not in text
    assert key.key_hash not in text


def test_other_organizations_are_not_listed(page: Client, project: Project) -> None:
    foreign = ProjectFactory(name="Somebody else's")

    assert foreign.name not in {entry.name for entry in rows(page)}


def test_the_list_is_searched_by_name_and_member(page: Client, project: Project) -> None:
    ApiKeyFactory(project=project)
    page.post("/dashboard/acme/settings/organization/", {"name": "Acme Group"})

    assert [entry.name for entry in rows(page, q="group")] == ["Acme Group"]
    assert not rows(page, q="zzz")


def test_a_later_page_continues_where_the_first_ended(page: Client, project: Project) -> None:
    for _ in range(60):
        ProjectFactory(organization=project.organization)

    first = page.get(ACTIVITY)
    second = page.get(ACTIVITY, {"cursor": first.context["next"]})

    assert len(first.context["entries"]) == 50
    assert len(second.context["entries"]) >= 10
    assert second.context["next"] is None


def test_the_list_is_had_as_a_file(page: Client, project: Project) -> None:
    answer = page.get(ACTIVITY, {"format": "csv"})

    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines()[0] == "time,who,what,name,verb,changes,address"
    assert "Acme Ltd" in text


def test_the_list_asks_the_database_as_often_for_many_rows_as_for_few(
    page: Client, project: Project, django_assert_max_num_queries: Any
) -> None:
    for _ in range(40):
        ProjectFactory(organization=project.organization)

    with django_assert_max_num_queries(9):
        page.get(ACTIVITY)
