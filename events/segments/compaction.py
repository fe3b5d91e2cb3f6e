"""Sealed files written anew: few large ones from many small, with the people of now, without what was erased.

A file is never changed. The new files are in the store before one transaction names them and lets the old ones go, so
a question reads either the old or the new; the old files stay a while for those who began before.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
from django.db import connection, transaction
from django.db.models import Min
from django.utils import timezone

from events.models import PersonMerge, Segment
from events.segments import files, locks, writing

SEALED, DAY, MONTH = 0, 1, 2
# So many files of a day, or of several days in a month, are made one at once.
MANY = 16
# A month is written as a whole when it has been over for so long; for what comes later it is written again when that is
# a tenth of it, or has waited for a day.
SETTLED = timedelta(days=2)
LATE_SHARE, LATE_WAIT = 0.1, timedelta(days=1)
# A file has at most about so many rows, whatever it covers.
FILE_ROWS = 8_000_000
WAIT_S = 120
# From a former person to whom it is in the end, however often it was merged.
MERGES = """
WITH RECURSIVE chain AS (
    SELECT person_id, survivor_id, 1 AS length FROM events_personmerge WHERE project_id = %(project)s
    UNION ALL
    SELECT c.person_id, m.survivor_id, c.length + 1 FROM chain c
    JOIN events_personmerge m ON m.project_id = %(project)s AND m.person_id = c.survivor_id
)
SELECT DISTINCT ON (person_id) person_id, survivor_id FROM chain ORDER BY person_id, length DESC
"""


@dataclass(frozen=True)
class Change:
    """What becomes of rows that are written anew: their level, whose rows go, and those before when."""

    level: int
    without: Sequence[int] = ()
    since: datetime | None = None


class Damaged(Exception):  # noqa: N818
    """A segment's file is not what was sealed, so it can't be written anew."""


class Replaced(Exception):  # noqa: N818
    """A segment was replaced by somebody else meanwhile; what was made is left for sweeping."""


def compact_all(now: datetime, *, until: float = float("inf")) -> int:
    """Compact the projects that have something to compact; return how many files were replaced."""
    live = Segment.objects.filter(replaced_at=None, level__lt=MONTH).order_by()
    return sum(
        compact(project_id, now, until=until)
        for project_id in live.values_list("project_id", flat=True).distinct()
        if time.monotonic() < until
    )


def compact(project_id: int, now: datetime, *, until: float = float("inf")) -> int:
    """Make few large files of a project's small ones; return how many were replaced.

    Safe to repeat and to kill. What is damaged stays as it is. Returns 0 while another process works on the project's
    segments.
    """
    replaced = 0
    try:
        with locks.alone(project_id):
            for group, level in plan(live(project_id), now):
                if time.monotonic() >= until:
                    break
                sound = [one for one in group if is_sound(one)]
                if len(sound) > 1 or any(one.level < level for one in sound):
                    _rewrite(project_id, sound, Change(level))
                    replaced += len(sound)
    except (locks.Busy, Replaced):
        return replaced
    return replaced


def live(project_id: int) -> list[Segment]:
    """Return the segments that have the project's rows now, oldest first."""
    return list(Segment.objects.filter(project=project_id, replaced_at=None).order_by("first_ts", "pk"))


def plan(segments: Sequence[Segment], now: datetime) -> list[tuple[list[Segment], int]]:
    """Return which segments are to become one, and of what level; each segment is named once at the most."""
    months: dict[date, list[Segment]] = defaultdict(list)
    for one in segments:
        months[writing.month_of(one.first_day)].append(one)
    made = []
    for month, group in months.items():
        over = writing.month_of(month + timedelta(days=32))
        if now.date() >= over + SETTLED:
            made += _of_month(group, now)
        else:
            made += _of_days(group, now.date())
    return made


def _of_month(group: list[Segment], now: datetime) -> list[tuple[list[Segment], int]]:
    whole = [one for one in group if one.level == MONTH]
    late = [one for one in group if one.level < MONTH]
    late_rows, whole_rows = sum(one.rows for one in late), sum(one.rows for one in whole)
    waits = any(one.made_at < now - LATE_WAIT for one in late)
    if not late or (whole and late_rows < LATE_SHARE * whole_rows and len(late) < MANY and not waits):
        return []
    if late_rows + whole_rows <= FILE_ROWS:
        return [(group, MONTH)]
    # Too much for one file: large ones stay, and the rest is joined as far as it fits.
    return [(part, MONTH) for part in _filled(late)]


def _filled(segments: Iterable[Segment]) -> list[list[Segment]]:
    parts: list[list[Segment]] = []
    rows = FILE_ROWS
    for one in segments:
        if rows + one.rows > FILE_ROWS:
            parts.append([])
            rows = 0
        parts[-1].append(one)
        rows += one.rows
    return parts


def _of_days(group: list[Segment], today: date) -> list[tuple[list[Segment], int]]:
    days: dict[date | None, list[Segment]] = defaultdict(list)
    for one in group:
        days[one.first_day if one.first_day == one.last_day else None].append(one)
    made = []
    for day, parts in days.items():
        over = day is not None and day < today
        if over and len(parts) > 1 and sum(one.rows for one in parts) <= FILE_ROWS:
            made.append((parts, DAY))
            continue
        for level in (SEALED, DAY):
            same = [one for one in parts if one.level == level]
            if len(same) >= MANY:
                made += [(part, DAY) for part in _filled(same) if len(part) > 1]
    return made


def is_sound(segment: Segment) -> bool:
    """Tell whether a segment's file is there and is what was sealed."""
    file = files.store().local(segment.path)
    try:
        return file.stat().st_size == segment.bytes and files.digest(file) == segment.digest
    except OSError:
        return False


def rewrite(segment: Segment, *, without_person: int | None = None, before: datetime | None = None) -> int:
    """Write a segment anew without a person, or without what happened before a moment; return how many rows went.

    Merges of people are applied first, so who was merged into the person goes too. Safe to repeat: a segment that was
    replaced meanwhile is passed over. Raises locks.Busy when others work on the project for longer than WAIT_S, and
    Damaged.
    """
    with locks.alone(segment.project_id, wait_s=WAIT_S):
        current = Segment.objects.filter(pk=segment.pk, replaced_at=None).first()
        if current is None:
            return 0
        gone = _former(segment.project_id, without_person)
        return _rewrite(segment.project_id, [current], Change(current.level, gone, before))


def erase_person(project_id: int, person_id: int) -> int:
    """Write all segments anew that have rows of a person; return how many rows went. Safe to repeat.

    The person's hot rows must be gone before; what is being sealed meanwhile is waited for and erased as well. Raises
    locks.Busy when others work on the project for longer than WAIT_S, and Damaged when a file can't be read, with the
    others done.
    """
    rows, damaged = 0, None
    with locks.alone(project_id, wait_s=WAIT_S):
        gone = _former(project_id, person_id)
        for one in live(project_id):
            try:
                rows += _rewrite(project_id, [one], Change(one.level, gone)) if _has(one, gone) else 0
            except Damaged as fault:
                damaged = fault
    if damaged:
        raise damaged
    return rows


def forget_before(project_id: int, moment: datetime) -> int:
    """Let go what happened before a moment; return how many rows went. Safe to repeat.

    A file of which only some hours are too old waits until a whole day of it is. Does nothing while another process
    works on the project's segments.
    """
    rows = 0
    try:
        with locks.alone(project_id):
            for one in live(project_id):
                if one.last_ts < moment:
                    _commit([one], [])
                    rows += one.rows
                elif one.first_day < moment.date() and is_sound(one):
                    rows += _rewrite(project_id, [one], Change(one.level, since=moment))
    except (locks.Busy, Replaced):
        return rows
    return rows


def apply_all_merges(*, until: float = float("inf")) -> int:
    """Apply the merges of all projects; return how many are forgotten."""
    waiting = PersonMerge.objects.order_by().values_list("project_id", flat=True).distinct()
    return sum(apply_merges(project_id, until=until) for project_id in waiting if time.monotonic() < until)


def apply_merges(project_id: int, *, until: float = float("inf")) -> int:
    """Let the rows say the people of now, and forget the merges that are in all of them; return how many.

    A segment that has no row of a former person is only noted as such. Safe to repeat and to kill.
    """
    try:
        with locks.alone(project_id):
            moment, former = writing.merged_at(project_id), list(_merges(project_id))
            behind = Segment.objects.filter(project=project_id, replaced_at=None, merged_at__lt=moment)
            for one in behind if former else []:
                if time.monotonic() >= until:
                    break
                _apply(one, former, moment)
            return _forget_merges(project_id, moment)
    except (locks.Busy, Replaced):
        return 0


def _apply(segment: Segment, former: Sequence[int], moment: datetime) -> None:
    with suppress(Damaged):
        if _has(segment, former):
            _rewrite(segment.project_id, [segment], Change(segment.level))
        else:
            Segment.objects.filter(pk=segment.pk).update(merged_at=moment)


def _forget_merges(project_id: int, moment: datetime) -> int:
    oldest = Segment.objects.filter(project=project_id, replaced_at=None).aggregate(at=Min("merged_at"))["at"]
    known = PersonMerge.objects.filter(project=project_id, merged_at__lt=min(oldest or moment, moment))
    return known.delete()[0]


def _merges(project_id: int) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(MERGES, {"project": project_id})
        return dict(cursor.fetchall())


def _former(project_id: int, person_id: int | None) -> list[int]:
    """Return a person's number and those of all who were merged into it."""
    if person_id is None:
        return []
    return [person_id, *(former for former, survivor in _merges(project_id).items() if survivor == person_id)]


def _has(segment: Segment, people: Collection[int]) -> bool:
    """Tell whether a segment has a row of these people; raises Damaged when that can't be read."""
    if not is_sound(segment):
        raise Damaged(segment.path)
    with duckdb.connect(":memory:") as db:
        found = db.execute(
            f"SELECT 1 FROM read_parquet({writing.paths([segment])})"  # noqa: S608 -- our own name
            " WHERE person IN (SELECT unnest(?::BIGINT[])) LIMIT 1",
            [list(people)],
        ).fetchone()
    return found is not None


def _rewrite(project_id: int, group: Sequence[Segment], change: Change) -> int:
    """Replace segments by what their rows are now; return how many rows went."""
    merged_at, merges = writing.merged_at(project_id), _merges(project_id)
    with files.workspace() as folder, writing.database(folder) as db:
        try:
            _read(db, group, change, merges)
            made = _write(db, project_id, change.level, folder, merged_at)
        except duckdb.OutOfMemoryException:
            raise
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException) as fault:
            raise Damaged(group[0].path) from fault
    _commit(group, made)
    return sum(one.rows for one in group) - sum(one.rows for one in made)


def _read(db: duckdb.DuckDBPyConnection, group: Sequence[Segment], change: Change, merges: dict[int, int]) -> None:
    """Make the view `kept` of the rows that stay, with the people of now."""
    db.execute(
        "CREATE TABLE merges AS SELECT unnest(?::BIGINT[]) AS former, unnest(?::BIGINT[]) AS survivor",
        [list(merges), list(merges.values())],
    )
    kept = ["true"]
    if change.without:
        kept.append(f"coalesce(m.survivor, s.person) NOT IN ({', '.join(map(str, change.without))})")
    if change.since:
        kept.append(f"s.ts >= TIMESTAMP '{change.since.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'")
    db.execute(
        "CREATE VIEW kept AS SELECT s.* REPLACE (coalesce(m.survivor, s.person) AS person)"  # noqa: S608 -- numbers
        f" FROM read_parquet({writing.paths(group)}) s LEFT JOIN merges m ON m.former = s.person"
        f" WHERE {' AND '.join(kept)}"
    )


def _write(
    db: duckdb.DuckDBPyConnection, project_id: int, level: int, folder: Path, merged_at: datetime
) -> list[Segment]:
    made, instance = [], writing.instance()
    for number, span in enumerate(writing.spans(db, "kept", day_rows=FILE_ROWS)):
        file = folder / f"{number}.parquet"
        writing.write(db, "kept", span, file, effort=writing.SMALL if level == MONTH else writing.QUICK)
        made.append(writing.segment(instance, project_id, level, span, file, merged_at=merged_at))
    return made


def _commit(group: Sequence[Segment], made: Sequence[Segment]) -> None:
    """Let the new files take the place of the old ones, all or none."""
    with transaction.atomic():
        old = Segment.objects.filter(pk__in=[one.pk for one in group], replaced_at=None)
        if old.update(replaced_at=timezone.now()) != len(group):
            raise Replaced
        Segment.objects.bulk_create(made)
