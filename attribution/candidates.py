"""What the database knows of installs that are to be decided: the touches that could have brought them, who holds
those, and what else their device and their network did."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from attribution.facts import InstallFacts, TouchFacts, is_real_id
from attribution.ledger import Hold
from attribution.matching import says_organic
from attribution.models import Install
from attribution.posterior import Traffic
from attribution.rules import Rules
from events.store import raw_cursor

# Until then a late touch may change a decision, and no later one is ever weighed: the same rules find the same again.
PROVISIONAL = timedelta(hours=24)
# So many touches of one kind are weighed for an install, the newest; the explanation says how many there were.
KEPT = 200
KEPT_UNLIKE = 20
COUNTED = 2_000
SIBLINGS = 100
NEIGHBOURS = 1_000

INSTALL_FACTS = (
    "i.installed_at, i.click_id, i.referrer_click_id, i.install_begin_at, i.device_id, i.advertising_id,"
    " COALESCE(host(i.ip), ''), i.app, i.os_name, i.os_version, i.device_model, i.ad_tracking,"
    " p.ip_policy = 'truncated', i.install_referrer, i.referrer_click_at, i.locale, i.time_zone, i.screen, i.country,"
    " i.user_id, i.email_sha256, i.phone_sha256, i.claim_id, i.emulator, i.signature"
)
TOUCH_FACTS = (
    "t.id, t.touch_id, t.type, t.ts, t.device_id, t.advertising_id, COALESCE(host(t.ip), ''), t.app, t.os_name,"
    " t.os_version, t.device_model, t.bot, t.clamped, t.locale, t.time_zone, t.screen, t.country, t.user_id,"
    " t.email_sha256, t.phone_sha256, t.origin, t.signature, t.flags, t.source, t.publisher, t.campaign, t.link_id"
)
FLAGS_AT = 22
INSTALLS = f"""
SELECT i.id, i.project_id, i.kind, i.received_at, i.distinct_id, d.id, d.rule_set_id, d.match_model_id, d.touch_id,
       d.tier, {INSTALL_FACTS}
FROM attribution_install i JOIN customers_project p ON p.id = i.project_id
LEFT JOIN attribution_decision d ON d.install_id = i.id
"""  # noqa: S608
PENDING = f"{INSTALLS} WHERE i.pending ORDER BY i.id LIMIT %s FOR UPDATE OF i SKIP LOCKED"
WAITING_ONE = f"{INSTALLS} WHERE i.pending AND i.id = %s FOR UPDATE OF i SKIP LOCKED"
NAMED = f"{INSTALLS} WHERE i.id = ANY(%s) ORDER BY i.id"

# Each lateral is one short walk down an index, newest first, however many touches there are. The last two are by
# network: clicks of devices that could be the same one, and a few of the others, to explain why they were not.
# The comparison of devices is looser than the one in matching.py, never stricter: that one decides.
ASKED = {
    "id": "bigint", "project_id": "bigint", "installed_at": "timestamptz", "deadline": "timestamptz",
    "click_id": "text", "referrer_click_id": "text", "claim_id": "text", "device_id": "text",
    "advertising_id": "text", "user_id": "text", "email_sha256": "text", "phone_sha256": "text", "ip": "inet",
    "app": "text", "os_name": "text", "major": "text", "device_model": "text", "widest_s": "int", "network_s": "int",
}  # fmt: skip
ASKED_COLUMNS = ", ".join(f"{name} {kind}" for name, kind in ASKED.items())
# As JSON, which is many times as fast to write as arrays.
BATCH = f"""
WITH batch AS MATERIALIZED (
    SELECT *, installed_at + interval '5 minutes' AS upto, installed_at - widest_s * interval '1 second' AS since,
           installed_at - network_s * interval '1 second' AS network_since
    FROM json_to_recordset(%s::json) AS b({ASKED_COLUMNS})
)
"""  # noqa: S608
BY_NETWORK = "t.project_id = b.project_id AND t.ip = b.ip AND t.type = 'click' AND NOT t.bot AND t.ip IS NOT NULL"


def _by(column: str) -> str:
    """Return the walk down the index of one id."""
    return f"""
UNION ALL
SELECT b.id, 'id', 0, 0, 0, 0, NULL::timestamptz, {TOUCH_FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE t.project_id = b.project_id AND t.{column} = b.{column} AND t.{column} <> ''
      AND t.ts BETWEEN b.since AND b.upto AND t.received_at <= b.deadline ORDER BY t.ts DESC LIMIT {KEPT}
) t WHERE b.{column} <> ''"""  # noqa: S608


IDS = ("advertising_id", "device_id", "user_id", "email_sha256", "phone_sha256")
CANDIDATES = f"""
{BATCH}
SELECT b.id, 'id', 0, 0, 0, 0, NULL::timestamptz, {TOUCH_FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE t.project_id = b.project_id AND t.touch_id IN (b.click_id, b.referrer_click_id, b.claim_id)
      AND t.touch_id <> '' AND (t.received_at <= b.deadline OR t.origin <> '') LIMIT 3
) t WHERE b.click_id <> '' OR b.referrer_click_id <> '' OR b.claim_id <> ''
{"".join(map(_by, IDS))}
UNION ALL
SELECT b.id, 'network', 0, 0, 0, 0, NULL::timestamptz, {TOUCH_FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE {BY_NETWORK} AND t.ts BETWEEN b.network_since AND b.installed_at AND t.received_at <= b.deadline
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
SELECT b.id, 'other', n.seen, n.clicks, n.earlier, n.hour, n.oldest, {TOUCH_FACTS} FROM batch b CROSS JOIN LATERAL (
    SELECT count(*) AS seen,
           count(*) FILTER (WHERE c.ours AND c.ts BETWEEN b.network_since AND b.installed_at) AS clicks,
           count(*) FILTER (WHERE c.ours AND c.ts < b.network_since) AS earlier,
           count(*) FILTER (WHERE c.ts BETWEEN b.installed_at - interval '1 hour' AND b.installed_at) AS hour,
           min(c.ts) AS oldest
    FROM (
        SELECT t.ts, t.app = b.app OR t.app = '' OR b.app = '' AS ours FROM attribution_touch t
        WHERE {BY_NETWORK} AND t.ts BETWEEN b.since AND b.upto AND t.received_at <= b.deadline
        ORDER BY t.ts DESC LIMIT {COUNTED}
    ) c
) n CROSS JOIN LATERAL (
    SELECT * FROM attribution_touch t
    WHERE {BY_NETWORK} AND t.ts BETWEEN b.since AND b.upto AND t.received_at <= b.deadline
    ORDER BY t.ts DESC LIMIT {KEPT_UNLIKE}
) t WHERE b.ip IS NOT NULL
"""  # noqa: S608

HOLDERS = """
SELECT d.touch_id, d.install_id, d.tier, i.received_at
FROM attribution_decision d JOIN attribution_install i ON i.id = d.install_id WHERE d.touch_id = ANY(%s)
"""


class Claimed(NamedTuple):
    """An install that is to be decided, with what its decision was made by, if it has one."""

    id: int
    project_id: int
    kind: str
    received_at: datetime
    distinct_id: str
    decision_id: int | None
    rule_set_id: int | None
    match_model_id: int | None
    hold: Hold | None
    facts: InstallFacts

    @property
    def deadline(self) -> datetime:
        """Return when the time for second thoughts ends."""
        return self.received_at + PROVISIONAL

    @property
    def returning(self) -> bool:
        """Say whether it is a return to the app, which only what is certain counts for."""
        return self.kind == Install.Kind.OPEN


@dataclass(slots=True)
class Found:
    """The touches found for one install, and what its network did.

    `near` are the ids of those that could win: all but the few of the network that are kept to say why they did not.
    """

    touches: dict[int, TouchFacts] = field(default_factory=dict)
    near: set[int] = field(default_factory=set)
    seen: int = 0
    clicks_hour: int = 0
    traffic: Traffic | None = None

    def considered(self, install: InstallFacts) -> int:
        """Count the touches found, also those of the network beyond the ones that are kept."""
        elsewhere = sum(touch.ip != install.ip or touch.type != "click" for touch in self.touches.values())
        return max(len(self.touches), elsewhere + self.seen)


def claim(limit: int) -> list[Claimed]:
    """Lock up to `limit` pending installs that nobody else has locked, the first to arrive first."""
    return list(_read(PENDING, limit))


def claim_one(install_id: int) -> list[Claimed]:
    """Lock one install if it is pending and nobody else has locked it."""
    return list(_read(WAITING_ONE, install_id))


def of_installs(ids: Sequence[int]) -> list[Claimed]:
    """Read installs to decide them without writing; in the order of their arrival."""
    return list(_read(NAMED, list(ids)))


def _read(statement: str, parameter: Any) -> Iterator[Claimed]:
    cursor = raw_cursor()
    cursor.execute(statement, (parameter,), binary=True)
    for pk, project, kind, received_at, distinct_id, decision, rule_set, model, touch, tier, *facts in cursor:
        hold = Hold(touch, pk, tier, received_at) if touch is not None else None
        yield Claimed(
            pk, project, kind, received_at, distinct_id, decision, rule_set, model, hold, InstallFacts(*facts)
        )


def find(claimed: Sequence[Claimed], rules_of: Callable[[Claimed], Rules]) -> dict[int, Found]:
    """Fetch the candidates of all installs in one statement; those without any are left out."""
    asking = [dict(zip(ASKED, asked(install, rules_of(install)), strict=True)) for install in claimed]
    by_id = {install.id: install for install in claimed}
    cursor = raw_cursor()
    # Binary, as reading times and lists from text takes longer than deciding.
    cursor.execute(CANDIDATES, (orjson.dumps(asking).decode(),), binary=True)
    found: dict[int, Found] = {}
    for install_id, way, seen, clicks, earlier, hour, oldest, *values in cursor:
        mine = found.get(install_id)
        if mine is None:
            mine = found[install_id] = Found()
        touch_id = values[0]
        if touch_id not in mine.touches:
            values[FLAGS_AT] = tuple(values[FLAGS_AT])
            mine.touches[touch_id] = TouchFacts(*values)
        if way != "other":
            mine.near.add(touch_id)
        else:
            mine.seen, mine.clicks_hour = seen, hour
            install = by_id[install_id]
            reach_s = (install.facts.installed_at - oldest).total_seconds()
            mine.traffic = traffic_of(rules_of(install), seen, clicks, earlier, reach_s)
    return found


def traffic_of(rules: Rules, seen: int, clicks: int, earlier: int, reach_s: float) -> Traffic:
    """Return what an address did, from its counts: `seen` clicks in all, the oldest `reach_s` before the install."""
    reach_s = rules.widest_window_s if seen < COUNTED else max(reach_s, 1.0)
    window_s = rules.network_window_s
    return Traffic(clicks, min(reach_s, window_s), earlier, max(reach_s - window_s, 0.0))


def asked(install: Claimed, rules: Rules) -> tuple[Any, ...]:
    """Return what the database is asked by; ids that tell nothing apart are left out, and so is a network that the
    rules refuse anyway: a few of its clicks are still read, to say so."""
    facts = install.facts
    refused = (
        facts.truncated
        or (rules.ios_needs_consent and facts.os_name == "ios" and facts.ad_tracking is not True)
        or (rules.trust_organic_referrer and says_organic(facts.install_referrer))
    )
    return (
        install.id,
        install.project_id,
        facts.installed_at,
        install.deadline,
        facts.click_id,
        facts.referrer_click_id,
        facts.claim_id,
        facts.device_id if is_real_id(facts.device_id) else "",
        facts.advertising_id if is_real_id(facts.advertising_id) else "",
        facts.user_id,
        facts.email_sha256,
        facts.phone_sha256,
        None if install.returning else facts.ip or None,
        facts.app,
        "" if refused else facts.os_name,
        facts.os_version.split(".")[0],
        facts.device_model,
        rules.widest_window_s,
        rules.network_window_s,
    )


def holders(found: Mapping[int, Found], claimed: Sequence[Claimed]) -> list[Hold]:
    """Return which installs hold those touches that could win here, and what these installs hold themselves."""
    own = [install.hold for install in claimed if install.hold]
    wanted = list({touch_id for mine in found.values() for touch_id in mine.near})
    if not wanted:
        return own
    cursor = raw_cursor()
    cursor.execute(HOLDERS, (wanted,))
    return [*own, *(Hold(*row) for row in cursor)]
