"""Answers to browsers: a whole page, or the one fragment an HTMX request asked for."""

from typing import Any

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django_htmx.http import trigger_client_event


def page(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, partial: str = "", status: int = 200
) -> HttpResponse:
    """Answer the whole page, or its fragment `partial` to an HTMX request.

    A boosted request and a history restore get the whole page: the browser shows them as pages.
    """
    htmx = getattr(request, "htmx", None)
    fragment = bool(partial and htmx and not htmx.boosted and not htmx.history_restore_request)
    answer = render(request, f"{template}#{partial}" if fragment else template, context, status=status)
    patch_vary_headers(answer, ["HX-Request"])
    return answer


def page_in_place(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    *,
    partial: str,
    form: BaseForm | None = None,
    toast: str = "",
    bad: str = "",
) -> HttpResponse:
    """Answer a page that is changed where it stands: 422 for a form that is wrong, with a toast for what was done or,
    as `bad`, could not be done.
    """
    status = 422 if form is not None and form.errors else 200
    answer = page(request, template, context, partial=partial, status=status)
    answer["HX-Push-Url"] = "false"  # a change is not a page: reloading shows the list
    if toast or bad:
        trigger_client_event(answer, "toast", {"text": toast or bad, "kind": "bad" if bad else ""})
    return answer


def client_ip(request: HttpRequest, trusted_proxies: int) -> str:
    """Return the address the request came from.

    Only as many entries of X-Forwarded-For are believed, from the right, as there are proxies of our own:
    everything further left is the client's to invent.
    """
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if trusted_proxies and forwarded:
        return str(forwarded[-min(trusted_proxies, len(forwarded))])
    return str(request.META.get("REMOTE_ADDR") or "")
