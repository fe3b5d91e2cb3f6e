"""Decisions in micro-batches: claim installs, fetch all their candidate touches at once, decide, write at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from django.db import transaction

from attribution import matching, rule_sets
from attribution.facts import CLICK, InstallFacts, TouchFacts, is_real_id
from attribution.matching import Verdict
from attribution.rules import ORGANIC, PROBABILISTIC, Rules
from customers.models import Project
from events.payloads import RawJson
from events.store import raw_cursor

# Until then a late touch may change a decision.
PROVISIONAL = timedelta(hours=24)
# So many touches of one kind are weighed for an install, the newest; the explanation says how many there were.
KEPT = 200
KEPT_UNLIKE = 20
COUNTED = 10_000

CLAIM = """
SELECT id, project_id, received_at, installed_at, click_id, referrer_click_id, install_begin_at, device_id,
       advertising_id, COALESCE(host(ip), ''), app, os_name, os_version, device_model, ad_tracking
FROM attribution_install WHERE pending ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
"""
FACTS = (
    "t.id, t.touch_id, t.type, t.ts, t.device_id, t.advertising_id, COALESCE(host(t.ip), ''), t.app, t.os_name,"
    " t.os_version, t.device_model, t.bot, t.clamped, t.source, t.campaign"
)
# Each lateral is one short walk down an index, newest first, however many touches there are. The last two are by
# network: clicks of devices that could be the same one, and a few of the others, to explain why they were not.
# The comparison of devices is looser than the one in matching.py, never stricter: that one decides.
CANDIDATES = f"""
WITH batch AS MATERIALIZED (
    SELECT *, installed_at + interval '5 minutes' AS upto, installed_at - widest_s * interval '1 second' AS since,
           installed_at - network_s * interval '1 second' AS network_since
    FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::text[],
                %s::inet[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::int[])
    AS b(id, project_id, installed_at, click_id, referrer_click_id, device_id, advertising_id,
         ip, app, os_name, major, device_model, widest_s, network_s)
)
SELECT b.id, 'id', 0, {FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE t.project_id = b.project_id AND t.touch_id IN (b.click_id, b.referrer_click_id) AND t.touch_id <> '' LIMIT 2
) t WHERE b.click_id <> '' OR b.referrer_click_id <> ''
UNION ALL
SELECT b.id, 'id', 0, {FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE t.project_id = b.project_id AND t.advertising_id = b.advertising_id AND t.advertising_id <> ''
      AND t.ts BETWEEN b.since AND b.upto ORDER BY t.ts DESC LIMIT {KEPT}
) t WHERE b.advertising_id <> ''
UNION ALL
SELECT b.id, 'id', 0, {FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE t.project_id = b.project_id AND t.device_id = b.device_id AND t.device_id <> ''
      AND t.ts BETWEEN b.since AND b.upto ORDER BY t.ts DESC LIMIT {KEPT}
) t WHERE b.device_id <> ''
UNION ALL
SELECT b.id, 'network', 0, {FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE t.project_id = b.project_id AND t.ip = b.ip AND t.type = 'click' AND NOT t.bot AND t.ip IS NOT NULL
      AND t.ts BETWEEN b.network_since AND b.installed_at
      AND t.os_name = b.os_name AND (t.app = b.app OR t.app = '' OR b.app = '')
      AND (t.os_version = '' OR b.major = '' OR split_part(t.os_version, '.', 1) = b.major)
      AND (t.device_model = '' OR b.device_model = '' OR t.device_model = b.device_model
           OR starts_with(b.device_model, t.device_model)
           OR right(b.device_model, length(t.device_model)) = t.device_model
           OR right(t.device_model, length(b.device_model)) = b.device_model
           OR starts_with(t.device_model, b.device_model))
    ORDER BY t.ts DESC LIMIT {KEPT}
) t WHERE b.ip IS NOT NULL AND b.os_name <> ''
UNION ALL
SELECT b.id, 'other', n.seen, {FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT count(*) AS seen FROM (
        SELECT FROM attribution_touch t
        WHERE t.project_id = b.project_id AND t.ip = b.ip AND t.type = 'click' AND NOT t.bot AND t.ip IS NOT NULL
          AND t.ts BETWEEN b.since AND b.upto LIMIT {COUNTED}
    ) c
) n CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE t.project_id = b.project_id AND t.ip = b.ip AND t.type = 'click' AND NOT t.bot AND t.ip IS NOT NULL
      AND t.ts BETWEEN b.since AND b.upto ORDER BY t.ts DESC LIMIT {KEPT_UNLIKE}
) t WHERE b.ip IS NOT NULL
"""  # noqa: S608

STAGE = """
CREATE TEMP TABLE IF NOT EXISTS decision_stage (
    project_id bigint, install_id bigint, state text, tier text, probability float8, touch_id bigint, source text,
    campaign text, installed_at timestamptz, decided_at timestamptz, rule_set_id bigint, considered int
) ON COMMIT DELETE ROWS
"""
STAGED = (
    "project_id, install_id, state, tier, probability, touch_id, source, campaign, installed_at, decided_at,"
    " rule_set_id, considered"
)
WRITE = f"""
INSERT INTO attribution_decision AS d ({STAGED}, kind, revision) SELECT {STAGED}, 'install', 1 FROM decision_stage
ON CONFLICT (install_id) DO UPDATE SET
    state = EXCLUDED.state, tier = EXCLUDED.tier, probability = EXCLUDED.probability, touch_id = EXCLUDED.touch_id,
    source = EXCLUDED.source, campaign = EXCLUDED.campaign, decided_at = EXCLUDED.decided_at,
    rule_set_id = EXCLUDED.rule_set_id, considered = EXCLUDED.considered,
    revision = d.revision + ((d.tier, d.touch_id) IS DISTINCT FROM (EXCLUDED.tier, EXCLUDED.touch_id))::int
RETURNING id, install_id
"""  # noqa: S608
COPY_CANDIDATES = """
COPY attribution_candidate (decision_id, touch_id, tier, eligible, credited, reasons, age_s, probability, fraud)
FROM STDIN (FORMAT BINARY)
"""
CANDIDATE_TYPES = ["int8", "int8", "varchar", "bool", "bool", "jsonb", "float8", "float8", "jsonb"]


class Claimed(NamedTuple):
    """An install that this transaction decides."""

    id: int
    project_id: int
    received_at: datetime
    facts: InstallFacts


@dataclass(slots=True)
class Found:
    """The touches found for one install."""

    touches: dict[int, TouchFacts] = field(default_factory=dict)
    network: list[datetime] = field(default_factory=list)
    on_network: int = 0

    def considered(self, install: InstallFacts) -> int:
        """Count the touches found, also those of the network beyond the ones that are kept."""
        elsewhere = sum(touch.ip != install.ip or touch.type != CLICK for touch in self.touches.values())
        return max(len(self.touches), elsewhere + self.on_network)

    def span_s(self, install: InstallFacts) -> float | None:
        """Say how far back the network's clicks are complete; None for the whole window."""
        if len(self.network) < KEPT:
            return None
        return (install.installed_at - min(self.network)).total_seconds()


class Decided(NamedTuple):
    claimed: Claimed
    verdict: Verdict
    considered: int


def decide_pending(limit: int, *, now: datetime) -> int:
    """Decide up to `limit` pending installs and commit; return how many.

    Twice at once is harmless: each install is locked by one transaction, and pending until that has committed.
    """
    with transaction.atomic():
        claimed = _claim(limit)
        if not claimed:
            return 0
        versions = rule_sets.current(install.project_id for install in claimed)
        rules = {project_id: version.rules for project_id, version in versions.items()}
        found, campaigns = _find_candidates(claimed, rules)
        decided = []
        for install in claimed:
            mine = found.get(install.id) or Found()
            verdict = matching.decide(
                install.facts,
                list(mine.touches.values()),
                rules[install.project_id],
                bucket_span_s=mine.span_s(install.facts),
            )
            decided.append(Decided(install, verdict, mine.considered(install.facts)))
        _write(decided, campaigns, {project_id: version.pk for project_id, version in versions.items()}, now)
    return len(claimed)


def _claim(limit: int) -> list[Claimed]:
    cursor = raw_cursor()
    cursor.execute(CLAIM, (limit,))
    rows = cursor.fetchall()
    policies = dict(Project.objects.filter(pk__in={row[1] for row in rows}).values_list("pk", "ip_policy"))
    truncated = {pk for pk, policy in policies.items() if policy == Project.IpPolicy.TRUNCATED}
    return [Claimed(pk, project, at, InstallFacts(*[*facts, project in truncated])) for pk, project, at, *facts in rows]


def _find_candidates(
    claimed: Sequence[Claimed], rules: Mapping[int, Rules]
) -> tuple[dict[int, Found], dict[int, tuple[str, str]]]:
    """Fetch the candidates of all installs in one statement, with the source and campaign of each touch."""
    columns = zip(*(_asked(install, rules[install.project_id]) for install in claimed), strict=True)
    cursor = raw_cursor()
    cursor.execute(CANDIDATES, [list(column) for column in columns])
    found: dict[int, Found] = {}
    campaigns: dict[int, tuple[str, str]] = {}
    for install_id, way, seen, *facts, source, campaign in cursor:
        mine = found.setdefault(install_id, Found())
        touch = TouchFacts(*facts)
        mine.touches[touch.id] = touch
        campaigns[touch.id] = (source, campaign)
        if way == "network":
            mine.network.append(touch.ts)
        elif way == "other":
            mine.on_network = seen
    return found, campaigns


def _asked(install: Claimed, rules: Rules) -> tuple[Any, ...]:
    """Return what the database is asked by; ids that tell nothing apart are left out."""
    facts = install.facts
    return (
        install.id,
        install.project_id,
        facts.installed_at,
        facts.click_id,
        facts.referrer_click_id,
        facts.device_id if is_real_id(facts.device_id) else "",
        facts.advertising_id if is_real_id(facts.advertising_id) else "",
        facts.ip or None,
        facts.app,
        facts.os_name,
        facts.os_version.split(".")[0],
        facts.device_model,
        rules.widest_window_s,
        rules.windows_s[PROBABILISTIC],
    )


def _write(
    decided: Sequence[Decided], campaigns: Mapping[int, tuple[str, str]], rule_set_ids: Mapping[int, int], now: datetime
) -> None:
    cursor = raw_cursor()
    cursor.execute(STAGE)
    with cursor.copy(f"COPY decision_stage ({STAGED}) FROM STDIN") as copy:
        for one in decided:
            copy.write_row(_decision_row(one, campaigns, rule_set_ids, now))
    cursor.execute(WRITE)
    ids = {install_id: pk for pk, install_id in cursor.fetchall()}
    cursor.execute("DELETE FROM attribution_candidate WHERE decision_id = ANY(%s)", (list(ids.values()),))
    with cursor.copy(COPY_CANDIDATES) as copy:
        copy.set_types(CANDIDATE_TYPES)
        for one in decided:
            for row in _candidate_rows(ids[one.claimed.id], one.verdict):
                copy.write_row(row)
    cursor.execute("UPDATE attribution_install SET pending = false WHERE id = ANY(%s)", (list(ids),))


def _decision_row(
    one: Decided, campaigns: Mapping[int, tuple[str, str]], rule_set_ids: Mapping[int, int], now: datetime
) -> tuple[Any, ...]:
    install, verdict, considered = one
    touch = verdict.touch
    source, campaign = campaigns[touch.id] if touch else (ORGANIC, "")
    state = "provisional" if now - install.received_at < PROVISIONAL else "final"
    return (
        install.project_id, install.id, state, verdict.tier, verdict.probability, touch.id if touch else None, source,
        campaign, install.facts.installed_at, now, rule_set_ids[install.project_id], considered,
    )  # fmt: skip


def _candidate_rows(decision_id: int, verdict: Verdict) -> Iterable[tuple[Any, ...]]:
    for one in verdict.candidates:
        yield (
            decision_id, one.touch.id, one.tier, one.eligible, one.credited, _codes(one.reasons), one.age_s,
            one.probability, _codes(one.fraud),
        )  # fmt: skip


@lru_cache(maxsize=1_000)
def _codes(codes: tuple[str, ...]) -> RawJson:
    """Return codes as JSON; the same few combinations come again and again."""
    return RawJson(orjson.dumps(codes))
