"""What a replay would change: stretches of decisions decided again and compared, only the differences written."""

import gc
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from attribution import flags, history, retention
from attribution.candidates import INSTALL_FACTS, Claimed, Found
from attribution.deciding import Batch, Decided, decide_batch, hold_of, stands
from attribution.decisions import models_of
from attribution.facts import InstallFacts
from attribution.forgetting import ERASED
from attribution.fraud import catalogue
from attribution.fraud import rules as fraud
from attribution.ledger import Hold
from attribution.models import Replay, RuleSet
from attribution.replays.reading import Reader, array
from attribution.rules import ORGANIC, PROBABILISTIC, Rules
from events.store import raw_cursor

# As many candidates as are kept of the least wanted kind: of fewer touches all are kept.
ALL_KEPT = 20
# Installs that take touches from each other are decided again until nothing moves; each turn has fewer of them.
MOST_TURNS = 10
OWN_CODES = tuple(rule.code for rule in catalogue.RULES if rule.level == "install")

# What speaks against redoing a decision: its touch is gone, or some of those that it weighed, or what a network is
# matched by. The second is only counted where touches that old may have been forgotten: before the oldest there is.
READ = f"""
SELECT i.id, i.kind, i.received_at, i.distinct_id, d.id, d.rule_set_id, d.match_model_id, d.touch_id, d.tier,
       d.rejected, d.source, d.campaign, d.kind,
       (d.touch_id IS NULL AND d.tier <> '{ORGANIC}')
       OR (d.considered > 0 AND d.installed_at < %s AND LEAST(d.considered, {ALL_KEPT}) > (
           SELECT count(*) FROM (
               SELECT FROM attribution_candidate c WHERE c.decision_id = d.id LIMIT {ALL_KEPT}
           ) c
       ))
       OR (i.received_at < %s AND EXISTS (
           SELECT FROM attribution_candidate c WHERE c.decision_id = d.id AND c.tier = '{PROBABILISTIC}'
       )),
       {INSTALL_FACTS}
FROM attribution_decision d
-- Not a join: the planner takes a stretch for many times as long as it is, and would read all installs for each.
CROSS JOIN LATERAL (SELECT * FROM attribution_install i WHERE i.id = d.install_id LIMIT 1) i
JOIN customers_project p ON p.id = d.project_id
WHERE d.project_id = %s AND d.installed_at >= %s
"""  # noqa: S608
STRETCH = f"{READ} AND (d.installed_at, d.id) > (%s, %s) AND (d.installed_at, d.id) <= (%s, %s)"
SOME = f"{READ} AND d.installed_at < %s AND d.install_id = ANY(%s)"

HELD = "SELECT touch_id, install_id, id, tier FROM attribution_decision WHERE touch_id = ANY(%s::bigint[])"
ARRIVED = "SELECT id, received_at FROM attribution_install WHERE id = ANY(%s)"
MOVED = "SELECT decision_id FROM attribution_replaychange WHERE replay_id = %s AND decision_id = ANY(%s)"
WOULD_HOLD = """
SELECT c.new_touch_id, d.install_id, c.new_tier, i.received_at
FROM attribution_replaychange c JOIN attribution_decision d ON d.id = c.decision_id
JOIN attribution_install i ON i.id = d.install_id WHERE c.replay_id = %s AND c.new_touch_id = ANY(%s::bigint[])
"""
ANY_CHANGE = "SELECT EXISTS (SELECT FROM attribution_replaychange WHERE replay_id = %s)"
COPY = """
COPY attribution_replaychange (replay_id, decision_id, kind, old_tier, old_source, old_campaign, old_rejected, new_tier,
    new_source, new_campaign, new_touch_id, new_probability, new_rejected) FROM STDIN (FORMAT BINARY)
"""
COPY_TYPES = [
    "int8", "int8", "varchar", "varchar", "varchar", "varchar", "bool", "varchar", "varchar", "varchar", "int8",
    "float8", "bool",
]  # fmt: skip

# After all stretches: installs by network that now share a touch with one that goes before them, and those that had
# been refused a touch which nobody holds any more. Only these can still be wrong.
CROSSED = f"""
WITH moved AS MATERIALIZED (
    SELECT c.decision_id, c.new_touch_id, d.touch_id AS old_touch_id
    FROM attribution_replaychange c JOIN attribution_decision d ON d.id = c.decision_id WHERE c.replay_id = %(replay)s
), hands AS (
    SELECT new_touch_id AS touch_id FROM moved WHERE new_touch_id IS NOT NULL
    UNION SELECT old_touch_id FROM moved WHERE old_touch_id IS NOT NULL
), holds AS (
    SELECT d.touch_id, d.id, d.install_id, d.tier FROM attribution_decision d JOIN hands h ON h.touch_id = d.touch_id
    WHERE NOT EXISTS (SELECT FROM moved m WHERE m.decision_id = d.id)
    UNION ALL
    SELECT c.new_touch_id, d.id, d.install_id, c.new_tier FROM attribution_replaychange c
    JOIN attribution_decision d ON d.id = c.decision_id
    WHERE c.replay_id = %(replay)s AND c.new_touch_id IS NOT NULL
)
SELECT h.install_id FROM holds h WHERE h.tier = '{PROBABILISTIC}' AND EXISTS (
    SELECT FROM holds o WHERE o.touch_id = h.touch_id AND o.install_id <> h.install_id
      AND (o.tier <> '{PROBABILISTIC}' OR o.install_id < h.install_id))
UNION
SELECT d.install_id FROM hands t
JOIN attribution_candidate c ON c.touch_id = t.touch_id AND c.reasons ? 'credited_elsewhere'
JOIN attribution_decision d ON d.id = c.decision_id
"""  # noqa: S608


class Now(NamedTuple):
    """A decision as it is now."""

    decision_id: int
    rule_set_id: int
    touch_id: int | None
    tier: str
    rejected: bool
    source: str
    campaign: str
    kind: str
    gone: bool


class Then(NamedTuple):
    """A decision as the replay makes it."""

    tier: str
    touch_id: int | None
    source: str
    campaign: str
    probability: float | None
    rejected: bool


@dataclass(slots=True)
class Weighed:
    """An install that was decided again."""

    claimed: Claimed
    now: Now
    then: Then

    @property
    def changed(self) -> bool:
        now, then = self.now, self.then
        return (now.tier, now.touch_id, now.rejected) != (then.tier, then.touch_id, then.rejected)

    def line(self, replay_id: int) -> tuple[Any, ...]:
        """Return the change as it is written."""
        now, then = self.now, self.then
        return (
            replay_id, now.decision_id, now.kind, now.tier, now.source, now.campaign, now.rejected, then.tier,
            then.source, then.campaign, then.touch_id, then.probability, then.rejected,
        )  # fmt: skip


class Decider:
    """Decides stretches of a replay's period by its rules and writes what would change. Commits nothing itself."""

    def __init__(self, replay: Replay, rules: Rules) -> None:
        self._replay = replay
        self._rules = rules
        self._reader = Reader(replay.project_id, rules)
        self._flags = flags.live([replay.project_id])
        parts = [{"fraud": rules.fraud}, *rules.sources.values(), *rules.links.values()]
        usual = fraud.setting(rules, "address_flood")[0]
        actions = {usual, *(part.get("fraud", {}).get("address_flood", {}).get("action") for part in parts)}
        self._crowds_block = catalogue.BLOCK in actions
        self._before: dict[int, Rules] = {}
        days = replay.project.retention_days
        self._kept_since = timezone.now() - timedelta(days=days) if days is not None else None
        self._signals_since = retention.signals_kept_since(timezone.now())
        oldest = replay.project.touches.order_by("ts", "id").values_list("ts", flat=True).first()
        # Where there is none at all, every touch may be gone.
        self._doubtful_until = oldest + self._widest() if oldest else replay.until

    def _widest(self) -> timedelta:
        """Return how far back any version of the rules has looked."""
        stored = RuleSet.objects.filter(project=self._replay.project_id).values_list("rules", flat=True)
        return timedelta(seconds=max(Rules.from_json(one).widest_window_s for one in stored))

    def decide(self, after: tuple[datetime, int] | None, upto: tuple[datetime, int]) -> int:
        """Decide the decisions behind `after` up to and with `upto`; return how many can't be redone."""
        since = self._replay.since
        with _without_collecting():
            rows = self._read(STRETCH, (since, *(after or (since, 0)), *upto))
            weighed = self._weigh([row for row in rows if not self._gone(row)])
            self._write([one for one in weighed if one.changed])
        return len(rows) - len(weighed)

    def redoable(self, after: tuple[datetime, int] | None, upto: tuple[datetime, int]) -> dict[int, int]:
        """Return the installs of a stretch that can be decided again, each with the rule set of its decision."""
        since = self._replay.since
        rows = self._read(STRETCH, (since, *(after or (since, 0)), *upto))
        return {row[0].id: row[1].rule_set_id for row in rows if not self._gone(row)}

    def again(self, install_ids: Sequence[int]) -> bool:
        """Decide some installs once more, after others have moved; return whether that made a difference."""
        replay = self._replay
        rows = self._read(SOME, (replay.since, replay.until, list(install_ids)))
        weighed = self._weigh([row for row in rows if not self._gone(row)])
        ids = [one.now.decision_id for one in weighed]
        known = dict(replay.changes.filter(decision__in=ids).values_list("decision_id", "new_touch_id"))
        changed = [one for one in weighed if one.changed]
        moved = {one.now.decision_id: one.then.touch_id for one in changed}
        if moved == known:
            return False
        replay.changes.filter(decision__in=ids).delete()
        self._write(changed)
        return True

    def _read(self, statement: str, parameters: tuple[Any, ...]) -> list[tuple[Claimed, Now]]:
        cursor = raw_cursor()
        project_id = self._replay.project_id
        cursor.execute(statement, (self._doubtful_until, self._signals_since, project_id, *parameters), binary=True)
        found = []
        for (
            pk, kind, received_at, distinct_id, decision_id, rule_set, model, touch, tier, rejected, source, campaign,
            decided_kind, gone, *facts
        ) in cursor.fetchall():  # fmt: skip
            hold = Hold(touch, pk, tier, received_at) if touch is not None else None
            claimed = Claimed(
                pk, project_id, kind, received_at, distinct_id, decision_id, rule_set, model, hold, InstallFacts(*facts)
            )
            now = Now(decision_id, rule_set, touch, tier, rejected, source, campaign, decided_kind, gone)
            found.append((claimed, now))
        return found

    def _gone(self, row: tuple[Claimed, Now]) -> bool:
        """Say whether a decision can't be redone: what it was made from, or what it would be made from, is erased."""
        claimed, now = row
        if now.gone or claimed.distinct_id.startswith(ERASED):
            return True
        if self._kept_since is None:
            return False
        looked_s, looks_s = self._rules_before(now.rule_set_id).widest_window_s, self._rules.widest_window_s
        return looks_s > looked_s and claimed.facts.installed_at - timedelta(seconds=looks_s) < self._kept_since

    def _rules_before(self, rule_set_id: int) -> Rules:
        known = self._before.get(rule_set_id)
        if known is None:
            known = self._before[rule_set_id] = Rules.from_json(RuleSet.objects.get(pk=rule_set_id).rules)
        return known

    def _weigh(self, rows: Sequence[tuple[Claimed, Now]]) -> list[Weighed]:
        claimed = [one for one, _ in rows]
        found = self._reader.by_id(claimed)
        certain = self._certain(claimed, found)
        others = [one for one in claimed if one.id not in certain]
        self._reader.add_network(others, found)
        # An install without any candidate is organic, whatever the rules.
        some = [one for one in others if one.id in found]
        holds = [hold for one in certain.values() if (hold := hold_of(one))]
        decided = certain | self._decided(some, found, [*holds, *self._holds(some, found, certain.keys())])
        rejected = self._rejected(rows)
        return [
            Weighed(install, now, _then(decided.get(install.id), rejected=rejected[install.id]))
            for install, now in rows
        ]

    def _certain(self, claimed: Sequence[Claimed], found: dict[int, Found]) -> dict[int, Decided]:
        """Decide those installs that an id settles: no click of their network could change it, so none is read.

        Where a rule blocks touches of crowded addresses, no id settles anything.
        """
        if self._crowds_block:
            return {}
        some = [one for one in claimed if one.id in found and not one.returning]
        return {pk: one for pk, one in self._decided(some, found, []).items() if stands(one, self._rules)}

    def _decided(
        self, claimed: Sequence[Claimed], found: dict[int, Found], holds: Sequence[Hold]
    ) -> dict[int, Decided]:
        if not claimed:
            return {}
        models = {pk: model for pk, (_, model) in models_of(claimed).items()}
        batch = Batch(claimed, found, {}, holds, models, self._flags)
        return {one.claimed.id: one for one in decide_batch(batch, lambda _: self._rules, explain=False).decided}

    def _rejected(self, rows: Sequence[tuple[Claimed, Now]]) -> dict[int, bool]:
        """Say for each install whether a fraud rule rejects it, asking only where these rules were changed."""
        found = {install.id: now.rejected for install, now in rows}
        mine = self._own_settings(self._rules)
        asked = [install for install, now in rows if self._own_settings(self._rules_before(now.rule_set_id)) != mine]
        past = history.past_of(asked, lambda _: self._rules) if asked else {}
        for install in asked:
            counts = past[install.id].counts if install.id in past else None
            struck = fraud.of_install(install.facts, counts, self._rules) if counts else ()
            found[install.id] = fraud.blocks(struck)
        return found

    @staticmethod
    def _own_settings(rules: Rules) -> list[fraud.Setting]:
        said = fraud.settings(rules)
        return [said[code] for code in OWN_CODES]

    def _holds(self, claimed: Sequence[Claimed], found: dict[int, Found], settled: Collection[int]) -> list[Hold]:
        """Return who holds the touches that could win here: as it is now, and where the replay has moved one, then.

        Installs that are `settled` already are left out.
        """
        own = [install.hold for install in claimed if install.hold]
        wanted = list({touch_id for install in claimed for touch_id in found[install.id].near})
        if not wanted:
            return own
        cursor = raw_cursor()
        cursor.execute(HELD, (array(wanted),), binary=True)
        mine = {install.id for install in claimed} | set(settled)
        others = [row for row in cursor.fetchall() if row[1] not in mine]
        if others:
            cursor.execute(ARRIVED, ([row[1] for row in others],))
            arrived = dict(cursor.fetchall())
        cursor.execute(ANY_CHANGE, (self._replay.pk,))
        [any_change] = cursor.fetchone() or [False]
        moved: set[int] = set()
        would: list[Hold] = []
        if any_change:
            cursor.execute(MOVED, (self._replay.pk, [row[2] for row in others]))
            moved = {row[0] for row in cursor}
            cursor.execute(WOULD_HOLD, (self._replay.pk, array(wanted)))
            would = [hold for hold in (Hold(*row) for row in cursor) if hold.install_id not in mine]
        stay = [Hold(touch, pk, tier, arrived[pk]) for touch, pk, decision, tier in others if decision not in moved]
        return [*own, *stay, *would]

    def _write(self, changed: Iterable[Weighed]) -> None:
        with raw_cursor().copy(COPY) as copy:
            copy.set_types(COPY_TYPES)
            for one in changed:
                copy.write_row(one.line(self._replay.pk))


def _then(one: Decided | None, *, rejected: bool) -> Then:
    touch = one.verdict.touch if one else None
    if one is None or touch is None:
        return Then(ORGANIC, None, ORGANIC, "", None, rejected)
    verdict = one.verdict
    return Then(verdict.tier, touch.id, touch.source, touch.campaign, verdict.probability, rejected)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Put off the search for cycles: a stretch makes a million objects, and none of them is in one."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def settle(replay: Replay) -> None:
    """Decide those installs again that stretches, decided apart, could not know of each other. Safe to repeat."""
    decider = Decider(replay, Rules.from_json(replay.rules))
    for _ in range(MOST_TURNS):
        with transaction.atomic():
            cursor = raw_cursor()
            cursor.execute(CROSSED, {"replay": replay.pk})
            crossed = [row[0] for row in cursor]
            if not crossed or not decider.again(crossed):
                return
