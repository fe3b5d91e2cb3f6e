"""The doors of Segment's clients: single calls, batches, settings, the browser library."""

import gzip
import mimetypes
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_view,
)
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from customers.api import get_caller
from customers.services import key_in
from customers.throttle import admit
from events import ingest, metrics, payloads, rejections
from events.bodies import read_body
from growthplatform.core.api import OnlyJson, OrjsonRenderer
from growthplatform.core.errors import Problem
from growthplatform.core.http import client_ip

# Behind these stands a customer's server, so the peer's address is not the person's.
SERVER_AGENTS = ("analytics-", "rudder", "node", "go-http", "java/", "ruby", "php", "axios", "python-", "undici")
PREFLIGHT = {"Access-Control-Allow-Methods": "GET, POST, OPTIONS", "Access-Control-Max-Age": "86400"}
ALLOWED_HEADERS = "Authorization, Content-Type, Content-Encoding, X-Retry-Count"
ACCEPTED = {"success": True}


class SegmentView(APIView):
    """Shared by single calls and batches: the caller, the body, what came of it."""

    authentication_classes = ()
    renderer_classes = (OrjsonRenderer,)
    content_negotiation_class = OnlyJson
    limit_bytes = payloads.BATCH_BYTES

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        # What is asked for is allowed: pages may give the library headers of their own, and its retries carry a count.
        asked = request.META.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS") or ALLOWED_HEADERS
        return Response(status=204, headers=PREFLIGHT | {"Access-Control-Allow-Headers": asked})

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Expose-Headers"] = "Retry-After"
        metrics.REQUESTS.labels(response.status_code).inc()
        return super().finalize_response(request, response, *args, **kwargs)

    def take(self, request: Request, kind: str | None) -> Response:
        """Read, check and store the request; answer 200 only when everything in it is committed."""
        http = request._request  # noqa: SLF001 -- the raw stream, before the framework reads it
        header_key = key_in(http.META.get("HTTP_AUTHORIZATION", ""))
        known = get_caller(header_key, secret=False) if header_key else None
        body = b""
        try:
            body = read_body(http, self.limit_bytes)
            parsed = ingest.parse_single(body, kind) if kind else ingest.parse_batch(body)
        except Problem as problem:
            if known:  # without a key the body has no owner who could look at it
                admit(known)
                rejections.keep_whole(known.project_id, http.path, problem, body)
            raise
        caller = known or get_caller(parsed.write_key, secret=False)
        admit(caller, len(parsed.calls) + len(parsed.refused))
        try:
            receipt = ingest.accept(caller, parsed, path=http.path, peer_ip=peer_ip(http))
        except (psycopg.OperationalError, InterfaceError, OperationalError):
            # The connection may be from before a restart of PostgreSQL. What it may have stored is passed over.
            connection.close()
            receipt = ingest.accept(caller, parsed, path=http.path, peer_ip=peer_ip(http))
        if receipt.refused:
            raise ingest.EventsRefused(receipt)
        return Response(ACCEPTED)


def peer_ip(request: HttpRequest) -> str:
    """Return the address of the person's device, or "" when a customer's server sent the request."""
    agent = request.META.get("HTTP_USER_AGENT", "").lower()
    return "" if agent.startswith(SERVER_AGENTS) else client_ip(request, settings.TRUSTED_PROXIES)


TRACK = OpenApiExample(
    "An order",
    value={
        "userId": "user-1",
        "event": "Order Completed",
        "properties": {"revenue": 39.95, "currency": "USD"},
        "messageId": "9abe7f6d-1",
        "timestamp": "2026-11-20T10:38:42Z",
    },
    request_only=True,
)
BATCH = OpenApiExample(
    "Two calls",
    value={
        "batch": [
            {"type": "identify", "userId": "user-1", "traits": {"email": "ada@example.com"}},
            {"type": "track", "userId": "user-1", "event": "Signed Up", "messageId": "m-2"},
        ],
        "sentAt": "2026-11-20T10:38:43Z",
    },
    request_only=True,
)
OK = OpenApiExample("Stored", value=ACCEPTED, response_only=True, status_codes=["200"])
REFUSED = OpenApiExample(
    "One event of two refused",
    value={
        "error": "Bad Request",
        "code": "missing_id",
        "message": "userId: either userId or anonymousId is needed.",
        "detail": {
            "stored": 1,
            "repeated": 0,
            "refused": [
                {
                    "index": 1,
                    "field": "userId",
                    "code": "missing_id",
                    "message": "userId: either userId or anonymousId is needed.",
                }
            ],
        },
    },
    response_only=True,
    status_codes=["400"],
)
ANSWERS = {
    200: OpenApiResponse(dict, "All events are stored; a repeated messageId was stored before."),
    400: OpenApiResponse(dict, "Not JSON, or some events were refused; the good ones are stored."),
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    413: OpenApiResponse(dict, "The body is too large."),
    429: OpenApiResponse(dict, "Too fast for this key; Retry-After says how long to wait."),
}


class SingleCall(SegmentView):
    @extend_schema(
        operation_id="send_call",
        summary="Send one call",
        tags=["Events"],
        auth=[{"writeKey": []}],  # type: ignore[list-item]
        parameters=[OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=sorted(payloads.TYPES))],
        request=dict,
        responses=ANSWERS,
        examples=[TRACK, OK, REFUSED],
    )
    def post(self, request: Request, kind: str) -> Response:
        """Store one event, exactly once for each messageId."""
        return self.take(request, payloads.KINDS.get(kind, kind))


class BatchCall(SegmentView):
    @extend_schema(
        operation_id="send_batch",
        summary="Send up to 2,500 calls",
        tags=["Events"],
        auth=[{"writeKey": []}],  # type: ignore[list-item]
        request=dict,
        responses=ANSWERS,
        examples=[BATCH, OK, REFUSED],
    )
    def post(self, request: Request) -> Response:
        """Store a batch of events; good ones are stored even when others are refused."""
        return self.take(request, None)


@extend_schema_view(post=extend_schema(exclude=True))
class ShortCall(SingleCall):
    """The browser library's addresses for single calls: the same under one letter."""


@extend_schema_view(post=extend_schema(exclude=True))
class ShortBatch(BatchCall):
    """The browser library's address for batches."""


class SourceSettings(SegmentView):
    @extend_schema(
        operation_id="source_settings",
        summary="Settings for Segment's browser and mobile libraries",
        tags=["Events"],
        auth=[],
        responses={200: OpenApiResponse(dict, "Where the library sends its events.")},
        examples=[
            OpenApiExample(
                "Settings",
                value={
                    "integrations": {
                        "Segment.io": {"apiKey": "wk_1", "apiHost": "growth.example.com/v1", "protocol": "https"}
                    }
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, key: str) -> Response:
        """Answer what the library asks before it sends anything."""
        get_caller(key, secret=False)
        integration: dict[str, Any] = {
            "apiKey": key,
            "apiHost": f"{request.get_host()}/v1",
            "protocol": "https" if is_reached_by_https(request._request) else "http",  # noqa: SLF001
            "unbundledIntegrations": [],
            "addBundledMetadata": True,
            "deliveryStrategy": {"strategy": "standard"},
        }
        # Without `metrics` the browser library counts its own errors at Segment's servers.
        metrics = {"sampleRate": 0, "host": integration["apiHost"]}
        found = {"integrations": {"Segment.io": integration}, "plan": {}, "remotePlugins": [], "metrics": metrics}
        answer = Response(found)
        answer["Cache-Control"] = "public, max-age=60"
        return answer


def is_reached_by_https(request: HttpRequest) -> bool:
    """Tell whether browsers come by https, also where a proxy ends it and nobody said how many of them to trust."""
    own = urlsplit(settings.BASE_URL)
    return request.is_secure() or (own.scheme == "https" and own.netloc == request.get_host())


BROWSER_LIBRARY = settings.NODE_MODULES / "@segment" / "analytics-next" / "dist" / "umd"
# The library finds the address it came from in the page, but only one with https; with http it would go to Segment's.
HTTPS_ONLY, ALSO_HTTP = rb"/(https:\/\/.*)\/analytics\.js\/v1\/", rb"/(https?:\/\/.*)\/analytics\.js\/v1\/"


@cache
def _library() -> tuple[bytes, bytes]:
    """Return Segment's browser library, plain and packed. Raises Http404 where the npm packages are not installed."""
    try:
        plain = (BROWSER_LIBRARY / "standalone.js").read_bytes().replace(HTTPS_ONLY, ALSO_HTTP)
    except FileNotFoundError:
        raise Http404 from None
    return plain, gzip.compress(plain, mtime=0)


@require_safe
def browser_library(request: HttpRequest, key: str) -> HttpResponseBase:
    """Serve Segment's own browser library from its npm package."""
    plain, packed = _library()
    takes_packed = "gzip" in request.headers.get("Accept-Encoding", "")
    answer = HttpResponse(packed if takes_packed else plain, content_type="text/javascript; charset=utf-8")
    if takes_packed:
        answer["Content-Encoding"] = "gzip"
    patch_vary_headers(answer, ["Accept-Encoding"])
    return _public(answer, "public, max-age=300")


@require_safe
def browser_bundle(request: HttpRequest, file: str) -> HttpResponseBase:
    """Serve a bundle that the library loads when it needs it; its name changes with what is in it."""
    path: Path = (BROWSER_LIBRARY / file).resolve()
    if not path.is_relative_to(BROWSER_LIBRARY.resolve()) or not path.is_file():
        raise Http404
    answer = FileResponse(path.open("rb"), content_type=mimetypes.guess_type(path.name)[0])
    return _public(answer, "public, max-age=31536000, immutable" if ".bundle." in file else "public, max-age=300")


def _public(answer: HttpResponseBase, caching: str) -> HttpResponseBase:
    answer["Cache-Control"] = caching
    answer["Access-Control-Allow-Origin"] = "*"
    return answer
