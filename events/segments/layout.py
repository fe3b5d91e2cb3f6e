"""What a segment's file holds, and how an engine reads it as the columns of EVENTS. Plain Python.

Most of an event's bytes are a random id and three times of the same moment. So the file has the UUID of a message id as
16 bytes, and of the other times only how far they lie from `ts`, in microseconds. Of a track call the label is the
name. All is written back when asked for.
"""

# In the order of the file. Those that engines read as they are come first.
AS_THEY_ARE = ("person", "event", "ts", "id", "type", "user_id", "anonymous_id")
PLAIN_END = ("properties", "context")
# A person's rows lie together, oldest first: what questions group by is sorted, and what repeats in a person's events
# costs nothing. Measured against names first: 463 MB and 635 MB for ten million events.
ORDER = "person, ts, id"

# Within `message_text` this stands for the UUID, which is apart; the second for one in capital letters.
SMALL, CAPITAL = "\x01", "\x02"

# From a table with the logical columns to those of the file, in DuckDB. The UUID is at the end, as the libraries of all
# senders have it; an id that is nothing but a UUID has no text, one without any is all text.
_TAIL = "right(message_id, 36)"
_UUID = f"try_cast({_TAIL} AS UUID)"
_FREE = f"NOT contains(message_id, '{SMALL}') AND NOT contains(message_id, '{CAPITAL}')"
_IS_SMALL = f"({_UUID}::VARCHAR = {_TAIL} AND {_FREE})"
_IS_CAPITAL = f"(upper({_UUID}::VARCHAR) = {_TAIL} AND {_FREE})"
_HEAD = "left(message_id, length(message_id) - 36)"
PACKED = f"""
{", ".join(AS_THEY_ARE)}, CASE WHEN type <> 'track' THEN name END AS name,
CASE WHEN {_IS_SMALL} OR {_IS_CAPITAL} THEN {_UUID}::BLOB END AS message_uuid,
CASE WHEN {_IS_SMALL} THEN CASE WHEN length(message_id) > 36 THEN {_HEAD} || '{SMALL}' END
     WHEN {_IS_CAPITAL} THEN {_HEAD} || '{CAPITAL}' ELSE message_id END AS message_text,
epoch_us(received_at) - epoch_us(ts) AS received_us, epoch_us(claimed_at) - epoch_us(ts) AS claimed_us,
clamped, ip, {", ".join(f"{name}::VARCHAR AS {name}" for name in PLAIN_END)}
"""

_ADDED = {
    "duckdb": "ts + to_microseconds({0})",
    "spark": "timestampadd(MICROSECOND, {0}, ts)",
    "clickhouse": "addMicroseconds(ts, {0})",
}
_CHARACTER = {"duckdb": "chr({0})", "spark": "char({0})", "clickhouse": "char({0})"}


def unpacked(dialect: str) -> dict[str, str]:
    """Return for each column of EVENTS, and for claimed_at, clamped and ip, how an engine reads it from the file.

    `dialect` is duckdb, spark or clickhouse.
    """
    added, character = _ADDED[dialect], _CHARACTER[dialect]
    digits = "lower(hex(message_uuid))"
    parts = [f"substring({digits}, {start}, {length})" for start, length in _GROUPS]
    uuid = "concat(" + ", '-', ".join(parts) + ")"
    small, capital = character.format(1), character.format(2)
    written = f"replace(replace(message_text, {small}, {uuid}), {capital}, upper({uuid}))"
    message_id = (
        f"CASE WHEN message_uuid IS NULL THEN message_text WHEN message_text IS NULL THEN {uuid} ELSE {written} END"
    )
    return {
        **{name: name for name in AS_THEY_ARE},
        "name": "CASE WHEN type = 'track' THEN event ELSE name END",
        "message_id": message_id,
        "received_at": added.format("received_us"),
        "claimed_at": added.format("claimed_us"),
        "clamped": "clamped",
        "ip": "ip",
        **{name: name for name in PLAIN_END},
    }


_GROUPS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))


def selected(dialect: str, *names: str) -> str:
    """Return the list of a SELECT from a file for these columns, or for all."""
    found = unpacked(dialect)
    return ", ".join(found[name] if found[name] == name else f"{found[name]} AS {name}" for name in names or found)
