"""The candidates of thousands of installs at once: the same that attribution.candidates finds, without those that are
kept only to explain, and without asking the database for each install on a crowded address.

The clicks of the addresses of a stretch are read once, as numbers, and compared with all its installs together. What
is read of an address that many installs share is kept for the next stretch, which mostly needs the same again.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from attribution.candidates import COUNTED, FLAGS_AT, IDS, KEPT, TOUCH_FACTS, Claimed, Found, asked, traffic_of
from attribution.facts import TouchFacts
from attribution.rules import Rules
from events.store import raw_cursor

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
# PostgreSQL's own count of time: microseconds since then.
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MINUTES_AFTER, HOUR = 5 * 60 * 1_000_000, 3_600 * 1_000_000
# An address with so many clicks is worth keeping for the next stretch.
WORTH_KEEPING = 50
# So many models are compared by a table of all pairs; of more, every pair anew.
MOST_MODELS = 4_000
# Pairs of install and click that are compared at once: a few numbers of 8 bytes each.
PAIRS = 1_000_000

BY_ID = " UNION ALL ".join(
    f"""
SELECT b.id, t.id FROM batch b CROSS JOIN LATERAL (
    SELECT t.id FROM attribution_touch t
    WHERE t.project_id = %(project)s AND t.{column} = b.{column} AND t.{column} <> ''
      AND t.ts BETWEEN b.since AND b.upto AND t.received_at <= b.deadline ORDER BY t.ts DESC LIMIT {KEPT}
) t WHERE b.{column} <> ''"""  # noqa: S608
    for column in IDS
)
IDENTIFIED = f"""
WITH batch AS MATERIALIZED (
    SELECT *, installed_at + interval '5 minutes' AS upto, installed_at - %(widest)s * interval '1 second' AS since
    FROM jsonb_to_recordset(%(asking)s::jsonb)
    AS b(id bigint, installed_at timestamptz, deadline timestamptz, click_id text, referrer_click_id text,
         claim_id text, device_id text, advertising_id text, user_id text, email_sha256 text, phone_sha256 text)
)
SELECT b.id, t.id FROM batch b CROSS JOIN LATERAL (
    SELECT t.id FROM attribution_touch t
    WHERE t.project_id = %(project)s AND t.touch_id IN (b.click_id, b.referrer_click_id, b.claim_id)
      AND t.touch_id <> '' AND (t.received_at <= b.deadline OR t.origin <> '') LIMIT 3
) t WHERE b.click_id <> '' OR b.referrer_click_id <> '' OR b.claim_id <> ''
UNION ALL {BY_ID}
"""  # noqa: S608
# One walk down the index for each address; what a click says of its device becomes one number. The numbers come as
# arrays, which are read without making an object of each.
KIND = "hashtextextended(concat_ws(E'\\x1f', t.os_name, split_part(t.os_version, '.', 1), t.device_model, t.app), 0)"
CLICKS = f"""
SELECT b.place, n.id, n.ts, n.received, n.kind
FROM unnest(%s::int[], %s::inet[], %s::bigint[], %s::bigint[]) AS b(place, ip, since, upto)
CROSS JOIN LATERAL (
    SELECT array_agg(t.id) AS id, array_agg(t.ts) AS ts, array_agg(t.received_at) AS received, array_agg({KIND}) AS kind
    FROM attribution_touch t
    WHERE t.project_id = %s AND t.ip = b.ip AND t.type = 'click' AND NOT t.bot AND t.ip IS NOT NULL
      AND t.ts >= timestamptz '2000-01-01 00:00+00' + b.since * interval '1 microsecond'
      AND t.ts < timestamptz '2000-01-01 00:00+00' + b.upto * interval '1 microsecond'
) n WHERE n.id IS NOT NULL
"""  # noqa: S608
# An array in PostgreSQL's binary form: its head, then the length and the value of each number.
ARRAY_HEAD = 20
NUMBER = np.dtype([("length", ">i4"), ("value", ">i8")])
KINDS = f"""
SELECT {KIND}, t.os_name, split_part(t.os_version, '.', 1), t.device_model, t.app
FROM attribution_touch t WHERE t.id = ANY(%s::bigint[])
"""  # noqa: S608
FACTS = f"SELECT {TOUCH_FACTS} FROM attribution_touch t WHERE t.id = ANY(%s::bigint[])"  # noqa: S608


class Asked(NamedTuple):
    """What the touches of an install are looked for by; the fields come as `attribution.candidates.asked` has them."""

    id: int
    project_id: int
    installed_at: datetime
    deadline: datetime
    click_id: str
    referrer_click_id: str
    claim_id: str
    device_id: str
    advertising_id: str
    user_id: str
    email_sha256: str
    phone_sha256: str
    ip: str | None
    app: str
    os_name: str
    major: str
    device_model: str
    widest_s: int
    network_s: int

    @property
    def identified(self) -> bool:
        return any(self[4:12])


class Clicks(NamedTuple):
    """Clicks of addresses, as columns of numbers; times are in microseconds since 2000, kinds a place in Kinds."""

    place: Ints
    id: Ints
    ts: Ints
    received: Ints
    kind: Ints

    def where(self, which: Any) -> "Clicks":
        return Clicks(*(column[which] for column in self))

    @classmethod
    def read(cls, places: Sequence[int], columns: Sequence[Sequence[bytes]]) -> "Clicks":
        """Read the arrays of some addresses: for each column one array for each address."""
        sizes = [(len(data) - ARRAY_HEAD) // NUMBER.itemsize for data in columns[0]]
        numbers = (
            np.frombuffer(b"".join([data[ARRAY_HEAD:] for data in column]), NUMBER)["value"].astype(np.int64)
            for column in columns
        )
        return cls(np.repeat(np.array(places, np.int64), sizes), *numbers)

    @classmethod
    def joined(cls, parts: Sequence["Clicks"]) -> "Clicks":
        return cls(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


NO_CLICKS = Clicks(*(np.zeros(0, np.int64) for _ in Clicks._fields))


def array(values: Iterable[int | str]) -> str:
    """Write numbers or addresses as PostgreSQL writes an array: much faster than value by value."""
    return f"{{{','.join(map(str, values))}}}"


def micros(at: datetime) -> int:
    """Return a time as PostgreSQL counts it."""
    return (at - EPOCH) // MICROSECOND


class Kinds:
    """What the numbers of kinds of device stand for, learned once each from a click that has it."""

    def __init__(self) -> None:
        self._place: dict[int, int] = {}
        self._words: list[dict[str, int]] = [{"": 0} for _ in range(4)]
        # The first kind is that of clicks which were deleted meanwhile: it agrees with nothing.
        self._columns: list[list[int]] = [[-1] for _ in range(4)]
        self._arrays: list[Ints] = [np.full(1, -1, np.int64) for _ in range(4)]
        self._names: list[str] = [""]
        self._alike = np.zeros((0, 0), np.int8)

    def places(self, clicks: Clicks) -> Ints:
        """Return for each click the place of its kind in the columns."""
        hashes, first, inverse = np.unique(clicks.kind, return_index=True, return_inverse=True)
        fresh = [place for place, one in enumerate(hashes.tolist()) if one not in self._place]
        if fresh:
            cursor = raw_cursor()
            cursor.execute(KINDS, (array(clicks.id[first[fresh]].tolist()),))
            for number, *words in cursor:
                self._place[number] = len(self._columns[0])
                for column, word, known in zip(self._columns, words, self._words, strict=True):
                    column.append(known.setdefault(word, len(known)))
            self._arrays = [np.array(column, np.int64) for column in self._columns]
            self._names = list(self._words[2])
        return np.array([self._place.get(one, 0) for one in hashes.tolist()], np.int64)[inverse]

    def words_of(self, one: Asked) -> tuple[int, int, int, int]:
        """Return what an install says of its device, in the same numbers."""
        systems, majors, models, apps = self._words
        system, major = systems.setdefault(one.os_name, len(systems)), majors.setdefault(one.major, len(majors))
        model, app = models.setdefault(one.device_model, len(models)), apps.setdefault(one.app, len(apps))
        if len(self._names) < len(self._words[2]):
            self._names = list(self._words[2])
        return system, major, model, app

    def apps(self, clicks: Clicks) -> Ints:
        """Return for each click the number of the app that it advertised, 0 where it names none."""
        return self._arrays[3][clicks.kind]

    def agree(self, kinds: Ints, mine: Ints) -> Bools:
        """Say for each pair of a click's kind and an install's words whether they may be one device.

        As loose as the statement in attribution.candidates; attribution.matching decides.
        """
        system, major, model, app = (column[kinds] for column in self._arrays)
        good: Bools = system == mine[:, 0]
        good &= (major == mine[:, 1]) | (major == 0) | (mine[:, 1] == 0)
        good &= (app == mine[:, 3]) | (app == 0) | (mine[:, 3] == 0)
        unsure = np.flatnonzero(good & (model != mine[:, 2]) & (model != 0) & (mine[:, 2] != 0))
        if len(unsure):
            good[unsure] = self._models_alike(model[unsure], mine[unsure, 2])
        return good

    def _models_alike(self, ours: Ints, theirs: Ints) -> Bools:
        """Compare models by name, each two only once: 0 stands for not yet, 1 for alike, 2 for different."""
        number = len(self._names)
        if number > MOST_MODELS:
            pairs, inverse = np.unique(ours << 32 | theirs, return_inverse=True)
            return np.array([self._alike_names(one >> 32, one & 0xFFFFFFFF) for one in pairs.tolist()], np.bool_)[
                inverse
            ]
        if len(self._alike) < number:
            grown = np.zeros((2 * number, 2 * number), np.int8)
            grown[: len(self._alike), : len(self._alike)] = self._alike
            self._alike = grown
        known = self._alike[ours, theirs]
        fresh = np.flatnonzero(known == 0)
        if len(fresh):
            for one, other in set(zip(ours[fresh].tolist(), theirs[fresh].tolist(), strict=True)):
                self._alike[one, other] = 1 if self._alike_names(one, other) else 2
            known = self._alike[ours, theirs]
        return np.asarray(known == 1)

    def _alike_names(self, one: int, other: int) -> bool:
        a, b = self._names[one], self._names[other]
        return a.startswith(b) or a.endswith(b) or b.startswith(a) or b.endswith(a)


class Near(NamedTuple):
    """What the network of each install did: the pairs of install and click that may be one device, and its counts."""

    install: Ints
    touch: Ints
    seen: Ints
    clicks: Ints
    earlier: Ints
    hour: Ints
    oldest: Ints


class Reader:
    """Reads the candidates of one stretch after the other, of one project by one set of rules."""

    def __init__(self, project_id: int, rules: Rules) -> None:
        self._project_id = project_id
        self._rules = rules
        self._kinds = Kinds()
        self._kept: dict[str, tuple[int, int, Clicks]] = {}

    def find(self, claimed: Sequence[Claimed]) -> dict[int, Found]:
        """Return the candidates of each install that has any."""
        found = self.by_id(claimed)
        self.add_network(claimed, found)
        return found

    def by_id(self, claimed: Sequence[Claimed]) -> dict[int, Found]:
        """Return the candidates of each install that has any with the same id."""
        asking = (Asked(*asked(install, self._rules)) for install in claimed)
        pairs = self._identified([one for one in asking if one.identified])
        touches = self._facts({touch_id for _, touch_id in pairs})
        found: dict[int, Found] = {}
        for install_id, touch_id in pairs:
            _add(found, install_id, touches.get(touch_id))
        return found

    def add_network(self, claimed: Sequence[Claimed], found: dict[int, Found]) -> None:
        """Add the candidates of each install's network to those found, and what that network did."""
        asking = (Asked(*asked(install, self._rules)) for install in claimed)
        networks = [one for one in asking if one.ip is not None]
        near = self._near(networks)
        if near is None:
            return
        touches = self._facts(set(near.touch.tolist()))
        for place, touch_id in zip(near.install.tolist(), near.touch.tolist(), strict=True):
            _add(found, networks[place].id, touches.get(touch_id))
        self._count(found, networks, near)

    def _identified(self, asking: Sequence[Asked]) -> list[tuple[int, int]]:
        """Return pairs of install and touch that share an id."""
        if not asking:
            return []
        named = [dict(zip(Asked._fields[:12], one, strict=False)) for one in asking]
        values = {
            "asking": orjson.dumps(named).decode(),
            "project": self._project_id,
            "widest": self._rules.widest_window_s,
        }
        cursor = raw_cursor()
        cursor.execute(IDENTIFIED, values, binary=True)
        return cursor.fetchall()

    def _facts(self, ids: Iterable[int]) -> dict[int, TouchFacts]:
        cursor = raw_cursor()
        cursor.execute(FACTS, (array(ids),), binary=True)
        found = {}
        for row in cursor.fetchall():
            values = (*row[:FLAGS_AT], tuple(row[FLAGS_AT]), *row[FLAGS_AT + 1 :])
            found[row[0]] = TouchFacts(*values)
        return found

    def _near(self, networks: Sequence[Asked]) -> Near | None:
        """Compare all installs with all clicks of their addresses."""
        places: dict[str, int] = {}
        place = np.array([places.setdefault(one.ip or "", len(places)) for one in networks], np.int64)
        at = np.array([micros(one.installed_at) for one in networks], np.int64)
        if not len(at):
            return None
        since, upto = at - self._rules.widest_window_s * 1_000_000, at + MINUTES_AFTER
        clicks = self._clicks(list(places), place, since, upto + 1)
        if not len(clicks.ts):
            return None
        lines = _Lines(clicks)
        deadline = np.array([micros(one.deadline) for one in networks], np.int64)
        first, last = lines.span(place, since, upto)
        start, end = lines.span(place, at - self._rules.network_window_s * 1_000_000, at)
        hour, _ = lines.span(place, at - HOUR, at)
        mine = np.array([self._kinds.words_of(one) for one in networks], np.int64)
        apps = self._kinds.apps(clicks)
        # All that arrived within a day of happening was there in time. Others are looked at one by one, and so are
        # those of an address where several apps are advertised.
        single = lines.late_between(first, last) | _advertise_others(apps, mine[:, 3])
        oldest = np.maximum(first, last - COUNTED)
        counts = [
            last - oldest,
            np.maximum(end - np.maximum(start, oldest), 0),
            np.maximum(start - oldest, 0),
            np.maximum(end - np.maximum(hour, oldest), 0),
            clicks.ts[np.minimum(oldest, len(clicks.ts) - 1)],
        ]
        for one in np.flatnonzero(single).tolist():
            here = np.arange(first[one], last[one])
            here = here[clicks.received[here] <= deadline[one]][-COUNTED:]
            ours = here[(apps[here] == mine[one, 3]) | (apps[here] == 0) | (mine[one, 3] == 0)]
            counts[0][one] = len(here)
            counts[1][one] = ((ours >= start[one]) & (ours < end[one])).sum()
            counts[2][one] = (ours < start[one]).sum()
            counts[3][one] = ((here >= hour[one]) & (here < end[one])).sum()
            counts[4][one] = clicks.ts[here[0]] if len(here) else 0
        # Without a system there is nothing to compare devices by.
        end = np.where(mine[:, 0] == 0, start, end)
        pairs = list(self._pairs(clicks, mine, start, end, deadline))
        empty = np.zeros(0, np.int64)
        installs = np.concatenate([one for one, _ in pairs]) if pairs else empty
        touches = clicks.id[np.concatenate([two for _, two in pairs])] if pairs else empty
        return Near(installs, touches, *counts)

    def _pairs(self, clicks: Clicks, mine: Ints, start: Ints, end: Ints, deadline: Ints) -> Iterable[tuple[Ints, Ints]]:
        """Give the pairs of install and click that may be one device, at most KEPT for an install, the newest."""
        sizes = np.maximum(end - start, 0)
        total = np.cumsum(sizes)
        begin = 0
        while begin < len(sizes):
            done = total[begin - 1] if begin else 0
            stop = max(int(np.searchsorted(total, done + PAIRS, "right")), begin + 1)
            some = sizes[begin:stop]
            installs = np.repeat(np.arange(begin, stop), some)
            offsets = np.arange(len(installs)) - np.repeat(np.cumsum(some) - some, some)
            places = start[installs] + offsets
            good = self._kinds.agree(clicks.kind[places], mine[installs])
            good &= clicks.received[places] <= deadline[installs]
            installs, places = installs[good], places[good]
            if len(installs):
                # Clicks come in the order of time, so the newest of an install are its last ones.
                behind = np.searchsorted(installs, installs, "right") - np.arange(len(installs))
                newest = behind <= KEPT
                yield installs[newest], places[newest]
            begin = stop

    def _clicks(self, ips: Sequence[str], place: Ints, since: Ints, upto: Ints) -> Clicks:
        """Return the clicks of addresses in [since, upto), each address as far as its installs reach."""
        low = np.full(len(ips), np.iinfo(np.int64).max)
        high = np.full(len(ips), np.iinfo(np.int64).min)
        np.minimum.at(low, place, since)
        np.maximum.at(high, place, upto)
        wanted: list[tuple[int, str, int, int]] = []
        known: list[Clicks] = []
        for number, (ip, lo, hi) in enumerate(zip(ips, low.tolist(), high.tolist(), strict=True)):
            kept = self._kept.get(ip)
            if kept is None or kept[1] < lo or kept[0] > hi:
                wanted.append((number, ip, lo, hi))
                continue
            begin, end, rows = kept
            rows = rows.where(slice(*np.searchsorted(rows.ts, [lo, hi])))
            known.append(rows._replace(place=np.full(len(rows.ts), number)))
            if lo < begin:
                wanted.append((number, ip, lo, begin))
            if end < hi:
                wanted.append((number, ip, end, hi))
        clicks = Clicks.joined([*known, self._copied(wanted)])
        if len(clicks.ts):
            clicks = clicks.where(np.argsort(_Lines(clicks).keys, kind="stable"))
        self._keep(ips, low, high, clicks)
        return clicks

    def _copied(self, wanted: Sequence[tuple[int, str, int, int]]) -> Clicks:
        if not wanted:
            return NO_CLICKS
        cursor = raw_cursor()
        columns = [array(column) for column in zip(*wanted, strict=True)]
        cursor.execute(CLICKS, (*columns, self._project_id), binary=True)
        result = cursor.pgresult
        if result is None or not result.ntuples:
            return NO_CLICKS
        rows = range(result.ntuples)
        places = [int.from_bytes(result.get_value(row, 0) or b"", "big") for row in rows]
        arrays = [[result.get_value(row, column) or b"" for row in rows] for column in range(1, 5)]
        clicks = Clicks.read(places, arrays)
        return clicks._replace(kind=self._kinds.places(clicks))

    def _keep(self, ips: Sequence[str], low: Ints, high: Ints, clicks: Clicks) -> None:
        first = np.searchsorted(clicks.place, np.arange(len(ips) + 1))
        self._kept = {
            ips[number]: (int(low[number]), int(high[number]), clicks.where(slice(first[number], first[number + 1])))
            for number in np.flatnonzero(np.diff(first) >= WORTH_KEEPING).tolist()
        }

    def _count(self, found: dict[int, Found], networks: Sequence[Asked], near: Near) -> None:
        """Write down what the network of each install did, where it has candidates."""
        columns = (column.tolist() for column in near[2:])
        for one, seen, clicks, earlier, hour, oldest in zip(networks, *columns, strict=True):
            mine = found.get(one.id)
            if mine is None or not seen:
                continue
            mine.seen, mine.clicks_hour = seen, hour
            reach_s = (micros(one.installed_at) - oldest) / 1_000_000
            mine.traffic = traffic_of(self._rules, seen, clicks, earlier, reach_s)


def _advertise_others(apps: Ints, mine: Ints) -> Bools:
    """Say for each install, by the number of its app, whether clicks of another app are among all of them."""
    named = np.unique(apps[apps > 0])
    if len(named) > 1:
        return np.asarray(mine != 0)
    return np.asarray((mine != 0) & (mine != named[0])) if len(named) else np.zeros(len(mine), np.bool_)


class _Lines:
    """Clicks in the order of address and time, to be asked where a stretch of time of an address begins and ends."""

    def __init__(self, clicks: Clicks) -> None:
        self._base = int(clicks.ts.min())
        self._span = int(clicks.ts.max()) - self._base + 2
        self.keys = clicks.place * self._span + (clicks.ts - self._base)
        # Received so long after it happened that it may have come after an install's deadline.
        late = clicks.received - clicks.ts > 24 * HOUR - 2 * MINUTES_AFTER
        self._late = np.concatenate([[0], np.cumsum(late)])

    def span(self, place: Ints, since: Ints, upto: Ints) -> tuple[Ints, Ints]:
        """Return for each address the first click of [since, upto] and the one after the last."""
        return self._before(place, since), self._before(place, upto + 1)

    def late_between(self, first: Ints, last: Ints) -> Bools:
        return np.asarray(self._late[last] > self._late[first])

    def _before(self, place: Ints, at: Ints) -> Ints:
        return np.searchsorted(self.keys, place * self._span + np.clip(at - self._base, 0, self._span - 1))


def _add(found: dict[int, Found], install_id: int, touch: TouchFacts | None) -> None:
    if touch is None:
        return
    mine = found.get(install_id)
    if mine is None:
        mine = found[install_id] = Found()
    mine.touches[touch.id] = touch
    mine.near.add(touch.id)
