"""How right matches by network are in a project, as it was measured there: the page's and the API's numbers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from attribution import calibration, rule_sets
from attribution.learning import FEWEST, Bin, Measured
from attribution.models import Decision, MatchModel
from attribution.posterior import AGES_H, QUIET, USUAL_CTIT, Model
from attribution.rules import CLICK_ID, INSTALL_REFERRER, PROBABILISTIC
from customers.models import Project

SPAN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """What is known of a project. `measured` and `model` are None while it has too few certain installs.

    `matched` and `abstained` count the decisions of the last 30 days: credited to a click of the network, and those
    where none was likely enough. `certain` are the installs that could teach in that time.
    """

    measured: Measured | None
    model: Model | None
    measured_at: datetime | None
    accept: float
    matched: int
    abstained: int
    certain: int
    needed: int = FEWEST


def of_project(project: Project, *, now: datetime) -> Accuracy:
    """Return the newest measurement of a project, and what it was decided by since."""
    row = calibration.newest_of(project)
    recent = Decision.objects.filter(project=project, installed_at__gt=now - SPAN, kind=Decision.Kind.INSTALL)
    return Accuracy(
        measured=measured_of(row) if row else None,
        model=Model.from_json(row.model) if row else None,
        measured_at=row.created_at if row else None,
        accept=rule_sets.current([project.pk])[project.pk].rules.accept,
        matched=recent.filter(tier=PROBABILISTIC, rejected=False).count(),
        abstained=recent.filter(notes__contains=["abstained"]).count(),
        certain=recent.filter(tier__in=(INSTALL_REFERRER, CLICK_ID), rejected=False).count(),
    )


def measured_of(row: MatchModel) -> Measured:
    """Read a stored measurement."""
    stored = {name: value for name, value in row.measured.items() if name in Measured.__dataclass_fields__}
    return Measured(**{**stored, "bins": [Bin(**one) for one in stored["bins"]]})


def shape(found: Accuracy) -> dict[str, Any]:
    """Return the answer of the API."""
    measured = found.measured
    return {
        "measuredAt": found.measured_at,
        "accept": found.accept,
        "matchedByNetwork": found.matched,
        "abstained": found.abstained,
        "certainInstalls": found.certain,
        "neededInstalls": found.needed,
        "measured": None
        if measured is None
        else {
            "installs": measured.examples,
            "organic": measured.organic,
            "accept": measured.accept,
            "named": measured.named,
            "right": measured.right,
            "precision": measured.precision,
            "precisionFrom": measured.lowest,
            "precisionTo": measured.highest,
            "recall": measured.recall,
            "brier": measured.brier,
            "bins": [
                {
                    "from": one.low,
                    "to": one.high,
                    "installs": one.number,
                    "said": one.said,
                    "right": one.right / one.number,
                }
                for one in measured.bins
            ],
        },
    }


@dataclass(frozen=True, slots=True)
class Learned:
    """One thing the model has learned, in words, beside what is assumed without."""

    name: str
    value: str
    usual: str
    means: str


def learned(model: Model) -> list[Learned]:
    """Return the main things that a model has learned."""
    usual = Model()
    quiet = model.ctit.get(QUIET, USUAL_CTIT)
    rows = [
        Learned(
            "Installs with a click",
            f"{model.prior:.0%}",
            f"{usual.prior:.0%}",
            "Of the installs that no id decides: how many have the click that brought them on their own network.",
        ),
        Learned(
            "Within an hour of the click",
            f"{_share_until(quiet, 1.0):.0%}",
            f"{_share_until(USUAL_CTIT, 1.0):.0%}",
            "Of the installs with a click on the same network within a day, on quiet addresses.",
        ),
        Learned(
            "Strangers’ clicks, quiet address",
            f"{_strangers(model, 0) * 24:.3f} a day",
            f"{_strangers(usual, 0) * 24:.3f} a day",
            "Clicks by other people to expect on an address that had none in the days before.",
        ),
        Learned(
            "Strangers’ clicks, after 5 in 6 days",
            f"{_strangers(model, 5) * 24:.2f} a day",
            f"{_strangers(usual, 5) * 24:.2f} a day",
            "The same for an address that had five clicks in the six days before.",
        ),
        Learned(
            "Second taps",
            f"{model.repeat:.0%}",
            f"{usual.repeat:.0%}",
            "How many earlier taps of the same person come with one: they are no rivals of it.",
        ),
    ]
    names = {"locale": "language", "time_zone": "time zone", "screen": "screen size"}
    rows += [
        Learned(
            f"Same {names.get(name, name)}",
            f"{one.agree:.0%}",
            f"{usual.soft[name].agree:.0%}",
            "How often click and install of one person agree in it; a stranger on the same network agrees in"
            f" {one.together:.0%} because of the place, else by chance.",
        )
        for name, one in model.soft.items()
    ]
    return rows


def _strangers(model: Model, seen: int) -> float:
    return model.noise[seen] if model.noise else (model.noise_clicks + seen) / (model.noise_hours + 144)


def _share_until(density: Any, hours: float) -> float:
    """Return the share of a density's first day that lies before so many hours."""
    parts = [
        ((AGES_H[knot + 1] - AGES_H[knot]) * (density[knot] + density[knot + 1]) / 2, after)
        for knot, (_, after) in enumerate(pairwise(AGES_H))
        if after <= 24
    ]
    whole = sum(part for part, _ in parts)
    return sum(part for part, after in parts if after <= hours) / whole if whole else 0.0
