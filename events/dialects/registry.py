"""All dialects and their addresses: what urls.py serves, and what a refused event is read by when it is sent again."""

import re
from typing import NamedTuple

from events.dialects import adjust, appsflyer, appsflyer_web, branch, kochava, posthog, posthog_v1, singular
from events.dialects.base import Dialect


class Route(NamedTuple):
    """An address of a dialect, as a pattern of the path without its first slash."""

    pattern: str
    dialect: Dialect
    methods: tuple[str, ...] = ("POST",)
    home: str = ""
    """The vendor's own host for this address, where it is not VENDOR_URL."""


# Also to be named among the busy doors in growthplatform/core/middleware.py.
ROUTES = (
    Route(r"inappevent/(?P<app_id>[^/]*)", appsflyer),
    Route(r"v1/[^/]+/(?:event|setcuid)", appsflyer_web),
    Route(r"(?:event|session|ad_revenue)", adjust, ("GET", "POST")),
    Route(r"gdpr_forget_device", adjust, ("GET", "POST"), "https://gdpr.adjust.com"),
    Route(r"api/v1/launch|api/v[12]/evt", singular, ("GET", "POST")),
    Route(r"track/json/?", kochava),
    Route(r"v2/event/(?:standard|custom)", branch),
    Route(r"(?:batch|i/v0/e|i/v0/ai/batch|e|capture|track|engage)/?", posthog, ("GET", "POST")),
    Route(r"i/v1/analytics/events/?", posthog_v1),
)
DIALECTS: dict[str, Dialect] = {route.dialect.NAME: route.dialect for route in reversed(ROUTES)}
_patterns = [(re.compile(f"/(?:{route.pattern})"), route) for route in ROUTES]


def of_path(path: str) -> Dialect | None:
    """Return the dialect that an address belongs to; None for our own."""
    route = _route_of(path)
    return route.dialect if route else None


def home_of(path: str) -> str:
    """Return the vendor's own host for an address; "" for our own."""
    route = _route_of(path)
    return (route.home or route.dialect.VENDOR_URL) if route else ""


def _route_of(path: str) -> Route | None:
    return next((route for pattern, route in _patterns if pattern.fullmatch(path)), None)
