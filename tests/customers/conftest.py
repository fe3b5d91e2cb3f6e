"""A project with one member of each role, signed in."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from customers.models import Member, Project
from customers.services import forget_house
from tests.factories import MemberFactory, ProjectFactory

SignIn = Callable[[str], Client]


@pytest.fixture(autouse=True)
def _no_house_remembered() -> None:
    forget_house()


@pytest.fixture
def project(db: None) -> Project:
    return ProjectFactory(name="Acme app", slug="acme", organization__name="Acme Ltd")


@pytest.fixture
def owner(project: Project) -> Member:
    return MemberFactory(organization=project.organization)


@pytest.fixture
def page(owner: Member) -> Client:
    """A browser in which the owner of the project is signed in."""
    return signed_in(owner.user)


@pytest.fixture
def sign_in(project: Project, owner: Member) -> SignIn:
    """Make a member with a role and return their browser; "stranger" belongs to another organization."""

    def of(role: str) -> Client:
        member = MemberFactory() if role == "stranger" else MemberFactory(organization=project.organization, role=role)
        return signed_in(member.user)

    return of


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
