"""Whether a device is new to a project: the first session of a new one is its install."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from events.payloads import Call

# An event may arrive a little before the session that it is part of. Once more means the same message id.
GRACE = timedelta(hours=1)
SEEN = """
SELECT i.value FROM events_identity i JOIN events_person p ON p.id = i.person_id
WHERE i.project_id = %s AND i.value = ANY(%s) AND p.first_seen_at < %s
"""


def of_new_devices(project_id: int, installs: Sequence[Call]) -> list[Call]:
    """Return those of the installs whose anonymous id the project had not seen before the last hour."""
    ids = [call.anonymous_id for call in installs]
    with connection.cursor() as cursor:
        cursor.execute(SEEN, [project_id, ids, timezone.now() - GRACE])
        seen = {value for (value,) in cursor.fetchall()}
    return [call for call in installs if call.anonymous_id not in seen]
