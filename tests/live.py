"""The product as its clients see it: served over TCP by granian, on the database of the tests."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo
from pytest_django import DjangoDbBlocker

from customers.models import ApiKey, Project
from events.models import Event, Rejected
from tests.factories import ApiKeyFactory, ProjectFactory

LONGEST_START_S = 60


@dataclass(frozen=True)
class Product:
    """A running web part."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Shop:
    """A customer's project on the running product, with its write key."""

    product: Product
    project: Project
    key: str

    @property
    def url(self) -> str:
        return self.product.url

    def events(self) -> list[Event]:
        return list(Event.objects.filter(project=self.project).order_by("ts", "id"))

    def rejected(self) -> list[Rejected]:
        return list(Rejected.objects.filter(project=self.project).order_by("id"))

    def wait_for(self, count: int, patience_s: float = 10) -> list[Event]:
        """Return the events as soon as there are `count`, or whatever is there when patience ends."""
        deadline = time.monotonic() + patience_s
        while len(found := self.events()) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def product(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    """The product on the test database; one for all tests of a run, as starting takes seconds."""
    served = Product(free_port(), tmp_path_factory.mktemp("product") / "web.log")
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(served.port),
    ]
    command += [
        "--http",
        "1",
        "--no-ws",
        "--workers",
        "1",
        "--blocking-threads",
        "4",
        "growthplatform.wsgi:application",
    ]
    database = make_conninfo(os.environ["DATABASE_URL"], dbname=connection.settings_dict["NAME"])
    environment = os.environ | {"DATABASE_URL": database, "PORT": str(served.port), "PYTHONUNBUFFERED": "1"}
    with served.log.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait_until_alive(served, process)
        yield served
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_alive(served: Product, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + LONGEST_START_S
    while time.monotonic() < deadline and process.poll() is None:
        if _is_ready(served.port):
            return
        time.sleep(0.1)
    pytest.fail(f"The product does not start:\n{served.log.read_text()[-3000:]}")


def _is_ready(port: int) -> bool:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as web:
        try:
            web.request("GET", "/readyz")
            with web.getresponse() as answer:
                return answer.status == 200
        except (OSError, http.client.HTTPException):
            return False


@pytest.fixture
def shop(product: Product, transactional_db: None) -> Iterator[Shop]:
    """A fresh project; its rows are committed, so that the running product sees them."""
    project = ProjectFactory()
    yield Shop(product, project, ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text)
    # Django empties only tables that it manages.
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event WHERE project_id = %s", [project.pk])
        cursor.execute("DELETE FROM events_message WHERE project_id = %s", [project.pk])


def summary(events: list[Event]) -> list[tuple[Any, ...]]:
    """Say what matters of stored events: type, name, ids, details."""
    return [(row.type, row.name, row.user_id, row.anonymous_id, row.properties) for row in events]
