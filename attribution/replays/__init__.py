"""Replay: decide a period again by other rules, see what would move, and only then, approved, move it."""

from attribution.replays.states import (
    NotApprovable,
    NotCancelable,
    Past,
    ReplayRunning,
    approve,
    cancel,
    periods,
    start,
)
from attribution.replays.working import help_with, unfinished, work

__all__ = [
    "NotApprovable",
    "NotCancelable",
    "Past",
    "ReplayRunning",
    "approve",
    "cancel",
    "help_with",
    "periods",
    "start",
    "unfinished",
    "work",
]
