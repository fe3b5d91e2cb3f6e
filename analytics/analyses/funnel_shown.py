"""A funnel's result as the page shows it: words, steps, values, curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from analytics.analyses.base import Shown
from analytics.expressions.base import OTHER, Step
from analytics.expressions.funnel import LAST
from analytics.expressions.funnel_counts import BARS_S, OVERALL, Place
from growthplatform.core import charts, formats
from growthplatform.core.charts import Figure, Kpi

if TYPE_CHECKING:
    from analytics.analyses.funnel import Counted, FunnelQuestion, Result, Seconds
    from analytics.analyses.time import Buckets

WHOLE = {"*": "any event"}
# Shares of fewer people say little: they are not shaded.
FEW = 30
# Written out, as the build keeps only classes that are written somewhere.
HEATS = ["heat-1", "heat-2", "heat-3", "heat-4", "heat-5", "heat-6", "heat-7", "heat-8", "heat-9", "heat-10"]


@dataclass(frozen=True)
class Lost:
    """Those who came to a step and no further; `place` leads to them."""

    people: int
    share: float | None
    place: str


@dataclass(frozen=True)
class StepRow:
    """One step: who reached it, who of them went no further, and how long the way to the next one took.

    Widths are percent of those who entered: of all who came here but for the open ones, of the open ones, and where the
    previous period's bar ended.
    """

    number: int
    name: str
    where: str
    people: int
    place: str
    share: float | None
    share_of_previous: float | None
    before_people: int | None
    width_sure: float
    width_open: float
    before_x: float | None
    dropped: Lost
    open: Lost
    next_seconds: "Seconds | None"
    last: bool


@dataclass(frozen=True)
class ValueCell:
    number: int
    people: int
    place: str
    last: bool


@dataclass(frozen=True)
class ValueRow:
    """One value of the breakdown: its people at each step, the share that came to the end and the median of its time.

    `heat` is a class that shades the share by how it stands to the best one; "" with too few people.
    """

    value: str
    cells: Sequence[ValueCell]
    share: float | None
    heat: str
    median_s: float | None


def window_of(question: "FunnelQuestion") -> timedelta:
    return timedelta(seconds=question.window_s)


def name_of(step: Step) -> str:
    return WHOLE.get(step.event, step.event)


def where_of(step: Step) -> str:
    return ", ".join(f"{one.property} {one.operator} {' or '.join(one.values)}".strip() for one in step.where)


def event_of(step: Step) -> str:
    """Return a step as part of a sentence: “Signed Up” (plan is pro)."""
    name = WHOLE.get(step.event, f"“{step.event}”")
    return f"{name} ({where_of(step)})" if step.where else name


def definition(question: "FunnelQuestion") -> str:
    """Say exactly what the numbers mean."""
    first, *others = [event_of(step) for step in question.steps]
    within = f"within {formats.span(question.window_s)}"
    if question.order == "any":
        anything = ", ".join([first, *others])
        said = [
            f"People who did any of {anything} in the period, by how many of them they did {within}, in whatever order."
        ]
    else:
        then = ", then ".join(others)
        between = " with no other event between" if question.order == "strict" else ""
        said = [f"Of the people who did {first} in the period, those who then did {then}{between}, {within} of it."]
    said.append("One event is one step. Each person is counted once, by the attempt that came furthest.")
    said.append(
        "Who did not get on but did the first step less than that long ago is open, not dropped. Times are those from"
        " the step before; who repeats a step goes on from there."
    )
    if question.exclude and question.order != "strict":
        ending = " or ".join(event_of(step) for step in question.exclude)
        said.append(f"{ending[:1].upper()}{ending[1:]} ends an attempt: only a new first step begins another.")
    if question.where:
        said.append("Only events that hold all filters.")
    if question.by:
        said.append(_said_by(question))
    return " ".join(said)


def _said_by(question: "FunnelQuestion") -> str:
    values = f"The {question.top} values with most people, all others as {OTHER}."
    if question.by and question.by.place == "person":
        return f"By “{question.by}” of the person. {values}"
    step = "the last step reached" if question.touch == LAST else f"step {question.touch}"
    return f"By “{question.by}” of the event at {step}. {values}"


def notes(question: "FunnelQuestion", now: "Counted") -> list[str]:
    """Say what must be read with the numbers."""
    found = []
    if number := now.is_open():
        people = "1 person is" if number == 1 else f"{number:,} people are"
        found.append(f"{people} still within {formats.span(question.window_s)} of their first step, and may go on.")
    if now.values is not None and now.values > question.top:
        found.append(
            f"“{question.by}” has {now.values:,} values among these people: the {question.top} with most people are"
            f" shown, the other {now.values - question.top:,} together as {OTHER}."
        )
    if question.exclude and question.order == "strict":
        found.append("In strict order every other event ends an attempt, so what is excluded changes nothing.")
    return found


def shown(result: "Result") -> Shown:
    """Return the result for the page."""
    now = result.now
    columns, rows = table(result)
    entered = now.reached(1)
    return Shown(
        definition(result.question),
        now.answer.sql,
        columns,
        rows,
        figures=[_curve(result), *_histogram(result)] if entered else [],
        kpis=_kpis(result),
        notes=result.notes,
        empty=not entered,
        answer=now.answer,
    )


def table(result: "Result") -> tuple[list[str], list[list[object]]]:
    """Return the numbers behind the funnel: a row a step, of each value of the breakdown where there is one."""
    question, now = result.question, result.now
    columns = [
        *([str(question.by)] if question.by else []),
        *("step", "event", "people", "share", "share_of_previous", "open", "dropped", "median_s", "p75_s", "p90_s"),
        *(["people_before"] if result.previous else []),
    ]
    values: list[str | None] = [None, *now.by_value] if question.by else [None]
    rows: list[list[object]] = []
    for value in values:
        for number, step in enumerate(question.steps, start=1):
            seconds = now.seconds.get((value, number))
            rows.append(
                [
                    *([value or "(all)"] if question.by else []),
                    number,
                    step.event,
                    now.reached(number, value),
                    now.share(number, value),
                    now.share(number, value, of=max(1, number - 1)),
                    now.stopped(number, value, is_open=True),
                    now.stopped(number, value, is_open=False),
                    *((seconds.p50, seconds.p75, seconds.p90) if seconds else (None, None, None)),
                    *([result.previous.reached(number, value)] if result.previous else []),
                ]
            )
    return columns, rows


def step_rows(result: "Result") -> list[StepRow]:
    """Return the steps of the funnel."""
    return [_step_row(result, number, step) for number, step in enumerate(result.question.steps, start=1)]


def _step_row(result: "Result", number: int, step: Step) -> StepRow:
    question, now, before = result.question, result.now, result.previous
    whole, people, still = now.reached(1) or 1, now.reached(number), now.stopped(number, is_open=True)
    share_before = before.share(number) if before else None
    return StepRow(
        number=number,
        name=_step_name(question, number, step),
        where="" if question.order == "any" else where_of(step),
        people=people,
        place=urlencode({"at": number}),
        share=now.share(number),
        share_of_previous=now.share(number, of=max(1, number - 1)),
        before_people=before.reached(number) if before else None,
        width_sure=100 * (people - still) / whole,
        width_open=100 * still / whole,
        before_x=100 * share_before if share_before is not None else None,
        dropped=_lost(now, number, "dropped"),
        open=_lost(now, number, "open"),
        next_seconds=now.seconds.get((None, number + 1)),
        last=number == question.number,
    )


def _step_name(question: "FunnelQuestion", number: int, step: Step) -> str:
    if question.order == "any":
        return "Completed 1 step" if number == 1 else f"Completed {number} steps"
    return name_of(step)


def _lost(now: "Counted", number: int, state: str) -> Lost:
    people = now.stopped(number, is_open=state == "open")
    reached = now.reached(number)
    return Lost(people, people / reached if reached else None, urlencode({"at": number, "state": state}))


def value_rows(result: "Result") -> list[ValueRow]:
    """Return the values of the breakdown, by the number of their people."""
    now, number = result.now, result.question.number
    shares = {value: now.share(number, value) for value in now.by_value}
    enough = {value for value in shares if now.reached(1, value) >= FEW}
    best = max((shares[value] or 0 for value in enough), default=0)
    rows = []
    for value, share in shares.items():
        cells = [
            ValueCell(step, now.reached(step, value), urlencode({"at": step, "value": value}), step == number)
            for step in range(1, number + 1)
        ]
        seconds = now.seconds.get((value, OVERALL))
        shaded = best and share and value in enough
        heat = HEATS[max(1, round(10 * share / best)) - 1] if shaded and share else ""
        rows.append(ValueRow(value, cells, share, heat, seconds.p50 if seconds else None))
    return rows


def _kpis(result: "Result") -> list[Kpi]:
    now, before, last = result.now, result.previous, result.question.number
    seconds = now.seconds.get((None, OVERALL))
    past = before.seconds.get((None, OVERALL)) if before else None
    share, past_share = now.share(last), before.share(last) if before else None
    return [
        Kpi(
            "Conversion",
            formats.share(share),
            help="Of those who entered, the share that came to the last step so far.",
            now=share,
            before=past_share,
            before_text=formats.share(past_share) if past_share is not None else "",
        ),
        _people_kpi(result, "Entered", 1, "People who took a first step in the period."),
        _people_kpi(result, "Came to the end", last, "People who did all steps within the time."),
        Kpi(
            "Median time",
            formats.span(seconds.p50) if seconds else formats.NONE,
            help="From the first step of the counted attempt to the last: half of those who came to the end were"
            " faster.",
            now=seconds.p50 if seconds else None,
            before=past.p50 if past else None,
            before_text=formats.span(past.p50) if past else "",
            falling_good=True,
        ),
    ]


def _people_kpi(result: "Result", label: str, step: int, help_text: str) -> Kpi:
    now = result.now.reached(step)
    before = result.previous.reached(step) if result.previous else None
    text = formats.count(before) if before else ""
    return Kpi(label, formats.count(now), help=help_text, now=now, before=before, before_text=text)


def _curve(result: "Result") -> Figure:
    """Return the conversion of those who entered in each bucket; those with open people are not over."""
    now, before = result.now, result.previous
    shares = [_share_of(now, place) for place in range(len(now.buckets.starts))]
    fresh = result.question.now - window_of(result.question)
    unfinished = sum(start > fresh for start in [*now.buckets.starts[1:], result.question.period.end])
    return charts.lines(
        "funnel-curve",
        f"Conversion by {now.buckets.unit} of entry, one line",
        x=now.buckets.starts,
        series=[charts.Series("Conversion", shares, "blue")],
        unit=f"of those who entered in the {now.buckets.unit}",
        previous=[_share_of(before, place) for place in range(len(before.buckets.starts))] if before else (),
        previous_name=result.question.period.previous.label if result.question.period.previous else "",
        unfinished=min(unfinished, len(shares)),
        number="percent",
    )


def _share_of(counted: "Counted", place: int) -> float | None:
    key = counted.buckets.keys[place]
    entered = counted.reached(1, bucket=key)
    return counted.reached(counted.number, bucket=key) / entered if entered else None


def _histogram(result: "Result") -> list[Figure]:
    """Return how many took how long from the first step to the last; nothing when nobody came there."""
    bars = result.now.bars.get(OVERALL, ())
    if not any(bars):
        return []
    first = next(place for place, number in enumerate(bars) if number)
    last = max(place for place, number in enumerate(bars) if number)
    names = [_bar_name(place) for place in range(first, last + 1)]
    numbers = list(bars[first : last + 1])
    whole = sum(numbers)
    option = {
        "xAxis": {"type": "category", "data": names},
        "yAxis": {"type": "value", "name": "people", "axisLabel": {"formatter": "%compact"}},
        "series": [
            {
                "name": "People",
                "type": "bar",
                "colour": "$blue",
                "barCategoryGap": "12%",
                "tooltip": {"valueFormatter": "%integer"},
                "data": numbers,
            }
        ],
    }
    rows = [
        [name, formats.count(number), formats.share(number / whole)]
        for name, number in zip(names, numbers, strict=True)
    ]
    label = "How long people took from the first step to the last, one bar for each length of time"
    return [Figure("funnel-times", label, option, ["Time", "People", "Share"], rows)]


def _bar_name(place: int) -> str:
    if place + 1 == len(BARS_S):
        return f"over {formats.span(BARS_S[place])}"
    return f"under {formats.span(BARS_S[place + 1])}" if place == 0 else f"from {formats.span(BARS_S[place])}"


def title_of_people(question: "FunnelQuestion", place: Place, buckets: "Buckets") -> str:
    """Say who is at a place: People who came to step 2, “First Video”, and no further."""
    step = question.steps[place.step - 1]
    where = (
        f"completed {place.step} steps" if question.order == "any" else f"came to step {place.step}, {event_of(step)}"
    )
    title = f"People who {where}"
    title += {"reached": "", "dropped": " and stopped there", "open": " and may still go on"}[place.state]
    if place.bucket is not None:
        title += f", entered {buckets.said(buckets.starts[buckets.keys.index(place.bucket)])}"
    return f"{title}, {question.by}: {place.value}" if question.by and place.value is not None else title
