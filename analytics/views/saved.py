"""Pages of saved views: the list, one of them with its result, and what can be done with it."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from analytics import saved
from analytics.analyses import KINDS, analysis
from analytics.models import SavedView
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor, paginate

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
    q = request.GET.get("q", "")
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
    """Show a saved view with its result."""
    view = find_view(request, saved_view_id)
    context: dict[str, Any] = {"view": view, "title": title_of(view.kind)}
    return page(request, "analytics/view_detail.html", context)
