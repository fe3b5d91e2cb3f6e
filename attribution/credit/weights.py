"""Models that weigh the touches of a path by place, age and kind; a project's own among them."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from attribution.credit.paths import Floats, Paths

MAX_HALF_LIFE_DAYS = 365.0
PARTS = ("first", "middle", "last")


class BadWeights(ValueError):  # noqa: N818 -- refusals are named for what is wrong
    """Weights that can't be meant; `problems` has a sentence for each field."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__(" ".join(self.problems.values()))


@dataclass(frozen=True, slots=True)
class Weights:
    """How much each touch of a path counts; only the ratios matter.

    `first`, `middle` and `last` are parts of the credit by place, the middle one shared by all touches between; with
    `equal` each touch counts alike instead. Then `half_life_days` halves what a touch counts for every so many days
    before the last one, None not at all; and a view counts `view` times as much as a click.
    A path whose touches all count nothing is shared equally: a conversion is never lost.
    """

    equal: bool = False
    first: float = 40.0
    middle: float = 20.0
    last: float = 40.0
    half_life_days: float | None = None
    view: float = 1.0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Weights":
        """Read weights as a project keeps them or an API call gives them; what is not named is the default.

        Raises BadWeights with a sentence for each field that can't be meant.
        """
        problems = {name: "There is no such weight." for name in stored if name not in cls.__dataclass_fields__}
        values: dict[str, Any] = {name: value for name, value in stored.items() if name not in problems}
        if not isinstance(values.get("equal", False), bool):
            problems["equal"] = "Give true or false."
        for name in PARTS:
            if name in values and not _number(values[name], 0, 1_000):
                problems[name] = "Give a number from 0 to 1,000."
        if values.get("half_life_days") is not None and not _number(values["half_life_days"], 0.01, MAX_HALF_LIFE_DAYS):
            problems["half_life_days"] = "Give days from 0.01 to 365, or nothing for no decay."
        if "view" in values and not _number(values["view"], 0, 1):
            problems["view"] = "Give a number from 0 (a view counts nothing) to 1 (as much as a click)."
        if problems:
            raise BadWeights(problems)
        found = cls(**values)
        if not found.equal and not found.first + found.middle + found.last > 0:
            raise BadWeights({"first": "At least one of first, middle and last has to count."})
        return found


def _number(value: object, low: float, high: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and low <= value <= high


FIRST = Weights(first=1, middle=0, last=0)
LAST = Weights(first=0, middle=0, last=1)
LINEAR = Weights(equal=True)
TIME_DECAY = Weights(equal=True, half_life_days=7.0)
POSITION = Weights()


def shares(paths: Paths, weights: Weights) -> Floats:
    """Return the share of each touch in its path's conversion; the shares of a path add up to 1."""
    heads = paths.starts[:-1]
    before = paths.lengths[paths.path_of]
    if weights.equal:
        counts = np.ones(len(paths.steps))
    else:
        counts = np.full(len(paths.steps), weights.middle) / np.maximum(before - 2, 1)
        counts[paths.place == 0] = weights.first
        counts[paths.place == before - 1] = weights.last
    if weights.half_life_days is not None:
        # Measured from the path's last touch: however old a path, its last touch never counts nothing.
        nearest = np.minimum.reduceat(paths.ages_days, heads)[paths.path_of] if len(heads) else paths.ages_days
        counts = counts * np.exp2((nearest - paths.ages_days) / weights.half_life_days)
    counts = counts * np.where(paths.clicks, 1.0, weights.view)
    return _normal(paths, counts)


def last_non_direct(paths: Paths) -> Floats:
    """Give all to the last touch that is not direct; to the last one where all are."""
    heads = paths.starts[:-1]
    wanted = np.where(paths.direct[paths.steps], -1, paths.place)
    latest = np.maximum.reduceat(wanted, heads) if len(heads) else wanted
    latest = np.where(latest < 0, paths.lengths - 1, latest)
    return np.asarray(paths.place == latest[paths.path_of], dtype=np.float64)


def weighed(paths: Paths, weights: Weights) -> Floats:
    """Return the credit of each channel under `weights`."""
    return paths.by_channel(shares(paths, weights))


def _normal(paths: Paths, counts: Floats) -> Floats:
    if not len(paths.lengths):
        return counts
    whole = np.add.reduceat(counts, paths.starts[:-1])[paths.path_of]
    return np.where(whole > 0, counts / np.where(whole > 0, whole, 1.0), 1.0 / paths.lengths[paths.path_of])
