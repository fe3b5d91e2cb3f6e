"""Second thoughts: touches that arrive after the install they belong to, and the end of the time for them."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from attribution.candidates import PROVISIONAL

BATCHES = 50
# A touch that came in time is let in also when its turn comes a little later.
SLACK = timedelta(minutes=5)
TAKE = """
DELETE FROM attribution_latebatch WHERE id IN (
    SELECT id FROM attribution_latebatch ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
) RETURNING touches
"""
# The deadline is each install's own, by the arrival of the touch, as when it is decided; what Meta or Apple told later
# has none. Any click of the network counts, whatever its device: a crowd makes every match less likely.
# Without "NOT pending": an install that is being decided this moment is locked, and the update waits for it, so that
# a touch which came too late for that decision still reopens it.
SAME = (
    *((f"t.touch_id = r.{name}", f"r.{name} <> ''") for name in ("click_id", "referrer_click_id", "claim_id")),
    *((f"t.{name} = r.{name}", f"r.{name} ~ '[^0-]'") for name in ("advertising_id", "device_id")),
    *((f"t.{name} = r.{name}", f"r.{name} <> ''") for name in ("user_id", "email_sha256", "phone_sha256")),
    ("t.ip = r.ip AND t.type = 'click'", "r.ip IS NOT NULL"),
)
HITS = " UNION ".join(
    f"SELECT r.id FROM recent r JOIN late t ON t.project_id = r.project_id AND {same} AND t.ts <= r.installed_at"  # noqa: S608
    f" AND (t.received_at <= r.received_at + interval '24 hours' OR t.origin <> '') WHERE {real}"
    for same, real in SAME
)
REOPEN = f"""
WITH late AS MATERIALIZED (SELECT * FROM attribution_touch WHERE id = ANY(%s) AND NOT bot),
recent AS MATERIALIZED (
    SELECT id, project_id, installed_at, received_at, click_id, referrer_click_id, claim_id, advertising_id, device_id,
           user_id, email_sha256, phone_sha256, ip
    FROM attribution_install WHERE received_at > %s AND project_id IN (SELECT project_id FROM late)
), hit AS ({HITS})
UPDATE attribution_install SET pending = true WHERE id IN (SELECT id FROM hit)
"""  # noqa: S608
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
        cursor.execute(REOPEN, [touches, now - PROVISIONAL - SLACK])
        reopened: int = cursor.rowcount
    return reopened


def finish(*, now: datetime) -> int:
    """Make decisions final whose install was received a day ago; return how many. Safe to repeat."""
    with connection.cursor() as cursor:
        cursor.execute(FINISH, [now - PROVISIONAL])
        finished: int = cursor.rowcount
    return finished
