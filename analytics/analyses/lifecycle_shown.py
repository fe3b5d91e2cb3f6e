"""How a lifecycle is said and drawn: bars upwards for those who are active, downwards for those who left."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from analytics.analyses.base import Shown
from analytics.analyses.trend_shown import event_of
from analytics.expressions.lifecycle import STATES
from growthplatform.core import charts, formats
from growthplatform.core.charts import Figure, Kpi

if TYPE_CHECKING:
    from analytics.analyses.lifecycle import LifecycleQuestion, Result

COLOURS = {"new": "blue", "returning": "green", "resurrected": "purple", "dormant": "vermilion"}
MOST_ROWS = 31


@dataclass(frozen=True)
class Cell:
    """A number and where its people are, "" where there are none."""

    text: str
    place: str = ""


@dataclass(frozen=True)
class Table:
    head: str
    rows: Sequence[tuple[str, Sequence[Cell]]]
    left: int


def definition(question: "LifecycleQuestion") -> str:
    """Say exactly what is counted."""
    unit, event = question.cycles.unit, event_of(question.step)
    return (
        f"New: the first time ever that somebody did {event} is in the {unit}. Returning: they did it in the {unit}"
        f" before as well. Resurrected: they did it some time before, but not in the {unit} before. Dormant: they did"
        f" it in the {unit} before, but not in this one. New, returning and resurrected together are all that were"
        f" active; returning and dormant together are all that were active in the {unit} before. {unit.capitalize()}s"
        f" are whole, by the calendar in {question.period.zone}."
    )


def notes(question: "LifecycleQuestion") -> list[str]:
    """Say what must be read with the numbers."""
    cycles = question.cycles
    if cycles.unit == "day" or cycles.day(cycles.first) >= question.period.first:
        return []
    day = cycles.day(cycles.first)
    return [f"{cycles.unit.capitalize()}s are whole: the first begins on {day.day} {day:%b %Y}, before the period."]


def shown(result: "Result") -> Shown:
    """Return the result for the page."""
    question = result.question
    starts = [f"{start.date()}" for start in result.starts]
    return Shown(
        definition(question),
        result.answer.sql,
        [question.cycles.unit, *STATES, "active"],
        [
            [start, *(result.people[state][place] for state in STATES), result.active[place]]
            for place, start in enumerate(starts)
        ],
        figures=[_figure(result)],
        kpis=_kpis(result),
        notes=result.notes,
        empty=not any(any(result.people[state]) for state in STATES),
        answer=result.answer,
    )


def _figure(result: "Result") -> Figure:
    question = result.question
    series = [
        charts.Series(state.capitalize(), [-one if state == "dormant" else one for one in result.people[state]], colour)
        for state, colour in COLOURS.items()
    ]
    figure = charts.bars(
        "lifecycle",
        f"People by {question.cycles.unit}: new, returning and resurrected above the line, dormant below it",
        x=result.starts,
        series=series,
        unit="people",
        unfinished=len(result.starts) - result.complete,
    )
    rows = [
        [f"{start.date()}", *(formats.count(result.people[state][place]) for state in STATES)]
        for place, start in enumerate(result.starts)
    ]
    return replace(
        figure, columns=[question.cycles.unit.capitalize(), *(state.capitalize() for state in STATES)], rows=rows[::-1]
    )


def _kpis(result: "Result") -> list[Kpi]:
    """Return the sums over the intervals that are over, against as many right before."""
    helps = {
        "new": "People who came for the first time ever.",
        "returning": "Each person once for every interval in which they came again.",
        "resurrected": "Came back after at least one interval without them.",
        "dormant": "Had come in the interval before, and did not in this one.",
    }
    found = []
    over = result.complete
    # Before a project has a past there is nothing to compare with.
    before = result.previous if result.previous and any(any(one) for one in result.previous.values()) else None
    for state in STATES:
        number = sum(result.people[state][:over])
        past = sum(before[state][:over]) if before else None
        found.append(
            Kpi(
                state.capitalize(),
                formats.count(number),
                help=helps[state],
                now=number if past is not None else None,
                before=past,
                before_text=formats.count(past) if past is not None else "",
                points=result.people[state][:over],
                falling_good=state == "dormant",
            )
        )
    return found


def page_table(result: "Result") -> Table:
    """Return the newest intervals, each number leading to its people."""
    cycles = result.question.cycles
    rows: list[tuple[str, list[Cell]]] = []
    numbers = list(enumerate(cycles.numbers))
    for place, number in reversed(numbers[-MOST_ROWS:]):
        at = f"{cycles.day(number)}"
        cells = []
        for state in STATES:
            people = result.people[state][place]
            cells.append(Cell(formats.count(people), urlencode({"at": at, "state": state}) if people else ""))
        active = result.active[place]
        cells.append(Cell(formats.count(active), urlencode({"at": at}) if active else ""))
        rows.append((cycles.title(number) + ("" if place < result.complete else ", not over"), cells))
    return Table(cycles.unit.capitalize(), rows, max(0, len(numbers) - MOST_ROWS))


def title_of_people(question: "LifecycleQuestion", cycle: int, state: str) -> str:
    """Say who is behind a bar: "Dormant in the week of 2 Nov 2026"."""
    words = state.capitalize() if state else "Active"
    return f"{words} {question.cycles.said(cycle)}, by {event_of(question.step)}"
