"""Arrow batches as CSV or Parquet, written one after the other into anything that takes bytes. Plain Python."""

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

CSV, PARQUET = "csv", "parquet"
FORMATS = (CSV, PARQUET)
MEDIA = {CSV: "text/csv; charset=utf-8", PARQUET: "application/vnd.apache.parquet"}
# A spreadsheet runs a cell that begins so as a formula.
FORMULA = r"^[=+\-@\t\r]"
# Rows of a group, or fewer where they are long: readers pass over groups, and writers hold one.
GROUP_ROWS, GROUP_BYTES = 65_536, 8 * 1024 * 1024
THREADS = 2
QUOTED = pacsv.WriteOptions(include_header=False, quoting_style="needed")


class Writer(Protocol):
    """Takes batches; what they became is whole once it is closed."""

    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


def writer(form: str, sink: Any, schema: pa.Schema, *, spreadsheet: bool = False) -> Writer:
    """Return what writes `form` into a sink that has write(bytes).

    Values are written as they are. Only with `spreadsheet`, and in CSV alone, a text that a spreadsheet would run as a
    formula gets an apostrophe before it.
    """
    return CsvWriter(sink, schema, spreadsheet=spreadsheet) if form == CSV else ParquetWriter(sink, schema)


class CsvWriter:
    """UTF-8, commas, texts in quotes; blank without quotes is null, "" the empty text. Times are UTC."""

    def __init__(self, sink: Any, schema: pa.Schema, *, spreadsheet: bool) -> None:
        self._sink, self._spreadsheet = sink, spreadsheet
        # Text is made by two threads, as that takes longer than reading; it is written in the order it came.
        self._pool, self._waiting = ThreadPoolExecutor(THREADS), deque[Future[pa.Buffer]]()
        sink.write(",".join(schema.names).encode() + b"\n")

    def write(self, batch: pa.RecordBatch) -> None:
        """Take the rows of a batch; they are written a little later."""
        self._waiting.append(self._pool.submit(_text_of, batch, spreadsheet=self._spreadsheet))
        if len(self._waiting) > THREADS:
            self._sink.write(self._waiting.popleft().result())

    def close(self) -> None:
        """Write what waits."""
        while self._waiting:
            self._sink.write(self._waiting.popleft().result())
        self._pool.shutdown()


def _text_of(batch: pa.RecordBatch, *, spreadsheet: bool) -> pa.Buffer:
    if spreadsheet:
        batch = pa.RecordBatch.from_arrays([_guarded(one) for one in batch.columns], schema=batch.schema)
    buffer = pa.BufferOutputStream()
    pacsv.write_csv(batch, buffer, QUOTED)
    return buffer.getvalue()


def _guarded(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type):
        return column
    return pc.if_else(
        pc.fill_null(pc.match_substring_regex(column, FORMULA), False),
        pc.binary_join_element_wise("'", column, ""),
        column,
    )


class ParquetWriter:
    """zstd, in groups of rows; columns carry what they mean as metadata."""

    def __init__(self, sink: Any, schema: pa.Schema) -> None:
        self._schema, self._waiting, self._rows, self._bytes = schema, list[pa.RecordBatch](), 0, 0
        self._file = pq.ParquetWriter(sink, schema, compression="zstd", compression_level=1)

    def write(self, batch: pa.RecordBatch) -> None:
        """Take the rows of a batch; they are written when a group is full."""
        self._waiting.append(batch)
        self._rows, self._bytes = self._rows + batch.num_rows, self._bytes + batch.nbytes
        if self._rows >= GROUP_ROWS or self._bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        """Write what waits and the end of the file."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write_table(pa.Table.from_batches(self._waiting, self._schema), row_group_size=GROUP_ROWS)
        self._waiting, self._rows, self._bytes = [], 0, 0
        # Arrow's own pool keeps what it had for the next batch, also what only the largest one needed.
        pa.default_memory_pool().release_unused()
