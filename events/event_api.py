"""Events and refused events for programs: read by filters, counted, replayed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive, make_aware
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api import ProjectView
from customers.models import Project
from events import listing
from events.engine.answers import Missing
from events.models import Event, Rejected
from events.presenting import as_json
from events.queries import ids_of
from events.repairs import path_of, replay_once
from events.services import person_ids
from events.wanted import Wanted
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import limit_of, paginate

TRUE = {"true", "1"}
REFUSED = {
    400: OpenApiResponse(dict, "A parameter can't be read."),
    401: OpenApiResponse(dict, "No key, or not a valid one."),
}


def moment(query: Mapping[str, str], field: str, project: Project) -> datetime | None:
    """Return a time from the query string; without a zone it is meant in the project's. Raises InvalidField."""
    text = query.get(field, "").replace(" ", "+")  # an unescaped + of a zone arrives as a space
    if not text:
        return None
    try:
        day = parse_date(text)
        at = datetime(day.year, day.month, day.day) if day else parse_datetime(text)  # noqa: DTZ001 -- made aware below
        if at is not None and 1970 <= at.year < 3000:
            return make_aware(at, project.tz) if is_naive(at) else at
    except ValueError:
        pass
    raise InvalidField.named(field, "must be a day or a time in ISO 8601, like 2026-11-20 or 2026-11-20T10:38:42Z.")


def _person(query: Mapping[str, str]) -> int | None:
    text = query.get("personId", "")
    if not text:
        return None
    number = text.removeprefix("p_")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise InvalidField.named("personId", "must be an id like p_12.")
    return int(number)


def wanted_of(project: Project, query: Mapping[str, str]) -> Wanted:
    """Return which events the filters of a query string want. Raises InvalidField."""
    if any("\x00" in value for value in query.values()):
        raise InvalidField.named("query", "holds a NUL character.")
    person = _person(query)
    since, until = moment(query, "from", project), moment(query, "to", project)
    kind = query.get("type", "")
    if kind and kind not in Event.Type.values:
        raise InvalidField.named("type", f"must be one of {', '.join(Event.Type.values)}.")
    return Wanted(
        since=since,
        until=until,
        type=kind,
        name=query.get("name", ""),
        user_id=query.get("userId", ""),
        anonymous_id=query.get("anonymousId", ""),
        distinct_ids=None if person is None else tuple(ids_of(project, person)),
    )


EVENT = {
    "messageId": "9abe7f6d-1",
    "type": "track",
    "event": "Order Completed",
    "userId": "user-1",
    "anonymousId": None,
    "personId": "p_12",
    "timestamp": "2026-11-20T10:38:42+00:00",
    "originalTimestamp": "2026-11-20T10:38:40+00:00",
    "receivedAt": "2026-11-20T10:38:43+00:00",
    "clamped": False,
    "ip": "203.0.113.7",
    "properties": {"revenue": 39.95, "currency": "USD"},
    "context": {},
}


class EventList(ProjectView):
    @extend_schema(
        operation_id="list_events",
        summary="Read events",
        tags=["Events"],
        parameters=[
            OpenApiParameter("from", str, description="Happened at or after this time or day."),
            OpenApiParameter("to", str, description="Happened before this time, or before this day begins."),
            OpenApiParameter("name", str, description="Exactly this name, for example Order Completed."),
            OpenApiParameter("type", str, enum=Event.Type.values),
            OpenApiParameter("userId", str),
            OpenApiParameter("anonymousId", str),
            OpenApiParameter("personId", str, description="All ids of one person, like p_12."),
            OpenApiParameter("limit", int, description="Up to 500; 50 when absent."),
            OpenApiParameter("cursor", str, description="The `next` of the page before."),
            OpenApiParameter("count", bool, description="true answers only how many there are."),
        ],
        responses={
            200: OpenApiResponse(
                dict,
                "Newest arrival first; `next` is null on the last page. `missing`, where it is there, names sealed"
                " files that can't be read at the moment: their rows are not in the answer.",
            ),
            **REFUSED,
        },
        examples=[
            OpenApiExample(
                "A page", value={"results": [EVENT], "next": None}, response_only=True, status_codes=["200"]
            ),
            OpenApiExample("count=true", value={"count": 48552}, response_only=True, status_codes=["200"]),
        ],
    )
    def get(self, request: Request) -> Response:
        """Return events of the log, newest arrival first."""
        query = request.GET.dict()
        wanted, now = wanted_of(self.project, query), timezone.now()
        if query.get("count", "").lower() in TRUE:
            number, missing = listing.count(self.project, wanted, now=now)
            return Response({"count": number, **named(missing)})
        found = listing.page(self.project, wanted, cursor=query.get("cursor", ""), limit=limit_of(query), now=now)
        ids = {event.user_id or event.anonymous_id or "" for event in found.rows}
        people = person_ids(self.project.pk, sorted(ids))
        rows = [as_json(event, people) for event in found.rows]
        return Response({"results": rows, "next": found.next, **named(found.missing)})


def named(missing: Sequence[Missing]) -> dict[str, Any]:
    """Return the part of an answer that names the segments whose rows it lacks; nothing where it has all."""
    shown = [
        {"segment": one.segment, "from": f"{one.first_day}", "to": f"{one.last_day}", "rows": one.rows, "why": one.why}
        for one in missing
    ]
    return {"missing": shown} if shown else {}


def rejected_json(row: Rejected) -> dict[str, Any]:
    """Return a refusal as the API shows it."""
    return {
        "id": row.pk,
        "code": row.code,
        "message": row.message,
        "field": row.field,
        "path": row.path,
        "state": row.state,
        "seen": row.seen,
        "firstSeenAt": row.received_at.isoformat(),
        "lastSeenAt": row.last_at.isoformat(),
        "body": row.body,
        "cut": row.cut,
    }


REJECTED = {
    "id": 7,
    "code": "missing_id",
    "message": "userId: either userId or anonymousId is needed.",
    "field": "userId",
    "path": "/v1/batch",
    "state": "open",
    "seen": 3,
    "firstSeenAt": "2026-11-20T10:38:42+00:00",
    "lastSeenAt": "2026-11-20T10:41:02+00:00",
    "body": '{"type":"track","event":"Signed Up"}',
    "cut": False,
}


class RejectedList(ProjectView):
    @extend_schema(
        operation_id="list_rejected",
        summary="Read refused events",
        tags=["Rejected events"],
        parameters=[
            OpenApiParameter("code", str),
            OpenApiParameter("state", str, enum=[*Rejected.State.values, "all"], description="open when absent."),
            OpenApiParameter("limit", int, description="Up to 500; 50 when absent."),
            OpenApiParameter("cursor", str, description="The `next` of the page before."),
            OpenApiParameter("count", bool, description="true answers only how many there are."),
        ],
        responses={200: OpenApiResponse(dict, "Last seen first; `next` is null on the last page."), **REFUSED},
        examples=[
            OpenApiExample(
                "A page", value={"results": [REJECTED], "next": None}, response_only=True, status_codes=["200"]
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Return what was refused, with the reason and the body; the same refusal again counts up `seen`."""
        query = request.GET.dict()
        state = query.get("state") or "open"
        if state not in {*Rejected.State.values, "all"}:
            raise InvalidField.named("state", f"must be one of {', '.join([*Rejected.State.values, 'all'])}.")
        rows = Rejected.objects.filter(project=self.project)
        rows = rows if state == "all" else rows.filter(state=state)
        if code := query.get("code", "").replace("\x00", ""):
            rows = rows.filter(code=code)
        if query.get("count", "").lower() in TRUE:
            return Response({"count": rows.count()})
        found = paginate(rows, ["-last_at", "-id"], cursor=query.get("cursor", ""), limit=limit_of(query))
        return Response({"results": [rejected_json(row) for row in found.rows], "next": found.next})


class RejectedReplay(ProjectView):
    @extend_schema(
        operation_id="replay_rejected",
        summary="Replay a refused event",
        tags=["Rejected events"],
        parameters=[
            OpenApiParameter(
                "path", str, description="The address that it should have been sent to, of a vendor's format."
            )
        ],
        request=dict,
        responses={
            200: OpenApiResponse(dict, "It is stored, or was stored before."),
            400: OpenApiResponse(dict, "Still refused; the new reason."),
            401: OpenApiResponse(dict, "No key, or not a valid one."),
            404: OpenApiResponse(dict, "The project has no such refusal."),
            409: OpenApiResponse(dict, "It was replayed before, only its beginning was kept, or it is a touch."),
        },
        examples=[
            OpenApiExample(
                "Repaired",
                value={"type": "track", "event": "Signed Up", "userId": "user-1", "messageId": "m-2"},
                request_only=True,
            ),
            OpenApiExample("Stored", value={"stored": 1, "repeated": 0}, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request, rejected_id: int) -> Response:
        """Send a refused event again: with the body of this request, or as it came when this one is empty."""
        rejected = get_object_or_404(Rejected.objects.select_related("project"), project=self.project, pk=rejected_id)
        body = request._request.body  # noqa: SLF001 -- the bytes as they came
        path = path_of(rejected, request.GET.get("path", ""))
        receipt = replay_once(rejected, body if body.strip() else None, path=path)
        return Response({"stored": receipt.stored, "repeated": receipt.repeated})
