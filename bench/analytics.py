"""Questions over sealed events: as the product asks them in DuckDB, beside ClickHouse's engine and plain PostgreSQL."""

import argparse
import random
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import duckdb
import ibis
import psutil

from bench import dataset
from bench.questions import QUESTIONS, Asked

READERS = 10


def main(options: list[str]) -> None:
    """Print how long the questions take at each size, what the other engines take, and what ten readers do."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="100,000 events only")
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 10_000_000, 50_000_000])
    parser.add_argument("--compared", type=int, default=10_000_000, help="the size that the others are measured at")
    parser.add_argument("--without", nargs="*", default=[], choices=["clickhouse", "postgres", "readers"])
    given, _ = parser.parse_known_args(options)
    sizes, compared = ([100_000], 100_000) if given.small else (given.rows, given.compared)
    sizes = sorted({*sizes, compared})
    print(f"{'':34s}" + "".join(f"{rows:>14,}" for rows in sizes) + "   events; seconds, median of five")
    growth(sizes)
    if "clickhouse" not in given.without:
        beside_clickhouse(compared)
    if "postgres" not in given.without:
        beside_postgres(compared)
    if "readers" not in given.without:
        together(compared)


def ask(rows: int, asked: Asked, engine: str = "duckdb", *, anew: bool = True, shift_s: int = 0) -> Any:
    """Answer a question over the events of a year, by the product's own door."""
    from events import services as events

    begin = dataset.BEGIN
    until = begin + timedelta(days=dataset.DAYS, seconds=shift_s)
    relation = events.relation(dataset.filled(rows), begin, until, asked.names)
    return relation.run(asked.build, engine=engine, anew=anew)


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
    """Print the time of each question at each size."""
    for asked in QUESTIONS:
        found = [timed(lambda rows=rows, asked=asked: ask(rows, asked)) for rows in sizes]  # type: ignore[misc]
        target = f"   target {asked.target_s} s at 10,000,000" if asked.target_s else ""
        print(f"{asked.name:34s}" + "".join(f"{took_s:14.3f}" for took_s in found) + target, flush=True)
    from django.db.models import Sum

    from events.models import Segment

    for rows in sizes:
        found = Segment.objects.filter(project=dataset.filled(rows)).aggregate(size=Sum("bytes"))
        print(f"{rows:,} events on disk: {found['size'] / 1e6:,.0f} MB")


def beside_clickhouse(rows: int) -> None:
    """Print each question in both engines on the same files, and whether the answers are equal."""
    print(f"-- {rows:,} events: DuckDB beside ClickHouse (chdb), the same files")
    for asked in QUESTIONS:
        ours = timed(lambda asked=asked: ask(rows, asked), 3)  # type: ignore[misc]
        theirs = timed(lambda asked=asked: ask(rows, asked, "clickhouse"), 3)  # type: ignore[misc]
        equal = sorted(map(repr, ask(rows, asked).rows)) == sorted(map(repr, ask(rows, asked, "clickhouse").rows))
        said = "equal answers" if equal else "ANSWERS DIFFER"
        print(f"{asked.name:34s}{ours:14.3f}{theirs:14.3f}   {ours / theirs:.2f} times theirs, {said}", flush=True)


def beside_postgres(rows: int) -> None:
    """Print the questions of columns beside PostgreSQL with indexes that hold all it needs, by the same expression."""
    from django.db import connection

    print(f"-- {rows:,} events: DuckDB beside PostgreSQL, covering indexes, the same expression")
    schema = _plain_table(rows)
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path = {schema}; SET work_mem = '256MB'; SET max_parallel_workers_per_gather = 2")
        cursor.execute("SET jit = off")
        for asked in QUESTIONS:
            if not asked.in_postgres:
                continue
            sql = str(ibis.to_sql(asked.build(_tables()), dialect="postgres"))
            ours = timed(lambda asked=asked: ask(rows, asked), 3)  # type: ignore[misc]
            theirs = timed(lambda sql=sql: (cursor.execute(sql), cursor.fetchall()), 1)  # type: ignore[misc]
            print(f"{asked.name:34s}{ours:14.3f}{theirs:14.3f}   {theirs / ours:.1f} times faster", flush=True)
        cursor.execute("RESET ALL")


def _tables() -> Any:
    from events.engine.tables import TABLES

    return TABLES


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
    """Print what ten readers wait who each ask all questions at once: the same ones, then each with bounds of its own."""
    single = {asked.name: timed(lambda asked=asked: ask(rows, asked), 3) for asked in QUESTIONS}  # type: ignore[misc]
    usual = statistics.mean(single.values())
    for said, own in (("the same questions", False), ("questions of their own", True)):
        with _most_memory() as memory, ThreadPoolExecutor(READERS) as readers:
            found = [
                one
                for part in readers.map(lambda n, own=own: _reader(rows, n, own=own), range(READERS))
                for one in part
            ]
        waits = sorted(took_s / single[name] for name, took_s in found)
        p95 = waits[int(len(waits) * 0.95)]
        p50 = statistics.median(waits)
        print(
            f"ten readers at once, {said}: p50 {p50:.1f}, p95 {p95:.1f} times the single time (mean {usual:.2f} s);"
            f" memory {memory() / 1e6:,.0f} MB at most"
        )


def _reader(rows: int, number: int, *, own: bool) -> list[tuple[str, float]]:
    from django.db import connection

    order = list(QUESTIONS)
    random.Random(number).shuffle(order)
    found = []
    # A shift of the end by seconds makes it another question over the same rows.
    shift_s = int(time.time()) % 100_000 * 20 + (number if own else 0)
    for asked in order:
        started = time.perf_counter()
        ask(rows, asked, anew=own, shift_s=shift_s)
        found.append((asked.name, time.perf_counter() - started))
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
