"""Keys of a project: made, rotated, revoked."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_POST

from customers import services as customers
from customers.forms import KeyForm
from customers.keys import KeyIsEnding
from customers.models import ApiKey
from customers.pages import PageRequest, managers_only, project_page
from growthplatform.core.http import page_in_place


def _answer(
    request: PageRequest, *, toast: str = "", bad: str = "", form: KeyForm | None = None, made: str = "", kind: str = ""
) -> HttpResponse:
    """Show the keys, with `made` the text of a new one: a secret is seen in this answer only."""
    keys = request.project.keys.select_related("created_by").order_by("-pk")
    context = {
        "form": form or KeyForm(),
        "made": made,
        "made_kind": kind,
        "write_keys": [key for key in keys if key.live and key.kind == ApiKey.Kind.WRITE],
        "secret_keys": [key for key in keys if key.live and key.kind == ApiKey.Kind.SECRET],
        "ended": [key for key in keys if not key.live],
    }
    answer = page_in_place(request, "customers/key_list.html", context, partial="keys", form=form, toast=toast, bad=bad)
    answer["Cache-Control"] = "no-store"
    return answer


@require_GET
@project_page
def key_list(request: PageRequest) -> HttpResponse:
    """List the keys of a project; how they are used is visible to all its members, secrets to nobody."""
    return _answer(request)


@require_POST
@project_page
@managers_only
def key_create(request: PageRequest) -> HttpResponse:
    """Make a key and show it."""
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _answer(request, form=form)
    kind = form.cleaned_data["kind"]
    _, text = customers.make(request.project, kind, name=form.cleaned_data["name"], created_by=request.user)
    return _answer(request, made=text, kind=kind, toast="Key made.")


@require_POST
@project_page
@managers_only
def key_rotate(request: PageRequest, key_id: int) -> HttpResponse:
    """Put a new key in the place of one that works for a day more."""
    key = get_object_or_404(request.project.keys, pk=key_id)
    try:
        _, text = customers.rotate(key, created_by=request.user)
    except KeyIsEnding as refused:
        return _answer(request, bad=refused.message)
    return _answer(request, made=text, kind=key.kind, toast="New key made. The old one works for 24 hours more.")


@require_POST
@project_page
@managers_only
def key_revoke(request: PageRequest, key_id: int) -> HttpResponse:
    """End a key at once, after its name was typed."""
    key = get_object_or_404(request.project.keys, pk=key_id)
    if request.POST.get("confirm") != key.label:
        return _answer(request, bad="Nothing was revoked: the name did not match.")
    customers.revoke(key)
    return _answer(request, toast=f"{key.label} is revoked.")
