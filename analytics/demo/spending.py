"""What the demo's company paid: reports of its networks, imported as a person would, and two bills by hand."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random

from django.db.models import Count
from django.db.models.functions import TruncDate

from analytics.demo.campaigns import CAMPAIGNS
from attribution import services as attribution
from customers.models import Project

Day = tuple[date, str, str]
LATEST_DAYS = 6
# A person who comes back over an ad costs so much of an install.
RETURN = 0.12
# What a dollar is worth, by days ago.
RATES = ((70, "0.921"), (31, "0.914"), (3, "0.908"))


@dataclass(frozen=True)
class Paid:
    """How a campaign is paid: so much for an install, give or take; `told_as` is what the network's report calls it."""

    install: float
    network: str
    views_per_click: float
    told_as: str = ""


PAID = {
    "Back to class": Paid(0.62, "tiktok", 62),
    "Study with me": Paid(0.38, "tiktok", 48),
    "Lookalike EU": Paid(0.84, "meta", 41),
    "Students, second try": Paid(0.55, "meta", 55),
    "Brand search": Paid(0.41, "google", 9),
    "Note taking apps": Paid(1.15, "google", 22, told_as="Search | Note-taking apps"),
    "Notes keywords": Paid(0.66, "apple", 12),
}


@dataclass(frozen=True)
class Line:
    """A line of a report."""

    day: date
    campaign: str
    ad_set: str
    country: str
    amount: float
    clicks: int
    views: int


def make(project: Project, *, now: datetime, seed: int = 7) -> None:
    """Import the reports. Safe to repeat: a project with spend stays as it is."""
    if project.spend.exists():
        return
    today = now.astimezone(project.tz).date()
    lines = list(_lines(project, today, Random(seed)))  # noqa: S311 -- a story, no secret
    if not lines:
        return
    for ago, rate in RATES:
        attribution.set_rate(project, "USD", today - timedelta(days=ago), rate)
    # Networks correct their last days: the first report of them says a little less, the second replaces it.
    early = [line for line in lines if line.day >= today - timedelta(days=LATEST_DAYS)]
    told_at = now - timedelta(days=1, hours=2)
    if _of(early, "tiktok"):
        _take(project, "TikTok_Campaign_Report.csv", _tiktok(early, 0.93), told_at)
    for network, name, data in (
        ("tiktok", "TikTok_Campaign_Report (1).csv", _tiktok(lines)),
        ("meta", "Nimbus-Notes-Ad-sets.csv", _meta(lines)),
        ("google", "Campaign report.csv", _google(lines, today)),
        ("apple", "apple-search-ads.csv", _apple(lines)),
    ):
        told_at += timedelta(minutes=4)
        # A small demo has networks that brought nobody.
        if _of(lines, network):
            _take(project, name, data, told_at)
    for days, currency, amount in ((18, "EUR", "60"), (4, "GBP", "45")):
        day = today - timedelta(days=days)
        bill = f'day,source,campaign,amount,currency\n{day},podcast,"Podcast, read by the host",{amount},{currency}\n'
        _take(project, f"Bill of the podcast, {day.day} {day:%B}", bill.encode(), told_at + timedelta(hours=1))


def _take(project: Project, name: str, data: bytes, now: datetime) -> None:
    attribution.take_spend_file(project, name, data, now=now)


def _lines(project: Project, today: date, rng: Random) -> Iterable[Line]:
    """Price the installs of each day, campaign, ad set and country up to yesterday."""
    conversion = {campaign.name: campaign.conversion for campaign in CAMPAIGNS}
    installs = (
        project.decisions.filter(kind__in=("install", "reattribution"), campaign__in=PAID)
        .annotate(day=TruncDate("installed_at", tzinfo=project.tz))
        .filter(day__lt=today)
        .order_by("day", "campaign", "ad_set", "country", "kind")
        .values_list("day", "campaign", "ad_set", "country", "kind")
        .annotate(number=Count("id"))
    )
    for day, campaign, ad_set, country, kind, number in installs:
        paid, part = PAID[campaign], 1 if kind == "install" else RETURN
        clicks = max(number, round(number / conversion[campaign] * rng.uniform(0.9, 1.15)))
        amount = round(number * part * paid.install * rng.uniform(0.78, 1.24), 2)
        yield Line(day, campaign, ad_set, country, amount, clicks, round(clicks * paid.views_per_click))


def _of(lines: Iterable[Line], network: str) -> list[Line]:
    return [line for line in lines if PAID[line.campaign].network == network]


def _summed(lines: Iterable[Line], *fields: str) -> Mapping[tuple[object, ...], tuple[float, int, int]]:
    found: dict[tuple[object, ...], tuple[float, int, int]] = {}
    for line in lines:
        key = tuple(getattr(line, field) for field in fields)
        amount, clicks, views = found.get(key, (0.0, 0, 0))
        found[key] = (amount + line.amount, clicks + line.clicks, views + line.views)
    return found


def _tiktok(lines: Iterable[Line], share: float = 1.0) -> bytes:
    rows = [
        [*key, f"{day} 00:00:00", f"{amount * share:.2f}", "EUR", clicks, views]
        for (day, *key), (amount, clicks, views) in _summed(
            _of(lines, "tiktok"), "day", "campaign", "ad_set", "country"
        ).items()
    ]
    head = ["Campaign name", "Ad group name", "Country/Region", "By Day", "Cost", "Currency", "Clicks", "Impressions"]
    return _csv([head, *rows, [f"Total of {len(rows)} results", "-", "-", "-", "-", "EUR", "-", "-"]])


def _meta(lines: Iterable[Line]) -> bytes:
    found = _summed(_of(lines, "meta"), "campaign", "ad_set", "country", "day")
    rows = [[*key, day, day, f"{amount:.2f}", views, clicks] for (*key, day), (amount, clicks, views) in found.items()]
    head = [
        "Campaign name", "Ad set name", "Country", "Reporting starts", "Reporting ends", "Amount spent (EUR)",
        "Impressions", "Link clicks",
    ]  # fmt: skip
    return _csv([head, *rows])


def _google(lines: Iterable[Line], today: date) -> bytes:
    found = _summed(_of(lines, "google"), "day", "campaign")
    rows = [
        [f"{day}", PAID[str(name)].told_as or name, "USD", f"{amount:,.2f}", f"{views:,}", f"{clicks:,}"]
        for (day, name), (amount, clicks, views) in found.items()
    ]
    total = f"{sum(amount for amount, _, _ in found.values()):,.2f}"
    head = ["Day", "Campaign", "Currency code", "Cost", "Impr.", "Clicks"]
    above = [["Campaign report"], [f"{today - timedelta(days=56):%B %d, %Y} - {today:%B %d, %Y}"]]
    text = _csv([*above, head, *rows, ["Total: Campaigns", "--", "USD", total, "--", "--"]], "\t")
    return text.decode().encode("utf-16")


def _apple(lines: Iterable[Line]) -> bytes:
    found = _summed(_of(lines, "apple"), "day", "campaign", "country")
    rows = [
        [day, "apple_search_ads", name, country, "iOS", Decimal(f"{amount:.2f}"), "EUR", clicks, views]
        for (day, name, country), (amount, clicks, views) in found.items()
    ]
    head = ["Day", "Source", "Campaign name", "Country", "Platform", "Spend", "Currency", "Taps", "Impressions"]
    return _csv([head, *rows])


def _csv(rows: Iterable[Sequence[object]], separator: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    return out.getvalue().encode()
