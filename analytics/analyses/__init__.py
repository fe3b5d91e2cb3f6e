"""One module for each analysis, all with the same names: a question is parsed, answered once, and shown everywhere.

A module has KIND, TITLE, LEAD, ICON, PARTS (of the builder), PARAMETERS and EXAMPLE (of the API), and the functions
`parse(project, query, *, now)`, `answer(project, question)`, `as_json(result)`, `shown(result)` and
`people(project, question, place)`.
"""

from importlib import import_module
from types import ModuleType

KINDS = ("trend", "funnel", "retention", "adoption", "active", "stickiness", "lifecycle", "paths")


def analysis(kind: str) -> ModuleType | None:
    """Return the module of an analysis, None for a word that is none."""
    return import_module(f"analytics.analyses.{kind}") if kind in KINDS else None
