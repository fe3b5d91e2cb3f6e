"""Set up a customer in one step: organization, project, account, keys."""

from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse

from customers import keys, mails
from customers.accounts import DEMO_EMAIL, clean_email, create_account, note_sign_up, password_address
from customers.locks import hold
from customers.models import ApiKey, Organization, Project
from customers.organizations import clean_name, create_organization, create_project, write_key

KEY_NAME = "Made by onboard"


@dataclass(frozen=True)
class Onboarded:
    """What a new customer needs; `password_address` is None for an account that existed before."""

    organization: Organization
    project: Project
    user: User
    write_key: str
    secret_key: str
    dashboard_url: str
    password_address: str | None


def onboard(name: str, email: str) -> Onboarded:
    """Make organization, project and account of a customer, and mail a new account the link to choose a password.

    Safe to repeat: the same name and mail address find the same organization, project and write key again; only the
    secret key is a new one each time, for the old ones can't be shown again (they go on working). Raises InvalidField.
    """
    name, email = clean_name(name), clean_email(email)
    with transaction.atomic():
        hold("onboard")
        user, new = create_account(email)
        organization = Organization.objects.filter(
            name=name, house=False, members__user=user, members__role="owner"
        ).order_by("pk").first() or create_organization(name, user)
        project = organization.projects.live().order_by("pk").first() or create_project(
            organization, name, created_by=user
        )
        public = write_key(project) or keys.make(project, ApiKey.Kind.WRITE, name=KEY_NAME)[1]
        _, secret = keys.make(project, ApiKey.Kind.SECRET, name=KEY_NAME)
        if new:
            note_sign_up(user)
    done = Onboarded(
        organization,
        project,
        user,
        public,
        secret,
        settings.BASE_URL + reverse("customers:getting-started", args=[project.slug]),
        password_address(user) if new else None,
    )
    if done.password_address:
        mail = {"organization": organization, "address": done.password_address, "dashboard_url": done.dashboard_url}
        mails.send("onboarded", email, mail)
    return done


@dataclass(frozen=True)
class Demo:
    """The demo organization's account, project and write key."""

    user: User
    project: Project
    write_key: str


def find_demo() -> Demo | None:
    """Return the demo while it is there: an organization that is marked so, with a project and its owner."""
    project = Project.objects.live().filter(organization__demo=True).order_by("pk").first()
    user = User.objects.filter(email=DEMO_EMAIL, memberships__organization__demo=True).first()
    return Demo(user, project, write_key(project)) if project and user else None
