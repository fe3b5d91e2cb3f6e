"""The log's partitions: one for each day of arrival, made ahead, thinned by retention, dropped when empty or sealed."""

from datetime import UTC, date, datetime, timedelta

from django.db import OperationalError, connection, transaction

AHEAD_DAYS = 7


def name_of(day: date) -> str:
    return f"events_event_{day:%Y%m%d}"


def create_ahead(today: date, days: int = AHEAD_DAYS) -> list[str]:
    """Make the partitions of yesterday to `days` from now that are missing; return their names. Safe to repeat.

    Rows that meanwhile went to the default partition are moved, so an instance that slept past its partitions heals.
    """
    made = []
    for day in (today + timedelta(days=n) for n in range(-1, days + 1)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", [name_of(day)])
            if cursor.fetchone()[0] is None:
                _create(day)
                made.append(name_of(day))
    return made


def _create(day: date) -> None:
    name, after = name_of(day), day + timedelta(days=1)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            LOCK TABLE events_event_default IN ACCESS EXCLUSIVE MODE;
            CREATE TABLE IF NOT EXISTS {name} (LIKE events_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
            WITH moved AS (
                DELETE FROM events_event_default
                WHERE received_at >= '{day} 00:00+00' AND received_at < '{after} 00:00+00' RETURNING *
            ) INSERT INTO {name} SELECT * FROM moved;
            ALTER TABLE events_event ATTACH PARTITION {name}
                FOR VALUES FROM ('{day} 00:00+00') TO ('{after} 00:00+00');
            """  # noqa: S608 -- the names come from dates
        )


def days_present() -> list[date]:
    """Return the days that have a partition, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = 'events_event'::regclass ORDER BY 1"
        )
        names = [row[0].removeprefix("events_event_") for row in cursor.fetchall()]
    return [datetime.strptime(name, "%Y%m%d").date() for name in names if name.isdigit()]  # noqa: DTZ007


def drop_empty(before: date) -> list[str]:
    """Drop the partitions of days before `before` that retention has left without a row; return their names.

    Safe to repeat. What still comes for such a day goes to the default partition.
    """
    old = [name_of(day) for day in days_present() if day < before]
    return [name for name in old if _is_empty(name) and _drop_if_empty(name)]


def _is_empty(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT NOT EXISTS (SELECT FROM {name})")  # noqa: S608 -- the name comes from a date
        empty: bool = cursor.fetchone()[0]
    return empty


def _drop_if_empty(name: str) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        # Rather another time than hold up everybody who reads or writes the log; its readers lock the log before its
        # partitions, so that order here too.
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("LOCK TABLE ONLY events_event IN ACCESS EXCLUSIVE MODE")
        if not _is_empty(name):
            return False
        cursor.execute(f"DROP TABLE {name}")
    return True


# A question that began when something was not sealed yet has surely ended.
SEALED_FOR = timedelta(minutes=15)
NOT_SEALED = """
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, EXISTS (
    SELECT FROM {name} e LEFT JOIN events_seal s USING (project_id)
    WHERE s.position IS NULL OR e.position >= s.position)
"""
DELETE_SEALED = """
DELETE FROM events_event_default e USING events_seal s
WHERE s.project_id = e.project_id AND e.position < s.position AND e.received_at < %s AND s.sealed_at < %s
"""


def drop_sealed(now: datetime, hot_days: int) -> list[str]:
    """Drop the partitions older than `hot_days` whose every row is in a segment; return their names.

    One is marked when it is found so, and dropped by a later run, SEALED_FOR after. Sealed rows of that age in the
    default partition are deleted. Safe to repeat and to kill.
    """
    before = now.date() - timedelta(days=hot_days)
    gone = [name_of(day) for day in days_present() if day < before and _drop_if_sealed(name_of(day), now)]
    with connection.cursor() as cursor:
        cursor.execute(DELETE_SEALED, [datetime.combine(before, datetime.min.time(), UTC), now - SEALED_FOR])
    return gone


def _drop_if_sealed(name: str, now: datetime) -> bool:
    mark = _mark_of(name)
    if mark is None:
        _mark_if_sealed(name, now)
        return False
    horizon, since = mark
    if now - since < SEALED_FOR:
        return False
    try:
        return _drop_unchanged(name, horizon)
    except OperationalError:  # somebody reads the log; another time
        return False


def _mark_of(name: str) -> tuple[int, datetime] | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(%s::regclass, 'pg_class')", [name])
        mark = cursor.fetchone()[0]
    if not mark or not mark.startswith("sealed below "):
        return None
    horizon, _, since = mark.removeprefix("sealed below ").partition(" since ")
    return int(horizon), datetime.fromisoformat(since)


def _mark_if_sealed(name: str, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(NOT_SEALED.format(name=name))
        horizon, unsealed = cursor.fetchone()
        if not unsealed:
            cursor.execute(f"COMMENT ON TABLE {name} IS 'sealed below {horizon} since {now.isoformat()}'")


def _drop_unchanged(name: str, horizon: int) -> bool:
    """Drop a partition that has got no row since it was marked, else take the mark away."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("LOCK TABLE ONLY events_event IN ACCESS EXCLUSIVE MODE")
        # Numbers below that of the mark belong to another server, whose dump this is: they say nothing.
        cursor.execute(
            f"SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= %s"  # noqa: S608 -- the name comes from a date
            f" AND NOT EXISTS (SELECT FROM {name} WHERE position >= %s)",
            [horizon, horizon],
        )
        unchanged: bool = cursor.fetchone()[0]
        cursor.execute(f"DROP TABLE {name}" if unchanged else f"COMMENT ON TABLE {name} IS NULL")
    return unchanged


def forget_marks() -> None:
    """Take all marks away, as their positions are numbered anew."""
    with connection.cursor() as cursor:
        for day in days_present():
            if _mark_of(name_of(day)):
                cursor.execute(f"COMMENT ON TABLE {name_of(day)} IS NULL")
