"""The API of vendors' formats: which apps are the project's, and what their events are called here."""

from typing import Any

from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api import ProjectView
from events import event_names, vendor_apps
from events.dialects import registry
from events.models import EventName, VendorApp
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import limit_of, paginate

ERRORS = {
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
}
DIALECT = OpenApiParameter("dialect", str, enum=VendorApp.Dialect.values, description="All of them when absent.")
PAGING = [
    OpenApiParameter("limit", int, description="Up to 500; 50 when absent."),
    OpenApiParameter("cursor", str, description="The `next` of the page before."),
]
APP = {
    "id": 3,
    "dialect": "appsflyer",
    "appId": "id1640000000",
    "key": "…c41f",
    "os": "ios",
    "createdAt": "2026-11-20T10:38:42+00:00",
    "lastUsedAt": "2026-11-21T09:12:07+00:00",
    "archivedAt": None,
}
NAME = {
    "id": 9,
    "dialect": "appsflyer",
    "theirs": "af_complete_registration",
    "ours": "Signed Up",
    "createdAt": "2026-11-20T10:38:42+00:00",
}
TAKEN = {
    "error": "Conflict",
    "code": "app_taken",
    "message": vendor_apps.AppTaken.message,
    "detail": None,
}


class Strict(serializers.Serializer[Any]):
    """Refuse fields that are not known: a misspelt one would be lost without a word."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise serializers.ValidationError({"body": ["Send an object: {…}."]})
        if unknown := {str(name): ["There is no such field."] for name in data if name not in self.fields}:
            raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class AppInput(Strict):
    dialect = serializers.ChoiceField(choices=VendorApp.Dialect.choices)
    appId = serializers.CharField(  # noqa: N815 -- the name on the wire
        max_length=155, help_text="The app as the vendor’s clients send it."
    )
    key = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=vendor_apps.LONGEST_KEY,
        help_text="The vendor’s key, where its clients send one. Only its fingerprint is kept.",
    )
    os = serializers.ChoiceField(choices=["ios", "android", ""], required=False)


class NameInput(Strict):
    dialect = serializers.ChoiceField(choices=VendorApp.Dialect.choices)
    names = serializers.DictField(
        child=serializers.CharField(), allow_empty=False, help_text="Our names by the vendor’s; at most 1,000."
    )


def app_json(app: VendorApp) -> dict[str, Any]:
    """Return an app as the API shows it; of its key only the hint."""
    return {
        "id": app.pk,
        "dialect": app.dialect,
        "appId": app.app_id,
        "key": app.key_hint,
        "os": app.os_name,
        "createdAt": app.created_at,
        "lastUsedAt": app.last_used_at,
        "archivedAt": app.archived_at,
    }


def name_json(row: EventName) -> dict[str, Any]:
    """Return a mapping of names as the API shows it."""
    return {
        "id": row.pk,
        "dialect": row.dialect,
        "theirs": row.theirs,
        "ours": row.ours,
        "createdAt": row.created_at,
    }


def _dialect(request: Request) -> str:
    """Return the dialect asked for, "" for all. Raises InvalidField."""
    asked = request.query_params.get("dialect", "")
    if asked and asked not in VendorApp.Dialect.values:
        raise InvalidField.named("dialect", f"must be one of {', '.join(VendorApp.Dialect.values)}.")
    return str(asked)


class VendorAppList(ProjectView):
    @extend_schema(
        operation_id="list_vendor_apps",
        summary="List the apps that other vendors' formats are taken for",
        tags=["Vendor formats"],
        parameters=[DIALECT, OpenApiParameter("archived", bool, description="true: those put away."), *PAGING],
        responses={200: OpenApiResponse(dict, "Newest first; `next` is null on the last page."), **ERRORS},
        examples=[OpenApiExample("One app", value={"results": [APP], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the connected apps, newest first."""
        archived = request.query_params.get("archived") == "true"
        rows = VendorApp.objects.filter(project=self.project, archived_at__isnull=not archived)
        if dialect := _dialect(request):
            rows = rows.filter(dialect=dialect)
        query = request.query_params
        found = paginate(rows, ["-id"], cursor=query.get("cursor", ""), limit=limit_of(query))
        return Response({"results": [app_json(row) for row in found.rows], "next": found.next})

    @extend_schema(
        operation_id="claim_vendor_app",
        summary="Connect an app of another vendor",
        tags=["Vendor formats"],
        request=AppInput,
        responses={
            201: OpenApiResponse(dict, "Connected: within seconds its requests are taken in the vendor's format."),
            400: OpenApiResponse(dict, "A field is missing or wrong; `detail` names it."),
            409: OpenApiResponse(dict, "A project has this app with this key already."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "An iOS app at AppsFlyer",
                value={"dialect": "appsflyer", "appId": "id1640000000", "key": "ejy3l5a9c41f"},
                request_only=True,
            ),
            OpenApiExample("Connected", value=APP, response_only=True, status_codes=["201"]),
            OpenApiExample("Taken", value=TAKEN, response_only=True, status_codes=["409"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Connect an app: what comes for it in the vendor's format is this project's."""
        sent = AppInput(data=request.data)
        sent.is_valid(raise_exception=True)
        given = sent.validated_data
        app = vendor_apps.claim(
            self.project, given["dialect"], given["appId"], key=given.get("key", ""), os_name=given.get("os", "")
        )
        return Response(app_json(app), status=201)


class VendorAppDetail(ProjectView):
    @extend_schema(
        operation_id="archive_vendor_app",
        summary="Disconnect an app of another vendor",
        tags=["Vendor formats"],
        responses={
            200: OpenApiResponse(dict, "Put away: from within seconds on its requests are nobody's."),
            404: OpenApiResponse(dict, "The project has no such app."),
            **ERRORS,
        },
        examples=[OpenApiExample("Put away", value=APP, response_only=True)],
    )
    def delete(self, request: Request, vendor_app_id: int) -> Response:
        """Disconnect an app; its events stay. Safe to repeat."""
        app = get_object_or_404(VendorApp.objects.select_related("project"), project=self.project, pk=vendor_app_id)
        return Response(app_json(vendor_apps.archive(app, now=timezone.now())))


class EventNameList(ProjectView):
    @extend_schema(
        operation_id="list_event_names",
        summary="List what vendors' events are called here",
        tags=["Vendor formats"],
        parameters=[
            DIALECT,
            OpenApiParameter(
                "suggested", bool, description="true: names of one `dialect` that arrive and are not mapped yet."
            ),
            *PAGING,
        ],
        responses={
            200: OpenApiResponse(dict, "By the vendor's name; suggestions by how often the name came in 30 days."),
            400: OpenApiResponse(dict, "A parameter can't be read."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("One name", value={"results": [NAME], "next": None}, response_only=True),
            OpenApiExample(
                "Suggestions",
                value={
                    "results": [
                        {
                            "theirs": "af_purchase",
                            "ours": "Order Completed",
                            "why": "What this usually stands for",
                            "count": 4182,
                            "lastAt": "2026-11-21T09:12:07+00:00",
                        }
                    ],
                    "next": None,
                },
                response_only=True,
            ),
        ],
    )
    def get(self, request: Request) -> Response:
        """List the project's names, or with `suggested` what could be named."""
        dialect, query = _dialect(request), request.query_params
        if query.get("suggested") == "true":
            if not dialect:
                raise InvalidField.named("dialect", "Suggestions are of one dialect: name it.")
            usual = registry.DIALECTS[dialect].NAMES if dialect in registry.DIALECTS else {}
            found = event_names.suggestions(self.project, dialect, usual, now=timezone.now())
            rows = [
                {"theirs": one.theirs, "ours": one.ours, "why": one.why, "count": one.count, "lastAt": one.last_at}
                for one in found
            ]
            return Response({"results": rows, "next": None})
        names = EventName.objects.filter(project=self.project)
        names = names.filter(dialect=dialect) if dialect else names
        page = paginate(names, ["theirs", "id"], cursor=query.get("cursor", ""), limit=limit_of(query))
        return Response({"results": [name_json(row) for row in page.rows], "next": page.next})

    @extend_schema(
        operation_id="name_events",
        summary="Call a vendor's events by our names",
        tags=["Vendor formats"],
        request=NameInput,
        responses={
            200: OpenApiResponse(dict, "From the next events on; a name that was mapped before is replaced."),
            400: OpenApiResponse(dict, "A name is empty or too long; nothing is changed."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "Two names",
                value={
                    "dialect": "appsflyer",
                    "names": {"af_purchase": "Order Completed", "af_complete_registration": "Signed Up"},
                },
                request_only=True,
            ),
            OpenApiExample("Named", value={"results": [NAME]}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Give events of a vendor our names, all or none. Safe to repeat."""
        sent = NameInput(data=request.data)
        sent.is_valid(raise_exception=True)
        rows = event_names.name_all(self.project, sent.validated_data["dialect"], sent.validated_data["names"])
        return Response({"results": [name_json(row) for row in rows]})


class EventNameDetail(ProjectView):
    @extend_schema(
        operation_id="forget_event_name",
        summary="Let a vendor's event keep the vendor's name",
        tags=["Vendor formats"],
        responses={
            204: OpenApiResponse(description="From the next events on."),
            404: OpenApiResponse(dict, "The project has no such name."),
            **ERRORS,
        },
    )
    def delete(self, request: Request, event_name_id: int) -> Response:
        """Forget one of the project's names; what is stored keeps it."""
        row = get_object_or_404(EventName, project=self.project, pk=event_name_id)
        event_names.forget(self.project, [row.pk])
        return Response(status=204)
