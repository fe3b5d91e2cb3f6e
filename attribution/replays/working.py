"""The work on a replay: its period cut into stretches, each decided and committed by one process at a time.

All that has to survive a crash is in rows: a stretch is done when the transaction that wrote its changes says so. A
process that dies takes nothing with it, and whoever comes next goes on where the rows end.
"""

import logging
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from attribution.locks import alone
from attribution.models import Replay
from attribution.replays import applying, changes, difference
from attribution.rules import Rules
from events.store import raw_cursor

logger = logging.getLogger(__name__)
State = Replay.State
UNFINISHED = (State.WAITING, State.RUNNING, State.APPLYING)
# Decisions in one stretch: one transaction, and what is lost when a process dies.
STRETCH = 10_000
# A second process pays from so many on: it takes most of a second to start.
WORTH_HELP = 20_000

# Every n-th decision of the period, in the order of the index, and the last one.
EDGES = """
SELECT installed_at, id, place FROM (
    SELECT installed_at, id, row_number() OVER (ORDER BY installed_at, id) AS place, count(*) OVER () AS number
    FROM attribution_decision WHERE project_id = %s AND installed_at >= %s AND installed_at < %s
) d WHERE place %% %s = 0 OR place = number ORDER BY place
"""
TAKE = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
# Nobody else has this stretch: but the one who had it may have finished it just before.
STILL_OPEN = "SELECT state = 'running' AND NOT (parts->%s->>'done')::bool FROM attribution_replay WHERE id = %s"
DONE = """
UPDATE attribution_replay SET done = done + %s, parts = jsonb_set(parts, %s, %s) WHERE id = %s AND state = 'running'
"""


class Part(NamedTuple):
    """A stretch: the decisions after one place in the order of installs, up to and with another."""

    number: int
    after: tuple[datetime, int] | None
    upto: tuple[datetime, int]
    size: int
    done: bool


class Ended(Exception):  # noqa: N818 -- not an error
    """The replay was canceled while a stretch was decided; its transaction must not commit."""


def unfinished() -> list[int]:
    """Return the replays that somebody has to work on, the first ordered first."""
    return list(Replay.objects.filter(state__in=UNFINISHED).order_by("pk").values_list("pk", flat=True))


def work(replay_id: int) -> bool:
    """Do what there is to do for a replay; return whether it is at rest now.

    Safe to repeat and to break off. Twice at once is harmless: the second finds that there is one at work and leaves.
    """
    # One replay at a time in the whole installation: the workers have installs to decide as well.
    with alone("attribution.replay") as mine:
        if not mine:
            return False
        try:
            return _go_on(replay_id)
        except OperationalError:
            raise  # the database went away or ended a deadlock: the next turn goes on from the rows
        except Exception:
            logger.exception("Replay %s failed", replay_id)
            Replay.objects.filter(pk=replay_id, state__in=(State.WAITING, State.RUNNING)).update(
                state=State.FAILED,
                problem="Something went wrong on our side; the log of the worker says what. Nothing was changed.",
                finished_at=timezone.now(),
            )
            raise


def _go_on(replay_id: int) -> bool:
    replay = Replay.objects.select_related("project", "rule_set").get(pk=replay_id)
    if replay.state == State.WAITING:
        plan(replay)
    if replay.state == State.RUNNING:
        with _helper(replay):
            _take_parts(replay, backwards=False)
        replay.refresh_from_db()
        if replay.state == State.RUNNING and all(part["done"] for part in replay.parts):
            changes.settle(replay)
            difference.finish(replay, now=timezone.now())
    if replay.state == State.APPLYING:
        applying.apply(replay, now=timezone.now)
    replay.refresh_from_db(fields=["state"])
    return replay.state not in UNFINISHED


def help_with(replay_id: int) -> None:
    """Decide stretches of a replay that another process leads, from the end of its period on."""
    replay = Replay.objects.select_related("project").get(pk=replay_id)
    if replay.state == State.RUNNING:
        _take_parts(replay, backwards=True)


def plan(replay: Replay) -> None:
    """Cut the period into stretches and set the replay to running, unless it was canceled."""
    with connection.cursor() as cursor:
        cursor.execute(EDGES, [replay.project_id, replay.since, replay.until, STRETCH])
        edges = cursor.fetchall()
    parts: list[dict[str, Any]] = []
    before: list[Any] | None = None
    for at, pk, place in edges:
        edge = [at.isoformat(), pk]
        size = place - sum(part["size"] for part in parts)
        parts.append({"after": before, "upto": edge, "size": size, "done": False})
        before = edge
    Replay.objects.filter(pk=replay.pk, state=State.WAITING).update(
        state=State.RUNNING,
        parts=parts,
        total=sum(part["size"] for part in parts),
        done=0,
        started_at=timezone.now(),
    )
    replay.refresh_from_db()


def parts_of(replay: Replay) -> list[Part]:
    """Return the stretches of a replay."""
    return [
        Part(number, _edge(part["after"]) if part["after"] else None, _edge(part["upto"]), part["size"], part["done"])
        for number, part in enumerate(replay.parts)
    ]


def _edge(stored: Sequence[Any]) -> tuple[datetime, int]:
    return datetime.fromisoformat(stored[0]), stored[1]


def _take_parts(replay: Replay, *, backwards: bool) -> None:
    """Decide one stretch after the other that nobody else has, until none is left or the replay has ended."""
    decider = changes.Decider(replay, Rules.from_json(replay.rules))
    parts = [part for part in parts_of(replay) if not part.done]
    for part in reversed(parts) if backwards else parts:
        try:
            _take(replay, part, decider)
        except Ended:
            return


def _take(replay: Replay, part: Part, decider: "changes.Decider") -> None:
    """Decide a stretch and write its changes in one transaction. Raises Ended."""
    with transaction.atomic():
        cursor = raw_cursor()
        cursor.execute(TAKE, (f"attribution.replay.{replay.pk}.{part.number}",))
        [mine] = cursor.fetchone() or [False]
        if not mine:
            return
        cursor.execute(STILL_OPEN, (part.number, replay.pk))
        [still_open] = cursor.fetchone() or [False]
        if not still_open:
            return
        gone = decider.decide(part.after, part.upto)
        stored = {**replay.parts[part.number], "done": True, "gone": gone}
        cursor.execute(DONE, (part.size, [str(part.number)], orjson.dumps(stored).decode(), replay.pk))
        if not cursor.rowcount:
            raise Ended


class _helper:  # noqa: N801
    """A second process beside this one, for the length of a with statement, where there is enough to do for two.

    Not a fork: Celery's processes may have no children of multiprocessing's.
    """

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> None:
        if self._replay.total - self._replay.done >= WORTH_HELP:
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "replay", "--help-with"]
            self._process = subprocess.Popen([*command, str(self._replay.pk)], stdin=subprocess.DEVNULL)

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.wait():
            # What it had begun is rolled back, and still open.
            logger.warning("The helper of replay %s ended with %s", self._replay.pk, self._process.returncode)
