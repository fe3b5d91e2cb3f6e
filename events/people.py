"""From new events to people, their traits and the counts of each day: one reader of the log, set by set."""

from collections import defaultdict
from collections.abc import Collection

from django.db import connection, transaction

from events import identity
from events.log import Range, advance
from events.store import raw_cursor

CONSUMER = "people"
STAGE = """
CREATE TEMP TABLE IF NOT EXISTS stretch (
    project_id bigint, distinct_id text, user_id text, anonymous_id text, type text, name text, ts timestamptz,
    id bigint, traits jsonb, day date
) ON COMMIT DELETE ROWS
"""
STRETCH = """
INSERT INTO stretch
SELECT e.project_id, COALESCE(e.user_id, e.anonymous_id), e.user_id, e.anonymous_id, e.type, e.name, e.ts, e.id,
       CASE WHEN e.type = 'identify' THEN e.properties END, (e.ts AT TIME ZONE p.time_zone)::date
FROM events_event e JOIN customers_project p ON p.id = e.project_id
WHERE e.position >= %s AND e.position < %s
"""
# Ids nobody stands for yet, and pairs that do not stand for the same person yet.
NEW_IDS = """
SELECT s.project_id, s.value, bool_or(s.known), min(s.ts) FROM (
    SELECT project_id, user_id AS value, true AS known, ts FROM stretch WHERE user_id IS NOT NULL
    UNION ALL SELECT project_id, anonymous_id, false, ts FROM stretch WHERE anonymous_id IS NOT NULL
    UNION ALL SELECT project_id, name, false, ts FROM stretch WHERE type = 'alias'
) s LEFT JOIN events_identity i ON i.project_id = s.project_id AND i.value = s.value
WHERE i.id IS NULL GROUP BY 1, 2
"""
LINKS = """
SELECT l.project_id, l.a, l.b, l.alias, ia.person_id, pa.user_id IS NOT NULL, ib.person_id, pb.user_id IS NOT NULL
FROM (
    SELECT project_id, CASE WHEN type = 'alias' THEN name ELSE anonymous_id END AS a, user_id AS b,
           bool_or(type = 'alias') AS alias, min(id) AS first
    FROM stretch WHERE user_id IS NOT NULL AND (anonymous_id IS NOT NULL OR type = 'alias') GROUP BY 1, 2, 3
) l
LEFT JOIN events_identity ia ON ia.project_id = l.project_id AND ia.value = l.a
LEFT JOIN events_person pa ON pa.id = ia.person_id
LEFT JOIN events_identity ib ON ib.project_id = l.project_id AND ib.value = l.b
LEFT JOIN events_person pb ON pb.id = ib.person_id
WHERE ia.person_id IS DISTINCT FROM ib.person_id OR ia.person_id IS NULL
ORDER BY l.first
"""
MERGE = """
CREATE TEMP TABLE gone ON COMMIT DROP AS SELECT * FROM unnest(%s::bigint[], %s::bigint[]) AS g(person_id, survivor_id);
"""
MERGED = [
    # Readers of sealed files go by these rows until the files are written anew. The clock of this moment: merges happen
    # one transaction after the other, so what is seen of them is always the first ones.
    """INSERT INTO events_personmerge (project_id, person_id, survivor_id, merged_at)
       SELECT p.project_id, g.person_id, g.survivor_id, clock_timestamp()
       FROM gone g JOIN events_person p ON p.id = g.person_id""",
    "UPDATE events_identity i SET person_id = g.survivor_id FROM gone g WHERE i.person_id = g.person_id",
    """INSERT INTO events_personday (project_id, day, person_id, events)
       SELECT d.project_id, d.day, g.survivor_id, sum(d.events)
       FROM events_personday d JOIN gone g USING (person_id) GROUP BY 1, 2, 3
       ON CONFLICT ON CONSTRAINT person_day_once DO UPDATE SET events = events_personday.events + EXCLUDED.events""",
    "DELETE FROM events_personday d USING gone g WHERE d.person_id = g.person_id",
    """UPDATE events_person p SET first_seen_at = least(p.first_seen_at, o.first),
           last_seen_at = greatest(p.last_seen_at, o.last), events = p.events + o.events,
           user_id = COALESCE(p.user_id, o.user_id), traits = o.traits || p.traits
       FROM (SELECT g.survivor_id, min(q.first_seen_at) AS first, max(q.last_seen_at) AS last, sum(q.events) AS events,
                    max(q.user_id) AS user_id,
                    COALESCE((array_agg(q.traits ORDER BY q.last_seen_at DESC))[1], '{}') AS traits
             FROM gone g JOIN events_person q ON q.id = g.person_id GROUP BY 1) o
       WHERE p.id = o.survivor_id""",
    "DELETE FROM events_person p USING gone g WHERE p.id = g.person_id",
    "DROP TABLE gone",
]
COUNTED = [
    """INSERT INTO events_personday (project_id, day, person_id, events)
       SELECT s.project_id, s.day, i.person_id, count(*)
       FROM stretch s JOIN events_identity i ON i.project_id = s.project_id AND i.value = s.distinct_id GROUP BY 1, 2, 3
       ON CONFLICT ON CONSTRAINT person_day_once DO UPDATE SET events = events_personday.events + EXCLUDED.events""",
    """INSERT INTO events_daycount (project_id, day, type, name, events)
       SELECT project_id, day, type,
              CASE WHEN type IN ('track', 'page', 'screen') THEN COALESCE(name, '') ELSE '' END, count(*)
       FROM stretch GROUP BY 1, 2, 3, 4
       ON CONFLICT ON CONSTRAINT day_count_once DO UPDATE SET events = events_daycount.events + EXCLUDED.events""",
    """UPDATE events_person p SET first_seen_at = least(p.first_seen_at, o.first),
           last_seen_at = greatest(p.last_seen_at, o.last), events = p.events + o.events,
           user_id = COALESCE(p.user_id, o.user_id)
       FROM (SELECT i.person_id, min(s.ts) AS first, max(s.ts) AS last, count(*) AS events, max(s.user_id) AS user_id
             FROM stretch s JOIN events_identity i ON i.project_id = s.project_id AND i.value = s.distinct_id
             GROUP BY 1) o
       WHERE p.id = o.person_id""",
    # Under $set_once stands what counts only for a person of whom nothing is known by that name yet.
    """UPDATE events_person p SET traits = o.once || p.traits || o.traits
       FROM (SELECT person_id, COALESCE(jsonb_object_agg(key, value) FILTER (WHERE NOT once), '{}') AS traits,
                    COALESCE(jsonb_object_agg(key, value) FILTER (WHERE once), '{}') AS once FROM (
                 SELECT DISTINCT ON (i.person_id, t.once, t.key) i.person_id, t.once, t.key, t.value
                 FROM stretch s JOIN events_identity i ON i.project_id = s.project_id AND i.value = s.distinct_id,
                      LATERAL (SELECT key, value, false AS once FROM jsonb_each(s.traits) WHERE key <> '$set_once'
                               UNION ALL SELECT key, value, true FROM jsonb_each(
                                   CASE WHEN jsonb_typeof(s.traits -> '$set_once') = 'object'
                                        THEN s.traits -> '$set_once' ELSE '{}' END)) AS t
                 WHERE s.type = 'identify'
                 ORDER BY i.person_id, t.once, t.key, CASE WHEN t.once THEN s.ts END, s.ts DESC, s.id DESC) newest
             GROUP BY 1) o
       WHERE p.id = o.person_id""",
]


def digest() -> Range | None:
    """Read the next stretch of the log into people and day counts, in one transaction; return what was read.

    Safe to run twice at once: the second finds the consumer taken and returns None.
    """
    with transaction.atomic():
        stretch = advance(CONSUMER)
        if stretch is None:
            return None
        with connection.cursor() as cursor:
            cursor.execute(STAGE)
            cursor.execute(STRETCH, [stretch.low, stretch.high])
            if cursor.rowcount == 0:
                return stretch
            _recognise()
            for statement in COUNTED:
                cursor.execute(statement)
    return stretch


def _recognise() -> None:
    """Give every id of the stretch a person, merging people that turn out to be one."""
    with connection.cursor() as cursor:
        cursor.execute(NEW_IDS)
        new = cursor.fetchall()
        cursor.execute(LINKS)
        links = cursor.fetchall()
    seen: dict[int, dict[str, bool]] = defaultdict(dict)
    pairs: dict[int, list[identity.Link]] = defaultdict(list)
    existing: dict[int, dict[str, identity.Known]] = defaultdict(dict)
    first_at = {}
    for project_id, value, known, ts in new:
        seen[project_id][value] = known
        first_at[project_id, value] = ts
    for project_id, a, b, alias, person_a, known_a, person_b, known_b in links:
        pairs[project_id].append(identity.Link(a, b, alias))
        if person_a is not None:
            existing[project_id][a] = identity.Known(person_a, known_a)
        if person_b is not None:
            existing[project_id][b] = identity.Known(person_b, known_b)
    created, joined, merged = [], [], {}
    for project_id in seen.keys() | pairs.keys():
        plan = identity.plan(seen[project_id], pairs[project_id], existing[project_id])
        created += [(project_id, values) for values in plan.created if values]
        joined += [(project_id, value, person) for value, person in plan.joined.items()]
        merged.update(plan.merged)
    _write(created, joined, merged, seen, first_at)


def _write(created, joined, merged, seen, first_at) -> None:  # type: ignore[no-untyped-def]
    cursor = raw_cursor()
    if created:
        cursor.execute("SELECT nextval('events_person_id_seq') FROM generate_series(1, %s)", [len(created)])
        ids = [row[0] for row in cursor.fetchall()]
        columns = "(id, project_id, first_seen_at, last_seen_at, events, traits)"
        with cursor.copy(f"COPY events_person {columns} FROM STDIN") as copy:
            for person, (project_id, values) in zip(ids, created, strict=True):
                at = min(first_at[project_id, value] for value in values)
                copy.write_row((person, project_id, at, at, 0, "{}"))
                joined += [(project_id, value, person) for value in values]
    if joined:
        with cursor.copy("COPY events_identity (project_id, value, person_id, known) FROM STDIN") as copy:
            for project_id, value, person in joined:
                copy.write_row((project_id, value, person, seen[project_id].get(value, False)))
    if merged:
        cursor.execute(MERGE, [list(merged), list(merged.values())])
        for statement in MERGED:
            cursor.execute(statement)


def person_ids(project_id: int, distinct_ids: list[str]) -> dict[str, int]:
    """Return the person that each id of a project stands for; ids without one are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT value, person_id FROM events_identity WHERE project_id = %s AND value = ANY(%s)",
            [project_id, distinct_ids],
        )
        return dict(cursor.fetchall())


def same_people(project_id: int, distinct_ids: Collection[str]) -> dict[str, list[str]]:
    """Return for each id all ids that stand for the same person, itself among them."""
    wanted = list(set(distinct_ids))
    found = {value: [value] for value in wanted}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT mine.value, same.value FROM events_identity mine JOIN events_identity same USING (person_id)"
            " WHERE mine.project_id = %s AND mine.value = ANY(%s) AND same.value <> mine.value",
            [project_id, wanted],
        )
        for value, same in cursor.fetchall():
            found[value].append(same)
    return found
