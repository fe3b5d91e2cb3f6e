"""When what could not be delivered is sent again. Plain values: no Django, no clock."""

import random
from datetime import timedelta

# Minutes to the next try; after the last of them hourly.
BACK_OFF = (1, 5, 15, 30, 60)
JITTER = 0.1


def pause_after(tries: int, retry_after_s: int | None = None, chance: float | None = None) -> timedelta:
    """Return how long to wait after so many tries: longer each time, as the answer asks, and never quite together."""
    minutes = BACK_OFF[min(tries, len(BACK_OFF)) - 1]
    late = 1 + JITTER * (random.random() if chance is None else chance)  # noqa: S311 -- not a secret
    return timedelta(seconds=max(minutes * 60 * late, retry_after_s or 0))
