"""Erase everything that members saved in a project."""

from collections.abc import Iterator

from django.db import connection

CHUNK_ROWS = 20_000
# Those that point to others come first; tiles and people of cohorts have no project of their own.
TABLES = ("share", "savedview", "dashboard", "annotation", "cohort")
INSIDE = (
    ("cohortperson", "cohort_id IN (SELECT id FROM analytics_cohort WHERE project_id = %s)"),
    ("tile", "dashboard_id IN (SELECT id FROM analytics_dashboard WHERE project_id = %s)"),
)


def erase(project_id: int) -> Iterator[int]:
    """Delete the rows of a project, a part at a time; give the number of each part. Safe to repeat and to break off."""
    for table, condition in INSIDE:
        yield from _erase(f"analytics_{table}", condition, project_id)
    for table in TABLES:
        yield from _erase(f"analytics_{table}", "project_id = %s", project_id)


def _erase(table: str, condition: str, project_id: int) -> Iterator[int]:
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE id IN"  # noqa: S608 -- names of our own tables
                f" (SELECT id FROM {table} WHERE {condition} LIMIT {CHUNK_ROWS})",
                [project_id],
            )
            if not cursor.rowcount:
                return
            yield cursor.rowcount
