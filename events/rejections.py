"""What was refused: kept with its reason, repaired and replayed by its owner."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone

from events.payloads import Refusal
from growthplatform.core.errors import Problem

KEPT_BYTES = 64 * 1024
KEEP = """
INSERT INTO events_rejected
    (project_id, fingerprint, code, message, field, path, body, cut, sent_at, seen, state, received_at, last_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 1, 'open', %s, %s)
ON CONFLICT ON CONSTRAINT refusal_once
DO UPDATE SET seen = events_rejected.seen + 1, last_at = EXCLUDED.last_at
"""


def keep(
    project_id: int, path: str, refusals: Sequence[Refusal], sent_at: datetime | None, received_at: datetime
) -> None:
    """Keep refused events where their owner sees them. Safe to repeat: the same refusal counts up `seen`."""
    rows = {}
    for refusal in refusals:
        print_of = UUID(bytes=hashlib.blake2b(refusal.code.encode() + refusal.body, digest_size=16).digest())
        body = refusal.body[:KEPT_BYTES].decode(errors="replace").replace("\x00", "\ufffd")
        rows[print_of] = (
            project_id, print_of, refusal.code, refusal.message.replace("\x00", "\ufffd"), refusal.field[:60],
            path[:100], body, len(refusal.body) > KEPT_BYTES, sent_at, received_at, received_at,
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.executemany(KEEP, [rows[print_of] for print_of in sorted(rows)])


def keep_whole(project_id: int, path: str, problem: Problem, body: bytes) -> None:
    """Keep a body that could not be read at all; of one that was too large, the head that came with the problem."""
    head = body or next((part for part in problem.args if isinstance(part, bytes)), b"")
    keep(project_id, path, [Refusal(0, problem.code, problem.message, "", head)], None, timezone.now())
