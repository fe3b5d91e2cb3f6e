"""Pages of dashboards: the list, one of them with its tiles, and what can be changed on it."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from analytics import dashboards, results, saved, sharing
from analytics.models import Dashboard, Tile
from analytics.views.saved import title_of
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor, paginate
from growthplatform.core.periods import Period

SORTS = {"name": "name", "views": "views", "updated": "updated_at"}
USUAL = "-updated"
ROWS = 50
OFFERED = 30


@project_page
@require_safe
def dashboard_list(request: PageRequest) -> HttpResponse:
    """Show the project's dashboards, those changed last first."""
    q = request.GET.get("q", "").replace("\x00", "")
    sort = request.GET.get("sort", "")
    sort = sort if sort.lstrip("-") in SORTS else USUAL
    sign = "-" if sort.startswith("-") else ""
    rows = dashboards.matching(request.project, q)
    try:
        found = paginate(
            rows.select_related("created_by"),
            [f"{sign}{SORTS[sort.lstrip('-')]}", f"{sign}pk"],
            cursor=request.GET.get("cursor", ""),
            limit=ROWS,
        )
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    context = {
        "rows": found.rows,
        "next": found.next,
        "total": rows.count(),
        "q": q,
        "first_sort": USUAL,
        "new": not found.rows and not dashboards.live(request.project).exists(),
    }
    return page(request, "analytics/dashboard_list.html", context, partial="rows")


@project_page
@editors_only
@require_POST
def dashboard_create(request: PageRequest) -> HttpResponse:
    """Make an empty dashboard, and show it."""
    try:
        board = dashboards.create(request.project, request.POST.get("name", ""), user=request.user)
    except InvalidField as wrong:
        messages.error(request, wrong.detail[0]["message"])
        return HttpResponseRedirect(reverse("analytics:dashboard-list", args=[request.project.slug]))
    return back_to(request, board)


def back_to(request: PageRequest, board: Dashboard, place: str = "") -> HttpResponse:
    """Go to a dashboard's page."""
    return HttpResponseRedirect(reverse("analytics:dashboard-detail", args=[request.project.slug, board.pk]) + place)


def find_dashboard(request: PageRequest, dashboard_id: int) -> Dashboard:
    """Return a live dashboard of the project. Raises Http404."""
    return get_object_or_404(dashboards.live(request.project).select_related("project"), pk=dashboard_id)


@project_page
@require_safe
def dashboard_detail(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Show a dashboard; its tiles come after the page, each when it is scrolled to."""
    board = find_dashboard(request, dashboard_id)
    slug, chosen = request.project.slug, saved.has_period(request.GET)
    kept = {name: request.GET[name] for name in saved.PERIOD if request.GET.get(name)}
    query = f"?{urlencode(kept)}" if kept else ""
    context: dict[str, Any] = {
        "board": board,
        "tiles": [_shown(tile, slug, query) for tile in dashboards.tiles(board)],
        "chosen": chosen,
        "period": Period.from_query(request.GET.dict(), zone=request.project.tz, now=timezone.now()),
        "shares": sharing.live(board),
        "share_url": reverse("analytics:dashboard-share", args=[slug, board.pk]),
        "has_views": saved.live(request.project).exists(),
    }
    return page(request, "analytics/dashboard_detail.html", context)


def _shown(tile: Tile, slug: str, query: str) -> dict[str, Any]:
    return {
        "tile": tile,
        "kind": title_of(tile.view.kind),
        "url": reverse("analytics:dashboard-tile", args=[slug, tile.dashboard_id, tile.pk]) + query,
        "explore_url": saved.address(tile.view, slug),
    }


@project_page
@require_safe
def dashboard_tile(request: PageRequest, dashboard_id: int, tile_id: int) -> HttpResponse:
    """Answer the result of one tile."""
    tile = _find_tile(request, dashboard_id, tile_id)
    return tile_result(request, tile, request.GET)


def tile_result(request: Any, tile: Tile, override: QueryDict | None) -> HttpResponse:
    """Answer what a tile shows, in a period of its own or in the one of `override`."""
    asked = saved.question_of(tile.view, override)
    view = tile.view
    drawn = results.drawn(view.project, view.kind, asked, now=timezone.now(), name=f"tile{tile.pk}")
    return page(request, "analytics/result.html", {"drawn": drawn, **drawn.context})


def _find_tile(request: PageRequest, dashboard_id: int, tile_id: int) -> Tile:
    board = find_dashboard(request, dashboard_id)
    rows = Tile.objects.select_related("view__project__organization", "dashboard")
    return get_object_or_404(rows, dashboard=board, view__deleted_at=None, pk=tile_id)


@project_page
@require_safe
def dashboard_offer(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Answer the views that ?q= finds and that are not on a dashboard yet, to be added."""
    board = find_dashboard(request, dashboard_id)
    q = request.GET.get("q", "").replace("\x00", "")
    rows = saved.matching(request.project, q).exclude(tiles__dashboard=board)
    found = list(rows.order_by("-updated_at", "-pk")[: OFFERED + 1])
    context = {
        "board": board,
        "found": [(view, title_of(view.kind)) for view in found[:OFFERED]],
        "more": len(found) > OFFERED,
        "q": q,
    }
    return page(request, "analytics/dashboard_offer.html", context)


@project_page
@editors_only
@require_POST
def dashboard_add(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Put a view on a dashboard."""
    board = find_dashboard(request, dashboard_id)
    number = request.POST.get("view", "")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise Http404("There is no such view.")
    view = get_object_or_404(saved.live(request.project), pk=int(number))
    try:
        tile = dashboards.add(board, view, now=timezone.now())
    except InvalidField as wrong:
        messages.error(request, wrong.detail[0]["message"])
        return back_to(request, board)
    return back_to(request, board, f"#tile-{tile.pk}")


@project_page
@editors_only
@require_POST
def dashboard_arrange(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Put the tiles into the order of ?order=3,1,2 and make those of ?wide=1 as wide as the page."""
    board = find_dashboard(request, dashboard_id)
    order, wide = _numbers(request.POST.get("order", "")), _numbers(request.POST.get("wide", ""))
    dashboards.arrange(board, order, wide, now=timezone.now())
    return HttpResponse(status=204)


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",")[: 2 * dashboards.MOST_TILES] if one.isascii() and one.isdigit()]


@project_page
@editors_only
@require_POST
def dashboard_take(request: PageRequest, dashboard_id: int, tile_id: int) -> HttpResponse:
    """Take a tile off a dashboard, with undo; its view stays."""
    tile = _find_tile(request, dashboard_id, tile_id)
    dashboards.take_away(tile, now=timezone.now())
    put = reverse("analytics:dashboard-put", args=[request.project.slug, dashboard_id])
    undo = f"{put}?{urlencode({'view': tile.view_id, 'place': tile.place, 'width': tile.width})}"
    answer = HttpResponse()
    return trigger_client_event(answer, "toast", {"text": f"{tile.view.name} is off this dashboard.", "undo": undo})


@project_page
@editors_only
@require_POST
def dashboard_put(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Put a tile back where it was: the undo of taking it off."""
    board = find_dashboard(request, dashboard_id)
    said = {name: request.GET.get(name, "") for name in ("view", "place", "width")}
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in said.values()):
        raise Http404("There is nothing to put back.")
    view = get_object_or_404(saved.live(request.project), pk=int(said["view"]))
    width = min(int(said["width"]), dashboards.COLUMNS)
    dashboards.put_back(board, view, place=int(said["place"]), width=max(width, 1), now=timezone.now())
    return back_to(request, board)


@project_page
@editors_only
@require_POST
def dashboard_rename(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Give a dashboard another name."""
    board = find_dashboard(request, dashboard_id)
    try:
        dashboards.rename(board, request.POST.get("name", ""), now=timezone.now())
    except InvalidField as wrong:
        messages.error(request, f"Not renamed. {wrong.detail[0]['message']}")
    return back_to(request, board)


@project_page
@editors_only
@require_POST
def dashboard_duplicate(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Make a copy of a dashboard, and show it."""
    made = dashboards.duplicate(find_dashboard(request, dashboard_id), user=request.user, now=timezone.now())
    messages.success(request, f"This is a copy: {made.name}.")
    return back_to(request, made)


@project_page
@editors_only
@require_POST
def dashboard_delete(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Delete a dashboard, with undo; its views stay."""
    board = find_dashboard(request, dashboard_id)
    dashboards.delete(board, now=timezone.now())
    undo = reverse("analytics:dashboard-restore", args=[request.project.slug, board.pk])
    messages.success(request, f"{board.name} is deleted. Its views stay.", extra_tags=f"undo:{undo}")
    return HttpResponseRedirect(reverse("analytics:dashboard-list", args=[request.project.slug]))


@project_page
@editors_only
@require_POST
def dashboard_restore(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Bring a deleted dashboard back."""
    board = get_object_or_404(Dashboard, project=request.project, pk=dashboard_id)
    dashboards.restore(board)
    messages.success(request, f"{board.name} is back.")
    return back_to(request, board)
