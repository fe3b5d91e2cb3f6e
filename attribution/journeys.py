"""The journeys of a project: the touches before each install in their order, what came of it, and those to nothing.

A journey is a decision with its eligible candidates, which are the touches that could have won under the rules of the
project. One that was matched by network counts only where it won: on a shared address the others are somebody else's.
Journeys to nothing are devices that touched an ad and never installed, told apart by their ids.

Rows come as fixed-width binary and become columns at once: 200,000 journeys are some ten megabytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

import numpy as np

from attribution.credit import Paths
from attribution.credit.paths import Floats, Ints, sums
from attribution.models import Decision
from attribution.rules import DAY_S, ORGANIC
from customers.models import Project
from events.store import raw_cursor
from growthplatform.core.errors import Problem

SOURCE, CAMPAIGN = "source", "campaign"
INSTALLS, CONVERSIONS, REVENUE, ONE = "installs", "conversions", "revenue", "one"
MEASURES = (INSTALLS, CONVERSIONS, REVENUE)
# More installs than that are not read at once: the newest are.
MOST_JOURNEYS = 200_000
MOST_TOUCHES = 3_000_000
# A chain of more states says nothing that could be read; the rarest are put together.
MOST_CHANNELS = 300
NULL_STEPS = 20
MOST_NULL_PATHS = 50_000
DIRECT = frozenset({"direct", "(direct)", "organic", "none", "(none)", ""})
KEYS = {
    SOURCE: "hashtextextended({0}.source, 0)",
    CAMPAIGN: "hashtextextended({0}.source || chr(31) || {0}.campaign, 0)",
}

# A reinstall's conversions belong to the install it repeats, as everywhere.
JOURNEYS = """
COPY (
    WITH RECURSIVE d AS MATERIALIZED (
        SELECT id, install_id, kind, touch_id, source, campaign FROM attribution_decision
        WHERE project_id = %(project)s AND installed_at >= %(since)s AND installed_at < %(until)s
          AND kind = ANY(%(kinds)s) AND (id = %(only)s OR %(only)s::bigint IS NULL AND NOT rejected)
        ORDER BY installed_at DESC, id DESC LIMIT %(most)s
    ), again AS (
        SELECT id, original_id, install_id FROM attribution_decision
        WHERE project_id = %(project)s AND kind = 'reinstall' AND original_id IS NOT NULL
    ), brought AS (
        SELECT id AS first, id, install_id FROM d
        UNION SELECT b.first, a.id, a.install_id FROM brought b JOIN again a ON a.original_id = b.id
    ), worth AS (
        SELECT b.first, count(*) AS number, sum(c.revenue) FILTER (WHERE c.currency = %(currency)s) AS revenue
        FROM brought b JOIN attribution_conversion c ON c.install_id = b.install_id
        WHERE c.counted AND %(measure)s IN ('conversions', 'revenue') GROUP BY 1
    )
    SELECT d.id, {decided}, COALESCE({touched}, 0), COALESCE(t.id, 0), COALESCE(c.age_s, 0)::float8,
           (t.type IS DISTINCT FROM 'impression')::int::int8, (d.source = '{organic}')::int::int8,
           COALESCE(CASE %(measure)s WHEN 'conversions' THEN w.number::float8 WHEN 'revenue' THEN w.revenue::float8
                                     ELSE 1 END, 0)::float8
    FROM d LEFT JOIN worth w ON w.first = d.id
    LEFT JOIN (attribution_candidate c JOIN attribution_touch t ON t.id = c.touch_id)
        ON c.decision_id = d.id AND c.eligible AND (c.credited OR c.tier <> 'probabilistic')
) TO STDOUT (FORMAT BINARY)
"""
# Steps of a device that repeat the channel before are left out, as they change nothing in a chain.
NULLS = """
WITH seen AS (
    SELECT COALESCE(NULLIF(t.advertising_id, ''), t.device_id) AS device, {touched} AS channel, t.ts, t.id
    FROM attribution_touch t
    WHERE t.project_id = %(project)s AND t.ts >= %(since)s AND t.ts < %(until)s AND NOT t.bot AND t.origin = ''
      AND (t.advertising_id <> '' OR t.device_id <> '')
      AND NOT EXISTS (SELECT FROM attribution_install n WHERE n.project_id = t.project_id
                      AND n.advertising_id <> '' AND n.advertising_id = t.advertising_id)
      AND NOT EXISTS (SELECT FROM attribution_install n WHERE n.project_id = t.project_id
                      AND n.device_id <> '' AND n.device_id = t.device_id)
      AND NOT EXISTS (SELECT FROM attribution_candidate c WHERE c.touch_id = t.id AND c.eligible)
), steps AS (
    SELECT device, channel, ts, id, lag(channel) OVER one AS before FROM seen
    WHERE length(translate(device, '0-:', '')) > 0
    WINDOW one AS (PARTITION BY device ORDER BY ts, id)
), paths AS (
    SELECT (array_agg(channel ORDER BY ts, id))[1:%(steps)s] AS path,
           (array_agg(id ORDER BY ts, id))[1:%(steps)s] AS touches
    FROM steps WHERE before IS DISTINCT FROM channel GROUP BY device
)
SELECT path, min(touches), count(*) FROM paths GROUP BY path ORDER BY count(*) DESC LIMIT %(most)s
"""
NAMES = """
SELECT id, source, campaign FROM attribution_touch WHERE id = ANY(%s)
UNION ALL SELECT -id, source, campaign FROM attribution_decision WHERE id = ANY(%s)
"""
FIELDS = ("decision", "decided", "channel", "touch", "age_s", "click", "organic", "value")
NUMBERS = {"age_s", "value"}
Columns = dict[str, Any]
# Binary COPY: a head of 19 bytes, then for each row the number of fields and each field after its length.
HEAD_BYTES = 19
ROW = np.dtype(
    [("fields", ">i2")]
    + [part for name in FIELDS for part in ((f"{name}_bytes", ">i4"), (name, ">f8" if name in NUMBERS else ">i8"))]
)
END = b"\xff\xff"


class TooManyTouches(Problem):
    """The journeys of a period would not fit."""

    status = 422
    code = "period_too_large"
    message = f"The journeys of this period have more than {MOST_TOUCHES:,} touches. Choose a shorter one."


class Channel(NamedTuple):
    """What takes credit: a source, or one campaign of it."""

    source: str
    campaign: str = ""


REST = Channel("other", "All others")


class _Null(NamedTuple):
    """Devices that met these channels in this order and never installed; `touches` are those of one of them."""

    keys: list[int]
    touches: list[int]
    number: int


@dataclass(frozen=True, eq=False)
class Journeys:
    """Journeys of a period as columns; those to nothing stand at the end of `paths`.

    `decided` is what the project's own rules credit each channel with, `organic` what nothing brought. `gone` is how
    many are known by their decision only, as their touches are no longer kept; `clipped` says that there were more
    than MOST_JOURNEYS. `touches` are the ids of the steps that led to an install.
    """

    paths: Paths
    decided: Floats
    organic: float
    number: int
    gone: int
    nulls: int
    clipped: bool
    touches: Ints

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels by the numbers of `paths.steps`."""
        return cast("tuple[Channel, ...]", self.paths.channels)

    @property
    def several(self) -> int:
        """Installs whose journey met more than one channel: only these do the models share differently."""
        paths, heads = self.paths, self.paths.starts[:-1]
        if not len(heads):
            return 0
        low, high = np.minimum.reduceat(paths.steps, heads), np.maximum.reduceat(paths.steps, heads)
        return int(((low != high) & (paths.conversions > 0)).sum())


def journeys(project: Project, since: datetime, until: datetime, *, by: str, measure: str) -> Journeys:
    """Read the journeys of installs in [since, until), with the touches to nothing of the same time.

    `measure` is what is shared: the installs themselves, or the conversions or the revenue that came of them until now,
    for which returns (reattributions) are journeys too. Raises TooManyTouches.
    """
    kinds = [Decision.Kind.INSTALL] if measure == INSTALLS else [Decision.Kind.INSTALL, Decision.Kind.REATTRIBUTION]
    rows = _rows(project, by, measure, {"since": since, "until": until, "only": None, "kinds": kinds})
    return _columns(rows, _nulls(project, since, until, by), by)


def journey_of(decision: Decision, *, by: str) -> Journeys:
    """Read the journey of one decision, worth one; without a path when it is organic."""
    period = {"since": decision.installed_at, "until": "infinity", "only": decision.pk, "kinds": list(Decision.Kind)}
    return _columns(_rows(decision.project, by, ONE, period), [], by)


def _rows(project: Project, by: str, measure: str, period: dict[str, Any]) -> Columns:
    """Read the touches of all journeys as columns, each journey's together and the oldest first."""
    statement = JOURNEYS.format(decided=KEYS[by].format("d"), touched=KEYS[by].format("t"), organic=ORGANIC)
    given = {"project": project.pk, "measure": measure, "currency": project.currency, "most": MOST_JOURNEYS + 1}
    parts, size = [], 0
    with raw_cursor().copy(statement, given | period) as copy:
        for part in copy:
            size += len(part)
            if size > MOST_TOUCHES * ROW.itemsize:
                raise TooManyTouches
            parts.append(bytes(part))
    rows = np.frombuffer(b"".join(parts)[HEAD_BYTES:].removesuffix(END), dtype=ROW)
    columns = {name: rows[name].astype("f8" if name in NUMBERS else "i8") for name in FIELDS}
    order = np.lexsort((columns["touch"], -columns["age_s"], columns["decision"]))
    return {name: column[order] for name, column in columns.items()}


def _nulls(project: Project, since: datetime, until: datetime, by: str) -> list[_Null]:
    cursor = raw_cursor()
    cursor.execute(
        NULLS.format(touched=KEYS[by].format("t")),
        {"project": project.pk, "since": since, "until": until, "steps": NULL_STEPS, "most": MOST_NULL_PATHS},
    )
    return [_Null(*row) for row in cursor]


def _columns(rows: Columns, nulls: Sequence[_Null], by: str) -> Journeys:
    """Turn rows into paths: keys of channels become small numbers, decisions become journeys."""
    heads = np.flatnonzero(np.diff(rows["decision"], prepend=-1))
    lengths = np.diff(np.append(heads, len(rows["decision"])))
    touched = rows["touch"][heads] > 0
    organic = ~touched & (rows["organic"][heads] == 1)
    kept = np.repeat(~organic, lengths)
    # What is known by its decision alone is a journey of one step, to the source that the decision has kept.
    known = np.repeat(touched, lengths)
    keys = np.where(known, rows["channel"], rows["decided"])
    examples = np.where(known, rows["touch"], -rows["decision"])
    null_keys = np.array([key for null in nulls for key in null.keys], dtype=np.int64)
    null_touches = np.array([touch for null in nulls for touch in null.touches], dtype=np.int64)
    steps = int(kept.sum()) + len(null_keys)
    channels, codes = _channels(
        by,
        np.concatenate((keys[kept], null_keys, rows["decided"][heads][~organic])),
        np.concatenate((examples[kept], null_touches, -rows["decision"][heads][~organic])),
        steps,
    )
    values, nothing = rows["value"][heads], np.zeros(len(nulls))
    path_lengths = np.concatenate((lengths[~organic], np.array([len(null.keys) for null in nulls], dtype=np.int64)))
    paths = Paths(
        channels=tuple(channels),
        starts=np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(path_lengths))),
        steps=codes[:steps],
        ages_days=np.concatenate((rows["age_s"][kept] / DAY_S, np.zeros(len(null_keys)))),
        clicks=np.concatenate((rows["click"][kept] == 1, np.ones(len(null_keys), dtype=np.bool_))),
        direct=np.array([channel.source.lower() in DIRECT for channel in channels], dtype=np.bool_),
        conversions=np.concatenate((np.ones(int((~organic).sum())), nothing)),
        values=np.concatenate((values[~organic], nothing)),
        nulls=np.concatenate((np.zeros(int((~organic).sum())), np.array([null.number for null in nulls], dtype=float))),
    )
    return Journeys(
        paths,
        decided=sums(codes[steps:], values[~organic], len(channels)),
        organic=float(values[organic].sum()),
        number=len(heads),
        gone=int((~touched & ~organic).sum()),
        nulls=sum(null.number for null in nulls),
        clipped=len(heads) > MOST_JOURNEYS,
        touches=rows["touch"][kept],
    )


def _channels(by: str, keys: Ints, examples: Ints, steps: int) -> tuple[list[Channel], Ints]:
    """Name the channels behind `keys` and number them; the rarest beyond MOST_CHANNELS are put together.

    `examples` is, for each key, a touch or (negative) a decision of this channel; the first `steps` keys are counted.
    """
    known, first, codes = np.unique(keys, return_index=True, return_inverse=True)
    wanted = examples[first]
    cursor = raw_cursor()
    cursor.execute(NAMES, (wanted[wanted > 0].tolist(), (-wanted[wanted < 0]).tolist()))
    names = {number: (source, campaign if by == CAMPAIGN else "") for number, source, campaign in cursor}
    named = [Channel(*names.get(int(example), REST)) for example in wanted]
    if len(known) <= MOST_CHANNELS:
        return named, codes.astype(np.int64)
    commonest = np.argsort(-np.bincount(codes[:steps], minlength=len(known)), kind="stable")[: MOST_CHANNELS - 1]
    places = np.full(len(known), MOST_CHANNELS - 1, dtype=np.int64)
    places[commonest] = np.arange(MOST_CHANNELS - 1)
    return [*(named[int(number)] for number in commonest), REST], places[codes]
