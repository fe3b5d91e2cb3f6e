"""Where spend and installs don't meet: spend of campaigns nobody knows, installs of campaigns without spend, and spend
that may be told twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from attribution.costs import names
from attribution.costs.metrics import TOLD
from attribution.costs.names import Named
from attribution.models import SpendName
from attribution.rules import ORGANIC
from customers.models import Project
from growthplatform.core.errors import InvalidField

# So long campaigns are known by their installs.
KNOWN = timedelta(days=180)
SHOWN = 500
SPENT = f"""
WITH {TOLD}
SELECT source, campaign, currency, sum(amount), count(DISTINCT day), max(day) FROM told
GROUP BY source, campaign, currency
"""  # noqa: S608
# Of one day and campaign some rows say a property and others not: most likely two reports of the same money.
TWICE = f"""
WITH {TOLD}, shapes AS (
    SELECT source, campaign, day,
        count(DISTINCT (ad_set <> '', ad <> '', country <> '', platform <> '')) AS shapes, count(*) AS number
    FROM told GROUP BY source, campaign, day
)
SELECT source, campaign, count(*), min(day), max(day) FROM shapes WHERE shapes > 1 GROUP BY source, campaign
ORDER BY 3 DESC, 1, 2 LIMIT {SHOWN}
"""  # noqa: S608


@dataclass
class Unknown:
    """Spend of a campaign that no install and no link has, by currency; `meant` is the one it may stand for."""

    named: Named
    amounts: dict[str, Decimal]
    days: int
    last: date
    meant: Named | None = None


@dataclass(frozen=True)
class Unpaid:
    """A campaign whose installs have no spend."""

    named: Named
    installs: int


@dataclass(frozen=True)
class Twice:
    """A campaign with days that are told in two ways."""

    named: Named
    days: int
    first: date
    last: date


@dataclass(frozen=True)
class Unmatched:
    unknown: list[Unknown]
    unpaid: list[Unpaid]
    twice: list[Twice]

    def __bool__(self) -> bool:
        return bool(self.unknown or self.twice)


def find(project: Project, first: date, last: date) -> Unmatched:
    """Compare the spend of days, both included, with the campaigns of installs and links."""
    params: dict[str, Any] = {
        "project": project.pk, "currency": project.currency, "first": first, "last": last,
    }  # fmt: skip
    spent: dict[Named, Unknown] = {}
    with connection.cursor() as cursor:
        cursor.execute(SPENT, params)
        for source, campaign, currency, amount, days, until in cursor.fetchall():
            one = spent.setdefault(Named(source, campaign), Unknown(Named(source, campaign), {}, 0, until))
            one.amounts[currency] = amount
            one.days, one.last = max(one.days, days), max(one.last, until)
        cursor.execute(TWICE, params)
        twice = [Twice(Named(*row[:2]), *row[2:]) for row in cursor.fetchall()]
    known, installed = known_campaigns(project, last), _installs(project, first, last)
    sources = {one.source for one in known}
    unknown = [
        one for named, one in spent.items() if named not in known and (named.campaign or named.source not in sources)
    ]
    unpaid = _unpaid(installed, spent)
    # The likeliest are campaigns that look for their spend.
    looking = {one.named: one.installs + 1_000_000 for one in unpaid}
    meant = names.suggestions((one.named for one in unknown), {**known, **looking})
    for one in unknown:
        one.meant = meant.get(one.named)
    unknown.sort(key=lambda one: (-max(one.amounts.values()), one.named))
    return Unmatched(unknown[:SHOWN], unpaid[:SHOWN], twice)


def _unpaid(installed: dict[Named, int], spent: Iterable[Named]) -> list[Unpaid]:
    paid = set(spent)
    whole = {one.source for one in paid if not one.campaign}
    found = [
        Unpaid(named, number)
        for named, number in installed.items()
        if named not in paid and named.source not in whole and named.source != ORGANIC
    ]
    return sorted(found, key=lambda one: (-one.installs, one.named))


def _installs(project: Project, first: date, last: date) -> dict[Named, int]:
    since = datetime.combine(first, time(), project.tz)
    until = datetime.combine(last + timedelta(days=1), time(), project.tz)
    rows = project.decisions.filter(kind="install", rejected=False, installed_at__gte=since, installed_at__lt=until)
    counted = rows.order_by().values_list("source", "campaign").annotate(number=Count("id"))
    return {Named(source, campaign): number for source, campaign, number in counted}


def known_campaigns(project: Project, last: date) -> dict[Named, int]:
    """Return the campaigns of installs and links, with the installs of the last half year up to a day."""
    found = _installs(project, last - KNOWN, last)
    for source, campaign in project.links.values_list("source", "name"):
        found.setdefault(Named(source, campaign), 0)
    return found


def known_sources(project: Project, last: date) -> list[str]:
    """Return the sources of installs and links, the largest first."""
    found: dict[str, int] = {}
    for named, number in known_campaigns(project, last).items():
        if named.source != ORGANIC:
            found[named.source] = found.get(named.source, 0) + number
    return sorted(found, key=lambda source: (-found[source], source))


def call(project: Project, told: Named, meant: Named) -> SpendName:
    """Let spend of one campaign count for another, for what is there and what comes. Safe to repeat.

    Raises InvalidField.
    """
    if not told.source or not meant.source or told == meant:
        raise InvalidField.named("campaign", "Choose another campaign than the one that spend already names.")
    if len(meant.source) > 60 or len(meant.campaign) > 100:
        raise InvalidField.named("campaign", "The name is longer than campaigns are.")
    made, _ = SpendName.objects.update_or_create(
        project=project,
        source=told.source,
        campaign=told.campaign,
        defaults={"to_source": meant.source, "to_campaign": meant.campaign, "created_at": timezone.now()},
    )
    return made
