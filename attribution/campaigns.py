"""What campaigns brought, cut along any property: what the overview, the campaign pages, their files and the API show.

All read `counted`, so that they can't differ; what counts is said in counting.py.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import QuerySet

from attribution import counting
from attribution.counting import DAY, DIMENSIONS, Counts, Key
from attribution.models import Decision
from attribution.queries import WITHOUT, installs_between
from attribution.rules import ORGANIC
from customers.models import Project
from customers.remembered import remembered
from growthplatform.core.periods import Period

# The way down: what lies below a source, and so on.
LEVELS = ("source", "campaign", "ad_set", "ad", "creative", "publisher")
FILTERS = tuple(name for name in DIMENSIONS if name != DAY)
MOST_COLUMNS = 12
PARTS = ("decisions", "touches", "revenue")
OTHERS = "\0others"


class Measure(NamedTuple):
    """Something to show in a cell: its name, what it means, its value of counts, how it is written."""

    label: str
    means: str
    value: Callable[[Counts], float | Decimal | None]
    number: str = "integer"
    parts: Sequence[str] = ("decisions",)

    @property
    def of_touches(self) -> bool:
        """Say whether it needs touches, which don't have every property."""
        return "touches" in self.parts


MEASURES = {
    "installs": Measure(
        "Installs",
        "First opens of the app, credited or organic. Reinstalls, returns and rejected installs are not among them.",
        lambda one: one.installs,
    ),
    "clicks": Measure(
        "Clicks",
        "Taps on links and clicks that networks sent, without bots.",
        lambda one: one.clicks,
        parts=("touches",),
    ),
    "impressions": Measure(
        "Impressions",
        "Views of ads that were reported, without bots.",
        lambda one: one.impressions,
        parts=("touches",),
    ),
    "conversion": Measure(
        "Conversion",
        "Credited installs divided by clicks of the same period; organic installs are left out.",
        lambda one: one.conversion,
        "percent",
        parts=("decisions", "touches"),
    ),
    "revenue": Measure(
        "Revenue",
        "Revenue of the period in the project’s currency, by the source of the person’s install; a reinstall keeps the"
        " source of the first one.",
        lambda one: one.revenue,
        "money",
        parts=("revenue",),
    ),
    "revenue_per_install": Measure(
        "Revenue per install",
        "Revenue of the period divided by installs of the period. It is not the lifetime value of these installs.",
        lambda one: one.revenue_per_install,
        "money",
        parts=("decisions", "revenue"),
    ),
    "reinstalls": Measure(
        "Reinstalls",
        "Installs by somebody who had the app before; not counted as installs.",
        lambda one: one.reinstalls,
    ),
    "reattributions": Measure(
        "Returns",
        "People who had been away and came back by a click; not counted as installs.",
        lambda one: one.reattributions,
    ),
    "rejected": Measure(
        "Rejected", "Installs that a fraud rule rejected; not counted as installs.", lambda one: one.rejected
    ),
    "rejected_share": Measure(
        "Rejected share",
        "Rejected installs among all installs, rejected ones included.",
        lambda one: one.rejected_share,
        "percent",
    ),
}


def counted(
    project: Project,
    period: Period,
    by: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    *,
    past: bool = False,
    only: Sequence[str] = PARTS,
) -> dict[Key, Counts]:
    """Count a period along `by`, or take what was counted a moment ago.

    `past` stops as far into the period as now is into the present one, so that half a day meets half a day. `only`
    some of the parts are counted, the others stay 0.
    """
    where = dict(sorted((where or {}).items()))
    until = period.until.replace(second=0, microsecond=0) if past and period.until < period.end else period.end
    asked = f"{period.start}:{until}:{period.bucket}:{by}:{where}:{only}:{project.currency}"
    buckets = period.buckets if DAY in by else ()
    return remembered(
        project,
        # Names of campaigns have spaces, which keys may not have.
        f"cut:{hashlib.sha256(asked.encode()).hexdigest()}",
        lambda: counting.count(
            project, period.start, until, by, where, buckets=buckets, **{part: part in only for part in PARTS}
        ),
        least_s=60.0 if past else 3.0,
    )


def before(
    project: Project, period: Period, by: Sequence[str] = (), where: Mapping[str, str] | None = None
) -> dict[Key, Counts] | None:
    """Count the period before along `by`; None where nothing is compared."""
    return counted(project, period.previous, by, where, past=True) if period.previous else None


def filters_of(query: Mapping[str, str]) -> dict[str, str]:
    """Return the properties that an address asks for by name; "-" is a blank one."""
    chosen = ((name, query.get(name, "").replace("\x00", "")) for name in FILTERS)
    return {name: "" if value == WITHOUT else value for name, value in chosen if value}


def next_level(project: Project, period: Period, where: Mapping[str, str]) -> str:
    """Return the property that tells most below `where`: the first one down that any install has, else the country."""
    if where.get("source") == ORGANIC:
        return "country"
    deepest = max((place for place, name in enumerate(LEVELS) if name in where), default=0)
    if deepest == 0:
        return "campaign"
    columns = {DIMENSIONS[name].decision: value for name, value in where.items()}
    installs = installs_between(project, period.start, period.end).filter(**columns)
    return next((name for name in LEVELS[deepest + 1 :] if _told(installs, name)), "country")


def _told(installs: QuerySet[Decision], name: str) -> bool:
    return installs.exclude(**{DIMENSIONS[name].decision: ""}).exists()


@dataclass(frozen=True)
class Pivot:
    """A table with a property down and one across. `cells` has the counts by row and column; `OTHERS` adds up the rest.

    Rows and columns stand with the largest first, days in their order.
    """

    rows: Sequence[str]
    columns: Sequence[str | datetime]
    cells: Mapping[tuple[str, str | datetime], Counts]
    row_totals: Mapping[str, Counts]
    column_totals: Mapping[str | datetime, Counts]
    total: Counts = field(default_factory=Counts)


def pivot(
    project: Project,
    period: Period,
    down: str,
    across: str,
    where: Mapping[str, str] | None = None,
    *,
    measure: str,
    most: int | None = MOST_COLUMNS,
) -> Pivot:
    """Count along two properties, the first of which is not the day.

    Columns beyond `most` are added up to one; days stay as they are.
    """
    value = MEASURES[measure].value
    parts = {*MEASURES[measure].parts, "decisions"}
    found = counted(project, period, (down, across), where, only=[part for part in PARTS if part in parts])
    row_totals: dict[str, Counts] = {}
    column_totals: dict[str | datetime, Counts] = {}
    everything = Counts()
    for (row, column), counts in found.items():
        row_totals.setdefault(row, Counts()).add(counts)
        column_totals.setdefault(column, Counts()).add(counts)
        everything.add(counts)

    def largest(totals: Mapping[str, Counts]) -> list[str]:
        return sorted(totals, key=lambda name: (-(value(totals[name]) or 0), -totals[name].installs, name))

    columns = list(period.buckets) if across == DAY else largest(column_totals)  # type: ignore[arg-type]
    kept = columns if most is None or across == DAY else columns[:most]
    shown = set(kept)
    cells: dict[tuple[str, str | datetime], Counts] = {}
    for (row, column), counts in found.items():
        place = column if column in shown else OTHERS
        cells.setdefault((row, place), Counts()).add(counts)
    if len(kept) < len(columns):
        rest = Counts()
        for column in columns[len(kept) :]:
            rest.add(column_totals[column])
        column_totals[OTHERS] = rest
        kept = [*kept, OTHERS]
    return Pivot(largest(row_totals), kept, cells, row_totals, column_totals, everything)
