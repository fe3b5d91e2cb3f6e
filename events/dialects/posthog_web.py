"""What PostHog's clients ask besides sending: flags, the project's settings, the browser library itself.

There are no flags in this product yet, so none are answered; recordings, surveys and heatmaps are switched off.
"""

import gzip
import json
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from uuid import uuid4

import msgspec
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, re_path
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from events.bodies import read_body
from events.dialects import posthog, posthog_body, vendors
from events.dialects.base import Claim
from events.dialects.door import preflight, shared
from growthplatform.core.errors import Problem

LIBRARY = settings.NODE_MODULES / "posthog-js" / "dist"
CACHED = "public, max-age=300"
METHODS = ("GET", "POST")
View = Callable[..., HttpResponse]


def open_to_browsers(view: View) -> View:
    """Let the scripts of any site call `view`, as PostHog does."""

    @csrf_exempt
    def opened(request: HttpRequest, **parts: str) -> HttpResponse:
        if request.method == "OPTIONS":
            return shared(request, preflight(request, METHODS))
        if request.method not in METHODS:
            return shared(request, HttpResponse(status=405, headers={"Allow": ", ".join(METHODS)}))
        try:
            answer = view(request, **parts)
        except Problem as problem:
            answer = _refused(problem)
        return shared(request, answer)

    return opened


def _refused(problem: Problem) -> HttpResponse:
    unknown = problem.code in {"unknown_app", "wrong_key", "invalid_key"}
    kind = "authentication_error" if unknown else "validation_error"
    shape = {"type": kind, "code": problem.code, "detail": problem.message, "attr": None}
    return JsonResponse(shape, status=401 if unknown else problem.status)


def settings_of(key: str) -> dict[str, Any]:
    """Return what the browser library is told of a project: what to send, where to, and what is switched off."""
    return {
        "token": key,
        "supportedCompression": ["gzip", "gzip-js"],
        "analytics": {"endpoint": "/i/v0/e/"},
        "elementsChainAsString": True,
        # There are none, but a page that waits for its flags must hear so.
        "hasFeatureFlags": True,
        "defaultIdentifiedOnly": True,
        "autocapture_opt_out": False,
        "autocaptureExceptions": False,
        "captureDeadClicks": False,
        "capturePerformance": False,
        "heatmaps": False,
        "sessionRecording": False,
        "surveys": False,
        "productTours": False,
        "conversations": False,
        "isAuthenticated": False,
        "toolbarParams": {},
        "siteApps": [],
    }


def _flags(request: HttpRequest) -> HttpResponse:
    version = request.META.get("QUERY_STRING", "").partition("v=")[2][:1]
    key = _key(request)
    vendors.find(posthog.NAME, Claim(key, key))
    found: dict[str, Any] = {"errorsWhileComputingFlags": False, "requestId": str(uuid4())}
    is_decide = request.path_info.startswith("/decide")
    if version.isdigit() and int(version) >= (4 if is_decide else 2):
        found |= {"flags": {}, "evaluatedAt": int(time.time() * 1000)}
    else:
        found |= {"featureFlags": [] if is_decide and version in {"", "1"} else {}, "featureFlagPayloads": {}}
    if is_decide or "config=true" in request.META.get("QUERY_STRING", ""):
        found |= settings_of(key)
    return JsonResponse(found)


def _key(request: HttpRequest) -> str:
    query = request.META.get("QUERY_STRING", "")
    body = read_body(request, posthog_body.SINGLE_BYTES)
    text = posthog_body.unwrapped(query, body) if body or "data=" in query else b"{}"
    return posthog_body.key_of(text, query)


def _definitions(request: HttpRequest) -> HttpResponse:
    """Answer a server that evaluates flags by itself: there are none."""
    key = request.GET.get("token", "")
    vendors.find(posthog.NAME, Claim(key, key))
    return JsonResponse({"flags": [], "group_type_mapping": {}, "cohorts": {}})


def _known(key: str) -> dict[str, Any]:
    try:
        vendors.find(posthog.NAME, Claim(key, key))
    except Problem:
        raise Http404 from None
    return settings_of(key)


def _config(request: HttpRequest, key: str) -> HttpResponse:
    answer = JsonResponse(_known(key))
    answer["Cache-Control"] = CACHED
    return answer


def _config_script(request: HttpRequest, key: str) -> HttpResponse:
    return _script(request, _preloaded(key), b"")


def _library_with_config(request: HttpRequest, key: str) -> HttpResponse:
    return _script(request, _preloaded(key), _file("array.js")[0])


def _preloaded(key: str) -> bytes:
    # "<" could end the script where a page has it inline.
    found = json.dumps({"config": _known(key), "siteApps": []}).replace("<", "\\u003c")
    name = msgspec.json.encode(key).decode().replace("<", "\\u003c")
    holder = "window._POSTHOG_REMOTE_CONFIG"
    return f"(function(){{{holder}={holder}||{{}};{holder}[{name}]={found};}})();\n".encode()


@lru_cache(maxsize=64)
def _file(name: str) -> tuple[bytes, bytes]:
    """Return a file of the browser library, plain and packed. Raises Http404 where there is none of that name."""
    try:
        plain = (LIBRARY / name).read_bytes()
    except FileNotFoundError:
        raise Http404 from None
    return plain, gzip.compress(plain, mtime=0)


@require_safe
def library(request: HttpRequest, name: str, version: str = "") -> HttpResponse:
    """Serve PostHog's own browser library, and the parts that it loads when it needs them, from its npm package."""
    plain, packed = _file(name)
    return shared(request, _script(request, plain, b"", packed))


def _script(request: HttpRequest, text: bytes, rest: bytes, packed: bytes = b"") -> HttpResponse:
    takes_packed = "gzip" in request.headers.get("Accept-Encoding", "")
    body = (packed or gzip.compress(text + rest, 6, mtime=0)) if takes_packed else text + rest
    answer = HttpResponse(body, content_type="text/javascript; charset=utf-8")
    if takes_packed:
        answer["Content-Encoding"] = "gzip"
    answer["Cache-Control"] = CACHED
    patch_vary_headers(answer, ["Accept-Encoding"])
    return answer


# Sending is in registry.py, as with all dialects.
ROUTES: list[URLPattern] = [
    re_path(r"^(?:flags|decide)/?$", open_to_browsers(_flags), name="posthog-flags"),
    re_path(r"^(?:flags/definitions|api/feature_flag/local_evaluation)/?$", open_to_browsers(_definitions)),
    path("array/<str:key>/config", open_to_browsers(_config), name="posthog-config"),
    path("array/<str:key>/config.js", open_to_browsers(_config_script)),
    path("array/<str:key>/array.js", open_to_browsers(_library_with_config)),
    # Our own files of /static/ are answered before any address is looked at.
    re_path(r"^static/(?:(?P<version>\d[\w.-]*)/)?(?P<name>[a-z][\w.-]*\.js)$", library, name="posthog-library"),
]
