"""Whole days, weeks and months for the analyses: which of them a period touches, and whether they are over."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Min

from analytics.expressions.calendar import Calendar, cycle_of, first_day_of
from customers.models import Project
from customers.remembered import remembered
from events.models import DayCount
from growthplatform.core.errors import InvalidField
from growthplatform.core.periods import Period

# Days are counted in the project's zone and rounded here, so that the same question stays the same all day.
ROUND = timedelta(days=2)


@dataclass(frozen=True)
class Cycles:
    """The whole days, weeks or months that a period touches, by number: `first` to `last`."""

    calendar: Calendar
    first: int
    last: int

    @property
    def unit(self) -> str:
        return self.calendar.unit

    def __len__(self) -> int:
        return self.last - self.first + 1

    @property
    def numbers(self) -> range:
        return range(self.first, self.last + 1)

    def day(self, number: int) -> date:
        """Return the first day of a cycle."""
        return first_day_of(number, self.unit)

    def start(self, number: int) -> datetime:
        """Return the moment at which a cycle begins, in UTC."""
        return datetime.combine(self.day(number), time(), self.calendar.zone).astimezone(UTC)

    def end(self, number: int) -> datetime:
        """Return the moment at which a cycle is over, in UTC."""
        return self.start(number + 1)

    @property
    def last_day(self) -> date:
        """Return the last day of the last cycle."""
        return self.day(self.last + 1) - timedelta(days=1)

    def named(self, text: str, field: str) -> int:
        """Return the number of the cycle whose first day an address names. Raises InvalidField."""
        try:
            number = cycle_of(date.fromisoformat(text), self.unit)
        except ValueError:
            number = self.first - 1
        if number not in self.numbers or f"{self.day(number)}" != text:
            raise InvalidField.named(field, f"{text!r} is no {self.unit} of this question.")
        return number

    def title(self, number: int) -> str:
        """Return a cycle as people write it: "3 Nov 2026", "Nov 2026"."""
        day = self.day(number)
        return f"{day:%b %Y}" if self.unit == "month" else f"{day.day} {day:%b %Y}"

    def said(self, number: int) -> str:
        """Return a cycle as part of a sentence: "on 3 Nov 2026", "in the week of 2 Nov 2026"."""
        return f"{ {'day': 'on', 'week': 'in the week of', 'month': 'in'}[self.unit] } {self.title(number)}"


def cycles_of(project: Project, period: Period, unit: str, *, now: datetime) -> Cycles:
    """Return the days, weeks (from Monday) or months that a period touches, whole ones."""
    calendar = Calendar(unit, period.zone, first_moment(project, period), _later(period, now))
    return Cycles(calendar, cycle_of(period.first, unit), cycle_of(period.last, unit))


def first_moment(project: Project, period: Period) -> datetime:
    """Return a time before which nothing happened, neither in the project nor in the period or the one before it."""
    known: date | None = remembered(project, "cycles:first", lambda: _first_day(project), least_s=60)
    before = period.start - 2 * (period.end - period.start) - timedelta(days=45)
    moment = datetime.combine(known, time(), UTC) if known else before
    return min(moment, before).replace(hour=0, minute=0, second=0, microsecond=0) - ROUND


def _first_day(project: Project) -> date | None:
    found: date | None = DayCount.objects.filter(project=project).aggregate(day=Min("day"))["day"]
    return found


def _later(period: Period, now: datetime) -> datetime:
    until = max(period.end, now).astimezone(UTC)
    return until.replace(hour=0, minute=0, second=0, microsecond=0) + ROUND
