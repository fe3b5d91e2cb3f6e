"""Days, weeks and months as whole numbers, so that engines count with them by plain sums. Plain Python and Ibis."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

import ibis
import ibis.expr.types as ir

from analytics.expressions.base import local

UNITS = ("day", "week", "month")
EPOCH = date(1970, 1, 1)
# 1 January 1970 was a Thursday: weeks begin on Mondays.
THURSDAY = 3


@dataclass(frozen=True)
class Calendar:
    """Days, weeks (from Monday) or months on the clocks of a zone; `since` and `until` bound the times that occur."""

    unit: str
    zone: tzinfo
    since: datetime
    until: datetime

    def number(self, ts: ir.TimestampValue) -> ir.IntegerValue:
        """Return the number of the day, week or month that each `ts` lies in, as `cycle_of` counts them."""
        return numbered(local(ts, self.zone, self.since, self.until), self.unit)


def numbered(ts: ir.TimestampValue, unit: str) -> ir.IntegerValue:
    """Return the number of the day, week or month of local times."""
    if unit == "month":
        return (ts.year().cast("int64") * 12 + ts.month() - 1).cast("int64")
    days = ts.date().delta(ibis.date(EPOCH), unit="day").cast("int64")
    return days if unit == "day" else ((days + THURSDAY) // 7).cast("int64")


def cycle_of(day: date, unit: str) -> int:
    """Return the number of the day, week or month that a day lies in."""
    if unit == "month":
        return day.year * 12 + day.month - 1
    days = (day - EPOCH).days
    return days if unit == "day" else (days + THURSDAY) // 7


def first_day_of(number: int, unit: str) -> date:
    """Return the first day of a numbered day, week or month."""
    if unit == "month":
        return date(number // 12, number % 12 + 1, 1)
    return EPOCH + timedelta(days=number if unit == "day" else number * 7 - THURSDAY)
