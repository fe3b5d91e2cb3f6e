"""People: the list, and everything one person did."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from analytics.queries import people as queries
from customers import services as customers
from customers.pages import PageRequest, project_page
from events.models import Person
from events.queries import ids_of
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor

TRAITS_FIRST = ("name", "firstName", "lastName", "email", "phone", "plan", "company")


@project_page
@require_safe
def person_list(request: PageRequest) -> HttpResponse:
    """Show the people of the project, those seen last first."""
    q, sort = request.GET.get("q", "").replace("\x00", ""), request.GET.get("sort", queries.USUAL)
    if request.GET.get("format") == "csv":
        rows = queries.csv_rows(request.project, q=q, sort=sort)
        return csv_file(f"{request.project.slug}-people", queries.CSV_HEAD, rows)
    try:
        found = queries.person_page(request.project, q=q, sort=sort, cursor=request.GET.get("cursor", ""))
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    context = {
        "rows": found.rows,
        "next": found.next,
        "total": queries.people(request.project, q).count(),
        "q": q,
        "first_sort": queries.USUAL,
        "new": not found.rows and not q and not Person.objects.filter(project=request.project).exists(),
    }
    if context["new"]:
        context |= {
            "write_key": customers.write_key(request.project),
            "host": request.build_absolute_uri("/").rstrip("/"),
        }
    return page(request, "analytics/person_list.html", context, partial="rows")


@project_page
@require_safe
def person_detail(request: PageRequest, public_id: str) -> HttpResponse:
    """Show one person: traits, ids, installs with their decisions, and the timeline."""
    person = get_object_or_404(Person, project=request.project, pk=number_of(public_id))
    ids = ids_of(request.project, person.pk)
    name = request.GET.get("name", "").replace("\x00", "")
    try:
        found = queries.timeline(request.project, ids, name=name, cursor=request.GET.get("cursor", ""))
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    context = {
        "person": person,
        "label": queries.label_of(person, ids),
        "ids": ids,
        "traits": _traits(person),
        "days": found.days,
        "next": found.next,
        "gap": found.gap,
        "name": name,
        "names": queries.names_of(request.project, ids),
        "installs": queries.installs_of(request.project, ids),
        "more": bool(request.GET.get("cursor")),
    }
    return page(request, "analytics/person_detail.html", context, partial="timeline")


def _traits(person: Person) -> list[tuple[str, object]]:
    """Return the traits, those that name the person first."""
    first = [(key, person.traits[key]) for key in TRAITS_FIRST if key in person.traits]
    return first + sorted((key, value) for key, value in person.traits.items() if key not in TRAITS_FIRST)


def number_of(public_id: str) -> int:
    """Return the number in an id like p_12. Raises Http404."""
    number = public_id.removeprefix("p_")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise Http404("There is no such person.")
    return int(number)
