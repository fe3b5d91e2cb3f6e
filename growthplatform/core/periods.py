"""The date range of a page: read from its address, cut into hours or days of the project's zone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

PRESETS = {
    "24h": ("Last 24 hours", 1),
    "7d": ("Last 7 days", 7),
    "28d": ("Last 28 days", 28),
    "90d": ("Last 90 days", 90),
    "12m": ("Last 12 months", 365),
}
USUAL = "28d"
MAX_DAYS = 400
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """A half-open stretch of time, [start, end), whole hours or whole days of `zone`.

    The times are UTC: Python subtracts two times of one zone as if its clocks were never changed.
    """

    key: str
    label: str
    start: datetime
    end: datetime
    until: datetime
    bucket: str
    zone: tzinfo
    compare: bool = True

    @classmethod
    def from_query(cls, query: Mapping[str, str], *, zone: tzinfo, now: datetime) -> "Period":
        """Read ?range=, or ?from= and ?to= (both days inclusive), and ?compare=none.

        What can't be read is the last 28 days, as an address may be old or typed by hand.
        """
        compare = query.get("compare") != "none"
        today = now.astimezone(zone).date()
        try:
            first, last = date.fromisoformat(query.get("from", "")), date.fromisoformat(query.get("to", ""))
            if not timedelta(0) <= last - first < timedelta(days=MAX_DAYS):
                raise ValueError
            return cls.of_days("custom", "", first, last, zone=zone, now=now, compare=compare)
        except (ValueError, OverflowError):
            key = query.get("range", USUAL)
        if key == "24h":
            return cls.of_hours(24, zone=zone, now=now, compare=compare)
        label, days = PRESETS.get(key, PRESETS[USUAL])
        key = key if key in PRESETS else USUAL
        return cls.of_days(key, label, today - (days - 1) * DAY, today, zone=zone, now=now, compare=compare)

    @classmethod
    def of_days(
        cls, key: str, label: str, first: date, last: date, *, zone: tzinfo, now: datetime, compare: bool = True
    ) -> "Period":
        """Return the days `first` to `last`, both inclusive."""
        start, end = _midnight(first, zone).astimezone(UTC), _midnight(last + DAY, zone).astimezone(UTC)
        days = (last - first).days + 1
        return cls(
            key,
            label or (f"{days} days" if days > 1 else "One day"),
            start,
            end,
            max(start, min(end, now)),
            "day" if days > 2 else "hour",
            zone,
            compare,
        )

    @classmethod
    def of_hours(cls, hours: int, *, zone: tzinfo, now: datetime, compare: bool = True) -> "Period":
        """Return the hour that runs now and those before it; in India hours begin at half past of UTC's."""
        here = now.astimezone(zone)
        begun = timedelta(minutes=here.minute, seconds=here.second, microseconds=here.microsecond)
        end = now.astimezone(UTC) - begun + HOUR
        return cls(f"{hours}h", f"Last {hours} hours", end - hours * HOUR, end, now, "hour", zone, compare)

    @property
    def buckets(self) -> list[datetime]:
        """Return the start of each hour or day, oldest first."""
        if self.bucket == "hour":
            hours = round((self.end - self.start) / HOUR)
            return [(self.start + index * HOUR).astimezone(self.zone) for index in range(hours)]
        return [_midnight(self.first + index * DAY, self.zone) for index in range((self.last - self.first).days + 1)]

    @property
    def unfinished(self) -> int:
        """Return how many of the last buckets are not over."""
        buckets = self.buckets
        ends = [*buckets[1:], self.end]
        return sum(end > self.until for end in ends)

    @property
    def first(self) -> date:
        return self.start.astimezone(self.zone).date()

    @property
    def last(self) -> date:
        return (self.end - timedelta(microseconds=1)).astimezone(self.zone).date()

    @property
    def dates(self) -> str:
        """Say which days: "24 Oct – 20 Nov", a year only where it is another one."""
        if self.first == self.last:
            return f"{self.last.day} {self.last:%b}"
        year = f" {self.first:%Y}" if self.first.year != self.last.year else ""
        end = f"{self.last.day} {self.last:%b}" + (f" {self.last:%Y}" if year else "")
        return f"{self.first.day} {self.first:%b}{year} – {end}"

    @property
    def previous(self) -> "Period | None":
        """Return the stretch of the same length before this one; its `until` is as far into it as now is into this."""
        if not self.compare:
            return None
        label = "Previous " + self.label.lower().removeprefix("last ").replace("one day", "day")
        if self.key.endswith("h"):
            length = self.end - self.start
            start = self.start - length
            return replace(self, label=label, start=start, end=self.start, until=self.until - length)
        days = (self.last - self.first).days + 1
        start = _midnight(self.first - days * DAY, self.zone).astimezone(UTC)
        return replace(
            self, label=label, start=start, end=self.start, until=min(self.start, start + (self.until - self.start))
        )

    def steps(self) -> dict[str, dict[str, str]]:
        """Return the dates of the period before and the one after, for the two arrows."""
        days = ((self.last - self.first).days + 1) * DAY if not self.key.endswith("h") else DAY
        first = self.last if self.key.endswith("h") else self.first
        return {
            "earlier": {"from": f"{first - days}", "to": f"{self.last - days}"},
            "later": {"from": f"{first + days}", "to": f"{self.last + days}"},
        }

    @property
    def can_go_later(self) -> bool:
        """Say whether the period ends before now: nothing lies in the future."""
        return self.until >= self.end


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
