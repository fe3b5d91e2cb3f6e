"""The addresses of Branch's links: /v1/url and /v1/url/bulk/{branch_key}, answered in Branch's shapes."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from attribution import branch_links, links
from attribution.models import Link
from customers.models import Project
from customers.throttle import admit
from events import services as events
from growthplatform.core.errors import InvalidField, Problem

LIMIT_BYTES = 100_000  # Branch's own, of a bulk request
VENDOR = "branch"
INVALID_KEY = "Invalid or missing app id, Branch key, or secret"
NO_SECRET = "Enter the app's Branch secret under Connections, Vendor formats, or send a secret key of the project."  # noqa: S105
View = Callable[..., HttpResponse]


class _BadKey(Problem):
    status = 401  # Branch says 400
    code = "invalid_key"
    message = INVALID_KEY


def _door(*methods: str) -> Callable[[View], View]:
    """Return what makes a view Branch's: open to pages of any site, refusing in Branch's two shapes."""

    def wrapped(view: View) -> View:
        @csrf_exempt
        def opened(request: HttpRequest, **parts: str) -> HttpResponse:
            if request.method == "OPTIONS":
                return events.answer_any_site(request, events.preflight(request, methods))
            if request.method not in methods:
                answer = HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
                return events.answer_any_site(request, answer)
            try:
                answer = view(request, **parts)
            except Problem as problem:
                answer = _refused(problem)
            return events.answer_any_site(request, answer)

        return opened

    return wrapped


def _refused(problem: Problem) -> HttpResponse:
    status = problem.status
    if isinstance(problem, InvalidField):
        content: dict[str, Any] = {row["field"]: row["message"] for row in problem.detail}
    elif problem.code in {"unknown_app", "wrong_key", "invalid_key"}:
        status, content = 400, {"message": INVALID_KEY, "code": 400}
    elif problem.code == "rate_limited":
        content = {"message": "Rate Limit Reached", "code": status}
    else:
        content = {"message": problem.message, "code": status}
    answer = _json({"error": content}, status)
    if problem.retry_after_s:
        answer["Retry-After"] = str(problem.retry_after_s)
    if isinstance(problem, _BadKey) and problem.detail:
        answer[events.WARNING] = problem.detail
    return answer


def _json(content: object, status: int = 200) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(content), status=status, content_type="application/json")


@_door("GET", "POST", "PUT")
def url(request: HttpRequest) -> HttpResponse:
    """Make a link, read one, or change one."""
    base = links.base_address(request)
    if request.method == "GET":
        project = _project(request.GET.get("branch_key", ""))
        return _json(branch_links.shape_of(branch_links.find(project, request.GET.get("url", "")), base))
    sent = _body(request)
    if not isinstance(sent, dict):
        raise Problem("The body must be an object.", code="not_an_object")
    key = str(sent.get("branch_key") or "")
    project = _project(key)
    if request.method == "POST":
        return _json({"url": branch_links.address(branch_links.create(project, branch_links.read(sent)), base)})
    _check_secret(project, key, str(sent.get("branch_secret") or ""))
    link = branch_links.find(project, request.GET.get("url") or str(sent.get("url") or ""))
    return _json(branch_links.shape_of(branch_links.change(link, sent), base))


@_door("POST")
def bulk(request: HttpRequest, branch_key: str) -> HttpResponse:
    """Make up to 2,000 links; the answer has an address or an error for each, in their order."""
    sent = _body(request)
    if not isinstance(sent, list):
        raise Problem("The body must be a list.", code="not_a_list")
    if len(sent) > links.MAX_MANY:
        raise Problem(f"At most {links.MAX_MANY:,} links a request.", code="too_many_links")
    project = _project(branch_key, events_=max(1, len(sent)))
    read = [_read(one) for one in sent]
    made = iter(branch_links.create_many(project, [one for one in read if not isinstance(one, Problem)]))
    base = links.base_address(request)
    return _json([_result(one if isinstance(one, Problem) else next(made), base) for one in read])


def _read(one: object) -> dict[str, Any] | Problem:
    if not isinstance(one, Mapping):
        return InvalidField.named("body", branch_links.TYPE)
    try:
        return branch_links.read(one)
    except Problem as problem:
        return problem


def _result(one: Link | Problem, base: str) -> dict[str, str]:
    return {"error": one.message} if isinstance(one, Problem) else {"url": branch_links.address(one, base)}


def _project(key: str, *, events_: int = 1) -> Project:
    """Return whose the key is, counted against its limit. Raises Problem."""
    if not key:
        raise _BadKey
    caller = events.vendor_app_owner(VENDOR, key)
    admit(caller, events_)
    return Project.objects.get(pk=caller.project_id)


def _check_secret(project: Project, key: str, secret: str) -> None:
    if not events.is_vendor_secret(project.pk, VENDOR, key, secret):
        raise _BadKey(detail=NO_SECRET)


def _body(request: HttpRequest) -> Any:
    body = events.read_body(request, LIMIT_BYTES)
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Problem(f"The body is not valid JSON: {wrong}.", code="invalid_json") from None
