"""A file of an ad network as a table: its text, its separator, its head. Plain Python: no Django, clock or network."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

MOST_BYTES = 20_000_000
MOST_ROWS = 100_000
MOST_COLUMNS = 200
# Titles and dates that networks write above the head.
LOOKED_AT = 20
SEPARATORS = (",", ";", "\t", "|")
CURRENCY_IN_HEAD = re.compile(r"[(\[]([A-Z]{3})[)\]]|\b([A-Z]{3})$")


class BadFile(ValueError):  # noqa: N818 -- as Problem
    """The file can't be read as a table; the text says why."""


class Line(NamedTuple):
    """A row of the file: where it began (from 1), and its cells."""

    number: int
    cells: list[str]


@dataclass(frozen=True)
class Sheet:
    """A file: the names of its columns, each once, and the lines below; `above` is what stands over the head."""

    head: Sequence[str]
    lines: Sequence[Line]
    separator: str
    above: str = ""

    def column(self, name: str) -> list[str]:
        """Return the values of a column; "" where a line is too short."""
        place = self.head.index(name)
        return [line.cells[place] if place < len(line.cells) else "" for line in self.lines]


# What columns are called, the surest first, in small letters without what stands in brackets.
NAMES: dict[str, tuple[str, ...]] = {
    "day": (
        "day", "date", "reporting starts", "report date", "by day", "stat time day", "spend date", "cost date",
        "start date", "segments date", "tag", "datum", "fecha", "jour", "data",
    ),
    "source": (
        "source", "media source", "network", "ad network", "channel", "partner", "partner name", "utm source", "pid",
        "netzwerk", "quelle",
    ),
    "campaign": ("campaign", "campaign name", "c", "utm campaign", "kampagne", "kampagnenname", "campaña"),
    "ad_set": (
        "ad set", "ad set name", "adset", "adset name", "ad group", "ad group name", "adgroup", "adgroup name",
        "anzeigengruppe", "af adset",
    ),
    "ad": ("ad", "ad name", "af ad", "anzeige"),
    "country": (
        "country", "country territory", "country region", "country code", "geo", "country user location", "land",
        "país",
    ),
    "platform": ("platform", "os", "device os", "operating system", "plattform"),
    "amount": (
        "amount spent", "amount", "spend", "cost", "total cost", "media cost", "spent", "total spend", "costs",
        "kosten", "ausgegebener betrag", "importe gastado", "coste",
    ),
    "currency": ("currency", "currency code", "account currency", "cost currency", "währung"),
    "clicks": ("clicks", "link clicks", "clicks all", "klicks", "taps"),
    "impressions": ("impressions", "impr", "impressionen", "views"),
}  # fmt: skip
NEEDED = ("day", "amount")


def decode(data: bytes) -> str:
    """Return the text of a file. Raises BadFile."""
    if len(data) > MOST_BYTES:
        raise BadFile(f"The file is larger than {MOST_BYTES // 1_000_000} MB. Split it.")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        encodings = ["utf-16"]
    elif data[:400].count(0) > 40:
        raise BadFile("This is no text. Save the table as CSV; Excel files (.xlsx) are not read.")
    else:
        encodings = ["utf-8-sig", "cp1252"]
    if data[:2] == b"PK":
        raise BadFile("This is an Excel file or an archive. Save the table as CSV.")
    for encoding in encodings:
        try:
            return data.decode(encoding).replace("\x00", "")
        except UnicodeDecodeError:
            continue
    raise BadFile("The file is neither UTF-8 nor Windows text. Save it as “CSV UTF-8”.")


def read_sheet(text: str) -> Sheet:
    """Find the separator and the head, and return the table. Raises BadFile."""
    text = text.lstrip("\ufeff")
    separator, at, head = max(
        (_best_head(text, separator) for separator in SEPARATORS), key=lambda found: _worth(found[2])
    )
    if not head or not any(head):
        raise BadFile("The file is empty.")
    if len(head) > MOST_COLUMNS:
        raise BadFile(f"The file has more than {MOST_COLUMNS} columns.")
    lines = _lines(text, separator)
    above = " ".join(" ".join(line.cells) for line in lines if line.number < at)
    below = [line for line in lines if line.number > at]
    if not below:
        raise BadFile("The file has no rows below its head.")
    if len(below) > MOST_ROWS:
        raise BadFile(f"The file has more than {MOST_ROWS:,} rows. Split it.")
    return Sheet(_once_each(head), below, separator, above[:500])


def _best_head(text: str, separator: str) -> tuple[str, int, list[str]]:
    """Return the line near the top whose cells are most like names of columns."""
    start = "\n".join(text.splitlines()[: LOOKED_AT + 5])
    best: tuple[str, int, list[str]] = (separator, 0, [])
    for line in _lines(start, separator, strict=False)[:LOOKED_AT]:
        cells = [cell.strip() for cell in line.cells]
        if any(cells) and _worth(cells) > _worth(best[2]):
            best = (separator, line.number, cells)
    return best


def _worth(cells: Sequence[str]) -> tuple[int, int]:
    known = {field for cell in cells if (field := field_named(cell))}
    return len(known), min(len(cells), MOST_COLUMNS)


def _lines(text: str, separator: str, *, strict: bool = True) -> list[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
    found, number = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append(Line(number, cells))
            number = reader.line_num + 1
            if len(found) > MOST_ROWS + LOOKED_AT:
                break
    except csv.Error as wrong:
        if strict:
            raise BadFile(f"Line {reader.line_num} can’t be read: {wrong}.") from None
    return found


def _once_each(head: Sequence[str]) -> list[str]:
    found: list[str] = []
    for place, cell in enumerate(head, start=1):
        name = cell.strip()[:100] or f"Column {place}"
        again = 2
        while name in found:
            name = f"{cell.strip()[:100]} ({again})"
            again += 1
        found.append(name)
    return found


def plain_name(column: str) -> str:
    """Return the name of a column in small letters, without currency, brackets and marks."""
    text = re.sub(r"[(\[].*?[)\]]", " ", column.replace("_", " ").replace(".", " ").replace("/", " "))
    return " ".join(text.lower().replace("-", " ").split())


def field_named(column: str) -> str:
    """Return which of our fields a column is called like; "" for none."""
    plain = plain_name(column)
    return next((field for field, names in NAMES.items() if plain in names), "")


def currency_named(column: str) -> str:
    """Return the currency that the name of a column says: "Amount spent (EUR)"; "" for none."""
    match = CURRENCY_IN_HEAD.search(column.strip())
    return (match[1] or match[2]) if match else ""


def guess_columns(head: Sequence[str]) -> dict[str, str]:
    """Return which column is most likely which field."""
    found: dict[str, str] = {}
    for field, names in NAMES.items():
        by_name = {plain_name(column): column for column in reversed(head)}
        column = next((by_name[name] for name in names if name in by_name), "")
        if column:
            found[field] = column
    return found


def network_of(sheet: Sheet, name: str) -> str:
    """Return whose export a file looks like, by its columns, what stands above them, and its name; "" when unknown."""
    columns = {plain_name(column) for column in sheet.head}
    if {"amount spent", "reporting starts"} <= columns:
        return "meta"
    if "campaign report" in sheet.above.lower() or {"currency code", "cost", "impr"} <= columns:
        return "google_ads"
    told = f"{name} {sheet.above}".lower()
    hints = (("tiktok", "tiktok"), ("facebook", "meta"), ("meta", "meta"), ("google", "google_ads"),
             ("apple", "apple_search_ads"), ("linkedin", "linkedin"), ("snap", "snapchat"))  # fmt: skip
    return next((network for hint, network in hints if re.search(rf"(?<![a-z]){hint}", told)), "")
