"""The removal effect in a Markov chain of first order, solved exactly instead of by simulation.

States are a start, the channels, a conversion and nothing; journeys that came to nothing count too. A channel's
removal effect is the part of all conversions whose journey would have led through it.
"""

from dataclasses import dataclass

import numpy as np

from attribution.credit.paths import Floats, Paths, sums


@dataclass(frozen=True, eq=False)
class Chain:
    """A solved chain: the chance of a conversion from the start, and the removal effect of each channel.

    `effects` are on the number of conversions, `value_effects` on what a journey is worth on average.
    """

    probability: float
    effects: Floats
    value_effects: Floats


def chain_of(paths: Paths) -> Chain:
    """Count the steps of all journeys, converting and not, and solve the chain they make.

    With N = (I - Q)^-1, s the first steps and r what leads to a conversion, the chance is P = s N r. A journey comes
    to channel c at all with (s N)_c / N_cc and converts from there with (N r)_c, so without c the chance is P less
    their product: one inverse serves all channels.
    """
    size = len(paths.channels)
    weight = paths.conversions + paths.nulls
    if not size or weight.sum() <= 0:
        return Chain(0.0, np.zeros(size), np.zeros(size))
    firsts, lasts = paths.steps[paths.starts[:-1]], paths.steps[paths.starts[1:] - 1]
    goes_on = np.ones(len(paths.steps), dtype=np.bool_)
    goes_on[paths.starts[1:] - 1] = False
    here = np.flatnonzero(goes_on)
    pairs = paths.steps[here] * size + paths.steps[here + 1]
    moves = sums(pairs, weight[paths.path_of[here]], size * size).reshape(size, size)
    out = moves.sum(axis=1) + sums(lasts, weight, size)
    out[out <= 0] = 1.0
    reach = np.linalg.inv(np.eye(size) - moves / out[:, None])
    start = sums(firsts, weight, size) / weight.sum()
    touched = start @ reach
    comes_to = touched / np.diag(reach)
    ends = np.stack([sums(lasts, paths.conversions, size), sums(lasts, paths.values, size)], axis=1)
    leads = reach @ (ends / out[:, None])
    chances = start @ leads
    lost = comes_to[:, None] * leads
    effects = np.divide(lost, chances, out=np.zeros_like(lost), where=chances > 0)
    return Chain(float(chances[0]), effects[:, 0], effects[:, 1])


def markov(paths: Paths, chain: Chain | None = None) -> Floats:
    """Share what all paths are worth in proportion to the removal effects.

    Where money came back (a negative value), an effect below nothing counts nothing; where no effect on the value is
    left, the effects on the number of conversions share it.
    """
    chain = chain or chain_of(paths)
    effects = np.maximum(chain.value_effects, 0.0)
    if not effects.sum() > 0:
        effects = np.maximum(chain.effects, 0.0)
    whole = effects.sum()
    return paths.total * effects / whole if whole > 0 else np.zeros(len(paths.channels))


def along(paths: Paths, chain: Chain) -> Floats:
    """Share each path's conversion among its touches by the removal effects of their channels.

    A channel that is touched twice has its part once, half for each touch. What a single path shows; the whole
    (`markov`) is not the sum of these, as it also weighs the journeys that came to nothing.
    """
    size = max(len(paths.channels), 1)
    _, inverse, times = np.unique(paths.path_of * size + paths.steps, return_inverse=True, return_counts=True)
    counts: Floats = np.maximum(chain.effects, 0.0)[paths.steps] / times[inverse]
    heads = paths.starts[:-1]
    if not len(heads):
        return counts
    whole = np.add.reduceat(counts, heads)[paths.path_of]
    known: Floats = np.where(whole > 0, counts / np.where(whole > 0, whole, 1.0), 1.0 / paths.lengths[paths.path_of])
    return known
