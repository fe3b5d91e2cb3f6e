"""What a column and a kind of raw data are. Plain values."""

from dataclasses import dataclass
from typing import NamedTuple

TEXT, INTEGER, DECIMAL, NUMBER, TIME, YES_NO, JSON = "text", "integer", "decimal", "number", "time", "yes/no", "JSON"


class Column(NamedTuple):
    """A column: its name in the file, its type, the expression that makes it, and what it says."""

    name: str
    type: str
    sql: str
    means: str


@dataclass(frozen=True)
class Kind:
    """One kind of rows. `source` is what follows FROM; `time` is when it happened, `arrival` when it came or changed.

    `of_source` is the expression for a filter by source, "" where there is none. Events have no SQL: they lie in files.
    """

    name: str
    label: str
    means: str
    columns: tuple[Column, ...]
    source: str = ""
    project: str = ""
    time: str = ""
    arrival: str = ""
    time_name: str = ""
    arrival_name: str = ""
    of_source: str = ""


def column(name: str, type_: str, means: str, sql: str = "", *, of: str = "") -> Column:
    """Return a column; without an expression it is the one of its name in the table `of`."""
    return Column(name, type_, sql or f"{of}{name}", means)


def texts(of: str, **names: str) -> tuple[Column, ...]:
    """Return columns of text of the table `of`, each with what it says."""
    return tuple(column(name, TEXT, means, of=of) for name, means in names.items())
