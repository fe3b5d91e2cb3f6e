"""What an owner does with refused events besides replaying one: put aside, take back, replay all of a kind."""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import orjson
from django.db import transaction
from django.utils import timezone

from customers.models import Project
from events.dialects import registry
from events.ingest import Receipt
from events.models import Rejected
from events.replay import replay
from growthplatform.core.errors import InvalidField, Problem

AT_ONCE = 500
KEPT = timedelta(days=30)  # as services.forget_old deletes them
LONG_NUMBER = re.compile(r"\d{16}")
TOUCHES = ("/v1/touches", "/v1.0/s2s/")


class Replayed(NamedTuple):
    """What became of the refused events of one code."""

    stored: int
    still_wrong: int
    left: int


class AlreadyReplayed(Problem):
    status = 409
    code = "already_replayed"
    message = "This event was replayed before and is stored."


class NotAnEvent(Problem):
    status = 409
    code = "not_an_event"
    message = "A touch is no event: repair it at its sender and send it to /v1/touches again."


def replay_once(rejected: Rejected, body: bytes | None = None, *, path: str = "") -> Receipt:
    """Replay a refusal as replay() does, but never twice: without a messageId the second would be another event.

    Raises AlreadyReplayed and NotAnEvent besides what replay() raises.
    """
    if rejected.path.startswith(TOUCHES):
        raise NotAnEvent
    with transaction.atomic():
        locked = Rejected.objects.select_for_update(of=("self",)).select_related("project").get(pk=rejected.pk)
        if locked.state == Rejected.State.REPLAYED:
            raise AlreadyReplayed
        return replay(locked, body, path)


def path_of(rejected: Rejected, path: str) -> str:
    """Return the address that a refusal is repaired to, "" for its own: one of a vendor's format stays in a format.

    Raises InvalidField.
    """
    path = path.strip()
    if path in {"", rejected.path}:
        return ""
    if len(path) > 100 or registry.of_path(rejected.path) is None or registry.of_path(path) is None:
        raise InvalidField.named(
            "path", "must be an address of a vendor's format, as what was refused was sent to one."
        )
    return path


def discard(rejected: Rejected) -> bool:
    """Put a refused event aside; say whether it was open. Safe to repeat."""
    mine = Rejected.objects.filter(pk=rejected.pk, state=Rejected.State.OPEN)
    return bool(mine.update(state=Rejected.State.DISCARDED))


def restore(rejected: Rejected) -> bool:
    """Take a discarded event back; say whether it was discarded. Safe to repeat."""
    mine = Rejected.objects.filter(pk=rejected.pk, state=Rejected.State.DISCARDED)
    return bool(mine.update(state=Rejected.State.OPEN))


def replay_all(project: Project, code: str, *, limit: int = AT_ONCE) -> Replayed:
    """Replay the open refusals of one code as they came, oldest first and at most `limit`; return what became of them.

    For a cause that is gone: a limit that was raised, a rule that was changed. Safe to repeat.
    """
    started = timezone.now()
    open_ones = Rejected.objects.filter(project=project, code=code, state=Rejected.State.OPEN, last_at__lte=started)
    stored = wrong = 0
    for rejected in open_ones.select_related("project").order_by("last_at", "pk")[:limit]:
        try:
            replay_once(rejected)
        except Problem:
            wrong += 1
        else:
            stored += 1
    return Replayed(stored, wrong, max(0, open_ones.count() - wrong))


def is_replayable(rejected: Rejected) -> bool:
    """Say whether a refusal can be sent again from here: not a touch, which is no event, and not twice."""
    return rejected.state != Rejected.State.REPLAYED and not rejected.path.startswith(TOUCHES)


def readable(body: str) -> str:
    """Return a body laid out for repair; one that is no JSON, or holds numbers that would be rounded, as it came."""
    if LONG_NUMBER.search(body):
        return body
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return body


def field_in(problem: Problem) -> str:
    """Return the field that a refusal names."""
    if isinstance(problem.detail, list):
        return str(problem.detail[0]["field"]) if problem.detail else ""
    detail = problem.detail if isinstance(problem.detail, dict) else {}
    refused = detail.get("refused") or [{}]
    return str(refused[0].get("field", ""))


@dataclass(frozen=True)
class Place:
    """A body cut at the field that is wrong: before it, the part, after it."""

    before: str
    part: str
    after: str


def place_of(body: str, field: str) -> Place:
    """Find the faulty field in a body, so that a page can mark it; nothing is marked where it is missing."""
    text = readable(body)
    found = (
        re.search(rf'"{re.escape(field)}"\s*:\s*("(?:\\.|[^"\\])*"|[^,\n{{}}\[\]]+|[\[{{])', text) if field else None
    )
    if found is None:
        return Place(text, "", "")
    return Place(text[: found.start()], found.group(), text[found.end() :])
