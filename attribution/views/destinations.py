"""Pages of destinations: chosen from templates, made and changed with a preview, tried, paused, put away."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from attribution.destination_forms import DestinationForm, template_of
from attribution.models import Destination
from attribution.postbacks import destinations, making, queries, rendering
from attribution.postbacks.steps import ANY
from attribution.postbacks.templates import BY_CODE, TEMPLATES, Template
from attribution.views.postbacks import NEWEST
from customers.pages import PageRequest, editors_only, managers_only, project_page
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page

SHOWN_ROWS = 20
LIST, FORM, DETAIL = (f"attribution/destination_{name}.html" for name in ("templates", "form", "detail"))


def _mine(request: PageRequest, destination_id: int) -> Destination:
    return get_object_or_404(request.project.destinations.select_related("project"), pk=destination_id)


def _to(request: PageRequest, destination: Destination) -> HttpResponse:
    return HttpResponseRedirect(reverse("attribution:destination-detail", args=[request.project.slug, destination.pk]))


def _form_context(request: PageRequest, form: DestinationForm) -> dict[str, Any]:
    draft = form.draft()
    check = reverse("attribution:destination-check", args=[request.project.slug])
    which = f"destination={form.destination.pk}" if form.destination else f"template={form.template.code}"
    return {
        "form": form,
        "template": form.template,
        "destination": form.destination,
        "check_url": f"{check}?{which}",
        "macros": rendering.MACROS,
        **_preview(draft),
    }


def _preview(draft: Destination) -> dict[str, Any]:
    """Return the request that the newest decision would become."""
    values = destinations.sample_of(draft, next((one for one in draft.news if one != ANY), ""))
    made = destinations.preview(making.shape_of(draft), values)
    return {"made": made, "body": destinations.parsed(made.body), "of_decision": values["decision_id"]}


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def destination_create(request: PageRequest) -> HttpResponse:
    """Show the templates, then the form of the chosen one; on POST make the destination and show its secret once."""
    template = BY_CODE.get(request.GET.get("template", ""))
    if template is None:
        return page(request, LIST, {"templates": TEMPLATES})
    form = DestinationForm(
        request.POST if request.method == "POST" else None, project=request.project, template=template
    )
    if request.method != "POST":
        return page(request, FORM, _form_context(request, form))
    if form.is_valid():
        try:
            made, secret = destinations.create(
                request.project, user=request.user, token=form.token_given() or "", **form.fields_for_destination()
            )
        except InvalidField as refusal:
            form.show(refusal)
        except Problem as refusal:
            form.add_error(None, refusal.message)
        else:
            return _detail(request, made, secret=secret)
    return page(request, FORM, _form_context(request, form), status=422)


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def destination_edit(request: PageRequest, destination_id: int) -> HttpResponse:
    """Show the form of a destination; on POST change it."""
    destination = _mine(request, destination_id)
    data = request.POST if request.method == "POST" else None
    form = DestinationForm(data, project=request.project, template=template_of(destination), destination=destination)
    if data is not None and form.is_valid():
        try:
            destinations.change(
                destination, user=request.user, token=form.token_given(), **form.fields_for_destination()
            )
        except InvalidField as refusal:
            form.show(refusal)
        else:
            messages.success(request, f"{destination.name} is changed. Messages made from now on follow it.")
            return _to(request, destination)
    return page(request, FORM, _form_context(request, form), status=200 if data is None else 422)


@project_page
@editors_only
@require_POST
def destination_check(request: PageRequest) -> HttpResponse:
    """Answer the preview of what is filled in, or the fields with what is wrong beside each. Stores nothing."""
    number = request.GET.get("destination", "")
    destination = _mine(request, int(number)) if number.isascii() and number.isdigit() and len(number) < 19 else None
    template: Template = (
        template_of(destination) if destination else BY_CODE.get(request.GET.get("template", ""), TEMPLATES[0])
    )
    form = DestinationForm(request.POST, project=request.project, template=template, destination=destination)
    # Names of hosts are looked up when it is saved, not while somebody types them.
    form.resolve = False
    form.is_valid()
    return render(request, f"{FORM}#preview", _form_context(request, form))


@project_page
@require_safe
def destination_detail(request: PageRequest, destination_id: int) -> HttpResponse:
    """Show one destination: what it is told and how, how it fares, its newest messages."""
    return _detail(request, _mine(request, destination_id))


def _detail(request: PageRequest, destination: Destination, *, secret: str = "") -> HttpResponse:
    now = timezone.now()
    context = {
        "destination": destination,
        "template": template_of(destination),
        "state": queries.state_of(destination, now=now),
        "health": queries.health([destination], now=now)[destination.pk],
        "rows": destination.postbacks.select_related("destination").order_by(*NEWEST)[:SHOWN_ROWS],
        "secret": secret,
        "has_token": destinations.has_token(destination),
        **_preview(destination),
    }
    answer = page(request, DETAIL, context)
    if secret:
        answer["Cache-Control"] = "no-store"
    return answer


@project_page
@editors_only
@require_POST
def destination_test(request: PageRequest, destination_id: int) -> HttpResponse:
    """Send an example at once, and go to its page, which says what came of it."""
    made = destinations.send_test(_mine(request, destination_id))
    if made.delivered_at:
        messages.success(request, f"The test arrived: it answered {made.status}.")
    else:
        messages.error(request, f"The test did not arrive. {made.problem}")
    return HttpResponseRedirect(reverse("attribution:postback-detail", args=[request.project.slug, made.pk]))


@project_page
@editors_only
@require_POST
def destination_pause(request: PageRequest, destination_id: int) -> HttpResponse:
    """Hold messages back, with undo."""
    destination = _mine(request, destination_id)
    destinations.pause(destination, user=request.user, now=timezone.now())
    undo = reverse("attribution:destination-resume", args=[request.project.slug, destination.pk])
    text = f"{destination.name} is paused. Messages wait for it."
    messages.success(request, text, extra_tags=f"undo:{undo}")
    return _to(request, destination)


@project_page
@editors_only
@require_POST
def destination_resume(request: PageRequest, destination_id: int) -> HttpResponse:
    """Send what waits, also where the destination had failed too often."""
    destination = _mine(request, destination_id)
    destinations.resume(destination, user=request.user, now=timezone.now())
    messages.success(request, f"{destination.name} goes on: what waited is sent now.")
    return _to(request, destination)


@project_page
@editors_only
@require_POST
def destination_archive(request: PageRequest, destination_id: int) -> HttpResponse:
    """Put a destination away, with undo."""
    destination = _mine(request, destination_id)
    destinations.archive(destination, user=request.user, now=timezone.now())
    undo = reverse("attribution:destination-restore", args=[request.project.slug, destination.pk])
    text = f"{destination.name} is archived. Nothing is sent to it any more; its log stays."
    messages.success(request, text, extra_tags=f"undo:{undo}")
    return HttpResponseRedirect(reverse("attribution:postback-list", args=[request.project.slug]))


@project_page
@editors_only
@require_POST
def destination_restore(request: PageRequest, destination_id: int) -> HttpResponse:
    """Bring an archived destination back."""
    destination = _mine(request, destination_id)
    destinations.restore(destination, user=request.user)
    messages.success(request, f"{destination.name} is back.")
    return _to(request, destination)


@project_page
@managers_only
@require_POST
def destination_secret(request: PageRequest, destination_id: int) -> HttpResponse:
    """Give a destination a new signing secret, after its name was typed, and show it this once."""
    destination = _mine(request, destination_id)
    if request.POST.get("confirm") != destination.name:
        messages.error(request, "The secret stays: the name did not match.")
        return _to(request, destination)
    return _detail(request, destination, secret=destinations.renew_secret(destination, user=request.user))
