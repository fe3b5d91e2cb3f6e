"""Pages of replays: what was tried on the past, what it would move, and the approval."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from django.contrib import messages
from django.db.models import F, FloatField, QuerySet
from django.db.models.functions import Cast
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from attribution import replays, rule_sets
from attribution.models import Replay, ReplayChange
from attribution.replays.states import AT_WORK
from attribution.rule_words import differences, tier_name
from attribution.rules import Rules
from attribution.views.rules import codes, links_of
from attribution.views.shared import both_ways, order_of, page_of, wants_csv
from customers.pages import PageRequest, editors_only, managers_only, project_page
from growthplatform.core import sources
from growthplatform.core.download import csv_file
from growthplatform.core.errors import Problem
from growthplatform.core.http import page

NEWEST = ("-created_at", "-id")
# A cursor holds what JSON holds, so no decimals.
ORDERS = both_ways({"revenue": "amount", "install": "installed_at"})
REJECTED = "rejected"
# A matrix is read with the eyes; more sources than these are in the table of routes.
MATRIX = 12
CSV_HEAD = (
    "decision", "kind", "installed_at", "old_source", "old_campaign", "old_tier", "old_rejected", "new_source",
    "new_campaign", "new_tier", "new_touch", "new_probability", "new_rejected", "revenue",
)  # fmt: skip


class Route(NamedTuple):
    """From where to where installs would move; `rejected` as a place stands for those that fraud rules reject."""

    origin: str
    goal: str
    installs: int
    revenue: Decimal

    @property
    def origin_name(self) -> str:
        return name_of(self.origin)

    @property
    def goal_name(self) -> str:
        return name_of(self.goal)


def name_of(place: str) -> str:
    """Return how a place of a route is called."""
    kind, _, source = place.partition(":")
    return "Rejected" if kind == REJECTED else sources.look_of(source).name


def routes_of(summary: Mapping[str, Any]) -> list[Route]:
    """Return the routes of a replay's summary, the busiest first."""
    return [
        Route(
            REJECTED if row["fromRejected"] else f"source:{row['from']}",
            REJECTED if row["toRejected"] else f"source:{row['to']}",
            row["installs"],
            Decimal(row["revenue"]),
        )
        for row in summary.get("routes", [])
    ]


def merged(routes: list[Route]) -> list[Route]:
    """Add up routes between the same places: what was rejected of several sources is one place."""
    sums: dict[tuple[str, str], tuple[int, Decimal]] = {}
    for route in routes:
        installs, revenue = sums.get((route.origin, route.goal), (0, Decimal(0)))
        sums[route.origin, route.goal] = installs + route.installs, revenue + route.revenue
    rows = [Route(*places, *numbers) for places, numbers in sums.items()]
    return sorted(rows, key=lambda row: (-row.installs, row.origin, row.goal))


def matrix_of(routes: list[Route]) -> dict[str, Any]:
    """Return the routes as a table: a row for each place left, a column for each place reached, shaded by number."""
    totals: dict[str, int] = {}
    for route in routes:
        for place in (route.origin, route.goal):
            totals[place] = totals.get(place, 0) + route.installs
    places = sorted(totals, key=lambda place: (-totals[place], place))[:MATRIX]
    cells = {(route.origin, route.goal): route for route in routes}
    most = max((route.installs for route in routes), default=0)
    origins = [place for place in places if any(route.origin == place for route in routes)]
    goals = [place for place in places if any(route.goal == place for route in routes)]

    def cell(origin: str, goal: str) -> dict[str, Any]:
        route = cells.get((origin, goal))
        heat = max(1, round(10 * route.installs / most)) if route else 0
        return {"route": route, "heat": f"heat-{heat}" if heat else ""}

    return {
        "goals": [name_of(place) for place in goals],
        "rows": [(name_of(origin), [cell(origin, goal) for goal in goals]) for origin in origins],
        "whole": len(totals) <= MATRIX,
    }


def _mine(request: PageRequest) -> QuerySet[Replay]:
    return request.project.replays.select_related("base", "rule_set", "created_by", "project")


@project_page
@require_safe
def replay_list(request: PageRequest) -> HttpResponse:
    """Show all replays of the project."""
    found = page_of(request, _mine(request), NEWEST)
    if not found.rows and not request.GET.get("cursor"):
        return page(request, "attribution/replay_empty.html", {})
    context = {"replays": [(row, _verdict(row)) for row in found.rows], "next": found.next}
    return page(request, "attribution/replay_list.html", context, partial="rows")


def _verdict(replay: Replay) -> str:
    """Say in a line what a replay found."""
    if replay.state not in {Replay.State.DONE, Replay.State.APPLYING, Replay.State.APPROVED}:
        return replay.problem
    changed, moved = replay.summary.get("changed", 0), replay.summary.get("moved", 0)
    if not changed:
        return "Nothing changes"
    words = (
        f"{moved:,} install{'' if moved == 1 else 's'} to another source" if moved else "No install to another source"
    )
    return f"{words}, {changed:,} decision{'' if changed == 1 else 's'} in all"


@project_page
@require_safe
def replay_detail(request: PageRequest, replay_id: int) -> HttpResponse:
    """Show one replay: how far it is, what would move, and the way to approve it."""
    replay = get_object_or_404(_mine(request), pk=replay_id)
    if wants_csv(request):
        return csv_file(f"replay-{replay.pk}", CSV_HEAD, (_line(row) for row in _changes(replay).iterator(2_000)))
    # The list of changes is sorted and turned over by itself; everything else is the page asking how far it is.
    partial = "changes" if request.htmx.target == "changes" else "whole"
    return page(request, "attribution/replay_detail.html", _context(request, replay), partial=partial)


def _context(request: PageRequest, replay: Replay) -> dict[str, Any]:
    rules, base = Rules.from_json(replay.rules), Rules.from_json(replay.base.rules)
    newest = rule_sets.current([request.project.pk])[request.project.pk]
    routes = merged(routes_of(replay.summary))
    order = order_of(request, ORDERS, "-revenue")[1]
    rows = _changes(replay)
    source = request.GET.get("source", "").replace("\x00", "")
    if source:
        rows = rows.filter(old_source=source) | rows.filter(new_source=source)
    found = page_of(request, rows, order)
    moved = [route for route in routes if route.origin != route.goal]
    return {
        "replay": replay,
        "at_work": replay.state in AT_WORK,
        "share": replay.done / replay.total if replay.total else 0,
        "differences": differences(base, rules, links_of(request.project), codes()),
        "summary": replay.summary,
        "routes": routes,
        "biggest": max(moved, key=lambda route: route.installs, default=None),
        "revenue": sum((abs(route.revenue) for route in routes), Decimal(0)),
        "matrix": matrix_of(routes),
        "campaigns": [
            {**row, "revenue": Decimal(row["revenue"]), "change": row["after"] - row["before"]}
            for row in replay.summary.get("campaigns", [])
        ],
        "tiers": [
            (tier_name(row["from"]), tier_name(row["to"]), row["installs"]) for row in replay.summary.get("tiers", [])
        ],
        "others": {kind: number for kind, number in replay.summary.get("kinds", {}).items() if kind != "install"},
        "changes": found.rows,
        "next": found.next,
        "source": source,
        "overtaken": newest.version != replay.base.version and replay.state == Replay.State.DONE,
        "newest": newest,
        "currency": replay.summary.get("currency") or request.project.currency,
        "took": _took(replay),
        "can_approve": request.member.can_manage and replay.state == Replay.State.DONE,
        "can_cancel": request.member.can_edit
        and replay.state in {Replay.State.WAITING, Replay.State.RUNNING, Replay.State.DONE},
    }


def _took(replay: Replay) -> timedelta | None:
    """Return how long the deciding took; once approved the end is that of the rewriting."""
    if replay.state != Replay.State.DONE or not replay.finished_at or not replay.started_at:
        return None
    return replay.finished_at - replay.started_at


def _changes(replay: Replay) -> QuerySet[ReplayChange]:
    rows = ReplayChange.objects.filter(replay=replay).select_related("decision", "new_touch")
    return rows.annotate(amount=Cast("revenue", FloatField()), installed_at=F("decision__installed_at"))


def _line(row: ReplayChange) -> tuple[Any, ...]:
    return (
        f"dec_{row.decision_id}", row.kind, row.decision.installed_at, row.old_source, row.old_campaign, row.old_tier,
        row.old_rejected, row.new_source, row.new_campaign, row.new_tier,
        row.new_touch.touch_id if row.new_touch else "", row.new_probability, row.new_rejected, row.revenue,
    )  # fmt: skip


@project_page
@managers_only
@require_POST
def replay_approve(request: PageRequest, replay_id: int) -> HttpResponse:
    """Approve a replay: its rules become the next version, and its period is rewritten."""
    replay = get_object_or_404(_mine(request), pk=replay_id)
    try:
        made = replays.approve(replay, request.user)
    except Problem as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, f"Approved. Version {made.version} holds from now on; the period is being rewritten.")
    return HttpResponseRedirect(reverse("attribution:replay-detail", args=[request.project.slug, replay_id]))


@project_page
@editors_only
@require_POST
def replay_cancel(request: PageRequest, replay_id: int) -> HttpResponse:
    """Cancel a replay; nothing that it found is kept."""
    replay = get_object_or_404(_mine(request), pk=replay_id)
    try:
        replays.cancel(replay, now=timezone.now())
    except Problem as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, "Canceled. Nothing was changed.")
    return HttpResponseRedirect(reverse("attribution:replay-detail", args=[request.project.slug, replay_id]))
