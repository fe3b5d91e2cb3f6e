"""Which install holds which touch while installs are decided: a click that one install has is not another's too.

Plain Python: no Django, clock or network. What the order of work was must not show in the result, so the rule knows
no order but that of arrival: what is certain goes first, then among matches by network the install that arrived first.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
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
        if self.install_id == install_id:
            return False
        if self.tier == PROBABILISTIC:
            return self.install_id < install_id
        return self.received_at <= deadline


class Ledger:
    """Who holds which touch, kept up while a batch is decided."""

    def __init__(self, holds: Iterable[Hold]) -> None:
        self._by_touch: dict[int, dict[int, Hold]] = defaultdict(dict)
        self._by_install: dict[int, Hold] = {}
        for hold in holds:
            self._put(hold)

    def taken(self, touch_ids: Iterable[int], install_id: int, deadline: datetime) -> set[int]:
        """Return those of `touch_ids` that another install keeps from this one."""
        return {
            touch_id
            for touch_id in touch_ids
            if touch_id in self._by_touch
            and any(hold.bars(install_id, deadline) for hold in self._by_touch[touch_id].values())
        }

    def settle(self, install_id: int, hold: Hold | None) -> tuple[Hold | None, Hold | None]:
        """Write down what an install is credited to now; return what it gave up by that, and what it took."""
        before = self._by_install.get(install_id)
        if before == hold:
            return None, None
        if before:
            del self._by_touch[before.touch_id][install_id]
            del self._by_install[install_id]
        if hold:
            self._put(hold)
        return before, hold

    def _put(self, hold: Hold) -> None:
        self._by_touch[hold.touch_id][hold.install_id] = hold
        self._by_install[hold.install_id] = hold
