"""One at a time, across all processes: named locks of the database that end with the process, however that ends."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """Hold the lock `name` of this session, or find that another session does; gives whether it is ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        [mine] = cursor.fetchone()
    try:
        yield mine
    finally:
        if mine and connection.is_usable():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


def is_free(name: str) -> bool:
    """Say whether nobody holds the lock at the moment."""
    with alone(name) as mine:
        return mine
