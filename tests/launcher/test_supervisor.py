"""The whole product in the foreground: what is killed comes back, and a stop leaves nothing."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from growthplatform.launcher import postgres
from growthplatform.launcher.data import CHECKOUT, Data
from tests.launcher.conftest import environment

pytestmark = pytest.mark.servers


class Run:
    """One `make run`, without make."""

    def __init__(self, data: Data, said: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.said = said
        with said.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "growthplatform.launcher"],
                cwd=CHECKOUT,
                env=environment(GROWTH_DATA=str(data.folder), PORT=str(self.port), DEMO="no"),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def has_said(self, words: str) -> bool:
        return words in self.said.read_text()

    def child(self, words: str) -> int:
        """Find the part whose command holds `words`; 0 while there is none."""
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if parent == self.process.pid and words in command:
                return int(entry.name)
        return 0


@pytest.fixture
def run(data: Data, tmp_path: Path) -> Iterator[Run]:
    run = Run(data, tmp_path / "said")
    yield run
    if run.process.poll() is None:
        run.process.terminate()
        run.process.wait(20)


def wait_until(true: Callable[[], object], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.1)
    return False


def test_every_killed_part_comes_back_and_a_stop_leaves_nothing(data: Data, run: Run) -> None:
    assert wait_until(lambda: run.has_said("Web ready") or run.process.poll() is not None, 120), run.said.read_text()
    assert wait_until(run.is_ready, 30), run.said.read_text()
    parts = {"granian": 0, "celery --app growthplatform worker": 0, "celery --app growthplatform beat": 0}
    assert wait_until(lambda: all(run.child(words) for words in parts), 30)
    parts = {words: run.child(words) for words in parts}

    for pid in (*parts.values(), int((data.redis / "redis.pid").read_text()), postmaster(data)):
        os.kill(pid, signal.SIGKILL)

    for line in ("web ended (SIGKILL)", "worker ended", "beat ended", "again: Redis", "again: PostgreSQL"):
        assert wait_until(lambda line=line: run.has_said(line), 60), run.said.read_text()
    assert wait_until(run.is_ready, 60), run.said.read_text()
    assert all(run.child(words) not in {0, old} for words, old in parts.items())

    began = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    assert run.process.wait(20) == 0
    assert time.monotonic() - began < 10
    assert not run.is_ready()
    assert not postgres.is_running(data)
    with subprocess.Popen(["pgrep", "-f", f"port {run.port} "], stdout=subprocess.PIPE) as left:
        assert left.communicate()[0] == b""


def postmaster(data: Data) -> int:
    return int((data.postgres / "postmaster.pid").read_text().split()[0])


def test_a_second_start_on_the_same_data_is_refused_with_the_address_of_the_first(
    data: Data, run: Run, tmp_path: Path
) -> None:
    assert wait_until(lambda: run.child("first_steps"), 60)

    second = Run(data, tmp_path / "second")

    assert second.process.wait(20) == 1
    assert second.has_said(f"This checkout runs already (process {run.process.pid}).")
