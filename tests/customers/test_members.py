"""Roles: who may give, change and take them."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from customers import services as customers
from customers.members import LastOwner, RoleNotYours
from customers.models import Member
from tests.factories import MemberFactory, OrganizationFactory


@pytest.mark.django_db
def test_the_last_owner_can_not_become_something_else(owner: Member) -> None:
    with pytest.raises(LastOwner):
        customers.change_role(owner, Member.Role.ADMIN, by=owner)


@pytest.mark.django_db
def test_the_last_owner_can_not_leave(owner: Member) -> None:
    MemberFactory(organization=owner.organization, role=Member.Role.ADMIN)

    with pytest.raises(LastOwner):
        customers.remove(owner, by=owner)


@pytest.mark.django_db
def test_an_owner_may_go_when_another_stays(owner: Member) -> None:
    other = MemberFactory(organization=owner.organization)

    customers.remove(owner, by=owner)

    assert list(owner.organization.members.all()) == [other]


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_once_leave_one() -> None:
    organization = OrganizationFactory()
    owners = [MemberFactory(organization=organization) for _ in range(2)]

    def leave(member: Member) -> bool:
        try:
            customers.remove(member, by=member)
        except LastOwner:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        left = list(pool.map(leave, owners))

    assert sorted(left) == [False, True]
    assert organization.members.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("role", [Member.Role.OWNER, Member.Role.ADMIN])
def test_an_admin_neither_makes_nor_changes_owners(owner: Member, role: str) -> None:
    admin = MemberFactory(organization=owner.organization, role=Member.Role.ADMIN)
    target = owner if role == Member.Role.ADMIN else admin

    with pytest.raises(RoleNotYours):
        customers.change_role(target, role, by=admin)


@pytest.mark.django_db
def test_an_admin_does_not_remove_owners(owner: Member) -> None:
    MemberFactory(organization=owner.organization)
    admin = MemberFactory(organization=owner.organization, role=Member.Role.ADMIN)

    with pytest.raises(RoleNotYours):
        customers.remove(owner, by=admin)
