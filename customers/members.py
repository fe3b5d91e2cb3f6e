"""Members of an organization: their roles, and how they leave. The door is services.py."""

from django.db import transaction

from customers.models import Member
from growthplatform.core.errors import Forbidden, Problem


class LastOwner(Problem):
    status = 409
    code = "last_owner"
    message = "An organization keeps at least one owner: make somebody else an owner first."


class RoleNotYours(Forbidden):
    code = "role_not_yours"
    message = "Only owners make, change or remove owners."


def check_may_grant(by: Member, *roles: str) -> None:
    """Refuse what an admin may not do to owners. Raises RoleNotYours."""
    if Member.Role.OWNER in roles and by.role != Member.Role.OWNER:
        raise RoleNotYours


def _check_owner_remains(member: Member) -> None:
    """Hold the rows of all owners, so that the last two can't go at the same moment. Raises LastOwner."""
    owners = Member.objects.select_for_update().filter(organization=member.organization_id, role=Member.Role.OWNER)
    if {owner.pk for owner in owners.order_by("pk")} == {member.pk}:
        raise LastOwner


@transaction.atomic
def change_role(member: Member, role: str, *, by: Member) -> Member:
    """Give `member` another role. Safe to repeat. Raises RoleNotYours, LastOwner."""
    check_may_grant(by, member.role, role)
    if member.role == role:
        return member
    _check_owner_remains(member)
    member.role = role
    member.save(update_fields=["role"])
    return member


@transaction.atomic
def remove(member: Member, *, by: Member) -> None:
    """Take `member` out of the organization; the account stays. Raises RoleNotYours, LastOwner."""
    if member.pk != by.pk:
        check_may_grant(by, member.role)
    _check_owner_remains(member)
    member.delete()
