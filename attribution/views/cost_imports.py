"""Imports of spend: a file is looked at under a mapping, then taken; what became of each row; undo."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from attribution.cost_forms import SpendFileForm
from attribution.costs import csv_rows, drafts, importing
from attribution.costs.csv_rows import FIXED, KEY, LABELS, MARKS, ORDERS, Layout
from attribution.costs.drafts import Preview
from attribution.models import SpendImport
from attribution.views.cost import empty_context
from attribution.views.cost_rows import require_editor, today_of, views_of
from attribution.views.shared import page_of
from attribution.views.spend import undo_url
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core import formats
from growthplatform.core.currencies import CURRENCIES
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page

SHOWN_ROWS = 30
SHOWN_REFUSED = 100
NEEDED = ("day", "source", "amount", "currency")


@project_page
@require_http_methods(["GET", "POST"])
def cost_import_list(request: PageRequest) -> HttpResponse:
    """List the imports; a file posted becomes a draft that is looked at first."""
    form = SpendFileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        return _begin(request, form)
    rows = request.project.spend_imports.select_related("created_by", "project")
    found = page_of(request, rows, ("-id",))
    context = {
        **empty_context(request),
        "form": form,
        "views": views_of(request),
        "view": "cost-import-list",
        "rows": found.rows,
        "number": rows.count(),
        "next": found.next,
    }
    return page(
        request, "attribution/cost_import_list.html", context, partial="rows", status=422 if form.errors else 200
    )


def _begin(request: PageRequest, form: SpendFileForm) -> HttpResponse:
    require_editor(request)
    name, data = form.cleaned_data["file"]
    try:
        draft = drafts.begin(request.project, name, data, today=today_of(request), user=request.user)
    except InvalidField as refusal:
        form.add_error("file", refusal.detail[0]["message"])
        context = {**empty_context(request), "form": form, "views": views_of(request), "view": "cost-import-list"}
        rows = request.project.spend_imports.select_related("created_by", "project")
        context.update(rows=page_of(request, rows, ("-id",)).rows, number=rows.count())
        return page(request, "attribution/cost_import_list.html", context, status=422)
    return HttpResponseRedirect(_address(draft))


def _address(one: SpendImport) -> str:
    return reverse("attribution:cost-import", args=[one.project.slug, one.pk])


@project_page
@require_http_methods(["GET", "POST"])
def cost_import(request: PageRequest, spend_import_id: int) -> HttpResponse:
    """Show an import: a draft with its mapping and what it would do, else what it did. POST changes the mapping."""
    one = _get(request, spend_import_id)
    if one.state != SpendImport.State.DRAFT:
        return _done_page(request, one)
    if request.method == "POST":
        require_editor(request)
        drafts.change(one, request.POST.dict(), complete="complete" in request.POST, today=today_of(request))
    found = drafts.preview(one, today=today_of(request))
    context = {"one": one, **_looked_at(found, one)}
    return page(request, "attribution/cost_import.html", context, partial="draft")


def _get(request: PageRequest, spend_import_id: int) -> SpendImport:
    rows = SpendImport.objects.select_related("project", "created_by")
    return get_object_or_404(rows, project=request.project, pk=spend_import_id)


def _looked_at(found: Preview, one: SpendImport) -> dict[str, Any]:
    """Return what the page shows of a draft."""
    outcomes = found.judged.outcomes
    in_columns = {name: [line.cells for line in found.sheet.lines[:3]] for name in found.layout.columns}
    return {
        "found": found,
        "needed": NEEDED,
        "missing": [LABELS[name].lower() for name in found.missing],
        "fields": [_field(found, name, in_columns) for name in csv_rows.FIELDS],
        "head": found.sheet.head,
        "orders": ORDERS,
        "marks": MARKS,
        "currencies": CURRENCIES,
        "facts": {
            "added": outcomes[importing.ADDED],
            "replaced": outcomes[importing.REPLACED],
            "unchanged": outcomes[importing.UNCHANGED],
            "removed": len(found.judged.removed),
        },
        "changes": _changes(found.judged.change()),
        "shown": [(row, outcome) for row, outcome in _with_outcome(found)][:SHOWN_ROWS],
        "more": max(len(found.rows) - SHOWN_ROWS, 0),
        "refused": found.refused[:SHOWN_REFUSED],
        "refused_more": max(len(found.refused) - SHOWN_REFUSED, 0),
        "unknown": list(found.unknown.items())[:SHOWN_ROWS],
        "unknown_more": max(len(found.unknown) - SHOWN_ROWS, 0),
        "take_url": reverse("attribution:cost-import-take", args=[one.project.slug, one.pk]),
        "discard_url": reverse("attribution:cost-import-discard", args=[one.project.slug, one.pk]),
    }


def _field(found: Preview, name: str, cells: Mapping[str, Sequence[Sequence[str]]]) -> dict[str, Any]:
    """Return a field of ours as the mapping shows it: its column, what is in it, or the same value for all lines."""
    column = found.layout.columns.get(name, "")
    place = found.sheet.head.index(column) if column else 0
    examples = [row[place].strip() for row in cells.get(name, []) if place < len(row) and row[place].strip()]
    return {
        "name": name,
        "label": LABELS[name],
        "column": column,
        "fixed": found.layout.fixed.get(name, ""),
        "can_be_fixed": name in FIXED,
        "needed": name in NEEDED,
        "key": name in KEY,
        "examples": " · ".join(dict.fromkeys(examples))[:80],
    }


def _with_outcome(found: Preview) -> list[tuple[Any, Any]]:
    by_line = {verdict.line: verdict for verdict in found.judged.verdicts}
    return [(row, by_line.get(row.line)) for row in found.rows]


def _changes(found: Mapping[str, tuple[Decimal, Decimal]]) -> list[dict[str, str]]:
    return [
        {
            "currency": currency,
            "before": formats.money(before, currency),
            "after": formats.money(after, currency),
            "by": f"{'+' if after >= before else ''}{formats.money(after - before, currency)}",
        }
        for currency, (before, after) in found.items()
    ]


def _done_page(request: PageRequest, one: SpendImport) -> HttpResponse:
    later = importing.find_obstacle(one) if one.state == SpendImport.State.DONE else None
    layout = Layout.from_json(one.mapping)
    columns = [(LABELS[name], layout.columns.get(name, ""), layout.fixed.get(name, "")) for name in csv_rows.FIELDS]
    context = {
        "one": one,
        "refused": one.refused[:SHOWN_REFUSED],
        "refused_more": max(one.refused_rows - SHOWN_REFUSED, 0),
        "columns": [row for row in columns if row[1] or row[2]],
        "later": later,
        "later_url": _address(later) if later else "",
        "undo_url": undo_url(one),
        "report_url": reverse("attribution:cost-import-refused", args=[one.project.slug, one.pk]),
        "spend_url": f"{reverse('attribution:spend-list', args=[one.project.slug])}?import={one.pk}&range=12m",
    }
    return page(request, "attribution/cost_import_done.html", context)


@project_page
@editors_only
@require_POST
def cost_import_take(request: PageRequest, spend_import_id: int) -> HttpResponse:
    """Take a draft in. A second press changes nothing."""
    draft = _get(request, spend_import_id)
    try:
        done = drafts.take(draft, now=timezone.now())
    except InvalidField as refusal:
        messages.error(request, refusal.detail[0]["message"])
        return HttpResponseRedirect(_address(draft))
    text = f"{done.added:,} added, {done.replaced:,} replaced, {done.unchanged:,} as they were."
    text += f" {done.refused_rows:,} refused." if done.refused_rows else ""
    messages.success(request, text, extra_tags=f"undo:{undo_url(done)}")
    return HttpResponseRedirect(_address(done))


@project_page
@editors_only
@require_POST
def cost_import_discard(request: PageRequest, spend_import_id: int) -> HttpResponse:
    """Throw a draft away. Nothing of it was ever counted."""
    draft = _get(request, spend_import_id)
    if draft.state == SpendImport.State.DRAFT:
        draft.delete()
        messages.success(request, f"{draft.name} is thrown away. Nothing of it was counted.")
    return HttpResponseRedirect(reverse("attribution:cost-import-list", args=[request.project.slug]))


@project_page
@editors_only
@require_POST
def cost_import_undo(request: PageRequest, spend_import_id: int) -> HttpResponse:
    """Bring back what was before an import."""
    one = _get(request, spend_import_id)
    try:
        importing.undo(one, now=timezone.now())
    except importing.CantUndo as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{one.name} is undone. Spend is as it was before it.")
    return HttpResponseRedirect(_address(one))


@project_page
@require_safe
def cost_import_refused(request: PageRequest, spend_import_id: int) -> HttpResponse:
    """Answer the refused rows of an import as a file: line, field, why, and the row as it came."""
    one = _get(request, spend_import_id)
    refused = one.refused
    if one.state == SpendImport.State.DRAFT:
        refused = [row._asdict() for row in drafts.preview(one, today=today_of(request)).refused]
    head = ("row", "field", "code", "message", "line")
    return csv_file(f"refused-{one.pk}", head, ([row.get(name, "") for name in head] for row in refused))
