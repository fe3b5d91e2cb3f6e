"""Whenever the process that seals, compacts and drops is killed, each event is seen exactly once."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone
from psycopg.conninfo import make_conninfo

from customers.models import Project
from events import partitions
from events import services as events
from events.models import PersonMerge, Segment
from events.segments import compaction, files, sealing, sweeping
from events.segments.reading import snapshot
from growthplatform.launcher.data import CHECKOUT
from tests.factories import ProjectFactory

pytestmark = pytest.mark.servers

KILLS = 24
LONGEST_LIFE_S = 2.0
# Long enough ago for its partition to be dropped.
LONG_AGO = timezone.now().astimezone(UTC).replace(hour=12) - timedelta(days=50)


class Worker:
    """A process that starts others to be killed."""

    def __init__(self, store: Path):
        environment = os.environ | {
            "DATABASE_URL": make_conninfo(os.environ["DATABASE_URL"], dbname=connection.settings_dict["NAME"]),
            "SEGMENTS_URL": str(store),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.servers.sealing_worker"],
            cwd=CHECKOUT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        self._commands, self._answers = self._process.stdin, self._process.stdout

    def start(self) -> int:
        """Start a process that works; return its number."""
        self._commands.write("one more\n")
        self._commands.flush()
        return int(self._answers.readline())

    def kill(self, process: int) -> None:
        """Kill it as a power cut would, and wait until it is dead."""
        os.kill(process, signal.SIGKILL)
        assert self._answers.readline() == "gone\n"

    def stop(self) -> None:
        """End the starter itself."""
        self._commands.close()
        self._process.wait(20)
        self._answers.close()


class Sender(threading.Thread):
    """Records events all the time: of now and of long ago, with ids that later turn out to be one person."""

    def __init__(self, project: Project):
        super().__init__(daemon=True)
        self.project, self.recorded, self.done = project, 0, threading.Event()
        self.received_at: datetime | None = LONG_AGO

    def run(self) -> None:
        """Record a few events at a time."""
        try:
            while not self.done.wait(0.15):
                self._record()
        finally:
            connections.close_all()

    def _record(self) -> None:
        number = self.recorded
        day = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=number % 45)
        calls = [
            {"type": "track", "event": "Seen", "messageId": f"m-{number + n}", "timestamp": day.isoformat(),
             **({"userId": f"user-{number % 7}"} if n % 2 else {"anonymousId": f"device-{number % 50}"})}
            for n in range(9)
        ]  # fmt: skip
        calls.append(
            {"type": "identify", "messageId": f"m-{number + 9}", "userId": f"user-{number % 7}",
             "anonymousId": f"device-{number % 50}"}
        )  # fmt: skip
        receipt = events.record(self.project.pk, calls, received_at=self.received_at if number % 20 else None)
        assert receipt.stored == 10
        self.recorded += 10


@pytest.fixture
def project(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Project]:
    settings.SEGMENTS_URL = str(tmp_path / "store")
    settings.ANALYTICS_FRESH_SECONDS = 0
    partitions.create_ahead(LONG_AGO.date(), days=0)
    yield ProjectFactory()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event; DELETE FROM events_message; DELETE FROM events_consumer")
        for day in partitions.days_present():
            if day <= LONG_AGO.date():
                cursor.execute(f"DROP TABLE {partitions.name_of(day)}")


def seen(project: Project) -> Counter[str]:
    """Return how often each message id is in what a question reads."""
    answer = events.relation(project).run(lambda t: t.events.group_by("message_id").agg(n=t.events.count()))
    assert not answer.missing
    return Counter(dict(answer.rows))


def check_order(found: Counter[str], at_least: int, at_most: int) -> None:
    assert not {message_id: times for message_id, times in found.items() if times != 1}
    assert at_least <= len(found) <= at_most


@pytest.mark.timeout(420)
def test_each_event_is_seen_exactly_once_whenever_sealing_is_killed(project: Project, tmp_path: Path) -> None:
    chance, store = random.Random(20261121), tmp_path / "store"
    worker, sender = Worker(store), Sender(project)
    kills, unfinished, questions, earlier = 0, 0, 0, 0
    sender.start()
    try:
        # A slow machine needs more lives for the partition to go.
        while kills < KILLS or (kills < 3 * KILLS and LONG_AGO.date() in partitions.days_present()):
            if kills == KILLS // 3:  # from here on the old partition can be sealed to its end, and be dropped
                sender.received_at = None
            process = worker.start()
            until = time.monotonic() + chance.uniform(0.05, LONGEST_LIFE_S)
            while time.monotonic() < until:
                found = seen(project)
                check_order(found, earlier, sender.recorded + 10)
                earlier, questions = len(found), questions + 1
            worker.kill(process)
            kills += 1
            unfinished += any((store / files.WORK).glob(f"{process}-*"))
            check_order(seen(project), earlier, sender.recorded + 10)
    finally:
        sender.done.set()
        sender.join()
        worker.stop()
    dropped = LONG_AGO.date() not in partitions.days_present()

    events.digest()
    check_order(seen(project), sender.recorded, sender.recorded)
    sealing.seal(project.pk)
    compaction.compact(project.pk, timezone.now() + timedelta(days=70))
    assert snapshot(project.pk).merges == PersonMerge.objects.filter(project=project).count()
    check_order(seen(project), sender.recorded, sender.recorded)
    assert Segment.objects.filter(project=project, level=compaction.MONTH).exists()
    sweeping.sweep(timezone.now() + timedelta(hours=1), unknown_for=timedelta(0))
    on_disk = {file.name for file in files.store().names("") if not file.name.startswith(files.WORK)}
    assert on_disk == {one.path for one in compaction.live(project.pk)}
    check_order(seen(project), sender.recorded, sender.recorded)
    print(
        f"{kills} kills, {unfinished} of them with files half made; {sender.recorded} events, {questions} questions"
        f" meanwhile, partition dropped: {dropped}; none lost, none double"
    )
    assert unfinished > 0
    assert dropped
