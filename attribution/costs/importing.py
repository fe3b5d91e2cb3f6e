"""Take spend in: each row is added, or replaces what was told before of its day and campaign; it never adds to it.

What an import replaced or removed is kept, so that it can be undone as long as no later one built on it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from attribution.costs.csv_rows import KEY, Refused, SpendRow
from attribution.models import Spend, SpendFormer, SpendImport
from customers.models import Project
from events.store import raw_cursor
from growthplatform.core.errors import Problem

ADDED, REPLACED, UNCHANGED = "added", "replaced", "unchanged"
KEPT_REFUSALS = 5_000
VALUES = ("amount", "currency", "clicks", "impressions")
COLUMNS = ", ".join((*KEY, *VALUES))
SAME_KEY = " AND ".join(f"s.{name} = t.{name}" for name in KEY)
SAME_VALUES = (
    f"({', '.join(f's.{name}' for name in VALUES)}) IS NOT DISTINCT FROM ({', '.join(f't.{name}' for name in VALUES)})"
)
TYPES = [
    "int4", "date", "varchar", "varchar", "varchar", "varchar", "varchar", "varchar", "numeric", "varchar", "int8",
    "int8",
]  # fmt: skip
STAGE = f"""
CREATE TEMP TABLE IF NOT EXISTS spend_stage ON COMMIT DELETE ROWS AS
SELECT 0 AS line, {COLUMNS} FROM attribution_spend WITH NO DATA
"""  # noqa: S608 -- the parts are constants, here and below
COPY = f"COPY spend_stage (line, {COLUMNS}) FROM STDIN (FORMAT BINARY)"
VERDICTS = f"""
SELECT t.line, CASE WHEN s.id IS NULL THEN '{ADDED}' WHEN {SAME_VALUES} THEN '{UNCHANGED}' ELSE '{REPLACED}' END,
    t.amount, t.currency, s.amount, s.currency
FROM spend_stage t LEFT JOIN attribution_spend s ON s.project_id = %(project)s AND {SAME_KEY}
"""  # noqa: S608
# Of each source all days from its first to its last: a day on which it spent nothing any more has no row.
LEFT_OUT = f"""
SELECT s.id, s.amount, s.currency FROM attribution_spend s
JOIN (SELECT source, min(day) AS first, max(day) AS last FROM spend_stage GROUP BY source) told
    ON s.source = told.source AND s.day BETWEEN told.first AND told.last
WHERE s.project_id = %(project)s AND NOT EXISTS (SELECT FROM spend_stage t WHERE {SAME_KEY})
"""  # noqa: S608
KEEP_REPLACED = f"""
INSERT INTO attribution_spendformer (project_id, replaced_by_id, brought_by_id, {COLUMNS})
SELECT s.project_id, %(bringer)s, s.brought_by_id, {", ".join(f"s.{name}" for name in (*KEY, *VALUES))}
FROM attribution_spend s JOIN spend_stage t ON {SAME_KEY}
WHERE s.project_id = %(project)s AND NOT {SAME_VALUES}
"""  # noqa: S608
KEEP_REMOVED = f"""
INSERT INTO attribution_spendformer (project_id, replaced_by_id, brought_by_id, {COLUMNS})
SELECT project_id, %(bringer)s, brought_by_id, {COLUMNS} FROM attribution_spend WHERE id = ANY(%(ids)s)
"""  # noqa: S608
PUT = f"""
INSERT INTO attribution_spend AS s (project_id, brought_by_id, changed_at, {COLUMNS})
SELECT %(project)s, %(bringer)s, %(now)s, {COLUMNS} FROM spend_stage ORDER BY line
ON CONFLICT (project_id, {", ".join(KEY)}) DO UPDATE SET
    amount = EXCLUDED.amount, currency = EXCLUDED.currency, clicks = EXCLUDED.clicks,
    impressions = EXCLUDED.impressions, brought_by_id = EXCLUDED.brought_by_id, changed_at = EXCLUDED.changed_at
WHERE (s.amount, s.currency, s.clicks, s.impressions)
    IS DISTINCT FROM (EXCLUDED.amount, EXCLUDED.currency, EXCLUDED.clicks, EXCLUDED.impressions)
"""  # noqa: S608
PUT_BACK = f"""
INSERT INTO attribution_spend (project_id, brought_by_id, changed_at, {COLUMNS})
SELECT project_id, brought_by_id, %(now)s, {COLUMNS} FROM attribution_spendformer WHERE replaced_by_id = %(bringer)s
"""  # noqa: S608


class CantUndo(Problem):
    status = 409
    code = "import_built_on"
    message = "A later import replaced some of it. Undo that one first."


class Verdict(NamedTuple):
    """What became, or would become, of a row."""

    line: int
    outcome: str
    amount: Decimal
    currency: str
    former: Decimal | None
    former_currency: str | None


@dataclass
class Judged:
    """What an import does, or would do: a verdict for each row, and what a complete one takes away, as (amount,
    currency).
    """

    verdicts: list[Verdict] = field(default_factory=list)
    removed: list[tuple[Decimal, str]] = field(default_factory=list)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(one.outcome for one in self.verdicts)

    def change(self) -> dict[str, tuple[Decimal, Decimal]]:
        """Return for each currency what these days and campaigns came to before, and come to now."""
        found: dict[str, list[Decimal]] = {}
        for one in self.verdicts:
            found.setdefault(one.currency, [Decimal(0), Decimal(0)])[1] += one.amount
            if one.former is not None and one.former_currency:
                found.setdefault(one.former_currency, [Decimal(0), Decimal(0)])[0] += one.former
        for amount, currency in self.removed:
            found.setdefault(currency, [Decimal(0), Decimal(0)])[0] += amount
        return {currency: (before, after) for currency, (before, after) in sorted(found.items())}


def judge(project: Project, rows: Sequence[SpendRow], *, complete: bool) -> Judged:
    """Say what taking these rows would do; nothing is changed. No two rows may have one key."""
    with transaction.atomic():
        _stage(rows)
        return _judged(project, complete=complete)


@transaction.atomic
def take(
    project: Project,
    rows: Sequence[SpendRow],
    *,
    now: datetime,
    name: str = "",
    complete: bool = False,
    refused: Sequence[Refused] = (),
    user: User | None = None,
    draft: SpendImport | None = None,
    left_out: int = 0,
) -> tuple[SpendImport, Judged]:
    """Store rows of spend, no two of one key, and what became of them.

    Safe to repeat: what is there already stays unchanged. With `complete` what is left out of the days from the first
    to the last of each source is removed. A `draft` is done by it.
    """
    _one_at_a_time(project)
    _stage(rows)
    judged = _judged(project, complete=complete)
    done = draft or SpendImport(project=project, name=name[:200], created_by=user)
    outcomes = judged.outcomes
    done.state, done.complete, done.text = SpendImport.State.DONE, complete, ""
    done.rows = len(rows) + len(refused)
    done.added, done.replaced, done.unchanged = (outcomes[one] for one in (ADDED, REPLACED, UNCHANGED))
    done.removed, done.left_out, done.refused_rows = len(judged.removed), left_out, len(refused)
    done.refused = [one._asdict() for one in refused[:KEPT_REFUSALS]]
    done.created_at = now
    done.save()
    _put(project, done, now, removes=bool(judged.removed))
    return done, judged


def _one_at_a_time(project: Project) -> None:
    # Two that replace the same row would each keep the same former value, and an undo would bring back the wrong one.
    raw_cursor().execute("SELECT pg_advisory_xact_lock(hashtext('attribution.costs'), %s)", [project.pk % 2**31])


def _stage(rows: Iterable[SpendRow]) -> None:
    cursor = raw_cursor()
    cursor.execute(STAGE)
    cursor.execute("DELETE FROM spend_stage")
    with cursor.copy(COPY) as copy:
        copy.set_types(TYPES)
        for row in rows:
            copy.write_row(row)
    cursor.execute("ANALYZE spend_stage")


def _judged(project: Project, *, complete: bool) -> Judged:
    cursor = raw_cursor()
    cursor.execute(VERDICTS, {"project": project.pk})
    found = Judged([Verdict(*row) for row in cursor])
    if complete:
        cursor.execute(LEFT_OUT, {"project": project.pk})
        found.removed = [(amount, currency) for _, amount, currency in cursor]
    return found


def _put(project: Project, bringer: SpendImport, now: datetime, *, removes: bool) -> None:
    cursor, params = raw_cursor(), {"project": project.pk, "bringer": bringer.pk, "now": now}
    if removes:
        cursor.execute(LEFT_OUT, params)
        ids = [row[0] for row in cursor]
        cursor.execute(KEEP_REMOVED, {**params, "ids": ids})
        cursor.execute("DELETE FROM attribution_spend WHERE id = ANY(%s)", [ids])
    cursor.execute(KEEP_REPLACED, params)
    cursor.execute(PUT, params)


@transaction.atomic
def remove(project: Project, row: Spend, *, now: datetime, user: User | None) -> SpendImport:
    """Take one row of spend away, as an import that can be undone."""
    _one_at_a_time(project)
    name = f"Removed {row.day} {row.source} {row.campaign}".strip()[:200]
    done = SpendImport.objects.create(project=project, name=name, removed=1, created_at=now, created_by=user)
    cursor = raw_cursor()
    cursor.execute(KEEP_REMOVED, {"bringer": done.pk, "ids": [row.pk]})
    cursor.execute("DELETE FROM attribution_spend WHERE id = %s", [row.pk])
    return done


def find_obstacle(done: SpendImport) -> SpendImport | None:
    """Return the import that has to be undone before this one; None when nothing built on it."""
    later = SpendImport.objects.filter(
        Q(former__brought_by=done) | Q(spend__in=_in_the_way(done)), state=SpendImport.State.DONE
    )
    return later.exclude(pk=done.pk).order_by("-pk").first()


def _in_the_way(done: SpendImport) -> list[int]:
    """Return rows of spend that stand where this import's former rows would come back."""
    cursor = raw_cursor()
    cursor.execute(
        f"SELECT s.id FROM attribution_spend s JOIN attribution_spendformer t ON {SAME_KEY}"  # noqa: S608
        " WHERE s.project_id = %(project)s AND t.replaced_by_id = %(bringer)s"
        " AND s.brought_by_id IS DISTINCT FROM %(bringer)s",
        {"project": done.project_id, "bringer": done.pk},
    )
    return [row[0] for row in cursor]


@transaction.atomic
def undo(done: SpendImport, *, now: datetime) -> SpendImport:
    """Bring back what was before an import. Safe to repeat. Raises CantUndo when a later one built on it."""
    _one_at_a_time(done.project)
    done.refresh_from_db()
    if done.state != SpendImport.State.DONE:
        return done
    later = find_obstacle(done)
    if later is not None or _in_the_way(done):
        name = f" It is “{later.name}”." if later else ""
        raise CantUndo(f"{CantUndo.message}{name}")
    Spend.objects.filter(project=done.project, brought_by=done).delete()
    raw_cursor().execute(PUT_BACK, {"bringer": done.pk, "now": now})
    SpendFormer.objects.filter(replaced_by=done).delete()
    done.state, done.undone_at = SpendImport.State.UNDONE, now
    done.save(update_fields=["state", "undone_at"])
    return done


def days_of(rows: Sequence[SpendRow]) -> tuple[date, date] | None:
    """Return the first and the last day of rows; None without any."""
    days: list[Any] = [row.day for row in rows]
    return (min(days), max(days)) if days else None
