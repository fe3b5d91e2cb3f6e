"""The report of differences: both counts of a stretch of days, asked once and kept for a moment."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from attribution.shadow import comparing, queries, vendors
from attribution.shadow.comparing import Comparison, Verdict
from attribution.shadow.queries import Clock
from attribution.shadow.vendors import Windows
from customers.models import Project
from customers.remembered import remembered
from events.dialects import registry

USUAL_DAYS = 28
MOST_DAYS = 400


@dataclass(frozen=True)
class Report:
    """What is compared, and what came of it."""

    vendor: str
    first: date
    last: date
    zone: str
    windows: Windows
    comparison: Comparison
    verdict: Verdict | None

    @property
    def name(self) -> str:
        return vendors.VENDORS.get(self.vendor, self.vendor)


def days_of(project: Project, vendor: str, *, now: datetime) -> tuple[date, date]:
    """Return the 28 days up to the last one that the vendor has told about; up to yesterday where there is none."""
    yesterday = now.astimezone(project.tz).date() - timedelta(days=1)
    last = queries.last_told(project, vendor) or yesterday
    return last - timedelta(days=USUAL_DAYS - 1), last


def report(
    project: Project, vendor: str, first: date, last: date, *, windows: Windows | None = None, platform: str = ""
) -> Report:
    """Compare the days `first` to `last` (at most 400) of a vendor's numbers with ours."""
    windows = windows or vendors.WINDOWS.get(vendor, Windows(7 * vendors.DAY_S))
    zone = queries.zone_of_vendor(project, vendor)
    asked = _Asked(project, vendor, first, last, zone, windows, platform)
    said = f"{asked[1:]}{queries.state_of(project, vendor)}"
    key = f"shadow:{hashlib.sha256(said.encode()).hexdigest()}"
    comparison = remembered(project, key, lambda: _compared(asked), least_s=2.0)
    return Report(vendor, first, last, zone, windows, comparison, comparing.verdict(comparison))


class _Asked(NamedTuple):
    project: Project
    vendor: str
    first: date
    last: date
    zone: str
    windows: Windows
    platform: str


def _compared(asked: _Asked) -> Comparison:
    project, vendor, first, last, zone, windows, platform = asked
    own = Clock(first, last, project.tz)
    theirs = queries.theirs(project, vendor, first, last, platform)
    if not theirs:
        return Comparison({})
    ours = queries.ours(project, own, platform)
    if zone == project.time_zone:
        recounted = {cell: one.installs for cell, one in ours.items()}
    else:
        by_theirs = queries.ours(project, Clock(first, last, ZoneInfo(zone)), platform, only_installs=True)
        recounted = {cell: one.installs for cell, one in by_theirs.items()}
    dialect = registry.DIALECTS.get(vendor)
    return comparing.compare(
        theirs,
        ours,
        recounted,
        queries.hints(project, own, windows, undelivered=queries.undelivered(project, vendor, own), platform=platform),
        queries.unmapped_revenue(project, vendor, own, dialect.NAMES if dialect else ()),
    )
