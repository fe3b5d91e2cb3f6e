"""The people behind one place of a result: to look at, to export, to keep as a cohort."""

from types import ModuleType
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models.expressions import RawSQL
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from analytics import builder, cohorts, saved
from analytics.analyses.base import People
from analytics.queries import people as queries
from analytics.views.explore import find_module, question_of
from customers.pages import REFUSED, PageRequest, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor, paginate

TEMPLATE = "analytics/explore/people.html"


@project_page
@require_http_methods(["GET", "HEAD", "POST"])
def explore_people(request: PageRequest, kind: str) -> HttpResponse:
    """Show the people behind a bar or cell; POST keeps them as a cohort."""
    module = find_module(kind)
    try:
        people = _people(request, module)
    except InvalidField as wrong:
        raise Http404(wrong.message) from None
    context = {"module": module, "title": people.title, "back": _back(request, kind), "lazy": True}
    if request.method == "POST":
        return _keep(request, kind, people)
    wanted = request.htmx or request.GET.get("format") == "csv"
    return _rows(request, kind, people, context) if wanted else page(request, TEMPLATE, context)


def _rows(request: PageRequest, kind: str, people: People, context: dict[str, Any]) -> HttpResponse:
    """Answer the list, which the page asks for when it is there, or the file."""
    try:
        ids = ids_of(people)
    except Problem as problem:
        return page(request, TEMPLATE, {**context, "problem": problem, "lazy": False}, partial="rows")
    q, sort = request.GET.get("q", "").replace("\x00", ""), request.GET.get("sort", queries.USUAL)
    rows = queries.people(request.project, q).filter(pk__in=RawSQL("SELECT unnest(%s::bigint[])", [ids]))
    if request.GET.get("format") == "csv":
        lines = queries.lines_of(request.project, rows, sort=sort)
        return csv_file(f"{request.project.slug}-{kind}-people", queries.CSV_HEAD, lines)
    try:
        shown = paginate(rows, queries.order_of(sort), cursor=request.GET.get("cursor", ""), limit=queries.ROWS)
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    csv = request.GET.copy()
    csv["format"] = "csv"
    context |= {
        "lazy": False,
        "total": len(ids),
        "found": rows.count() if q else len(ids),
        "rows": queries.with_ids(shown.rows),
        "next": shown.next,
        "q": q,
        "first_sort": queries.USUAL,
        "csv_url": f"?{csv.urlencode()}",
    }
    return page(request, TEMPLATE, context, partial="rows")


def _people(request: PageRequest, module: ModuleType) -> People:
    """Return whom the address means, not yet counted. Raises InvalidField."""
    query = question_of(request, module)
    question = module.parse(request.project, query, now=timezone.now())
    place = {name: value for name, value in query.items() if isinstance(value, str)}
    people: People = module.people(request.project, question, place)
    return people


def ids_of(people: People) -> list[int]:
    """Count the people behind a place; return their numbers in order."""
    answer = people.relation.run(people.build)
    at = list(answer.columns).index("person")
    return sorted({int(row[at]) for row in answer.rows if row[at] is not None})


def _back(request: PageRequest, kind: str) -> str:
    """Return the address of the result that these people stand behind."""
    asked = builder.question(find_module(kind).PARTS, request.GET).urlencode()
    return reverse("analytics:explore-analysis", args=[request.project.slug, kind]) + (f"?{asked}" if asked else "")


def _keep(request: PageRequest, kind: str, people: People) -> HttpResponse:
    """Save the people as a cohort and lead there."""
    if not request.member.can_edit:
        raise PermissionDenied(REFUSED)
    slug = request.project.slug
    try:
        cohort = cohorts.save(
            request.project,
            request.POST.get("name", ""),
            kind,
            saved.question_in(request.GET.urlencode()),
            ids_of(people),
            request.user,
        )
    except InvalidField as wrong:
        messages.error(request, f"Not saved. {wrong.detail[0]['message']}")
        return HttpResponseRedirect(request.get_full_path())
    except Problem as problem:
        messages.error(request, f"Not saved. {problem.message}")
        return HttpResponseRedirect(request.get_full_path())
    messages.success(request, f"{cohort.size:,} {'person' if cohort.size == 1 else 'people'} saved as {cohort.name}.")
    try:
        return HttpResponseRedirect(reverse("analytics:cohort-detail", args=[slug, cohort.pk]))
    except NoReverseMatch:
        return HttpResponseRedirect(_back(request, kind))
