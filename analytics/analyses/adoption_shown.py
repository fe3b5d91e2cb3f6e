"""How adoption is said and drawn: a row a feature, and a curve by when people could begin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from analytics.analyses.base import Shown
from analytics.analyses.trend_shown import COLOURS, MOST_LINES, WHOLE, colour_of, event_of
from analytics.expressions.base import OTHER
from growthplatform.core import charts, formats
from growthplatform.core.charts import Figure, Kpi

if TYPE_CHECKING:
    from analytics.analyses.adoption import AdoptionQuestion, Counted, Feature, Result

MOST_KPIS = 4


@dataclass(frozen=True)
class Row:
    """A feature in the table of the page."""

    name: str
    colour: str
    counted: "Counted"
    before: float | None
    median_s: float | None
    p90_s: float | None
    adopted: str
    missing: str
    waiting: str
    again: str

    @property
    def not_yet(self) -> int:
        """Return how many did not, and have no time left."""
        return self.counted.eligible - self.counted.people - self.counted.waiting

    @property
    def uses(self) -> str:
        return formats.decimal(self.counted.uses_per_week)


@dataclass(frozen=True)
class Values:
    """Shares by value of the breakdown: a row a value, a cell a feature."""

    heads: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence["ValueCell"]]]


@dataclass(frozen=True)
class ValueCell:
    text: str
    title: str
    place: str


def definition(question: "AdoptionQuestion") -> str:
    """Say exactly what is counted."""
    asked = question.asked
    fresh = " for the first time ever" if asked.fresh else ""
    within = f"within {formats.span(asked.within)} of it" if asked.within else "from then to the end of the period"
    often = "once" if asked.times == 1 else f"{asked.times} times"
    said = [
        f"Eligible: people who did {event_of(asked.eligible)}{fresh} in the period, from their first time in it on.",
        f"Adopters: those who used the feature at least {often}, {within}.",
        "Open: not yet, and their time is not over.",
        "Time to adopt: from becoming eligible to that use.",
        "Uses a week: of adopters, from adopting to the end of their time, by begun weeks.",
        "Again: used it once more in the second week after adopting, of those who adopted two weeks ago or longer.",
    ]
    if asked.by:
        said.append(
            f"By “{asked.by}” of the event that made them eligible; the {asked.top} largest values, all others as"
            f" {OTHER}."
        )
    return " ".join(said)


def notes(question: "AdoptionQuestion") -> list[str]:
    """Say what must be read with the numbers."""
    cycles = question.cycles
    if cycles.unit == "day" or cycles.day(cycles.first) >= question.period.first:
        return []
    return [f"The first {cycles.unit} of the curve begins before the period: only its days inside are counted."]


def _name(event: str) -> str:
    whole = WHOLE.get(event, event)
    return whole[:1].upper() + whole[1:]


def _colour(place: int) -> str:
    return colour_of(place, None)


def shown(result: "Result") -> Shown:
    """Return the result for the page."""
    columns, rows = table(result)
    return Shown(
        definition(result.question),
        result.answers[0].sql,
        columns,
        rows,
        figures=[_figure(result)],
        kpis=_kpis(result),
        notes=result.notes,
        empty=not result.eligible,
        answer=result.answers[0],
    )


def table(result: "Result") -> tuple[list[str], list[list[object]]]:
    """Return the numbers: a row a feature, or a feature and a value of the breakdown."""
    by = result.question.by
    columns = ["feature", *([str(by)] if by else []), "eligible", "adopters", "open", "share", "uses a week"]
    columns += ["again", "again of", *([] if by else ["p50 seconds", "p75 seconds", "p90 seconds"])]
    rows: list[list[object]] = []
    for feature in result.features:
        if by:
            rows += [[feature.event, value, *_numbers(counted)] for value, counted in feature.values.items()]
        else:
            times = [feature.seconds.get(share) for share in (0.5, 0.75, 0.9)]
            rows.append([feature.event, *_numbers(feature.total), *times])
    return columns, rows


def _numbers(counted: "Counted") -> list[object]:
    share, uses = counted.share, counted.uses_per_week
    return [
        counted.eligible,
        counted.people,
        counted.waiting,
        None if share is None else round(share, 6),
        None if uses is None else round(uses, 6),
        counted.again,
        counted.ripe,
    ]


def _figure(result: "Result") -> Figure:
    """Return the share of adopters by when they became eligible, a line for each feature."""
    question = result.question
    cycles = question.cycles
    starts = [datetime.combine(cycles.day(number), time(), cycles.calendar.zone) for number in cycles.numbers]
    series = [
        charts.Series(
            _name(feature.event), [feature.cycles[number].share for number in cycles.numbers], _colour(feature.place)
        )
        for feature in result.features[:MOST_LINES]
    ]
    past = result.features[0].previous if len(result.features) == 1 else None
    figure = charts.lines(
        "adoption",
        f"Share of people that adopted, by the {cycles.unit} in which they could begin",
        x=starts,
        series=series,
        unit="adopted",
        unfinished=_unfinished(result),
        number="percent",
        previous=[past.share] * len(starts) if past and past.share is not None else (),
        previous_name="Mean of the period before",
    )
    return replace(figure, columns=[cycles.unit.capitalize(), *figure.columns[1:]])


def _unfinished(result: "Result") -> int:
    """Return for how many of the last cycles somebody's time is not over."""
    question = result.question
    asked, cycles = question.asked, question.cycles
    if not asked.within:
        return 0 if asked.until <= asked.now else 1
    return sum(min(cycles.end(number), asked.until) + asked.within > asked.now for number in cycles.numbers)


def _kpis(result: "Result") -> list[Kpi]:
    """Return how many could, and which share did, feature by feature."""
    found = [Kpi("Eligible", formats.count(result.eligible), help="People who could use the features.")]
    for feature in result.features[:MOST_KPIS]:
        share, before = feature.total.share, feature.previous.share if feature.previous else None
        found.append(
            Kpi(
                _name(feature.event) if len(result.features) > 1 else "Adopted",
                formats.share(share),
                help=f"{feature.total.people:,} of {feature.total.eligible:,} people.",
                now=share if before is not None else None,
                before=before,
                before_text=formats.share(before) if before is not None else "",
            )
        )
    if len(result.features) == 1:
        found += _more_kpis(result.features[0])
    return found


def _more_kpis(feature: "Feature") -> list[Kpi]:
    total = feature.total
    return [
        Kpi("Time to adopt", formats.span(feature.seconds.get(0.5)), help="Median, from becoming eligible."),
        Kpi("Uses a week", formats.decimal(total.uses_per_week), help="Of an adopter, from adopting on."),
        Kpi("Used again", formats.share(total.again_share), help=f"{total.again:,} of {total.ripe:,} adopters."),
    ]


def page_table(result: "Result") -> list[Row]:
    """Return a row a feature, the most adopted first, each number leading to its people."""
    rows = []
    for feature in result.features:
        total = feature.total

        def place(state: str, number: int, feature: "Feature" = feature) -> str:
            return urlencode({"feature": f"{feature.place + 1}", "state": state}) if number else ""

        rows.append(
            Row(
                _name(feature.event),
                COLOURS[feature.place % len(COLOURS)],
                total,
                feature.previous.share if feature.previous else None,
                feature.seconds.get(0.5),
                feature.seconds.get(0.9),
                place("adopted", total.people),
                place("not", total.eligible - total.people - total.waiting),
                place("open", total.waiting),
                place("again", total.again),
            )
        )
    return sorted(rows, key=lambda row: -row.counted.people)


def by_value(result: "Result") -> Values | None:
    """Return the shares by value of the breakdown; None without one."""
    if not result.question.by:
        return None
    rows = []
    for value, first in result.features[0].values.items():
        cells = [_value_cell(feature, value) for feature in result.features]
        rows.append((value, formats.count(first.eligible), cells))
    return Values([_name(feature.event) for feature in result.features], rows)


def _value_cell(feature: "Feature", value: str) -> ValueCell:
    counted = feature.values[value]
    named = {"feature": f"{feature.place + 1}", "state": "adopted", "value": value}
    title = f"{counted.people:,} of {counted.eligible:,} people"
    return ValueCell(formats.share(counted.share), title, urlencode(named) if counted.people else "")


def title_of_people(question: "AdoptionQuestion", place: int, state: str, cycle: int | None, value: str | None) -> str:
    """Say who is behind a number: "Adopted “Template Used”"."""
    feature = event_of(question.asked.features[place])
    title = {
        "adopted": f"Adopted {feature}",
        "not": f"Did not adopt {feature}",
        "open": f"May still adopt {feature}",
        "again": f"Used {feature} again in the second week",
        "eligible": f"Could use {feature}",
    }[state]
    title += f", eligible {question.cycles.said(cycle)}" if cycle is not None else ""
    return f"{title}, {question.by}: {value}" if value is not None else title
