"""A file of spend on its way in: kept as a draft, looked at under a mapping, then taken or thrown away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.contrib.auth.models import User

from attribution.costs import csv_rows, importing, names, sheets, unmatched, values
from attribution.costs.csv_rows import Layout, Refused, SpendRow
from attribution.costs.importing import Judged
from attribution.costs.names import Named
from attribution.costs.sheets import NEEDED, Sheet
from attribution.models import SpendImport, SpendName
from customers.models import Project
from growthplatform.core.errors import InvalidField

# Mappings of so many imports are looked through for one of the same head.
REMEMBERED = 50
DRAFT_KEPT = timedelta(days=2)


@dataclass
class Preview:
    """What a file becomes under a mapping. `missing` are fields without which nothing can be read."""

    sheet: Sheet
    layout: Layout
    missing: Sequence[str] = ()
    rows: list[SpendRow] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    lines: int = 0
    left_out: int = 0
    judged: Judged = field(default_factory=Judged)
    unknown: dict[Named, Named | None] = field(default_factory=dict)

    @property
    def days(self) -> tuple[date, date] | None:
        return importing.days_of(self.rows)

    @property
    def added_up(self) -> int:
        """Lines that were added to another of the same key."""
        return self.lines - self.left_out - len(self.refused) - len(self.rows)

    @property
    def can_be_taken(self) -> bool:
        return bool(self.rows) and not self.missing


def begin(project: Project, name: str, data: bytes, *, today: date, user: User | None) -> SpendImport:
    """Keep a file as a draft, under the mapping that was last used for one with this head, or a guess.

    Raises InvalidField for what is no table.
    """
    try:
        text = sheets.decode(data)
        sheet = sheets.read_sheet(text)
    except sheets.BadFile as bad:
        raise InvalidField.named("file", str(bad)) from None
    known = unmatched.known_sources(project, today)
    layout = csv_rows.guess(sheet, name, today=today, currency=project.currency, known=known)
    if last := _remembered(project, sheet):
        # How days and amounts are written is seen anew: the same report may come in another language.
        layout = Layout(last.columns, last.fixed, layout.order or last.order, layout.mark).fitting(sheet)
    return SpendImport.objects.create(
        project=project,
        name=name[:200],
        mapping={**layout.to_json(), "head": list(sheet.head)},
        state=SpendImport.State.DRAFT,
        text=text,
        created_by=user,
    )


def _remembered(project: Project, sheet: Sheet) -> Layout | None:
    done = project.spend_imports.filter(state=SpendImport.State.DONE).order_by("-pk")[:REMEMBERED]
    for mapping in done.values_list("mapping", flat=True):
        if mapping.get("head") == list(sheet.head):
            return Layout.from_json(mapping)
    return None


def change(draft: SpendImport, told: Mapping[str, str], *, complete: bool, today: date) -> SpendImport:
    """Read a draft by other columns. `told` has a column for `column-<field>`, a value for `fixed-<field>`, and how
    days (`order`) and amounts (`mark`) are written; a column goes before a value.

    In another column of days or amounts it is looked at anew how they are written.
    """
    head = draft.mapping.get("head", [])
    columns = {name: told.get(f"column-{name}", "") for name in csv_rows.FIELDS}
    columns = {name: column for name, column in columns.items() if column in head}
    fixed = {name: told.get(f"fixed-{name}", "").replace("\x00", "").strip()[:100] for name in csv_rows.FIXED}
    fixed = {name: value for name, value in fixed.items() if name not in columns}
    before = Layout.from_json(draft.mapping)
    order, mark = told.get("order", ""), told.get("mark", "")
    sheet = sheets.read_sheet(draft.text)
    if "day" in columns and columns["day"] != before.columns.get("day"):
        order = values.order_of_days(sheet.column(columns["day"]), today=today)
    if "amount" in columns and columns["amount"] != before.columns.get("amount"):
        mark = values.mark_of(sheet.column(columns["amount"]))
    layout = Layout.from_json({"columns": columns, "fixed": fixed, "order": order, "mark": mark})
    draft.mapping = {**layout.to_json(), "head": head}
    draft.complete = complete
    draft.save(update_fields=["mapping", "complete"])
    return draft


def preview(draft: SpendImport, *, today: date) -> Preview:
    """Read a draft by its mapping and say what taking it would do. Nothing is changed."""
    sheet = sheets.read_sheet(draft.text)
    layout = Layout.from_json(draft.mapping).fitting(sheet)
    missing = [name for name in (*NEEDED, "source", "currency") if name not in {**layout.columns, **layout.fixed}]
    if missing:
        return Preview(sheet, layout, missing, lines=len(sheet.lines))
    project = draft.project
    known = unmatched.known_sources(project, today)
    read = csv_rows.read_rows(sheet, layout, today=today, known=known)
    rows, torn = csv_rows.combine(read.rows)
    judged = importing.judge(project, rows, complete=draft.complete)
    refused = sorted([*read.refused, *torn])
    return Preview(sheet, layout, (), rows, refused, read.lines, read.left_out, judged, _unknown(project, rows, today))


def _unknown(project: Project, rows: Sequence[SpendRow], today: date) -> dict[Named, Named | None]:
    """Return the campaigns of a file that no install and no link has, with the one that each may stand for."""
    known = unmatched.known_campaigns(project, today)
    called = {Named(*pair) for pair in SpendName.objects.filter(project=project).values_list("source", "campaign")}
    told = {Named(row.source, row.campaign) for row in rows if row.campaign} - called - known.keys()
    meant = names.suggestions(told, known)
    return {one: meant.get(one) for one in sorted(told)}


def take(draft: SpendImport, *, now: datetime) -> SpendImport:
    """Take a draft in. Safe to repeat: one that is done stays as it is. Raises InvalidField when it can't be read."""
    if draft.state != SpendImport.State.DRAFT:
        return draft
    found = preview(draft, today=now.astimezone(draft.project.tz).date())
    if not found.can_be_taken:
        raise InvalidField.named("file", "No row of the file can be taken under this mapping.")
    done, _ = importing.take(
        draft.project,
        found.rows,
        now=now,
        complete=draft.complete,
        refused=found.refused,
        draft=draft,
        left_out=found.left_out,
    )
    return done


def take_file(project: Project, name: str, data: bytes, *, now: datetime, user: User | None = None) -> SpendImport:
    """Take a file in as it is understood, without a look. Raises InvalidField when nothing of it can be read."""
    draft = begin(project, name, data, today=now.astimezone(project.tz).date(), user=user)
    return take(draft, now=now)


def forget_drafts(now: datetime) -> int:
    """Throw away drafts that nobody came back to; return how many."""
    old = SpendImport.objects.filter(state=SpendImport.State.DRAFT, created_at__lt=now - DRAFT_KEPT)
    number, _ = old.delete()
    return number
