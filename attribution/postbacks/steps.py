"""What a destination has to be told, from what it was told last and what is true now.

Plain values: no Django, clock or network.
"""

from collections.abc import Collection
from typing import NamedTuple

REJECTED = "rejected"
KINDS = ("install", "reinstall", "reattribution")
# Any conversion, whatever its name.
ANY = "*"
FRAUD, MOVED, CHANGED = "fraud", "moved", "changed"


class Told(NamedTuple):
    """What a destination was told last about an install or a conversion."""

    news: str
    same: bool  # it credits what is credited now


class Fact(NamedTuple):
    """What is so now: the news that it is, whether a fraud rule rejected it, and whether it is this destination's."""

    news: str
    rejected: bool
    concerns: bool
    source_kept: bool = True


class Step(NamedTuple):
    """A message to make; with `takes_back` it corrects the last one, for a reason."""

    news: str
    takes_back: bool = False
    reason: str = ""


def steps(last: Told | None, now: Fact, listens: Collection[str]) -> list[Step]:
    """Return the messages that bring a destination from what it was told last to what is true now, in order.

    A destination that takes no rejections is told of each thing once: without taking back the first message, a second
    one would count twice.
    """
    heard = now.news in listens or (now.news not in KINDS and ANY in listens)
    credit = heard and now.concerns and not now.rejected
    if last is None or last.news == REJECTED:
        if credit:
            return [Step(now.news)]
        told = last is None and now.rejected and now.concerns and REJECTED in listens and now.news in KINDS
        return [Step(REJECTED, reason=FRAUD)] if told else []
    if credit and last.news == now.news and last.same:
        return []
    if REJECTED not in listens:
        return []
    reason = FRAUD if now.rejected else CHANGED if now.concerns and now.source_kept else MOVED
    back = Step(REJECTED, takes_back=True, reason=reason)
    return [back, Step(now.news)] if credit else [back]
