"""How long a question may run, and who may end it sooner."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from events.engine.answers import Cancelled, TooSlow

GLANCE_S = 0.2
# A question that was cancelled before it came is cancelled when it comes, for so long.
CANCELLED_S = 60
_ticket: ContextVar[str] = ContextVar("ticket", default="")


@contextmanager
def ticketed(ticket: str) -> Iterator[None]:
    """Let the questions of the block be ended by `cancel(ticket)`, from any process."""
    before = _ticket.set(ticket)
    try:
        yield
    finally:
        _ticket.reset(before)


def cancel(ticket: str) -> None:
    """End the questions that run under a ticket. Safe to repeat; does nothing without Redis."""
    try:
        cache.set(_key(ticket), 1, CANCELLED_S)
    except RedisError:
        return


def refuse_if_cancelled() -> None:
    """Raise Cancelled when the asker of this question has left."""
    if _was_cancelled(_ticket.get()):
        raise Cancelled


@contextmanager
def limited(interrupt: Callable[[], None]) -> Iterator[None]:
    """Call `interrupt` from another thread when the block takes too long or its asker leaves.

    The block is expected to fail then; in place of what it raises comes TooSlow or Cancelled.
    """
    refuse_if_cancelled()
    watch = _Watch(interrupt, _ticket.get())
    watch.start()
    try:
        yield
    except Exception as fault:
        if watch.why is not None:
            raise watch.why() from fault
        raise
    finally:
        watch.done.set()


class _Watch(threading.Thread):
    def __init__(self, interrupt: Callable[[], None], ticket: str):
        super().__init__(daemon=True, name="question")
        self.done = threading.Event()
        self.why: type[Cancelled | TooSlow] | None = None
        self._interrupt, self._ticket = interrupt, ticket
        self._until = time.monotonic() + settings.ANALYTICS_SECONDS

    def run(self) -> None:
        """Glance at clock and ticket until the question is done or must end."""
        while not self.done.wait(self._pause()):
            if time.monotonic() >= self._until:
                self.why = TooSlow
            elif _was_cancelled(self._ticket):
                self.why = Cancelled
            if self.why is not None:
                self._end()
                return

    def _pause(self) -> float:
        left = max(0.0, self._until - time.monotonic())
        return min(left, GLANCE_S) if self._ticket else left

    def _end(self) -> None:
        # A question may be between two statements when it is interrupted, so it is told until it has ended.
        while not self.done.is_set():
            self._interrupt()
            self.done.wait(GLANCE_S)


def _was_cancelled(ticket: str) -> bool:
    try:
        return bool(ticket) and cache.get(_key(ticket)) is not None
    except RedisError:
        return False


def _key(ticket: str) -> str:
    return f"question-cancelled:{ticket}"
