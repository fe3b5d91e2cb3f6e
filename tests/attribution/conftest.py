"""A project with people signed in to it, and a caller of its API."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from django.http import HttpResponse
from django.test import Client

from attribution import decisions
from attribution.models import Decision, Install
from customers.models import Member, Project
from tests.attribution.factories import NOON
from tests.factories import ApiKeyFactory, MemberFactory, ProjectFactory


@dataclass
class Api:
    """Calls the API of one project with its secret key."""

    client: Client
    project: Project
    key: str

    def __call__(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> HttpResponse:
        key = self.key if key is None else key
        headers = {"HTTP_AUTHORIZATION": f"Bearer {key}"} if key else {}
        return self.client.generic(method, path, *([_json(body)] if body is not None else []), **headers)


def _json(body: Any) -> bytes:
    return body if isinstance(body, bytes) else orjson.dumps(body)


@pytest.fixture
def api(db: None) -> Api:
    project = ProjectFactory()
    return Api(Client(), project, ApiKeyFactory(project=project).text)


@pytest.fixture
def project(db: None) -> Project:
    return ProjectFactory(slug="acme", time_zone="Europe/Berlin")


def installed(project: Project, message_id: str = "m-1", *, at: datetime = NOON, **fields: Any) -> Install:
    """Make an install as the stream would have, not decided yet."""
    given = {"distinct_id": f"anon-{message_id}", "received_at": at + timedelta(seconds=1), **fields}
    return Install.objects.create(project=project, message_id=message_id, installed_at=at, **given)


def decided(project: Project, message_id: str = "m-1", **fields: Any) -> Decision:
    """Make an install and let the engine decide it."""
    install = installed(project, message_id, **fields)
    decisions.decide_pending(100, now=install.received_at + timedelta(seconds=1))
    return Decision.objects.select_related("touch", "install").get(install=install)


def _signed_in(project: Project, role: str) -> Client:
    client = Client()
    client.force_login(MemberFactory(organization=project.organization, role=role).user)
    return client


@pytest.fixture
def editor(project: Project) -> Client:
    return _signed_in(project, Member.Role.EDITOR)


@pytest.fixture
def viewer(project: Project) -> Client:
    return _signed_in(project, Member.Role.VIEWER)


@pytest.fixture
def stranger(db: None) -> Client:
    return _signed_in(ProjectFactory(), Member.Role.OWNER)
