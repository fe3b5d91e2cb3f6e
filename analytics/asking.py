"""A question asked once: what pages, tiles, shared links and files show is read from one result."""

from dataclasses import dataclass, replace
from datetime import datetime
from types import ModuleType
from typing import Any

from django.http import QueryDict

from analytics import annotations
from analytics.analyses import analysis
from analytics.analyses.base import Question, Shown
from customers.models import Project
from growthplatform.core import charts
from growthplatform.core.errors import NotFound


@dataclass(frozen=True)
class Asked:
    """A question with its result, and how that is shown: figures carry the annotations of the period."""

    module: ModuleType
    question: Question
    result: Any
    shown: Shown


def module_of(kind: str) -> ModuleType:
    """Return the module of an analysis. Raises NotFound for a word that is none."""
    found = analysis(kind)
    if found is None:
        raise NotFound
    return found


def over_usual_period(module: ModuleType, query: QueryDict) -> QueryDict:
    """Return a question over its analysis' own usual period where the address names none."""
    usual = str(getattr(module, "PERIOD_USUAL", ""))
    if not usual or any(query.get(name) for name in ("range", "from", "to")):
        return query
    asked = query.copy()
    asked["range"] = usual
    return asked


def ask(project: Project, kind: str, query: QueryDict, *, now: datetime) -> Asked:
    """Answer a question as an address writes it.

    Raises NotFound for another kind, InvalidField for what can't be read, and what the engine refuses.
    """
    module = module_of(kind)
    question: Question = module.parse(project, over_usual_period(module, query), now=now)
    result = module.answer(project, question)
    shown: Shown = module.shown(result)
    marks = annotations.marks(project, question.period) if shown.figures else []
    figures = [charts.marked(figure, marks) for figure in shown.figures]
    return Asked(module, question, result, replace(shown, figures=figures))
