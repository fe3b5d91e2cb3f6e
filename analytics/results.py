"""The result of a saved question, ready for its template: on the page of a view, a tile, a shared page."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import QueryDict

from analytics import annotations
from analytics.analyses.base import Shown
from analytics.asking import ask
from customers.models import Project
from growthplatform.core.errors import Problem

# The table in the page; the file has all rows.
MOST_ROWS = 500
MOST_NOTES = 6


@dataclass(frozen=True)
class Drawn:
    """What `analytics/result.html` shows: a result by the template of its analysis, or why there is none."""

    kind: str
    context: dict[str, Any]
    problem: Problem | None = None

    @property
    def template(self) -> str:
        return f"analytics/explore/{self.kind}.html"

    @property
    def shown(self) -> Shown | None:
        return self.context.get("shown")


def drawn(project: Project, kind: str, asked: QueryDict, *, now: datetime, name: str) -> Drawn:
    """Answer a question for a page; a refusal becomes words instead of an error page.

    `name` begins the ids of its figures, as one page may show the same analysis twice. It never leads to people.
    """
    try:
        found = ask(project, kind, asked, now=now)
    except Problem as problem:
        return Drawn(kind, {}, problem)
    figures = [replace(figure, id=f"{name}-{figure.id}") for figure in found.shown.figures]
    context = {
        "module": found.module,
        "question": found.question,
        "result": found.result,
        "shown": replace(found.shown, figures=figures),
        "people_url": "",
        "embedded": True,
    }
    return Drawn(kind, context)


def behind(project: Project, drawn: Drawn) -> dict[str, Any]:
    """Return what stands below a result on a page of its own: table, definition, what happened in the period."""
    shown = drawn.shown
    if shown is None:
        return {}
    period = drawn.context["question"].period
    notes = annotations.between(project, period.start, period.end)[:MOST_NOTES] if shown.figures else ()
    return {
        "table": shown.rows[:MOST_ROWS],
        "table_left": max(0, len(shown.rows) - MOST_ROWS),
        "annotations": list(notes)[::-1],
    }
