"""Rows of PostgreSQL as Arrow batches: binary, on a connection of their own, in bounded memory."""

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa
from django.db import connection
from psycopg.conninfo import make_conninfo

# Of the database's settings, what a connection of its own needs.
CONNECTION = ("host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "sslcert", "sslkey")
# A batch has about so many bytes as PostgreSQL sends them.
BATCH_BYTES = 8 * 1024 * 1024
BATCH_HINT = "adbc.postgresql.batch_size_hint_bytes"


def address() -> str:
    """Return what a client other than Django's needs to reach the database."""
    parameters = connection.get_connection_params()
    return make_conninfo(**{name: parameters[name] for name in CONNECTION if parameters.get(name)})


@contextmanager
def batches(query: str) -> Iterator[pa.RecordBatchReader]:
    """Yield the rows of one statement, all of one moment, while PostgreSQL makes them.

    It sees what is committed, and nothing of a transaction that the caller is in.
    """
    with adbc.connect(address(), autocommit=True) as db, db.cursor() as cursor:
        cursor.adbc_statement.set_options(**{BATCH_HINT: str(BATCH_BYTES)})
        cursor.execute(query)
        yield cursor.fetch_record_batch()


class Ahead:
    """Batches that a thread reads up to two ahead, while the one before is dealt with.

    What breaks in the thread is raised where the batches are taken; leaving the `with` block ends the thread.
    """

    def __init__(self, found: Iterable[pa.RecordBatch]) -> None:
        self._found = found
        self._waiting: queue.Queue[Any] = queue.Queue(2)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, name="read-ahead", daemon=True)

    def __enter__(self) -> "Ahead":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while (one := self._waiting.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            yield one

    def _read(self) -> None:
        try:
            for batch in self._found:
                if not self._put(batch):
                    return
            self._put(None)
        except BaseException as failure:  # noqa: BLE001 -- it is raised again by whom it concerns
            self._put(failure)

    def _put(self, one: Any) -> bool:
        while not self._over.is_set():
            with suppress(queue.Full):
                self._waiting.put(one, timeout=0.2)
                return True
        return False
