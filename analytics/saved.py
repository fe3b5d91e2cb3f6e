"""Saved views: questions under a name."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import QueryDict
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from analytics.analyses import KINDS, analysis
from analytics.asking import over_usual_period
from analytics.models import SavedView
from analytics.naming import copy_of, name_of
from customers.models import Project
from growthplatform.core.errors import InvalidField

MOST_QUERY = 8_000
# Of an address that are no part of the question: where a list stands, which file is asked for, which view is open.
PASSING = ("view", "cursor", "format", "name", "q", "sort", "csrfmiddlewaretoken", "id")
PERIOD = ("range", "from", "to", "compare")


def live(project: Project) -> QuerySet[SavedView]:
    """Return the views that are not deleted."""
    return SavedView.objects.filter(project=project, deleted_at=None)


def matching(project: Project, q: str) -> QuerySet[SavedView]:
    """Return the views whose name or kind contains `q`, all of them for an empty one."""
    q = q.strip().replace("\x00", "")
    rows = live(project)
    return rows.filter(name__icontains=q) | rows.filter(kind__istartswith=q) if q else rows


def create(
    project: Project,
    name: str,
    kind: str,
    query: str,
    *,
    user: User | None = None,
    template: str = "",
    now: datetime | None = None,
) -> SavedView:
    """Keep a question under a name. Raises InvalidField."""
    if kind not in KINDS:
        raise InvalidField.named("kind", f"must be one of {', '.join(KINDS)}.")
    now = now or timezone.now()
    return SavedView.objects.create(
        project=project,
        name=name_of(name),
        kind=kind,
        query=question_in(query),
        template=template,
        created_by=user,
        created_at=now,
        updated_at=now,
    )


def question_in(address: str) -> str:
    """Return the query string of a page without what is no part of the question. Raises InvalidField."""
    if "\x00" in address or len(address) > MOST_QUERY:
        raise InvalidField.named("query", f"at most {MOST_QUERY} characters, none of them NUL.")
    asked = QueryDict(address.partition("?")[2] if "?" in address else address, mutable=True)
    for name in PASSING:
        asked.pop(name, None)
    for name in [name for name, values in asked.lists() if not any(values)]:
        del asked[name]
    return asked.urlencode()


def ask_otherwise(view: SavedView, query: str, *, now: datetime) -> None:
    """Let a view ask something else of the same kind. Raises InvalidField."""
    SavedView.objects.filter(pk=view.pk).update(query=question_in(query), updated_at=now)


def rename(view: SavedView, name: str, *, now: datetime) -> None:
    """Give a view another name. Raises InvalidField."""
    SavedView.objects.filter(pk=view.pk).update(name=name_of(name), updated_at=now)


def duplicate(view: SavedView, *, user: User, now: datetime) -> SavedView:
    """Return a copy to go on with."""
    return create(view.project, copy_of(view.name), view.kind, view.query, user=user, template=view.template, now=now)


def delete(view: SavedView, *, now: datetime) -> None:
    """Take a view out of the lists and off its dashboards; `restore` brings it back everywhere. Safe to repeat."""
    SavedView.objects.filter(pk=view.pk, deleted_at=None).update(deleted_at=now)


def restore(view: SavedView) -> None:
    """Bring a deleted view back. Safe to repeat."""
    SavedView.objects.filter(pk=view.pk).update(deleted_at=None)


def has_period(query: QueryDict) -> bool:
    """Say whether an address chooses a period, or how it compares."""
    return any(query.get(name) for name in PERIOD)


def question_of(view: SavedView, override: QueryDict | None = None) -> QueryDict:
    """Return the view's question as an address says it; a period in `override` takes the place of its own.

    Without either it is the analysis' usual one, as in the explorer.
    """
    asked = QueryDict(view.query, mutable=True)
    if override is not None and has_period(override):
        for name in PERIOD:
            asked.pop(name, None)
            if override.get(name):
                asked.setlist(name, override.getlist(name)[-1:])
    module = analysis(view.kind)
    return over_usual_period(module, asked) if module else asked


def address(view: SavedView, slug: str) -> str:
    """Return the explorer's page with a view open in it, "" while there is no explorer."""
    asked = question_of(view)
    asked["view"] = str(view.pk)
    return explorer(view.kind, slug, asked.urlencode())


def explorer(kind: str, slug: str, query: str = "") -> str:
    """Return the explorer's page of an analysis, "" while there is no explorer."""
    for name, arguments in (("analytics:explore-analysis", [slug, kind]), (f"analytics:explore-{kind}", [slug])):
        try:
            return reverse(name, args=arguments) + (f"?{query}" if query else "")
        except NoReverseMatch:
            continue
    return ""
