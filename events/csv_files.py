"""Rows of a CSV file, packed or not, as track calls. Plain Python."""

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import pyarrow as pa

# More digits than a float holds are a code, and so is what begins with a zero.
NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d+)?")
# A spreadsheet writes whole numbers of a column with gaps as 17850.0.
WHOLE = re.compile(r"(\d+)\.0")
PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5": "zstd"}
READ_BYTES = 1 << 20


class WrongFile(Exception):  # noqa: N818 -- a refusal, as everywhere in the product
    """The file can't be read with these columns; the sentence says where and why."""


@dataclass(frozen=True)
class Columns:
    """Which column says what. All others become properties under their own name, or the one in `renamed`."""

    timestamp: str
    user_id: str = ""
    anonymous_id: str = ""
    event: str = ""  # the name of all events …
    event_column: str = ""  # … or the column that has it
    message_id: str = ""
    renamed: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()

    @property
    def own(self) -> set[str]:
        """Return the columns that are no properties."""
        named = {self.timestamp, self.user_id, self.anonymous_id, self.event_column, self.message_id}
        return {column for column in named if column}

    @property
    def named(self) -> set[str]:
        return self.own | set(self.renamed) | self.left_out


@dataclass(frozen=True)
class Source:
    """A file and how it is read: times without a zone are meant in `zone`, `pattern` is strptime's, "" for ISO 8601."""

    path: Path
    columns: Columns
    zone: ZoneInfo
    pattern: str = ""
    encoding: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its line in the file and the call it makes, or why it makes none."""

    number: int
    call: dict[str, Any] | None
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Survey:
    """What a first reading found: a name for the content, the number of rows, and the columns that hold numbers."""

    name: str
    rows: int
    numeric: frozenset[str]


def survey(source: Source) -> Survey:
    """Read the file once; what is not a number anywhere in a column makes the whole column text.

    The name stands for content and meaning: the same file with another event makes other message ids. Raises WrongFile.
    """
    columns = source.columns
    meaning = "\0".join([columns.event, columns.event_column, columns.user_id, columns.anonymous_id])
    digest = hashlib.sha256(meaning.encode())
    with _bytes_of(source.path) as file:
        while part := file.read(READ_BYTES):
            digest.update(part)
    rows, head, numeric = 0, list[str](), set[int]()
    for _, values in _rows(source):
        if not head:
            _check(source.path, values, columns)
            head, numeric = values, {at for at, name in enumerate(values) if name not in columns.own}
            continue
        rows += 1
        if len(values) == len(head):
            numeric -= {at for at in numeric if values[at] and not NUMBER.fullmatch(values[at])}
    return Survey(digest.hexdigest()[:16], rows, frozenset(head[at] for at in numeric))


def read(source: Source, found: Survey) -> Iterator[Line]:
    """Yield what each row below the head says. Raises WrongFile."""
    head: list[str] = []
    for number, values in _rows(source):
        if not head:
            head = values
        elif len(values) != len(head):
            message = f"{len(values)} values where the first line has {len(head)}."
            yield Line(number, None, "wrong_columns", message)
        else:
            yield _line(number, dict(zip(head, values, strict=True)), source, found)


def _line(number: int, row: dict[str, str], source: Source, found: Survey) -> Line:
    columns = source.columns
    user, anonymous = _id(row, columns.user_id), _id(row, columns.anonymous_id)
    if not user and not anonymous:
        return Line(number, None, "no_person", "No id of a person.")
    try:
        at = _moment(row[columns.timestamp], source.zone, source.pattern)
    except (ValueError, OverflowError):
        return Line(number, None, "invalid_timestamp", f"{columns.timestamp}: {row[columns.timestamp]!r} is no time.")
    message_id = row[columns.message_id].strip() if columns.message_id else ""
    call: dict[str, Any] = {
        "type": "track",
        "event": columns.event or row[columns.event_column].strip(),
        "messageId": message_id or f"{found.name}-{number}",
        "timestamp": at.isoformat(),
        "properties": _properties(row, columns, found.numeric),
    }
    call |= {key: value for key, value in (("userId", user), ("anonymousId", anonymous)) if value}
    return Line(number, call)


def _id(row: dict[str, str], column: str) -> str:
    text = row[column].strip() if column else ""
    whole = WHOLE.fullmatch(text)
    return whole[1] if whole else text


def _moment(text: str, zone: ZoneInfo, pattern: str) -> datetime:
    text = text.strip()
    at = datetime.strptime(text, pattern) if pattern else datetime.fromisoformat(text)  # noqa: DTZ007 -- zone follows
    return (at.replace(tzinfo=zone) if at.tzinfo is None else at).astimezone(UTC)


def _properties(row: dict[str, str], columns: Columns, numeric: frozenset[str]) -> dict[str, Any]:
    """Return the other columns; what is empty is left out."""
    left_out = columns.own | columns.left_out
    return {
        columns.renamed.get(name, name): _number(value) if name in numeric else value
        for name, value in row.items()
        if value and name not in left_out
    }


def _number(text: str) -> float | int:
    return float(text) if "." in text else int(text)


def _check(path: Path, head: Sequence[str], columns: Columns) -> None:
    missing = sorted(columns.named - set(head))
    if missing:
        raise WrongFile(f"{path.name} has no column {', '.join(missing)}; it has {', '.join(head)}.")
    twice = sorted({name for name in head if head.count(name) > 1})
    if twice:
        raise WrongFile(f"{path.name} has more than one column {', '.join(twice)}.")


def _rows(source: Source) -> Iterator[tuple[int, list[str]]]:
    """Yield the line on which a row ends and its values, the head first; empty lines are passed over."""
    path, encoding = source.path, source.encoding
    with _bytes_of(path) as file:
        reader = csv.reader(_lines(file, encoding))
        try:
            empty = True
            for values in reader:
                if values:
                    empty = False
                    yield reader.line_num, values
            if empty:
                raise WrongFile(f"{path.name} is empty.")
        except UnicodeDecodeError:
            message = f"{path.name}, after line {reader.line_num}: not {encoding}; name another --encoding."
            raise WrongFile(message) from None
        except csv.Error as wrong:
            raise WrongFile(f"{path.name}, line {reader.line_num}: {wrong}.") from None


def _lines(file: IO[bytes], encoding: str) -> Iterator[str]:
    """Decode line by line, so that what is wrong has a place; a mark at the beginning is dropped."""
    rest, first = b"", True
    while part := file.read(READ_BYTES):
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            text = line.decode(encoding) + "\n"
            yield text.removeprefix("\ufeff") if first else text
            first = False
    if rest:
        yield rest.decode(encoding).removeprefix("\ufeff" if first else "")


@contextmanager
def _bytes_of(path: Path) -> Iterator[IO[bytes]]:
    """Open the file, unpacked, whatever its name says. Raises WrongFile."""
    try:
        with path.open("rb") as file:
            packed = PACKED.get(file.read(2))
        with pa.input_stream(str(path), compression=packed, buffer_size=READ_BYTES) as stream:
            yield stream
    except OSError as wrong:
        raise WrongFile(f"{path.name} can't be read: {wrong.strerror or wrong}.") from None
