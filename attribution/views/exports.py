"""Pages of raw data: files that were ordered, what they may hold, and what is written every day."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from attribution import links
from attribution.export_api import send
from attribution.export_forms import ExportForm, ScheduleForm
from attribution.exports import jobs, schedules
from attribution.exports.kinds import KINDS, OWN
from attribution.exports.reading import BY_ARRIVAL
from attribution.models import Export, ExportSchedule
from attribution.views.shared import both_ways, order_of, page_of, wants_csv
from customers.pages import PageRequest, editors_only, managers_only, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.errors import Problem
from growthplatform.core.http import page

ORDERS = both_ways({"ordered": "created_at", "rows": "rows", "size": "bytes"})
CSV_HEAD = (
    "id",
    "kind",
    "format",
    "columns",
    "from",
    "to",
    "state",
    "rows",
    "bytes",
    "problem",
    "ordered_at",
    "finished_at",
)


@project_page
@require_safe
def export_list(request: PageRequest) -> HttpResponse:
    """Show the files that were ordered or written by a schedule, and the schedules."""
    rows = request.project.exports.select_related("schedule", "created_by", "project")
    words = request.GET.get("q", "").strip().lower()
    kinds = [one.name for one in KINDS.values() if words in one.label.lower() or words in one.name]
    if words:
        rows = rows.filter(kind__in=kinds)
    if wants_csv(request):
        return csv_file("exports", CSV_HEAD, (_line(row) for row in rows.order_by("-pk").iterator(2_000)))
    found = page_of(request, rows, order_of(request, ORDERS, "-ordered")[1])
    plans = list(request.project.export_schedules.order_by("pk"))
    if not found.rows and not plans and not words and not request.GET.get("cursor"):
        return page(request, "attribution/export_empty.html", {"base": links.base_address(request)})
    context = {
        "rows": [_shown(row) for row in found.rows],
        "next": found.next,
        "at_work": any(row.state in jobs.OPEN for row in found.rows),
        "plans": [(one, _label(one.kinds)) for one in plans],
        "words": words,
    }
    return page(request, "attribution/export_list.html", context, partial="rows")


def _shown(row: Export) -> dict[str, Any]:
    """Return what the list says of an export."""
    zone = row.project.tz
    # The end is the first moment after: the day that people mean is the one before.
    last = row.until.astimezone(zone) - timedelta(microseconds=1) if row.until else None
    one_day = bool(row.since and last and row.since.astimezone(zone).date() == last.date())
    days = {"first": row.since, "last": last, "one_day": one_day, "arrived": row.where.get("by") == BY_ARRIVAL}
    ready = row.state == Export.State.DONE and row.removed_at is None
    return {
        "export": row,
        "kind": KINDS[row.kind].label if row.kind in KINDS else row.kind,
        "own": row.columns == OWN,
        **days,
        "only": [*filter(None, [row.where.get("source")]), *row.where.get("names", [])],
        "spreadsheet": bool(row.where.get("spreadsheet")),
        "of": max(row.total or 0, row.rows, 1),
        "ready": ready,
        "open": row.state in jobs.OPEN,
        "goes_at": row.finished_at + jobs.KEPT if ready and row.finished_at and not row.schedule_id else None,
    }


def _line(row: Export) -> tuple[Any, ...]:
    return (
        f"exp_{row.pk}", row.kind, row.format, row.columns, row.since, row.until, row.state, row.rows, row.bytes,
        row.problem, row.created_at, row.finished_at,
    )  # fmt: skip


def _label(kinds: list[str]) -> str:
    return ", ".join(KINDS[one].label if one in KINDS else one for one in kinds)


@project_page
@editors_only
@require_http_methods(["GET", "HEAD", "POST"])
def export_create(request: PageRequest) -> HttpResponse:
    """Order a file, and show what its columns mean."""
    chosen = request.GET.get("kind", "")
    form = ExportForm(request.POST or None, initial={"kind": chosen if chosen in KINDS else "events"})
    if request.method == "POST" and form.is_valid():
        try:
            if form.order(request.project, request.user):
                messages.success(request, "Ordered. It is written in the background; you may leave this page.")
                return _back(request)
        except Problem as problem:
            form.add_error(None, problem.message)
    status = 422 if form.errors else 200
    return page(request, "attribution/export_form.html", {"form": form, "kinds": list(KINDS.values())}, status=status)


@project_page
@require_safe
def export_download(request: PageRequest, export_id: int) -> HttpResponseBase:
    """Send the file of an export."""
    try:
        return send(_mine(request, export_id))
    except Problem as problem:
        messages.error(request, problem.message)
        return _back(request)


@project_page
@editors_only
@require_POST
def export_remove(request: PageRequest, export_id: int) -> HttpResponse:
    """Cancel an export that is not ready, or remove the file of one that is."""
    export = jobs.remove(_mine(request, export_id), now=timezone.now())
    canceled = export.state == Export.State.CANCELED
    messages.success(request, "Canceled. Nothing of it is kept." if canceled else "The file is removed.")
    return _back(request)


@project_page
@editors_only
@require_POST
def export_again(request: PageRequest, export_id: int) -> HttpResponse:
    """Order the same file anew."""
    export = _mine(request, export_id)
    try:
        jobs.order(
            request.project,
            jobs.asked_of(export),
            export.format,
            spreadsheet=bool(export.where.get("spreadsheet")),
            user=request.user,
        )
    except Problem as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "Ordered again.")
    return _back(request)


def _mine(request: PageRequest, export_id: int) -> Export:
    return get_object_or_404(request.project.exports.select_related("schedule", "project"), pk=export_id)


def _back(request: PageRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("attribution:export-list", args=[request.project.slug]))


@project_page
@managers_only
@require_http_methods(["GET", "HEAD", "POST"])
def schedule_create(request: PageRequest) -> HttpResponse:
    """Begin to write raw data every day; a test file is tried first."""
    form = ScheduleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if made := form.create(request.project, request.user, timezone.now()):
                messages.success(request, "A test file could be written there. The first day follows when it is over.")
                return _to(request, made.pk)
        except Problem as problem:
            form.add_error(None, problem.message)
    status = 422 if form.errors else 200
    return page(request, "attribution/schedule_form.html", {"form": form}, status=status)


@project_page
@require_safe
def schedule_detail(request: PageRequest, export_schedule_id: int) -> HttpResponse:
    """Show a schedule, when it writes next, and the files of the last days."""
    schedule = _plan(request, export_schedule_id)
    rows = schedule.exports.select_related("schedule", "created_by", "project").order_by("-since", "kind")[:60]
    context = {
        "schedule": schedule,
        "label": _label(schedule.kinds),
        "due_at": schedules.due_at(schedule),
        "bucket": schedule.address.startswith(schedules.S3),
        "rows": [_shown(row) for row in rows],
        "example": f"{schedule.kinds[0]}/day={schedule.next_day}/{schedule.kinds[0]}.{schedule.format}",
    }
    return page(request, "attribution/schedule_detail.html", context)


@project_page
@managers_only
@require_POST
def schedule_test(request: PageRequest, export_schedule_id: int) -> HttpResponse:
    """Try to write a file where the schedule's go."""
    try:
        schedules.try_out(_plan(request, export_schedule_id))
    except Problem as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "A test file was written there and removed.")
    return _to(request, export_schedule_id)


@project_page
@managers_only
@require_POST
def schedule_pause(request: PageRequest, export_schedule_id: int) -> HttpResponse:
    """Write no further day, or go on with those that were missed."""
    schedule = _plan(request, export_schedule_id)
    if schedule.paused_at:
        schedules.resume(schedule)
        messages.success(request, "Goes on, with the days that were missed first.")
    else:
        schedules.pause(schedule, now=timezone.now())
        messages.success(request, "Paused. Resumed, it writes the days that were missed.")
    return _to(request, export_schedule_id)


@project_page
@managers_only
@require_POST
def schedule_remove(request: PageRequest, export_schedule_id: int) -> HttpResponse:
    """End a schedule."""
    schedules.remove(_plan(request, export_schedule_id), now=timezone.now())
    messages.success(request, "Ended. What it has written stays where it is.")
    return _back(request)


def _plan(request: PageRequest, schedule_id: int) -> ExportSchedule:
    return get_object_or_404(request.project.export_schedules.select_related("project"), pk=schedule_id)


def _to(request: PageRequest, schedule_id: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("attribution:schedule-detail", args=[request.project.slug, schedule_id]))
