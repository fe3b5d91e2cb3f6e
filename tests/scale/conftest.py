"""All engines on the same files: `make test-scale`. Needs requirements-scale.txt and Java, and runs for minutes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench import dataset
from bench.stack import free_port
from customers.models import Project
from tests.factories import ProjectFactory

EVENTS = int(os.environ.get("SCALE_EVENTS", "0"))
# Made once for each number of events, and found again by the next run.
FOLDER = Path(os.environ.get("SCALE_FOLDER", "/tmp/growth-scale"))
PATIENCE_S = 1_800


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave these tests out where they were not asked for."""
    for item in items:
        if "tests/scale/" in item.nodeid:
            item.add_marker(pytest.mark.scale)
            item.add_marker(pytest.mark.timeout(PATIENCE_S))
            # Spark's Python warns of releases of packages that are not used here, and leaves sockets to the end.
            item.add_marker(pytest.mark.filterwarnings("default"))
            if not EVENTS:
                item.add_marker(pytest.mark.skip(reason="make test-scale runs it"))


@pytest.fixture
def project(transactional_db: None, settings: Any) -> Project:
    """A project whose segments hold SCALE_EVENTS events of a year."""
    settings.SEGMENTS_URL = str(FOLDER)
    settings.ANALYTICS_SECONDS = PATIENCE_S
    settings.ANALYTICS_MEMORY_MB = 4_000
    FOLDER.mkdir(parents=True, exist_ok=True)
    project = ProjectFactory()
    dataset.register(project, EVENTS)
    return project


class Cluster:
    """A standalone Spark cluster on loopback: a master and two workers, each a group of processes of its own."""

    def __init__(self, folder: Path) -> None:
        import pyspark

        self._home, self._folder = Path(pyspark.__file__).parent, folder
        port = free_port()
        self.url = f"spark://127.0.0.1:{port}"
        master = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", str(free_port())]
        self._master = self._start("master", "org.apache.spark.deploy.master.Master", *master)
        self._until("master", "I have been elected leader")
        self.workers = [self._worker(number) for number in (1, 2)]
        for number in (1, 2):
            self._until(f"worker-{number}", "Successfully registered with master")

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """End a worker and the executor it started as a failing machine does: at once, by kill -9."""
        processes = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        for process in processes:
            process.send_signal(signal.SIGKILL)
        worker.wait(20)

    def executors(self, worker: subprocess.Popen[bytes]) -> int:
        """Return how many executors a worker has started that still run."""
        return len(psutil.Process(worker.pid).children(recursive=True))

    def stop(self) -> None:
        """End what still runs."""
        for process in (*self.workers, self._master):
            if process.poll() is None:
                self.kill(process)

    def _worker(self, number: int) -> subprocess.Popen[bytes]:
        given = ["--host", "127.0.0.1", "--cores", "1", "--memory", "2g", "--webui-port", str(free_port())]
        given += ["--work-dir", str(self._folder / f"work-{number}")]
        return self._start(f"worker-{number}", "org.apache.spark.deploy.worker.Worker", *given, self.url)

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "SPARK_HOME": str(self._home), "SPARK_LOCAL_IP": "127.0.0.1"}
        environment |= {"PYSPARK_PYTHON": sys.executable, "SPARK_DAEMON_MEMORY": "512m"}
        with (self._folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [self._home / "bin" / "spark-class", *command], stdout=log, stderr=log, env=environment
            )

    def _until(self, name: str, said: str) -> None:
        until = time.monotonic() + 180
        while said not in (self._folder / f"{name}.log").read_text():
            assert time.monotonic() < until, (self._folder / f"{name}.log").read_text()
            time.sleep(0.2)


@pytest.fixture
def cluster(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    pytest.importorskip("pyspark")
    from events.engine import spark

    spark.stop()
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    running = Cluster(tmp_path)
    settings.SPARK_URL = running.url
    yield running
    spark.stop()
    running.stop()
