"""One at a time changes a project's segments, or repairs what was refused of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection

# Apart from other advisory locks of the database: the upper half of the key.
FAMILY = 0x5E67 << 40
REPAIRS = 0x5E68 << 40


class Busy(Exception):  # noqa: N818
    """Another process works on the same of the project."""


@contextmanager
def alone(project_id: int, *, wait_s: float = 0, family: int = FAMILY) -> Iterator[None]:
    """Keep others from the project's segments, or from `family`; raise Busy when they are at it, after `wait_s`.

    Of the session and not of a transaction: sealing takes longer than a transaction may, since one that has a number
    holds back all readers of the log. It ends with the connection, so a process that was killed holds up nobody.
    """
    if not _taken(family + project_id, wait_s):
        raise Busy(project_id)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [family + project_id])


def _taken(key: int, wait_s: float) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        taken: bool = cursor.fetchone()[0]
        if taken or not wait_s:
            return taken
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(wait_s * 1000)}ms"])
        try:
            cursor.execute("SELECT pg_advisory_lock(%s)", [key])
        except OperationalError:
            return False
        finally:
            cursor.execute("RESET lock_timeout")
    return True
