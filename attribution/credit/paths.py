"""Journeys as columns: one entry for each touch, path after path, so that a quarter of a million are a few sums."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class NoTouches(ValueError):  # noqa: N818 -- refusals are named for what is wrong
    """A path without a touch: what nothing brought is the caller's to decide."""


def sums(places: Ints, weights: Floats, size: int) -> Floats:
    """Add `weights` up by place, from 0 to `size`."""
    return np.asarray(np.bincount(places, weights=weights, minlength=size), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Paths:
    """Journeys of touches, oldest touch first.

    `starts` says where each path begins in `steps`, with one more entry for the end; `steps` holds the channel of each
    touch as a place in `channels`. A path stands for `conversions` that ended it and `nulls` that ended without one;
    `values` is what the conversions were worth, the sum that is shared. Raises NoTouches for an empty path.
    """

    channels: tuple[Hashable, ...]
    starts: Ints
    steps: Ints
    ages_days: Floats
    clicks: Bools
    direct: Bools
    conversions: Floats
    values: Floats
    nulls: Floats

    def __post_init__(self) -> None:
        if (self.lengths < 1).any():
            raise NoTouches

    @cached_property
    def lengths(self) -> Ints:
        return np.diff(self.starts)

    @cached_property
    def path_of(self) -> Ints:
        """The path of each touch."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    @cached_property
    def place(self) -> Ints:
        """The place of each touch in its path, from 0."""
        return np.arange(len(self.steps)) - self.starts[self.path_of]

    @property
    def total(self) -> float:
        return float(self.values.sum())

    def by_channel(self, shares: Floats) -> Floats:
        """Add up, for each channel, the shares (one for each touch) of what their paths are worth."""
        return sums(self.steps, shares * self.values[self.path_of], len(self.channels))

    @classmethod
    def of(
        cls,
        paths: Sequence[Sequence[str]],
        conversions: Sequence[float] | None = None,
        nulls: Sequence[float] | None = None,
        values: Sequence[float] | None = None,
        *,
        ages_days: Sequence[Sequence[float]] | None = None,
        clicks: Mapping[int, Sequence[bool]] | None = None,
        direct: frozenset[str] = frozenset(),
    ) -> "Paths":
        """Make columns of paths written out as names, one conversion each unless told; for few of them."""
        channels = tuple(dict.fromkeys(name for path in paths for name in path))
        number = {name: at for at, name in enumerate(channels)}
        lengths = [len(path) for path in paths]
        counted = np.array(conversions if conversions is not None else [1.0] * len(paths), dtype=np.float64)
        flat_ages = [age for path in ages_days for age in path] if ages_days is not None else [0.0] * sum(lengths)
        seen = [click for at, path in enumerate(paths) for click in (clicks or {}).get(at, [True] * len(path))]
        return cls(
            channels,
            np.concatenate(([0], np.cumsum(lengths))).astype(np.int64),
            np.array([number[name] for path in paths for name in path], dtype=np.int64),
            np.array(flat_ages, dtype=np.float64),
            np.array(seen, dtype=np.bool_),
            np.array([name in direct for name in channels], dtype=np.bool_),
            counted,
            counted if values is None else np.array(values, dtype=np.float64),
            np.array(nulls if nulls is not None else [0.0] * len(paths), dtype=np.float64),
        )
