"""What is kept of messages: their content for SIGNAL_DAYS, that they were sent for as long as the install.

The statements of installs and conversions take a list of ids; retention and the erasure of a person run them.
"""

from datetime import datetime

from django.db import connection

from attribution.models import Destination

CHUNK_ROWS = 5_000
# What names or recognises somebody. What was credited stays: a later correction has to take back the right thing.
PERSONAL = (
    "ip", "user_agent", "locale", "advertising_id", "idfa", "gaid", "device_id", "device_model", "os_version",
    "user_id", "email_sha256", "phone_sha256",
)  # fmt: skip
DECISIONS = "SELECT id FROM attribution_decision WHERE install_id = ANY(%s)"


def _delete(of: str) -> tuple[str, ...]:
    """Return statements that delete messages with their tries, parted first from those that point to them."""
    mine = f"SELECT id FROM attribution_postback WHERE {of}"  # noqa: S608 -- constants of this file
    return (
        f"DELETE FROM attribution_postbacktry WHERE postback_id IN ({mine})",  # noqa: S608
        f"UPDATE attribution_postback SET corrects_id = NULL WHERE corrects_id IN ({mine})",  # noqa: S608
        f"UPDATE attribution_postback SET replay_of_id = NULL WHERE replay_of_id IN ({mine})",  # noqa: S608
        f"DELETE FROM attribution_postback WHERE {of}",  # noqa: S608
    )


OF_INSTALLS = _delete(f"decision_id IN ({DECISIONS})")
OF_CONVERSIONS = _delete("conversion_id = ANY(%s)")
# Of somebody who is erased: nothing more is sent, and nothing is left of what was.
ERASE = (
    f"""
DELETE FROM attribution_postbacktry WHERE postback_id IN (
    SELECT id FROM attribution_postback WHERE decision_id IN ({DECISIONS})
)""",  # noqa: S608
    f"""
UPDATE attribution_postback SET url = '', headers = '{{}}', body = '', facts = '{{}}',
    state = CASE state WHEN 'waiting' THEN 'canceled' ELSE state END
WHERE decision_id IN ({DECISIONS})""",  # noqa: S608
    "UPDATE attribution_decision SET posted = revision WHERE install_id = ANY(%s)",
    "UPDATE attribution_conversion SET posted = true WHERE install_id = ANY(%s)",
)
FORGET = f"""
WITH old AS MATERIALIZED (
    SELECT id FROM attribution_postback
    WHERE destination_id = %s AND created_at < %s AND url <> '' AND state <> 'waiting' LIMIT {CHUNK_ROWS}
), tries AS (DELETE FROM attribution_postbacktry WHERE postback_id IN (SELECT id FROM old))
UPDATE attribution_postback SET url = '', headers = '{{}}', body = '', facts = facts - %s::text[]
WHERE id IN (SELECT id FROM old)
"""  # noqa: S608


def forget_content(*, before: datetime) -> int:
    """Blank the content of messages made before a time, a part at a time; return how many. Safe to repeat."""
    blanked = 0
    for pk in Destination.objects.values_list("pk", flat=True):
        number = CHUNK_ROWS
        while number == CHUNK_ROWS:
            with connection.cursor() as cursor:
                cursor.execute(FORGET, [pk, before, list(PERSONAL)])
                number = cursor.rowcount
            blanked += number
    return blanked
