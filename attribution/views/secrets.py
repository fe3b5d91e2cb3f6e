"""Keys of networks: what Meta's referrers are read with, and what clicks and installs are signed with."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from attribution import network_claims, secrets
from attribution.models import Secret
from attribution.secret_forms import SecretForm
from customers.pages import PageRequest, managers_only, project_page
from growthplatform.core.http import page_in_place


def _answer(
    request: PageRequest, *, toast: str = "", bad: str = "", form: SecretForm | None = None, made: str = ""
) -> HttpResponse:
    """Show the keys, with `made` the text of one that was made here: it is seen in this answer only."""
    keys = list(request.project.attribution_secrets.select_related("created_by").order_by("kind", "-pk"))
    meta_works = any(key.kind == Secret.Kind.META_REFERRER and not key.revoked_at for key in keys)
    context = {
        "form": form or SecretForm(),
        "made": made,
        "keys": [key for key in keys if not key.revoked_at],
        "ended": [key for key in keys if key.revoked_at],
        "unread": network_claims.unread(request.project, now=timezone.now()),
        "meta_works": meta_works,
    }
    answer = page_in_place(
        request, "attribution/secret_list.html", context, partial="keys", form=form, toast=toast, bad=bad
    )
    answer["Cache-Control"] = "no-store"
    return answer


@require_GET
@project_page
def secret_list(request: PageRequest) -> HttpResponse:
    """List the keys of networks; that there are some is visible to all members, the keys to nobody."""
    return _answer(request)


@require_POST
@project_page
@managers_only
def secret_create(request: PageRequest) -> HttpResponse:
    """Keep a key, and read with one of Meta's what no key opened so far."""
    form = SecretForm(request.POST)
    if not form.is_valid():
        return _answer(request, form=form)
    given = form.cleaned_data
    secrets.create(
        request.project, given["kind"], given["key"], name=given["name"], source=given["source"], user=request.user
    )
    toast = "Key kept."
    if given["kind"] == Secret.Kind.META_REFERRER:
        opened = network_claims.reread(request.project, now=timezone.now())
        toast = f"Key kept. It opened {opened:,} install{'' if opened == 1 else 's'} of the last day."
    return _answer(request, made=given["made"], toast=toast)


@require_POST
@project_page
@managers_only
def secret_revoke(request: PageRequest, secret_id: int) -> HttpResponse:
    """End a key at once and for good, after its name was typed."""
    key = get_object_or_404(request.project.attribution_secrets, pk=secret_id)
    if request.POST.get("confirm") != str(key):
        return _answer(request, bad="Nothing was revoked: the name did not match.")
    secrets.revoke(key, user=request.user)
    return _answer(request, toast=f"{key} is revoked.")
