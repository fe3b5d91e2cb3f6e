"""When people do things: the shape of a week and of a day. No Django; the present is an argument."""

from datetime import datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

# Twice the four weeks that pages show at first: these can then be compared with the four before.
DAYS = 56
# Monday to Sunday: notes are a thing of working days.
WEEKDAYS = (1.0, 1.06, 1.05, 1.0, 0.93, 0.78, 0.86)
# By the hour of where somebody lives: breakfast, lunch, and the long evening.
HOURS = (2, 1, 1, 1, 1, 2, 5, 8, 9, 8, 8, 7, 9, 8, 7, 7, 7, 8, 9, 10, 11, 10, 7, 4)
# It grows: each week against the last one.
WEEKS = (0.5, 0.52, 0.56, 0.6, 0.66, 0.76, 0.86, 1.0)


def weight(ago: int, now: datetime) -> float:
    """Return how busy the day `ago` days before today is, against an average day of the last week."""
    return WEEKS[week(ago)] * WEEKDAYS[(now - timedelta(days=ago)).weekday()]


def week(ago: int) -> int:
    """Return the week of a day, 0 the oldest and 7 the last seven days."""
    return (DAYS - 1 - ago) // 7


def moment(rng: Random, ago: int, time_zone: str, now: datetime) -> datetime | None:
    """Return a time on the day `ago` days before today, where somebody lives; None for one that is yet to come."""
    zone = ZoneInfo(time_zone)
    hour = rng.choices(range(24), HOURS)[0]
    day = now.astimezone(zone).date() - timedelta(days=ago)
    at = datetime.combine(day, time(hour), zone) + timedelta(seconds=rng.random() * 3600)
    return at.astimezone(now.tzinfo) if at < now else None
