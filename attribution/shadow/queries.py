"""What of ours stands beside a vendor's numbers: installs by both clocks, and those that could be why they differ."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Count, Max, Sum

from attribution import counting
from attribution.models import VendorImport, VendorName, VendorNumber
from attribution.rules import ORGANIC, PROBABILISTIC, VIEW
from attribution.shadow import comparing, vendors
from attribution.shadow.comparing import Cell, Numbers
from attribution.shadow.vendors import Windows
from customers.models import Project
from events.models import EventName, VendorCopy

# Requests that the vendor would make an install of; the others only tell of events.
OPENING = r"(session|launch|install|open|track/json)"
# A touch that lost by its age alone has none of these reasons.
OTHER_REFUSALS = [
    "bot", "other_app", "after_install", "click_after_download_began", "fraud", "truncated_address", "no_consent",
    "referrer_says_organic", "other_device_id", "credited_elsewhere", "other_os", "other_os_version", "other_device",
    "unknown_device", "view_by_network", "tier_off", "below_threshold",
]  # fmt: skip
DAY_OF = "width_bucket(d.installed_at, %(starts)s::timestamptz[])"
PERIOD = "d.project_id = %(project)s AND d.installed_at >= %(since)s AND d.installed_at < %(until)s"
KINDS = f"""
SELECT {DAY_OF}, d.source, d.campaign,
       count(*) FILTER (WHERE d.kind = 'reinstall' AND NOT d.rejected),
       count(*) FILTER (WHERE d.kind = 'install' AND d.rejected),
       count(*) FILTER (WHERE d.kind = 'install' AND NOT d.rejected AND d.tier = '{PROBABILISTIC}'),
       count(*) FILTER (WHERE d.kind = 'install' AND NOT d.rejected AND d.state = 'provisional')
FROM attribution_decision d WHERE {PERIOD} GROUP BY 1, 2, 3
"""  # noqa: S608
# Installs credited to a touch that lies farther back than the vendor looks.
OURS_WIDER = f"""
SELECT {DAY_OF}, d.source, d.campaign, count(*)
FROM attribution_decision d JOIN attribution_candidate c ON c.decision_id = d.id AND c.credited
JOIN attribution_touch t ON t.id = c.touch_id
WHERE {PERIOD} AND d.kind = 'install' AND NOT d.rejected
  AND c.age_s > CASE WHEN d.tier = '{PROBABILISTIC}' THEN %(network_s)s WHEN t.type = 'click' THEN %(click_s)s
      ELSE %(view_s)s END
GROUP BY 1, 2, 3
"""  # noqa: S608
# Installs without a click of ours, where one lost by its age alone and the vendor looks back so far.
THEIRS_WIDER = f"""
SELECT {DAY_OF} AS day, d.source, d.campaign, f.source, f.campaign, count(*)
FROM attribution_decision d CROSS JOIN LATERAL (
    SELECT t.source, t.campaign FROM attribution_candidate c JOIN attribution_touch t ON t.id = c.touch_id
    WHERE c.decision_id = d.id AND NOT c.eligible AND c.reasons ? 'outside_window' AND NOT c.reasons ?| %(others)s
      AND c.tier <> '{PROBABILISTIC}'
      AND c.age_s <= CASE WHEN t.type = 'click' THEN %(click_s)s ELSE %(view_s)s END
    ORDER BY t.type = 'click' DESC, c.age_s LIMIT 1
) f
WHERE {PERIOD} AND d.kind = 'install' AND NOT d.rejected AND d.tier IN ('{ORGANIC}', '{VIEW}')
GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608
UNMAPPED = f"""
SELECT {DAY_OF.replace("d.installed_at", "c.ts")}, d.source, d.campaign, c.name, sum(c.revenue)
FROM attribution_conversion c JOIN attribution_decision d ON d.install_id = c.install_id
WHERE c.project_id = %(project)s AND c.ts >= %(since)s AND c.ts < %(until)s AND c.counted AND c.revenue IS NOT NULL
  AND c.currency = %(currency)s AND NOT c.name = ANY(%(mapped)s)
GROUP BY 1, 2, 3, 4
"""  # noqa: S608


class Clock:
    """The days of a stretch in one time zone: their starts, and what lies around them."""

    def __init__(self, first: date, last: date, zone: ZoneInfo) -> None:
        days = [first + timedelta(days=number) for number in range((last - first).days + 2)]
        # By way of UTC: where clocks are changed at midnight, the day begins at one.
        starts = [datetime.combine(day, time.min, zone).astimezone(UTC) for day in days]
        self.days, self.starts = days[:-1], starts[:-1]
        self.since, self.until = starts[0], starts[-1]

    def day(self, bucket: int) -> date:
        """Return the day of a place that width_bucket gives."""
        return self.days[min(max(bucket, 1), len(self.days)) - 1]


def vendors_of(project: Project) -> list[str]:
    """Return the vendors that have ever told numbers, the one that told last first."""
    told = VendorImport.objects.filter(project=project, kind=VendorImport.Kind.NUMBERS).order_by("-pk")
    return list(dict.fromkeys(told.values_list("vendor", flat=True)[:500]))


def zone_of_vendor(project: Project, vendor: str) -> str:
    """Return the time zone of a vendor's days: as its newest report said."""
    told = VendorImport.objects.filter(project=project, vendor=vendor, kind=VendorImport.Kind.NUMBERS)
    return told.order_by("-pk").values_list("time_zone", flat=True).first() or "UTC"


def state_of(project: Project, vendor: str) -> str:
    """Return what changes with each report and each name, so that nobody sees what was counted before it."""
    newest = VendorImport.objects.filter(project=project, vendor=vendor).aggregate(Max("pk"))["pk__max"]
    mapped = EventName.objects.filter(project=project, dialect=vendor).aggregate(Max("pk"), Count("pk"))
    return f"{newest}:{mapped}:{sorted(names_of(project, vendor).items())}"


def last_told(project: Project, vendor: str) -> date | None:
    """Return the last day that a vendor has told about."""
    told = VendorNumber.objects.filter(project=project, vendor=vendor)
    return told.order_by("-day").values_list("day", flat=True).first()


def theirs(project: Project, vendor: str, first: date, last: date, platform: str = "") -> dict[Cell, Numbers]:
    """Return what a vendor told of the days `first` to `last`, under the names that we have for its campaigns."""
    told = VendorNumber.objects.filter(project=project, vendor=vendor, day__gte=first, day__lte=last)
    if platform:
        told = told.filter(platform=platform)
    summed = told.values_list("day", "source", "campaign").annotate(Sum("installs"), Sum("clicks"), Sum("revenue"))
    names = names_of(project, vendor)
    found: dict[Cell, Numbers] = {}
    for day, source, campaign, installs, clicks, revenue in summed:
        place = names.get((source, campaign), (source, campaign))
        found.setdefault((day, *place), Numbers()).add(Numbers(installs or 0, clicks, revenue))
    return found


def names_of(project: Project, vendor: str) -> dict[comparing.Place, comparing.Place]:
    """Return our names of a vendor's campaigns by its own, where they differ."""
    rows = VendorName.objects.filter(project=project, vendor=vendor)
    return {(one.source, one.campaign): (one.to_source, one.to_campaign) for one in rows}


def ours(project: Project, clock: Clock, platform: str = "", *, only_installs: bool = False) -> dict[Cell, Numbers]:
    """Count our installs and revenue by the days of a clock, as all other pages count them."""
    where = {"platform": platform} if platform else {}
    found = counting.count(
        project,
        clock.since,
        clock.until,
        ("day", "source", "campaign"),
        where,
        buckets=clock.starts,
        touches=not only_installs,
        revenue=not only_installs,
    )
    return {
        (clock.days[clock.starts.index(start)], source, campaign): Numbers(one.installs, one.clicks, one.revenue)
        for (start, source, campaign), one in found.items()
    }


def hints(
    project: Project, clock: Clock, windows: Windows, *, undelivered: Mapping[date, int], platform: str = ""
) -> dict[Cell, dict[str, int]]:
    """Count the installs of each day and campaign that could be why a vendor counts more (+) or fewer (-) than we."""
    found: dict[Cell, dict[str, int]] = {}

    def add(cell: Cell, code: str, number: int) -> None:
        if number:
            mine = found.setdefault(cell, {})
            mine[code] = mine.get(code, 0) + number

    params = _params(project, clock) | {
        "click_s": windows.click_s,
        "view_s": windows.view_s,
        "network_s": windows.network_s,
        "others": OTHER_REFUSALS,
        "platform": platform,
    }
    for bucket, source, campaign, reinstalls, rejected, network, provisional in _rows(KINDS, params, platform):
        day = clock.day(bucket)
        cell = (day, source, campaign)
        add(cell, comparing.REINSTALLS, reinstalls)
        add(cell, comparing.FRAUD, rejected)
        add(cell, comparing.PROVISIONAL, provisional)
        # A vendor that does not match by network calls these organic.
        add(cell, comparing.PROBABILISTIC, -network)
        add((day, ORGANIC, ""), comparing.PROBABILISTIC, network)
    for bucket, source, campaign, number in _rows(OURS_WIDER, params, platform):
        day = clock.day(bucket)
        add((day, source, campaign), comparing.OUR_WINDOW, -number)
        add((day, ORGANIC, ""), comparing.OUR_WINDOW, number)
    for bucket, source, campaign, their_source, their_campaign, number in _rows(THEIRS_WIDER, params, platform):
        day = clock.day(bucket)
        add((day, their_source, their_campaign), comparing.THEIR_WINDOW, number)
        add((day, source, campaign), comparing.THEIR_WINDOW, -number)
    for day, number in undelivered.items():
        if clock.days[0] <= day <= clock.days[-1]:
            add((day, ORGANIC, ""), comparing.UNDELIVERED, -number)
    return found


def unmapped_revenue(project: Project, vendor: str, clock: Clock, their_names: Collection[str]) -> dict[Cell, Decimal]:
    """Return the revenue that came under names which only the vendor's format has, and no mapping names ours."""
    mapped = EventName.objects.filter(project=project, dialect=vendor).values_list("ours", flat=True)
    params = _params(project, clock) | {"mapped": list(mapped), "currency": project.currency}
    found: dict[Cell, Decimal] = {}
    for bucket, source, campaign, name, revenue in _rows(UNMAPPED, params):
        if vendors.is_theirs(vendor, name, their_names):
            cell = (clock.day(bucket), source, campaign)
            found[cell] = found.get(cell, comparing.ZERO) + revenue
    return found


def undelivered(project: Project, vendor: str, clock: Clock) -> dict[date, int]:
    """Count the requests by day that open an app and whose copies have not reached the vendor."""
    copies = VendorCopy.objects.filter(
        project=project,
        app__dialect=vendor,
        received_at__gte=clock.since,
        received_at__lt=clock.until,
        path__regex=OPENING,
    ).exclude(state=VendorCopy.State.DELIVERED)
    found: dict[date, int] = {}
    for at in copies.values_list("received_at", flat=True)[:100_000]:
        day = clock.day(sum(start <= at for start in clock.starts))
        found[day] = found.get(day, 0) + 1
    return found


def _params(project: Project, clock: Clock) -> dict[str, Any]:
    return {"project": project.pk, "since": clock.since, "until": clock.until, "starts": clock.starts}


def _rows(statement: str, params: Mapping[str, Any], platform: str = "") -> Sequence[Any]:
    if platform:
        statement = statement.replace(PERIOD, f"{PERIOD} AND d.os_name = %(platform)s")
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        rows: list[Any] = cursor.fetchall()
    return rows
