"""AppsFlyer's engagements: clicks and views of ads sent by servers become touches.

GET or POST /v1.0/s2s/{click|impression}/app/{platform}/{app_id}, as AppsFlyer's "Engagements API" describes them. The
app is one of the project's vendor apps; its key comes in the header `authentication`, as with AppsFlyer's events.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from msgspec import Raw

from attribution import touches
from customers.services import Caller
from customers.throttle import admit
from events import services as events
from events.bodies import read_body
from events.dialects import opt_outs, reading, vendors
from events.dialects.base import Claim, UnknownApp, WrongKey
from events.ingest import Unreadable
from events.payloads import Refusal
from growthplatform.core.errors import Problem

DIALECT = "appsflyer"
LIMIT_BYTES = 64 * 1024
ADVERTISING = {"advertising_id", "idfa", "fire", "vida", "tifa", "rida", "lgudid", "psid", "vegaid"}
# Those with a place of their own in a touch; the others stay in its params.
NAMED = {
    "af_media_source", "af_campaign_id", "af_campaign", "af_adset", "af_ad", "af_siteid", "af_click_id", "af_model",
    "af_os_version", "af_device_id_type", "af_device_id_value", "af_ip", "af_user_agent", "af_request_id",
}  # fmt: skip
MANDATORY = ("af_media_source", "af_campaign_id")


@csrf_exempt
def engagement(request: HttpRequest, kind: str, platform: str, app_id: str) -> HttpResponse:
    """Store one touch; the answers are AppsFlyer's."""
    if request.method not in {"GET", "POST"}:
        return HttpResponse(status=405, headers={"Allow": "GET, POST"})
    key = request.headers.get("authentication") or request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        found = vendors.find(DIALECT, Claim(app_id, key.strip()))
        admit(found.caller)
        body = _sent(request)
        if not found.app_known:
            known = Refusal(0, UnknownApp.code, f"app_id: {app_id!r} is not one of the project's apps.", "app_id", body)
            events.reject(found.caller.project_id, request.path_info, [known])
            raise UnknownApp
        touch_id, refusal = _take(found.caller, kind, platform, app_id, body)
    except Problem as problem:
        return _refused(problem)
    if refusal is None:
        return HttpResponse(status=200, headers={"X-Ingest-Id": touch_id})
    events.reject(found.caller.project_id, request.path_info, [refusal])
    answer = JsonResponse({"message": "Bad Request"}, status=400)
    said = f"{refusal.code}: {refusal.message} Kept under Rejected events."
    answer["X-Ingest-Warning"] = said.encode("ascii", "replace").decode()
    return answer


def _take(caller: Caller, kind: str, platform: str, app_id: str, body: bytes) -> tuple[str, Refusal | None]:
    """Store the touch; return its id, and why it was refused if it was."""
    try:
        fields = _fields(body)
    except Unreadable as why:
        return "", Refusal(0, why.code, why.message, "", body)
    for name in MANDATORY:
        if not reading.text(fields.get(name)):
            return "", Refusal(0, "missing_source", f"{name}: is a mandatory field.", name, body)
    if opt_outs.is_out(caller.project_id, reading.text(fields.get("af_device_id_value"))):
        return "", Refusal(0, opt_outs.CODE, opt_outs.MESSAGE, "", b"")
    touch = _touch(kind, platform, app_id, fields)
    receipt = touches.take(caller, [Raw(msgspec.json.encode(touch))], received_at=timezone.now())
    return str(touch["touchId"]), receipt.refused[0]._replace(body=body) if receipt.refused else None


def _sent(request: HttpRequest) -> bytes:
    """Return the body, or what the query says as one."""
    body = read_body(request, LIMIT_BYTES) if request.method == "POST" else b""
    if body:
        return body
    return msgspec.json.encode(dict(parse_qsl(request.META.get("QUERY_STRING", ""), keep_blank_values=True)))


def _fields(body: bytes) -> Mapping[str, Any]:
    return {name: value for name, value in reading.object_of(body).items() if name.startswith("af_")}


def _touch(kind: str, platform: str, app_id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the touch as /v1/touches takes it. A repeat with the same af_request_id is the same touch."""

    def said(name: str) -> str:
        return reading.text(fields.get(name))

    device = reading.device_id(fields.get("af_device_id_value"))
    advertising = said("af_device_id_type") in ADVERTISING
    now = timezone.now().isoformat()
    touch_id = said("af_request_id") or reading.message_id(DIALECT, kind, app_id, dict(fields), now)
    return {
        "type": kind,
        "touchId": touch_id,
        "clickId": said("af_click_id")[:200],
        "campaign": {
            "source": said("af_media_source"),
            "id": said("af_campaign_id"),
            "name": said("af_campaign")[:100],
            "adSet": said("af_adset")[:100],
            "ad": said("af_ad")[:100],
            "publisher": said("af_siteid")[:100],
        },
        "context": {
            "ip": said("af_ip"),
            "userAgent": said("af_user_agent"),
            "app": {"namespace": app_id},
            "os": {"name": platform, "version": said("af_os_version")},
            "device": {
                "id": "" if advertising else device,
                "advertisingId": device if advertising else "",
                "model": said("af_model"),
            },
        },
        "params": {name: said(name) for name in fields if name not in NAMED and said(name)},
    }


def _refused(problem: Problem) -> HttpResponse:
    if isinstance(problem, UnknownApp):
        return JsonResponse({"message": "Application ID not found"}, status=404)
    if isinstance(problem, WrongKey):
        return JsonResponse({"message": "Authentication failed"}, status=401)
    status = problem.status if problem.status in {413, 429, 503} else 400
    return JsonResponse({"message": "Bad Request" if status == 400 else problem.message}, status=status)
