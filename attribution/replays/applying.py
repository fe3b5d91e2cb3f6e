"""An approved replay made true: its decisions rewritten by the new rules, a few at a time.

Readers see each decision with its candidates as it was or as it is now, never half of it. A click that goes from one
install to another goes in one transaction, so it never counts twice. What is done says so itself: a decision names
the rule set it was made by, so work that was broken off goes on where it stopped.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from attribution import decisions
from attribution.models import Decision, Install, Replay, ReplayChange
from attribution.replays.changes import Decider
from attribution.rules import Rules

CHUNK = 1_000


def apply(replay: Replay, *, now: Callable[[], datetime]) -> None:
    """Rewrite the decisions of an approved replay, first those that change. Safe to repeat and to break off."""
    for changes in _together(replay):
        with transaction.atomic():
            _rewrite(replay, [install_id for _, install_id in changes], now())
            ReplayChange.objects.filter(pk__in=[pk for pk, _ in changes]).update(applied=True)
    # The others keep their outcome, but their explanation is now by the new rules.
    decider = Decider(replay, Rules.from_json(replay.rules))
    for part in replay.parts:
        after, upto = part["after"], part["upto"]
        found = decider.redoable(_edge(after) if after else None, _edge(upto))
        left = [pk for pk, rule_set_id in found.items() if rule_set_id != replay.rule_set_id]
        for first in range(0, len(left), CHUNK):
            _rewrite(replay, left[first : first + CHUNK], now())
    Replay.objects.filter(pk=replay.pk, state=Replay.State.APPLYING).update(
        state=Replay.State.APPROVED, done=F("total"), finished_at=now()
    )


def _edge(stored: Sequence[str | int]) -> tuple[datetime, int]:
    return datetime.fromisoformat(str(stored[0])), int(stored[1])


def _rewrite(replay: Replay, install_ids: Sequence[int], now: datetime) -> None:
    """Decide installs by the replay's rule set, in one transaction."""
    with transaction.atomic():
        # In the order in which everybody locks them, so that two never wait for each other crosswise.
        locked = Install.objects.select_for_update().filter(pk__in=install_ids).order_by("pk")
        ids = list(locked.values_list("pk", flat=True))
        Decision.objects.filter(install__in=ids).update(rule_set=replay.rule_set)
        decisions.decide_again(ids, now=now)
        Replay.objects.filter(pk=replay.pk).update(done=F("done") + len(ids))


def _together(replay: Replay) -> Iterator[list[tuple[int, int]]]:
    """Give the changes that are still to be applied, with their installs, in chunks.

    Those that share a touch, which one gives up and another takes, are never torn apart.
    """
    rows = replay.changes.filter(applied=False).order_by("pk")
    found = list(rows.values_list("pk", "decision__install_id", "decision__touch_id", "new_touch_id"))
    parent: dict[int, int] = {}

    def root(touch_id: int) -> int:
        while parent.setdefault(touch_id, touch_id) != touch_id:
            parent[touch_id] = parent[parent[touch_id]]
            touch_id = parent[touch_id]
        return touch_id

    for _, _, old, new in found:
        if old is not None and new is not None:
            parent[root(old)] = root(new)
    groups: dict[int, list[tuple[int, int]]] = {}
    for pk, install_id, old, new in found:
        touch_id = new if new is not None else old
        # One that only a fraud rule has changed, and that is organic, belongs to nobody else.
        key = root(touch_id) if touch_id is not None else -install_id
        groups.setdefault(key, []).append((pk, install_id))
    chunk: list[tuple[int, int]] = []
    for group in groups.values():
        chunk += group
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
