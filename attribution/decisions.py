"""Decisions in micro-batches: claim installs, fetch all their candidate touches at once, decide, write at once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import orjson
from django.db import transaction

from attribution import candidates, claims, conversions, flags, history, rule_sets, tables
from attribution.candidates import Claimed, Found
from attribution.deciding import Batch, Decided, Outcome, RulesOf, decide_batch, stands
from attribution.fraud.rules import Struck
from attribution.ledger import Hold
from attribution.matching import Verdict
from attribution.models import Decision, MatchModel, RuleSet
from attribution.posterior import Model
from attribution.rules import PROBABILISTIC, Rules
from events.payloads import RawJson
from events.store import raw_cursor

STAGE = """
CREATE TEMP TABLE IF NOT EXISTS decision_stage (
    project_id bigint, install_id bigint, kind text, state text, tier text, probability float8, touch_id bigint,
    country text, os_name text, fraud jsonb, rejected bool, notes jsonb, installed_at timestamptz,
    decided_at timestamptz, rule_set_id bigint, match_model_id bigint, considered int
) ON COMMIT DELETE ROWS
"""
STAGED = (
    "project_id, install_id, kind, state, tier, probability, touch_id, country, os_name, fraud, rejected, notes,"
    " installed_at, decided_at, rule_set_id, match_model_id, considered"
)
STAGED_TYPES = [
    "int8", "int8", "text", "text", "text", "float8", "int8", "text", "text", "jsonb", "bool", "jsonb", "timestamptz",
    "timestamptz", "int8", "int8", "int4",
]  # fmt: skip
COPY_STAGE = f"COPY decision_stage ({STAGED}) FROM STDIN (FORMAT BINARY)"
COPIED = ("source", "campaign", "ad_set", "ad", "creative", "publisher")
OF_TOUCH = "COALESCE(t.source, 'organic'), " + ", ".join(f"COALESCE(t.{name}, '')" for name in COPIED[1:])
# What a revision changes; the rule set and the match model of a decision stay, only a replay changes them.
RENEWED = (
    "kind", "state", "tier", "probability", "touch_id", "country", "os_name", "fraud", "rejected", "notes",
    "decided_at", "considered", *COPIED,
)  # fmt: skip
WRITE = f"""
INSERT INTO attribution_decision AS d ({STAGED}, {", ".join(COPIED)}, revision)
SELECT {", ".join(f"s.{name.strip()}" for name in STAGED.split(","))}, {OF_TOUCH}, 1
FROM decision_stage s LEFT JOIN attribution_touch t ON t.id = s.touch_id
ON CONFLICT (install_id) DO UPDATE SET
    {", ".join(f"{name} = EXCLUDED.{name}" for name in RENEWED)},
    revision = d.revision + ((d.tier, d.touch_id, d.rejected, d.kind)
        IS DISTINCT FROM (EXCLUDED.tier, EXCLUDED.touch_id, EXCLUDED.rejected, EXCLUDED.kind))::int
RETURNING id, install_id
"""  # noqa: S608
# After all are written, as the install before may be of the same batch.
LINK = """
UPDATE attribution_decision d SET original_id = o.id
FROM unnest(%s::bigint[], %s::bigint[]) AS r(install_id, original)
LEFT JOIN attribution_decision o ON o.install_id = r.original
WHERE d.install_id = r.install_id AND d.original_id IS DISTINCT FROM o.id
"""
COPY_CANDIDATES = """
COPY attribution_candidate (decision_id, touch_id, tier, eligible, credited, reasons, age_s, probability, fraud)
FROM STDIN (FORMAT BINARY)
"""
CANDIDATE_TYPES = ["int8", "int8", "varchar", "bool", "bool", "jsonb", "float8", "float8", "jsonb"]
# Installs after one that was decided now, which had not known of it.
LATER = """
UPDATE attribution_install i SET pending = true FROM attribution_decision d
WHERE d.install_id = i.id AND i.id = ANY(%s) AND d.kind = 'install' AND NOT i.pending
"""
# Touches that changed hands reopen those decisions outside of the batch which weighed them and may come out otherwise.
CHANGED_HANDS = """
WITH moved AS (
    SELECT d.install_id FROM unnest(%s::bigint[], %s::bigint[], %s::bool[], %s::timestamptz[])
        AS h(touch_id, install_id, by_network, received_at)
    JOIN attribution_candidate c ON c.touch_id = h.touch_id AND c.tier = 'probabilistic'
    JOIN attribution_decision d ON d.id = c.decision_id AND d.install_id <> h.install_id AND d.tier = ANY(%s)
    JOIN attribution_install i ON i.id = d.install_id
    WHERE NOT c.reasons ? 'credited_elsewhere'
      AND CASE WHEN h.by_network THEN h.install_id < i.id ELSE h.received_at <= i.received_at + interval '24 hours' END
    UNION
    SELECT d.install_id FROM attribution_candidate c JOIN attribution_decision d ON d.id = c.decision_id
    WHERE c.touch_id = ANY(%s) AND c.reasons ? 'credited_elsewhere'
)
UPDATE attribution_install SET pending = true WHERE id IN (
    SELECT id FROM attribution_install WHERE id IN (SELECT install_id FROM moved) AND NOT pending
    FOR NO KEY UPDATE SKIP LOCKED
)
"""


def decide_pending(limit: int, *, now: datetime) -> int:
    """Decide up to `limit` pending installs and commit; return how many.

    Twice at once is harmless: each install is locked by one transaction, and pending until that has committed.
    """
    with transaction.atomic():
        claimed = candidates.claim(limit)
        done = _decide_and_write(claimed, now)
    if done:
        _look_again(*done)
    return len(claimed)


def decide_one(install_id: int, *, now: datetime) -> bool:
    """Decide one pending install and commit; False where it is not pending, or somebody else decides it now."""
    with transaction.atomic():
        claimed = candidates.claim_one(install_id)
        done = _decide_and_write(claimed, now)
    if done:
        _look_again(*done)
    return bool(claimed)


def decide_again(install_ids: Sequence[int], *, now: datetime) -> None:
    """Decide installs again, pending or not, each by the rule set that its decision names now.

    Part of the caller's transaction, which has to hold the locks of these installs.
    """
    _decide_and_write(candidates.of_installs(install_ids), now)


def _decide_and_write(claimed: Sequence[Claimed], now: datetime) -> tuple[Batch, Outcome, RulesOf] | None:
    if not claimed:
        return None
    chosen = _chosen(claimed)
    models = models_of(claimed)

    def rules_of(install: Claimed) -> Rules:
        return chosen[install.id].rules

    batch = read_batch(claimed, rules_of, models)
    outcome = decide_batch(batch, rules_of)
    if outcome.decided:
        rule_set_ids, model_ids = {pk: one.pk for pk, one in chosen.items()}, {pk: one[0] for pk, one in models.items()}
        _write(outcome.decided, rule_set_ids, model_ids, now)
    cursor = raw_cursor()
    cursor.execute("UPDATE attribution_install SET pending = false WHERE id = ANY(%s)", ([one.id for one in claimed],))
    if outcome.given_up or outcome.taken:
        _tell_others(outcome, {tier for install in claimed for tier in rules_of(install).weak})
    # What such a person bought since is the return's now, or no longer.
    returns = [one.claimed for one in outcome.decided if one.claimed.returning]
    conversions.link_to(conversions.Owner(one.id, one.project_id, one.distinct_id) for one in returns)
    later = {pk for past in batch.past.values() for pk in past.later} - {one.id for one in claimed}
    if later:
        cursor.execute(LATER, (list(later),))
    return batch, outcome, rules_of


def _look_again(batch: Batch, outcome: Outcome, rules_of: RulesOf) -> None:
    """Have those decided again that weighed a touch which somebody else gave away at the same moment.

    After the commit: of two at once, the one that commits last sees what the other did.
    """
    mine = {install.id for install in batch.claimed}
    seen = {(hold.touch_id, hold.install_id) for hold in batch.holds}
    news: dict[int, list[Hold]] = defaultdict(list)
    for hold in candidates.holders(batch.found, ()):
        if hold.install_id not in mine and (hold.touch_id, hold.install_id) not in seen:
            news[hold.touch_id].append(hold)
    stale = [
        one.claimed.id
        for one in outcome.decided
        if news and not stands(one, rules_of(one.claimed)) and _barred(one.claimed, batch.found, news)
    ]
    if stale:
        raw_cursor().execute("UPDATE attribution_install SET pending = true WHERE id = ANY(%s)", (stale,))


def _barred(install: Claimed, found: Mapping[int, Found], news: Mapping[int, Sequence[Hold]]) -> bool:
    near = found[install.id].near if install.id in found else set()
    return any(hold.bars(install.id, install.deadline) for touch_id in near for hold in news.get(touch_id, ()))


def _tell_others(outcome: Outcome, weak: Collection[str]) -> None:
    """Have those installs decided again that weighed a touch which has changed hands.

    `weak` are the tiers that a click of the network could take a decision from. Installs that others have locked are
    being decided this moment, and looked at again.
    """
    taken = outcome.taken
    cursor = raw_cursor()
    cursor.execute(
        CHANGED_HANDS,
        (
            [one.touch_id for one in taken],
            [one.install_id for one in taken],
            [one.tier == PROBABILISTIC for one in taken],
            [one.received_at for one in taken],
            list(weak),
            list(outcome.given_up),
        ),
    )


def read_batch(
    claimed: Sequence[Claimed],
    rules_of: RulesOf,
    models: Mapping[int, tuple[int | None, Model]] | None = None,
    *,
    with_past: bool = True,
) -> Batch:
    """Read all that the decisions of some installs depend on; nothing is written.

    Without `with_past` nothing is known of other installs of the device: none is a reinstall or rejected.
    """
    found = candidates.find(claimed, rules_of)
    models = models_of(claimed) if models is None else models
    return Batch(
        claimed,
        found,
        history.past_of(claimed, rules_of) if with_past else {},
        candidates.holders(found, claimed),
        {pk: model for pk, (_, model) in models.items()},
        flags.live({install.project_id for install in claimed}),
    )


def _chosen(claimed: Sequence[Claimed]) -> dict[int, rule_sets.Version]:
    """Return the rule set of each install: that of its decision, for a new one the newest of its project."""
    kept = {install.rule_set_id for install in claimed if install.rule_set_id is not None}
    versions = {
        row.pk: rule_sets.Version(row.pk, row.version, Rules.from_json(row.rules))
        for row in RuleSet.objects.filter(pk__in=kept)
    }
    newest = rule_sets.current(install.project_id for install in claimed if install.rule_set_id is None)
    return {
        install.id: newest[install.project_id] if install.rule_set_id is None else versions[install.rule_set_id]
        for install in claimed
    }


def models_of(claimed: Sequence[Claimed]) -> dict[int, tuple[int | None, Model]]:
    """Return the match model of each install: that of its decision, for a new one the newest of its project."""
    new = {install.project_id for install in claimed if install.decision_id is None}
    rows = MatchModel.objects.filter(project__in=new).order_by("project", "-id").distinct("project")
    newest = dict(rows.values_list("project", "id"))
    wanted = {
        install.id: newest.get(install.project_id) if install.decision_id is None else install.match_model_id
        for install in claimed
    }
    models = {pk: _model(pk) for pk in set(wanted.values())}
    return {install_id: (pk, models[pk]) for install_id, pk in wanted.items()}


@lru_cache(maxsize=500)
def _model(pk: int | None) -> Model:
    """Read a match model; rows are never changed. A project without one has the assumptions of a young one."""
    stored = MatchModel.objects.filter(pk=pk).values_list("model", flat=True).first() if pk is not None else None
    return Model.from_json(stored) if stored else Model()


def _write(
    decided: Sequence[Decided], rule_set_ids: Mapping[int, int], model_ids: Mapping[int, int | None], now: datetime
) -> None:
    cursor = raw_cursor()
    cursor.execute(STAGE)
    # What a caller's own transaction had staged before is written already.
    cursor.execute("DELETE FROM decision_stage")
    with cursor.copy(COPY_STAGE) as copy:
        copy.set_types(STAGED_TYPES)
        for one in decided:
            pk = one.claimed.id
            copy.write_row(_decision_row(one, rule_set_ids[pk], model_ids[pk], now))
    cursor.execute(WRITE)
    ids = {install_id: pk for pk, install_id in cursor.fetchall()}
    cursor.execute("DELETE FROM attribution_candidate WHERE decision_id = ANY(%s)", (list(ids.values()),))
    with cursor.copy(COPY_CANDIDATES) as copy:
        copy.set_types(CANDIDATE_TYPES)
        for one in decided:
            for row in _candidate_rows(ids[one.claimed.id], one.verdict):
                copy.write_row(row)
    tables.analyze_new(len(decided), "attribution_decision", "attribution_candidate")
    linked = {one.claimed.id: one.original for one in decided if one.original or one.claimed.decision_id}
    if linked:
        cursor.execute(LINK, (list(linked), list(linked.values())))


def _decision_row(one: Decided, rule_set_id: int, model_id: int | None, now: datetime) -> tuple[Any, ...]:
    install, verdict = one.claimed, one.verdict
    facts, touch = install.facts, verdict.touch
    notes = verdict.notes + claims.notes_of(facts.install_referrer, facts.claim_id)
    state = Decision.State.PROVISIONAL if now < install.deadline else Decision.State.FINAL
    return (
        install.project_id, install.id, str(one.kind), str(state), verdict.tier, verdict.probability,
        touch.id if touch else None, facts.country, facts.os_name, struck_json(one.fraud), one.rejected,
        _codes(notes), facts.installed_at, now, rule_set_id, model_id, one.considered,
    )  # fmt: skip


def _candidate_rows(decision_id: int, verdict: Verdict) -> Iterable[tuple[Any, ...]]:
    for one in verdict.candidates:
        yield (
            decision_id, one.touch.id, one.tier, one.eligible, one.credited, _codes(one.reasons), one.age_s,
            one.probability, struck_json(one.fraud),
        )  # fmt: skip


@lru_cache(maxsize=1_000)
def _codes(codes: tuple[str, ...]) -> RawJson:
    """Return codes as JSON; the same few combinations come again and again."""
    return RawJson(orjson.dumps(codes))


def struck_json(struck: Sequence[Struck]) -> RawJson:
    """Return what fraud rules found, as decisions and candidates keep it."""
    return RawJson(orjson.dumps([one._asdict() for one in struck])) if struck else NO_FRAUD


NO_FRAUD = RawJson(b"[]")
