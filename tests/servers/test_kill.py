"""Whatever part of the product is killed under load: what was answered by 200 is stored once, and counted once."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.servers.load import Load
from tests.servers.whole import Whole

pytestmark = pytest.mark.servers

RECOVERY_S = 60
STEADY_EVENTS = 400
PARTS: dict[str, Callable[[Whole], list[int]]] = {
    "a web worker": Whole.web_workers,
    "the web part": lambda whole: whole.part("web"),
    "the worker": lambda whole: whole.part("worker"),
    "beat": lambda whole: whole.part("beat"),
    "Redis": Whole.redis,
    "PostgreSQL": Whole.postmaster,
}


def wait_for(done: Callable[[], bool], patience_s: float = RECOVERY_S) -> bool:
    deadline = time.monotonic() + patience_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def test_what_got_its_200_is_stored_and_counted_once_whatever_is_killed(whole: Whole) -> None:
    [(project,)] = whole.query("SELECT id FROM customers_project WHERE slug = %s", whole.customer["project"])
    load = Load(whole.port, whole.customer["write_key"], connections=7)

    def one(sql: str) -> int:
        return int(whole.query(sql, project)[0][0] or 0)

    load.start()
    try:
        for name, find in PARTS.items():
            pass_events(load)
            kill(whole, name, find)
        pass_events(load)
    finally:
        load.stop()

    assert load.failures == []
    assert load.repeats > 0
    decided = "SELECT count(*) FROM attribution_decision WHERE project_id = %s AND announced = revision"
    assert wait_for(lambda: one(decided) >= len(load.installs)), whole.data.log("worker").read_text()[-3000:]
    rows = whole.query("SELECT message_id, name FROM events_event WHERE project_id = %s", project)
    stored = [message_id for message_id, _ in rows]
    assert len(stored) == len(set(stored))
    told = {message_id for message_id, name in rows if name == "Install Attributed"}
    assert set(stored) - told == load.stored
    revisions = whole.query("SELECT id, revision FROM attribution_decision WHERE project_id = %s", project)
    assert told >= {f"attributed-{pk}-{revision}" for pk, revision in revisions}
    counted = "SELECT sum(events) FROM events_daycount WHERE project_id = %s"
    assert wait_for(lambda: one(counted) >= len(stored)), whole.data.log("worker").read_text()[-3000:]
    assert one(counted) == len(stored)
    assert one("SELECT sum(events) FROM events_person WHERE project_id = %s") == len(stored)
    assert one("SELECT sum(events) FROM events_personday WHERE project_id = %s") == len(stored)
    assert one("SELECT count(*) FROM events_person WHERE project_id = %s") == len(load.users)
    assert one("SELECT count(*) FROM events_rejected WHERE project_id = %s") == 0
    installs = whole.query(
        "SELECT i.message_id, count(d.id) FROM attribution_install i"
        " LEFT JOIN attribution_decision d ON d.install_id = i.id WHERE i.project_id = %s GROUP BY i.id",
        project,
    )
    assert sorted(installs) == sorted((message_id, 1) for message_id in load.installs)


def pass_events(load: Load) -> None:
    """Wait until the load got some more answers."""
    enough = len(load.stored) + STEADY_EVENTS
    assert wait_for(lambda: len(load.stored) > enough), load.failures


def kill(whole: Whole, name: str, find: Callable[[Whole], list[int]]) -> None:
    """Kill one process of a part and wait until there are as many again."""
    before = find(whole)
    os.kill(before[-1], signal.SIGKILL)

    def is_back() -> bool:
        try:
            now = find(whole)
        except (OSError, ValueError, IndexError):
            return False
        return before[-1] not in now and len(now) == len(before) and whole.is_ready()

    assert wait_for(is_back), f"{name} did not come back:\n{whole.output}"
