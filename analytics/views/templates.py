"""Ready-made views: the list of templates, and the page that fills one with a project's own events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from analytics import dashboards, ready_made, saved
from analytics.catalogue import events_of
from analytics.models import Dashboard
from analytics.ready_made import Filled, Suggestion, Template, Wanted
from analytics.views.saved import title_of
from customers.pages import REFUSED, PageRequest, project_page
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page

# More would make the page heavy; the field takes any name.
MOST_NAMES = 500


@project_page
@require_safe
def template_list(request: PageRequest) -> HttpResponse:
    """Show the ready-made views, those that the project's events fit best first."""
    made = saved.live(request.project).exclude(template="").values_list("template", flat=True).distinct()
    rows = [
        {
            "template": one,
            "found": len(ready_made.chosen(request.project, one)),
            "views": [plan.name for plan in one.plans],
            "made": one.key in set(made),
        }
        for one in ready_made.TEMPLATES
    ]
    return page(request, "analytics/template_list.html", {"rows": rows})


@dataclass(frozen=True)
class Field:
    """An event that a template asks for, what the project sends like it, and what was chosen."""

    wanted: Wanted
    value: str
    offered: list[Suggestion]
    wrong: str = ""


@project_page
@require_http_methods(["GET", "POST"])
def template_adopt(request: PageRequest, template_key: str) -> HttpResponse:
    """Fill a template with events of the project; POST saves its views, on a dashboard where one is named."""
    found = ready_made.template(template_key)
    if found is None:
        raise Http404("There is no such template.")
    if request.method != "POST":
        return _form(request, found, ready_made.chosen(request.project, found))
    events = {wanted.key: request.POST.get(wanted.key, "").replace("\x00", "")[:200] for wanted in found.wanted}
    if request.POST.get("check"):
        return _form(request, found, events)
    if not request.member.can_edit:
        raise PermissionDenied(REFUSED)
    try:
        views = ready_made.fill(found, events)
        board = _save(request, found, views)
    except InvalidField as wrong:
        return _form(request, found, events, wrong={one["field"]: one["message"] for one in wrong.detail})
    messages.success(request, f"{len(views)} view{'s' if len(views) > 1 else ''} made from the template {found.title}.")
    slug = request.project.slug
    if board is None:
        return HttpResponseRedirect(reverse("analytics:view-list", args=[slug]))
    return HttpResponseRedirect(reverse("analytics:dashboard-detail", args=[slug, board.pk]))


def _save(request: PageRequest, found: Template, views: list[Filled]) -> Dashboard | None:
    """Save the views and put them on a dashboard; all or nothing. Raises InvalidField."""
    now, name = timezone.now(), request.POST.get("dashboard", "").strip()
    with transaction.atomic():
        board = dashboards.create(request.project, name, user=request.user, now=now) if name else None
        for place, one in enumerate(views):
            view = saved.create(
                request.project, one.name, one.kind, one.query, user=request.user, template=found.key, now=now
            )
            if board:
                width = dashboards.COLUMNS if place == 0 else 1
                dashboards.add(board, view, width=width, now=now)
    return board


def _form(
    request: PageRequest, found: Template, events: Mapping[str, str], *, wrong: Mapping[str, str] | None = None
) -> HttpResponse:
    wrong = wrong or {}
    offered = ready_made.suggestions(request.project, found)
    fields = [
        Field(wanted, events.get(wanted.key, ""), offered.get(wanted.key, []), wrong.get(wanted.key, ""))
        for wanted in found.wanted
    ]
    names = [one.label for one in events_of(request.project)[:MOST_NAMES]]
    context: dict[str, Any] = {
        "template": found,
        "fields": fields,
        "names": [*names, *(whole for whole in ("Page: *", "Screen: *") if _any(names, whole))],
        "dashboard": request.POST.get("dashboard", found.title) if request.method == "POST" else found.title,
        "views": _preview(found, events),
        "wrong": wrong,
        "there": saved.live(request.project).filter(template=found.key).count(),
    }
    answer = page(request, "analytics/template_adopt.html", context, partial="preview")
    answer.status_code = 422 if wrong else 200
    return answer


def _any(names: list[str], whole: str) -> bool:
    return any(name.startswith(whole[:-1]) for name in names)


def _preview(found: Template, events: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the names and analyses of the views that would be made; none while an event is missing."""
    try:
        return [(one.name, title_of(one.kind)) for one in ready_made.fill(found, events)]
    except InvalidField:
        return []
