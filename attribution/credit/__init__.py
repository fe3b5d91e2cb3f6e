"""Models of credit: how one conversion is shared among the touches before it. Plain sums, no Django.

None of them is causal: they share what happened among what was seen, and can't say what would have happened without.
"""

from attribution.credit.catalogue import MODELS, Model, credit, shares_of
from attribution.credit.chains import Chain, chain_of, markov
from attribution.credit.coalitions import shapley
from attribution.credit.paths import Floats, NoTouches, Paths
from attribution.credit.weights import FIRST, LAST, LINEAR, POSITION, TIME_DECAY, BadWeights, Weights, shares, weighed

__all__ = [
    "FIRST",
    "LAST",
    "LINEAR",
    "MODELS",
    "POSITION",
    "TIME_DECAY",
    "BadWeights",
    "Chain",
    "Floats",
    "Model",
    "NoTouches",
    "Paths",
    "Weights",
    "chain_of",
    "credit",
    "markov",
    "shapley",
    "shares",
    "shares_of",
    "weighed",
]
