"""Links that show a view or a dashboard without an account: made and revoked by members, opened by anybody."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from analytics import dashboards, results, saved, sharing
from analytics.models import Dashboard, SavedView, Share, Tile
from analytics.views.dashboards import find_dashboard, tile_result
from analytics.views.saved import find_view, title_of
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page


@project_page
@editors_only
@require_POST
def view_share(request: PageRequest, saved_view_id: int) -> HttpResponse:
    """Make a link that shows a view, and show it once."""
    return _share(request, find_view(request, saved_view_id))


@project_page
@editors_only
@require_POST
def dashboard_share(request: PageRequest, dashboard_id: int) -> HttpResponse:
    """Make a link that shows a dashboard, and show it once."""
    return _share(request, find_dashboard(request, dashboard_id))


def _share(request: PageRequest, shown: SavedView | Dashboard) -> HttpResponse:
    context: dict[str, Any] = {"share_url": request.path, "thing": shown}
    try:
        _, token = sharing.create(shown, user=request.user, now=timezone.now())
        context["made"] = request.build_absolute_uri(reverse("analytics:shared", args=[token]))
    except InvalidField as wrong:
        context["wrong"] = wrong.detail[0]["message"]
    context["shares"] = sharing.live(shown)
    return page(request, "analytics/share_box.html", context)


@project_page
@editors_only
@require_POST
def share_revoke(request: PageRequest, share_id: int) -> HttpResponse:
    """Close a link for good."""
    share = get_object_or_404(
        Share.objects.select_related("view", "dashboard", "project"), project=request.project, pk=share_id
    )
    sharing.revoke(share, now=timezone.now())
    shown = share.view or share.dashboard
    if shown is None:
        raise Http404("It is gone.")
    kind = "view" if share.view else "dashboard"
    if getattr(request, "htmx", None):
        url = reverse(f"analytics:{kind}-share", args=[request.project.slug, shown.pk])
        context = {"share_url": url, "thing": shown, "shares": sharing.live(shown), "revoked": True}
        return page(request, "analytics/share_box.html", context)
    messages.success(request, "The link is closed.")
    return HttpResponseRedirect(reverse(f"analytics:{kind}-detail", args=[request.project.slug, shown.pk]))


def _find(token: str) -> Share:
    share = sharing.find(token)
    if share is None:
        raise Http404("This address is closed.")
    return share


def _hidden(answer: HttpResponse) -> HttpResponse:
    """Keep a shared page out of search engines, and its address out of what other sites are told."""
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@never_cache
@require_safe
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """Show a view or a dashboard to whoever has its address; never people, nothing to change."""
    share = _find(token)
    with timezone.override(share.project.tz):
        if share.dashboard:
            tiles = [_tile(tile, token) for tile in dashboards.tiles(share.dashboard)]
        else:
            assert share.view
            url = reverse("analytics:shared-result", args=[token])
            tiles = [{"view": share.view, "kind": title_of(share.view.kind), "url": url, "wide": True}]
        # Without our own page views: they would write the address, which is the key to it, into the log.
        context = {"share": share, "thing": share.dashboard or share.view, "tiles": tiles, "house_write_key": ""}
        return _hidden(page(request, "analytics/shared.html", context))


def _tile(tile: Tile, token: str) -> dict[str, Any]:
    return {
        "view": tile.view,
        "kind": title_of(tile.view.kind),
        "url": reverse("analytics:shared-tile", args=[token, tile.pk]),
        "wide": tile.width == dashboards.COLUMNS,
    }


@never_cache
@require_safe
def shared_tile(request: HttpRequest, token: str, tile_id: int) -> HttpResponseBase:
    """Answer the result of one tile of a shared dashboard, always in its own period."""
    share = _find(token)
    rows = Tile.objects.select_related("view__project__organization").filter(view__deleted_at=None)
    tile = get_object_or_404(rows, dashboard=share.dashboard_id or 0, pk=tile_id)
    with timezone.override(share.project.tz):
        return _hidden(tile_result(request, tile, None))


@never_cache
@require_safe
def shared_result(request: HttpRequest, token: str) -> HttpResponse:
    """Answer the result of a shared view, always in its own period."""
    share = _find(token)
    if share.view is None:
        raise Http404("This address shows a dashboard.")
    view = share.view
    with timezone.override(share.project.tz):
        drawn = results.drawn(
            share.project, view.kind, saved.question_of(view), now=timezone.now(), name=f"view{view.pk}"
        )
        return _hidden(page(request, "analytics/result.html", {"drawn": drawn, **drawn.context}))
