"""When somebody who returns to the app had last been there."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from attribution.candidates import Claimed
from events import services as events


def last_before(claimed: Sequence[Claimed]) -> dict[int, datetime]:
    """Return the person's last event before each install or open; those who had never been there are left out."""
    by_project: dict[int, list[Claimed]] = defaultdict(list)
    for one in claimed:
        by_project[one.project_id].append(one)
    found: dict[int, datetime] = {}
    for project_id, ones in by_project.items():
        asked = [(one.distinct_id, one.facts.installed_at) for one in ones]
        for one, at in zip(ones, events.last_seen_before(project_id, asked), strict=True):
            if at is not None:
                found[one.id] = at
    return found
