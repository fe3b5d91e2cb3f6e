"""The numbers of campaigns, links and installs: each is counted here and nowhere else.

Pages, CSV files and the API read these functions, so they can't differ. What counts is said in counting.py; a tap is
a click that no bot made, and an install counts on the day of the first open, for the touch its decision credits.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import TruncDay, TruncHour

from attribution import counting
from attribution.counting import Counts
from attribution.models import Decision, Install, Link, RuleSet, Touch
from customers.models import Project

ORGANIC = "organic"
WITHOUT = "-"
FEW_LINKS = 5
SHARE_MEANS = "Installs in the period divided by taps in the period"
# What a list of decisions may be narrowed to.
KINDS: dict[str, dict[str, Any]] = {
    "install": {"kind": "install", "rejected": False},
    "reinstall": {"kind": "reinstall", "rejected": False},
    "reattribution": {"kind": "reattribution", "rejected": False},
    "rejected": {"rejected": True},
}
CLICKS = Q(type=Touch.Type.CLICK)


@dataclass
class CampaignTotal(Counts):
    """What one campaign of one source did in a period."""

    source: str = ""
    campaign: str = ""


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


def days_of_touches(project: Project) -> tuple[date, date] | None:
    """Return the first and the last day, in the project's zone, that has a touch; None without any."""
    found = project.touches.aggregate(first=Min("ts"), last=Max("ts"))
    if found["first"] is None:
        return None
    return found["first"].astimezone(project.tz).date(), found["last"].astimezone(project.tz).date()


def touches_between(project: Project, since: datetime, until: datetime) -> QuerySet[Touch]:
    """Return the touches that count: in [since, until), without bots."""
    return Touch.objects.filter(project=project, ts__gte=since, ts__lt=until, bot=False)


def decisions_between(project: Project, since: datetime, until: datetime) -> QuerySet[Decision]:
    """Return all decisions of [since, until): also reinstalls, reattributions and rejected installs."""
    return Decision.objects.filter(project=project, installed_at__gte=since, installed_at__lt=until)


def installs_between(project: Project, since: datetime, until: datetime) -> QuerySet[Decision]:
    """Return the decisions of [since, until) that count as installs."""
    return decisions_between(project, since, until).filter(kind=Decision.Kind.INSTALL, rejected=False)


def campaign_totals(
    project: Project, since: datetime, until: datetime, *, source: str = "", revenue: bool = False
) -> list[CampaignTotal]:
    """Return one row for each source and campaign with a touch, an install or revenue in [since, until).

    Most installs first. `source` keeps only one; `revenue` is 0 unless it is asked for.
    """
    where = {"source": source} if source else {}
    counted = counting.count(project, since, until, ("source", "campaign"), where, revenue=revenue)
    found = [
        CampaignTotal(**vars(counts), source=name, campaign=campaign) for (name, campaign), counts in counted.items()
    ]
    return sorted(found, key=lambda one: (-one.installs, -one.clicks, one.source, one.campaign))


def by_source(totals: Iterable[CampaignTotal]) -> list[CampaignTotal]:
    """Add campaigns up to one row for each source, most installs first."""
    found: dict[str, CampaignTotal] = {}
    for one in totals:
        found.setdefault(one.source, CampaignTotal(source=one.source)).add(one)
    return sorted(found.values(), key=lambda one: (-one.installs, -one.clicks, one.source))


def sum_of(totals: Iterable[CampaignTotal]) -> CampaignTotal:
    """Add rows up to one."""
    together = CampaignTotal()
    for one in totals:
        together.add(one)
    return together


def installs_by_source(
    project: Project, since: datetime, until: datetime, *, bucket: str = "day", source: str = ""
) -> list[Timeline]:
    """Count installs in [since, until) by source and hour or day of the project's zone, largest source first."""
    counted = _along_time(project, since, until, bucket, source, touches=False)
    return _timelines(counted, lambda counts: counts.installs)


def clicks_by_source(
    project: Project, since: datetime, until: datetime, *, bucket: str = "day", source: str = ""
) -> list[Timeline]:
    """Count clicks in [since, until) by source and hour or day of the project's zone, largest source first."""
    counted = _along_time(project, since, until, bucket, source, decisions=False)
    return _timelines(counted, lambda counts: counts.clicks)


def _along_time(
    project: Project, since: datetime, until: datetime, bucket: str, source: str, **parts: bool
) -> dict[tuple[Any, ...], Counts]:
    buckets = counting.days_of(project, since, until, bucket=bucket)
    where = {"source": source} if source else {}
    return counting.count(project, since, until, ("source", "day"), where, buckets=buckets, revenue=False, **parts)


def _timelines(counted: Mapping[tuple[Any, ...], Counts], value: Callable[[Counts], int]) -> list[Timeline]:
    found: dict[str, Timeline] = {}
    for (name, start), counts in counted.items():
        if number := value(counts):
            found.setdefault(name, Timeline(name)).counts[start] = number
    return sorted(found.values(), key=lambda one: (-one.total, one.source))


def count_links(links: Sequence[Link], since: datetime, until: datetime) -> None:
    """Set `taps`, `installs` and `share` (0-1) in [since, until) on links of one project.

    One query each, over the project's touches of the period: asked for link by link, a thousand links would take
    a thousand walks.
    """
    if not links:
        return
    project = links[0].project
    touches = touches_between(project, since, until).filter(CLICKS)
    decisions = installs_between(project, since, until)
    if len(links) <= FEW_LINKS:
        touches, decisions = touches.filter(link__in=links), decisions.filter(touch__link__in=links)
    taps = _counts(touches, "link")
    installs = _counts(decisions.filter(touch__link__isnull=False), "touch__link")
    for link in links:
        link.taps, link.installs = taps.get(link.pk, 0), installs.get(link.pk, 0)
        link.share = link.installs / link.taps if link.taps else 0.0


def _counts(rows: QuerySet[Touch] | QuerySet[Decision], by: str) -> dict[int, int]:
    return dict(rows.order_by().values_list(by).annotate(number=Count("id")))


@dataclass(frozen=True)
class LinkSums:
    """What counted links add up to."""

    number: int
    taps: int
    installs: int

    @property
    def share(self) -> float | None:
        return self.installs / self.taps if self.taps else None


def sum_of_links(links: Sequence[Link]) -> LinkSums:
    """Add up what count_links has set."""
    return LinkSums(len(links), sum(link.taps for link in links), sum(link.installs for link in links))


def latest_touches(link: Link, limit: int = 20) -> list[Touch]:
    """Return the newest touches of a link, bots among them, each with `decision_pk` when it brought an install."""
    credited = Decision.objects.filter(touch=OuterRef("pk")).values("pk")[:1]
    return list(link.touches.annotate(decision_pk=Subquery(credited)).order_by("-ts", "-id")[:limit])


def link_timelines(link: Link, since: datetime, until: datetime, *, bucket: str = "day") -> dict[str, Timeline]:
    """Count one link's taps and installs in [since, until) by hour or day of the project's zone."""
    taps = touches_between(link.project, since, until).filter(CLICKS, link=link)
    installs = installs_between(link.project, since, until).filter(touch__link=link)
    counted: dict[str, Timeline] = defaultdict(lambda: Timeline(link.source))
    for name, rows, at in (("taps", taps, "ts"), ("installs", installs, "installed_at")):
        cut = (TruncHour if bucket == "hour" else TruncDay)(at, tzinfo=link.project.tz)
        counts = rows.order_by().annotate(start=cut).values_list("start").annotate(number=Count("id"))
        counted[name].counts.update(counts)
    return counted


@dataclass(frozen=True)
class InstallFilter:
    """What a reader of the install list asked for; "" is everything, `WITHOUT` a blank value.

    `kind` is one of KINDS: "install" leaves out what a fraud rule rejected, which is "rejected". `others` are further
    columns of the decision with their value.
    """

    source: str = ""
    campaign: str = ""
    tier: str = ""
    words: str = ""
    person_ids: tuple[str, ...] = ()
    kind: str = ""
    others: tuple[tuple[str, str], ...] = ()

    def apply(self, decisions: QuerySet[Decision]) -> QuerySet[Decision]:
        """Keep what was asked for; `words` are an id of message, touch or person, or the beginning of one."""
        if self.source:
            decisions = decisions.filter(source=self.source)
        if self.campaign:
            decisions = decisions.filter(campaign="" if self.campaign == WITHOUT else self.campaign)
        if self.tier:
            decisions = decisions.filter(tier=self.tier)
        if self.kind in KINDS:
            decisions = decisions.filter(**KINDS[self.kind])
        decisions = decisions.filter(**{name: "" if value == WITHOUT else value for name, value in self.others})
        if self.person_ids:
            return decisions.filter(install__distinct_id__in=self.person_ids)
        if self.words:
            begins = Q(install__message_id__startswith=self.words) | Q(install__distinct_id__startswith=self.words)
            decisions = decisions.filter(begins | Q(touch__touch_id__startswith=self.words))
        return decisions


def install_rows(project: Project, since: datetime, until: datetime, chosen: InstallFilter) -> QuerySet[Decision]:
    """Return the decided installs of a period with their install and touch, in no order."""
    return chosen.apply(decisions_between(project, since, until)).select_related("install", "touch")


def sources_and_tiers(project: Project, since: datetime, until: datetime) -> tuple[dict[str, int], dict[str, int]]:
    """Count the installs of a period by source and by tier: the choices of the filters, largest first."""
    sources: dict[str, int] = defaultdict(int)
    tiers: dict[str, int] = defaultdict(int)
    counted = (
        decisions_between(project, since, until).order_by().values_list("source", "tier").annotate(number=Count("id"))
    )
    for source, tier, number in counted:
        sources[source] += number
        tiers[tier] += number
    return _falling(sources), _falling(tiers)


def _falling(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def installs_waiting() -> int:
    """Count the installs of all projects that wait for a decision; for operators."""
    return Install.objects.filter(pending=True).count()


def pending_installs(project: Project) -> int:
    """Count installs that wait for their decision; returns, of which most get none, are left out."""
    return project.installs.filter(pending=True, decision=None, kind=Install.Kind.INSTALL).count()


def get_decision(project: Project, decision_id: int) -> Decision:
    """Return a decision with what its page shows. Raises Decision.DoesNotExist, also for another project's."""
    related = Decision.objects.select_related("project", "install", "touch", "touch__link", "rule_set", "original")
    return related.get(project=project, pk=decision_id)


def newest_rule_set(project_id: int) -> int | None:
    """Return the version of the rules in force."""
    newest: int | None = RuleSet.objects.filter(project=project_id).aggregate(newest=Max("version"))["newest"]
    return newest
