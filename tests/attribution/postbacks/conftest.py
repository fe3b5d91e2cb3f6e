"""A receiver of postbacks on this machine, destinations, and decisions that are final."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import Any

import pytest
from django.utils import timezone

from attribution import late
from attribution.models import Decision, Destination, Install, Postback
from attribution.postbacks import destinations, making, sending
from customers.models import Project
from growthplatform.core import outbound
from tests.attribution.conftest import decided
from tests.attribution.factories import NOON, TouchFactory


@dataclass
class Got:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """Answers what it is told to, and keeps what it got."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answers: Callable[[Got], tuple[int, dict[str, str], bytes]] = lambda _: (200, {}, b"OK")

    def say(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.answers = lambda _: (status, headers or {}, body)


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.OUTBOUND_PRIVATE_NETWORKS = (ip_network("127.0.0.0/8"),)
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            got = Got(self.command, self.path, {name.lower(): text for name, text in self.headers.items()}, body)
            receiver.got.append(got)
            status, headers, answer = receiver.answers(got)
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(answer))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815 -- the server's name

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    receiver.url = f"http://127.0.0.1:{server.server_port}"
    yield receiver
    outbound.close()
    server.shutdown()
    server.server_close()


def destination(project: Project, url: str = "https://8.8.8.8/hook", **fields: Any) -> Destination:
    """Make a destination that was there before NOON; a webhook that hears of everything unless said otherwise."""
    given: dict[str, Any] = {
        "kind": "webhook", "name": "Ours", "template": "webhook", "method": "POST", "url": url, "headers": {},
        "body": "", "news": ["install", "reinstall", "reattribution", "rejected", "*"], "sources": [],
    }  # fmt: skip
    made, _ = destinations.create(project, user=None, **{**given, **fields})
    Destination.objects.filter(pk=made.pk).update(created_at=NOON - timedelta(days=1))
    made.refresh_from_db()
    return made


def network(project: Project, source: str, url: str = "https://8.8.8.8/p", **fields: Any) -> Destination:
    """Make a network's destination, told by GET of what it brought and of what was taken back."""
    given = {
        "kind": "network", "name": source, "method": "GET", "sources": [source], "news": ["install", "rejected"],
        "url": f"{url}?click_id={{network_click_id}}&event={{event}}&campaign={{campaign}}&reason={{reason}}",
    }  # fmt: skip
    return destination(project, **{**given, **fields})


def credited(project: Project, source: str = "tiktok", *, name: str = "m-1", **fields: Any) -> Decision:
    """Make an install with a click that brought it, decided and final."""
    device = f"device-{name}"
    TouchFactory(project=project, source=source, device_id=device, network_click_id=f"ttc-{name}")
    decided(project, name, device_id=device, **fields)
    return final(project, name)


def final(project: Project, name: str = "m-1") -> Decision:
    late.finish(now=timezone.now() + timedelta(days=400))
    return Decision.objects.select_related("install", "touch").get(install__project=project, install__message_id=name)


def decide_again(install: Install, **fields: Any) -> Decision:
    """Change an install's decision as a replay or a late touch would: its revision rises."""
    one = Decision.objects.get(install=install)
    Decision.objects.filter(pk=one.pk).update(revision=one.revision + 1, **fields)
    one.refresh_from_db()
    return one


def make() -> None:
    """Do what the beat task does."""
    while making.make(now=timezone.now()):
        pass


def send(**later: float) -> int:
    """Do what the beat task does, some time from now."""
    return sending.send_due(now=timezone.now() + timedelta(**later), working_s=5.0)


def messages(target: Destination) -> list[Postback]:
    return list(target.postbacks.order_by("id"))
