"""How paths are said and drawn: the definition in words, the table, and the picture of flows as server-made SVG."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from analytics.analyses.base import Shown
from analytics.analyses.trend_shown import event_of
from analytics.expressions.base import OTHER
from analytics.expressions.paths import Place
from growthplatform.core import formats
from growthplatform.core.charts import Kpi

if TYPE_CHECKING:
    from analytics.analyses.paths import Link, PathsQuestion, Result

KINDS = {"all": "all events", "pages": "pages", "screens": "screens", "actions": "actions (no pages or screens)"}
# The picture, in its own units: a column for each step, bars as high as there are paths.
COLUMN = 156
HEIGHT = 380
TOP = 26
BAR = 10
SPACE = 26  # between two bars: their labels have two lines
LEAST = 2
SIGNS = 22
# From so many columns on the picture is wider than the page and scrolls, so that its words can be read.
MANY = 6


@dataclass(frozen=True)
class Bar:
    """An event of a step: where it stands in the picture, and what it says."""

    x: float
    y: float
    height: float
    label: str
    event: str
    number: int
    share: float
    ended: int | None
    place: str
    other: bool

    @property
    def middle(self) -> float:
        return round(self.y + self.height / 2, 1)

    @property
    def text_x(self) -> float:
        return round(self.x + BAR + 6, 1)


@dataclass(frozen=True)
class Ribbon:
    """Paths from one bar to another: its outline, and what it says."""

    outline: str
    title: str
    place: str
    other: bool


@dataclass(frozen=True)
class Row:
    """A link as a line of the table, and where its people are."""

    step: int
    source: str
    target: str | None
    number: int
    share: float
    place: str


@dataclass(frozen=True)
class Flow:
    width: int
    height: int
    bar: int
    heads: Sequence[tuple[float, str]]
    bars: Sequence[Bar]
    ribbons: Sequence[Ribbon]
    label: str
    wide: bool


def definition(question: "PathsQuestion") -> str:
    """Say exactly what is counted."""
    walk = question.walk
    whom = "People, each by the first path only" if walk.once else "Sessions"
    event = event_of(walk.anchor) if walk.anchor else ""
    held = {
        "session": "from the first event on",
        "start": f"from the first time that {event} happens in them on",
        "end": f"up to the first time that {event} happens in them",
    }[question.anchor]
    hidden = f", without {', '.join(f'“{name}”' for name in walk.hidden)}" if walk.hidden else ""
    return (
        f"{whom}, {held}; steps are {KINDS[walk.kind]}{hidden}. A session ends where none of these follows for more"
        f" than {formats.span(walk.gap_s)}; one that runs when the period begins or ends is cut there. An event that"
        f" repeats the one before it is one step. The {question.nodes} most frequent events of each step are shown,"
        f" all others as {OTHER}."
    )


def shown(result: "Result") -> Shown:
    """Return the result for the page."""
    question = result.question
    backward = question.anchor == "end"
    unit = "people" if question.walk.once else "sessions"
    columns = ["step", "event", "before it" if backward else "next", unit, "share"]
    cells = [[row.step, row.source, row.target or "", row.number, round(row.share, 4)] for row in rows(result)]
    return Shown(
        definition(question),
        result.answer.sql,
        columns,
        cells,
        kpis=_kpis(result),
        notes=result.notes,
        empty=not result.total,
        answer=result.answer,
    )


def rows(result: "Result") -> list[Row]:
    """Return the table of links, each leading to its people."""
    return [
        Row(link.step + 1, link.source, link.target, link.number, link.number / result.total, _place(link))
        for link in result.links
    ]


def _place(link: "Link") -> str:
    return urlencode({"at": link.step + 1, "node": link.source, "next": link.target or ""})


def _kpis(result: "Result") -> list[Kpi]:
    total = result.total
    unit = "People" if result.question.walk.once else "Sessions"
    going_on = sum(link.number for link in result.links if link.step == 0 and link.target is not None)
    last = sum(result.levels[-1].values())
    steps = result.question.walk.steps
    backward = result.question.anchor == "end"
    return [
        Kpi(unit, formats.count(total), help="Paths in the picture."),
        Kpi(
            "Came from somewhere" if backward else "Went on",
            formats.share(going_on / total if total else None),
            help="Paths of two steps and more.",
        ),
        Kpi(f"{steps} steps", formats.share(last / total if total else None), help=f"Paths of {steps} steps or more."),
    ]


def flow(result: "Result") -> Flow:
    """Return the picture: bars of each step, ribbons between them; time goes from left to right."""
    levels, total, steps = result.levels, result.total, result.question.walk.steps
    most = max(len(level) for level in levels)
    scale = max(HEIGHT - SPACE * (most - 1), HEIGHT / 2) / total if total else 0.0
    backward = result.question.anchor == "end"
    bars: dict[tuple[int, str], Bar] = {}
    for step, level in enumerate(levels):
        y = float(TOP)
        for event, number in level.items():
            height = max(number * scale, LEAST)
            bars[step, event] = _bar(result, step, event, (_x(step, steps, backward=backward), y, height))
            y += height + SPACE
    bottom = max((bar.y + bar.height for bar in bars.values()), default=TOP)
    heads = [(_x(step, steps, backward=backward), _head(step, backward=backward)) for step in range(steps)]
    return Flow(
        steps * COLUMN,
        round(bottom + SPACE),
        BAR,
        heads,
        list(bars.values()),
        _ribbons(result, bars, scale, backward=backward),
        f"{result.total:,} paths in {steps} steps; the table below holds the same numbers",
        wide=steps >= MANY,
    )


def _x(step: int, steps: int, *, backward: bool) -> float:
    return float((steps - 1 - step if backward else step) * COLUMN)


def _head(step: int, *, backward: bool) -> str:
    if not step:
        return "The event" if backward else "Step 1"
    return f"{step} before" if backward else f"Step {step + 1}"


def _bar(result: "Result", step: int, event: str, spot: tuple[float, float, float]) -> Bar:
    x, y, height = spot
    number = result.levels[step][event]
    return Bar(
        x,
        round(y, 1),
        round(height, 1),
        event if len(event) <= SIGNS else f"{event[: SIGNS - 1].rstrip()}…",
        event,
        number,
        number / result.total,
        result.ended(step, event),
        urlencode({"at": step + 1, "node": event}),
        event == OTHER,
    )


def _ribbons(result: "Result", bars: dict[tuple[int, str], Bar], scale: float, *, backward: bool) -> list[Ribbon]:
    """Return the ribbons; on each bar they lie in the order of the bars they lead to, so that few cross."""
    links = [link for link in result.links if link.target is not None]
    links.sort(key=lambda link: (link.step, bars[link.step, link.source].y, bars[link.step + 1, link.target or ""].y))
    out: dict[tuple[int, str], float] = {}
    into: dict[tuple[int, str], float] = {}
    found = []
    for link in links:
        start, end = (link.step, link.source), (link.step + 1, link.target or "")
        height = link.number * scale
        from_y = bars[start].y + out.get(start, 0.0)
        to_y = bars[end].y + into.get(end, 0.0)
        out[start], into[end] = out.get(start, 0.0) + height, into.get(end, 0.0) + height
        left = (bars[start].x, from_y) if not backward else (bars[end].x, to_y)
        right = (bars[end].x, to_y) if not backward else (bars[start].x, from_y)
        found.append(_ribbon(result, link, _outline(*left, *right, max(height, 0.75)), backward=backward))
    return found


def _ribbon(result: "Result", link: "Link", outline: str, *, backward: bool) -> Ribbon:
    first, second = (link.target, link.source) if backward else (link.source, link.target)
    share = formats.share(link.number / result.total)
    return Ribbon(outline, f"{first} → {second}: {link.number:,} ({share})", _place(link), OTHER in {first, second})


def _outline(x: float, y: float, to_x: float, to_y: float, height: float) -> str:
    """Return a band of one height from the right side of a bar to the left side of another."""
    x += BAR
    middle = (x + to_x) / 2
    low, to_low = y + height, to_y + height
    return (
        f"M{x:.1f} {y:.1f}C{middle:.1f} {y:.1f} {middle:.1f} {to_y:.1f} {to_x:.1f} {to_y:.1f}"
        f"V{to_low:.1f}C{middle:.1f} {to_low:.1f} {middle:.1f} {low:.1f} {x:.1f} {low:.1f}Z"
    )


def title_of_people(question: "PathsQuestion", place: Place) -> str:
    """Say who is behind a place: "People whose path is at “Video Created” in step 2, and goes on to “Exported”"."""
    backward = question.anchor == "end"
    where = f"{place.step} before the end" if backward and place.step else f"in step {place.step + 1}"
    title = f"People whose path is at {_quoted(place.event)} {where}"
    if place.after is None:
        return title
    if not place.after:
        return f"{title}, and {'begins' if backward else 'ends'} there"
    return f"{title}, and {'comes from' if backward else 'goes on to'} {_quoted(place.after)}"


def _quoted(event: str) -> str:
    return "another event" if event == OTHER else f"“{event}”"
