"""A year of made-up events, written as segments: the same for the same number of rows."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

BEGIN = datetime(2025, 9, 1, tzinfo=UTC)
DAYS = 365
# Shares out of a hundred. The steps of the funnel are three events in ten, as they are in busy products at most.
SHARES = {
    "Page: Landing": 15,
    "Signed Up": 6,
    "Verified": 5,
    "First Video": 4,
    "Page: Home": 20,
    "Video Played": 18,
    "Template Used": 8,
    "Shared": 6,
    "Search": 6,
    "Page: Settings": 5,
    "Invite Sent": 4,
    "Pro": 3,
}
STEPS = ("Page: Landing", "Signed Up", "Verified", "First Video")
# A person has about thirty events: some few, some hundreds, most soon after they came.
EVENTS_A_PERSON = 30
FILL = """
CREATE TABLE made AS
SELECT id, person, (epoch_us(TIMESTAMP '{begin}') + ((start + life * pow(random() , 1.5)) * 86400e6)::BIGINT) AS us,
       (SELECT {labels}) AS event
FROM (
    SELECT id, person, (hash(person) % 300)::DOUBLE AS start,
           least(365 - hash(person) % 300, 2 + 360 * pow((hash(person * 31) % 1000) / 1000.0, 3)) AS life,
           random() * 100 AS share
    FROM (SELECT range AS id, 1 + ({people} * pow(random(), 1.6))::BIGINT AS person FROM range({rows}))
)
"""
PROPERTIES = """
'{"plan": "' || (ARRAY['free', 'free', 'free', 'pro', 'team'])[1 + (hash(person) % 5)::INT]
    || '", "value": ' || (hash(id) % 10000) / 100
    || ', "screen": "' || (ARRAY['home', 'editor', 'player', 'billing'])[1 + (hash(id * 7) % 4)::INT]
    || '", "length_s": ' || hash(id * 3) % 600 || ', "template": "t-' || hash(id * 5) % 200 || '"}'
"""
CONTEXT = """
'{"app": {"name": "Studio", "version": "4.' || hash(us // 1209600000000) % 9
    || '.0"}, "os": {"name": "' || (ARRAY['iOS', 'Android', 'macOS', 'Windows'])[1 + (hash(person * 3) % 4)::INT]
    || '", "version": "17.' || hash(person) % 6
    || '"}, "locale": "' || (ARRAY['en-GB', 'de-DE', 'fr-FR', 'pt-BR', 'ja-JP'])[1 + (hash(person * 5) % 5)::INT]
    || '", "library": {"name": "analytics.js", "version": "2.11.1"}, "timezone": "Europe/Berlin"}'
"""
ROWS = f"""
SELECT person, event, make_timestamp(us) AS ts, id,
       CASE WHEN event LIKE 'Page: %' THEN 'page' ELSE 'track' END AS type,
       regexp_replace(event, '^Page: ', '') AS name, 'u' || person AS user_id, CAST(NULL AS VARCHAR) AS anonymous_id,
       uuid()::VARCHAR AS message_id, make_timestamp(us + 40000 + (hash(id) % 900000)::BIGINT) AS received_at,
       make_timestamp(us) AS claimed_at, false AS clamped, CAST(NULL AS VARCHAR) AS ip,
       {PROPERTIES} AS properties, {CONTEXT} AS context
FROM made WHERE us >= $since AND us < $until
ORDER BY person, ts, id
"""


def months() -> list[tuple[datetime, datetime]]:
    """Return the months that the events lie in."""
    found, at = [], BEGIN
    while at < BEGIN + timedelta(days=DAYS):
        after = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
        found.append((at, after))
        at = after
    return found


def filled(rows: int) -> Any:
    """Return a project whose segments hold so many events, one file a month; made the first time."""
    from bench.data import fresh_project
    from customers.models import Project

    slug = f"bench-analytics-{rows}"
    known = Project.objects.filter(slug=slug).first()
    if known is None or not known.segments.filter(replaced_at=None).exists():
        known = Project.objects.get(pk=fresh_project(slug)[0])
        register(known, rows)
    return known


def register(project: Any, rows: int) -> None:
    """Give a project the segments of so many events, from the files in the store or made now."""
    from events.models import Consumer, Seal
    from events.segments import files

    folder = f"made-up-{rows}"
    if not any(True for _ in files.store().names(folder)):
        _make(folder, rows)
    for file in files.store().names(folder):
        _record(project, file.name)
    consumer = Consumer.objects.filter(name="people").first()
    Seal.objects.update_or_create(project=project, defaults={"position": consumer.position if consumer else 0})


def _record(project: Any, name: str) -> None:
    from django.utils import timezone

    from events.models import Segment
    from events.segments import files

    path = files.store().local(name)
    with duckdb.connect() as db:
        found = db.execute(f"SELECT count(*), min(ts), max(ts) FROM read_parquet('{path}')").fetchone()
    assert found
    Segment.objects.create(
        project=project,
        path=name,
        level=2,
        first_day=found[1].date(),
        last_day=found[2].date(),
        first_ts=found[1].replace(tzinfo=UTC),
        last_ts=found[2].replace(tzinfo=UTC),
        rows=found[0],
        bytes=path.stat().st_size,
        digest=files.digest(path),
        merged_at=timezone.now(),
    )


def _make(folder: str, rows: int) -> None:
    from events.segments import files

    total, parts, labels = 0, [], "'Pro'"
    for name, share in SHARES.items():
        total += share
        parts.append((total, name))
    for until, name in reversed(parts[:-1]):
        labels = f"CASE WHEN share < {until} THEN '{name}' ELSE {labels} END"
    with files.workspace() as work, duckdb.connect(str(Path(work, "made.db"))) as db:
        db.execute("SET threads = 1; SELECT setseed(0.42)")  # one thread: else chance differs from run to run
        people, begin = rows // EVENTS_A_PERSON, BEGIN.replace(tzinfo=None)
        db.execute(FILL.format(begin=begin, labels=labels, people=people, rows=rows))
        db.execute("SET threads = 2; SET preserve_insertion_order = true")
        for since, until in months():
            _write(db, Path(work, "new.parquet"), f"{folder}/{since:%Y-%m}.parquet", since, until)


def _write(db: duckdb.DuckDBPyConnection, file: Path, name: str, since: datetime, until: datetime) -> None:
    from events.segments import files
    from events.segments.layout import PACKED

    rows = ROWS.replace("$since", str(_us(since))).replace("$until", str(_us(until)))
    db.execute(f"COPY (SELECT {PACKED} FROM ({rows})) TO '{file}' (FORMAT parquet, COMPRESSION zstd)")
    if db.execute(f"SELECT 1 FROM read_parquet('{file}') LIMIT 1").fetchone():
        files.store().put(file, name)


def _us(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000
