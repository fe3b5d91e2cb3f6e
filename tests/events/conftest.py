"""A project with keys, and a sender that speaks Segment's dialect."""

import base64
import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from customers.models import ApiKey, Project
from events.models import Event, Rejected
from tests.factories import ApiKeyFactory, ProjectFactory


@dataclass
class Sender:
    """Sends to the ingest of one project and looks at what became of it."""

    client: Client
    project: Project
    key: str

    def post(
        self, path: str, body: Any, *, key: str | None = None, packed: bool = False, **headers: str
    ) -> HttpResponse:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        key = self.key if key is None else key
        if key:
            headers.setdefault("HTTP_AUTHORIZATION", "Basic " + base64.b64encode(f"{key}:".encode()).decode())
        return self.client.generic(
            "POST", path, gzip.compress(data) if packed else data, content_type="application/json", **headers
        )

    def batch(self, *calls: dict[str, Any], **more: Any) -> HttpResponse:
        return self.post("/v1/batch", {"batch": list(calls), **more})

    def events(self) -> list[Event]:
        return list(Event.objects.filter(project=self.project).order_by("received_at", "id"))

    def rejected(self) -> list[Rejected]:
        return list(Rejected.objects.filter(project=self.project).order_by("id"))


def track(message_id: str = "m-1", **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "Order Completed", "userId": "user-1", "messageId": message_id, **more}


@pytest.fixture
def sender(db: None, client: Client) -> Sender:
    project = ProjectFactory()
    return Sender(client, project, ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text)
