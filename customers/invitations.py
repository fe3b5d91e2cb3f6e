"""Invitations: a mail with a link that makes its reader a member. The door is services.py."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from customers import mails
from customers.accounts import clean_email
from customers.keys import hash_of
from customers.locks import hold
from customers.members import check_may_grant
from customers.models import Invitation, Member, Organization
from growthplatform.core.errors import Forbidden, NotFound, Problem

LASTS = timedelta(days=7)


class AlreadyMember(Problem):
    status = 409
    code = "already_member"
    message = "This person is a member already."


class InvitationExpired(Problem):
    status = 410
    code = "invitation_expired"
    message = "This invitation has run out. Ask for a new one: it takes one click."


class InvitedSomebodyElse(Forbidden):
    code = "invited_somebody_else"
    message = "This invitation was sent to another mail address."


@dataclass(frozen=True)
class Sent:
    """An invitation just made or renewed. Its link is kept nowhere else; `mailed` says whether the mail went out."""

    invitation: Invitation
    address: str
    mailed: bool


def _send(invitation: Invitation, token: str) -> Sent:
    address = settings.BASE_URL + reverse("customers:invitation-accept", args=[token])
    context = {
        "organization": invitation.organization,
        "inviter": _name_of(invitation.invited_by),
        "role": invitation.get_role_display().lower(),
        "address": address,
        "email": invitation.email,
        "expires_at": invitation.expires_at,
    }
    return Sent(invitation, address, mails.send("invitation", invitation.email, context))


def _name_of(user: User | None) -> str:
    return (user.get_full_name() or user.email) if user else "Your colleague"


def invite(organization: Organization, email: str, role: str, *, by: Member, now: datetime | None = None) -> Sent:
    """Invite `email` to join with `role`, for seven days.

    A second invitation to the same address renews the first: its old link ends. Raises InvalidField, AlreadyMember,
    RoleNotYours.
    """
    email = clean_email(email)
    check_may_grant(by, role)
    if organization.members.filter(user__email__iexact=email).exists():
        raise AlreadyMember(f"{email} is a member already.")
    now = now or timezone.now()
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        hold(f"invitations.{organization.pk}")
        open_one = organization.invitations.filter(email__iexact=email, accepted_at=None).first()
        invitation = open_one or Invitation(organization=organization, email=email)
        invitation.role, invitation.invited_by = role, by.user
        _renew(invitation, token, now)
    return _send(invitation, token)


def resend(invitation: Invitation, *, by: Member, now: datetime | None = None) -> Sent:
    """Send a new link that lasts seven days again; the old one ends. Raises RoleNotYours."""
    check_may_grant(by, invitation.role)
    token = secrets.token_urlsafe(24)
    invitation.invited_by = by.user
    _renew(invitation, token, now or timezone.now())
    return _send(invitation, token)


def _renew(invitation: Invitation, token: str, now: datetime) -> None:
    invitation.token_hash = hash_of(token)
    invitation.expires_at = now + LASTS
    invitation.save()


def revoke(invitation: Invitation) -> None:
    """Take an invitation back; its link leads nowhere."""
    invitation.delete()


def find_open(token: str) -> Invitation | None:
    """Return the invitation of a link that was not accepted or taken back yet; it may have run out."""
    open_ones = Invitation.objects.select_related("organization", "invited_by")
    return open_ones.filter(token_hash=hash_of(token), accepted_at=None).first()


@transaction.atomic
def accept(token: str, user: User, *, now: datetime | None = None) -> Member:
    """Make `user` a member of the organization that invited their mail address.

    A member already there keeps the role. Raises NotFound, InvitationExpired, InvitedSomebodyElse.
    """
    now = now or timezone.now()
    invitation = (
        Invitation.objects.select_for_update(of=("self",)).filter(token_hash=hash_of(token), accepted_at=None).first()
    )
    if invitation is None:
        raise NotFound("This invitation was accepted or taken back.")
    if invitation.expires_at <= now:
        raise InvitationExpired
    if invitation.email.lower() != user.email.lower():
        raise InvitedSomebodyElse
    invitation.accepted_at = now
    invitation.save(update_fields=["accepted_at"])
    # Who holds the link has read the mail, so the address is theirs.
    EmailAddress.objects.filter(user=user, email__iexact=invitation.email).update(verified=True)
    member, _ = Member.objects.get_or_create(
        organization=invitation.organization, user=user, defaults={"role": invitation.role}
    )
    return member
