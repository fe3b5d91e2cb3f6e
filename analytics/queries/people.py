"""People of a project: found by what one knows of them, and everything one of them did."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from attribution.models import Decision, Install
from customers.models import Project
from events import listing
from events.models import Identity, Person
from events.presenting import Line, line_of
from events.wanted import Wanted
from growthplatform.core.paging import Page, paginate

SORTS = {
    "last_seen": "last_seen_at",
    "first_seen": "first_seen_at",
    "events": "events",
}
USUAL = "-last_seen"
ROWS = 50
NAMES_SHOWN = 50
CSV_HEAD = ("person_id", "user_id", "email", "name", "ids", "first_seen_at", "last_seen_at", "events")
NAMES = ("name", "firstName", "first_name")


def people(project: Project, q: str = "") -> QuerySet[Person]:
    """Return the people of a project; `q` is the beginning of an id, an email address or a name, or a p_… id."""
    rows = Person.objects.filter(project=project)
    q = q.strip().replace("\x00", "")
    if not q:
        return rows
    ids = Identity.objects.filter(project=project, value__startswith=q).values("person_id")
    wanted = Q(pk__in=ids) | Q(traits__email__istartswith=q)
    for name in NAMES:
        wanted |= Q(**{f"traits__{name}__istartswith": q})
    number = q.removeprefix("p_")
    if number.isascii() and number.isdigit() and len(number) < 19:
        wanted |= Q(pk=int(number))
    return rows.filter(wanted)


def order_of(sort: str) -> list[str]:
    """Return the order that ?sort= asks for, the usual one when it says nothing known."""
    name = sort.lstrip("-")
    if name not in SORTS:
        return order_of(USUAL)
    sign = "-" if sort.startswith("-") else ""
    return [f"{sign}{SORTS[name]}", f"{sign}pk"]


@dataclass(frozen=True)
class PersonRow:
    """A person as lists show it."""

    person: Person
    ids: Sequence[str]

    @property
    def label(self) -> str:
        return label_of(self.person, self.ids)

    @property
    def email(self) -> str:
        return text_of(self.person.traits, "email")


def person_page(project: Project, *, q: str = "", sort: str = USUAL, cursor: str = "") -> Page:
    """Return one page of people as rows with their ids. Raises InvalidCursor."""
    page = paginate(people(project, q), order_of(sort), cursor=cursor, limit=ROWS)
    return page._replace(rows=with_ids(page.rows))


def with_ids(persons: Sequence[Person]) -> list[PersonRow]:
    """Add the ids of all persons with one query, known ones first."""
    ids: dict[int, list[str]] = {}
    rows = Identity.objects.filter(person__in=[person.pk for person in persons]).order_by("-known", "value")
    for person_id, value in rows.values_list("person_id", "value"):
        ids.setdefault(person_id, []).append(value)
    return [PersonRow(person, ids.get(person.pk, [])) for person in persons]


def text_of(traits: dict[str, Any], key: str) -> str:
    value = traits.get(key)
    return value.strip() if isinstance(value, str) else ""


def label_of(person: Person, ids: Sequence[str]) -> str:
    """Name a person by what is known best: name, email address, known id, first id."""
    names = [text_of(person.traits, "firstName"), text_of(person.traits, "lastName")]
    return (
        text_of(person.traits, "name")
        or " ".join(filter(None, names))
        or text_of(person.traits, "email")
        or person.user_id
        or (ids[0] if ids else f"p_{person.pk}")
    )


@dataclass(frozen=True)
class Day:
    """One day of a person's timeline, newest event first."""

    day: date
    lines: Sequence[Line]


@dataclass(frozen=True)
class Timeline:
    """A page of what a person did, the cursor of the next, and whether a sealed file could not be read for it."""

    days: Sequence[Day]
    next: str | None
    gap: bool


def timeline(project: Project, ids: Sequence[str], *, name: str = "", cursor: str = "") -> Timeline:
    """Return a page of what a person did, grouped by day of the active time zone.

    `name` keeps the events of one name, or of one type ("page"). Raises InvalidCursor.
    """
    wanted = Wanted(distinct_ids=tuple(ids), label=name)
    page = listing.page(project, wanted, order="ts", cursor=cursor, limit=ROWS, now=timezone.now())
    days = groupby(page.rows, key=lambda event: timezone.localdate(event.ts))
    found = [Day(day, [line_of(event) for event in events]) for day, events in days]
    return Timeline(found, page.next, bool(page.missing))


def names_of(project: Project, ids: Sequence[str]) -> list[str]:
    """Return the names of events a person did, for the filter; at most fifty."""
    return listing.names(project, Wanted(distinct_ids=tuple(ids)), NAMES_SHOWN, now=timezone.now())


@dataclass(frozen=True)
class PersonInstall:
    """An install of a person and the decision on it, as far as there is one."""

    install: Install
    decision: Decision | None


def installs_of(project: Project, ids: Sequence[str]) -> list[PersonInstall]:
    """Return the installs that carry one of the ids, newest first; at most twenty."""
    installs = (
        Install.objects.filter(project=project, distinct_id__in=ids)
        .select_related("decision")
        .order_by("-installed_at", "-pk")[:20]
    )
    return [PersonInstall(install, getattr(install, "decision", None)) for install in installs]


def csv_rows(project: Project, *, q: str = "", sort: str = USUAL) -> Iterator[list[Any]]:
    """Yield one row for each person found, in the list's order."""
    return lines_of(project, people(project, q), sort=sort)


def lines_of(project: Project, rows: QuerySet[Person], *, sort: str = USUAL, chunk: int = 500) -> Iterator[list[Any]]:
    """Yield one row of a file for each person of `rows`, in the order of the list."""
    found = rows.order_by(*order_of(sort)).iterator(chunk_size=chunk)
    while batch := [person for _, person in zip(range(chunk), found, strict=False)]:
        for row in with_ids(batch):
            person = row.person
            yield [
                f"p_{person.pk}",
                person.user_id or "",
                row.email,
                text_of(person.traits, "name"),
                " ".join(row.ids),
                person.first_seen_at.astimezone(project.tz).isoformat(timespec="seconds"),
                person.last_seen_at.astimezone(project.tz).isoformat(timespec="seconds"),
                person.events,
            ]
