"""Spend as it was told: its rows, one more by hand, one less."""

from collections.abc import Sequence

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from attribution.cost_forms import SpendForm
from attribution.costs import importing, unmatched
from attribution.models import Spend, SpendImport
from attribution.views.campaign_rows import chips
from attribution.views.cost import empty_context
from attribution.views.cost_rows import days_of, filters_of, today_of, views_of
from attribution.views.shared import both_ways, order_of, page_of, wants_csv
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.countries import name_of
from growthplatform.core.download import csv_file
from growthplatform.core.http import page

ORDERS = both_ways(
    {"day": "day", "source": "source", "campaign": "campaign", "amount": "amount", "changed": "changed_at"}
)
CSV_HEAD = (
    "day", "source", "campaign", "ad_set", "ad", "country", "platform", "amount", "currency", "clicks", "impressions",
    "changed_at", "brought_by",
)  # fmt: skip


@project_page
@require_safe
def spend_list(request: PageRequest) -> HttpResponse:
    """List the rows of spend of the period, each with the import that brought it."""
    project = request.project
    if not wants_csv(request) and not project.spend.exists():
        return page(request, "attribution/cost_empty.html", empty_context(request))
    period, where = days_of(request), filters_of(request)
    rows = project.spend.filter(day__range=(period.first, period.last), **where).select_related("brought_by")
    rows = _matching(rows, request.GET.get("q", ""))
    if request.GET.get("import", "").isdigit():
        rows = rows.filter(brought_by_id=min(int(request.GET["import"]), 2**62))
    _, order = order_of(request, ORDERS, "-day")
    if wants_csv(request):
        return _csv(rows, order)
    found = page_of(request, rows, order)
    context = {
        "period": period,
        "where": where,
        "chips": chips(request, where),
        "views": views_of(request, where),
        "view": "spend-list",
        "rows": [(row, name_of(row.country) if row.country else "") for row in found.rows],
        "number": rows.count(),
        "next": found.next,
    }
    return page(request, "attribution/spend_list.html", context, partial="rows")


def _matching(rows: QuerySet[Spend], words: str) -> QuerySet[Spend]:
    words = words.strip().replace("\x00", "")
    if not words:
        return rows
    return rows.filter(
        Q(campaign__icontains=words) | Q(source__icontains=words) | Q(ad_set__icontains=words) | Q(ad__icontains=words)
    )


def _csv(rows: QuerySet[Spend], order: Sequence[str]) -> HttpResponse:
    lines = (
        (
            row.day.isoformat(), row.source, row.campaign, row.ad_set, row.ad, row.country, row.platform, row.amount,
            row.currency, "" if row.clicks is None else row.clicks, "" if row.impressions is None else row.impressions,
            row.changed_at, row.brought_by.name if row.brought_by else "",
        )
        for row in rows.order_by(*order).iterator(2_000)
    )  # fmt: skip
    return csv_file("spend", CSV_HEAD, lines)


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def spend_create(request: PageRequest) -> HttpResponse:
    """Show the form of one row of spend; on POST keep it, with undo. What was told of that day is replaced."""
    today, project = today_of(request), request.project
    form = SpendForm(request.POST or None, project=project, today=today)
    if request.method == "POST" and form.is_valid():
        row = form.row
        name = f"By hand: {row.day} {row.source} {row.campaign}".strip()
        done, judged = importing.take(project, [row], now=timezone.now(), name=name, user=request.user)
        [verdict] = judged.verdicts
        if verdict.outcome == importing.UNCHANGED:
            messages.info(request, "This was told before. Nothing changed.")
        else:
            text = f"{row.amount:,.2f} {row.currency} for {row.day}."
            if verdict.outcome == importing.REPLACED and verdict.former is not None:
                text += f" It replaces {verdict.former:,.2f} {verdict.former_currency}."
            messages.success(request, text, extra_tags=f"undo:{undo_url(done)}")
        return HttpResponseRedirect(reverse("attribution:spend-list", args=[project.slug]))
    context = {
        "form": form,
        "sources": unmatched.known_sources(project, today),
        "campaigns": sorted({one.campaign for one in unmatched.known_campaigns(project, today) if one.campaign}),
    }
    return page(request, "attribution/spend_form.html", context, status=422 if form.errors else 200)


@project_page
@editors_only
@require_POST
def spend_remove(request: PageRequest, spend_id: int) -> HttpResponse:
    """Take one row of spend away, with undo."""
    row = get_object_or_404(Spend, project=request.project, pk=spend_id)
    done = importing.remove(request.project, row, now=timezone.now(), user=request.user)
    messages.success(
        request, f"{row.amount:,.2f} {row.currency} of {row.day} is removed.", extra_tags=f"undo:{undo_url(done)}"
    )
    return HttpResponseRedirect(reverse("attribution:spend-list", args=[request.project.slug]))


def undo_url(done: SpendImport) -> str:
    """Return where an import is undone."""
    return reverse("attribution:cost-import-undo", args=[done.project.slug, done.pk])
