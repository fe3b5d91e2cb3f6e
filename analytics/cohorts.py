"""Saved cohorts: people kept under a name, to be looked at and to narrow other questions down to."""

from collections.abc import Iterable
from datetime import datetime
from itertools import islice

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from analytics.models import Cohort
from analytics.naming import name_of
from customers.models import Project
from events.models import Identity, Person
from growthplatform.core.errors import InvalidField

CHUNK = 10_000
# Of a person's ids a known one, the oldest of them. Whoever is no person of the project any more is left out.
KEEP = """
INSERT INTO analytics_cohortperson (cohort_id, identity_id)
SELECT DISTINCT ON (person_id) %s, id FROM events_identity
WHERE project_id = %s AND person_id = ANY(%s) ORDER BY person_id, known DESC, id
ON CONFLICT DO NOTHING
"""
MEMBERS = """
SELECT DISTINCT i.person_id FROM analytics_cohortperson c JOIN events_identity i ON i.id = c.identity_id
WHERE c.cohort_id = %s AND i.project_id = %s ORDER BY 1
"""


def save(  # noqa: PLR0917 -- six things make a cohort
    project: Project,
    name: str,
    kind: str,
    query: str,
    person_ids: Iterable[int],
    user: User | None,
    *,
    now: datetime | None = None,
) -> Cohort:
    """Keep people under a name, with the question that found them; return the cohort with its size.

    `person_ids` are read once, in parts. All or nothing. Raises InvalidField for a name that is empty or too long.
    """
    name = name_of(name)
    ids = iter(person_ids)
    with transaction.atomic():
        cohort = Cohort.objects.create(
            project=project, name=name, kind=kind, query=query, created_by=user, created_at=now or timezone.now()
        )
        with connection.cursor() as cursor:
            while part := list(islice(ids, CHUNK)):
                cursor.execute(KEEP, [cohort.pk, project.pk, part])
                cohort.size += cursor.rowcount
        cohort.save(update_fields=["size"])
    return cohort


def person_ids(project: Project, cohort_id: int | None) -> tuple[int, ...] | None:
    """Return the people of a saved cohort as they are numbered now, in order; None where no cohort is asked for.

    Raises InvalidField for a cohort that the project does not have, or not any more.
    """
    if cohort_id is None:
        return None
    if not Cohort.objects.filter(project=project, pk=cohort_id, deleted_at=None).exists():
        raise InvalidField.named("cohort", "There is no such saved cohort in this project.")
    with connection.cursor() as cursor:
        cursor.execute(MEMBERS, [cohort_id, project.pk])
        return tuple(row[0] for row in cursor.fetchall())


def people(cohort: Cohort) -> QuerySet[Person]:
    """Return the people of a cohort as they are now: fewer than were saved where two turned out to be one."""
    ids = cohort.members.values("identity_id")
    inside = Identity.objects.filter(project_id=cohort.project_id, pk__in=ids).values("person_id")
    return Person.objects.filter(project_id=cohort.project_id, pk__in=inside)


def rename(cohort: Cohort, name: str) -> None:
    """Give a cohort another name. Raises InvalidField."""
    Cohort.objects.filter(pk=cohort.pk).update(name=name_of(name))


def delete(cohort: Cohort, *, now: datetime) -> None:
    """Take a cohort out of the lists; `restore` brings it back. Safe to repeat."""
    Cohort.objects.filter(pk=cohort.pk, deleted_at=None).update(deleted_at=now)


def restore(cohort: Cohort) -> None:
    """Bring a deleted cohort back. Safe to repeat."""
    Cohort.objects.filter(pk=cohort.pk).update(deleted_at=None)
