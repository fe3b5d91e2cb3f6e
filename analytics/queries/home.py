"""What stands around the key numbers of the home page: campaigns, first steps, findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, OuterRef, Q, Sum

from attribution import services as attribution
from attribution.models import Decision, Install, Link, Touch
from customers.models import ApiKey, Invitation, Project
from customers.remembered import remembered
from events import services as events
from events.models import DayCount, Person, Rejected
from growthplatform.core.periods import Period

ORGANIC = "organic"
TOP = 8
FEW_CLICKS = 100
FEW_INSTALLS = 20
SLOW_DECISION = timedelta(minutes=1)
SILENCE = timedelta(hours=24)
KEY_NOTICE = timedelta(days=14)
COUNTS = "people"  # the reader of the log that keeps the counts by day
COUNTS_LATE = timedelta(minutes=2)


@dataclass(frozen=True)
class CampaignRow:
    """A campaign of one source in a period, with its installs of the period before."""

    source: str
    campaign: str
    clicks: int
    installs: int
    installs_before: int | None

    @property
    def conversion(self) -> float | None:
        return self.installs / self.clicks if self.clicks else None


def campaigns(project: Project, period: Period) -> list[CampaignRow]:
    """Return the campaigns of a period, most installs first; organic installs belong to none."""
    key = f"campaigns:{period.start.isoformat()}:{period.end.isoformat()}:{period.compare}"
    return remembered(project, key, lambda: _campaigns(project, period))


def _campaigns(project: Project, period: Period) -> list[CampaignRow]:
    before: dict[tuple[str, str], int] = {}
    if period.previous:
        rows = (
            attribution.installs_between(project, period.previous.start, period.previous.until)
            .order_by()
            .values_list("source", "campaign")
            .annotate(installs=Count("id"))
        )
        before = {(source, campaign): installs for source, campaign, installs in rows}
    return [
        CampaignRow(
            row.source,
            row.campaign,
            row.clicks,
            row.installs,
            before.get((row.source, row.campaign), 0) if period.previous else None,
        )
        for row in attribution.campaign_totals(project, period.start, period.end)
        if row.source != ORGANIC
    ]


@dataclass(frozen=True)
class Step:
    """A step of getting started: where it is done, and whether it was."""

    label: str
    why: str
    done: bool
    view: str
    button: str


def steps(project: Project) -> list[Step]:
    """Return the first steps of a project; each is done when the data says so."""
    mine = OuterRef("pk")
    state = (
        Project.objects.filter(pk=project.pk)
        .annotate(
            arrived=Exists(DayCount.objects.filter(project=mine)),
            known=Exists(Person.objects.filter(project=mine).exclude(user_id=None)),
            link=Exists(Link.objects.filter(project=mine)),
            click=Exists(Touch.objects.filter(project=mine, bot=False)),
            install=Exists(Decision.objects.filter(project=mine)),
            teammates=Count("organization__members", distinct=True),
            invited=Exists(Invitation.objects.filter(organization=OuterRef("organization"))),
        )
        .values("arrived", "known", "link", "click", "install", "teammates", "invited")
        .get()
    )
    return [
        Step("SDK sends events", "Numbers start here", state["arrived"], "customers:getting-started", "Set up"),
        Step(
            "Name a person",
            "identify joins what somebody did before and after signing in",
            state["known"],
            "customers:getting-started",
            "How",
        ),
        Step(
            "First tracking link", "One address for each ad or post", state["link"], "attribution:link-create", "Create"
        ),
        Step("First click", "Tap your link on a phone", state["click"], "attribution:link-list", "Links"),
        Step(
            "First install",
            "The app sends “Application Installed”",
            state["install"],
            "customers:getting-started",
            "How",
        ),
        Step(
            "Invite a teammate",
            "So that somebody else can look, too",
            bool(state["teammates"] > 1 or state["invited"]),
            "customers:member-list",
            "Invite",
        ),
    ]


@dataclass(frozen=True)
class Finding:
    """Something that is worth a look: a fact from the data, and the page where it is dealt with."""

    mood: str
    text: str
    more: str
    view: str
    icon: str


def findings(
    project: Project, rows: Sequence[CampaignRow], last_event_at: datetime | None, *, now: datetime
) -> list[Finding]:
    """Return what is worth a look, most urgent first; an empty list when nothing is."""
    found = [
        _stuck(project, now),
        _silence(last_event_at, now),
        _counts_late(now),
        _refused(project, now),
        *_keys(project, now),
        _without_installs(rows),
        _fallen(rows),
    ]
    return [one for one in found if one]


def _stuck(project: Project, now: datetime) -> Finding | None:
    number = Install.objects.filter(project=project, pending=True, received_at__lt=now - SLOW_DECISION).count()
    if not number:
        return None
    text = f"{number:,} install{_s(number)} wait{'s' if number == 1 else ''} for a decision"
    return Finding(
        "bad",
        text,
        "Usually it takes 2 s; the worker may be down",
        "attribution:install-list",
        icon="clock-exclamation",
    )


def _silence(last_event_at: datetime | None, now: datetime) -> Finding | None:
    if last_event_at is None or now - last_event_at < SILENCE:
        return None
    hours = int((now - last_event_at) / timedelta(hours=1))
    text = f"No event for {hours // 24} day{_s(hours // 24)}" if hours >= 48 else f"No event for {hours} hours"
    return Finding("bad", text, "An SDK or a key may have been taken out", "events:live", icon="activity")


def _counts_late(now: datetime) -> Finding | None:
    """Say when the counts by day lag behind the log, for then the numbers above are old."""
    at = events.caught_up_at(COUNTS)
    if at is None or now - at < COUNTS_LATE:
        return None
    minutes = int((now - at) / timedelta(minutes=1))
    return Finding(
        "warn",
        f"Counts are {minutes:,} min behind",
        "Events are stored; the worker counts them",
        "events:live",
        icon="clock-exclamation",
    )


def _refused(project: Project, now: datetime) -> Finding | None:
    week = Rejected.objects.filter(project=project, state=Rejected.State.OPEN, last_at__gte=now - timedelta(days=7))
    codes = list(week.order_by().values("code").annotate(times=Sum("seen")).order_by("-times", "code"))
    if not codes:
        return None
    number = sum(row["times"] for row in codes)
    most = codes[0]["code"].replace("_", " ")
    more = (
        f"Most: {most}. Repair and replay them"
        if len(codes) > 1
        else f"{most[:1].upper()}{most[1:]}. Repair and replay them"
    )
    return Finding(
        "bad", f"{number:,} event{_s(number)} refused in 7 days", more, "events:rejected-list", icon="mail-x"
    )


def _keys(project: Project, now: datetime) -> list[Finding]:
    ending = ApiKey.objects.live().filter(project=project, expires_at__lt=now + KEY_NOTICE).order_by("expires_at")
    return [
        Finding(
            "warn",
            f"{key.get_kind_display()} {key.hint} stops in {_span(key.expires_at - now)}",
            _still_used(key, now),
            "customers:key-list",
            icon="key",
        )
        for key in ending[:3]
        if key.expires_at
    ]


def _still_used(key: ApiKey, now: datetime) -> str:
    if key.last_used_at and now - key.last_used_at < timedelta(days=1):
        return "It was used in the last 24 hours: put the new one in its place"
    return "It was not used in the last 24 hours"


def _without_installs(rows: Sequence[CampaignRow]) -> Finding | None:
    dry = max(
        (row for row in rows if row.clicks >= FEW_CLICKS and not row.installs), key=lambda row: row.clicks, default=None
    )
    if dry is None:
        return None
    return Finding(
        "warn",
        f"“{dry.campaign or dry.source}”: {dry.clicks:,} clicks, no install",
        "Does the link lead to the right store page?",
        "attribution:campaign-list",
        icon="target-arrow",
    )


def _fallen(rows: Sequence[CampaignRow]) -> Finding | None:
    """Find the campaign that lost most installs, if it lost half of at least twenty."""
    lost = [
        row
        for row in rows
        if (row.installs_before or 0) >= FEW_INSTALLS and row.installs * 2 <= (row.installs_before or 0)
    ]
    most = max(lost, key=lambda row: (row.installs_before or 0) - row.installs, default=None)
    if most is None:
        return None
    share = 1 - most.installs / (most.installs_before or 1)
    return Finding(
        "bad",
        f"“{most.campaign or most.source}” brings {share:.0%} fewer installs",
        f"{most.installs:,} after {most.installs_before:,} in the period before",
        "attribution:campaign-list",
        icon="trending-down",
    )


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _span(length: timedelta) -> str:
    hours = int(length / timedelta(hours=1))
    return f"{hours // 24} days" if hours >= 48 else f"{max(hours, 1)} hour{_s(max(hours, 1))}"


def is_new(project: Project) -> bool:
    """Say whether nothing of a project has arrived yet: no event, no touch, no refusal."""
    mine = OuterRef("pk")
    there = Project.objects.filter(pk=project.pk).filter(
        Q(Exists(DayCount.objects.filter(project=mine)))
        | Q(Exists(Person.objects.filter(project=mine)))
        | Q(Exists(Touch.objects.filter(project=mine)))
    )
    return not there.exists()


def sum_of(rows: Sequence[CampaignRow]) -> CampaignRow:
    """Add rows up to one."""
    before = [row.installs_before for row in rows]
    known = [number for number in before if number is not None]
    return CampaignRow(
        "", "", sum(row.clicks for row in rows), sum(row.installs for row in rows), sum(known) if known else None
    )
