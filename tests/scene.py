"""A project in Berlin with an owner, a viewer and a stranger signed in, and callers of its API."""

import html
import re
from dataclasses import dataclass
from typing import Any

import orjson
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client

from customers.models import ApiKey, Member, Project
from events import services as events
from tests.factories import ApiKeyFactory, MemberFactory, ProjectFactory


@dataclass
class Scene:
    project: Project
    owner: Client
    viewer: Client
    stranger: Client
    secret_key: str
    write_key: str

    def url(self, rest: str = "") -> str:
        return f"/dashboard/{self.project.slug}/{rest}"

    def api(self, path: str, body: Any = None, *, key: str | None = None) -> HttpResponse:
        """Call the API with the secret key, or with `key`; POST when there is a body."""
        key = self.secret_key if key is None else key
        headers = {"HTTP_AUTHORIZATION": f"Bearer {key}"} if key else {}
        if body is None:
            return Client().get(path, **headers)
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        return Client().post(path, data, content_type="application/json", **headers)

    def record(self, *calls: dict[str, Any]) -> events.Receipt:
        return events.record(self.project.pk, calls)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def make_scene(**fields: Any) -> Scene:
    project = ProjectFactory(**{"time_zone": "Europe/Berlin", **fields})
    owner = MemberFactory(organization=project.organization)
    viewer = MemberFactory(organization=project.organization, role=Member.Role.VIEWER)
    return Scene(
        project,
        signed_in(owner.user),
        signed_in(viewer.user),
        signed_in(MemberFactory().user),
        ApiKeyFactory(project=project).text,
        ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text,
    )


def digest_all() -> None:
    """Read the log to its end, as the worker does each second."""
    while (stretch := events.digest()) and stretch.more:
        pass


def words_of(answer: HttpResponse) -> str:
    """Return what a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text_of(answer))).split())


def text_of(answer: HttpResponse) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return content.decode()
