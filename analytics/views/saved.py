"""Pages of saved views: the list, one of them with its result, and what can be done with it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from analytics import dashboards, results, saved, sharing
from analytics.analyses import KINDS, analysis
from analytics.models import SavedView
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor, paginate
from growthplatform.core.period_query import get_period
from growthplatform.core.periods import Period

SORTS = {"name": "name", "kind": "kind", "updated": "updated_at"}
USUAL = "-updated"
ROWS = 50


def title_of(kind: str) -> str:
    """Return what an analysis is called, its own word where the module is not there."""
    module = analysis(kind)
    return str(module.TITLE) if module else kind


def order_of(sort: str) -> list[str]:
    """Return the order that ?sort= asks for, the usual one when it says nothing known."""
    sort = sort if sort.lstrip("-") in SORTS else USUAL
    sign = "-" if sort.startswith("-") else ""
    return [f"{sign}{SORTS[sort.lstrip('-')]}", f"{sign}pk"]


@project_page
@require_safe
def view_list(request: PageRequest) -> HttpResponse:
    """Show the project's saved views, those changed last first."""
    q = request.GET.get("q", "").replace("\x00", "")
    rows = saved.matching(request.project, q)
    kind = request.GET.get("kind", "")
    rows = rows.filter(kind=kind) if kind in KINDS else rows
    on = Count("tiles__dashboard", filter=Q(tiles__dashboard__deleted_at=None), distinct=True)
    try:
        found = paginate(
            rows.annotate(dashboards=on).select_related("created_by"),
            order_of(request.GET.get("sort", USUAL)),
            cursor=request.GET.get("cursor", ""),
            limit=ROWS,
        )
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    context = {
        "rows": [(view, title_of(view.kind)) for view in found.rows],
        "next": found.next,
        "total": rows.count(),
        "q": q,
        "kind": kind,
        "kinds": _kinds(request),
        "first_sort": USUAL,
        "new": not found.rows and not saved.live(request.project).exists(),
        "explore_url": saved.explorer("trend", request.project.slug),
    }
    return page(request, "analytics/view_list.html", context, partial="rows")


def _kinds(request: PageRequest) -> list[tuple[str, str]]:
    """Return the analyses that the project has views of."""
    used = saved.live(request.project).order_by("kind").values_list("kind", flat=True).distinct()
    return [(kind, title_of(kind)) for kind in used]


@project_page
@editors_only
@require_POST
def view_create(request: PageRequest) -> HttpResponse:
    """Save a question of the explorer under a name, and go on there with the view open."""
    kind, query = request.POST.get("kind", ""), request.POST.get("query", "")
    slug = request.project.slug
    try:
        view = saved.create(request.project, request.POST.get("name", ""), kind, query, user=request.user)
    except InvalidField as wrong:
        messages.error(request, f"Not saved. {wrong.detail[0]['message']}")
        back = saved.explorer(kind, slug, query.lstrip("?")) if kind in KINDS and "\x00" not in query else ""
        return HttpResponseRedirect(back or reverse("analytics:view-list", args=[slug]))
    messages.success(request, f"Saved as {view.name}.")
    return HttpResponseRedirect(saved.address(view, slug) or reverse("analytics:view-detail", args=[slug, view.pk]))


def find_view(request: PageRequest, saved_view_id: int) -> SavedView:
    """Return a live view of the project. Raises Http404."""
    return get_object_or_404(saved.live(request.project).select_related("project"), pk=saved_view_id)


@project_page
@require_safe
def view_detail(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Show a saved view with its result, which comes after the page."""
    view = find_view(request, saved_view_id)
    slug = request.project.slug
    period, overridden = period_of(view, request)
    context: dict[str, Any] = {
        "view": view,
        "title": title_of(view.kind),
        "period": period,
        "overridden": overridden,
        "explore_url": saved.address(view, slug),
        "result_url": _with_period(reverse("analytics:view-result", args=[slug, view.pk]), request),
        "on": dashboards.live(request.project).filter(tiles__view=view).order_by("name", "pk"),
        "others": dashboards.live(request.project).exclude(tiles__view=view).order_by("name", "pk"),
        "shares": sharing.live(view),
        "share_url": reverse("analytics:view-share", args=[slug, view.pk]),
    }
    return page(request, "analytics/view_detail.html", context)


def period_of(view: SavedView, request: PageRequest) -> tuple[Period | None, bool]:
    """Return the period that a view is shown for, None where its own can't be read, and whether the page chose it."""
    asked = saved.question_of(view, request.GET)
    flat = {name: value for name, value in asked.items() if isinstance(value, str)}
    try:
        period = get_period(flat, zone=request.project.tz, now=timezone.now())
    except InvalidField:
        period = None
    return period, saved.has_period(request.GET)


def _with_period(url: str, request: PageRequest, **more: str) -> str:
    kept = {name: request.GET[name] for name in saved.PERIOD if request.GET.get(name)} | more
    return f"{url}?{urlencode(kept)}" if kept else url


@project_page
@require_safe
def view_result(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Answer the result of a view: the fragment of its page, or its table as a file."""
    view = find_view(request, saved_view_id)
    asked = saved.question_of(view, request.GET)
    drawn = results.drawn(request.project, view.kind, asked, now=timezone.now(), name=f"view{view.pk}")
    if request.GET.get("format") == "csv" and drawn.shown:
        return csv_file(f"{request.project.slug}-view-{view.pk}", drawn.shown.columns, drawn.shown.rows)
    context = {"drawn": drawn, "whole": True, **drawn.context, **results.behind(request.project, drawn)}
    context["csv_url"] = _with_period(request.path, request, format="csv")
    return page(request, "analytics/result.html", context)


def _back(request: PageRequest, view: SavedView) -> HttpResponse:
    return HttpResponseRedirect(reverse("analytics:view-detail", args=[request.project.slug, view.pk]))


@project_page
@editors_only
@require_POST
def view_save(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Let a view ask what the explorer shows now, and go on there."""
    view = find_view(request, saved_view_id)
    try:
        saved.ask_otherwise(view, request.POST.get("query", ""), now=timezone.now())
    except InvalidField as wrong:
        messages.error(request, wrong.detail[0]["message"])
        return _back(request, view)
    view.refresh_from_db()
    messages.success(request, f"{view.name} is changed.")
    return HttpResponseRedirect(
        saved.address(view, request.project.slug) or reverse("analytics:view-list", args=[request.project.slug])
    )


@project_page
@editors_only
@require_POST
def view_rename(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Give a view another name."""
    view = find_view(request, saved_view_id)
    try:
        saved.rename(view, request.POST.get("name", ""), now=timezone.now())
    except InvalidField as wrong:
        messages.error(request, f"Not renamed. {wrong.detail[0]['message']}")
    return _back(request, view)


@project_page
@editors_only
@require_POST
def view_duplicate(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Make a copy of a view, and show it."""
    made = saved.duplicate(find_view(request, saved_view_id), user=request.user, now=timezone.now())
    messages.success(request, f"This is a copy: {made.name}.")
    return _back(request, made)


@project_page
@editors_only
@require_POST
def view_delete(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Delete a view, with undo."""
    view = find_view(request, saved_view_id)
    saved.delete(view, now=timezone.now())
    undo = reverse("analytics:view-restore", args=[request.project.slug, view.pk])
    messages.success(request, f"{view.name} is deleted, also from its dashboards.", extra_tags=f"undo:{undo}")
    return HttpResponseRedirect(reverse("analytics:view-list", args=[request.project.slug]))


@project_page
@editors_only
@require_POST
def view_restore(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Bring a deleted view back."""
    view = get_object_or_404(SavedView, project=request.project, pk=saved_view_id)
    saved.restore(view)
    messages.success(request, f"{view.name} is back.")
    return _back(request, view)


@project_page
@editors_only
@require_POST
def view_put(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Put a view on a dashboard, on a new one where ?name= is given instead of ?dashboard=."""
    view, now = find_view(request, saved_view_id), timezone.now()
    number = request.POST.get("dashboard", "")
    try:
        if number.isascii() and number.isdigit() and len(number) < 19:
            board = get_object_or_404(dashboards.live(request.project), pk=int(number))
        else:
            board = dashboards.create(request.project, request.POST.get("name", ""), user=request.user, now=now)
        tile = dashboards.add(board, view, now=now)
    except InvalidField as wrong:
        messages.error(request, wrong.detail[0]["message"])
        return _back(request, view)
    messages.success(request, f"{view.name} is on {board.name}.")
    url = reverse("analytics:dashboard-detail", args=[request.project.slug, board.pk])
    return HttpResponseRedirect(f"{url}#tile-{tile.pk}")
