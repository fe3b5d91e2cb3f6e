"""What PostgreSQL knows of our tables: nothing, until autovacuum has come by for the first time."""

from events.store import raw_cursor

# A first load of so many rows is worth a look; autovacuum comes within a minute.
MANY = 200


def analyze_new(rows: int, *tables: str) -> list[str]:
    """Have those tables looked at that never were, after so many `rows` came; return which.

    Until then any index is as good as any other to the planner, and it walks a whole project to find one device.
    """
    if rows < MANY:
        return []
    cursor = raw_cursor()
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relname = ANY(%s) AND relkind = 'r' AND reltuples < 0", (list(tables),)
    )
    never = [name for (name,) in cursor.fetchall()]
    for name in never:
        cursor.execute(f"ANALYZE {name}")
    return never
