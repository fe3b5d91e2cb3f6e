"""What the pages of cost share: their days, their rows, the way down, how a number is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django.utils import timezone

from attribution import campaigns
from attribution.costs import measures, metrics
from attribution.costs.figures import Figures
from attribution.costs.measures import MEASURES, Value
from attribution.counting import DAY, DIMENSIONS, Key
from attribution.queries import ORGANIC
from attribution.views.campaign_rows import installs_url, period_query, words_of, written
from attribution.views.shared import period_of
from customers.pages import REFUSED, PageRequest
from growthplatform.core import formats, sources
from growthplatform.core.periods import Period

LEVELS = ("source", "campaign", "ad_set", "ad")
PAGES = (
    ("Table", "cost"),
    ("Pivot", "cost-pivot"),
    ("By age", "cost-ages"),
    ("Spend", "spend-list"),
    ("Imports", "cost-import-list"),
    ("Exchange rates", "cost-rate-list"),
    ("Unmatched", "cost-unmatched"),
)


@dataclass
class Row:
    """A row of a table: its properties by name, and its figures."""

    values: Mapping[str, Any]
    now: Figures
    url: str = ""
    within: Mapping[str, str] | None = None

    @property
    def by(self) -> str:
        return list(self.values)[-1]

    @property
    def source(self) -> str:
        return str(self.values.get("source") or (self.within or {}).get("source", ""))

    @property
    def words(self) -> str:
        value = self.values[self.by]
        if self.by == DAY:
            return f"{value:%a} {value.day} {value:%b}"
        if self.source == ORGANIC and self.by == "campaign":
            return sources.look_of(ORGANIC).name
        return words_of(self.by, value)

    @property
    def apart(self) -> list[str]:
        """Spend without a rate, written with its currency."""
        return [formats.money(amount, currency) for currency, amount in sorted(self.now.unpriced.items())]


def require_editor(request: PageRequest) -> None:
    """Refuse viewers the changing half of a page that they may look at."""
    if not request.member.can_edit:
        raise PermissionDenied(REFUSED)


def today_of(request: PageRequest) -> date:
    """Return the day it is in the project's zone."""
    return timezone.now().astimezone(request.project.tz).date()


def days_of(request: PageRequest) -> Period:
    """Return the period in the address as whole days: spend knows no hours."""
    period = period_of(request)
    if period.key == "24h":
        today = today_of(request)
        return Period.of_days(
            "24h", "Since yesterday", today - timedelta(days=1), today, zone=request.project.tz, now=timezone.now(),
            compare=period.compare,
        )  # fmt: skip
    return period


def starts_of(period: Period) -> list[datetime]:
    """Return the start of each day of a period, also of a short one that is cut into hours elsewhere."""
    days = (period.last - period.first).days + 1
    return [datetime.combine(period.first + timedelta(days=number), time(), period.zone) for number in range(days)]


def finished(period: Period, today: date) -> Period | None:
    """Return the days of a period that are over; None when none is. By them periods are compared."""
    last = min(period.last, today - timedelta(days=1))
    return (
        None if last < period.first else replace(period, end=datetime.combine(last + timedelta(1), time(), period.zone))
    )


def filters_of(request: PageRequest) -> dict[str, str]:
    """Return the properties that the address asks for and spend has."""
    return {name: value for name, value in campaigns.filters_of(request.GET.dict()).items() if name in metrics.FILTERS}


def rows_of(names: Sequence[str], found: Mapping[Key, Figures], within: Mapping[str, str] | None = None) -> list[Row]:
    """Return a row for each combination, the dearest first."""
    rows = [Row(dict(zip(names, key, strict=True)), one, within=within) for key, one in found.items()]
    return sorted(rows, key=lambda row: (-row.now.spend, -row.now.installs, *map(str, row.values.values())))


def way_down(request: PageRequest, where: Mapping[str, Any]) -> str:
    """Return where a row leads: to what lies below it, from the last level to its installs."""
    where = {name: value for name, value in where.items() if name != DAY}
    ends = {"ad", "platform"} | ({"country"} if "campaign" in where else set())
    if where.get("source") == ORGANIC or ends & {*where}:
        return installs_url(request, where)
    address = reverse("attribution:cost", args=[request.project.slug])
    return f"{address}?{urlencode({**period_query(request), **written(where)})}"


def views_of(request: PageRequest, where: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """Return the pages of cost, those with numbers for the same days and filters."""
    query = urlencode({**period_query(request), **written(where or {})})
    found = []
    for words, name in PAGES:
        address = reverse(f"attribution:{name}", args=[request.project.slug])
        found.append({"words": words, "name": name, "url": f"{address}?{query}" if query else address})
    return found


def write(measure: str, value: Value, currency: str) -> str:
    """Write a number of a measure."""
    kind = MEASURES[measure].number
    if kind == "money":
        return formats.money(value, currency)
    if kind == "percent":
        return formats.share(value, 0 if value is not None and abs(float(value)) >= 1 else 1)
    return formats.count(value)


def basis_of(request: PageRequest) -> str:
    """Return whose revenue is meant: that of the installs of these days, or of these days."""
    return measures.PERIOD if request.GET.get("basis") == measures.PERIOD else measures.INSTALLS


def title_of(where: Mapping[str, str]) -> str:
    named = [words_of(name, where[name]) for name in reversed(LEVELS) if name in where]
    return named[0] if named else "Cost"


def way_up(request: PageRequest, where: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the levels above, from all of it down."""
    levels, kept = [name for name in LEVELS if name in where], period_query(request)
    found = [{"words": "Cost", "url": f"?{urlencode(kept)}"}] if where else []
    for place, name in enumerate(levels):
        above = written({one: where[one] for one in levels[: place + 1]})
        found.append({"words": words_of(name, where[name]), "url": f"?{urlencode({**kept, **above})}"})
    return found


def label_of(name: str) -> str:
    return DIMENSIONS[name].label
