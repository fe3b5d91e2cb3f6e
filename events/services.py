"""The door of events."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from django.conf import settings
from django.db import connection
from django.utils import timezone

from customers.models import Project
from customers.services import Caller, caller_of
from events import ingest, partitions, rejections
from events.activity import ACTIVE_DAYS_SQL, PEOPLE_SQL
from events.bodies import read_body
from events.dialects.door import WARNING, preflight
from events.dialects.door import shared as answer_any_site
from events.dialects.vendors import owner as vendor_app_owner
from events.dialects.vendors import proves as is_vendor_secret
from events.engine.running import cancel as cancel_question
from events.erasure import erase
from events.ingest import Receipt
from events.log import EventRow, Range, advance, caught_up_at, read, readers
from events.lookups import find, last_seen_before, newest_of
from events.models import Event, Segment
from events.payloads import Refusal
from events.people import digest, person_ids, same_people
from events.person_erasure import UnknownPerson, erasures_of
from events.person_erasure import begin as begin_person_erasure
from events.person_erasure import finish_all as finish_person_erasures
from events.queries import ids_of
from events.raw import COLUMNS as RAW_COLUMNS
from events.raw import REJECTED_SQL, FilesMissing, Raw, raw
from events.raw import Asked as RawAsked
from events.relation import Relation, relation
from events.replay import replay
from events.segments import cold, compaction, sealing, sweeping
from events.segments.reading import held
from growthplatform.core.errors import Problem

__all__ = [
    "ACTIVE_DAYS_SQL",
    "PEOPLE_SQL",
    "RAW_COLUMNS",
    "REJECTED_SQL",
    "WARNING",
    "EventRow",
    "FilesMissing",
    "Range",
    "Raw",
    "RawAsked",
    "Receipt",
    "Refusal",
    "Relation",
    "UnknownPerson",
    "advance",
    "answer_any_site",
    "apply_merges",
    "begin_person_erasure",
    "cancel_question",
    "caught_up_at",
    "compact",
    "create_partitions",
    "digest",
    "drop_sealed",
    "erase",
    "erasures_of",
    "find",
    "finish_person_erasures",
    "has_events",
    "held",
    "ids_of",
    "is_vendor_secret",
    "last_seen_before",
    "newest_of",
    "person_ids",
    "preflight",
    "raw",
    "read",
    "read_body",
    "readers",
    "record",
    "reject",
    "reject_whole",
    "relation",
    "replay",
    "same_people",
    "seal_due",
    "sealed_before",
    "sweep",
    "vendor_app_owner",
]


def record(
    project_id: int,
    batch: Sequence[dict[str, Any]],
    *,
    caller: Caller | None = None,
    ip: str = "",
    path: str = "internal",
    received_at: datetime | None = None,
) -> Receipt:
    """Store Segment-shaped calls of one project as if they had come through its ingest.

    `received_at` is for history that arrived somewhere before. Safe to repeat when the calls carry a messageId. What
    can't be taken is kept among the rejected events and listed in the receipt.
    """
    caller = caller or caller_of(Project.objects.get(pk=project_id))
    parsed = ingest.parse_batch(msgspec.json.encode({"batch": list(batch)}))
    return ingest.accept(caller, parsed, path=path, peer_ip=ip, received_at=received_at)


def reject(project_id: int, path: str, refusals: Sequence[Refusal]) -> None:
    """Keep what another door refused (touches, for example) among the project's rejected events. Safe to repeat."""
    rejections.keep(project_id, path, refusals, None, timezone.now())


def reject_whole(project_id: int, path: str, problem: Problem, body: bytes) -> None:
    """Keep a body that another door could not read at all. Safe to repeat."""
    rejections.keep_whole(project_id, path, problem, body)


def has_events(project_id: int) -> bool:
    """Tell whether the project has ever sent an event that was taken."""
    sealed = Segment.objects.filter(project_id=project_id, replaced_at=None)
    return Event.objects.filter(project_id=project_id).exists() or sealed.exists()


def sealed_before(project_id: int, now: datetime) -> datetime | None:
    """Return the arrival before which only segments have every event; None while the log itself has them all."""
    border = cold.border(project_id, now=now)
    return border.at if border else None


def create_partitions(today: date | None = None) -> list[str]:
    """Make the log's partitions for the days to come; return the names of the new ones. Safe to repeat."""
    return partitions.create_ahead(today or timezone.now().date())


def forget_old(now: datetime) -> int:
    """Delete what is older than it is kept for; return how many events went, hot or sealed."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_message WHERE received_at < %s", [now - timedelta(days=8)])
        cursor.execute("DELETE FROM events_rejected WHERE last_at < %s", [now - timedelta(days=30)])
        # A sealed row is counted with its segment, whether it is still in the log or not.
        cursor.execute(
            "WITH gone AS (DELETE FROM events_event e USING customers_project p WHERE p.id = e.project_id"
            " AND p.retention_days IS NOT NULL AND e.ts < %s - make_interval(days => p.retention_days)"
            " RETURNING e.project_id, e.position)"
            " SELECT count(*) FROM gone LEFT JOIN events_seal s USING (project_id)"
            " WHERE s.position IS NULL OR gone.position >= s.position",
            [now],
        )
        gone: int = cursor.fetchone()[0]
    for project in Project.objects.exclude(retention_days=None):
        gone += compaction.forget_before(project.pk, now - timedelta(days=project.retention_days or 0))
    partitions.drop_empty(now.date() - timedelta(days=2))
    return gone


def seal_due(now: datetime, *, until: float = float("inf")) -> int:
    """Seal the projects that have enough or old enough hot rows; return how many events. Safe to repeat."""
    return sealing.seal_due(now, until=until)


def compact(now: datetime, *, until: float = float("inf")) -> int:
    """Make few large sealed files of many small ones; return how many were replaced. Safe to repeat."""
    return compaction.compact_all(now, until=until)


def apply_merges(*, until: float = float("inf")) -> int:
    """Let sealed rows say the people of now; return how many merges are forgotten. Safe to repeat."""
    return compaction.apply_all_merges(until=until)


def sweep(now: datetime) -> int:
    """Remove sealed files that nobody needs any more; return how many. Safe to repeat."""
    return sweeping.sweep(now)


def drop_sealed(now: datetime) -> list[str]:
    """Drop the log's partitions that are sealed and older than HOT_DAYS; return their names. Safe to repeat."""
    return partitions.drop_sealed(now, settings.HOT_DAYS)
