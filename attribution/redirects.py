"""The two addresses of a link: /c/… for taps, /i/… for views. Nothing else is as busy, so these are plain views."""

import base64
import hashlib
from functools import lru_cache
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.loader import get_template
from django.utils import timezone
from django.utils.encoding import iri_to_uri

from attribution import geo, links, touches
from attribution.domains import Host
from attribution.models import Link, Touch
from attribution.touches import Recorded, Visit
from growthplatform.core.http import client_ip

# The smallest picture there is: one transparent point.
PIXEL = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
NOT_KEPT = "no-store, private"
# What a sentence, a bracket or a copying hand leaves behind an address.
CLINGING = ".,;:!?…)]}>'\"’”»/ "


def click(request: HttpRequest, slug: str, host: Host | None = None) -> HttpResponse:
    """Store the tap, then send the person on: nobody arrives without having been counted.

    `host` is the project's own domain that was tapped: only that project's links stand on it.
    """
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    link = _find_link(slug, host)
    if link is None:
        return unknown(slug, host)
    if links.has_ended(link, now=timezone.now()):
        return _ended(link)
    recorded = _record(link, Touch.Type.CLICK, _visit(request))
    return _sent_on(touches.landing(link, recorded)) if recorded else unknown(slug, host)


def impression(request: HttpRequest, slug: str, host: Host | None = None) -> HttpResponse:
    """Store the view and answer an invisible picture."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    link = _find_link(slug, host)
    ended = link is not None and links.has_ended(link, now=timezone.now())
    if link is None or not (ended or _record(link, Touch.Type.IMPRESSION, _visit(request))):
        return unknown(slug, host)
    answer = HttpResponse(PIXEL, content_type="image/gif")
    answer["Cache-Control"] = NOT_KEPT
    return answer


def mistyped(request: HttpRequest, rest: str, host: Host | None = None) -> HttpResponse:
    """Send a tap on to the link that was meant where an address has something clinging to it, as in "/c/winter).".

    Everything else is an unknown link.
    """
    meant = rest.rstrip(CLINGING)
    if meant != rest and links.SLUG.fullmatch(meant.lower()) and _find_link(meant, host):
        query = request.META.get("QUERY_STRING", "")
        return HttpResponseRedirect(f"/c/{meant}" + (f"?{query}" if query else ""))
    return unknown(rest, host)


def unknown(slug: str, host: Host | None) -> HttpResponse:
    """Answer the page for an address that is no link."""
    home = f"https://{host.home}" if host and host.home else ""
    return _page(404, {"slug": slug[:60], "url": home, "place": host.home if host else ""})


def _ended(link: Link) -> HttpResponse:
    """Send on who comes after a link's end, or say that it is over. Neither is counted."""
    if place := links.last_place(link):
        return _sent_on(place)
    url = links.plain_place(link)
    return _page(410, {"link": link, "url": url, "place": urlsplit(url).hostname, "zone": link.project.tz})


def _sent_on(place: str) -> HttpResponse:
    answer = HttpResponse(status=302)
    answer["Location"] = iri_to_uri(place)
    answer["Cache-Control"] = NOT_KEPT
    return answer


def _page(status: int, context: dict[str, object]) -> HttpResponse:
    """Answer a page that stands alone: on a customer's domain there is nothing of ours to load."""
    style, digest = _style()
    html = get_template("attribution/link_none.html").render({**context, "status": status, "style": style})
    answer = HttpResponse(html, status=status)
    answer["Cache-Control"] = NOT_KEPT
    answer["X-Robots-Tag"] = "noindex"
    answer["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    return answer


@lru_cache(maxsize=1)
def _style() -> tuple[str, str]:
    """Return the style of that page and the digest by which a browser knows it."""
    text = get_template("attribution/link_none.css").render().strip()
    return text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _record(link: Link, type_: str, visit: Visit) -> Recorded | None:
    try:
        return touches.record(link, type_, visit, now=timezone.now())
    except psycopg.errors.ForeignKeyViolation:  # deleted within the seconds that links are remembered
        return None


def _find_link(slug: str, host: Host | None) -> Link | None:
    link = touches.find_link(slug)
    return link if link is None or host is None or link.project_id == host.project_id else None


def _visit(request: HttpRequest) -> Visit:
    meta = request.META
    return Visit(
        query=request.GET.dict() if meta.get("QUERY_STRING") else {},
        user_agent=meta.get("HTTP_USER_AGENT", ""),
        ip=client_ip(request, settings.TRUSTED_PROXIES),
        locale=meta.get("HTTP_ACCEPT_LANGUAGE", "").split(",")[0].split(";")[0].strip(),
        path=request.path_info,
        country=geo.country_said(request.headers) if settings.COUNTRY_HEADER else "",
        # A browser asks with HEAD for nobody; a prefetch may never be looked at.
        machine=request.method == "HEAD" or "prefetch" in meta.get("HTTP_SEC_PURPOSE", meta.get("HTTP_PURPOSE", "")),
    )
