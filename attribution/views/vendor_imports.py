"""Pages on which another vendor's files are brought: its numbers to compare with, and what became of each file."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from attribution.appsflyer_import import working
from attribution.appsflyer_import.rows import WrongFile
from attribution.models import VendorImport
from attribution.shadow import number_files, numbers, vendors
from attribution.shadow.number_files import LABELS
from attribution.shadow.numbers import Sums
from attribution.shadow_forms import NumbersForm, RawForm, zones
from attribution.views.shared import page_of, wants_csv
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.errors import Problem
from growthplatform.core.http import page

NEWEST = ("-id",)
SHOWN_ROWS = 8
SHOWN_WRONG = 50
SAID = {"added": "new", "replaced": "changed", "unchanged": "as before", "removed": "removed"}
FACTS = {
    "installs": "Installs",
    "events": "Events",
    "touches": "Touches",
    "campaigns": "Campaigns",
    "added": "New",
    "replaced": "Changed",
    "removed": "Removed",
    "outside_window": "Outside your windows",
}
NOTES = {
    "outside_window": "Some installs are credited to a click or view that is older than your rules look back. They are"
    " organic here. A replay with wider windows credits them as AppsFlyer did.",
}
WRONG_HEAD = ("line", "field", "code", "message", "text")


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def shadow_numbers(request: PageRequest) -> HttpResponse:
    """Show the import of a vendor's report; a file posted is looked at first, and kept once that is confirmed."""
    form = NumbersForm(request.POST or None, request.FILES or None, initial={"vendor": _usual_vendor(request)})
    context: dict[str, Any] = {"form": form, "zones": zones()}
    if request.method != "POST":
        return page(request, "attribution/shadow_numbers.html", context)
    if not form.is_valid() or form.table is None:
        return page(request, "attribution/shadow_numbers.html", context, status=422)
    given, mapping = form.cleaned_data, form.mapping
    lacking = number_files.missing(mapping)
    rows = [] if lacking else number_files.read(form.table, mapping, day_first=given["day_first"] or None)
    sums = numbers.add_up(rows, numbers.known_sources(request.project))
    if "take" in request.POST and sums.found:
        made = numbers.store(
            request.project,
            given["vendor"],
            sums,
            name=given["name"] or "numbers.csv",
            time_zone=given["time_zone"],
            mapping={"columns": mapping},
            complete=given["complete"],
            by=request.user,
            now=timezone.now(),
        )
        messages.success(request, _told(made))
        url = reverse("attribution:shadow", args=[request.project.slug])
        return HttpResponseRedirect(f"{url}?vendor={made.vendor}{_days(sums)}")
    context.update(_preview(form, mapping, sums, lacking))
    return page(request, "attribution/shadow_numbers.html", context, status=200 if sums.found else 422)


def _usual_vendor(request: PageRequest) -> str:
    app = request.project.vendor_apps.filter(archived_at=None, dialect__in=vendors.VENDORS).order_by("pk").first()
    return app.dialect if app else "appsflyer"


def _preview(form: NumbersForm, mapping: dict[str, str], sums: Sums, lacking: list[str]) -> dict[str, Any]:
    assert form.table is not None
    shown = [dict(zip(LABELS, (getattr(row, name, "") for name in LABELS), strict=True)) for row in
             sorted(sums.found.values(), key=lambda row: (row.day, -(row.installs or 0)))[:SHOWN_ROWS]]  # fmt: skip
    return {
        "text": form.text,
        "name": form.cleaned_data["name"],
        "columns": [
            (field, label, [(name, name == mapping.get(field)) for name in form.table.head])
            for field, label in LABELS.items()
        ],
        "mapping": mapping,
        "lacking": lacking,
        "sums": sums,
        "shown": shown,
        "sources": [(theirs, ours) for theirs, ours in sums.sources.items() if theirs != ours][:20],
        "wrong": [one._asdict() for one in sums.wrong[:SHOWN_WRONG]],
        "more_wrong": sums.wrong_number - min(len(sums.wrong), SHOWN_WRONG),
    }


def _told(made: VendorImport) -> str:
    said = made.summary
    parts = [f"{said[name]:,} {word}" for name, word in SAID.items() if said[name]]
    left = f" {made.refused:,} rows could not be read." if made.refused else ""
    return f"Numbers kept: {', '.join(parts) or 'nothing'}.{left}"


def _days(sums: Sums) -> str:
    """Return the days of a report as the address of a page has them; the last 400 where there are more."""
    if not sums.days or (sums.days[-1] - sums.days[0]).days >= 400:
        return ""
    return f"&from={sums.days[0]}&to={sums.days[-1]}"


@project_page
@require_safe
def shadow_import_list(request: PageRequest) -> HttpResponse:
    """List the files that were brought, with what became of each."""
    rows = request.project.vendor_imports.select_related("created_by")
    found = page_of(request, rows, NEWEST)
    context = {
        "imports": [(one, vendors.VENDORS.get(one.vendor, one.vendor)) for one in found.rows],
        "next": found.next,
    }
    return page(request, "attribution/shadow_import_list.html", context, partial="rows")


@project_page
@require_safe
def shadow_import(request: PageRequest, vendor_import_id: int) -> HttpResponse:
    """Show one file: how far it is, what became of its rows, and those that could not be taken."""
    one = get_object_or_404(request.project.vendor_imports.select_related("created_by"), pk=vendor_import_id)
    if wants_csv(request):
        lines = ([row.get(name, "") for name in WRONG_HEAD] for row in one.report)
        return csv_file(f"{one.vendor}-import-{one.pk}-refused", WRONG_HEAD, lines)
    context = {
        "import": one,
        "vendor": vendors.VENDORS.get(one.vendor, one.vendor),
        "at_work": one.state in {VendorImport.State.WAITING, VendorImport.State.RUNNING},
        "shown": one.report[:SHOWN_WRONG],
        "facts": [(label, one.summary[name]) for name, label in FACTS.items() if one.summary.get(name)],
        "notes": [sentence for name, sentence in NOTES.items() if one.summary.get(name)],
    }
    return page(request, "attribution/shadow_import.html", context, partial="whole")


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def shadow_raw(request: PageRequest) -> HttpResponse:
    """Take AppsFlyer's raw data over: a file is kept, and a worker reads it."""
    form = RawForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = working.order(
                request.project, given["file"], time_zone=given["time_zone"], now=timezone.now(), by=request.user
            )
        except WrongFile as why:
            form.add_error("file", str(why))
        except Problem as problem:
            form.add_error(None, problem.message)
        else:
            messages.success(request, "The file is being read. What it brings is decided as it comes.")
            return HttpResponseRedirect(reverse("attribution:shadow-import", args=[request.project.slug, made.pk]))
    status = 422 if request.method == "POST" else 200
    return page(request, "attribution/shadow_raw.html", {"form": form, "zones": zones()}, status=status)
