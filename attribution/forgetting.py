"""Take a person out of attribution: what names or recognises them goes, what was counted stays."""

from collections.abc import Sequence

from django.db import connection

from attribution.postbacks import forgetting as messages

# Begins the ids of what belonged to somebody who was erased.
ERASED = "erased-"
# Who, with what, from where. Operating system, country and times stay: they name nobody and reports count by them.
INSTALLS = f"""
UPDATE attribution_install SET distinct_id = '{ERASED}' || id, message_id = '{ERASED}' || id, click_id = '',
    referrer_click_id = '', install_referrer = '', device_id = '', advertising_id = '', ip = NULL, os_version = '',
    device_model = '', locale = '', time_zone = '', screen = '', user_id = '', email_sha256 = '', phone_sha256 = '',
    claim_id = '', pending = false
WHERE id = ANY(%s)
"""  # noqa: S608 -- constant
TOUCHES = f"""
UPDATE attribution_touch SET touch_id = '{ERASED}' || id, params = '{{}}', network_click_id = '', device_id = '',
    advertising_id = '', ip = NULL, os_version = '', device_model = '', user_agent = '', locale = '', time_zone = '',
    screen = '', user_id = '', email_sha256 = '', phone_sha256 = ''
WHERE id = ANY(%s)
"""  # noqa: S608 -- constant
CONVERSIONS = f"""
UPDATE attribution_conversion SET distinct_id = '{ERASED}' || id, message_id = '{ERASED}' || id, order_id = ''
WHERE project_id = %(project)s AND (md5(distinct_id) = ANY(%(digests)s) AND distinct_id = ANY(%(ids)s)
    OR install_id = ANY(%(installs)s))
"""  # noqa: S608 -- constant
# An index on text of any length has an end, so it is over the digest.
THEIR_INSTALLS = """
SELECT id FROM attribution_install WHERE project_id = %(project)s
    AND md5(distinct_id) = ANY(%(digests)s) AND distinct_id = ANY(%(ids)s)
ORDER BY id FOR UPDATE
"""
# Clicks that brought them, carry their id, or came from the same device.
THEIR_TOUCHES = """
SELECT d.touch_id FROM attribution_decision d WHERE d.install_id = ANY(%(installs)s) AND d.touch_id IS NOT NULL
UNION SELECT t.id FROM attribution_touch t
    WHERE t.project_id = %(project)s AND t.user_id <> '' AND t.user_id = ANY(%(ids)s)
UNION SELECT t.id FROM attribution_touch t JOIN attribution_install i ON i.id = ANY(%(installs)s)
    AND i.project_id = t.project_id AND t.advertising_id <> '' AND i.advertising_id = t.advertising_id
UNION SELECT t.id FROM attribution_touch t JOIN attribution_install i ON i.id = ANY(%(installs)s)
    AND i.project_id = t.project_id AND t.device_id <> '' AND i.device_id = t.device_id
UNION SELECT t.id FROM attribution_touch t JOIN attribution_install i ON i.id = ANY(%(installs)s)
    AND i.project_id = t.project_id AND t.email_sha256 <> '' AND i.email_sha256 = t.email_sha256
UNION SELECT t.id FROM attribution_touch t JOIN attribution_install i ON i.id = ANY(%(installs)s)
    AND i.project_id = t.project_id AND t.phone_sha256 <> '' AND i.phone_sha256 = t.phone_sha256
"""
# A decision stands as it is: nothing is left by which it could be made again, and it is told to the stream no more.
DECISIONS = """
UPDATE attribution_decision SET state = 'final', announced = revision WHERE install_id = ANY(%s)
"""
CANDIDATES = """
DELETE FROM attribution_candidate c USING attribution_decision d
WHERE d.id = c.decision_id AND d.install_id = ANY(%s)
"""
TOKENS = "DELETE FROM attribution_appletoken WHERE install_id = ANY(%s)"


def forget_person(project_id: int, ids: Sequence[str]) -> int:
    """Blank what installs, touches and conversions say of the person whom these ids stood for.

    Counts, sources, campaigns and revenue stay. Returns how many installs were theirs. To be called in the
    transaction of the whole erasure; safe to repeat.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(md5(id)) FROM unnest(%s::text[]) AS id", [list(ids)])
        where = {"project": project_id, "ids": list(ids), "digests": cursor.fetchone()[0] or []}
        cursor.execute(THEIR_INSTALLS, where)
        installs = [row[0] for row in cursor.fetchall()]
        where["installs"] = installs
        cursor.execute(THEIR_TOUCHES, where)
        touches = [row[0] for row in cursor.fetchall()]
        cursor.execute(CONVERSIONS, where)
        for statement in (*messages.ERASE, CANDIDATES, DECISIONS, TOKENS, INSTALLS):
            cursor.execute(statement, [installs])
        cursor.execute(TOUCHES, [touches])
    return len(installs)
