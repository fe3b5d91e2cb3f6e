"""Conversion schemas: the list with what is in force, and the editor of 64 fine and nine coarse values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from attribution.models import AppleApp, ConversionSchema
from attribution.skan import decoding, schemas
from attribution.skan.decoding import COARSE, FINE_VALUES, SEQUENCES, Wrong
from attribution.views.skan import views_of
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page

UNDO_SALT = "attribution.schema"
PARTS = ("label", "event", "revenue")
SHOWN_RANGES = 12
WINDOWS = ("First window, days 0–2", "Second, days 3–7", "Third, days 8–35")


@dataclass
class Line:
    """One value in the editor: its name in the form, what is filled in, and what is wrong with it."""

    name: str
    words: str
    label: str = ""
    event: str = ""
    revenue: str = ""
    problem: str = ""


@dataclass
class Editor:
    """Everything that is filled in of a schema, right or wrong."""

    app: str = ""
    valid_from: str = ""
    currency: str = ""
    fine: list[Line] = field(default_factory=list)
    coarse: list[tuple[str, list[Line]]] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    fill: dict[str, str] = field(default_factory=dict)
    filled: str = ""

    @property
    def parts(self) -> list[dict[str, Any]]:
        """Return the fine values in four parts; those with something wrong are open, or the first of an empty one."""
        found = []
        for first in FINE_VALUES[::16]:
            lines = self.fine[first : first + 16]
            filled = sum(bool(line.label or line.event or line.revenue) for line in lines)
            wrong = any(line.problem for line in lines)
            found.append({"words": f"{first} to {first + 15}", "lines": lines, "filled": filled, "open": wrong})
        found[0]["open"] = found[0]["open"] or not any(part["filled"] for part in found)
        return found

    def lines(self) -> list[Line]:
        """Return all lines, fine ones first."""
        return [*self.fine, *(line for _, lines in self.coarse for line in lines)]

    def show(self, wrong: Sequence[Mapping[str, str]]) -> None:
        """Put what is wrong beside the values it is about."""
        lines = {line.name: line for line in self.lines()}
        for one in wrong:
            line = lines.get(one["field"].rpartition(".")[0])
            if line:
                line.problem = line.problem or one["message"]
            elif one["field"] in {"valid_from", "currency", "app", "fill"}:
                self.problems[one["field"]] = one["message"]
            else:
                self.others.append(one["message"])


@project_page
@require_safe
def skan_schema_list(request: PageRequest) -> HttpResponse:
    """Show all schemas, which of them is in force, and how many values each has."""
    rows = list(
        request.project.conversion_schemas.select_related("app", "created_by").order_by("app__name", "-valid_from")
    )
    today, ends = timezone.localdate(), schemas.ends(rows)
    shown = [_in_force(row, ends[row.pk], today) for row in rows]
    context = {"rows": shown, "views": views_of(request, "skan-schema-list")}
    return page(request, "attribution/skan_schema_list.html", context)


def _in_force(row: ConversionSchema, end: date | None, today: date) -> dict[str, Any]:
    return {
        "row": row,
        "until": end - timedelta(days=1) if end else None,
        "now": row.valid_from <= today and (end is None or end > today),
        "later": row.valid_from > today,
        "short": decoding.in_short(decoding.fine_from(row.fine))[:SHOWN_RANGES],
    }


@project_page
@editors_only
@require_http_methods(["GET", "HEAD", "POST"])
def skan_schema_create(request: PageRequest) -> HttpResponse:
    """Make a schema, empty or as a copy of another one."""
    copied = request.GET.get("copy", "")
    found = request.project.conversion_schemas.filter(pk=int(copied)) if copied.isascii() and copied.isdigit() else None
    return _edit(request, None, found.first() if found is not None else None)


@project_page
@editors_only
@require_http_methods(["GET", "HEAD", "POST"])
def skan_schema_edit(request: PageRequest, conversion_schema_id: int) -> HttpResponse:
    """Correct a schema: what it says counts for everything since its first day, also for what has arrived."""
    schema = get_object_or_404(request.project.conversion_schemas.select_related("app"), pk=conversion_schema_id)
    return _edit(request, schema, schema)


@project_page
@editors_only
@require_POST
def skan_schema_delete(request: PageRequest, conversion_schema_id: int) -> HttpResponse:
    """Delete a schema, with undo."""
    schema = get_object_or_404(request.project.conversion_schemas, pk=conversion_schema_id)
    day = schema.valid_from
    token = signing.dumps(schemas.delete(schema), salt=f"{UNDO_SALT}.{request.project.pk}", compress=True)
    # An address must stay short enough for every proxy; a full schema does not fit into one.
    undo = reverse("attribution:skan-schema-undo", args=[request.project.slug, token]) if len(token) < 1_800 else ""
    messages.success(request, f"The schema from {day} is deleted.", extra_tags=f"undo:{undo}" if undo else "")
    return _to_list(request)


@project_page
@editors_only
@require_POST
def skan_schema_undo(request: PageRequest, token: str) -> HttpResponse:
    """Make a deleted schema again."""
    try:
        was = signing.loads(token, salt=f"{UNDO_SALT}.{request.project.pk}", max_age=3_600)
        schemas.restore(request.project, was, request.user)
        messages.success(request, "The schema is back.")
    except signing.BadSignature:
        messages.error(request, "This can’t be undone any more.")
    except Problem as problem:
        messages.error(request, problem.message)
    return _to_list(request)


def _to_list(request: PageRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("attribution:skan-schema-list", args=[request.project.slug]))


def _edit(request: PageRequest, schema: ConversionSchema | None, shown: ConversionSchema | None) -> HttpResponse:
    editor = _sent(request) if request.method == "POST" else _stored(request, shown, fresh=schema is None)
    if request.method == "POST" and "fill" in request.POST:
        _fill(editor)
    elif request.method == "POST" and (saved := _save(request, editor, schema)):
        messages.success(request, f"Values set from {saved.valid_from} on are read by it.")
        return _to_list(request)
    context = {
        "schema": schema,
        "editor": editor,
        "apps": request.project.apple_apps.order_by("name", "app_id"),
        "used": any(line.problem for line in editor.lines()) or editor.problems or editor.others,
    }
    wrong = request.method == "POST" and (context["used"] and "fill" not in request.POST)
    return page(request, "attribution/skan_schema_form.html", context, partial="form", status=422 if wrong else 200)


def _stored(request: PageRequest, shown: ConversionSchema | None, *, fresh: bool) -> Editor:
    """Return the editor with a stored schema in it; a new one begins today."""
    fine = {row["value"]: row for row in shown.fine} if shown else {}
    coarse = {(row.get("sequence", 0), row["value"]): row for row in shown.coarse} if shown else {}
    editor = Editor(
        app=str(shown.app_id or "") if shown else "",
        valid_from=str(timezone.localdate() if fresh or not shown else shown.valid_from),
        currency=shown.currency if shown else request.project.currency,
    )

    def line(name: str, words: str, row: Mapping[str, Any] | None) -> Line:
        given = row or {}
        return Line(name, words, *(str(given.get(part) or "") for part in PARTS))

    editor.fine = [line(f"fine.{value}", str(value), fine.get(value)) for value in FINE_VALUES]
    editor.coarse = [
        (
            WINDOWS[number],
            [line(f"coarse.{number}.{one}", one.capitalize(), coarse.get((number, one))) for one in COARSE],
        )
        for number in SEQUENCES
    ]
    return editor


def _sent(request: PageRequest) -> Editor:
    """Return the editor as it was filled in."""
    editor = _stored(request, None, fresh=True)
    sent = {name: value.replace("\x00", "").strip()[:200] for name, value in request.POST.dict().items()}
    editor.app, editor.valid_from = sent.get("app", ""), sent.get("valid_from", "")
    editor.currency = sent.get("currency", "")
    for line in editor.lines():
        line.label, line.event, line.revenue = (sent.get(f"{line.name}.{part}", "") for part in PARTS)
    editor.fill = {name: sent.get(f"fill_{name}", "") for name in ("span", "label", "event", "low", "high")}
    return editor


def _fill(editor: Editor) -> None:
    """Give a range of fine values one meaning, its revenue in even steps."""
    values = decoding.span_of(editor.fill["span"])
    if not values:
        editor.show([{"field": "fill", "message": "Give a value from 0 to 63, or a range such as 10-19."}])
        return
    try:
        low, high = decoding.money(editor.fill["low"]), decoding.money(editor.fill["high"])
    except ValueError:
        editor.show([{"field": "fill", "message": "Give amounts such as 4.99."}])
        return
    steps: list[Decimal | None] = decoding.spread(values[0], values[-1], low, low if high is None else high)
    for value, revenue in zip(values, steps, strict=True):
        line = editor.fine[value]
        line.label, line.event = editor.fill["label"], editor.fill["event"]
        line.revenue = "" if revenue is None else f"{revenue:f}"
    editor.filled = f"{len(values)} value{'' if len(values) == 1 else 's'} filled in. Save to keep them."
    editor.fill = {}


def _save(request: PageRequest, editor: Editor, schema: ConversionSchema | None) -> ConversionSchema | None:
    """Store what was filled in; None when something is wrong, which the editor then says."""
    day = _day(editor.valid_from)
    app = request.project.apple_apps.filter(pk=int(editor.app)).first() if editor.app.isdigit() else None
    wrong: list[Wrong] = []
    if day is None:
        wrong.append(Wrong("valid_from", "Give a day."))
    if editor.app and app is None:
        wrong.append(Wrong("app", "This project has no such app."))
    if wrong or day is None:
        editor.show([{"field": one.field, "message": one.message} for one in wrong])
        return None
    try:
        return _stored_as(request, editor, app, day, schema)
    except InvalidField as refusal:
        editor.show(_placed(editor, refusal.detail))
    except schemas.DayTaken as refusal:
        editor.show([{"field": "valid_from", "message": refusal.message.partition(": ")[2]}])
    return None


def _day(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _stored_as(
    request: PageRequest, editor: Editor, app: AppleApp | None, day: date, schema: ConversionSchema | None
) -> ConversionSchema:
    fine, coarse = _filled(editor)
    return schemas.save(
        request.project, app=app, valid_from=day, fine=fine, coarse=coarse, currency=editor.currency,
        user=request.user, schema=schema,
    )  # fmt: skip


def _filled(editor: Editor) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the lines that anything is filled in of."""
    fine: list[dict[str, Any]] = []
    coarse: list[dict[str, Any]] = []
    for line in editor.lines():
        given = {part: getattr(line, part) for part in PARTS}
        if not any(given.values()):
            continue
        kind, *place = line.name.split(".")
        if kind == "fine":
            fine.append({"value": int(place[0]), **given})
        else:
            coarse.append({"sequence": int(place[0]), "value": place[1], **given})
    return fine, coarse


def _placed(editor: Editor, detail: Sequence[Mapping[str, str]]) -> Sequence[Mapping[str, str]]:
    """Say what is missing in the words of the form."""
    return [
        {**row, "message": "Give at least one value a meaning."} if row["field"] == "fine" else row for row in detail
    ]
