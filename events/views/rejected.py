"""Pages of refused events: the list, one of them with its repair, replay and putting aside."""

from django.contrib import messages
from django.db.models import Count, Q, QuerySet, Sum
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from customers.pages import PageRequest, editors_only, project_page
from events import repair_offers, repairs
from events.answers_given import answer_to
from events.forms import RepairForm
from events.hints import hint_for
from events.models import Rejected
from events.vendor_formats import FORMATS
from events.vendor_traffic import sent_to
from growthplatform.core.download import csv_file
from growthplatform.core.errors import Problem
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor, paginate

ORDERS = {"last": "last_at", "first": "received_at", "seen": "seen"}
NEWEST = "-last"
ROWS = 50
CSV_HEAD = ("id", "code", "message", "field", "path", "state", "seen", "first_seen_at", "last_seen_at", "body")
STATES = {**dict(Rejected.State.choices), "all": "All"}


def _text(request: PageRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()


def _found(request: PageRequest, *, state: str) -> QuerySet[Rejected]:
    rows = Rejected.objects.filter(project=request.project)
    if state != "all":
        rows = rows.filter(state=state)
    if code := _text(request, "code"):
        rows = rows.filter(code=code)
    if (vendor := _text(request, "vendor")) in FORMATS:
        rows = rows.filter(sent_to(vendor))
    if q := _text(request, "q"):
        rows = rows.filter(
            Q(body__icontains=q) | Q(message__icontains=q) | Q(field__icontains=q) | Q(code__icontains=q)
        )
    return rows


def _order(sort: str) -> list[str]:
    name = sort.lstrip("-")
    if name not in ORDERS:
        return _order(NEWEST)
    sign = "-" if sort.startswith("-") else ""
    return [f"{sign}{ORDERS[name]}", f"{sign}id"]


@project_page
@require_safe
def rejected_list(request: PageRequest) -> HttpResponse:
    """Show what was refused, with reason and count."""
    state = request.GET.get("state", Rejected.State.OPEN)
    state = state if state in STATES else str(Rejected.State.OPEN)
    rows, order = _found(request, state=state), _order(request.GET.get("sort", NEWEST))
    if request.GET.get("format") == "csv":
        return _csv(request, rows.order_by(*order))
    try:
        found = paginate(rows, order, cursor=request.GET.get("cursor", ""), limit=ROWS)
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    mine = Rejected.objects.filter(project=request.project)
    open_ones = mine.filter(state=Rejected.State.OPEN).order_by()
    if (vendor := _text(request, "vendor")) in FORMATS:
        open_ones = open_ones.filter(sent_to(vendor))
    codes = open_ones.values("code").annotate(kinds=Count("pk"), times=Sum("seen"))
    code = _text(request, "code")
    context = {
        "rows": found.rows,
        "next": found.next,
        "sums": rows.aggregate(kinds=Count("pk"), times=Sum("seen")),
        "codes": codes.order_by("-times", "code"),
        "code": code,
        "hint": hint_for(code) if code else "",
        "state": state,
        "states": STATES,
        "newest": NEWEST,
        "new": not found.rows and not mine.exists(),
        "vendor": FORMATS.get(_text(request, "vendor")),
        "rules": request.project.repair_rules.filter(paused_at=None).count(),
        "ready": repair_offers.for_code(code),
    }
    return page(request, "events/rejected_list.html", context, partial="rows")


def _csv(request: PageRequest, rows: QuerySet[Rejected]) -> HttpResponse:
    lines = (
        (
            row.pk,
            row.code,
            row.message,
            row.field,
            row.path,
            row.state,
            row.seen,
            row.received_at,
            row.last_at,
            row.body,
        )
        for row in rows.iterator(chunk_size=200)
    )
    return csv_file(f"{request.project.slug}-rejected", CSV_HEAD, lines)


def _get(request: PageRequest, rejected_id: int) -> Rejected:
    rows = Rejected.objects.select_related("project", "repaired_by")
    return get_object_or_404(rows, project=request.project, pk=rejected_id)


@project_page
@require_safe
def rejected_detail(request: PageRequest, rejected_id: int) -> HttpResponse:
    """Show one refused event: why, what was sent, and how to repair it."""
    rejected = _get(request, rejected_id)
    return _detail(request, rejected, RepairForm(initial=_as_kept(rejected)))


def _as_kept(rejected: Rejected) -> dict[str, str]:
    return {"body": repairs.readable(rejected.body), "path": rejected.path}


def _detail(
    request: PageRequest, rejected: Rejected, form: RepairForm, problem: Problem | None = None, *, status: int = 200
) -> HttpResponse:
    alike = Rejected.objects.filter(project=request.project, code=rejected.code, state=Rejected.State.OPEN)
    context = {
        "rejected": rejected,
        "form": form,
        "problem": problem,
        "problem_field": repairs.field_in(problem) if problem else "",
        "hint": hint_for(problem.code if problem else rejected.code),
        "where": repairs.place_of(rejected.body, rejected.field),
        "alike": alike.count(),
        "kept_until": rejected.last_at + repairs.KEPT,
        "replayable": repairs.is_replayable(rejected),
        "answered": answer_to(rejected),
    }
    return page(request, "events/rejected_detail.html", context, partial="repair", status=status)


@project_page
@require_POST
@editors_only
def rejected_replay(request: PageRequest, rejected_id: int) -> HttpResponse:
    """Send a refused event again as its owner repaired it; answer the new reason beside the field while it is wrong."""
    rejected = _get(request, rejected_id)
    form = RepairForm(request.POST)
    if not form.is_valid():
        return _detail(request, rejected, form, status=422)
    body = str(form.cleaned_data["body"]).replace("\r\n", "\n")
    untouched = body.strip() == repairs.readable(rejected.body).replace("\r\n", "\n").strip()
    try:
        path = repairs.path_of(rejected, form.cleaned_data["path"])
        receipt = repairs.replay_once(rejected, None if untouched else body.encode(), path=path)
    except Problem as problem:
        return _detail(request, rejected, form, problem, status=422)
    text = "Replayed: the event is stored." if receipt.stored else "This event was stored before; it counts once."
    messages.success(request, text)
    return _to(request, reverse("events:rejected-detail", args=[request.project.slug, rejected.pk]))


@project_page
@require_POST
@editors_only
def rejected_discard(request: PageRequest, rejected_id: int) -> HttpResponse:
    """Put a refused event aside, with undo."""
    rejected = _get(request, rejected_id)
    repairs.discard(rejected)
    undo = reverse("events:rejected-restore", args=[request.project.slug, rejected.pk])
    messages.success(request, "Discarded.", extra_tags=f"undo:{undo}")
    return _to(request, reverse("events:rejected-list", args=[request.project.slug]))


@project_page
@require_POST
@editors_only
def rejected_restore(request: PageRequest, rejected_id: int) -> HttpResponse:
    """Take a discarded event back."""
    rejected = _get(request, rejected_id)
    repairs.restore(rejected)
    return _to(request, reverse("events:rejected-detail", args=[request.project.slug, rejected.pk]))


@project_page
@require_POST
@editors_only
def rejected_replay_all(request: PageRequest) -> HttpResponse:
    """Replay all open refusals of one code as they came."""
    code = request.POST.get("code", "").replace("\x00", "")
    if not code:
        raise Http404("Which code?")
    done = repairs.replay_all(request.project, code)
    parts = [f"{done.stored:,} replayed"]
    if done.still_wrong:
        parts.append(f"{done.still_wrong:,} still refused: these need repair")
    if done.left:
        parts.append(f"{done.left:,} left, press again")
    tell = messages.warning if done.still_wrong and not done.stored else messages.success
    tell(request, ", ".join(parts) + ".")
    return _to(request, reverse("events:rejected-list", args=[request.project.slug]))


def _to(request: PageRequest, address: str) -> HttpResponse:
    """Send the browser on, also out of an HTMX request."""
    if request.htmx:
        return HttpResponse(status=204, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
