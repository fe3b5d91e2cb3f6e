"""What a rule would have done in the last 30 days with another threshold, measured on what has happened."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from django.db import transaction

from attribution.fraud import hourly, sources
from attribution.fraud import rules as fraud
from attribution.fraud.catalogue import BY_CODE
from attribution.history import SUBNET
from customers.models import Project
from events.store import raw_cursor

SPAN = timedelta(days=30)
# The newest installs that are looked at: enough for a share, few enough for a page.
LOOKED = 20_000
PATIENCE_MS = 10_000
EXAMPLES = 10

NEWEST = f"""
WITH looked AS MATERIALIZED (
    SELECT d.id, d.install_id, d.touch_id, d.source, d.rejected FROM attribution_decision d
    WHERE d.project_id = %(project)s AND d.installed_at >= %(since)s AND d.installed_at < %(until)s
      AND d.kind IN ('install', 'reinstall')
    ORDER BY d.installed_at DESC, d.id DESC LIMIT {LOOKED}
)
"""  # noqa: S608
COUNT = NEWEST + "SELECT count(*) FROM looked"  # noqa: S608
# Each gives decision, source of what is judged, whether it holds the credit, and the value.
BY_TIME = """
SELECT l.id, t.source, c.credited, c.age_s FROM looked l
JOIN attribution_candidate c ON c.decision_id = l.id AND c.age_s >= 0 AND c.age_s < 3600
  AND (c.credited OR c.fraud <> '[]')
JOIN attribution_touch t ON t.id = c.touch_id AND t.type = 'click'
"""
BY_ADDRESS = """
SELECT l.id, l.source, true, n.clicks FROM looked l
JOIN attribution_install i ON i.id = l.install_id AND i.ip IS NOT NULL
JOIN attribution_touch t ON t.id = l.touch_id AND t.type = 'click' AND t.ip = i.ip
CROSS JOIN LATERAL (SELECT count(*) AS clicks FROM (
    SELECT FROM attribution_touch o WHERE o.project_id = i.project_id AND o.ip = i.ip AND o.type = 'click'
      AND NOT o.bot AND o.ip IS NOT NULL AND o.ts BETWEEN i.installed_at - interval '1 hour' AND i.installed_at
    LIMIT 10000) c) n
"""
BY_SUBNET = f"""
SELECT l.id, l.source, NOT l.rejected, n.seen FROM looked l
JOIN attribution_install i ON i.id = l.install_id AND i.ip IS NOT NULL
CROSS JOIN LATERAL (SELECT count(*) AS seen FROM (
    SELECT FROM attribution_install s WHERE s.project_id = i.project_id AND s.ip IS NOT NULL
      AND {SUBNET.format("s")} = {SUBNET.format("i")} AND s.installed_at > i.installed_at - interval '1 hour'
      AND s.installed_at <= i.installed_at AND s.kind = 'install' AND s.id < i.id LIMIT 1000) c) n
"""  # noqa: S608
BY_DEVICE = """
SELECT l.id, l.source, NOT l.rejected, n.seen FROM looked l
JOIN attribution_install i ON i.id = l.install_id AND i.ip IS NOT NULL AND (i.device_id <> '' OR i.advertising_id <> '')
CROSS JOIN LATERAL (SELECT count(*) AS seen FROM (
    SELECT s.ip FROM attribution_install s WHERE s.project_id = i.project_id AND s.device_id = i.device_id
      AND s.device_id <> '' AND s.ip IS NOT NULL AND s.kind = 'install'
      AND s.installed_at BETWEEN i.installed_at - interval '1 day' AND i.installed_at
    UNION
    SELECT s.ip FROM attribution_install s WHERE s.project_id = i.project_id AND s.advertising_id = i.advertising_id
      AND s.advertising_id <> '' AND s.ip IS NOT NULL AND s.kind = 'install'
      AND s.installed_at BETWEEN i.installed_at - interval '1 day' AND i.installed_at) c) n
"""
BY_TOUCH_CODE = """
SELECT l.id, t.source, c.credited, 1 FROM looked l
JOIN attribution_candidate c ON c.decision_id = l.id
  AND c.fraud @> jsonb_build_array(jsonb_build_object('code', %(code)s::text))
JOIN attribution_touch t ON t.id = c.touch_id
"""
BY_INSTALL_CODE = """
SELECT l.id, l.source, NOT l.rejected, 1 FROM looked l
JOIN attribution_decision d ON d.id = l.id AND d.fraud @> jsonb_build_array(jsonb_build_object('code', %(code)s::text))
"""
MEASURED = {
    "ctit_short": BY_TIME,
    "ctit_quick": BY_TIME,
    "address_flood": BY_ADDRESS,
    "device_farm": BY_SUBNET,
    "dup_device": BY_DEVICE,
}


class TooMuch(Exception):  # noqa: N818 -- a refusal, as everywhere in the product; only a page ever sees it
    """There is so much to look at that a page can't wait for it."""


class Value(NamedTuple):
    """What a rule measured on one install."""

    decision_id: int
    source: str
    credited: bool
    value: float


@dataclass(frozen=True)
class Effect:
    """What a rule strikes at a threshold: of `looked` installs `struck`, of which `credited` would lose by blocking."""

    threshold: float
    looked: int
    struck: int
    credited: int
    by_source: Sequence[tuple[str, int]]
    examples: Sequence[int]

    @property
    def share(self) -> float:
        return self.struck / self.looked if self.looked else 0.0


@dataclass(frozen=True)
class Judged:
    """A source or publisher at a threshold of a rule about sources."""

    source: str
    publisher: str
    value: float
    strikes: bool
    installs: int
    clicks: int


@dataclass(frozen=True)
class Past:
    """The values that a rule measures on the installs of the last 30 days."""

    code: str
    looked: int
    values: Sequence[Value]

    def of(self, source: str) -> "Past":
        """Return what is of one source."""
        return replace(self, values=[one for one in self.values if one.source == source])

    def at(self, threshold: float) -> Effect:
        """Return what the rule strikes at a threshold."""
        rule = BY_CODE[self.code]
        hits = {
            one.decision_id: one
            for one in sorted(self.values, key=lambda one: one.credited)
            if not rule.unit or fraud.crosses(self.code, one.value, threshold)
        }
        return Effect(
            threshold,
            self.looked,
            len(hits),
            sum(one.credited for one in hits.values()),
            Counter(one.source for one in hits.values()).most_common(),
            sorted(hits, reverse=True)[:EXAMPLES],
        )


def until_of(project: Project, *, now: datetime) -> datetime:
    """Return when the 30 days end that are looked at: now, or with the newest install where that is older than they."""
    newest = project.decisions.order_by("-installed_at", "-id").values_list("installed_at", flat=True).first()
    if newest is None or newest >= now - SPAN:
        return now
    return newest + timedelta(seconds=1)


def past_of(project: Project, code: str, *, now: datetime) -> Past:
    """Measure a rule about touches or installs on the newest installs of the last 30 days. Raises TooMuch."""
    rule = BY_CODE[code]
    statement = MEASURED.get(code) or (BY_TOUCH_CODE if rule.level == "touch" else BY_INSTALL_CODE)
    asked: dict[str, Any] = {"project": project.pk, "since": now - SPAN, "until": now, "code": code}
    with _patience():
        looked = raw_cursor().execute(COUNT, asked).fetchone()
        values = [Value(*row) for row in raw_cursor().execute(NEWEST + statement, asked).fetchall()]
    return Past(code, int(looked[0]) if looked else 0, values)


def sources_at(project: Project, code: str, threshold: float, *, now: datetime) -> list[Judged]:
    """Judge all sources over the last 30 days by a rule about sources, those it strikes first. Raises TooMuch."""
    with _patience():
        groups = hourly.count(project.pk, until=now, span=SPAN, day=SPAN)
    installs = {(one.source, one.publisher): (sum(one.times), one.clicks) for one in groups}
    found = []
    for one in sources.findings(groups, lambda _code, _source: threshold):
        if one.code != code:
            continue
        number, clicks = installs.get((one.source, one.publisher), (0, 0))
        if not one.publisher:
            mine = [both for (source, _), both in installs.items() if source == one.source]
            number, clicks = sum(both[0] for both in mine), sum(both[1] for both in mine)
        found.append(Judged(one.source, one.publisher, one.value, one.strikes, number, clicks))
    below = BY_CODE[code].below
    return sorted(found, key=lambda one: (not one.strikes, one.value if below else -one.value))


@contextmanager
def _patience() -> Iterator[None]:
    """Give a slow statement up. Raises TooMuch then."""
    try:
        with transaction.atomic():
            raw_cursor().execute(f"SET LOCAL statement_timeout = {PATIENCE_MS}")
            yield
            raw_cursor().execute("SET LOCAL statement_timeout = DEFAULT")
    except psycopg.errors.QueryCanceled:
        raise TooMuch from None
