"""Which install holds which touch while installs are decided: a click that one install has is not another's too.

Plain Python: no Django, clock or network. What the order of work was must not show in the result, so the rule knows
no order but that of arrival: what is certain goes first, then among matches by network the install that arrived first.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from attribution.rules import PROBABILISTIC


class Hold(NamedTuple):
    """An install that is credited to a touch."""

    touch_id: int
    install_id: int
    tier: str
    received_at: datetime

    def bars(self, install_id: int, deadline: datetime) -> bool:
        """Say whether it keeps the touch from another install's match by network.

        A certain one does if it arrived by the other's `deadline`, until which that one's decision may change.
        """
        if self.tier == PROBABILISTIC:
            return self.install_id < install_id
        return self.received_at <= deadline


class Ledger:
    """Who holds which touch, kept up while a batch is decided."""

    def __init__(self, holds: Iterable[Hold], provisional: timedelta) -> None:
        self._provisional = provisional
        self._by_touch: dict[int, dict[int, Hold]] = defaultdict(dict)
        self._by_install: dict[int, Hold] = {}
        self._refused: dict[int, set[int]] = defaultdict(set)
        for hold in holds:
            self._put(hold)

    def taken(self, touch_ids: Iterable[int], install_id: int, received_at: datetime) -> set[int]:
        """Return those of `touch_ids` that another install keeps from this one."""
        deadline = received_at + self._provisional
        barred = {
            touch_id
            for touch_id in touch_ids
            if touch_id in self._by_touch
            and any(
                hold.install_id != install_id and hold.bars(install_id, deadline)
                for hold in self._by_touch[touch_id].values()
            )
        }
        for touch_id in barred:
            self._refused[touch_id].add(install_id)
        return barred

    def settle(self, install_id: int, hold: Hold | None) -> tuple[set[int], set[int]]:
        """Write down what an install is credited to now.

        Returns the installs that this may change: those it takes a touch from, and those that had been refused the
        touch it gives up.
        """
        before = self._by_install.get(install_id)
        if before == hold:
            return set(), set()
        freed: set[int] = set()
        if before:
            del self._by_touch[before.touch_id][install_id]
            del self._by_install[install_id]
            if hold is None or hold.touch_id != before.touch_id:
                freed = self._refused.pop(before.touch_id, set()) - {install_id}
        robbed: set[int] = set()
        if hold:
            self._put(hold)
            robbed = {
                other.install_id
                for other in self._by_touch[hold.touch_id].values()
                if other.tier == PROBABILISTIC
                and other.install_id != install_id
                and hold.bars(other.install_id, other.received_at + self._provisional)
            }
        return robbed, freed

    def held_by(self, install_id: int) -> Hold | None:
        """Return what an install holds."""
        return self._by_install.get(install_id)

    def _put(self, hold: Hold) -> None:
        self._by_touch[hold.touch_id][hold.install_id] = hold
        self._by_install[hold.install_id] = hold
