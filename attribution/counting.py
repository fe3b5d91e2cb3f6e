"""Clicks, installs and revenue counted along any of their properties: the one function behind every such number.

The rule: installs are decisions of kind "install" that no fraud rule rejected. Reinstalls, reattributions and rejected
installs are counted beside them and never mixed in. Clicks and impressions leave out bots, and what Meta and Apple
tell about an install afterwards: they tell only of touches that won. Revenue is that of conversions that count, in the
project's currency, on the day of the conversion; a reinstall's belongs to the source of the install it repeats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from attribution.rules import ORGANIC
from customers.models import Project

ZERO = Decimal(0)
DAY = "day"


class Dimension(NamedTuple):
    """A property to count along: its name for people, and its column of decisions and of touches, if they have it."""

    label: str
    decision: str
    touch: str


DIMENSIONS = {
    "source": Dimension("Source", "source", "source"),
    "campaign": Dimension("Campaign", "campaign", "campaign"),
    "ad_set": Dimension("Ad set", "ad_set", "ad_set"),
    "ad": Dimension("Ad", "ad", "ad"),
    "creative": Dimension("Creative", "creative", "creative"),
    "publisher": Dimension("Publisher", "publisher", "publisher"),
    "country": Dimension("Country", "country", "country"),
    "platform": Dimension("Platform", "os_name", "os_name"),
    "tier": Dimension("Way of matching", "tier", ""),
    "day": Dimension("Day", DAY, DAY),
}
Key = tuple[Any, ...]


@dataclass
class Counts:
    """What was counted; `tiers` splits the installs by how they were matched."""

    clicks: int = 0
    impressions: int = 0
    installs: int = 0
    reinstalls: int = 0
    reattributions: int = 0
    rejected: int = 0
    revenue: Decimal = ZERO
    tiers: dict[str, int] = field(default_factory=dict)

    @property
    def credited(self) -> int:
        """Installs that a touch brought: all but the organic ones."""
        return self.installs - self.tiers.get(ORGANIC, 0)

    @property
    def conversion(self) -> float | None:
        """Credited installs for each click (0-1); None without clicks, as views and organic have none."""
        return self.credited / self.clicks if self.clicks else None

    @property
    def rejected_share(self) -> float | None:
        """Rejected installs among all, rejected ones included (0-1)."""
        together = self.installs + self.rejected
        return self.rejected / together if together else None

    @property
    def revenue_per_install(self) -> Decimal | None:
        """Revenue of the period for each install of the period; not the lifetime value of those installs."""
        return self.revenue / self.installs if self.installs else None

    def add(self, other: "Counts") -> None:
        """Count another one into this one."""
        self.clicks += other.clicks
        self.impressions += other.impressions
        self.installs += other.installs
        self.reinstalls += other.reinstalls
        self.reattributions += other.reattributions
        self.rejected += other.rejected
        self.revenue += other.revenue
        for tier, number in other.tiers.items():
            self.tiers[tier] = self.tiers.get(tier, 0) + number


def count(
    project: Project,
    since: datetime,
    until: datetime,
    by: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    *,
    buckets: Sequence[datetime] = (),
    decisions: bool = True,
    touches: bool = True,
    revenue: bool = True,
) -> dict[Key, Counts]:
    """Count [since, until) along the dimensions `by`, one entry for each combination that has anything.

    `where` keeps the rows with exactly these values. "day" gives the bucket that holds the row, one of `buckets`
    (rising; days of the project's zone when left out). One statement each over the decisions, touches and revenue of
    the period; each can be left out, and touches are where they don't have a property, see `has_touches`.
    """
    where = where or {}
    found: dict[Key, Counts] = {}

    def entry(key: Key) -> Counts:
        return found.setdefault(key, Counts())

    buckets = buckets or (days_of(project, since, until) if DAY in by else ())
    asked = _Asked(project, since, until, tuple(by), where, buckets)
    for key, tier, kind, rejected, number in asked.decisions() if decisions else ():
        _sort_in(entry(key), tier, kind, rejected=rejected, number=number)
    for key, click, number in asked.touches() if touches and has_touches(*by, *where) else ():
        one = entry(key)
        if click:
            one.clicks += number
        else:
            one.impressions += number
    for key, amount in asked.revenue() if revenue else ():
        entry(key).revenue += amount
    return found


def fold(counts: Mapping[Key, Counts], place: int) -> dict[Key, Counts]:
    """Add counts along several dimensions up to the one at `place`."""
    found: dict[Key, Counts] = {}
    for key, one in counts.items():
        found.setdefault((key[place],), Counts()).add(one)
    return found


def has_touches(*names: str) -> bool:
    """Say whether clicks and impressions can be counted along these dimensions; a touch has no tier, for example."""
    return all(DIMENSIONS[name].touch for name in names)


def days_of(project: Project, since: datetime, until: datetime, *, bucket: str = "day") -> list[datetime]:
    """Return the starts of the days, or hours, of the project's zone that [since, until) touches, rising."""
    if bucket == "hour":
        begun = since.astimezone(project.tz)
        begun = since - timedelta(minutes=begun.minute, seconds=begun.second, microseconds=begun.microsecond)
        hours = int((until - begun) / timedelta(hours=1)) + 1
        return [(begun + timedelta(hours=number)).astimezone(project.tz) for number in range(hours)]
    first, last = since.astimezone(project.tz).date(), until.astimezone(project.tz).date()
    days = (first + timedelta(days=number) for number in range((last - first).days + 1))
    midnights = (datetime.combine(day, time.min, project.tz) for day in days)
    # By way of UTC: where clocks are changed at midnight, the day begins at one.
    return [at.astimezone(UTC).astimezone(project.tz) for at in midnights]


def total(counts: Mapping[Key, Counts]) -> Counts:
    """Add everything up to one."""
    together = Counts()
    for one in counts.values():
        together.add(one)
    return together


def _sort_in(one: Counts, tier: str, kind: str, *, rejected: bool, number: int) -> None:
    if rejected:
        one.rejected += number
    elif kind == "reinstall":
        one.reinstalls += number
    elif kind == "reattribution":
        one.reattributions += number
    else:
        one.installs += number
        one.tiers[tier] = one.tiers.get(tier, 0) + number


DECISIONS = """
SELECT {columns} d.tier, d.kind, d.rejected, count(*) FROM attribution_decision d
WHERE d.project_id = %(project)s AND d.installed_at >= %(since)s AND d.installed_at < %(until)s {conditions}
GROUP BY {columns} d.tier, d.kind, d.rejected
"""
TOUCHES = """
SELECT {columns} t.type = 'click', count(*) FROM attribution_touch t
WHERE t.project_id = %(project)s AND t.ts >= %(since)s AND t.ts < %(until)s AND NOT t.bot {conditions}
GROUP BY {columns} t.type = 'click'
"""
# What networks told afterwards is taken off again: few rows with an index of their own, where a further condition
# on all touches would make the statement above read the rows themselves instead of their index.
TOLD = """
SELECT {columns} t.type = 'click', -count(*) FROM attribution_touch t
WHERE t.project_id = %(project)s AND t.ts >= %(since)s AND t.ts < %(until)s AND NOT t.bot AND t.origin <> ''
{conditions} GROUP BY {columns} t.type = 'click'
"""
# A reinstall leads to the decision it repeats, and so on to the first; `kept` holds where each of them ends.
REVENUE = """
SELECT {columns} sum(c.revenue) FROM attribution_conversion c
JOIN attribution_decision d ON d.install_id = c.install_id
WHERE c.project_id = %(project)s AND c.ts >= %(since)s AND c.ts < %(until)s
AND c.counted AND c.revenue IS NOT NULL AND c.currency = %(currency)s
AND (d.kind <> 'reinstall' OR d.original_id IS NULL) {conditions}
GROUP BY {grouped}
"""
REVENUE_AGAIN = """
WITH RECURSIVE chain AS (
    SELECT id, original_id AS first FROM attribution_decision
    WHERE project_id = %(project)s AND kind = 'reinstall' AND original_id IS NOT NULL
    UNION
    SELECT c.id, o.original_id FROM chain c JOIN attribution_decision o ON o.id = c.first
    WHERE o.kind = 'reinstall' AND o.original_id IS NOT NULL
)
SELECT {columns} sum(c.revenue) FROM chain k
JOIN attribution_decision d ON d.id = k.first AND (d.kind <> 'reinstall' OR d.original_id IS NULL)
JOIN attribution_decision own ON own.id = k.id
JOIN attribution_conversion c ON c.install_id = own.install_id
WHERE c.project_id = %(project)s AND c.ts >= %(since)s AND c.ts < %(until)s
AND c.counted AND c.revenue IS NOT NULL AND c.currency = %(currency)s {conditions}
GROUP BY {grouped}
"""


class _Asked(NamedTuple):
    project: Project
    since: datetime
    until: datetime
    by: tuple[str, ...]
    where: Mapping[str, str]
    buckets: Sequence[datetime]

    def decisions(self) -> list[tuple[Key, str, str, bool, int]]:
        rows = self._rows(DECISIONS, "decision", "d", "installed_at")
        return [(self._key(row), *row[-4:]) for row in rows]

    def touches(self) -> list[tuple[Key, bool, int]]:
        rows = self._rows(TOUCHES, "touch", "t", "ts") + self._rows(TOLD, "touch", "t", "ts")
        return [(self._key(row), *row[-2:]) for row in rows]

    def revenue(self) -> list[tuple[Key, Decimal]]:
        statements = (REVENUE, REVENUE_AGAIN)
        rows = [row for one in statements for row in self._rows(one, "decision", "d", "ts", at_table="c")]
        return [(self._key(row), row[-1]) for row in rows]

    def _key(self, row: Sequence[Any]) -> Key:
        return tuple(
            self.buckets[max(value - 1, 0)] if name == DAY else value for name, value in zip(self.by, row, strict=False)
        )

    def _rows(self, statement: str, kind: str, table: str, at: str, *, at_table: str = "") -> list[Any]:
        """Run a statement with its columns and conditions filled in; all names come from DIMENSIONS."""

        def column(name: str) -> str:
            if name == DAY:
                # A search in the list of starts costs a third of cutting each time in a zone with its clock changes.
                return f"width_bucket({at_table or table}.{at}, %(buckets)s::timestamptz[])"
            return f"{table}.{getattr(DIMENSIONS[name], kind)}"

        params: dict[str, Any] = {
            "project": self.project.pk,
            "since": self.since,
            "until": self.until,
            "buckets": list(self.buckets),
            "currency": self.project.currency,
        }
        conditions = []
        for number, (name, value) in enumerate(self.where.items()):
            conditions.append(f"AND {column(name)} = %(value{number})s")
            params[f"value{number}"] = value
        columns = [column(name) for name in self.by]
        sql = statement.format(
            columns="".join(f"{one}, " for one in columns),
            conditions=" ".join(conditions),
            # Without a column a sum over nothing would be one row of NULL.
            grouped=", ".join(str(place + 1) for place in range(len(columns))) or "c.project_id",
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows: list[Any] = cursor.fetchall()
        return rows
