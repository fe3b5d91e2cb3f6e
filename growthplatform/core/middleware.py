"""Middleware of our own: a short way for the busy doors, and the content security policy."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import resolve

GetResponse = Callable[[HttpRequest], HttpResponse]

# Machines knock here thousands of times a second; sessions, messages, CSRF and HTMX mean nothing to them.
BUSY = (
    "/v1/",
    "/c/",
    "/i/",
    "/analytics.js/",
    "/analytics-next/",
    "/livez",
    "/readyz",
    "/inappevent/",
    "/v1.0/s2s/",
    "/v2/event/",
    "/array/",
    "/api/v1/",
    "/api/v2/",
    "/.well-known/skadnetwork/",
    "/.well-known/appattribution/",
)
# Of other vendors' formats; /event must not open /events.
POSTHOG = ("/batch", "/capture", "/e", "/track", "/engage", "/flags", "/decide")
BUSY_EXACTLY = frozenset(
    {
        "/event",
        "/session",
        "/ad_revenue",
        "/gdpr_forget_device",
        "/track/json",
        "/track/json/",
        *POSTHOG,
        *(f"{path}/" for path in POSTHOG),
    }
)
POLICY = "; ".join(
    [
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "font-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "object-src 'none'",
    ]
)
# The staff admin's kit and the API pages need inline styles and evaluated expressions.
LOOSER = POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline' 'unsafe-eval'").replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


class BusyDoors:
    """Call the view of a busy door directly, without the middleware below this one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(BUSY) and request.path_info not in BUSY_EXACTLY:
            return self.get_response(request)
        try:
            match = resolve(request.path_info)
        except Http404:
            return self.get_response(request)
        request.resolver_match = match
        answer: HttpResponse = match.func(request, *match.args, **match.kwargs)
        if hasattr(answer, "render") and callable(answer.render):
            answer = answer.render()
        if not answer.streaming:
            answer["Content-Length"] = str(len(answer.content))
        answer["X-Content-Type-Options"] = "nosniff"
        return answer


class ContentSecurityPolicy:
    """Send the strict policy with every page, a looser one under /admin/."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self.get_response(request)
        loose = request.path_info.startswith("/admin/")
        answer.headers.setdefault("Content-Security-Policy", LOOSER if loose else POLICY)
        return answer
