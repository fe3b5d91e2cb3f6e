"""The demo's old vendor: its numbers of four weeks, differing from ours for the reasons that they usually do."""

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from attribution.models import Decision
from attribution.shadow import numbers, queries
from attribution.shadow.comparing import Cell, Place
from attribution.shadow.number_files import Row
from attribution.shadow.queries import Clock
from customers.models import Project

VENDOR = "appsflyer"
DAYS = 28
# What the vendor calls one of the campaigns.
RENAMED_AS = "{} (v2)"
# It credits so many of the installs that we match by network to nobody.
UNMATCHED = 0.1
# It counts so many of the reinstalls and rejected installs that we leave out.
TAKEN_ALL_THE_SAME = 0.4
ORGANIC = ("organic", "")


def make(project: Project, *, now: datetime, seed: int = 7) -> int:
    """Tell a vendor's numbers of the last 28 whole days; return of how many days and campaigns. Safe to repeat."""
    last = now.astimezone(project.tz).date() - timedelta(days=1)
    clock = Clock(last - timedelta(days=DAYS - 1), last, ZoneInfo("UTC"))
    dice = random.Random(seed)  # noqa: S311 -- a demo
    counts: dict[Cell, int] = {}
    rows = Decision.objects.filter(project=project, installed_at__gte=clock.since, installed_at__lt=clock.until)
    for at, source, campaign, tier, kind, rejected in rows.values_list(
        "installed_at", "source", "campaign", "tier", "kind", "rejected"
    ):
        if kind == "reattribution" or ((kind == "reinstall" or rejected) and dice.random() > TAKEN_ALL_THE_SAME):
            continue
        lost = tier == "probabilistic" and dice.random() < UNMATCHED
        cell = (clock.day(sum(start <= at for start in clock.starts)), *(ORGANIC if lost else (source, campaign)))
        counts[cell] = counts.get(cell, 0) + 1
    sums: dict[Place, int] = {}
    for cell, number in counts.items():
        if cell[2]:
            sums[cell[1:]] = sums.get(cell[1:], 0) + number
    renamed = min(sums, key=lambda place: (sums[place], place), default=ORGANIC)
    told = [
        Row(day, source, RENAMED_AS.format(campaign) if (source, campaign) == renamed else campaign, installs=number)
        for (day, source, campaign), number in counts.items()
    ]
    if told and not queries.vendors_of(project):
        added = numbers.add_up(told, numbers.known_sources(project))
        numbers.store(project, VENDOR, added, name="partners-by-date.csv", time_zone="UTC", now=now, complete=True)
    return len(told)
