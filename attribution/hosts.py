"""The customers' own domains: what answers on them, and that nothing else does."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.request import split_domain_port, validate_host
from django.views.decorators.http import require_safe

from attribution import domains, redirects, skan_door
from attribution.domains import Host

GetResponse = Callable[[HttpRequest], HttpResponse]
LINKS = ("/c/", "/i/")
APPLE = "/.well-known/apple-app-site-association"
ANDROID = "/.well-known/assetlinks.json"
ROBOTS = "User-agent: *\nDisallow:\n"
# Apple and Google keep the files for hours anyhow; a changed app should not wait longer for us.
FILE_CACHE = "public, max-age=300"


class LinkHosts:
    """Answer on a verified domain its project's links, the files of its apps and Apple's postbacks, and nothing else.

    Such a domain need not be in ALLOWED_HOSTS, as no page of the product is reached by it. Every other host goes on to
    where ALLOWED_HOSTS decides; links answer only on those that it allows.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        header = request.META.get("HTTP_HOST", "")
        host = domains.find(header)
        if host is not None:
            return _finished(_answer(request, host))
        if request.path_info.startswith(LINKS) and not _is_ours(header):
            return _finished(redirects.unknown("", None))
        return self.get_response(request)


def _is_ours(header: str) -> bool:
    """Say whether the installation answers by this name; a request of HTTP/1.0 may name none."""
    return not header or validate_host(split_domain_port(header)[0], settings.ALLOWED_HOSTS)


def _answer(request: HttpRequest, host: Host) -> HttpResponse:
    kind, _, rest = request.path_info.removeprefix("/").partition("/")
    if request.path_info == APPLE:
        return _file(request, domains.apple_association(host))
    if request.path_info == ANDROID:
        return _file(request, domains.asset_links(host))
    if skan_door.kind_at(request.path_info):
        return skan_door.receive(request, host)
    if request.path_info == "/robots.txt":
        return HttpResponse(ROBOTS, content_type="text/plain")
    if kind == "i" and rest:
        return redirects.impression(request, rest, host)
    slug = rest if kind == "c" and rest else request.path_info.removeprefix("/")
    if slug.isascii() and slug.replace("-", "").replace("_", "").isalnum():
        return redirects.click(request, slug, host)
    return redirects.mistyped(request, slug, host)


def _file(request: HttpRequest, content: object) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if content is None:
        return HttpResponse("No app opens the addresses of this host.\n", status=404, content_type="text/plain")
    answer = JsonResponse(content, safe=False)
    answer["Cache-Control"] = FILE_CACHE
    return answer


@require_safe
def verified(request: HttpRequest) -> HttpResponse:
    """Say whether a host is a verified one, for a proxy that fetches certificates by itself."""
    known = domains.find(request.GET.get("domain", "")) is not None
    return JsonResponse({"verified": known}, status=200 if known else 404)


def _finished(answer: HttpResponse) -> HttpResponse:
    """Add what the middleware further down adds to other answers."""
    answer["Content-Length"] = str(len(answer.content))
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
