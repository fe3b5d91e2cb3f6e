"""Pages that show links: the list, one link, and putting it away."""

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from attribution import ad_networks, links, queries
from attribution.forms import LinkForm
from attribution.models import Link, LinkQuerySet
from attribution.views import story
from attribution.views.shared import period_of, slice_of, wants_csv
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core import charts, formats, sources
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.periods import Period

SORTS: dict[str, Callable[[Link], Any]] = {
    "name": lambda link: (link.name.lower(), link.pk),
    "source": lambda link: (link.source, link.pk),
    "taps": lambda link: (link.taps, link.pk),
    "installs": lambda link: (link.installs, link.pk),
    "share": lambda link: (link.share, link.pk),
    "created": lambda link: (link.created_at, link.pk),
}
NEWEST = "-created"
LABELS = {name: field.label for name, field in LinkForm.base_fields.items()}
LABELLED = ("medium", "content", "term", "campaign_id", "ad_set", "ad", "creative", "publisher")
# The fields come as the import wants them, so that an exported file can be imported elsewhere.
CSV_HEAD = ("slug", *links.FIELDS, "address", "taps", "installs", "share", "created_at", "archived_at")


def _counted(request: PageRequest, rows: LinkQuerySet, period: Period) -> list[Link]:
    found = list(rows.filter(project=request.project).select_related("project", "domain"))
    queries.count_links(found, period.start, period.until)
    return found


@project_page
@require_safe
def link_list(request: PageRequest) -> HttpResponse:
    """Show the project's links with their taps and installs in the period."""
    period = period_of(request)
    if not request.project.links.exists():
        return page(request, "attribution/link_empty.html", {"base": links.base_address(request)})
    archived = request.GET.get("archived") == "1"
    chosen = Link.objects.matching(request.GET.get("q", "")).filter(archived_at__isnull=not archived)
    sort = request.GET.get("sort", "")
    sort = sort if sort.lstrip("-") in SORTS else NEWEST
    rows = sorted(_counted(request, chosen, period), key=SORTS[sort.lstrip("-")], reverse=sort.startswith("-"))
    if wants_csv(request):
        return _csv(request, rows)
    shown, cursor = slice_of(rows, request.GET.get("cursor", ""), lambda link: link.pk)
    base = links.base_address(request)
    context = {
        "period": period,
        "links": [(link, links.address(link, base)) for link in shown],
        "next": cursor,
        "archived": archived,
        "ended": {link.pk for link in shown if links.has_ended(link, now=timezone.now())},
        "sums": queries.sum_of_links(rows),
        "archived_count": request.project.links.exclude(archived_at=None).count(),
    }
    return page(request, "attribution/link_list.html", context, partial="rows")


def _csv(request: PageRequest, rows: Sequence[Link]) -> HttpResponse:
    base = links.base_address(request)
    lines = (
        (
            link.slug,
            *(links.text_of(link, name) for name in links.FIELDS),
            links.address(link, base),
            link.taps,
            link.installs,
            round(link.share, 6),
            link.created_at,
            link.archived_at or "",
        )
        for link in rows
    )
    return csv_file("links", CSV_HEAD, lines)


@project_page
@require_safe
def link_detail(request: PageRequest, link_id: int) -> HttpResponse:
    """Show one link: its address and QR code, taps and installs over time, the latest touches."""
    period = period_of(request)
    link = get_object_or_404(request.project.links.select_related("project", "domain"), pk=link_id)
    timelines = queries.link_timelines(link, period.start, period.until, bucket=period.bucket)
    link.taps, link.installs = timelines["taps"].total, timelines["installs"].total
    link.share = link.installs / link.taps if link.taps else 0.0
    touches = queries.latest_touches(link)
    base = links.base_address(request)
    context = {
        "link": link,
        "period": period,
        "address": links.address(link, base),
        "network_known": ad_networks.is_known(link.source),
        "network_click": ad_networks.with_macros(links.address(link, base), link.source),
        "network_view": ad_networks.with_macros(links.view_address(link, base), link.source),
        "landings": links.landings(link),
        "ended": links.has_ended(link, now=timezone.now()),
        "warnings": [(LABELS[row["field"]], row["message"]) for row in links.warnings(link)],
        "labels": [(LABELS[name], value) for name in LABELLED if (value := getattr(link, name))],
        "touches": [(touch, story.device_of(touch)) for touch in touches],
        "kpis": _kpis(link, _before(link, period)),
        "figure": _figure(link, period, timelines) if link.taps or link.installs else None,
    }
    return page(request, "attribution/link_detail.html", context)


def _before(link: Link, period: Period) -> Link | None:
    """Return the same link, counted in the period before."""
    if period.previous is None:
        return None
    before = copy(link)
    queries.count_links([before], period.previous.start, period.previous.until)
    return before


def _kpis(link: Any, before: Any) -> list[charts.Kpi]:
    def kpi(label: str, help_text: str, now: float | None, past: float | None, write: Any) -> charts.Kpi:
        shown = write(past) if past is not None else ""
        return charts.Kpi(label, write(now), help=help_text, now=now, before=past, before_text=shown)

    return [
        kpi("Taps", "Clicks on the address, without bots", link.taps, before and before.taps, formats.count),
        kpi("Installs", "First opens credited to this link", link.installs, before and before.installs, formats.count),
        kpi("Taps that became an install", queries.SHARE_MEANS, link.share, before and before.share, formats.share),
    ]


def _figure(link: Link, period: Period, timelines: dict[str, queries.Timeline]) -> charts.Figure:
    buckets = period.buckets
    return charts.lines(
        "link",
        f"Taps and installs of {link.name}, two lines",
        x=buckets,
        series=[
            charts.Series("Taps", timelines["taps"].along(buckets), sources.look_of(link.source).colour),
            charts.Series("Installs", timelines["installs"].along(buckets), "accent"),
        ],
        unit=f"a {period.bucket}",
        unfinished=period.unfinished,
    )


@project_page
@editors_only
@require_POST
def link_archive(request: PageRequest, link_id: int) -> HttpResponse:
    """Take a link out of the list, with undo."""
    link = links.archive(get_object_or_404(request.project.links, pk=link_id), now=timezone.now())
    undo = reverse("attribution:link-restore", args=[request.project.slug, link.pk])
    messages.success(request, f"{link.name} is archived. Its address goes on working.", extra_tags=f"undo:{undo}")
    return HttpResponseRedirect(reverse("attribution:link-list", args=[request.project.slug]))


@project_page
@editors_only
@require_POST
def link_restore(request: PageRequest, link_id: int) -> HttpResponse:
    """Bring an archived link back."""
    link = links.restore(get_object_or_404(request.project.links, pk=link_id))
    messages.success(request, f"{link.name} is back.")
    return HttpResponseRedirect(reverse("attribution:link-detail", args=[request.project.slug, link.pk]))
