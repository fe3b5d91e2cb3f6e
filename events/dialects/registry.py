"""All dialects and their addresses: what urls.py serves, and what a refused event is read by when it is sent again."""

import re
from typing import NamedTuple

from events.dialects import adjust, appsflyer, appsflyer_web, branch, kochava, posthog, singular
from events.dialects.base import Dialect


class Route(NamedTuple):
    """An address of a dialect, as a pattern of the path without its first slash."""

    pattern: str
    dialect: Dialect
    methods: tuple[str, ...] = ("POST",)


# Also to be named among the busy doors in growthplatform/core/middleware.py.
ROUTES = (
    Route(r"inappevent/(?P<app_id>[^/]*)", appsflyer),
    Route(r"v1/[^/]+/(?:event|setcuid)", appsflyer_web),
    Route(r"(?:event|session|ad_revenue|gdpr_forget_device)", adjust, ("GET", "POST")),
    Route(r"api/v1/launch|api/v[12]/evt", singular, ("GET", "POST")),
    Route(r"track/json/?", kochava),
    Route(r"v2/event/(?:standard|custom)", branch),
    Route(r"(?:batch|i/v0/e|e|capture|track|engage)/?", posthog, ("GET", "POST")),
)
DIALECTS: dict[str, Dialect] = {route.dialect.NAME: route.dialect for route in reversed(ROUTES)}
_patterns = [(re.compile(f"/(?:{route.pattern})"), route.dialect) for route in ROUTES]


def of_path(path: str) -> Dialect | None:
    """Return the dialect that an address belongs to; None for our own."""
    return next((dialect for pattern, dialect in _patterns if pattern.fullmatch(path)), None)
