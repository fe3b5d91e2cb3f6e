"""The numbers of campaigns, links and installs: each is counted here and nowhere else.

Pages, CSV files and the API read these functions, so they can't differ. A tap is a click that no bot made; an install
counts on the day of the first open, for the touch its decision credits.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDay, TruncHour

from attribution.models import Decision, Link, Touch
from customers.models import Project

ORGANIC = "organic"
CLICKS = Q(type=Touch.Type.CLICK)


@dataclass
class CampaignTotal:
    """What one campaign of one source did in a period; `tiers` counts its installs by how they were matched."""

    source: str
    campaign: str = ""
    clicks: int = 0
    impressions: int = 0
    installs: int = 0
    tiers: dict[str, int] = field(default_factory=dict)

    @property
    def conversion(self) -> float | None:
        """Installs for each click (0-1); None without clicks, as views and organic have none."""
        return self.installs / self.clicks if self.clicks else None

    def add(self, other: "CampaignTotal") -> None:
        """Count another row into this one."""
        self.clicks += other.clicks
        self.impressions += other.impressions
        self.installs += other.installs
        for tier, number in other.tiers.items():
            self.tiers[tier] = self.tiers.get(tier, 0) + number


@dataclass
class Timeline:
    """Counts of one source over time; a bucket without any is missing."""

    source: str
    counts: dict[datetime, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def along(self, buckets: Sequence[datetime]) -> list[int]:
        return [self.counts.get(bucket, 0) for bucket in buckets]


def touches_between(project: Project, since: datetime, until: datetime) -> QuerySet[Touch]:
    """Return the touches that count: in [since, until), without bots."""
    return Touch.objects.filter(project=project, ts__gte=since, ts__lt=until, bot=False)


def decisions_between(project: Project, since: datetime, until: datetime) -> QuerySet[Decision]:
    return Decision.objects.filter(project=project, installed_at__gte=since, installed_at__lt=until)


def campaign_totals(project: Project, since: datetime, until: datetime, *, source: str = "") -> list[CampaignTotal]:
    """Return one row for each source and campaign with a touch or an install in [since, until).

    Most installs first. `source` keeps only one.
    """
    touches, decisions = touches_between(project, since, until), decisions_between(project, since, until)
    if source:
        touches, decisions = touches.filter(source=source), decisions.filter(source=source)
    found: dict[tuple[str, str], CampaignTotal] = {}

    def row(source: str, campaign: str) -> CampaignTotal:
        return found.setdefault((source, campaign), CampaignTotal(source, campaign))

    counted = (
        touches.order_by()
        .values_list("source", "campaign")
        .annotate(clicks=Count("id", filter=CLICKS), impressions=Count("id", filter=~CLICKS))
    )
    for name, campaign, clicks, impressions in counted:
        row(name, campaign).clicks, row(name, campaign).impressions = clicks, impressions
    credited = decisions.order_by().values_list("source", "campaign", "tier").annotate(installs=Count("id"))
    for name, campaign, tier, installs in credited:
        one = row(name, campaign)
        one.installs += installs
        one.tiers[tier] = one.tiers.get(tier, 0) + installs
    return sorted(found.values(), key=lambda one: (-one.installs, -one.clicks, one.source, one.campaign))


def by_source(totals: Iterable[CampaignTotal]) -> list[CampaignTotal]:
    """Add campaigns up to one row for each source, most installs first."""
    found: dict[str, CampaignTotal] = {}
    for one in totals:
        found.setdefault(one.source, CampaignTotal(one.source)).add(one)
    return sorted(found.values(), key=lambda one: (-one.installs, -one.clicks, one.source))


def sum_of(totals: Iterable[CampaignTotal]) -> CampaignTotal:
    """Add rows up to one."""
    together = CampaignTotal("")
    for one in totals:
        together.add(one)
    return together


def installs_by_source(
    project: Project, since: datetime, until: datetime, *, bucket: str = "day", source: str = ""
) -> list[Timeline]:
    """Count installs in [since, until) by source and hour or day of the project's zone, largest source first."""
    decisions = decisions_between(project, since, until)
    return _timelines(decisions, "installed_at", project, bucket, source)


def clicks_by_source(
    project: Project, since: datetime, until: datetime, *, bucket: str = "day", source: str = ""
) -> list[Timeline]:
    """Count clicks in [since, until) by source and hour or day of the project's zone, largest source first."""
    return _timelines(touches_between(project, since, until).filter(CLICKS), "ts", project, bucket, source)


def _timelines(
    rows: QuerySet[Decision] | QuerySet[Touch], at: str, project: Project, bucket: str, source: str
) -> list[Timeline]:
    if source:
        rows = rows.filter(source=source)
    cut = (TruncHour if bucket == "hour" else TruncDay)(at, tzinfo=project.tz)
    found: dict[str, Timeline] = {}
    for name, start, number in rows.order_by().values_list("source", cut).annotate(number=Count("id")):
        found.setdefault(name, Timeline(name)).counts[start] = number
    return sorted(found.values(), key=lambda one: (-one.total, one.source))


def links_with_counts(project: Project, since: datetime, until: datetime) -> QuerySet[Link]:
    """Return the project's links, each with `taps` and `installs` in [since, until)."""
    mine = Q(link=OuterRef("pk"))
    taps = touches_between(project, since, until).filter(CLICKS, mine).order_by().values("link")
    installs = (
        decisions_between(project, since, until).filter(touch__link=OuterRef("pk")).order_by().values("touch__link")
    )
    return Link.objects.filter(project=project).annotate(
        taps=Coalesce(Subquery(taps.annotate(number=Count("id")).values("number")), 0),
        installs=Coalesce(Subquery(installs.annotate(number=Count("id")).values("number")), 0),
    )


def link_sums(links: QuerySet[Link]) -> dict[str, int]:
    """Add up the taps and installs of links_with_counts."""
    return links.aggregate(all_taps=Coalesce(Sum("taps"), 0), all_installs=Coalesce(Sum("installs"), 0))


def link_timelines(link: Link, since: datetime, until: datetime, *, bucket: str = "day") -> dict[str, Timeline]:
    """Count one link's taps and installs in [since, until) by hour or day of the project's zone."""
    taps = touches_between(link.project, since, until).filter(CLICKS, link=link)
    installs = decisions_between(link.project, since, until).filter(touch__link=link)
    counted: dict[str, Timeline] = defaultdict(lambda: Timeline(link.source))
    for name, rows, at in (("taps", taps, "ts"), ("installs", installs, "installed_at")):
        cut = (TruncHour if bucket == "hour" else TruncDay)(at, tzinfo=link.project.tz)
        counts = rows.order_by().annotate(start=cut).values_list("start").annotate(number=Count("id"))
        counted[name].counts.update(counts)
    return counted
