"""The API of destinations and of the messages that were sent to them."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.link_api import ERRORS, Strict
from attribution.models import Destination, Postback
from attribution.postbacks import destinations, queries
from attribution.postbacks.queries import LogFilter
from attribution.postbacks.rendering import MACROS
from attribution.postbacks.templates import BY_CODE, TEMPLATES
from customers.api import ProjectView
from growthplatform.core.errors import InvalidField, NotFound
from growthplatform.core.paging import limit_of, paginate

NEWEST = ("-id",)
MOST_AGAIN = 1_000
WEBHOOK: dict[str, Any] = {
    "id": 7,
    "kind": "webhook",
    "name": "Our warehouse",
    "template": "webhook",
    "method": "POST",
    "url": "https://hooks.techstart.example/attribution",
    "headers": {},
    "body": "",
    "news": ["install", "reinstall", "reattribution", "rejected", "*"],
    "sources": [],
    "hasToken": False,
    "state": "live",
    "health": {"waiting": 0, "delivered": 412, "failed": 0},
    "createdAt": "2026-11-19T09:41:30Z",
    "pausedAt": None,
    "archivedAt": None,
}
WEBHOOK_INPUT = {"template": "webhook", "name": "Our warehouse", "url": "https://hooks.techstart.example/attribution"}
MESSAGE: dict[str, Any] = {
    "id": 90211,
    "key": "dec_4812-1-install",
    "destination": 7,
    "news": "install",
    "decision": "dec_4812",
    "corrects": None,
    "replayOf": None,
    "state": "delivered",
    "tries": 1,
    "status": 200,
    "problem": "",
    "nextAt": None,
    "createdAt": "2026-11-20T10:42:00Z",
    "deliveredAt": "2026-11-20T10:42:01Z",
}
TRY = {"at": "2026-11-20T10:42:01Z", "ms": 38, "status": 200, "problem": "", "answer": "OK"}
REFUSED = {
    "error": "Bad Request",
    "code": "invalid_field",
    "message": "url: 10.0.0.7 is 10.0.0.7, which is not an address of the public internet.",
    "detail": [
        {"field": "url", "message": "10.0.0.7 is 10.0.0.7, which is not an address of the public internet."},
    ],
}
NO_SUCH = {404: OpenApiResponse(dict, "No such row in this project.")}


class DestinationChange(Strict):
    name = serializers.CharField(required=False, max_length=100)
    method = serializers.ChoiceField(required=False, choices=["GET", "POST"])
    url = serializers.CharField(required=False, max_length=2_000, help_text="With macros in braces.")
    headers = serializers.DictField(required=False, child=serializers.CharField(max_length=500, allow_blank=True))
    body = serializers.CharField(
        required=False, allow_blank=True, trim_whitespace=False, help_text="A webhook without one gets our own JSON."
    )
    news = serializers.ListField(
        required=False,
        child=serializers.CharField(max_length=200),
        help_text="install, reinstall, reattribution, rejected, names of events, or * for any conversion.",
    )
    sources = serializers.ListField(required=False, child=serializers.CharField(max_length=60))
    token = serializers.CharField(
        required=False, allow_blank=True, max_length=4_000, help_text="What {token} stands for; it can't be read back."
    )
    paused = serializers.BooleanField(required=False)
    archived = serializers.BooleanField(required=False)


class DestinationInput(DestinationChange):
    template = serializers.ChoiceField(
        choices=[template.code for template in TEMPLATES], help_text="What is left out comes from it."
    )


class Again(Strict):
    ids = serializers.ListField(child=serializers.IntegerField(), allow_empty=False, max_length=MOST_AGAIN)


class PostbacksView(ProjectView):
    """What the views of destinations and messages share."""

    def destination(self, destination_id: int) -> Destination:
        found = self.project.destinations.select_related("project").filter(pk=destination_id).first()
        if found is None:
            raise NotFound(f"There is no destination {destination_id} in this project.")
        return found

    def message(self, postback_id: int) -> Postback:
        found = self.project.postbacks.select_related("destination").filter(pk=postback_id).first()
        if found is None:
            raise NotFound(f"There is no message {postback_id} in this project.")
        return found


def shapes_of(rows: list[Destination]) -> list[dict[str, Any]]:
    """Return destinations as the API shows them."""
    now = timezone.now()
    known = queries.health(rows, now=now)
    return [
        {
            **{name: getattr(row, name) for name in ("kind", "name", "template", "method", "url", "headers", "body")},
            "id": row.pk,
            "news": row.news,
            "sources": row.sources,
            "hasToken": destinations.has_token(row),
            "state": queries.state_of(row, now=now),
            "health": {name: getattr(known[row.pk], name) for name in ("waiting", "delivered", "failed")},
            "createdAt": row.created_at,
            "pausedAt": row.paused_at,
            "archivedAt": row.archived_at,
        }
        for row in rows
    ]


def shape_of(row: Postback) -> dict[str, Any]:
    """Return a message as lists show it."""
    return {
        "id": row.pk,
        "key": row.idempotency_key,
        "destination": row.destination_id,
        "news": row.news,
        "decision": f"dec_{row.decision_id}" if row.decision_id else None,
        "corrects": row.corrects_id,
        "replayOf": row.replay_of_id,
        "state": row.state,
        "tries": row.tries,
        "status": row.status,
        "problem": row.problem,
        "nextAt": row.next_at if row.state == Postback.State.WAITING else None,
        "createdAt": row.created_at,
        "deliveredAt": row.delivered_at,
    }


class DestinationList(PostbacksView):
    @extend_schema(
        operation_id="list_destinations",
        summary="List destinations of postbacks and webhooks",
        tags=["Postbacks"],
        parameters=[OpenApiParameter("archived", bool, description="true: the archived ones instead.")],
        responses={200: OpenApiResponse(dict, "All of them, newest first."), **ERRORS},
        examples=[OpenApiExample("One webhook", value={"results": [WEBHOOK]}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List destinations with how they fare."""
        archived = request.query_params.get("archived") == "true"
        rows = self.project.destinations.filter(archived_at__isnull=not archived).order_by("-id")
        return Response({"results": shapes_of(list(rows))})

    @extend_schema(
        operation_id="create_destination",
        summary="Create a destination",
        tags=["Postbacks"],
        request=DestinationInput,
        responses={
            201: OpenApiResponse(dict, "The destination, with the signing secret: it is shown this once."),
            400: OpenApiResponse(dict, "A field is missing or wrong; `detail` names each."),
            409: OpenApiResponse(dict, "The project has as many as it may have."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("A webhook", value=WEBHOOK_INPUT, request_only=True),
            OpenApiExample(
                "Made",
                value={**WEBHOOK, "signingSecret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
                response_only=True,
                status_codes=["201"],
            ),
            OpenApiExample("A private address", value=REFUSED, response_only=True, status_codes=["400"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Create a destination from a template and what is given instead of its parts."""
        sent = DestinationInput(data=request.data)
        sent.is_valid(raise_exception=True)
        given = {**sent.validated_data}
        for name in ("paused", "archived"):
            given.pop(name, None)
        template, token = BY_CODE[given.pop("template")], given.pop("token", "")
        made, secret = destinations.create(
            self.project, user=None, token=token, **{**destinations.fields_of(template), **given}
        )
        return Response({**shapes_of([made])[0], "signingSecret": secret}, status=201)


class DestinationOne(PostbacksView):
    @extend_schema(
        operation_id="get_destination",
        summary="Read one destination",
        tags=["Postbacks"],
        responses={200: OpenApiResponse(dict, "The destination."), **NO_SUCH, **ERRORS},
        examples=[OpenApiExample("A webhook", value=WEBHOOK, response_only=True)],
    )
    def get(self, request: Request, destination_id: int) -> Response:
        """Read one destination."""
        return Response(shapes_of([self.destination(destination_id)])[0])

    @extend_schema(
        operation_id="change_destination",
        summary="Change, pause, resume, archive or restore a destination",
        tags=["Postbacks"],
        request=DestinationChange,
        responses={
            200: OpenApiResponse(dict, "The destination as it is now."),
            400: OpenApiResponse(dict, "A field is wrong."),
            **NO_SUCH,
            **ERRORS,
        },
        examples=[
            OpenApiExample("Pause it", value={"paused": True}, request_only=True),
            OpenApiExample("A webhook", value=WEBHOOK, response_only=True, status_codes=["200"]),
        ],
    )
    def patch(self, request: Request, destination_id: int) -> Response:
        """Change what is given; messages that were made before stay as they are."""
        destination = self.destination(destination_id)
        sent = DestinationChange(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        given, now = {**sent.validated_data}, timezone.now()
        paused, archived = given.pop("paused", None), given.pop("archived", None)
        token = given.pop("token", None)
        if given or token is not None:
            destinations.change(destination, user=None, token=token, **given)
        if paused is not None:
            act = destinations.pause if paused else destinations.resume
            act(destination, user=None, now=now)
        if archived is not None:
            destinations.archive(destination, user=None, now=now) if archived else destinations.restore(
                destination, user=None
            )
        return Response(shapes_of([self.destination(destination_id)])[0])

    @extend_schema(
        operation_id="archive_destination",
        summary="Archive a destination",
        tags=["Postbacks"],
        responses={200: OpenApiResponse(dict, "The destination, with archivedAt."), **NO_SUCH, **ERRORS},
        examples=[OpenApiExample("A webhook", value=WEBHOOK, response_only=True)],
    )
    def delete(self, request: Request, destination_id: int) -> Response:
        """Put a destination away: nothing is sent to it any more. Its log stays. Safe to repeat."""
        destinations.archive(self.destination(destination_id), user=None, now=timezone.now())
        return Response(shapes_of([self.destination(destination_id)])[0])


class DestinationTest(PostbacksView):
    @extend_schema(
        operation_id="test_destination",
        summary="Send a test",
        tags=["Postbacks"],
        request=None,
        responses={200: OpenApiResponse(dict, "The message and what came of it."), **NO_SUCH, **ERRORS},
        examples=[
            OpenApiExample("It arrived", value={**MESSAGE, "news": "test", "attempts": [TRY]}, response_only=True)
        ],
    )
    def post(self, request: Request, destination_id: int) -> Response:
        """Send an example at once and wait for the answer, up to six seconds."""
        made = destinations.send_test(self.destination(destination_id))
        return Response(_whole(made))


class DestinationTemplates(PostbacksView):
    @extend_schema(
        operation_id="list_destination_templates",
        summary="List ready-made destinations and all macros",
        tags=["Postbacks"],
        responses={
            200: OpenApiResponse(dict, "Templates with their parts, macros with what they stand for."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "One template",
                value={
                    "templates": [{"code": "webhook", "name": "Webhook", "kind": "webhook", "news": ["install"]}],
                    "macros": {"campaign": "the campaign"},
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """List what a destination can begin with."""
        known = [
            {
                "code": one.code, "name": one.name, "about": one.about, "note": one.note, "token": one.token,
                "replace": one.places, **destinations.fields_of(one),
            }
            for one in TEMPLATES
        ]  # fmt: skip
        return Response({"templates": known, "macros": MACROS})


class PostbackList(PostbacksView):
    @extend_schema(
        operation_id="list_postbacks",
        summary="List messages",
        tags=["Postbacks"],
        parameters=[
            OpenApiParameter("destination", int),
            OpenApiParameter("state", str, enum=Postback.State.values),
            OpenApiParameter("news", str, description="install, rejected …, or the name of an event."),
            OpenApiParameter("q", str, description="A decision (dec_12), a key, or a part of the address."),
            OpenApiParameter("limit", int),
            OpenApiParameter("cursor", str),
        ],
        responses={200: OpenApiResponse(dict, "Newest first."), **ERRORS},
        examples=[OpenApiExample("One message", value={"results": [MESSAGE], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List messages with how they fare."""
        params = request.query_params
        text = params.get("destination", "")
        if text and not (text.isascii() and text.isdigit() and len(text) < 19):
            raise InvalidField.named("destination", "The number of a destination.")
        asked = LogFilter(
            int(text) if text else None, params.get("state", ""), params.get("news", ""), params.get("q", "")
        )
        found = paginate(
            queries.log(self.project, asked), NEWEST, cursor=params.get("cursor", ""), limit=limit_of(params)
        )
        return Response({"results": [shape_of(row) for row in found.rows], "next": found.next})


class PostbackOne(PostbacksView):
    @extend_schema(
        operation_id="get_postback",
        summary="Read one message with its request and tries",
        tags=["Postbacks"],
        responses={200: OpenApiResponse(dict, "The message."), **NO_SUCH, **ERRORS},
        examples=[
            OpenApiExample(
                "Delivered",
                value={
                    **MESSAGE,
                    "request": {
                        "method": "POST",
                        "url": "https://hooks.techstart.example/attribution",
                        "headers": {"Content-Type": "application/json"},
                        "body": '{"id":"dec_4812-1-install","type":"install"}',
                    },
                    "attempts": [TRY],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request, postback_id: int) -> Response:
        """Read one message: the very request, and each try with its answer."""
        return Response(_whole(self.message(postback_id)))


class PostbacksAgain(PostbacksView):
    @extend_schema(
        operation_id="resend_postbacks",
        summary="Send messages once more",
        tags=["Postbacks"],
        request=Again,
        responses={200: OpenApiResponse(dict, "How many go out."), **NO_SUCH, **ERRORS},
        examples=[
            OpenApiExample("Two messages", value={"ids": [90211, 90212]}, request_only=True),
            OpenApiExample("Both go out", value={"sent": 2}, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Send messages again, with the same content and the same idempotency key."""
        sent = Again(data=request.data)
        sent.is_valid(raise_exception=True)
        ids = set(sent.validated_data["ids"])
        rows = list(self.project.postbacks.filter(pk__in=ids).select_related("destination"))
        if missing := ids - {row.pk for row in rows}:
            raise NotFound(f"There is no message {min(missing)} in this project.")
        return Response({"sent": destinations.send_again(rows, now=timezone.now())})


def _whole(row: Postback) -> dict[str, Any]:
    tries = row.attempts.order_by("id").values("at", "ms", "status", "problem", "answer")
    request = {"method": row.method, "url": row.url, "headers": row.headers, "body": row.body}
    return {**shape_of(row), "request": request, "attempts": list(tries)}
