"""Answers to browsers: a whole page, or the one fragment an HTMX request asked for."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


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


def client_ip(request: HttpRequest, trusted_proxies: int) -> str:
    """Return the address the request came from.

    Only as many entries of X-Forwarded-For are believed, from the right, as there are proxies of our own:
    everything further left is the client's to invent.
    """
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if trusted_proxies and forwarded:
        return str(forwarded[-min(trusted_proxies, len(forwarded))])
    return str(request.META.get("REMOTE_ADDR") or "")
