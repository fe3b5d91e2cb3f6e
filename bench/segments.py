"""Sealing: events a second, memory, and what ten million events take on disk, by column.

The events are a year of sessions as browsers and apps send them: random UUIDs as message ids (analytics.js writes its
own words before them), times to the microsecond since clocks are corrected, properties with random values, contexts
that repeat for a person.
"""

import argparse
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psutil
import pyarrow.parquet as pq
from django.db import connection
from django.utils import timezone

from bench.data import fresh_project
from events.models import Segment
from events.segments import compaction, files, sealing, sweeping
from events.segments.reading import snapshot

MILLION = 1_000_000
PEOPLE = """
INSERT INTO events_person (project_id, first_seen_at, last_seen_at, events, traits)
SELECT %(project)s, now(), now(), 0, '{}' FROM generate_series(1, %(people)s);
"""
IDENTITIES = """
INSERT INTO events_identity (project_id, value, person_id, known)
SELECT %(project)s, CASE WHEN n %% 3 = 0 THEN md5('device' || n)::uuid::text ELSE 'user-' || n END, id, n %% 3 <> 0
FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM events_person WHERE project_id = %(project)s) numbered;
"""
# Positions are negative: below those of any transaction, so that they count as long since written and read.
EVENTS = """
INSERT INTO events_event (project_id, message_id, type, name, user_id, anonymous_id, ts, claimed_at, received_at, ip,
                          properties, context, position)
SELECT %(project)s,
       CASE WHEN person %% 2 = 0 THEN 'ajs-next-' || (extract(epoch FROM ts) * 1000)::bigint || '-' ELSE '' END
           || gen_random_uuid(),
       kind, name, CASE WHEN person %% 3 <> 0 THEN 'user-' || person END, md5('device' || person)::uuid::text,
       ts, date_trunc('milliseconds', ts) + skew, ts + lag,
       ('10.' || person %% 250 || '.' || person %% 199 || '.0')::inet,
       jsonb_build_object('plan', (ARRAY['free', 'pro', 'team'])[1 + person %% 3],
                          'path', '/videos/' || (random() * 2000)::int,
                          'seconds', (random() * 600)::int),
       jsonb_build_object('library', jsonb_build_object('name', 'analytics.js', 'version', '4.1.2'),
                          'locale', (ARRAY['en-US', 'de-DE', 'fr-FR'])[1 + person %% 3],
                          'userAgent', 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/12'
                              || person %% 9 || '.0.0.0 Safari/537.36',
                          'campaign', jsonb_build_object('source', 'google', 'name', 'autumn-' || person %% 12)),
       -1000000000 + %(first)s + (row_number() OVER (ORDER BY ts)) / 3
FROM (
    SELECT s.person, s.skew, s.start + n * interval '31.417 seconds' * (0.2 + random()) AS ts,
           CASE WHEN n = 0 THEN 'page' ELSE 'track' END AS kind,
           (ARRAY['Home', 'Pricing', 'Signed Up', 'Email Verified', 'Video Uploaded', 'Video Played', 'Template Used',
                  'Branding Changed', 'Docs Opened', 'Checkout Started', 'Order Completed', 'Integration Added'])
               [1 + floor(12 * power(random(), 1.6))::int] AS name,
           random() * interval '2 seconds' AS lag
    FROM (
        SELECT floor(%(people)s * power(random(), 2))::bigint AS person, random() * interval '3 seconds' AS skew,
               %(since)s::timestamptz + random() * %(days)s * interval '1 day' AS start
        FROM generate_series(1, %(sessions)s)
    ) s, generate_series(0, 7) n
) e ORDER BY ts
"""
DAYS = 365
PART_ROWS = 400_000


def main(options: list[str]) -> None:
    """Fill a project, seal it, compact it; print rates and sizes."""
    parser = argparse.ArgumentParser(prog="bench segments")
    parser.add_argument("--rows", type=int, default=2 * MILLION)
    parser.add_argument("--small", action="store_true", help="300,000 events")
    parser.add_argument("--keep", action="store_true", help="leave the files and rows")
    wanted, _ = parser.parse_known_args(options)
    rows = 300_000 if wanted.small else wanted.rows
    project_id, _ = fresh_project("bench-segments")
    clear(project_id)
    fill(project_id, rows)
    sealed, seconds, memory = measured(lambda: sealing.seal(project_id))
    live = Segment.objects.filter(project=project_id, replaced_at=None)
    print(
        f"sealed      {sealed:>12,} events in {seconds:.1f} s: {sealed / seconds:,.0f} events/s, {live.count()} files,"
        f" {memory:,.0f} MB more memory"
    )
    later = timezone.now() + timedelta(days=40)
    replaced, seconds, memory = measured(lambda: compaction.compact(project_id, later))
    print(
        f"compacted   {replaced:>12,} files in {seconds:.1f} s: {sealed / seconds:,.0f} events/s, {live.count()} files,"
        f" {memory:,.0f} MB more memory"
    )
    sizes(project_id)
    if not wanted.keep:
        clear(project_id)


def clear(project_id: int) -> None:
    """Take away what an earlier run left."""
    sweeping.remove_all(project_id)
    with connection.cursor() as cursor:
        for table in ("events_event", "events_seal", "events_identity", "events_person"):
            cursor.execute(f"DELETE FROM {table} WHERE project_id = %s", [project_id])


def fill(project_id: int, rows: int) -> None:
    """Write a year of sessions into the log, as if all readers had read them."""
    people = max(rows // 50, 1)
    given: dict[str, Any] = {"project": project_id, "people": people}
    parts = max(rows // PART_ROWS, 1)
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, given)
        cursor.execute(IDENTITIES, given)
        since = timezone.now() - timedelta(days=DAYS)
        for part in range(parts):
            more = {
                "since": since + part * timedelta(days=DAYS / parts),
                "days": DAYS / parts,
                "sessions": rows // parts // 8,
                "first": part * PART_ROWS,
            }
            cursor.execute(EVENTS, given | more)
        cursor.execute("INSERT INTO events_consumer (name, position) VALUES ('people', 0) ON CONFLICT DO NOTHING")
        cursor.execute("VACUUM ANALYZE events_event")
    made = parts * (rows // parts // 8) * 8
    print(f"filled      {made:>12,} events in {time.perf_counter() - began:.1f} s")


def measured(work: Callable[[], int]) -> tuple[int, float, float]:
    """Return what `work` returns, its seconds, and by how many MB this process grew at most."""
    process = psutil.Process()
    before = process.memory_info().rss
    with _watching(process) as peak:
        began = time.perf_counter()
        result = work()
        seconds = time.perf_counter() - began
    return result, seconds, (max(peak) - before) / MILLION


@contextmanager
def _watching(process: psutil.Process) -> Iterator[list[int]]:
    """Yield a list that gets what the process takes, ten times a second."""
    seen, done = [process.memory_info().rss], threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            seen.append(process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def sizes(project_id: int) -> None:
    """Print what the live files take, by column, for ten million events."""
    columns: dict[str, int] = defaultdict(int)
    found = snapshot(project_id)
    rows, total = sum(file.rows for file in found.files), sum(file.bytes for file in found.files)
    for file in found.files:
        held = pq.ParquetFile(files.store().local(file.name)).metadata
        for group in range(held.num_row_groups):
            for number in range(held.num_columns):
                column = held.row_group(group).column(number)
                columns[column.path_in_schema] += column.total_compressed_size
    share = 10 * MILLION / rows / MILLION
    print(
        f"on disk     {total * share:,.0f} MB for ten million events; without message ids and what only raw exports"
        f" read {sum(size for name, size in columns.items() if name not in RAW) * share:,.0f} MB"
    )
    for name, size in sorted(columns.items(), key=lambda one: -one[1]):
        print(f"  {name:<14}{size * share:>8.1f} MB")


RAW = ("message_uuid", "message_text", "received_us", "claimed_us", "clamped", "ip")
