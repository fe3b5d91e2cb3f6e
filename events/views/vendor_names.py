"""The names of a vendor's events: what arrives, what it is called here, and what it should be called."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from customers.pages import PageRequest, editors_only, project_page
from events import event_names
from events.dialects import registry
from events.event_names import Arrived, Suggestion
from events.models import EventName
from events.vendor_formats import Format
from events.views.vendors import format_of
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page

SHOWS = {"": "All", "open": "Without a name of ours", "mapped": "With one"}
CSV_HEAD = ("theirs", "ours", "suggested", "why", "events_30_days", "last_at")


@dataclass(frozen=True)
class Line:
    """A row of the table: a vendor's name, what it is called, what it should be called, how often it comes."""

    theirs: str
    ours: str = ""
    pk: int = 0
    suggested: str = ""
    why: str = ""
    count: int = 0
    last_at: datetime | None = None


def lines_of(mapped: Mapping[str, EventName], suggested: Mapping[str, Suggestion], found: list[Arrived]) -> list[Line]:
    """Return a row for each name that arrives or is mapped, those without a name of ours first, then the busiest."""
    counts: dict[str, tuple[int, datetime]] = {}
    for one in found:
        count, last_at = counts.get(one.theirs, (0, one.last_at))
        counts[one.theirs] = count + one.count, max(last_at, one.last_at)
    lines = []
    for theirs in {*mapped, *suggested}:
        row, advice = mapped.get(theirs), suggested.get(theirs)
        seen = counts.get(theirs)
        lines.append(
            Line(
                theirs,
                row.ours if row else "",
                row.pk if row else 0,
                advice.ours if advice else "",
                advice.why if advice else "",
                seen[0] if seen else 0,
                seen[1] if seen else None,
            )
        )
    return sorted(lines, key=lambda line: (bool(line.ours), not line.suggested, -line.count, line.theirs))


@project_page
@require_safe
def vendor_names(request: PageRequest, dialect: str) -> HttpResponse:
    """Show the names of a vendor's events."""
    return _answer(request, format_of(dialect))


@project_page
@editors_only
@require_POST
def vendor_name_save(request: PageRequest, dialect: str) -> HttpResponse:
    """Give an event of a vendor our name."""
    known = format_of(dialect)
    given = request.POST if "theirs" in request.POST else request.GET  # an undo comes with its values in the address
    theirs, ours = given.get("theirs", ""), given.get("ours", "")
    try:
        row = event_names.name(request.project, dialect, theirs, ours, user=request.user)
    except InvalidField as problem:
        return _answer(request, known, wrong={theirs: problem.detail[0]["message"]})
    return _answer(request, known, toast=f"{row.theirs} is called “{row.ours}” from the next event on.")


@project_page
@editors_only
@require_POST
def vendor_names_accept(request: PageRequest, dialect: str) -> HttpResponse:
    """Take all suggestions at once."""
    known = format_of(dialect)
    names = {
        theirs: ours
        for theirs, ours in zip(request.POST.getlist("theirs"), request.POST.getlist("ours"), strict=False)
        if ours
    }
    if not names:
        return _answer(request, known, toast="There was nothing to accept.")
    try:
        rows = event_names.name_all(request.project, dialect, names, user=request.user)
    except InvalidField as problem:
        return _answer(request, known, toast=problem.message, bad=True)
    return _answer(request, known, toast=f"{len(rows):,} name{'' if len(rows) == 1 else 's'} accepted.")


@project_page
@editors_only
@require_POST
def vendor_name_forget(request: PageRequest, event_name_id: int) -> HttpResponse:
    """Let an event keep the vendor's name again, with undo."""
    row = get_object_or_404(EventName, project=request.project, pk=event_name_id)
    event_names.forget(request.project, [row.pk])
    address = reverse("events:vendor-name-save", args=[request.project.slug, row.dialect])
    undo = f"{address}?{urlencode({'theirs': row.theirs, 'ours': row.ours})}"
    return _answer(
        request, format_of(row.dialect), toast=f"{row.theirs} keeps its name from the next event on.", undo=undo
    )


def _answer(
    request: PageRequest,
    known: Format,
    *,
    toast: str = "",
    undo: str = "",
    bad: bool = False,
    wrong: Mapping[str, str] | None = None,
) -> HttpResponse:
    project, now, problem = request.project, timezone.now(), ""
    mapped = {row.theirs: row for row in EventName.objects.filter(project=project, dialect=known.dialect)}
    found: list[Arrived] = []
    try:
        found = event_names.arrived(project, known.dialect, now=now)
    except Problem as why:
        problem = why.message
    usual = registry.DIALECTS[known.dialect].NAMES if known.dialect in registry.DIALECTS else {}
    own = event_names.own_names(project, now=now)
    plain = {theirs: row.ours for theirs, row in mapped.items()}
    suggested = {one.theirs: one for one in event_names.suggest(found, plain, usual, own)}
    lines = lines_of(mapped, suggested, found)
    if request.GET.get("format") == "csv":
        rows = ((one.theirs, one.ours, one.suggested, one.why, one.count, one.last_at or "") for one in lines)
        return csv_file(f"{known.dialect}-names", CSV_HEAD, rows)
    context = _context(request, known, lines) | {"problem": problem, "wrong": wrong or {}, "own": own}
    answer = page(request, "events/vendor_names.html", context, status=422 if wrong else 200)
    if toast:
        trigger_client_event(answer, "toast", {"text": toast, "undo": undo, "kind": "bad" if bad else ""})
    return answer


def _context(request: PageRequest, known: Format, lines: list[Line]) -> dict[str, Any]:
    show, q = request.GET.get("show", ""), request.GET.get("q", "").strip().lower()
    shown = [one for one in lines if q in f"{one.theirs} {one.ours} {one.suggested}".lower()]
    if show in {"open", "mapped"}:
        shown = [one for one in shown if bool(one.ours) == (show == "mapped")]
    return {
        "format": known,
        "lines": shown,
        "all": lines,
        "offers": [one for one in lines if one.suggested],
        "total": sum(one.count for one in shown),
        "show": show,
        "shows": SHOWS,
    }
