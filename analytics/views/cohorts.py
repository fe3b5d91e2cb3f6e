"""Pages of saved cohorts: the list, and the people of one."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from analytics import cohorts, saved
from analytics.models import Cohort
from analytics.queries import people as queries
from analytics.views.saved import title_of
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor, paginate

SORTS = {"name": "name", "size": "size", "created": "created_at"}
USUAL = "-created"
ROWS = 50


@project_page
@require_safe
def cohort_list(request: PageRequest) -> HttpResponse:
    """Show the project's saved cohorts, the newest first."""
    q, sort = request.GET.get("q", "").replace("\x00", ""), request.GET.get("sort", "")
    sort = sort if sort.lstrip("-") in SORTS else USUAL
    sign = "-" if sort.startswith("-") else ""
    live = Cohort.objects.filter(project=request.project, deleted_at=None)
    rows = live.filter(name__icontains=q.strip())
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
        "rows": [(cohort, title_of(cohort.kind), _origin(request, cohort)) for cohort in found.rows],
        "next": found.next,
        "total": rows.count(),
        "q": q,
        "first_sort": USUAL,
        "new": not found.rows and not live.exists(),
        "explore_url": saved.explorer("funnel", request.project.slug),
    }
    return page(request, "analytics/cohort_list.html", context, partial="rows")


def _origin(request: PageRequest, cohort: Cohort) -> str:
    """Return the explorer's page with the question that found the people."""
    return saved.explorer(cohort.kind, request.project.slug, cohort.query)


def find_cohort(request: PageRequest, cohort_id: int) -> Cohort:
    """Return a live cohort of the project. Raises Http404."""
    return get_object_or_404(Cohort, project=request.project, deleted_at=None, pk=cohort_id)


@project_page
@require_safe
def cohort_detail(request: PageRequest, cohort_id: int) -> HttpResponse:
    """Show the people of a cohort as they are now, those seen last first."""
    cohort = find_cohort(request, cohort_id)
    q, sort = request.GET.get("q", "").replace("\x00", ""), request.GET.get("sort", queries.USUAL)
    inside = cohorts.people(cohort)
    rows = queries.people(request.project, q).filter(pk__in=inside.values("pk")) if q else inside
    if request.GET.get("format") == "csv":
        name = f"{request.project.slug}-cohort-{cohort.pk}"
        return csv_file(name, queries.CSV_HEAD, queries.lines_of(request.project, rows, sort=sort))
    try:
        found = paginate(rows, queries.order_of(sort), cursor=request.GET.get("cursor", ""), limit=ROWS)
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    now = inside.count()
    context = {
        "cohort": cohort,
        "kind": title_of(cohort.kind),
        "origin": _origin(request, cohort),
        "explore_url": saved.explorer("trend", request.project.slug, f"cohort={cohort.pk}"),
        "rows": queries.with_ids(found.rows),
        "next": found.next,
        "total": rows.count() if q else now,
        "now": now,
        "q": q,
        "first_sort": queries.USUAL,
    }
    return page(request, "analytics/cohort_detail.html", context, partial="rows")


@project_page
@editors_only
@require_POST
def cohort_rename(request: PageRequest, cohort_id: int) -> HttpResponse:
    """Give a cohort another name."""
    cohort = find_cohort(request, cohort_id)
    try:
        cohorts.rename(cohort, request.POST.get("name", ""))
    except InvalidField as wrong:
        messages.error(request, f"Not renamed. {wrong.detail[0]['message']}")
    return HttpResponseRedirect(reverse("analytics:cohort-detail", args=[request.project.slug, cohort.pk]))


@project_page
@editors_only
@require_POST
def cohort_delete(request: PageRequest, cohort_id: int) -> HttpResponse:
    """Delete a cohort, with undo; the people stay."""
    cohort = find_cohort(request, cohort_id)
    cohorts.delete(cohort, now=timezone.now())
    undo = reverse("analytics:cohort-restore", args=[request.project.slug, cohort.pk])
    messages.success(request, f"{cohort.name} is deleted. Its people stay.", extra_tags=f"undo:{undo}")
    return HttpResponseRedirect(reverse("analytics:cohort-list", args=[request.project.slug]))


@project_page
@editors_only
@require_POST
def cohort_restore(request: PageRequest, cohort_id: int) -> HttpResponse:
    """Bring a deleted cohort back."""
    cohort = get_object_or_404(Cohort, project=request.project, pk=cohort_id)
    cohorts.restore(cohort)
    messages.success(request, f"{cohort.name} is back.")
    return HttpResponseRedirect(reverse("analytics:cohort-detail", args=[request.project.slug, cohort.pk]))
