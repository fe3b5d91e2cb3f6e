"""The result of a saved question, ready for its template: on the page of a view, a tile, a shared page, by API."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import QueryDict

from analytics.analyses import analysis
from analytics.analyses.base import Shown
from customers.models import Project
from growthplatform.core.errors import NotFound, Problem


@dataclass(frozen=True)
class Drawn:
    """What `analytics/result.html` shows: a result by the template of its analysis, or why there is none."""

    kind: str
    title: str
    context: dict[str, Any]
    problem: Problem | None = None

    @property
    def template(self) -> str:
        return f"analytics/explore/{self.kind}.html"

    @property
    def shown(self) -> Shown | None:
        return self.context.get("shown")


def answered(project: Project, kind: str, asked: QueryDict, *, now: datetime) -> tuple[Any, Any]:
    """Return the module of an analysis and its result of a question.

    Raises InvalidField for a question that can't be read, NotFound for a kind that there is not, and what the
    engine refuses by.
    """
    module = analysis(kind)
    if module is None:
        raise NotFound
    return module, module.answer(project, module.parse(project, asked, now=now))


def drawn(project: Project, kind: str, asked: QueryDict, *, now: datetime, name: str) -> Drawn:
    """Answer a question for a page; a refusal becomes words instead of an error page.

    `name` begins the ids of its figures, as one page may show the same analysis twice. Never leads to people.
    """
    module = analysis(kind)
    title = str(module.TITLE) if module else kind
    try:
        found, result = answered(project, kind, asked, now=now)
        shown = found.shown(result)
    except Problem as problem:
        return Drawn(kind, title, {}, problem)
    figures = [replace(figure, id=f"{name}-{figure.id}") for figure in shown.figures]
    context = {
        "result": result,
        "shown": replace(shown, figures=figures),
        "question": result.question,
        "people_url": "",
        "embedded": True,
    }
    return Drawn(kind, title, context)
