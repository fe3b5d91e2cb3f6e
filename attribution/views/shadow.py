"""The page where another vendor's numbers stand beside ours, with what may lie behind each difference."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from attribution.models import VendorImport
from attribution.shadow import forwarding, numbers, queries, tables, vendors, words
from attribution.shadow.comparing import ORGANIC, Row
from attribution.shadow.report import Report, report
from attribution.shadow.vendors import DAY_S, Windows
from attribution.views.campaign_rows import installs_url, words_of
from attribution.views.shared import period_of, slice_of, wants_csv
from customers.pages import PageRequest, editors_only, managers_only, project_page
from growthplatform.core import charts
from growthplatform.core.download import csv_file
from growthplatform.core.errors import Problem
from growthplatform.core.formats import count
from growthplatform.core.http import page
from growthplatform.core.periods import Period
from growthplatform.core.templatetags.frame import address

HOUR_S = 3_600
MOST_DAYS, MOST_HOURS = 90, 240
SHOWN_REASONS = 2
BY = {"campaign": "By campaign", "day": "By day"}


@dataclass
class Line:
    """A row of the table: a campaign, or a day; where a click leads."""

    row: Row
    source: str = ""
    campaign: str = ""
    day: date | None = None
    url: str = ""

    @property
    def words(self) -> str:
        if self.day:
            return f"{self.day:%a} {self.day.day} {self.day:%b}"
        return words_of("source", ORGANIC) if self.source == ORGANIC else words_of("campaign", self.campaign)

    @property
    def reasons(self) -> list[str]:
        return [words.reason_of(one) for one in self.row.reasons if one.explains][:SHOWN_REASONS]

    @property
    def more(self) -> int:
        return max(sum(bool(one.explains) for one in self.row.reasons) - SHOWN_REASONS, 0)

    @property
    def is_empty(self) -> bool:
        """Neither side counts an install, nor says anything else of it."""
        row = self.row
        return not (row.theirs.installs or row.ours.installs or row.theirs.revenue or row.unmapped)

    @property
    def kind(self) -> str:
        """How the difference is marked: as the share of equal installs is."""
        most = max(self.row.theirs.installs, self.row.ours.installs)
        return words.kind_of(1 - abs(self.row.difference) / most) if most else ""


SORTS: dict[str, Callable[[Line], Any]] = {
    "name": lambda line: (line.day or date.min, line.words.lower(), line.source),
    "theirs": lambda line: line.row.theirs.installs,
    "ours": lambda line: line.row.ours.installs,
    "difference": lambda line: line.row.difference,
    "unexplained": lambda line: abs(line.row.unexplained),
}


@project_page
@require_safe
def shadow(request: PageRequest) -> HttpResponse:
    """Show how far the old vendor and we agree, where not, and what may lie behind it."""
    period, told = period_of(request), queries.vendors_of(request.project)
    health = forwarding.health(request.project, now=timezone.now())
    setting_up = {"steps": _steps(request, health, told), "health": health, "can_manage": request.member.can_manage}
    if not told:
        return page(request, "attribution/shadow_empty.html", setting_up)
    vendor = request.GET.get("vendor", "")
    vendor = vendor if vendor in told else told[0]
    windows = _windows(request, vendor)
    found = report(request.project, vendor, period.first, period.last, windows=windows)
    if wants_csv(request):
        return csv_file(f"side-by-side-{vendor}-{period.first}-{period.last}", tables.HEAD, tables.lines_of(found))
    only = _only(request)
    by = request.GET.get("by", "")
    by = by if by in BY else "day" if "campaign" in only else "campaign"
    lines = _lines(request, found, by, only)
    shown, cursor = slice_of(lines, request.GET.get("cursor", ""), lambda one: [one.source, one.campaign, str(one.day)])
    total = Row()
    for line in lines:
        total.add(line.row)
    context = {
        **setting_up,
        "period": period,
        "report": found,
        "vendors": [(name, vendors.VENDORS.get(name, name)) for name in told],
        "verdict": words.verdict_of(found),
        "verdict_kind": words.kind_of(found.verdict.share) if found.verdict else "",
        "totals": words.totals_of(found),
        "kpis": _kpis(found),
        "figure": _figure(found, period, only),
        "reasons": _reasons(request, found, total),
        "unexplained": words.unexplained_of(total),
        "by": by,
        "views": [(name, label, _with(request, by=name)) for name, label in BY.items()],
        "only": [(name, _named(name, value), _without(request, name)) for name, value in only.items()],
        "lines": shown,
        "number": len(lines),
        "differ": any(one.row.difference for one in lines),
        "next": cursor,
        "total": total,
        "aliases": found.comparison.aliases[:20] if not only else [],
        "names": request.project.vendor_names.filter(vendor=vendor).order_by("source", "campaign"),
        "windows": {"click_days": windows.click_s // DAY_S, "view_hours": windows.view_s // HOUR_S},
        "currency": request.project.currency,
        "imports": VendorImport.objects.filter(project=request.project).order_by("-pk")[:5],
    }
    return page(request, "attribution/shadow.html", context, partial="rows")


def _windows(request: PageRequest, vendor: str) -> Windows:
    """Return the vendor's windows: its defaults, or what the address says that this app is set to."""
    usual = vendors.WINDOWS.get(vendor, Windows(7 * DAY_S))

    def number(name: str, most: int, else_s: int, unit_s: int) -> int:
        text = request.GET.get(name, "")
        return int(text) * unit_s if text.isascii() and text.isdigit() and 0 <= int(text[:9]) <= most else else_s

    return usual._replace(
        click_s=number("click_days", MOST_DAYS, usual.click_s, DAY_S),
        view_s=number("view_hours", MOST_HOURS, usual.view_s, HOUR_S),
    )


def _only(request: PageRequest) -> dict[str, Any]:
    """Return what the table is narrowed to: one day, or one campaign."""
    found: dict[str, Any] = {
        name: request.GET[name].replace("\x00", "") for name in ("source", "campaign") if name in request.GET
    }
    try:
        found["day"] = date.fromisoformat(request.GET.get("day", ""))
    except ValueError:
        found.pop("day", None)
    return found


def _named(name: str, value: Any) -> str:
    return f"{value:%a} {value.day} {value:%b}" if name == "day" else words_of(name, value)


def _with(request: PageRequest, **changes: str) -> str:
    query = {name: value for name, value in request.GET.items() if name != "cursor"}
    return f"?{urlencode({**query, **changes})}"


def _without(request: PageRequest, name: str) -> str:
    gone = {name, "by", "cursor"} | ({"source", "campaign"} if name in {"source", "campaign"} else set())
    return f"?{urlencode({key: value for key, value in request.GET.items() if key not in gone})}"


def _lines(request: PageRequest, found: Report, by: str, only: Mapping[str, Any]) -> list[Line]:
    if by == "day":
        lines = [
            Line(row, day=day, url=_with(request, day=f"{day}", by="campaign"))
            for (day,), row in found.comparison.days(**only).items()
            if isinstance(day, date)
        ]
    else:
        lines = [
            Line(row, str(source), str(campaign), url=_way_down(request, str(source), str(campaign), only))
            for (source, campaign), row in found.comparison.campaigns(**only).items()
        ]
    typed = request.GET.get("q", "").strip().lower()
    lines = [one for one in lines if not one.is_empty and typed in f"{one.words} {one.source}".lower()]
    sort = request.GET.get("sort", "")
    if sort.lstrip("-") in SORTS:
        return sorted(lines, key=SORTS[sort.lstrip("-")], reverse=sort.startswith("-"))
    if by == "day":
        return sorted(lines, key=SORTS["name"], reverse=True)
    return sorted(lines, key=lambda one: (-abs(one.row.difference), -one.row.ours.installs, one.source, one.campaign))


def _way_down(request: PageRequest, source: str, campaign: str, only: Mapping[str, Any]) -> str:
    """Return where a campaign leads: to its days, and from one day to its installs."""
    if day := only.get("day"):
        days = urlencode({"from": f"{day}", "to": f"{day}"})
        return f"{installs_url(request, {'source': source, 'campaign': campaign})}&{days}"
    return _with(request, source=source, campaign=campaign, by="day")


def _kpis(found: Report) -> list[charts.Kpi]:
    total = found.comparison.total
    explained = total.difference - total.unexplained
    return [
        charts.Kpi(found.name, count(total.theirs.installs), "Installs that the vendor told of, on its own days."),
        charts.Kpi(
            "Here",
            count(total.ours.installs),
            "Installs on the days that the vendor has told about, by your project’s clock: as on the campaigns page.",
        ),
        charts.Kpi(
            "Difference",
            f"{'+' if total.difference > 0 else ''}{count(total.difference)}",
            "How many more the vendor counted than we.",
        ),
        charts.Kpi(
            "Explained",
            f"{count(abs(explained))} of {count(abs(total.difference))}" if total.difference else "–",
            "So much of the difference could come of the reasons found here.",
        ),
    ]


def _figure(found: Report, period: Period, only: Mapping[str, Any]) -> charts.Figure | None:
    """Draw both counts by day."""
    days = {day: row for (day,), row in found.comparison.days(**only).items() if isinstance(day, date)}
    if not days:
        return None
    shown = [period.first + timedelta(days=number) for number in range((period.last - period.first).days + 1)]
    return charts.lines(
        "shadow",
        f"Installs a day, {found.name} and here",
        x=[datetime(day.year, day.month, day.day, tzinfo=UTC) for day in shown],
        series=[
            charts.Series(found.name, [days[day].theirs.installs if day in days else None for day in shown], "orange"),
            charts.Series("Here", [days[day].ours.installs if day in days else None for day in shown], "blue"),
        ],
        unit="installs a day",
    )


def _reasons(request: PageRequest, found: Report, total: Row) -> list[dict[str, Any]]:
    """Return the reasons of what is shown, each with what it means and how much it would explain."""
    return [
        {
            "words": one.words,
            "means": words.means(found, one.code, request.project.time_zone),
            "found": one.found,
            "explains": one.explains,
        }
        for one in total.reasons
    ]


def _steps(request: PageRequest, health: Sequence[forwarding.Health], told: Sequence[str]) -> list[dict[str, Any]]:
    """Return what has to be set up for a comparison, and what of it is done."""
    slug = request.project.slug
    return [
        {
            "words": "Name the app as your vendor knows it",
            "why": "Its servers and apps then send here what they send there: only the host changes.",
            "done": bool(health),
            "url": address("events:vendor-list", slug),
        },
        {
            "words": "Send a copy of everything on to the vendor",
            "why": "Both count the same traffic for a month. Nothing is lost there while you look here.",
            "done": any(one.app.forward for one in health),
            "url": "#copies" if health else "",
        },
        {
            "words": "Bring the vendor’s numbers",
            "why": "Its report by day and campaign as a CSV file, or by the API each night.",
            "done": bool(told),
            "url": reverse("attribution:shadow-numbers", args=[slug]),
        },
    ]


@require_POST
@project_page
@managers_only
def shadow_forward(request: PageRequest, vendor_app_id: int) -> HttpResponse:
    """Begin or stop sending copies of what comes for an app on to its vendor."""
    app = get_object_or_404(request.project.vendor_apps, pk=vendor_app_id, archived_at=None)
    on = request.POST.get("on") == "1"
    try:
        forwarding.switch(app, on=on, url=request.POST.get("url"), user=request.user)
    except Problem as problem:
        messages.error(request, problem.message)
    else:
        stopped = f"Copies for {app} have stopped." if "url" not in request.POST else "The host is kept."
        text = f"Copies for {app} go on to {forwarding.address_of(app)}." if on else stopped
        messages.success(request, text)
    return HttpResponseRedirect(reverse("attribution:shadow", args=[request.project.slug]) + "#copies")


@require_POST
@project_page
@editors_only
def shadow_name(request: PageRequest) -> HttpResponse:
    """Set a vendor's campaign beside one of ours that it calls otherwise, with undo."""
    sent = {name: request.POST.get(name, "").replace("\x00", "") for name in
            ("vendor", "source", "campaign", "to_source", "to_campaign")}  # fmt: skip
    back = HttpResponseRedirect(
        f"{reverse('attribution:shadow', args=[request.project.slug])}?{urlencode({'vendor': sent['vendor']})}"
    )
    if not sent["source"] or not sent["to_source"] or any(len(value) > 100 for value in sent.values()):
        messages.error(request, "Name both campaigns.")
        return back
    made = numbers.call_it(
        request.project,
        sent["vendor"][:20],
        (sent["source"][:60], sent["campaign"]),
        (sent["to_source"][:60], sent["to_campaign"]),
        by=request.user,
    )
    undo = reverse("attribution:shadow-unname", args=[request.project.slug, made.pk])
    messages.success(
        request,
        f"{made.campaign or made.source} is compared with {made.to_campaign or made.to_source}.",
        extra_tags=f"undo:{undo}",
    )
    return back


@require_POST
@project_page
@editors_only
def shadow_unname(request: PageRequest, vendor_name_id: int) -> HttpResponse:
    """Let a vendor's campaign stand by itself again."""
    name = get_object_or_404(request.project.vendor_names, pk=vendor_name_id)
    vendor = name.vendor
    name.delete()
    messages.success(request, f"{name.campaign or name.source} stands by itself again.")
    query = urlencode({"vendor": vendor})
    return HttpResponseRedirect(f"{reverse('attribution:shadow', args=[request.project.slug])}?{query}")
