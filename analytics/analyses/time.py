"""Buckets of time for the analyses: hours, days, weeks or months of a period, as engines and as people name them."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from analytics.expressions.base import hour_shift
from analytics.expressions.trend import Cut
from growthplatform.core.errors import InvalidField
from growthplatform.core.periods import Period

UNITS = ("hour", "day", "week", "month")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_BUCKETS = 800
# From here on a curve by day is too jagged to read.
MANY_DAYS = 120


@dataclass(frozen=True)
class Buckets:
    """A period cut into hours, days, weeks (from Monday) or months.

    `starts` are aware; `keys` are what the engine calls the same buckets: their start on the local clocks (of hours
    those of UTC, shifted to the zone's full hours) without a zone. Both oldest first.
    """

    unit: str
    starts: list[datetime]
    keys: list[datetime]
    cut: Cut
    unfinished: int

    @staticmethod
    def moment(value: object) -> datetime | None:
        """Return a bucket as an engine gave it; some of them give days as dates."""
        if value is None or isinstance(value, datetime):
            return value.replace(tzinfo=None) if value else None
        return datetime.combine(value, time())  # type: ignore[arg-type]

    def named(self, text: str) -> datetime:
        """Return the key of the bucket that an address names, like 2026-11-03 or 2026-11-03T14:00+01:00.

        Raises InvalidField.
        """
        for start, key in zip(self.starts, self.keys, strict=True):
            if text in self.names(start):
                return key
        raise InvalidField.named("bucket", f"{text!r} is no {self.unit} of this period.")

    def names(self, start: datetime) -> tuple[str, ...]:
        """Return what an address may call a bucket, the usual one first."""
        if self.unit == "hour":
            return (start.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ"), start.isoformat())
        return (f"{start.date()}", start.isoformat())

    def title(self, start: datetime) -> str:
        """Return a bucket as people write it: "3 Nov 2026", "3 Nov 2026, 14:00", "Nov 2026"."""
        if self.unit == "month":
            return f"{start:%b %Y}"
        return f"{start.day} {start:%b %Y}" + (f", {start:%H:%M}" if self.unit == "hour" else "")

    def said(self, start: datetime) -> str:
        """Return a bucket as part of a sentence: "on 3 Nov 2026", "in the week of 2 Nov 2026"."""
        words = {"hour": "in the hour of", "day": "on", "week": "in the week of", "month": "in"}
        return f"{words[self.unit]} {self.title(start)}"


def buckets_of(period: Period, unit: str) -> Buckets:
    """Return a period's buckets; with "auto" hours for up to two days, days for a few months, else weeks.

    Raises InvalidField for more than a chart can hold.
    """
    unit = _usual(period) if unit == "auto" else unit
    if unit == "hour" and (period.end - period.start) / HOUR > MOST_BUCKETS:
        raise InvalidField.named("interval", f"hours are for periods of up to {MOST_BUCKETS // 24} days.")
    starts = _hours(period) if unit == "hour" else _days(period, unit)
    shift = hour_shift(period.zone, period.start)
    keys = [
        start.astimezone(UTC).replace(tzinfo=None) + shift if unit == "hour" else start.replace(tzinfo=None)
        for start in starts
    ]
    unfinished = sum(_end(start, unit) > period.until for start in starts)
    return Buckets(unit, starts, keys, Cut(unit, period.zone, period.start, period.end), unfinished)


def _usual(period: Period) -> str:
    if period.bucket == "hour":
        return "hour"
    return "day" if (period.last - period.first).days < MANY_DAYS else "week"


def _hours(period: Period) -> list[datetime]:
    number = round((period.end - period.start) / HOUR)
    return [(period.start + place * HOUR).astimezone(period.zone) for place in range(number)]


def _days(period: Period, unit: str) -> list[datetime]:
    """Return the starts of days, weeks or months; the first of them may begin before the period."""
    first = period.first
    if unit == "week":
        first -= first.weekday() * DAY
    if unit == "month":
        first = first.replace(day=1)
    found = []
    at = datetime.combine(first, time(), period.zone)
    while at.date() <= period.last:
        found.append(at)
        at = _next(at, unit)
    return found


def _next(start: datetime, unit: str) -> datetime:
    """Return the start of the day, week or month after one, by the clock on the wall."""
    if unit == "month":
        return (start.replace(day=1) + 32 * DAY).replace(day=1)
    return start + (7 if unit == "week" else 1) * DAY


def _end(start: datetime, unit: str) -> datetime:
    return start.astimezone(UTC) + HOUR if unit == "hour" else _next(start, unit)
