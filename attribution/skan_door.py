"""Where phones send Apple's postbacks: the well-known addresses, on our host and on the customers' own."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from attribution.domains import Host
from attribution.skan import receiving
from attribution.skan.judging import AAK, SKAN
from attribution.skan.verifying import VALID
from events.bodies import BodyTooLarge, read_body
from growthplatform.core import errors
from growthplatform.core.errors import Problem
from growthplatform.core.http import client_ip

KINDS = {
    "/.well-known/skadnetwork/report-attribution": SKAN,
    "/.well-known/appattribution/report-attribution": AAK,
}


def kind_at(path: str) -> str:
    """Return which kind of postback an address takes, "" for any other address."""
    return KINDS.get(path.removesuffix("/"), "")


@csrf_exempt
def receive(request: HttpRequest, host: Host | None = None) -> HttpResponse:
    """Store a postback and answer 200, whatever its signature says: a phone sends all else again for nine days.

    Only what is larger than any postback (its beginning is kept) and what comes too fast is refused.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    try:
        return _taken(request, host)
    except Problem as problem:
        answer = JsonResponse(errors.shape(problem), status=problem.status)
        if problem.retry_after_s:
            answer["Retry-After"] = str(problem.retry_after_s)
        return answer


def _taken(request: HttpRequest, host: Host | None) -> HttpResponse:
    receiving.admit(client_ip(request, settings.TRUSTED_PROXIES))
    now, kind, project_id = timezone.now(), kind_at(request.path_info), host.project_id if host else None
    try:
        body = read_body(request, receiving.BODY_BYTES)
    except BodyTooLarge as problem:
        # One byte more than is read of any body says that it was cut.
        head = bytes(problem.args[0]).ljust(receiving.BODY_BYTES + 1)
        receiving.take(head, kind=kind, project_id=project_id, now=now)
        raise
    taken = receiving.take(body, kind=kind, project_id=project_id, now=now)
    answer = JsonResponse({"success": True})
    if taken.judged.state != VALID:
        answer["X-Ingest-Warning"] = taken.judged.verdict.problem
    elif taken.postback.project_id is None:
        answer["X-Ingest-Warning"] = "unknown_app"
    return answer
