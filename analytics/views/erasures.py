"""Erase a person, and see who was erased."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from analytics import erasing
from analytics.views.people import number_of
from customers.pages import PageRequest, managers_only, project_page
from events import services as events
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor, paginate


@require_POST
@project_page
@managers_only
def person_erase(request: PageRequest, public_id: str) -> HttpResponse:
    """Erase a person after their id was typed."""
    number = number_of(public_id)
    if request.POST.get("confirm") != f"p_{number}":
        messages.error(request, "Nobody was erased: the id did not match.")
        return redirect("analytics:person-detail", request.project.slug, f"p_{number}")
    try:
        erasing.erase_person(request.project, number, asked_by=request.user)
    except events.UnknownPerson:
        raise Http404("There is no such person.") from None
    messages.success(request, f"p_{number} is erased and in no answer any more. Sealed files are being written anew.")
    return redirect(reverse("analytics:erasure-list", args=[request.project.slug]))


@require_safe
@project_page
def erasure_list(request: PageRequest) -> HttpResponse:
    """Show who was erased, and how far it is."""
    try:
        found = paginate(events.erasures_of(request.project), ["-pk"], cursor=request.GET.get("cursor", ""))
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    return page(request, "analytics/erasure_list.html", {"rows": found.rows, "next": found.next}, partial="rows")
