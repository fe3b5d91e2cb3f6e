"""The period that a call of the API asks for."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta, tzinfo

from drf_spectacular.utils import OpenApiParameter

from growthplatform.core.errors import InvalidField
from growthplatform.core.periods import MAX_DAYS, PRESETS, Period

PERIOD_PARAMETERS = [
    OpenApiParameter("from", date, description="First day, in the project's time zone."),
    OpenApiParameter("to", date, description="Last day, included."),
    OpenApiParameter("range", str, enum=list(PRESETS), description="Instead of from and to; 28d when absent."),
    OpenApiParameter("compare", str, enum=["previous", "none"], description="none leaves out the period before."),
]


def get_period(query: Mapping[str, str], *, zone: tzinfo, now: datetime) -> Period:
    """Return the period of ?from= and ?to=, or of ?range=; the last 28 days without any.

    Raises InvalidField, where a page would show its usual period.
    """
    first, last = _day(query, "from"), _day(query, "to")
    if (first is None) != (last is None):
        raise InvalidField.named("to" if last is None else "from", "from and to go together.")
    if first and last and not timedelta(0) <= last - first < timedelta(days=MAX_DAYS):
        raise InvalidField.named("to", f"must not be before from, and at most {MAX_DAYS} days in all.")
    if query.get("range", "28d") not in PRESETS:
        raise InvalidField.named("range", f"must be one of {', '.join(PRESETS)}.")
    if query.get("compare", "previous") not in {"previous", "none"}:
        raise InvalidField.named("compare", "must be previous or none.")
    return Period.from_query(query, zone=zone, now=now)


def _day(query: Mapping[str, str], field: str) -> date | None:
    text = query.get(field)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 2100:
        raise InvalidField.named(field, "must be a day like 2026-11-20, in the project's time zone.")
    return day
