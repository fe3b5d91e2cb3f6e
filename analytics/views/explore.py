"""The explorer: for each analysis its builder, its result, and the people behind one place of it."""

import re
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from django.http import Http404, HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from analytics import annotations, builder, saved
from analytics.analyses import KINDS, analysis
from analytics.analyses.base import Part
from analytics.asking import Asked, ask, over_usual_period
from analytics.catalogue import events_of, suggest, unknown
from analytics.models import Annotation, Cohort, SavedView
from analytics.queries import home
from customers.pages import PageRequest, project_page
from events import services as events
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page
from growthplatform.core.periods import Period

SHELL = "analytics/explore/shell.html"
# The table in the page; the file has all rows.
MOST_ROWS = 500
MOST_NOTES = 6
RECENT_VIEWS = 6
BROKEN_DOWN = (5, 10, 20, 50)
# What each analysis is for, said as somebody would ask it.
ASKED = {
    "trend": "How many people signed up each week, on iOS and on Android?",
    "funnel": "Of those who sign up, how many make their first video within a week, and where do the others stop?",
    "retention": "Of those who came in one week, how many still come eight weeks later?",
    "adoption": "How many of those who could use templates do, and how soon?",
    "active": "How many people were active on a day, in a week, in a month?",
    "stickiness": "On how many days of the month do people come?",
    "lifecycle": "Who is new, who came back, and who stayed away?",
    "paths": "What do people do right after they sign up?",
}
TICKET = re.compile(r"[A-Za-z0-9-]{16,64}")


@dataclass(frozen=True)
class Tab:
    """An analysis in the row above the question, with what stays of the present one."""

    kind: str
    title: str
    icon: str
    lead: str
    asked: str
    url: str
    current: bool = False


@project_page
@require_safe
def explore(request: PageRequest) -> HttpResponse:
    """Show what can be asked, and the questions that were saved last."""
    tabs = _tabs(request, "")
    titles = {tab.kind: tab.title for tab in tabs}
    views = saved.live(request.project).filter(kind__in=titles).order_by("-updated_at", "-pk")[:RECENT_VIEWS]
    context = {
        "tabs": tabs,
        "views": [(view, titles[view.kind], saved.address(view, request.project.slug)) for view in views],
        "new": home.is_new(request.project),
    }
    return page(request, "analytics/explore/index.html", context)


@project_page
@require_safe
def explore_analysis(request: PageRequest, kind: str) -> HttpResponse:
    """Show one analysis: at once its builder, and the result to the page's own request for it."""
    module = find_module(kind)
    if request.GET.get("format") == "csv":
        return _csv(request, kind)
    frame = _frame(request, module)
    if not request.htmx or request.htmx.boosted or request.htmx.history_restore_request:
        return page(request, SHELL, frame | _builder(request, module))
    found, status = _result(request, module)
    answer = page(request, SHELL, frame | found, partial="result", status=status)
    answer["X-Answer"] = "result"
    words = builder.in_words(builder.controls(module.PARTS, request.GET), request.GET)
    trigger_client_event(answer, "question", {"wrong": found.get("wrong", {}), "words": words})
    return answer


@project_page
@require_POST
def explore_cancel(request: PageRequest) -> HttpResponse:
    """End a question that the page asked and nobody waits for any more. Safe to repeat."""
    ticket = request.POST.get("ticket", "")
    if TICKET.fullmatch(ticket):
        events.cancel_question(ticket)
    return HttpResponse(status=204)


def find_module(kind: str) -> ModuleType:
    """Return the module of an analysis. Raises Http404."""
    found = analysis(kind)
    if found is None:
        raise Http404("There is no such analysis.")
    return found


def question_of(request: PageRequest, module: ModuleType) -> QueryDict:
    """Return the question of the address, over the analysis' usual period where none is named."""
    return over_usual_period(module, request.GET)


def _tabs(request: PageRequest, kind: str) -> list[Tab]:
    kept = QueryDict(mutable=True)
    for name in builder.SHARED:
        kept.setlist(name, request.GET.getlist(name))
    rest = f"?{text}" if (text := kept.urlencode()) else ""
    found = []
    for one in KINDS:
        module = find_module(one)
        url = reverse("analytics:explore-analysis", args=[request.project.slug, one]) + rest
        found.append(Tab(one, module.TITLE, module.ICON, module.LEAD, ASKED[one], url, one == kind))
    return found


def _frame(request: PageRequest, module: ModuleType) -> dict[str, Any]:
    """Return what stands around builder and result, and follows the question."""
    query = question_of(request, module)
    question = builder.question(module.PARTS, request.GET).urlencode()
    slug, kind = request.project.slug, module.KIND
    return {
        "module": module,
        "kind": kind,
        "tabs": _tabs(request, kind),
        "compares": getattr(module, "COMPARES", True),
        "period": Period.from_query(_flat(query), zone=request.project.tz, now=timezone.now()),
        "query": question,
        "people_url": f"{reverse('analytics:explore-people', args=[slug, kind])}?{question}",
        "changed": request.headers.get("X-Explore") == "changed",
    }


def _builder(request: PageRequest, module: ModuleType) -> dict[str, Any]:
    query = question_of(request, module)
    wrong = _wrong_of(request, module)
    starting = bool(wrong) and not _begun(module, query)
    wrong = {} if starting else wrong
    found = builder.controls(module.PARTS, query, wrong=wrong)
    return {
        "controls": [one for one in found if not one.part.extra.get("more")],
        "more": [one for one in found if one.part.extra.get("more")],
        "where": builder.controls([Part("where", "Only where", "filters")], query, wrong=wrong)[0],
        "by": query.get("by", ""),
        "with_by": getattr(module, "BY", True),
        "top": query.get("top", "") or "10",
        "tops": [str(number) for number in BROKEN_DOWN],
        "cohorts": Cohort.objects.filter(project=request.project, deleted_at=None).order_by("name", "pk")[:200],
        "cohort": query.get("cohort", ""),
        "operators": builder.WORDS,
        "words": builder.in_words(found, query),
        "starting": starting,
        "view": _view(request),
        "new": home.is_new(request.project),
    }


def _view(request: PageRequest) -> SavedView | None:
    """Return the saved view that the address says is open."""
    number = request.GET.get("view", "")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return saved.live(request.project).filter(pk=int(number)).first()


def _begun(module: ModuleType, query: QueryDict) -> bool:
    """Say whether the address asks for anything of this analysis yet."""
    return any(builder.owned(module.PARTS, name) for name, values in query.lists() if any(values))


def _wrong_of(request: PageRequest, module: ModuleType) -> dict[str, str]:
    try:
        module.parse(request.project, question_of(request, module), now=timezone.now())
    except InvalidField as wrong:
        return _by_field(wrong)
    return {}


def _by_field(wrong: InvalidField) -> dict[str, str]:
    return {one["field"]: one["message"] for one in wrong.detail or ()}


def _result(request: PageRequest, module: ModuleType) -> tuple[dict[str, Any], int]:
    """Return what the result's part of the page needs, and the status of the answer."""
    try:
        asked = ask(request.project, module.KIND, question_of(request, module), now=timezone.now())
    except InvalidField as wrong:
        if not _begun(module, request.GET):
            return {"start": True, "names": events_of(request.project)[:8], "example": ASKED[module.KIND]}, 200
        return {"wrong": _by_field(wrong), "problem": wrong}, 422
    except Problem as problem:
        return {"problem": problem, "refused": True}, problem.status
    return _shown(request, asked), 200


def _shown(request: PageRequest, asked: Asked) -> dict[str, Any]:
    period = asked.question.period
    notes = annotations.between(request.project, period.start, period.end) if asked.shown.figures else ()
    csv = request.GET.copy()
    csv["format"] = "csv"
    return {
        "asked": asked,
        "question": asked.question,
        "result": asked.result,
        "shown": asked.shown,
        "embedded": False,
        "fragment": f"analytics/explore/{asked.module.KIND}.html",
        "table": asked.shown.rows[:MOST_ROWS],
        "table_left": max(0, len(asked.shown.rows) - MOST_ROWS),
        "annotations": _newest(notes),
        "meant": _meant(request, asked.module) if asked.shown.notes else (),
        "csv_url": f"?{csv.urlencode()}",
    }


def _meant(request: PageRequest, module: ModuleType) -> list[tuple[str, str]]:
    """Return for each event that was never received the one that may be meant, with the question about that."""
    found = []
    for part in module.PARTS:
        if part.kind not in {"event", "steps", "events"}:
            continue
        names = request.GET.getlist(part.name)
        for name in dict.fromkeys(names):
            if name and unknown(request.project, [name]) and (meant := suggest(request.project, name)):
                query = request.GET.copy()
                query.setlist(part.name, [meant[0] if one == name else one for one in names])
                found.append((meant[0], f"?{query.urlencode()}"))
    return found


def _newest(notes: Any) -> list[Annotation]:
    return list(notes[:MOST_NOTES])[::-1]


def _csv(request: PageRequest, kind: str) -> HttpResponse:
    """Answer the table behind the result as a file; what can't be asked leads to the page that says why."""
    module = find_module(kind)
    try:
        shown = ask(request.project, kind, question_of(request, module), now=timezone.now()).shown
    except InvalidField as wrong:
        raise Http404(wrong.message) from None
    return csv_file(f"{request.project.slug}-{kind}", shown.columns, shown.rows)


def _flat(query: QueryDict) -> dict[str, str]:
    return {name: value for name, value in query.items() if isinstance(value, str)}
