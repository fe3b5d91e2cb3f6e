"""The whole product as `make run` starts it, with a data folder of its own, and ways to kill its parts."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from growthplatform.launcher import postgres
from growthplatform.launcher.data import CHECKOUT, Data
from tests.live import free_port

LONGEST_START_S = 120


@dataclass
class Whole:
    """A running product: launcher, web, worker, beat, PostgreSQL, Redis."""

    data: Data
    port: int
    customer: dict[str, str]
    process: subprocess.Popen[bytes]

    @property
    def output(self) -> str:
        return self.data.log("launcher").read_text()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(postgres.database_url(self.data), autocommit=True) as database:
            return database.execute(sql, values).fetchall()

    def part(self, name: str) -> list[int]:
        """Return the process that holds the part `name`: web, worker or beat; none while there is none."""
        noted = json.loads((self.data.folder / "supervisor.json").read_text())["parts"]
        word = {"web": "granian", "worker": "worker", "beat": "beat"}[name]
        return [pid for pid in noted if _speaks_of(pid, word)]

    def web_workers(self) -> list[int]:
        tasks = [Path(f"/proc/{pid}/task") for pid in self.part("web")]
        children = [
            int(pid) for task in tasks for listed in task.glob("*/children") for pid in listed.read_text().split()
        ]
        return [pid for pid in children if not _speaks_of(pid, "resource_tracker")]

    def redis(self) -> list[int]:
        return _alive([int((self.data.redis / "redis.pid").read_text())])

    def postmaster(self) -> list[int]:
        return _alive([int((self.data.postgres / "postmaster.pid").read_text().split()[0])])

    def wait_until_ready(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not self.is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                pytest.fail(f"The product is not ready:\n{self.output[-3000:]}")
            time.sleep(0.1)

    def is_ready(self) -> bool:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as web:
            try:
                web.request("GET", "/readyz")
                with web.getresponse() as answer:
                    return answer.status == 200
            except (OSError, http.client.HTTPException):
                return False


def _alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if _speaks_of(pid, "")]


def _speaks_of(pid: int, word: str) -> bool:
    try:
        # A dead process that nobody waited for has an empty command line.
        told = Path(f"/proc/{pid}/cmdline").read_bytes()
        return bool(told) and word.encode() in told
    except OSError:
        return False


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run a command of manage.py and return what it prints."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def whole() -> Iterator[Whole]:
    """A whole product from nothing, gone with everything it stored at the end."""
    folder = Path(tempfile.mkdtemp(prefix="growth-")).resolve()
    folder.chmod(0o711)  # PostgreSQL's user must get through, which pytest's own folders do not allow
    data, port = Data(folder), free_port()
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}}
    environment |= {"GROWTH_DATA": str(folder), "PORT": str(port), "EMAIL_URL": "console:"}
    data.make()
    # A customer before the first start: an empty database would get the demo first.
    manage(environment, "migrate", "--verbosity", "0")
    customer = json.loads(
        manage(environment, "onboard", "Shop", "--email", "owner@example.com", "--json").splitlines()[-1]
    )
    with data.log("launcher").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "growthplatform.launcher"], cwd=CHECKOUT, env=environment, stdout=log, stderr=log
        )
    running = Whole(data, port, customer, process)
    try:
        running.wait_until_ready(LONGEST_START_S)
        yield running
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        finally:
            process.kill()
            shutil.rmtree(folder)
