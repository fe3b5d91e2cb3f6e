"""Markov over a quarter of a million journeys, against the same sums in plain Python."""

import argparse
import random
import time
from collections.abc import Sequence

CHANNELS = 12


def journeys(number: int, seed: int = 7) -> tuple[list[list[int]], list[int], list[int]]:
    """Return journeys of one to eight touches, and how often each ended with and without a conversion."""
    pick = random.Random(seed)
    weights = [1 / (place + 1) for place in range(CHANNELS)]
    paths = [pick.choices(range(CHANNELS), weights, k=min(8, 1 + int(pick.expovariate(0.6)))) for _ in range(number)]
    return paths, [int(pick.random() < 0.3) for _ in paths], [int(pick.random() < 0.8) for _ in paths]


def plain(paths: Sequence[Sequence[int]], conversions: Sequence[int], nulls: Sequence[int]) -> list[float]:
    """Share by removal effect with lists and loops: one elimination for each channel taken out."""
    size = CHANNELS
    moves = [[0.0] * (size + 2) for _ in range(size + 1)]
    for path, converted, null in zip(paths, conversions, nulls, strict=True):
        here = size
        for there in path:
            moves[here][there] += converted + null
            here = there
        moves[here][size] += null
        moves[here][size + 1] += converted
    chances = [[one / (sum(row) or 1.0) for one in row] for row in moves]

    def chance(without: int | None) -> float:
        states = [at for at in range(size + 1) if at != without]
        rows = [
            [float(here == there) - (chances[here][there] if there < size else 0.0) for there in states]
            + [chances[here][size + 1]]
            for here in states
        ]
        for pivot in range(len(rows)):
            for row in range(pivot + 1, len(rows)):
                factor = rows[row][pivot] / rows[pivot][pivot]
                for column in range(pivot, len(rows) + 1):
                    rows[row][column] -= factor * rows[pivot][column]
        found = [0.0] * len(rows)
        for row in reversed(range(len(rows))):
            known = sum(rows[row][column] * found[column] for column in range(row + 1, len(rows)))
            found[row] = (rows[row][-1] - known) / rows[row][row]
        return found[-1]

    whole = chance(None)
    effects = [1 - chance(channel) / whole for channel in range(size)]
    return [sum(conversions) * effect / sum(effects) for effect in effects]


def main(arguments: list[str]) -> None:
    """Print times and the ratio. `--journeys` is how many."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--journeys", type=int, default=240_000)
    parser.add_argument("--small", action="store_true")
    options, _ = parser.parse_known_args(arguments)

    import numpy as np

    from attribution import credit

    paths, conversions, nulls = journeys(5_000 if options.small else options.journeys)
    lengths = np.array([len(path) for path in paths])
    columns = credit.Paths(
        tuple(range(CHANNELS)),
        np.concatenate(([0], np.cumsum(lengths))),
        np.array([step for path in paths for step in path]),
        np.zeros(lengths.sum()),
        np.ones(lengths.sum(), dtype=np.bool_),
        np.zeros(CHANNELS, dtype=np.bool_),
        np.array(conversions, dtype=float),
        np.array(conversions, dtype=float),
        np.array(nulls, dtype=float),
    )
    started = time.perf_counter()
    shared = credit.markov(columns)
    exact_s = time.perf_counter() - started
    started = time.perf_counter()
    for model in credit.MODELS.values():
        credit.credit(columns, model)
    all_s = time.perf_counter() - started
    started = time.perf_counter()
    reference = plain(paths, conversions, nulls)
    plain_s = time.perf_counter() - started
    away = float(np.abs(shared - np.array(reference)).max())
    print(f"{len(paths):,} journeys, {lengths.sum():,} touches, {CHANNELS} channels")
    print(f"Markov, exact      {exact_s * 1000:8.1f} ms   (limit 2,000 ms)")
    print(f"all eight models   {all_s * 1000:8.1f} ms")
    print(f"plain Python       {plain_s * 1000:8.1f} ms   {plain_s / exact_s:.1f} times as long, differs by {away:.1e}")
