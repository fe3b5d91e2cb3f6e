"""The models of credit over a project's journeys, side by side: the one function behind page, file and API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
from django.db import IntegrityError, transaction

from attribution import credit, journeys
from attribution.credit import BadWeights, Model, Weights
from attribution.journeys import Channel
from attribution.models import CreditModel, Decision, Touch
from attribution.rules import DAY_S
from customers.models import Project
from customers.remembered import remembered
from growthplatform.core.errors import InvalidField, NotFound, Problem

NOT_CAUSAL = (
    "None of these models is causal. Each shares out, by its own rule, what happened among the touches that were seen."
    " None can say what would have happened without an ad; only an experiment can: leave the ad out for some people and"
    " compare."
)
RULES = "By your rules: what the decisions say, as on the pages of campaigns and installs."
DAY = timedelta(days=1)
CHAIN_DAYS = 28
MOST_MODELS = 10
NAME_LENGTH = 60


class NameTaken(Problem):
    """The project has a model of this name."""

    status = 409
    code = "name_taken"
    message = "name: another model of this project has this name."


class TooManyModels(Problem):
    status = 409
    code = "too_many_models"
    message = f"A project has at most {MOST_MODELS} models of its own. Delete one first."


@dataclass(frozen=True)
class Column:
    """A model as it is compared; `own` is the id of a project's own weights."""

    name: str
    label: str
    sentence: str
    own: int | None = None


@dataclass(frozen=True)
class Row:
    """What each model gives one channel, in the order of the columns; `effect` is its removal effect (0-1)."""

    channel: Channel
    decided: float
    credits: tuple[float, ...]
    effect: float

    def change(self, place: int) -> float | None:
        """Return how much more (or less) a model gives than the rules do, as a share; None where those give nothing."""
        return self.credits[place] / self.decided - 1 if self.decided > 0 else None


@dataclass(frozen=True)
class Comparison:
    """All models over the journeys of a period. `organic` is what no touch brought: the same under every model."""

    by: str
    measure: str
    columns: tuple[Column, ...]
    rows: list[Row] = field(default_factory=list)
    organic: float = 0.0
    total: float = 0.0
    journeys: int = 0
    several: int = 0
    nulls: int = 0
    gone: int = 0
    clipped: bool = False
    probability: float = 0.0

    @property
    def widest(self) -> tuple[Row, int] | None:
        """Return where the models differ most from the rules: the row, and the column's place."""
        cells = [(row, place) for row in self.rows for place in range(len(self.columns))]
        if not cells:
            return None
        row, place = max(cells, key=lambda cell: abs(cell[0].credits[cell[1]] - cell[0].decided))
        return (row, place) if abs(row.credits[place] - row.decided) >= 0.5 else None


def compare(project: Project, since: datetime, until: datetime, *, by: str, measure: str) -> Comparison:
    """Share `measure` of the installs in [since, until) by every model, most credited by the rules first.

    Raises TooManyTouches.
    """
    found = journeys.journeys(project, since, until, by=by, measure=measure)
    models, paths = _models(project), found.paths
    chain = credit.chain_of(paths)
    given = [
        credit.markov(paths, chain) if name == "markov" else credit.credit(paths, model)
        for name, (_, model) in models.items()
    ]
    effects = chain.effects if measure == journeys.INSTALLS else chain.value_effects
    rows = [
        Row(channel, decided, tuple(each), effect)
        for channel, decided, effect, *each in zip(
            found.channels,
            found.decided.tolist(),
            effects.tolist(),
            *(column.tolist() for column in given),
            strict=True,
        )
        if decided or any(abs(one) > 1e-9 for one in each)
    ]
    return Comparison(
        by,
        measure,
        tuple(column for column, _ in models.values()),
        sorted(rows, key=lambda row: (-row.decided, -max(row.credits), row.channel)),
        found.organic,
        found.paths.total + found.organic,
        found.number,
        found.several,
        found.nulls,
        found.gone,
        found.clipped,
        chain.probability,
    )


@dataclass(frozen=True)
class TouchCredit:
    """The share of one touch in one conversion by each model, in the order of the columns; they add up to 1."""

    touch: Touch
    age_s: float
    credited: bool
    shares: tuple[float, ...]


def credit_of(decision: Decision, *, by: str) -> tuple[tuple[Column, ...], list[TouchCredit]]:
    """Share one decided install among its touches by every model, the oldest touch first; none when it is organic.

    Markov's shares are by the removal effects of the 28 days up to the end of the install's day. Raises TooManyTouches.
    """
    models = _models(decision.project)
    columns = tuple(column for column, _ in models.values())
    one = journeys.journey_of(decision, by=by)
    touches = Touch.objects.in_bulk(one.touches.tolist())
    if not touches:
        return columns, []
    chain = _chain_for(one, decision, by)
    shares = [credit.shares_of(one.paths, model, chain).tolist() for _, model in models.values()]
    return columns, [
        TouchCredit(touches[touch], age_days * DAY_S, touch == decision.touch_id, tuple(each))
        for touch, age_days, *each in zip(one.touches.tolist(), one.paths.ages_days.tolist(), *shares, strict=True)
        if touch in touches
    ]


def _chain_for(one: journeys.Journeys, decision: Decision, by: str) -> credit.Chain:
    """Return the removal effects of the channels of one journey, from the chain of many; its own where unknown."""
    project = decision.project
    until = datetime.combine(decision.installed_at.astimezone(project.tz).date() + DAY, time(), project.tz)

    def solve() -> tuple[float, dict[Channel, float]]:
        around = journeys.journeys(project, until - CHAIN_DAYS * DAY, until, by=by, measure=journeys.INSTALLS)
        chain = credit.chain_of(around.paths)
        return chain.probability, dict(zip(around.channels, chain.effects.tolist(), strict=True))

    probability, effects = remembered(project, f"chain:{by}:{until:%Y%m%d}", solve)
    if not all(channel in effects for channel in one.channels):
        return credit.chain_of(one.paths)
    known = np.array([effects[channel] for channel in one.channels], dtype=np.float64)
    return credit.Chain(probability, known, known)


def _models(project: Project) -> dict[str, tuple[Column, Model | Weights]]:
    """Return the standard models, then the project's own, by the names that addresses and files use."""
    found: dict[str, tuple[Column, Model | Weights]] = {
        name: (Column(name, model.label, model.sentence), model) for name, model in credit.MODELS.items()
    }
    for own in own_models(project):
        weights = weights_of(own)
        found[f"own_{own.pk}"] = (Column(f"own_{own.pk}", own.name, words_of(weights), own.pk), weights)
    return found


def columns_of(project: Project) -> tuple[Column, ...]:
    """Return all models that are compared for a project, in the order of the columns."""
    return tuple(column for column, _ in _models(project).values())


def own_models(project: Project) -> list[CreditModel]:
    """Return the project's own models by name."""
    return list(project.credit_models.order_by("name", "pk"))


def weights_of(model: CreditModel) -> Weights:
    """Return the weights of one of a project's own models."""
    return Weights.from_json(model.settings)


def words_of(weights: Weights) -> str:
    """Say in a sentence how weights share a conversion."""
    if weights.equal:
        text = "The same to each touch"
    else:
        text = f"By place: first {weights.first:g}, between {weights.middle:g}, last {weights.last:g}"
    if weights.half_life_days is not None:
        text += f"; half as much for every {weights.half_life_days:g} days before the last one"
    if weights.view < 1:
        text += f"; a view counts {weights.view:g} of a click" if weights.view else "; views count nothing"
    return text + "."


def get_model(project: Project, pk: int) -> CreditModel:
    """Return one of the project's own models. Raises NotFound, also for another project's."""
    found = project.credit_models.filter(pk=pk).first()
    if found is None:
        raise NotFound(f"There is no model {pk} in this project.")
    return found


def save_model(project: Project, name: str, settings: Mapping[str, Any], *, pk: int | None = None) -> CreditModel:
    """Keep weights under a name: a new model, or with `pk` the change of one.

    Raises InvalidField, NameTaken, TooManyModels, NotFound.
    """
    name = " ".join(str(name).replace("\x00", "").split())
    problems = {} if 0 < len(name) <= NAME_LENGTH else {"name": f"Give a name of 1 to {NAME_LENGTH} characters."}
    if name.lower() in {model.label.lower() for model in credit.MODELS.values()}:
        problems["name"] = "A standard model has this name."
    try:
        weights = Weights.from_json(settings)
    except BadWeights as bad:
        problems.update(bad.problems)
    if problems:
        raise InvalidField(
            " ".join(f"{key}: {text}" for key, text in problems.items()),
            detail=[{"field": key, "message": text} for key, text in problems.items()],
        )
    if pk is None and project.credit_models.count() >= MOST_MODELS:
        raise TooManyModels
    model = get_model(project, pk) if pk is not None else CreditModel(project=project)
    model.name, model.settings = name, weights.to_json()
    try:
        with transaction.atomic():
            model.save()
    except IntegrityError:
        raise NameTaken from None
    return model


def delete_model(project: Project, pk: int) -> CreditModel:
    """Take one of the project's own models away; return what it was. Raises NotFound."""
    model = get_model(project, pk)
    kept = CreditModel(project=project, name=model.name, settings=model.settings)
    model.delete()
    return kept
