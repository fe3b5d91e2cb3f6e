"""The models by name, each with the words that pages, files and the API use for it."""

from collections.abc import Callable
from dataclasses import dataclass

from attribution.credit import chains, coalitions, weights
from attribution.credit.paths import Floats, Paths
from attribution.credit.weights import Weights


@dataclass(frozen=True)
class Model:
    """A model of credit: its words, and the share it gives each touch. Markov shares by a chain and has no `shares`."""

    name: str
    label: str
    sentence: str
    shares: Callable[[Paths], Floats] | None

    @classmethod
    def weighing(cls, name: str, label: str, sentence: str, rule: Weights) -> "Model":
        return cls(name, label, sentence, lambda paths: weights.shares(paths, rule))


MODELS = {
    model.name: model
    for model in (
        Model.weighing("first", "First", "All to the first touch of the journey.", weights.FIRST),
        Model.weighing("last", "Last", "All to the last touch of the journey.", weights.LAST),
        Model(
            "last_non_direct",
            "Last non-direct",
            "All to the last touch that is not direct. Opening the app by oneself is no touch at all; a touch whose"
            " source is called direct, organic or none is passed over, unless the journey has no other.",
            weights.last_non_direct,
        ),
        Model.weighing("linear", "Linear", "The same to each touch.", weights.LINEAR),
        Model.weighing(
            "time_decay",
            "Time decay",
            "More to touches close to the last one: half as much for every 7 days before it.",
            weights.TIME_DECAY,
        ),
        Model.weighing(
            "position",
            "Position",
            "40% to the first touch, 40% to the last, 20% shared by those between; of two touches half each.",
            weights.POSITION,
        ),
        Model(
            "markov",
            "Markov",
            "By removal effect: how many conversions would not have been reached if every journey stopped where it"
            " meets this channel. Journeys that came to nothing count too.",
            None,
        ),
        Model(
            "shapley",
            "Shapley",
            "Each channel's average part over all orders in which the channels could have joined: each conversion in"
            " equal parts to its different channels.",
            coalitions.shares,
        ),
    )
}


def credit(paths: Paths, model: Model | Weights) -> Floats:
    """Return what each channel is credited with by a model or by a project's own weights."""
    if isinstance(model, Weights):
        return weights.weighed(paths, model)
    return chains.markov(paths) if model.shares is None else paths.by_channel(model.shares(paths))


def shares_of(paths: Paths, model: Model | Weights, chain: chains.Chain) -> Floats:
    """Return each touch's share of its own path's conversion; `chain` is what Markov's is taken from."""
    if isinstance(model, Weights):
        return weights.shares(paths, model)
    return chains.along(paths, chain) if model.shares is None else model.shares(paths)
