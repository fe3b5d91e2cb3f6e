"""Tables as CSV files."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, tzinfo
from typing import Any, cast

from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone

# A spreadsheet runs a cell that begins so as a formula; people, not we, choose campaign names.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
FLUSH_ROWS = 200


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _cell(value: Any, zone: tzinfo) -> Any:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(FORMULA) else value
    if isinstance(value, datetime):
        return timezone.localtime(value, zone).isoformat(timespec="seconds")
    return value


def _lines(head: Sequence[str], rows: Iterable[Sequence[Any]], zone: tzinfo) -> Iterator[str]:
    writer = csv.writer(_Echo())
    waiting = [writer.writerow(head)]
    for row in rows:
        waiting.append(writer.writerow([_cell(value, zone) for value in row]))
        if len(waiting) >= FLUSH_ROWS:
            yield "".join(waiting)
            waiting = []
    yield "".join(waiting)


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> HttpResponse:
    """Answer `rows` as the file `name`.csv, sent while it is read; times are in the current time zone."""
    zone = timezone.get_current_timezone()  # now: the rows are read when the view has long returned
    answer = StreamingHttpResponse(_lines(head, rows, zone), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return cast("HttpResponse", answer)  # the decorators around a view know no other kind
