"""Another vendor's report as a table of numbers by day and campaign: columns guessed, rows read. Plain values."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from attribution.costs import sheets

# What a column is, and how reports head it; the first that a file has is taken.
HEADS: Mapping[str, Sequence[str]] = {
    "day": (
        "date", "day", "install day", "install date", "report date", "start date", "name timestamp", "timestamp",
        "install time", "cohort day", "tracker install date",
    ),
    "source": (
        "media source (pid)", "media source", "network", "partner", "partner name", "source", "ad partner",
        "last attributed touch data tilde advertising partner name", "advertising partner name", "channel",
        "network name",
    ),
    "campaign": (
        "campaign (c)", "campaign name", "campaign", "campaign network", "adn campaign name", "tracker campaign name",
        "last attributed touch data tilde campaign",
    ),
    "platform": ("platform", "os name", "os", "user data os", "operating system"),
    "clicks": ("clicks", "adn clicks", "tracker clicks", "custom clicks"),
    "installs": (
        "installs", "tracker installs", "total installs", "attributed installs", "conversions", "adn installs", "count",
        "unique count",
    ),
    "revenue": ("total revenue", "revenue", "all revenue", "cohort revenue", "revenue total", "event revenue"),
    "currency": ("currency", "currency code", "event revenue currency", "reporting currency"),
    "event": ("event name",),
}  # fmt: skip
NEEDED = ("day", "source")
LABELS = {
    "day": "Day",
    "source": "Source",
    "campaign": "Campaign",
    "platform": "Platform",
    "clicks": "Clicks",
    "installs": "Installs",
    "revenue": "Revenue",
    "currency": "Currency",
    "event": "Event name",
}
PLATFORMS = {"ios": "ios", "iphone": "ios", "ipad": "ios", "ipados": "ios", "android": "android"}
INSTALL_EVENTS = frozenset({"install"})
MOST_ROWS = 500_000
BLANK = frozenset({"", "-", "–", "n/a", "na", "none", "null", "nan"})
TOTALS = frozenset({"total", "totals", "sum", "grand total", "all"})
AMOUNT = re.compile(r"[^\d.,\-]")
SHORT_DAY = re.compile(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})")
WRITTEN_DAYS = ("%b %d, %Y", "%d %b %Y", "%B %d, %Y", "%d %B %Y", "%Y%m%d", "%Y/%m/%d")


class WrongFile(Exception):  # noqa: N818 -- a refusal, as everywhere in the product
    """The file is no table that can be read; the sentence says why."""


class Row(NamedTuple):
    """One row of a report."""

    day: date
    source: str
    campaign: str = ""
    platform: str = ""
    clicks: int | None = None
    installs: int | None = None
    revenue: Decimal | None = None
    currency: str = ""


class Wrong(NamedTuple):
    """A row that can't be read."""

    line: int
    field: str
    code: str
    message: str
    text: str


@dataclass(frozen=True)
class Table:
    """A file taken apart: its columns and its rows, each with the line it ends on."""

    head: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str]]]

    def column(self, name: str) -> int | None:
        return self.head.index(name) if name in self.head else None


def split(content: bytes) -> Table:
    """Take a file apart into columns and rows, whatever separates them. Raises WrongFile."""
    try:
        text = sheets.decode(content)
    except sheets.BadFile as wrong:
        raise WrongFile(str(wrong)) from None
    lines = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    first = lines.split("\n", 1)[0]
    separator = max(",;\t|", key=first.count)
    try:
        reader = csv.reader(io.StringIO(lines, newline=""), delimiter=separator)
        rows = [(reader.line_num, values) for values in reader if any(value.strip() for value in values)]
    except csv.Error as wrong:
        raise WrongFile(f"The file can’t be read as a table: {wrong}.") from None
    if len(rows) < 2:
        raise WrongFile("The file has no rows below its head.")
    if len(rows) > MOST_ROWS:
        raise WrongFile(f"The file has more than {MOST_ROWS:,} rows. Export fewer days, or without ad sets and ads.")
    head = [" ".join(name.split()) for name in rows[0][1]]
    return Table(head, rows[1:])


def written(table: Table) -> str:
    """Return a table as CSV text that `split` takes apart alike."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(table.head)
    rows.writerows(values for _, values in table.rows)
    return text.getvalue()


def guess(table: Table) -> dict[str, str]:
    """Return which column of a file says what; what none seems to say is left out."""
    by_name = {_plain(name): name for name in reversed(table.head)}
    found = {}
    for field, names in HEADS.items():
        column = next((by_name[_plain(name)] for name in names if _plain(name) in by_name), None)
        if column:
            found[field] = column
    if "installs" in found:
        # A sum has no event; only raw data, a row for each, has one.
        found.pop("event", None)
    return found


def missing(mapping: Mapping[str, str]) -> list[str]:
    """Return the labels of what a mapping has to name and does not; without numbers each row has to be an event."""
    lacking = [LABELS[field] for field in NEEDED if not mapping.get(field)]
    if not any(mapping.get(field) for field in ("installs", "clicks", "revenue", "event")):
        lacking.append(LABELS["installs"])
    return lacking


def read(table: Table, mapping: Mapping[str, str], *, day_first: bool | None = None) -> Iterator[Row | Wrong]:
    """Yield what each row says. Without a column of installs each row is one: raw data, by its event's name.

    `day_first` says how 03/04/2026 is meant; None: as the file's other days show, else the month first. Rows that add
    others up are passed over.
    """
    places = {field: table.column(name) for field, name in mapping.items() if name}
    day_place = places.get("day")
    days = [values[day_place] for _, values in table.rows if day_place is not None and day_place < len(values)]
    day_first = _day_first(days) if day_first is None else day_first
    for line, values in table.rows:
        if len(values) != len(table.head):
            message = f"{len(values)} values where the first line has {len(table.head)}."
            yield Wrong(line, "", "wrong_columns", message, _line(values))
            continue
        said = {field: values[place].strip() for field, place in places.items() if place is not None}
        if said.get("day", "").casefold() in TOTALS or (said.get("source", "").casefold() in TOTALS):
            continue
        if said.get("event", "").casefold() not in INSTALL_EVENTS and "event" in said and "installs" not in said:
            continue
        try:
            yield _row(said, day_first=day_first)
        except _Unread as why:
            yield Wrong(line, why.field, why.code, f"{LABELS[why.field]}: {why.message}", _line(values))


def of_values(line: int, values: object) -> Row | Wrong:
    """Read a row that came as an object, its members named as in LABELS; `line` is its place."""
    if not isinstance(values, Mapping):
        return Wrong(
            line, "", "invalid_row", "A row must be an object with day, source and numbers.", str(values)[:500]
        )
    text = {name: str(values[name]).strip() for name in LABELS if values.get(name) is not None and name != "event"}
    try:
        row = _row(text, day_first=False)
        if row.installs is None and row.clicks is None and row.revenue is None:
            raise _Unread("installs", "missing_numbers", "give installs, clicks or revenue.")
    except _Unread as why:
        return Wrong(line, why.field, why.code, f"{LABELS[why.field]}: {why.message}", _line(list(text.values())))
    return row


class _Unread(Exception):  # noqa: N818
    def __init__(self, field: str, code: str, message: str) -> None:
        self.field, self.code, self.message = field, code, message
        super().__init__(message)


def _row(said: Mapping[str, str], *, day_first: bool) -> Row:
    day = day_of(said.get("day", ""), day_first=day_first)
    if day is None:
        raise _Unread("day", "invalid_day", f"{said.get('day', '')!r} is no day like 2026-11-20.")
    source = said.get("source", "")
    if source.casefold() in BLANK:
        source = "organic"
    if len(source) > 60:
        raise _Unread("source", "invalid_field", "longer than 60 characters.")
    campaign = said.get("campaign", "")
    campaign = "" if campaign.casefold() in BLANK else campaign
    if len(campaign) > 100:
        raise _Unread("campaign", "invalid_field", "longer than 100 characters.")
    numbers = {field: _number(field, said[field]) for field in ("clicks", "installs", "revenue") if field in said}
    installs = _whole("installs", numbers.get("installs")) if "installs" in said else 1 if "event" in said else None
    currency = said.get("currency", "").upper()
    if currency.casefold() in BLANK:
        currency = ""
    if currency and not re.fullmatch(r"[A-Z]{3}", currency):
        raise _Unread("currency", "invalid_currency", f"{currency!r} is no currency like USD.")
    platform = said.get("platform", "").casefold()
    return Row(
        day,
        source,
        campaign,
        PLATFORMS.get(platform, "" if platform in BLANK else platform[:40]),
        _whole("clicks", numbers.get("clicks")),
        installs,
        numbers.get("revenue"),
        currency,
    )


def _number(field: str, text: str) -> Decimal | None:
    if text.casefold() in BLANK:
        return None
    amount = amount_of(text)
    if amount is None or abs(amount) >= Decimal(10) ** 12:
        raise _Unread(field, "invalid_number", f"{text[:40]!r} is no number.")
    return amount


def _whole(field: str, amount: Decimal | None) -> int | None:
    if amount is None:
        return None
    if amount != amount.to_integral_value() or amount < 0:
        raise _Unread(field, "invalid_number", f"{amount} is no whole number of 0 or more.")
    return int(amount)


def amount_of(text: str) -> Decimal | None:
    """Read a number as people of different countries write it: 1,234.50 · 1.234,50 · $1 234 · (12). None for none."""
    negative = text.strip().startswith("(") and text.strip().endswith(")")
    if re.search(r"\d\s*[eE][+-]?\d", text):
        return _decimal(text.strip())
    bare = AMOUNT.sub("", text)
    if not re.search(r"\d", bare) or re.search(r"[A-Za-z]{4,}", text):
        return None
    last = max(bare.rfind("."), bare.rfind(","))
    if last >= 0:
        sign, rest = bare[last], bare[last + 1 :]
        other = "," if sign == "." else "."
        thousands = bare.count(sign) > 1 or (sign == "," and len(rest) == 3 and other not in bare)
        bare = bare.replace(other, "").replace(sign, "" if thousands else ".")
    amount = _decimal(bare)
    return -amount if amount is not None and negative else amount


def _decimal(text: str) -> Decimal | None:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def day_of(text: str, *, day_first: bool = False) -> date | None:
    """Read a day as reports write it, with a time behind it or without; None for none."""
    text = text.strip()
    found: date | None = None
    try:
        found = datetime.fromisoformat(text).date()
    except ValueError:
        if short := SHORT_DAY.match(text):
            first, second, year = (int(part) for part in short.groups())
            # With points between it is the day, wherever it is written so.
            by_day = day_first or "." in short[0]
            found = _date(year, second, first) if by_day else _date(year, first, second)
        else:
            found = _written(text)
    return found if found and 2000 <= found.year < 2100 else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _written(text: str) -> date | None:
    for pattern in WRITTEN_DAYS:
        try:
            return datetime.strptime(text, pattern).date()  # noqa: DTZ007 -- a day has no zone
        except ValueError:
            continue
    return None


def _day_first(days: Sequence[str]) -> bool:
    """Say whether days like 13/04/2026 show that the day is written first."""
    found = [match for text in days if (match := SHORT_DAY.match(text.strip()))]
    return any(int(match[1]) > 12 for match in found)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _line(values: Sequence[str]) -> str:
    return ",".join(values)[:500]
