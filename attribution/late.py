"""Second thoughts: touches that arrive after the install they belong to, and the end of the time for them."""

from datetime import datetime

from django.db import connection, transaction

from attribution.decisions import PROVISIONAL

BATCHES = 50
TAKE = """
DELETE FROM attribution_latebatch WHERE id IN (
    SELECT id FROM attribution_latebatch ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING touches
"""
# Without "NOT pending": an install that is being decided this moment is locked, and the update waits for it, so that
# a touch which came too late for that decision still reopens it.
REOPEN = """
WITH late AS MATERIALIZED (SELECT * FROM attribution_touch WHERE id = ANY(%s) AND NOT bot),
recent AS MATERIALIZED (
    SELECT * FROM attribution_install WHERE received_at > %s AND project_id IN (SELECT project_id FROM late)
), hit AS (
    SELECT r.id FROM recent r JOIN late t ON t.project_id = r.project_id AND t.touch_id = r.click_id
    UNION SELECT r.id FROM recent r JOIN late t ON t.project_id = r.project_id AND t.touch_id = r.referrer_click_id
    UNION SELECT r.id FROM recent r JOIN late t ON t.project_id = r.project_id AND t.advertising_id = r.advertising_id
        AND t.ts <= r.installed_at WHERE r.advertising_id ~ '[^0-]'
    UNION SELECT r.id FROM recent r JOIN late t ON t.project_id = r.project_id AND t.device_id = r.device_id
        AND t.ts <= r.installed_at WHERE r.device_id ~ '[^0-]'
    UNION SELECT r.id FROM recent r JOIN late t ON t.project_id = r.project_id AND t.ip = r.ip
        AND t.os_name = r.os_name AND t.type = 'click' AND t.ts <= r.installed_at
)
UPDATE attribution_install SET pending = true WHERE id IN (SELECT id FROM hit)
"""
FINISH = """
UPDATE attribution_decision d SET state = 'final' FROM attribution_install i
WHERE d.state = 'provisional' AND i.id = d.install_id AND i.received_at <= %s AND NOT i.pending
"""


def reopen(*, now: datetime) -> int:
    """Set those installs pending again that late touches could change; return how many.

    One transaction with the removal of the late batches. Twice at once is harmless.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TAKE, [BATCHES])
        touches = [pk for (batch,) in cursor.fetchall() for pk in batch]
        if not touches:
            return 0
        # Two of these could lock the same installs crosswise.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('attribution.late'))")
        cursor.execute(REOPEN, [touches, now - PROVISIONAL])
        reopened: int = cursor.rowcount
    return reopened


def finish(*, now: datetime) -> int:
    """Make decisions final whose install was received a day ago; return how many. Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(FINISH, [now - PROVISIONAL])
        finished: int = cursor.rowcount
    return finished
