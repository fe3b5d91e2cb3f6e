"""The two addresses of a link: /c/… for taps, /i/… for views. Nothing else is as busy, so these are plain views."""

import base64

import psycopg
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone
from django.utils.encoding import iri_to_uri

from attribution import touches
from attribution.models import Link, Touch
from attribution.touches import Recorded, Visit
from growthplatform.core.http import client_ip

# The smallest picture there is: one transparent point.
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NOT_KEPT = "no-store, private"
GONE = "This link does not exist any more, or never did."


def click(request: HttpRequest, slug: str) -> HttpResponse:
    """Store the tap, then send the person on: nobody arrives without having been counted."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    link = _get_link(slug)
    recorded = _record(link, Touch.Type.CLICK, _visit(request))
    answer = HttpResponse(status=302)
    answer["Location"] = iri_to_uri(touches.landing(link, recorded))
    answer["Cache-Control"] = NOT_KEPT
    return answer


def impression(request: HttpRequest, slug: str) -> HttpResponse:
    """Store the view and answer an invisible picture."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    _record(_get_link(slug), Touch.Type.IMPRESSION, _visit(request))
    answer = HttpResponse(PIXEL, content_type="image/gif")
    answer["Cache-Control"] = NOT_KEPT
    return answer


def _record(link: Link, type_: str, visit: Visit) -> Recorded:
    try:
        return touches.record(link, type_, visit, now=timezone.now())
    except psycopg.errors.ForeignKeyViolation:  # deleted within the seconds that links are remembered
        raise Http404(GONE) from None


def _get_link(slug: str) -> Link:
    link = touches.find_link(slug)
    if link is None:
        raise Http404(GONE)
    return link


def _visit(request: HttpRequest) -> Visit:
    meta = request.META
    return Visit(
        query=request.GET.dict() if meta.get("QUERY_STRING") else {},
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        ip=client_ip(request, settings.TRUSTED_PROXIES),
        locale=meta.get("HTTP_ACCEPT_LANGUAGE", "").split(",")[0].split(";")[0].strip(),
        # A browser asks with HEAD for nobody; a prefetch may never be looked at.
        machine=request.method == "HEAD" or "prefetch" in meta.get("HTTP_SEC_PURPOSE", meta.get("HTTP_PURPOSE", "")),
    )
