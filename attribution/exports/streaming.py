"""Raw data sent while it is read: for a browser or a program that waits for it."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pyarrow as pa

from attribution.exports.reading import Asked, opened
from attribution.exports.writing import Writer, writer
from customers.models import Project
from growthplatform.core.arrow import Ahead
from growthplatform.core.errors import TooManyRequests

# Each holds a thread of the web server and a moment of the database for as long as its reader takes.
AT_ONCE = 2
LONGEST_S = 15 * 60
_free = threading.BoundedSemaphore(AT_ONCE)


class ExportBusy(TooManyRequests):
    code = "export_busy"
    message = "Two files of raw data are being sent already. Wait, or order one: POST /v1/exports."


class TooSlowReader(Exception):  # noqa: N818 -- ends the answer in the middle, so that nobody takes it for the whole
    """The reader took longer than a moment of the database is held for."""


class Stream:
    """The bytes of a file, piece by piece. To be closed, whether it was read or not."""

    def __init__(self, project: Project, asked: Asked, form: str, *, spreadsheet: bool) -> None:
        """Begin to read, so that a refusal is an answer. Raises InvalidField, FilesMissing, ExportBusy."""
        if not _free.acquire(blocking=False):
            raise ExportBusy(retry_after_s=30)
        self._open = ExitStack()
        self._open.callback(_free.release)
        try:
            rows = self._open.enter_context(opened(project, asked))
            batches = iter(self._open.enter_context(Ahead(rows.batches)))
            self._sink = _Taken()
            made = writer(form, self._sink, rows.schema, spreadsheet=spreadsheet)
            self._pieces = self._written(made, batches)
            self._first: bytes | None = next(self._pieces, b"")
        except BaseException:
            self._open.close()
            raise

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> bytes:
        if self._first is not None:
            piece, self._first = self._first, None
            return piece
        return next(self._pieces)

    def close(self) -> None:
        """Let go of everything. Safe to repeat."""
        self._open.close()

    def _written(self, made: Writer, batches: Iterator[pa.RecordBatch]) -> Iterator[bytes]:
        until = time.monotonic() + LONGEST_S
        for batch in batches:
            made.write(batch)
            if piece := self._sink.taken():
                yield piece
            if time.monotonic() > until:
                raise TooSlowReader
        made.close()
        yield self._sink.taken()


class _Taken:
    """A file of which one takes what was written since."""

    closed = False

    def __init__(self) -> None:
        self._parts, self._bytes = list[bytes](), 0

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._bytes += len(data)
        return len(data)

    def tell(self) -> int:
        return self._bytes

    def flush(self) -> None:
        """There is nothing behind it."""

    def taken(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken
