"""Erase everything of a project from attribution."""

from collections.abc import Iterator

from django.db import connection

from attribution.exports import jobs

CHUNK_ROWS = 20_000
# Those that point to others come first; candidates, changes of a replay and tries have no project of their own.
TABLES = (
    "postback",
    "destination",
    "spendformer",
    "spend",
    "spendimport",
    "spendname",
    "exchangerate",
    "export",
    "exportschedule",
    "vendornumber",
    "vendorname",
    "vendorimport",
    "conversionschema",
    "applepostback",
    "appleapp",
    "latebatch",
    "conversion",
    "appletoken",
    "decision",
    "install",
    "touch",
    "link",
    "domain",
    "replay",
    "matchmodel",
    "ruleset",
    "secret",
    "fraudflag",
    "evidenceshare",
    "creditmodel",
)


def erase(project_id: int) -> Iterator[int]:
    """Delete the rows of a project, a part at a time; give the number of each part. Safe to repeat and to break off."""
    jobs.remove_files(project_id)
    of_replays = "replay_id IN (SELECT id FROM attribution_replay WHERE project_id = %s)"
    yield from _erase("attribution_replaychange", of_replays, project_id)
    of_postbacks = "postback_id IN (SELECT id FROM attribution_postback WHERE project_id = %s)"
    yield from _erase("attribution_postbacktry", of_postbacks, project_id)
    of_decisions = "decision_id IN (SELECT id FROM attribution_decision WHERE project_id = %s)"
    yield from _erase("attribution_candidate", of_decisions, project_id)
    yield from _part("attribution_decision", "original_id", project_id)
    yield from _part("attribution_postback", "corrects_id", project_id)
    yield from _part("attribution_postback", "replay_of_id", project_id)
    for table in TABLES:
        yield from _erase(f"attribution_{table}", "project_id = %s", project_id)


def _part(table: str, column: str, project_id: int) -> Iterator[int]:
    """Part rows from those of their own table that they point to, which may go in an earlier part than they."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE {table} SET {column} = NULL WHERE id IN (SELECT id FROM {table}"  # noqa: S608
                f" WHERE project_id = %s AND {column} IS NOT NULL LIMIT %s)",
                [project_id, CHUNK_ROWS],
            )
            if not cursor.rowcount:
                return
            yield 0


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
