"""Erase one person: at once from what PostgreSQL has, then by a task from the sealed segments.

In between the row of PersonErasure keeps the person out of every answer.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import structlog
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from customers.models import Project
from events.dialects import forgetting as vendors_requests
from events.models import Identity, Person, PersonDay, PersonErasure, Rejected
from events.segments import compaction, locks
from growthplatform.core.errors import NotFound

log = structlog.get_logger(__name__)
IDS = ("userId", "anonymousId", "previousId")


class UnknownPerson(NotFound):
    """No person of the project has this id."""

    code = "unknown_person"
    message = "No person of this project has this id."


@dataclass(frozen=True)
class Begun:
    """An erasure, and the ids that stood for the person."""

    erasure: PersonErasure
    ids: tuple[str, ...]


def begin(project: Project, person_id: int, asked_by: User | None) -> Begun:
    """Delete what PostgreSQL has of a person, in the caller's transaction, and note what is left to be done.

    Events that arrive with one of the ids afterwards are a new person's. Raises UnknownPerson.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("begin() needs the transaction of all that is erased.")
    with connection.cursor() as cursor:
        # No reader of the log is at work meanwhile: it would write about a person who is just leaving.
        cursor.execute("SELECT FROM events_consumer ORDER BY name FOR UPDATE")
    person = Person.objects.select_for_update().filter(project=project, pk=person_id).first()
    if person is None:
        raise UnknownPerson
    ids = tuple(Identity.objects.filter(person=person).values_list("value", flat=True))
    erasure = PersonErasure.objects.create(
        project=project, person_id=person.pk, asked_by=asked_by, rows=_delete_events(project.pk, ids)
    )
    _delete_refusals(project.pk, ids)
    vendors_requests.delete(project.pk, ids)
    PersonDay.objects.filter(person=person).delete()
    Identity.objects.filter(person=person).delete()
    person.delete()
    _note(project, erasure)
    return Begun(erasure, ids)


def _delete_events(project_id: int, ids: tuple[str, ...]) -> int:
    """Delete the events that are known by one of the ids; return how many of them no segment has."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH gone AS (DELETE FROM events_event WHERE project_id = %s"
            " AND COALESCE(user_id, anonymous_id) = ANY(%s) RETURNING position)"
            " SELECT count(*) FROM gone LEFT JOIN events_seal s ON s.project_id = %s"
            " WHERE s.position IS NULL OR gone.position >= s.position",
            [project_id, list(ids), project_id],
        )
        gone: int = cursor.fetchone()[0]
    return gone


def _delete_refusals(project_id: int, ids: tuple[str, ...]) -> None:
    """Delete refused events that carry one of the ids; what can't be read goes when it holds one in quotes."""
    for value in ids:
        quoted = msgspec.json.encode(value).decode()
        rows = Rejected.objects.filter(project=project_id, body__contains=quoted)
        gone = [row.pk for row in rows.only("pk", "body") if _carries(row.body, value)]
        Rejected.objects.filter(pk__in=gone).delete()


def _carries(body: str, value: str) -> bool:
    try:
        call: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return True
    calls = call.get("batch", [call]) if isinstance(call, dict) else [call]
    return any(not isinstance(one, dict) or value in {one.get(name) for name in IDS} for one in calls)


def _note(project: Project, erasure: PersonErasure) -> None:
    """Put the erasure into the activity of the organization; the request says who asked for it."""
    LogEntry.objects.log_create(
        erasure,
        force_log=True,
        action=LogEntry.Action.UPDATE,
        changes={"erased_at": ("", erasure.asked_at.isoformat())},
        additional_data={"organization": project.organization_id},
    )


def erasures_of(project: Project) -> QuerySet[PersonErasure]:
    """Return the people that were erased, the last one first."""
    return PersonErasure.objects.filter(project=project).select_related("asked_by").order_by("-pk")


def finish_all(*, now: datetime | None = None, until: float = float("inf")) -> int:
    """Erase the people who wait for it from the segments; return how many are done with.

    Safe to repeat and to break off: until it is finished a person stays out of every answer. A project whose segments
    somebody else works on, or have a damaged file, waits for the next run.
    """
    done = 0
    for erasure in PersonErasure.objects.filter(finished_at=None, project__deleted_at=None).order_by("pk"):
        if time.monotonic() >= until:
            break
        try:
            rows = compaction.erase_person(erasure.project_id, erasure.person_id)
        except locks.Busy:
            continue
        except compaction.Damaged as why:
            log.warning("person_erasure_waits", erasure=erasure.pk, project=erasure.project_id, why=str(why))
            continue
        erasure.rows += rows
        erasure.finished_at = now or timezone.now()
        erasure.save(update_fields=["rows", "finished_at"])
        done += 1
    return done
