"""Forget touches, installs and conversions that are older than their project keeps things, and much sooner what a
network is matched by."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from attribution.postbacks import forgetting as messages
from customers.models import Project
from growthplatform.config import config

CHUNK_ROWS = 20_000
# What tells people of one network apart is of use for a day, for looking again a week, for learning a month.
SIGNALS = {
    "attribution_touch": ("user_agent", "locale", "time_zone", "screen"),
    "attribution_install": ("locale", "time_zone", "screen"),
}
FORGET_SIGNALS = {
    table: f"""
UPDATE {table} SET ip = NULL, {", ".join(f"{name} = ''" for name in names)} WHERE id IN (
    SELECT id FROM {table} WHERE received_at < %s AND {"NOT pending AND" if table.endswith("install") else ""}
    (ip IS NOT NULL OR {" OR ".join(f"{name} <> ''" for name in names)}) LIMIT {CHUNK_ROWS * 5}
)"""  # noqa: S608 -- names of our own columns
    for table, names in SIGNALS.items()
}
OLD_TOUCHES = "SELECT id FROM attribution_touch WHERE project_id = %s AND ts < %s LIMIT %s"
OLD_INSTALLS = "SELECT id FROM attribution_install WHERE project_id = %s AND installed_at < %s AND NOT pending LIMIT %s"
OLD_CONVERSIONS = "SELECT id FROM attribution_conversion WHERE project_id = %s AND ts < %s LIMIT %s"
# A decision outlives its touch: it has copied source and campaign, which name nobody.
FORGET_TOUCHES = (
    "DELETE FROM attribution_candidate WHERE touch_id = ANY(%s)",
    "UPDATE attribution_decision SET touch_id = NULL WHERE touch_id = ANY(%s)",
    "UPDATE attribution_replaychange SET new_touch_id = NULL WHERE new_touch_id = ANY(%s)",
    "DELETE FROM attribution_touch WHERE id = ANY(%s)",
)
OF_INSTALLS = "SELECT id FROM attribution_decision WHERE install_id = ANY(%s)"
FORGET_INSTALLS = (
    *messages.OF_INSTALLS,
    f"DELETE FROM attribution_candidate WHERE decision_id IN ({OF_INSTALLS})",  # noqa: S608 -- both parts are constant
    f"DELETE FROM attribution_replaychange WHERE decision_id IN ({OF_INSTALLS})",  # noqa: S608
    f"UPDATE attribution_decision SET original_id = NULL WHERE original_id IN ({OF_INSTALLS})",  # noqa: S608
    "DELETE FROM attribution_decision WHERE install_id = ANY(%s)",
    "DELETE FROM attribution_appletoken WHERE install_id = ANY(%s)",
    "UPDATE attribution_conversion SET install_id = NULL WHERE install_id = ANY(%s)",
    "DELETE FROM attribution_install WHERE id = ANY(%s)",
)
FORGET_CONVERSIONS = (
    *messages.OF_CONVERSIONS,
    "DELETE FROM attribution_conversion WHERE id = ANY(%s)",
)
PARTS = ((OLD_CONVERSIONS, FORGET_CONVERSIONS), (OLD_INSTALLS, FORGET_INSTALLS), (OLD_TOUCHES, FORGET_TOUCHES))


def forget_old(*, now: datetime) -> int:
    """Delete what is past its project's retention, a part at a time; return how many rows of
    touches, installs and conversions went.

    Safe to repeat and to break off.
    """
    gone = 0
    for project in Project.objects.exclude(retention_days=None):
        since = now - timedelta(days=project.retention_days or 0)
        for find, forget in PARTS:
            while number := _forget(find, forget, project.pk, since):
                gone += number
    return gone


def signals_kept_since(now: datetime) -> datetime:
    """Return since when the signals of touches and installs are still there, by the time they were received."""
    return now - timedelta(days=config.signal_days)


def forget_signals(*, now: datetime) -> int:
    """Blank what networks are matched by where it is older than SIGNAL_DAYS, a part at a time; return how many rows.

    Decisions and their reasons stay; a replay leaves those alone that can't be made again. Safe to repeat and to
    break off.
    """
    blanked = 0
    for statement in FORGET_SIGNALS.values():
        number = 1
        while number:
            with connection.cursor() as cursor:
                cursor.execute(statement, [signals_kept_since(now)])
                number = cursor.rowcount
            blanked += number
    return blanked + messages.forget_content(before=signals_kept_since(now))


def _forget(find: str, forget: tuple[str, ...], project_id: int, since: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(find, [project_id, since, CHUNK_ROWS])
        old = [row[0] for row in cursor.fetchall()]
        for statement in forget if old else ():
            cursor.execute(statement, [old])
    return len(old)
