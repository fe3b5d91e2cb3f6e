"""Questions over sealed events: as the product asks them in DuckDB, beside ClickHouse's engine and plain PostgreSQL."""

import argparse
import random
import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import duckdb
import ibis
import psutil
import sqlglot
from django.conf import settings

from bench import dataset
from bench.questions import END, OTHERS, PROMISED, Asked, asked

READERS = 10


def main(options: list[str]) -> None:
    """Print how long the questions take at each size, what the other engines take, and what ten readers wait."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="100,000 events only")
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 10_000_000, 50_000_000])
    parser.add_argument("--compared", type=int, default=10_000_000, help="the size that the others are measured at")
    parser.add_argument("--without", nargs="*", default=[], choices=["clickhouse", "postgres", "readers"])
    given, _ = parser.parse_known_args(options)
    sizes, compared = ([100_000], 100_000) if given.small else (given.rows, given.compared)
    sizes = sorted({*sizes, compared})
    settings.ANALYTICS_SECONDS = 300
    growth(sizes)
    if "clickhouse" not in given.without:
        beside_clickhouse(compared)
    if "postgres" not in given.without:
        beside_postgres(compared)
    if "readers" not in given.without:
        together(compared)


def ask(parts: Sequence[Asked], engine: str = "duckdb", *, anew: bool = True, shift_s: int = 0) -> list[Any]:
    """Answer what a question asks of the stream, by the product's own door.

    A shift of the end by seconds behind the last event makes it another question about the same rows.
    """
    found = []
    for relation, build in parts:
        shifted = replace(relation, until=(relation.until or END) + timedelta(seconds=shift_s)) if shift_s else relation
        found += shifted.run(build, engine=engine, anew=anew).rows
    return found


def timed(run: Callable[[], Any], times: int = 5) -> float:
    """Return the median of some runs after one that warms up, in seconds."""
    run()
    found = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def growth(sizes: list[int]) -> None:
    """Print the time of each question at each size, and what the files take."""
    from django.db.models import Sum

    print(f"{'':30s}" + "".join(f"{rows:>14,}" for rows in sizes) + "   events; seconds, median of five")
    for question in [*PROMISED, *OTHERS]:
        line = f"{question.name:30s}"
        for rows in sizes:
            parts = asked(dataset.filled(rows), question)
            line += f"{timed(lambda parts=parts: ask(parts), 5 if question.target_s else 1):14.3f}"  # type: ignore[misc]
        target = f"   promised at 10,000,000: {question.target_s} s" if question.target_s else ""
        print(line + target, flush=True)
    for rows in sizes:
        size = dataset.filled(rows).segments.filter(replaced_at=None).aggregate(size=Sum("bytes"))["size"]
        print(f"{rows:,} events on disk: {size / 1e6:,.0f} MB")


def beside_clickhouse(rows: int) -> None:
    """Print each question in both engines on the same files, and whether the answers are equal."""
    if not find_spec("chdb"):
        print("-- ClickHouse's engine is left out: chdb comes with requirements-scale.txt")
        return
    print(f"-- {rows:,} events: DuckDB beside ClickHouse's engine (chdb), the same files")
    for question in PROMISED:
        parts = asked(dataset.filled(rows), question)
        ours = timed(lambda parts=parts: ask(parts), 3)  # type: ignore[misc]
        theirs = timed(lambda parts=parts: ask(parts, "clickhouse"), 3)  # type: ignore[misc]
        equal = sorted(map(str, ask(parts))) == sorted(map(str, ask(parts, "clickhouse")))
        said = "equal answers" if equal else "answers differ: see make test-scale"
        print(f"{question.name:30s}{ours:10.3f}{theirs:10.3f}   {ours / theirs:.2f} of their time, {said}", flush=True)


def beside_postgres(rows: int) -> None:
    """Print questions beside PostgreSQL with indexes that hold all they need, by the same expressions."""
    from django.db import connection

    from events.engine.tables import TABLES

    print(f"-- {rows:,} events: DuckDB beside PostgreSQL with covering indexes, the same expressions")
    schema = _plain_table(rows)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SET search_path = {schema}, public; SET work_mem = '256MB'; SET max_parallel_workers_per_gather = 2"
        )
        for question in PROMISED:
            if not question.beside_postgres:
                continue
            parts = asked(dataset.filled(rows), question)
            statements = [_for_postgres(part.build(TABLES)) for part in parts]
            ours = timed(lambda parts=parts: ask(parts), 3)  # type: ignore[misc]
            started = time.perf_counter()
            for statement in statements:
                cursor.execute(statement)
                cursor.fetchall()
            theirs = time.perf_counter() - started
            print(f"{question.name:30s}{ours:10.3f}{theirs:10.3f}   {theirs / ours:.1f} times faster", flush=True)
        cursor.execute("RESET ALL")


def _for_postgres(expression: Any) -> str:
    """Return the SQL of an expression; PostgreSQL makes a number of a truth by way of int only."""
    tree = sqlglot.parse_one(str(ibis.to_sql(expression, dialect="postgres")), dialect="postgres")
    for cast in list(tree.find_all(sqlglot.exp.Cast)):
        if isinstance(cast.this.unnest(), sqlglot.exp.Predicate | sqlglot.exp.Connector | sqlglot.exp.Not):
            cast.this.replace(sqlglot.exp.cast(cast.this.copy(), "int"))
    return str(tree.sql(dialect="postgres"))


def _plain_table(rows: int) -> str:
    """Return the schema with the table `events`, filled the first time."""
    from django.db import connection

    from events.engine.inputs import gathered
    from events.engine.sources import Bounds
    from events.store import raw_cursor

    schema = f"bench_analytics_{rows}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"{schema}.events"])
        if cursor.fetchone()[0]:
            return schema
        cursor.execute(f"CREATE SCHEMA {schema}")
        cursor.execute(f"CREATE UNLOGGED TABLE {schema}.events (person bigint, event text, ts timestamp, id bigint)")
    with gathered(dataset.filled(rows), Bounds()) as inputs, duckdb.connect() as db:
        for path in inputs.paths:
            found = db.execute(f"SELECT person, event, ts, id FROM read_parquet('{path}')")
            with raw_cursor().copy(f"COPY {schema}.events FROM STDIN") as copy:
                while part := found.fetchmany(20_000):
                    for row in part:
                        copy.write_row(row)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX ON {schema}.events (person, ts, id) INCLUDE (event)")
        cursor.execute(f"CREATE INDEX ON {schema}.events (event, person, ts, id)")
        cursor.execute(f"VACUUM ANALYZE {schema}.events")
    return schema


def together(rows: int) -> None:
    """Print what ten readers wait who ask all questions at once: the same ones, then each with bounds of their own."""
    from django.db import connection

    # Of one process here; in the product they are spread over several, each with its own pool of connections.
    connection.close()
    connection.close_pool()
    connection.settings_dict["OPTIONS"]["pool"]["max_size"] = READERS + 2
    parts = {question.name: asked(dataset.filled(rows), question) for question in PROMISED}
    single = {name: timed(lambda one=one: ask(one), 3) for name, one in parts.items()}  # type: ignore[misc]
    for said, own in (("the same questions", False), ("questions of their own", True)):
        # Each run of the benchmark asks what nobody has asked before.
        first = 1 + int(time.time()) % 50_000 * READERS
        shifts = [first + (number if own else 0) for number in range(READERS)]
        with _most_memory() as memory, ThreadPoolExecutor(READERS) as readers:
            found = [one for part in readers.map(lambda shift_s: _reader(parts, shift_s), shifts) for one in part]
        waits = sorted(took_s / single[name] for name, took_s in found)
        p50, p95 = statistics.median(waits), waits[int(len(waits) * 0.95)]
        print(
            f"ten readers at once, {said}: p50 {p50:.1f}, p95 {p95:.1f} times the single time"
            f" (mean {statistics.mean(single.values()):.2f} s); memory {memory() / 1e6:,.0f} MB at most",
            flush=True,
        )


def _reader(parts: Mapping[str, Sequence[Asked]], shift_s: int) -> list[tuple[str, float]]:
    from django.db import connection

    names, found = list(parts), []
    random.shuffle(names)
    for name in names:
        started = time.perf_counter()
        ask(parts[name], anew=False, shift_s=shift_s)
        found.append((name, time.perf_counter() - started))
    connection.close()
    return found


@contextmanager
def _most_memory() -> Any:
    """Yield a function that says how much memory this process had at most, in bytes."""
    process, most, done = psutil.Process(), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            most[0] = max(most[0], process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield lambda: most[0]
    finally:
        done.set()
        watcher.join()
