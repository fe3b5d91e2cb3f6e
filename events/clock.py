"""When an event happened: the sender's claim, corrected by how wrong its clock is. Plain Python."""

from datetime import UTC, datetime, timedelta

# Below this the difference of `sentAt` and arrival is the journey, not a wrong clock.
JOURNEY = timedelta(seconds=2)
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


def aware(moment: datetime) -> datetime:
    """Return `moment` in UTC; a time without a zone is meant as UTC (Segment's rule)."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def correct(claimed_at: datetime | None, sent_at: datetime | None, received_at: datetime) -> tuple[datetime, bool]:
    """Return when it happened, and whether the claim had to be clamped because it lay in the future.

    Segment's formula: received - (sent - claimed), applied when the sender's clock is off by more than the
    journey takes. All arguments are aware datetimes.
    """
    if claimed_at is None:
        return received_at, False
    happened = claimed_at
    if sent_at is not None:
        skew = received_at - sent_at
        if skew > JOURNEY or skew < -JOURNEY:
            happened = _shifted(claimed_at, skew)
    if happened > received_at:
        return received_at, happened - received_at > JOURNEY
    return happened, False


def _shifted(moment: datetime, by: timedelta) -> datetime:
    try:
        return max(moment + by, EARLIEST)
    except OverflowError:
        return moment


def parse(value: object) -> datetime | None:
    """Read a time as clients write it: ISO 8601 in its many forms, or seconds or milliseconds since 1970.

    Returns None for what is no time, or one before the year 2000.
    """
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            moment = datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
        elif isinstance(value, str):
            moment = aware(datetime.fromisoformat(value.strip()))
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment >= EARLIEST else None
