"""The API of raw data: files sent at once, files ordered, and those that are written every day."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, cast

from django.http import FileResponse, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.text import slugify
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.exports import jobs, schedules
from attribution.exports.kinds import APPSFLYER, AS_APPSFLYER, KINDS, OWN
from attribution.exports.reading import BY_ARRIVAL, BY_TIME, Asked
from attribution.exports.streaming import Stream
from attribution.exports.writing import CSV, FORMATS, MEDIA
from attribution.link_api import Strict
from attribution.models import Export, ExportSchedule
from customers.api import ProjectView
from growthplatform.core.errors import InvalidField, NotFound
from growthplatform.core.paging import limit_of, paginate

NEWEST = ("-id",)
ERRORS = {
    401: OpenApiResponse(dict, "No key, or not a valid one."),
    403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
}
FILE: dict[str, Any] = {
    "id": "exp_12",
    "kind": "events",
    "format": "parquet",
    "columns": "own",
    "from": "2026-10-31T23:00:00Z",
    "to": None,
    "by": "time",
    "source": None,
    "names": [],
    "spreadsheet": False,
    "state": "running",
    "rows": 4_210_000,
    "total": 10_000_000,
    "bytes": 271_400_112,
    "sha256": None,
    "problem": None,
    "file": None,
    "createdAt": "2026-11-21T10:00:00Z",
    "finishedAt": None,
    "expiresAt": None,
}
SCHEDULE = {
    "id": "sch_3",
    "kinds": ["installs", "events"],
    "format": "parquet",
    "columns": "own",
    "address": "s3://acme-lake/growth",
    "hour": 3,
    "nextDay": "2026-11-21",
    "pausedAt": None,
    "problem": None,
}


class ExportInput(Strict):
    kind = serializers.ChoiceField(choices=list(KINDS))
    format = serializers.ChoiceField(choices=list(FORMATS), default="parquet")
    columns = serializers.ChoiceField(choices=[OWN, APPSFLYER], default=OWN)
    to = serializers.CharField(required=False, allow_blank=True, allow_null=True)
    by = serializers.ChoiceField(choices=[BY_TIME, BY_ARRIVAL], default=BY_TIME)
    source = serializers.CharField(  # type: ignore[assignment]  # a field's own name in the framework, and ours here
        required=False, allow_blank=True, help_text="Only what this source brought."
    )
    names = serializers.ListField(child=serializers.CharField(), required=False, help_text="Only these events.")
    spreadsheet = serializers.BooleanField(default=False, help_text="An apostrophe before what looks like a formula.")

    def get_fields(self) -> dict[str, Any]:
        """Add `from`, which is no name in Python."""
        given = serializers.CharField(
            required=False, allow_blank=True, allow_null=True, help_text="A day, or a moment in ISO 8601."
        )
        return {"from": given, **super().get_fields()}


class ScheduleInput(Strict):
    kinds = serializers.ListField(
        child=serializers.CharField(), allow_empty=False, help_text=f"Some of {', '.join(KINDS)}."
    )
    format = serializers.ChoiceField(choices=list(FORMATS), default="parquet")
    columns = serializers.ChoiceField(choices=[OWN, APPSFLYER], default=OWN)
    address = serializers.CharField(help_text="s3://bucket/prefix, or a folder below EXPORTS_URL.")
    key = serializers.CharField(required=False, allow_blank=True)
    secret = serializers.CharField(required=False, allow_blank=True)
    endpoint = serializers.CharField(required=False, allow_blank=True, help_text="Where it is not Amazon's S3.")
    region = serializers.CharField(required=False, allow_blank=True)
    hour = serializers.IntegerField(default=3, min_value=1, max_value=23)
    firstDay = serializers.DateField(required=False)  # noqa: N815 -- the name on the wire


def moment_of(text: str, zone: tzinfo, field: str, *, end: bool = False) -> datetime | None:
    """Return the moment that a text names: a day in `zone`, of which `end` means the end, or ISO 8601; "" is None.

    Raises InvalidField.
    """
    text = text.strip()
    if not text:
        return None
    try:
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text) + timedelta(days=1 if end else 0), time(), zone)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise InvalidField.named(field, "A day such as 2026-11-20, or a moment such as 2026-11-20T10:00:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def asked_of(given: Mapping[str, Any], kind: str, zone: tzinfo) -> Asked:
    """Return which rows are meant. Raises InvalidField for times that can't be read."""
    return Asked(
        kind,
        given.get("columns") or OWN,
        moment_of(given.get("from") or "", zone, "from"),
        moment_of(given.get("to") or "", zone, "to", end=True),
        given.get("by") or BY_TIME,
        (given.get("source") or "").replace("\x00", ""),
        tuple(name.replace("\x00", "") for name in given.get("names") or ()),
    )


def shape(export: Export) -> dict[str, Any]:
    """Return an export as the API shows it."""
    ready = export.state == Export.State.DONE and export.removed_at is None
    where = export.where
    expires = export.finished_at + jobs.KEPT if ready and export.finished_at and not export.schedule_id else None
    return {
        "id": f"exp_{export.pk}",
        "kind": export.kind,
        "format": export.format,
        "columns": export.columns,
        "from": export.since,
        "to": export.until,
        "by": where.get("by", BY_TIME),
        "source": where.get("source") or None,
        "names": where.get("names", []),
        "spreadsheet": bool(where.get("spreadsheet")),
        "state": export.state,
        "rows": export.rows,
        "total": export.total,
        "bytes": export.bytes,
        "sha256": where.get("sha256"),
        "problem": export.problem or None,
        "file": f"/v1/exports/exp_{export.pk}/file" if ready else None,
        "createdAt": export.created_at,
        "finishedAt": export.finished_at,
        "expiresAt": expires,
    }


def send(export: Export) -> HttpResponseBase:
    """Answer the file of an export. Raises ExportGone."""
    answer = FileResponse(
        jobs.open_file(export), as_attachment=True, filename=jobs.file_name(export), content_type=MEDIA[export.format]
    )
    answer["Content-Length"] = str(export.bytes)
    # Parquet is packed already, and packing gigabytes of CSV anew would take longer than sending them.
    answer["Content-Encoding"] = "identity"
    return answer


class RawData(ProjectView):
    @extend_schema(
        operation_id="raw_data",
        summary="Raw data, sent while it is read",
        description=(
            "Every row of a kind, in no promised order, all of one moment. For more than some million rows order a"
            " file: an answer ends after 15 minutes, and two are sent at once by a process. An answer that breaks off"
            " ends without its last chunk, so clients report it as incomplete. Columns: docs/raw-data.md."
        ),
        tags=["Raw data"],
        parameters=[
            OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=list(KINDS)),
            OpenApiParameter("form", str, OpenApiParameter.PATH, enum=list(FORMATS)),
            OpenApiParameter("from", str, description="A day of the project's zone, or a moment in ISO 8601."),
            OpenApiParameter("to", str, description="A day, which is included, or a moment, which is not."),
            OpenApiParameter("by", str, enum=[BY_TIME, BY_ARRIVAL], description="What the period is about."),
            OpenApiParameter("source", str, description="Only what this source brought."),
            OpenApiParameter("names", str, description="Only events of these names, with commas."),
            OpenApiParameter("columns", str, enum=[OWN, APPSFLYER], description=f"Of {' and '.join(AS_APPSFLYER)}."),
            OpenApiParameter("spreadsheet", bool, description="CSV: an apostrophe before what looks like a formula."),
        ],
        responses={
            (200, "text/csv"): OpenApiResponse(str, "The rows; Parquet where that was asked for."),
            400: OpenApiResponse(dict, "A parameter can't be read; `message` names it."),
            404: OpenApiResponse(dict, "There is no such kind or format."),
            429: OpenApiResponse(dict, "Two are being sent already; Retry-After says when to ask again."),
            **ERRORS,
        },
    )
    def get(self, request: Request, kind: str, form: str) -> HttpResponseBase:
        """Send raw data of one kind."""
        if kind not in KINDS or form not in FORMATS:
            raise NotFound(f"There is /v1/export/KIND.FORMAT with the kinds {', '.join(KINDS)}, as csv or parquet.")
        query: dict[str, Any] = {name: str(value) for name, value in request.query_params.items()}
        query["names"] = [name for name in query.get("names", "").split(",") if name]
        spreadsheet = query.get("spreadsheet", "").lower() in ("1", "true", "yes")
        if spreadsheet and form != CSV:
            raise InvalidField.named("spreadsheet", "Only a CSV file is opened in a spreadsheet.")
        stream = Stream(self.project, asked_of(query, kind, self.project.tz), form, spreadsheet=spreadsheet)
        answer = StreamingHttpResponse(stream, content_type=MEDIA[form])
        name = f"{slugify(self.project.slug)}-{kind}{'-spreadsheet' if spreadsheet else ''}.{form}"
        answer["Content-Disposition"] = f'attachment; filename="{name}"'
        return cast("HttpResponse", answer)


class ExportList(ProjectView):
    @extend_schema(
        operation_id="list_exports",
        summary="List the files of raw data that were ordered",
        tags=["Raw data"],
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses={200: OpenApiResponse(dict, "Newest first."), **ERRORS},
        examples=[OpenApiExample("One", value={"results": [FILE], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List exports, newest first."""
        rows, cursor = Export.objects.filter(project=self.project), request.query_params.get("cursor", "")
        found = paginate(rows, NEWEST, cursor=cursor, limit=limit_of(request.query_params))
        return Response({"results": [shape(one) for one in found.rows], "next": found.next})

    @extend_schema(
        operation_id="order_export",
        summary="Order a file of raw data",
        tags=["Raw data"],
        request=ExportInput,
        responses={
            202: OpenApiResponse(dict, "It waits; ask for it until its state is done."),
            400: OpenApiResponse(dict, "A field is wrong; `detail` names it."),
            409: OpenApiResponse(dict, "Ten are waiting or at work."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "All events since November",
                value={"kind": "events", "format": "parquet", "from": "2026-11-01"},
                request_only=True,
            ),
            OpenApiExample(
                "It waits", value={**FILE, "state": "waiting", "rows": 0}, response_only=True, status_codes=["202"]
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Order a file; a worker begins within seconds."""
        sent = ExportInput(data=request.data)
        sent.is_valid(raise_exception=True)
        given = sent.validated_data
        asked = asked_of(given, given["kind"], self.project.tz)
        made = jobs.order(self.project, asked, given["format"], spreadsheet=given["spreadsheet"])
        return Response(shape(made), status=202)


class ExportView(ProjectView):
    """What the addresses of one export share."""

    def mine(self, export_id: str) -> Export:
        rows = Export.objects.select_related("schedule", "project").filter(project=self.project)
        return get_object_or_404(rows, pk=number_in(export_id, "exp_"))


class ExportOne(ExportView):
    @extend_schema(
        operation_id="get_export",
        summary="See how far a file of raw data is",
        tags=["Raw data"],
        responses={200: OpenApiResponse(dict, "The export."), 404: OpenApiResponse(dict, "No such one."), **ERRORS},
        examples=[OpenApiExample("At work", value=FILE, response_only=True)],
    )
    def get(self, request: Request, export_id: str) -> Response:
        """Return one export."""
        return Response(shape(self.mine(export_id)))

    @extend_schema(
        operation_id="remove_export",
        summary="Cancel an export, or remove its file",
        tags=["Raw data"],
        responses={200: OpenApiResponse(dict, "As it is now."), 404: OpenApiResponse(dict, "No such one."), **ERRORS},
        examples=[OpenApiExample("Canceled", value={**FILE, "state": "canceled"}, response_only=True)],
    )
    def delete(self, request: Request, export_id: str) -> Response:
        """Cancel what is not ready, remove what is; repeating is harmless."""
        return Response(shape(jobs.remove(self.mine(export_id), now=timezone.now())))


class ExportFile(ExportView):
    @extend_schema(
        operation_id="get_export_file",
        summary="Download a file of raw data",
        tags=["Raw data"],
        responses={
            (200, "text/csv"): OpenApiResponse(str, "The file; Parquet where that was ordered."),
            404: OpenApiResponse(dict, "It is not ready, or gone."),
            **ERRORS,
        },
    )
    def get(self, request: Request, export_id: str) -> HttpResponseBase:
        """Send the file."""
        return send(self.mine(export_id))


def shape_of_schedule(schedule: ExportSchedule) -> dict[str, Any]:
    """Return a schedule as the API shows it, without what opens its bucket."""
    return {
        "id": f"sch_{schedule.pk}",
        "kinds": schedule.kinds,
        "format": schedule.format,
        "columns": schedule.columns,
        "address": schedule.address,
        "hour": schedule.hour,
        "nextDay": schedule.next_day,
        "pausedAt": schedule.paused_at,
        "problem": schedule.problem or None,
    }


class ScheduleList(ProjectView):
    @extend_schema(
        operation_id="list_export_schedules",
        summary="List what is written every day",
        tags=["Raw data"],
        responses={200: OpenApiResponse(dict, "All of them."), **ERRORS},
        examples=[OpenApiExample("One", value={"results": [SCHEDULE]}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the schedules."""
        rows = ExportSchedule.objects.filter(project=self.project).order_by("pk")
        return Response({"results": [shape_of_schedule(one) for one in rows]})

    @extend_schema(
        operation_id="create_export_schedule",
        summary="Write raw data every day",
        description="A test file is written and removed first; where that fails nothing is made.",
        tags=["Raw data"],
        request=ScheduleInput,
        responses={
            201: OpenApiResponse(dict, "The schedule."),
            400: OpenApiResponse(dict, "A field is wrong; `detail` names it."),
            409: OpenApiResponse(dict, "The test file could not be written; `message` says why."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "Into a bucket",
                value={
                    "kinds": ["installs", "events"],
                    "format": "parquet",
                    "address": "s3://acme-lake/growth",
                    "key": "AKIA…",
                    "secret": "…",
                    "region": "eu-central-1",
                },
                request_only=True,
            ),
            OpenApiExample("Made", value=SCHEDULE, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Begin to write raw data every day."""
        sent = ScheduleInput(data=request.data)
        sent.is_valid(raise_exception=True)
        given = {**sent.validated_data, "first_day": sent.validated_data.get("firstDay")}
        made = schedules.create(self.project, given, user=None, now=timezone.now())
        return Response(shape_of_schedule(made), status=201)


class ScheduleOne(ProjectView):
    @extend_schema(
        operation_id="remove_export_schedule",
        summary="End a schedule",
        tags=["Raw data"],
        responses={204: OpenApiResponse(description="Gone; its files stay."), **ERRORS},
    )
    def delete(self, request: Request, schedule_id: str) -> Response:
        """End a schedule; what it has written stays."""
        rows = ExportSchedule.objects.filter(project=self.project)
        schedules.remove(get_object_or_404(rows, pk=number_in(schedule_id, "sch_")), now=timezone.now())
        return Response(status=204)


def number_in(text: str, prefix: str) -> int:
    """Return the number of a public id such as exp_12. Raises NotFound."""
    digits = text.removeprefix(prefix)
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise NotFound
    return int(digits)
