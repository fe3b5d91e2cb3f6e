"""Cohorts: those who installed in one week or month, by source; how many came back, and what they brought, by age.

Age is counted from each person's own day of install: week 1 are the days 1 to 7 after it, month 1 the days 1 to 30, so
everybody has the same time. An age of a cohort is complete when the last who may have installed have lived through it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db import connection

from customers.models import Project
from events import services as events

WEEK, MONTH = "week", "month"
DAYS = {WEEK: 7, MONTH: 30}
SHOWN = 12
LEAST = 5
COMPLETE, PARTIAL, FUTURE = "complete", "partial", "future"
ZERO = Decimal(0)

# One statement: sizes, people who came back by age, and money by age; a reinstall's money belongs to the first install.
STATEMENT = f"""
WITH RECURSIVE cohort AS MATERIALIZED (
    SELECT d.id, d.install_id, d.source, (d.installed_at AT TIME ZONE %(zone)s)::date AS day,
           COALESCE(p.person_id, -d.id) AS person
    FROM attribution_decision d JOIN attribution_install n ON n.id = d.install_id
    LEFT JOIN {events.PEOPLE_SQL} p ON p.project_id = d.project_id AND p.distinct_id = n.distinct_id
    WHERE d.project_id = %(project)s AND d.kind = 'install' AND NOT d.rejected
      AND d.installed_at >= %(since)s AND d.installed_at < %(until)s
), who AS MATERIALIZED (
    SELECT source, date_trunc(%(unit)s, day)::date AS start, person, min(day) AS day, count(*) AS installs
    FROM cohort GROUP BY 1, 2, 3
), active AS (
    SELECT DISTINCT w.source, w.start, w.person, (a.day - w.day + %(days)s - 1) / %(days)s AS age
    FROM who w JOIN {events.ACTIVE_DAYS_SQL} a
        ON a.project_id = %(project)s AND a.person_id = w.person AND a.day > w.day
        AND a.day <= w.day + %(days)s * %(ages)s
), again AS (
    SELECT id, original_id, install_id FROM attribution_decision
    WHERE project_id = %(project)s AND kind = 'reinstall' AND original_id IS NOT NULL
), brought AS (
    SELECT id AS first, id, install_id FROM cohort
    UNION SELECT b.first, a.id, a.install_id FROM brought b JOIN again a ON a.original_id = b.id
), money AS (
    SELECT c.source, date_trunc(%(unit)s, c.day)::date AS start,
           GREATEST(((v.ts AT TIME ZONE %(zone)s)::date - c.day + %(days)s - 1) / %(days)s, 1) AS age,
           sum(v.revenue) AS amount
    FROM cohort c JOIN brought b ON b.first = c.id JOIN attribution_conversion v ON v.install_id = b.install_id
    WHERE v.counted AND v.revenue IS NOT NULL AND v.currency = %(currency)s
    GROUP BY 1, 2, 3
)
SELECT source, start, 0, count(*), sum(installs)::bigint, 0::numeric FROM who GROUP BY 1, 2
UNION ALL SELECT source, start, age, count(*), 0, 0 FROM active GROUP BY 1, 2, 3
UNION ALL SELECT source, start, age, 0, 0, amount FROM money WHERE age <= %(ages)s
"""  # noqa: S608 -- the parts are constants


@dataclass
class Cohort:
    """Who installed from `source` in the week or month that begins with `start`.

    `active` holds, by age, how many of the people came back, `revenue` what they brought at that age.
    """

    source: str
    start: date
    people: int = 0
    installs: int = 0
    active: dict[int, int] = field(default_factory=dict)
    revenue: dict[int, Decimal] = field(default_factory=dict)

    def revenue_to(self, age: int) -> Decimal:
        """Return what they had brought at the end of `age`."""
        return sum((amount for at, amount in self.revenue.items() if at <= age), ZERO)


@dataclass(frozen=True)
class Cell:
    """Cohorts together at one age. `share` and `each` (revenue per install so far) are None where nobody is meant."""

    age: int
    state: str
    people: int = 0
    active: int = 0
    installs: int = 0
    revenue: Decimal = ZERO

    @property
    def share(self) -> float | None:
        return self.active / self.people if self.people else None

    @property
    def each(self) -> Decimal | None:
        return self.revenue / self.installs if self.installs else None


@dataclass(frozen=True)
class Cohorts:
    """All cohorts of the last weeks or months, by source and start; `today` is a day of the project's zone.

    `starts` begin with the first one that anybody installed in.
    """

    unit: str
    starts: Sequence[date]
    today: date
    cohorts: Sequence[Cohort]

    @property
    def ages(self) -> range:
        return range(1, len(self.starts))

    @property
    def sources(self) -> dict[str, int]:
        """Installs by source, the largest first."""
        found: dict[str, int] = {}
        for one in self.cohorts:
            found[one.source] = found.get(one.source, 0) + one.installs
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))

    def of(self, *, source: str = "", start: date | None = None) -> list[Cohort]:
        """Return the cohorts of a source, of a start, or of both."""
        return [one for one in self.cohorts if source in {"", one.source} and start in {None, one.start}]

    def state(self, start: date, age: int) -> str:
        """Say whether an age of a cohort lies behind everybody in it, before some, or before all."""
        days = DAYS[self.unit]
        if next_start(start, self.unit) - timedelta(days=1) + timedelta(days=days * age) < self.today:
            return COMPLETE
        return PARTIAL if start + timedelta(days=days * (age - 1) + 1) <= self.today else FUTURE

    def row(self, start: date, cohorts: Iterable[Cohort]) -> list[Cell]:
        """Return the cells of one start along the ages; `cohorts` are its sources."""
        chosen = list(cohorts)
        return [_cell(age, self.state(start, age), chosen) for age in self.ages]

    def complete(self, cohorts: Iterable[Cohort]) -> list[Cell]:
        """Return cohorts together along the ages, at each age only those for whom it is complete."""
        chosen = list(cohorts)
        found = []
        for age in self.ages:
            done = [one for one in chosen if self.state(one.start, age) == COMPLETE]
            found.append(_cell(age, COMPLETE if done else FUTURE, done))
        return found


def _cell(age: int, state: str, cohorts: Sequence[Cohort]) -> Cell:
    return Cell(
        age,
        state,
        sum(one.people for one in cohorts),
        sum(one.active.get(age, 0) for one in cohorts),
        sum(one.installs for one in cohorts),
        sum((one.revenue_to(age) for one in cohorts), ZERO),
    )


def next_start(start: date, unit: str) -> date:
    """Return the first day of the week or month after."""
    if unit == WEEK:
        return start + timedelta(days=7)
    return (start.replace(day=1) + timedelta(days=32)).replace(day=1)


def starts_until(today: date, unit: str, number: int = SHOWN) -> list[date]:
    """Return the first days of the last weeks (from Monday) or months, the oldest first, the present one last."""
    start = today - timedelta(days=today.weekday()) if unit == WEEK else today.replace(day=1)
    found = [start]
    while len(found) < number:
        before = found[0] - timedelta(days=1)
        found.insert(0, before - timedelta(days=6) if unit == WEEK else before.replace(day=1))
    return found


def read(project: Project, unit: str, *, now: datetime) -> Cohorts:
    """Read the cohorts of the last twelve weeks or months of a project, with one statement."""
    today = now.astimezone(project.tz).date()
    starts = starts_until(today, unit)
    with connection.cursor() as cursor:
        cursor.execute(
            STATEMENT,
            {
                "project": project.pk,
                "zone": project.time_zone,
                "currency": project.currency,
                "unit": unit,
                "days": DAYS[unit],
                "ages": len(starts) - 1,
                "since": datetime.combine(starts[0], time(), project.tz),
                "until": datetime.combine(next_start(starts[-1], unit), time(), project.tz),
            },
        )
        rows = cursor.fetchall()
    found: dict[tuple[str, date], Cohort] = {}
    for source, start, age, people, installs, amount in rows:
        one = found.setdefault((source, start), Cohort(source, start))
        if age == 0:
            one.people, one.installs = people, installs
        elif people:
            one.active[age] = people
        else:
            one.revenue[age] = amount
    return Cohorts(
        unit, _begun(starts, found.values()), today, sorted(found.values(), key=lambda one: (one.source, one.start))
    )


def _begun(starts: list[date], cohorts: Iterable[Cohort]) -> list[date]:
    """Leave out the starts before anybody had installed, but keep a few."""
    first = min((one.start for one in cohorts), default=starts[0])
    return [start for place, start in enumerate(starts) if start >= first or place >= len(starts) - LEAST]
