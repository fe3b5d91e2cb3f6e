"""One at a time, across all processes: named locks of the database."""

from django.db import connection


def hold(name: str) -> None:
    """Wait for the lock `name` and keep it until the transaction around it ends.

    Outside a transaction it would be let go at once, so the caller opens one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"customers.{name}"])
