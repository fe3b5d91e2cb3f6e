"""Spend and what it brought, counted along any property: what pages, files and the API of cost show.

Installs and the revenue of a period are counted as counting.py counts them, so that they equal the campaigns page; the
days of installs are whole days of the project's zone. Beside them stands what the installs of the period have brought
since, by their age, as cohorts.py follows it: a reinstall's revenue belongs to the first install.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from attribution import counting
from attribution.costs.figures import AGES, ZERO, Figures, state
from attribution.counting import DAY, DIMENSIONS, Key
from customers.models import Project
from customers.remembered import remembered
from growthplatform.core.periods import Period

# What spend has too.
NAMES = ("source", "campaign", "ad_set", "ad", "country", "platform", DAY)
FILTERS = NAMES[:-1]
ONE_DAY = timedelta(days=1)

# A rate holds from its day to the next one of its currency; `told` is spend under the names of installs, with its rate.
TOLD = """
rates AS (
    SELECT currency, rate, day, lead(day) OVER (PARTITION BY currency ORDER BY day) AS until
    FROM attribution_exchangerate WHERE project_id = %(project)s AND "into" = %(currency)s
), told AS (
    SELECT s.day, COALESCE(n.to_source, s.source) AS source, COALESCE(n.to_campaign, s.campaign) AS campaign,
           s.ad_set, s.ad, s.country, s.platform, s.amount, s.currency, s.clicks, s.impressions,
           CASE WHEN s.currency = %(currency)s THEN 1 ELSE r.rate END AS rate
    FROM attribution_spend s
    LEFT JOIN attribution_spendname n
        ON n.project_id = s.project_id AND n.source = s.source AND n.campaign = s.campaign
    LEFT JOIN rates r ON r.currency = s.currency AND s.day >= r.day AND (r.until IS NULL OR s.day < r.until)
    WHERE s.project_id = %(project)s AND s.day BETWEEN %(first)s AND %(last)s
)
"""
SPENT = """
WITH {told}
SELECT {columns} currency, rate IS NULL, sum(amount), COALESCE(sum(amount * rate), 0),
    COALESCE(sum(clicks), 0), COALESCE(sum(impressions), 0), {ages}
FROM told WHERE true {conditions} GROUP BY {columns} currency, rate IS NULL
"""
# Installs of campaigns that had spend, or of a source whose spend names no campaign, are paid ones.
BROUGHT = """
WITH RECURSIVE {told}, paid AS (SELECT DISTINCT source, campaign FROM told), cohort AS MATERIALIZED (
    SELECT d.id, d.install_id, {names} (d.installed_at AT TIME ZONE %(zone)s)::date AS day,
        (d.source, d.campaign) IN (SELECT source, campaign FROM paid)
        OR d.source IN (SELECT source FROM paid WHERE campaign = '') AS paid
    FROM attribution_decision d
    WHERE d.project_id = %(project)s AND d.kind = 'install' AND NOT d.rejected
      AND d.installed_at >= %(since)s AND d.installed_at < %(until)s {conditions}
), again AS MATERIALIZED (
    SELECT id, original_id, install_id FROM attribution_decision
    WHERE project_id = %(project)s AND kind = 'reinstall' AND original_id IS NOT NULL
), brought AS (
    SELECT id AS first, id, install_id FROM cohort
    UNION SELECT b.first, a.id, a.install_id FROM brought b JOIN again a ON a.original_id = b.id
), money AS (
    SELECT c.*, b.first, v.revenue, GREATEST((v.ts AT TIME ZONE %(zone)s)::date - c.day, 0) AS age
    FROM cohort c JOIN brought b ON b.first = c.id JOIN attribution_conversion v ON v.install_id = b.install_id
    WHERE v.counted AND v.revenue IS NOT NULL AND v.currency = %(currency)s
)
SELECT {columns} true, paid, count(*), 0, {installs} FROM cohort GROUP BY {columns} paid
UNION ALL
SELECT {columns} false, paid, count(DISTINCT first) FILTER (WHERE revenue > 0), sum(revenue), {revenue}
FROM money GROUP BY {columns} paid
"""
PAID = "WITH {told} SELECT DISTINCT source, campaign FROM told"


VERSION = """
SELECT (SELECT max(created_at) FROM attribution_spendimport WHERE project_id = %(project)s AND state = 'done'),
    (SELECT max(undone_at) FROM attribution_spendimport WHERE project_id = %(project)s),
    (SELECT (max(created_at), count(*)) FROM attribution_exchangerate WHERE project_id = %(project)s)::text,
    (SELECT (max(created_at), count(*)) FROM attribution_spendname WHERE project_id = %(project)s)::text
"""


class Asked(NamedTuple):
    """What is counted: days of the project's zone, both included, along `by`, with `where`."""

    project: Project
    first: date
    last: date
    by: tuple[str, ...]
    where: Mapping[str, str]
    today: date

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), self.project.tz)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + ONE_DAY, time(), self.project.tz)

    @property
    def params(self) -> dict[str, Any]:
        return {
            "project": self.project.pk, "currency": self.project.currency, "zone": self.project.time_zone,
            "first": self.first, "last": self.last, "since": self.since, "until": self.until,
            **{f"old{age}": self.today - timedelta(days=age) for age in AGES},
            **{f"value{place}": value for place, value in enumerate(self.where.values())},
        }  # fmt: skip


def count(
    project: Project,
    first: date,
    last: date,
    by: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    *,
    today: date,
) -> dict[Key, Figures]:
    """Count the days `first` to `last` along `by`, one entry for each combination that has anything.

    `where` keeps the rows with exactly these values; days are dates. Three statements: spend, installs with what they
    brought, and the revenue of the period.
    """
    asked = Asked(project, first, last, tuple(by), where or {}, today)
    found: dict[Key, Figures] = {}

    def entry(key: Key) -> Figures:
        return found.setdefault(key, Figures())

    for row in _rows(asked, _spent(asked)):
        _sort_in_spend(entry(row.key), row.values)
    for row in _rows(asked, _brought(asked)):
        _sort_in_installs(entry(row.key), row.values)
    for key, amount, paid in _revenue(asked):
        one = entry(key)
        one.revenue += amount
        one.paid_revenue += amount if paid else ZERO
    return {key: one for key, one in found.items() if one.has_anything}


def counted(
    project: Project,
    period: Period,
    by: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    *,
    today: date,
) -> dict[Key, Figures]:
    """Count the days of a period, or take what was counted a moment ago of the same spend, rates and names."""
    where = dict(sorted((where or {}).items()))
    asked = f"{period.first}:{period.last}:{by}:{where}:{today}:{project.currency}:{version(project)}"
    key = f"cost:{hashlib.sha256(asked.encode()).hexdigest()}"
    return remembered(project, key, lambda: count(project, period.first, period.last, by, where, today=today))


def version(project: Project) -> str:
    """Return what changes with each import, undo, rate and name: who has just changed one wants to see it."""
    with connection.cursor() as cursor:
        cursor.execute(VERSION, {"project": project.pk})
        return repr(cursor.fetchone())


class _Row(NamedTuple):
    key: Key
    values: Sequence[Any]


def _rows(asked: Asked, sql: str) -> Iterator[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, asked.params)
        for row in cursor.fetchall():
            yield _Row(tuple(row[: len(asked.by)]), row[len(asked.by) :])


def _conditions(asked: Asked, column: Mapping[str, str]) -> str:
    """Return the conditions of `where`; all names come from DIMENSIONS."""
    return " ".join(f"AND {column[name]} = %(value{place})s" for place, name in enumerate(asked.where))


def _spent(asked: Asked) -> str:
    ages = ", ".join(f"COALESCE(sum(amount * rate) FILTER (WHERE day < %(old{age})s), 0)" for age in AGES)
    return SPENT.format(
        told=TOLD,
        columns="".join(f"{name}, " for name in asked.by),
        conditions=_conditions(asked, {name: name for name in NAMES}),
        ages=ages,
    )


def _brought(asked: Asked) -> str:
    own = {name: f"d.{DIMENSIONS[name].decision}" for name in FILTERS}
    old = {age: f"FILTER (WHERE day < %(old{age})s)" for age in AGES}
    by_then = {age: f"FILTER (WHERE age <= {age} AND day < %(old{age})s)" for age in AGES}
    return BROUGHT.format(
        told=TOLD,
        names="".join(f"{own[name]} AS {name}, " for name in asked.by if name != DAY),
        columns="".join(f"{name}, " for name in asked.by),
        conditions=_conditions(asked, own),
        installs=", ".join(f"count(*) {old[age]}" for age in AGES),
        revenue=", ".join(f"COALESCE(sum(revenue) {by_then[age]}, 0)" for age in AGES),
    )


def _sort_in_spend(one: Figures, row: Sequence[Any]) -> None:
    currency, unpriced, amount, priced, clicks, impressions, *ages = row
    if unpriced:
        one.unpriced[currency] = one.unpriced.get(currency, ZERO) + amount
    one.spend += priced
    one.clicks += clicks
    one.impressions += impressions
    for age, spend in zip(AGES, ages, strict=True):
        one.ages[age].spend += spend


def _sort_in_installs(one: Figures, row: Sequence[Any]) -> None:
    """Count in a row of installs, or one of money: there the number is customers, the ages are revenue."""
    installs, paid, number, revenue, *ages = row
    if installs:
        one.installs += number
        one.paid += number if paid else 0
        for age, value in zip(AGES, ages, strict=True):
            one.ages[age].installs += int(value)
        return
    one.customers += number
    one.brought += revenue
    for age, value in zip(AGES, ages, strict=True):
        one.ages[age].revenue += value
    if paid:
        one.paid_customers += number
        one.paid_brought += revenue
        for age, value in zip(AGES, ages, strict=True):
            one.ages[age].paid += value


def _revenue(asked: Asked) -> Iterator[tuple[Key, Decimal, bool]]:
    """Yield the revenue of the period as the campaigns page counts it, and whether a paid campaign brought it."""
    with connection.cursor() as cursor:
        cursor.execute(PAID.format(told=TOLD), asked.params)
        paid = set(cursor.fetchall())
    by = (*asked.by, *(name for name in ("source", "campaign") if name not in asked.by))
    source, campaign = by.index("source"), by.index("campaign")
    found = counting.count(asked.project, asked.since, asked.until, by, asked.where, decisions=False, touches=False)
    for key, counts in found.items():
        parts = (part.date() if isinstance(part, datetime) else part for part in key[: len(asked.by)])
        is_paid = (key[source], key[campaign]) in paid or (key[source], "") in paid
        yield tuple(parts), counts.revenue, is_paid


@dataclass(frozen=True)
class Age:
    """One age over a period: whether all of its installs have reached it, and the last day of those that have."""

    age: int
    state: str
    until: date

    @property
    def name(self) -> str:
        return f"Day {self.age}"


def ages_of(period: Period, today: date) -> list[Age]:
    """Return the ages for a period, with how many of its days have reached them."""
    return [
        Age(age, state(age, period.first, period.last, today), min(period.last, today - timedelta(days=age + 1)))
        for age in AGES
    ]
