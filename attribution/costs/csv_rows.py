"""From the lines of a file to rows of spend, by a mapping of columns. Plain Python: no Django, clock or network."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from attribution.costs import sheets, values
from attribution.costs.names import source_for
from attribution.costs.sheets import Line, Sheet

LABELS = {
    "day": "Day",
    "source": "Source",
    "campaign": "Campaign",
    "ad_set": "Ad set",
    "ad": "Ad",
    "country": "Country",
    "platform": "Platform",
    "amount": "Amount",
    "currency": "Currency",
    "clicks": "Clicks",
    "impressions": "Impressions",
}
FIELDS = tuple(LABELS)
KEY = ("day", "source", "campaign", "ad_set", "ad", "country", "platform")
LENGTHS = {"source": 60, "campaign": 100, "ad_set": 100, "ad": 100, "platform": 40}
# What can be the same for a whole file.
FIXED = ("source", "campaign", "country", "platform", "currency")
SUM_WORDS = ("total", "gesamt", "summe", "grand total", "results from", "ergebnisse", "insgesamt")
ORDERS = {values.YMD: "Year first", values.DMY: "Day first", values.MDY: "Month first"}
MARKS = {values.POINT: "1,234.56", values.COMMA: "1.234,56"}
ENDS = ("reporting ends", "end date", "date stop")
ONE_DAY_ROWS = "A row has to be about one day. Export the report by day."
MOST_LINE = 300


class SpendRow(NamedTuple):
    """What something cost on a day. `line` is its place in the file or the request."""

    line: int
    day: date
    source: str
    campaign: str
    ad_set: str
    ad: str
    country: str
    platform: str
    amount: Decimal
    currency: str
    clicks: int | None = None
    impressions: int | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What it is known by: told again, it is replaced."""
        return self[1:8]


class Refused(NamedTuple):
    """Why a line is not taken: a field, a code for programs, a sentence for people; and the line itself."""

    row: int
    field: str
    code: str
    message: str
    line: str = ""


class Bad(ValueError):  # noqa: N818 -- as Problem
    """A value that can't be taken."""

    def __init__(self, field_name: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field, self.code, self.message = field_name, code, message


@dataclass(frozen=True)
class Layout:
    """Which column is which field, what is the same for all lines, and how days and amounts are written.

    `order` is "" where days can be read two ways and nobody has said which is meant.
    """

    columns: Mapping[str, str]
    fixed: Mapping[str, str] = field(default_factory=dict)
    order: str = values.YMD
    mark: str = values.POINT

    def to_json(self) -> dict[str, Any]:
        return {"columns": dict(self.columns), "fixed": dict(self.fixed), "order": self.order, "mark": self.mark}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Layout":
        """Read it as it was kept; what is not known is left out."""
        columns = {name: str(one) for name, one in dict(told.get("columns") or {}).items() if name in FIELDS and one}
        fixed = {name: str(one) for name, one in dict(told.get("fixed") or {}).items() if name in FIXED and one}
        order, mark = told.get("order", values.YMD), told.get("mark", values.POINT)
        return cls(columns, fixed, order if order in ORDERS else "", mark if mark in MARKS else values.POINT)

    def fitting(self, sheet: Sheet) -> "Layout":
        """Return it without columns that the file does not have."""
        return replace(self, columns={name: one for name, one in self.columns.items() if one in sheet.head})


@dataclass
class Read:
    """What became of the lines of a file: rows, refusals, and how many sums and blanks were left out."""

    rows: list[SpendRow] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    left_out: int = 0

    @property
    def lines(self) -> int:
        return len(self.rows) + len(self.refused) + self.left_out


def guess(sheet: Sheet, name: str, *, today: date, currency: str, known: Sequence[str] = ()) -> Layout:
    """Return the mapping that a file most likely has.

    `name` is that of the file, `currency` the project's, `known` its sources, the largest first.
    """
    columns = sheets.guess_columns(sheet.head)
    fixed: dict[str, str] = {}
    if "currency" not in columns:
        fixed["currency"] = sheets.currency_named(columns.get("amount", "")) or currency
    if "source" not in columns:
        network = sheets.network_of(sheet, name)
        fixed["source"] = source_for(network, known) if network else ""
    days = sheet.column(columns["day"]) if "day" in columns else []
    amounts = sheet.column(columns["amount"]) if "amount" in columns else []
    usual = values.COMMA if sheet.separator == ";" else values.POINT
    return Layout(
        columns,
        {name: value for name, value in fixed.items() if value},
        values.order_of_days(days, today=today),
        values.mark_of(amounts, usual=usual),
    )


def read_rows(sheet: Sheet, layout: Layout, *, today: date, known: Sequence[str] = ()) -> Read:
    """Read all lines of a file; each becomes a row, a refusal, or is left out as a sum."""
    places = {name: sheet.head.index(column) for name, column in layout.fitting(sheet).columns.items()}
    end = next((place for place, name in enumerate(sheet.head) if sheets.plain_name(name) in ENDS), None)
    found = Read()
    for line in sheet.lines:
        if _is_sum(line, places.get("day")):
            found.left_out += 1
            continue
        told = {name: line.cells[place].strip() if place < len(line.cells) else "" for name, place in places.items()}
        told = {**layout.fixed, **told}
        try:
            if end is not None and end < len(line.cells):
                _one_day(told.get("day", ""), line.cells[end].strip(), layout.order)
            row = read_row(line.number, told, order=layout.order, mark=layout.mark, today=today, known=known)
        except Bad as bad:
            text = _text(line, sheet.separator)
            found.refused.append(Refused(line.number, bad.field, bad.code, bad.message, text))
        else:
            found.rows.append(row)
    return found


def read_row(
    line: int, told: Mapping[str, str], *, order: str, mark: str, today: date, known: Sequence[str] = ()
) -> SpendRow:
    """Read one row of texts by field. Raises Bad for the first that can't be taken."""
    words = {name: _words(told, name) for name in ("campaign", "ad_set", "ad")}
    clicks, impressions = (_count(told, name, mark) for name in ("clicks", "impressions"))
    return SpendRow(
        line,
        _day_of(told, order, today),
        _source(told, known),
        words["campaign"],
        words["ad_set"],
        words["ad"],
        _country(told),
        values.read_platform(_words(told, "platform")),
        _amount(told, mark),
        _currency(told),
        clicks,
        impressions,
    )


def _day_of(told: Mapping[str, str], order: str, today: date) -> date:
    text = told.get("day", "")
    if not text:
        raise Bad("day", "missing", "The day is missing.")
    day = values.read_day(text, order)
    if day is None and not order and values.read_day(text, values.DMY):
        raise Bad("day", "ambiguous_day", f"{text} can be read two ways. Say whether day or month comes first.")
    if day is None:
        raise Bad("day", "invalid_day", f"“{text[:40]}” is no day. Write 2026-11-20.")
    if day > today + values.ONE_DAY:
        raise Bad("day", "day_in_future", f"{day} has not come yet.")
    return day


def _one_day(first: str, last: str, order: str) -> None:
    start, end = values.read_day(first, order), values.read_day(last, order)
    if start and end and start != end:
        raise Bad("day", "several_days", f"It covers {(end - start).days + 1} days. {ONE_DAY_ROWS}")


def _source(told: Mapping[str, str], known: Sequence[str]) -> str:
    text = _words(told, "source")
    if not text:
        raise Bad("source", "missing", "The source is missing: who was paid?")
    return source_for(text, known)[: LENGTHS["source"]]


def _words(told: Mapping[str, str], name: str) -> str:
    text = told.get(name, "").replace("\x00", "").strip()
    if name != "source" and text.lower() in values.NOTHING:
        return ""
    if len(text) > LENGTHS[name]:
        raise Bad(name, "too_long", f"{LABELS[name]} has more than {LENGTHS[name]} characters.")
    return text


def _country(told: Mapping[str, str]) -> str:
    text = told.get("country", "")
    code = values.read_country(text)
    if code is None:
        raise Bad("country", "unknown_country", f"“{text[:40]}” is no country. Give its code, such as DE.")
    return code


def _amount(told: Mapping[str, str], mark: str) -> Decimal:
    text = told.get("amount", "")
    if not text:
        raise Bad("amount", "missing", "The amount is missing.")
    amount = values.read_amount(text, mark)
    if amount is None:
        raise Bad("amount", "invalid_amount", f"“{text[:40]}” is no amount written like {MARKS[mark]}.")
    if amount < 0:
        raise Bad("amount", "negative_amount", "Spend is never negative. Tell the day again with what it cost at last.")
    return amount


def _currency(told: Mapping[str, str]) -> str:
    text = told.get("currency", "")
    code = values.read_currency(text)
    if code is None:
        said = f"There is no currency “{text[:20]}”." if text else "The currency is missing."
        raise Bad("currency", "unknown_currency" if text else "missing", f"{said} Give its code, such as EUR.")
    return code


def _count(told: Mapping[str, str], name: str, mark: str) -> int | None:
    text = told.get(name, "")
    if not text or text.lower() in values.NOTHING:
        return None
    number = values.read_count(text, mark)
    if number is None:
        raise Bad(name, "invalid_number", f"“{text[:40]}” is no whole number.")
    return number


def _is_sum(line: Line, day: int | None) -> bool:
    """Say whether a line only adds up others: it begins with such a word where a day should stand, or before it."""
    first = next((cell.strip().lower() for cell in line.cells if cell.strip()), "")
    where = line.cells[day].strip() if day is not None and day < len(line.cells) else ""
    has_day = any(figure.isdigit() for figure in where)
    return not has_day and first.startswith(SUM_WORDS)


def _text(line: Line, separator: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="").writerow(line.cells)
    return out.getvalue()[:MOST_LINE]


def combine(rows: Iterable[SpendRow]) -> tuple[list[SpendRow], list[Refused]]:
    """Add up rows of one key: parts of a campaign's day, as ads are where the file's ads are not mapped.

    Rows of one key in two currencies can't be added: the later ones are refused.
    """
    found: dict[tuple[Any, ...], SpendRow] = {}
    refused = []
    for row in rows:
        first = found.get(row.key)
        if first is None:
            found[row.key] = row
        elif first.currency != row.currency:
            message = f"Line {first.line} tells the same day and campaign in {first.currency}."
            refused.append(Refused(row.line, "currency", "two_currencies", message, _written(row)))
        else:
            found[row.key] = first._replace(
                amount=first.amount + row.amount,
                clicks=_sum(first.clicks, row.clicks),
                impressions=_sum(first.impressions, row.impressions),
            )
    return list(found.values()), refused


def _sum(one: int | None, other: int | None) -> int | None:
    return other if one is None else one + (other or 0)


def _written(row: SpendRow) -> str:
    return ",".join(str(value) for value in row[1:])[:MOST_LINE]


def keep_first(rows: Iterable[SpendRow], refuse: Callable[[SpendRow, SpendRow], Refused]) -> list[Any]:
    """Return for each row itself, or for one that repeats the key of an earlier row what `refuse` says of both."""
    found: dict[tuple[Any, ...], SpendRow] = {}
    verdicts: list[Any] = []
    for row in rows:
        first = found.setdefault(row.key, row)
        verdicts.append(row if first is row else refuse(row, first))
    return verdicts
