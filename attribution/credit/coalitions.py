"""The Shapley value of each channel, where a set of channels is worth the conversions that needed no other one."""

import numpy as np

from attribution.credit.paths import Floats, Paths


def shares(paths: Paths) -> Floats:
    """Return each touch's share: equal parts for the path's different channels, split among a channel's touches."""
    size = max(len(paths.channels), 1)
    cells, inverse, times = np.unique(paths.path_of * size + paths.steps, return_inverse=True, return_counts=True)
    different = np.bincount(cells // size, minlength=len(paths.lengths))
    found: Floats = 1.0 / (different[paths.path_of] * times[inverse])
    return found


def shapley(paths: Paths) -> Floats:
    """Return the Shapley value of each channel.

    With v(S) = the value of the paths whose channels all lie in S, it has a closed form: each path's value in equal
    parts to its different channels (Zhao et al. 2018), so 2^n sets are never walked through.
    """
    return paths.by_channel(shares(paths))
