"""What all tests of dialects share: a project that has named its apps, and cases as rows of a table."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client

from customers.models import ApiKey, Project
from events.dialects import vendors
from events.models import Event, EventName, Rejected, VendorApp
from tests.factories import ApiKeyFactory, ProjectFactory

IOS, ANDROID = "id123456789", "com.example.shop"
KEY = "dev-key-of-the-app-1"
ADJUST, ADJUST_SECURED, SINGULAR, KOCHAVA = "4w565xzmb54d", "5x676yzmc65e", "com.example.game", "koshop-ios-ob4ml"


@dataclass
class Case:
    """One request in a vendor's format, the vendor's answer to it, and what we keep of it.

    `answer` is the body as text, or as JSON where it is no text; None: whatever it is. `refused` is the code under
    which it is kept among the rejected events, `warning` the one that X-Ingest-Warning begins with.
    """

    kind: str
    name: str
    path: str
    body: Any = b""
    method: str = "POST"
    query: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    status: int = 200
    answer: Any = None
    stored: int = 1
    refused: str = ""
    warning: str = ""

    def data(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return self.body.encode() if isinstance(self.body, str) else json.dumps(self.body).encode()


@dataclass
class Desk:
    """A project with apps at vendors, and what became of what was sent to it."""

    client: Client
    project: Project
    write_key: str

    def app(self, dialect: str, app_id: str, key: str = "", **more: Any) -> VendorApp:
        vendors.forget_cached()
        return VendorApp.objects.create(
            project=self.project, dialect=dialect, app_id=app_id, key_hash=vendors.hash_of(key), **more
        )

    def name(self, dialect: str, theirs: str, ours: str) -> None:
        vendors.forget_cached()
        EventName.objects.create(project=self.project, dialect=dialect, theirs=theirs, ours=ours)

    def send(self, case: Case) -> HttpResponse:
        query = f"?{urlencode(case.query)}" if case.query else ""
        return self.client.generic(
            case.method, case.path + query, case.data(), content_type=case.content_type, **case.headers
        )

    def events(self) -> list[Event]:
        return list(Event.objects.filter(project=self.project).order_by("received_at", "id"))

    def rejected(self) -> list[Rejected]:
        return list(Rejected.objects.filter(project=self.project).order_by("id"))

    def only_event(self) -> Event:
        (event,) = self.events()
        return event


def make_desk(client: Client) -> Desk:
    project = ProjectFactory()
    desk = Desk(client, project, ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text)
    desk.app("appsflyer", IOS, KEY)
    desk.app("appsflyer", ANDROID, KEY)
    desk.app("adjust", ADJUST)
    desk.app("adjust", ADJUST_SECURED, KEY)
    desk.app("singular", SINGULAR, KEY)
    desk.app("kochava", KOCHAVA)
    return desk


def cases(dialect: str, table: list[Case]) -> Any:
    """Return the decorator that runs a test once for each case and counts it in the table at the end."""
    rows = [
        pytest.param(case, id=f"{case.kind}: {case.name}", marks=pytest.mark.dialect(dialect, case.kind))
        for case in table
    ]
    return pytest.mark.parametrize("case", rows)


def check(desk: Desk, case: Case) -> HttpResponse:
    """Send the case and see that the answer is the vendor's and nothing was dropped silently."""
    answer = desk.send(case)

    assert answer.status_code == case.status, answer.content
    said = answer.content.decode()
    if isinstance(case.answer, str):
        assert said == case.answer
    elif case.answer is not None:
        assert json.loads(said) == case.answer
    assert len(desk.events()) == case.stored
    assert [row.code for row in desk.rejected()] == ([case.refused] if case.refused else [])
    warning = answer.headers.get("X-Ingest-Warning", "")
    assert warning.startswith(case.warning) if case.warning else not warning or case.refused
    return answer
