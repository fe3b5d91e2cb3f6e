"""Invitations, from the mail to the membership."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from customers import services as customers
from customers.invitations import AlreadyMember, Sent
from customers.keys import hash_of
from customers.members import RoleNotYours
from customers.models import Invitation, Member, Project, SignUp
from tests.customers.conftest import signed_in
from tests.factories import MemberFactory, UserFactory

pytestmark = pytest.mark.django_db
EMAIL = "friend@example.com"


def token_of(sent: Sent) -> str:
    return sent.address.rstrip("/").rsplit("/", 1)[-1]


def path_of(sent: Sent) -> str:
    return f"/dashboard/invitations/{token_of(sent)}/"


@pytest.fixture
def sent(owner: Member) -> Sent:
    return customers.invite(owner.organization, EMAIL, Member.Role.EDITOR, by=owner)


def test_an_invitation_is_mailed_with_a_link_of_which_only_the_fingerprint_is_kept(sent: Sent) -> None:
    (letter,) = mail.outbox

    assert letter.to == [EMAIL]
    assert sent.address in letter.body
    assert "Acme Ltd" in letter.subject
    assert Invitation.objects.get().token_hash == hash_of(token_of(sent))


def test_an_invitation_lasts_seven_days(sent: Sent) -> None:
    left = sent.invitation.expires_at - timezone.now()

    assert timedelta(days=6, hours=23) < left <= timedelta(days=7)


def test_a_second_invitation_of_the_same_address_renews_the_first(owner: Member, sent: Sent) -> None:
    again = customers.invite(owner.organization, EMAIL.upper(), Member.Role.ADMIN, by=owner)

    assert again.invitation == sent.invitation
    assert again.invitation.role == Member.Role.ADMIN
    assert customers.find_open(token_of(sent)) is None


def test_a_member_is_not_invited(owner: Member) -> None:
    with pytest.raises(AlreadyMember):
        customers.invite(owner.organization, owner.user.email, Member.Role.EDITOR, by=owner)


def test_an_admin_does_not_invite_owners(owner: Member) -> None:
    admin = MemberFactory(organization=owner.organization, role=Member.Role.ADMIN)

    with pytest.raises(RoleNotYours):
        customers.invite(owner.organization, EMAIL, Member.Role.OWNER, by=admin)


def test_the_invited_person_joins_with_the_role(sent: Sent, project: Project) -> None:
    friend = UserFactory(username=EMAIL)

    answer = signed_in(friend).post(path_of(sent))

    assert answer.status_code == 302
    assert project.organization.members.get(user=friend).role == Member.Role.EDITOR


def test_an_invitation_is_accepted_once(sent: Sent) -> None:
    browser = signed_in(UserFactory(username=EMAIL))
    browser.post(path_of(sent))

    answer = browser.post(path_of(sent))

    assert answer.status_code == 404
    assert "gone" in answer.content.decode()


def test_an_invitation_that_ran_out_says_who_can_renew_it(sent: Sent, owner: Member) -> None:
    Invitation.objects.update(expires_at=timezone.now())

    answer = signed_in(UserFactory(username=EMAIL)).post(path_of(sent))

    assert answer.status_code == 410
    assert owner.user.email in answer.content.decode()
    assert owner.organization.members.count() == 1


def test_somebody_else_can_not_accept_it(sent: Sent, owner: Member) -> None:
    browser = signed_in(UserFactory())

    shown, answer = browser.get(path_of(sent)), browser.post(path_of(sent))

    assert "for somebody else" in shown.content.decode()
    assert answer.status_code == 403
    assert owner.organization.members.count() == 1


def test_an_unknown_link_is_404(client: Client) -> None:
    assert client.get("/dashboard/invitations/nonsense/").status_code == 404


def test_a_new_person_signs_up_on_the_way_and_joins(sent: Sent, project: Project, client: Client) -> None:
    shown = client.get(path_of(sent))
    client.post("/accounts/signup/", {"email": EMAIL, "password1": "correct horse 42"})
    answer = client.post(path_of(sent))

    assert "Create an account" in shown.content.decode()
    assert answer.status_code == 302
    member = project.organization.members.get(user__email=EMAIL)
    assert SignUp.objects.get(user=member.user).invited
    assert member.user.emailaddress_set.get().verified


def test_a_taken_back_invitation_leads_nowhere(sent: Sent, page: Client, project: Project) -> None:
    answer = page.post(f"/dashboard/{project.slug}/settings/invitations/{sent.invitation.pk}/revoke/")

    assert answer.status_code == 200
    assert page.get(path_of(sent)).status_code == 404


def test_a_renewed_invitation_ends_the_old_link(sent: Sent, page: Client, project: Project) -> None:
    answer = page.post(f"/dashboard/{project.slug}/settings/invitations/{sent.invitation.pk}/resend/")

    assert answer.status_code == 200
    assert len(mail.outbox) == 2
    assert customers.find_open(token_of(sent)) is None


def test_an_invitation_whose_mail_fails_shows_its_link(page: Client, project: Project, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    answer = page.post(f"/dashboard/{project.slug}/settings/members/invite/", {"email": EMAIL, "role": "viewer"})

    text = answer.content.decode()
    assert "could not be sent" in text
    assert "/dashboard/invitations/" in text
