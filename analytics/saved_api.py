"""Saved views and annotations for programs: read what members saved, note a deploy from a script."""

from datetime import datetime
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import annotations, saved
from analytics.analyses import KINDS
from analytics.asking import module_of
from analytics.models import Annotation, SavedView
from customers.api import ProjectView
from growthplatform.core.api import CsvRenderer, OrjsonRenderer
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import limit_of, paginate
from growthplatform.core.period_query import PERIOD_PARAMETERS, get_period

PAGING = [OpenApiParameter("limit", int), OpenApiParameter("cursor", str)]
ERRORS = {
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
}
VIEW = {
    "id": 12,
    "name": "Sign-up funnel",
    "kind": "funnel",
    "query": "step=Page%3A+Pricing&step=Signed+Up&window=7d",
    "metric": "/v1/metrics/funnel?step=Page%3A+Pricing&step=Signed+Up&window=7d",
    "result": "/v1/views/12/result",
    "createdAt": "2026-11-01T09:00:00+00:00",
    "updatedAt": "2026-11-19T09:41:30+00:00",
}
DEPLOY_INPUT = {"kind": "deploy", "text": "4.12.0", "at": "2026-11-19T09:41:30Z"}
DEPLOY = {
    "id": 31,
    "kind": "deploy",
    "text": "4.12.0",
    "at": "2026-11-19T09:41:30+00:00",
    "until": None,
    "createdAt": "2026-11-19T09:41:31+00:00",
}
REFUSED = {
    "error": "Bad Request",
    "code": "invalid_field",
    "message": "text: Say what happened.",
    "detail": [{"field": "text", "message": "Say what happened."}],
}


def shape_of(view: SavedView) -> dict[str, Any]:
    """Return a view as the API shows it: `metric` asks the same question, `result` whatever it asks by then."""
    return {
        "id": view.pk,
        "name": view.name,
        "kind": view.kind,
        "query": view.query,
        "metric": f"/v1/metrics/{view.kind}" + (f"?{asked}" if (asked := saved.question_of(view).urlencode()) else ""),
        "result": f"/v1/views/{view.pk}/result",
        "createdAt": view.created_at,
        "updatedAt": view.updated_at,
    }


class ViewsView(ProjectView):
    @extend_schema(
        operation_id="list_views",
        summary="List saved views",
        tags=["Saved views"],
        parameters=[
            OpenApiParameter("q", str, description="Part of the name."),
            OpenApiParameter("kind", str, enum=list(KINDS), description="Of one analysis only."),
            *PAGING,
        ],
        responses={200: OpenApiResponse(dict, "Those changed last first."), **ERRORS},
        examples=[OpenApiExample("One view", value={"results": [VIEW], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the project's saved views, those changed last first."""
        rows = saved.matching(self.project, request.query_params.get("q", ""))
        if kind := request.query_params.get("kind"):
            rows = rows.filter(kind=kind.replace("\x00", ""))
        limit, cursor = limit_of(request.query_params), request.query_params.get("cursor", "")
        found = paginate(rows, ("-updated_at", "-id"), cursor=cursor, limit=limit)
        return Response({"results": [shape_of(view) for view in found.rows], "next": found.next})


class ViewResultView(ProjectView):
    renderer_classes = (OrjsonRenderer, CsvRenderer)

    @extend_schema(
        operation_id="view_result",
        summary="The result of a saved view",
        description="What `metric` of the view answers. A period in the address takes the place of the view's own.",
        tags=["Saved views"],
        parameters=[
            *PERIOD_PARAMETERS,
            OpenApiParameter("format", str, enum=["json", "csv"], description="csv: the table behind the chart."),
        ],
        responses={
            200: OpenApiResponse(dict, "The view, and its result as `GET /v1/metrics/{kind}` answers it."),
            400: OpenApiResponse(dict, "The view's question can't be read any more, or the period can't."),
            404: OpenApiResponse(dict, "The project has no such view."),
            503: OpenApiResponse(dict, "The question takes longer or needs more memory than is allowed."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "A funnel",
                value={"view": VIEW, "result": {"definition": "…", "watermark": "4711", "steps": []}},
                response_only=True,
                status_codes=["200"],
            )
        ],
    )
    def get(self, request: Request, saved_view_id: int) -> HttpResponseBase:
        """Answer a saved view."""
        view = get_object_or_404(saved.live(self.project).select_related("project"), pk=saved_view_id)
        now = timezone.now()
        if saved.has_period(request.GET):
            get_period(request.GET.dict(), zone=self.project.tz, now=now)  # a wrong one is refused, not passed over
        module = module_of(view.kind)
        question = module.parse(self.project, saved.question_of(view, request.GET), now=now)
        result = module.answer(self.project, question)
        if request.GET.get("format") == "csv":
            shown = module.shown(result)
            return csv_file(f"{self.project.slug}-view-{view.pk}", shown.columns, shown.rows)
        return Response({"view": shape_of(view), "result": module.as_json(result)})


def note_shape(note: Annotation) -> dict[str, Any]:
    """Return an annotation as the API shows it."""
    return {
        "id": note.pk,
        "kind": note.kind,
        "text": note.text,
        "at": note.at,
        "until": note.until,
        "createdAt": note.created_at,
    }


class AnnotationsView(ProjectView):
    @extend_schema(
        operation_id="list_annotations",
        summary="List annotations",
        tags=["Annotations"],
        parameters=[*(one for one in PERIOD_PARAMETERS if one.name != "compare"), *PAGING],
        responses={
            200: OpenApiResponse(dict, "Newest first; all of them without a period."),
            400: OpenApiResponse(dict, "The period can't be read."),
            **ERRORS,
        },
        examples=[OpenApiExample("A deploy", value={"results": [DEPLOY], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List what happened, newest first."""
        rows = Annotation.objects.filter(project=self.project)
        if saved.has_period(request.GET):
            period = get_period(request.GET.dict(), zone=self.project.tz, now=timezone.now())
            rows = annotations.between(self.project, period.start, period.end)
        limit, cursor = limit_of(request.query_params), request.query_params.get("cursor", "")
        found = paginate(rows, ("-at", "-id"), cursor=cursor, limit=limit)
        return Response({"results": [note_shape(note) for note in found.rows], "next": found.next})

    @extend_schema(
        operation_id="create_annotation",
        summary="Note that something happened",
        description="`kind` is deploy, incident, experiment or note; `at` is now when left out; `until` makes a span.",
        tags=["Annotations"],
        request={"application/json": dict},
        responses={
            201: OpenApiResponse(dict, "The annotation, on every chart over its time."),
            400: OpenApiResponse(dict, "A field is missing or wrong; `detail` names it."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("A deploy", value=DEPLOY_INPUT, request_only=True),
            OpenApiExample("Noted", value=DEPLOY, response_only=True, status_codes=["201"]),
            OpenApiExample("A field is missing", value=REFUSED, response_only=True, status_codes=["400"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Put an annotation on the project's charts."""
        said = request.data
        if not isinstance(said, dict):
            raise InvalidField.named("body", "Send an object: {…}.")
        if unknown := sorted(set(said) - {"kind", "text", "at", "until"}):
            raise InvalidField.named(unknown[0], "There is no such field.")
        note = annotations.add(
            self.project,
            kind=str(said.get("kind", "note")),
            text=str(said.get("text", "")),
            at=_moment(said, "at") or timezone.now(),
            until=_moment(said, "until"),
        )
        return Response(note_shape(note), status=201)


def _moment(said: dict[str, Any], field: str) -> datetime | None:
    """Read a time. Raises InvalidField for one that is none, or has no zone."""
    value = said.get(field)
    if value is None or value == "":
        return None
    try:
        found = parse_datetime(str(value))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidField.named(field, "must be a time with its zone, like 2026-11-19T09:41:30Z.")
    return found


class AnnotationView(ProjectView):
    @extend_schema(
        operation_id="delete_annotation",
        summary="Delete an annotation",
        tags=["Annotations"],
        responses={
            204: OpenApiResponse(description="It is gone from all charts."),
            404: OpenApiResponse(dict, "The project has no such annotation."),
            **ERRORS,
        },
    )
    def delete(self, request: Request, annotation_id: int) -> Response:
        """Take an annotation off the charts."""
        annotations.delete(get_object_or_404(Annotation, project=self.project, pk=annotation_id))
        return Response(status=204)
