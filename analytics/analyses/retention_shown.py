"""How retention is said and drawn: its definition, the heat map of cohorts, the curve of their mean."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from analytics.analyses.base import Shown
from analytics.analyses.trend_shown import COLOURS, event_of
from analytics.expressions.base import OTHER
from analytics.expressions.retention import DAYS
from growthplatform.core import formats
from growthplatform.core.charts import Figure, Kpi

if TYPE_CHECKING:
    from analytics.analyses.retention import Cell, Result, RetentionQuestion, Row

# A cohort with fewer people says little: its cells are in italics.
FEW = 30
LEVELS = 10
# More rows than a page can show; the file has all.
MOST_ROWS = 60
MOST_LINES = 12
KEY_CELLS = {"day": (1, 7, 14, 30), "week": (1, 4, 8, 12), "month": (1, 3, 6, 12)}
MOST_KPIS = 4


@dataclass(frozen=True)
class HeatCell:
    text: str
    css: str
    title: str
    place: str = ""


@dataclass(frozen=True)
class HeatRow:
    label: str
    size: str
    place: str
    cells: Sequence[HeatCell]
    wait: str = ""


@dataclass(frozen=True)
class Heat:
    """The table of the page, newest cohort first; `left` is how many older ones are only in the file."""

    head: str
    heads: Sequence[str]
    mean: HeatRow | None
    rows: Sequence[HeatRow]
    highest: str
    few: int
    left: int
    money: bool


def heads(question: "RetentionQuestion") -> list[str]:
    """Return the names of the cells: "Week 0", "Weeks 1–4"."""
    unit = question.cycles.unit.capitalize()
    return [f"{unit} {a}" if a == b else f"{unit}s {a}–{b}" for a, b in question.asked.spans]


def definition(question: "RetentionQuestion") -> str:
    """Say exactly what is counted."""
    asked, unit = question.asked, question.cycles.unit
    start, comeback = event_of(asked.start), event_of(asked.comeback)
    who = (
        f"the {unit} of their first {start.removeprefix('any ')} ever"
        if asked.once
        else f"each {unit} in which they did {start}"
    )
    often = f" at least {asked.times} times" if asked.times > 1 else ""
    said = [f"People by {who}, and how many of them did {comeback}{often} {_when(question)}."]
    if asked.clock == "window":
        length = DAYS[unit]
        said.append(
            f"{unit.capitalize()} 0 is the first {24 * length:,} hours from the start of each person"
            f"{f' ({length} days)' if length > 1 else ''}, {unit} 1 the same length after it."
        )
    else:
        said.append(
            f"{unit.capitalize()}s are those of the calendar in {question.period.zone}; {unit} 0 is the one of the"
            " start, from the start on."
        )
    said.append(
        "Cells that are not over for everybody are marked and not in the mean, which is"
        f" {'weighted by people' if question.mean == 'weighted' else 'of the cohorts, each counting the same'}."
    )
    if asked.of:
        said.append(f"Sums are of “{asked.of}” over what came back; an event without a number adds nothing.")
    if asked.by:
        said.append(
            f"By “{asked.by}” of the event that they started with; the {asked.top} largest values, all others as"
            f" {OTHER}."
        )
    return " ".join(said)


def _when(question: "RetentionQuestion") -> str:
    unit = question.cycles.unit
    return {
        "classic": f"in exactly {unit} 1, 2 … after it",
        "unbounded": f"in {unit} 1, 2 … after it or in any later one",
        "bracket": f"in the {unit}s of each bracket",
    }[question.asked.mode]


def notes(question: "RetentionQuestion") -> list[str]:
    """Say what must be read with the numbers."""
    cycles, found = question.cycles, []
    if cycles.unit != "day" and cycles.day(cycles.first) < question.period.first:
        found.append(
            f"Cohorts are whole {cycles.unit}s: the first begins on {_day(question, cycles.first)}, before the period."
        )
    return found


def _day(question: "RetentionQuestion", cohort: int) -> str:
    day = question.cycles.day(cohort)
    return f"{day.day} {day:%b %Y}"


def shown(result: "Result") -> Shown:
    """Return the result for the page."""
    columns, rows = table(result)
    return Shown(
        definition(result.question),
        result.answer.sql,
        columns,
        rows,
        figures=[_figure(result)],
        kpis=[] if result.question.by else _kpis(result),
        notes=result.notes,
        empty=not any(row.size for row in result.cohorts),
        answer=result.answer,
    )


def table(result: "Result") -> tuple[list[str], list[list[object]]]:
    """Return the numbers behind the heat map: a row a cohort, counts of people, then sums of the property."""
    question = result.question
    names = [name.lower() for name in heads(question)]
    columns = [question.cycles.unit, *([str(question.by)] if question.by else []), "people", *names]
    columns += [f"{question.asked.of} in {name}" for name in names] if question.asked.of else []
    rows: list[list[object]] = []
    for row in result.cohorts:
        assert row.cohort is not None
        line: list[object] = [f"{question.cycles.day(row.cohort)}", *([row.value] if question.by else []), row.size]
        line += [cell.people for cell in row.cells]
        line += [cell.amount for cell in row.cells] if question.asked.of else []
        rows.append(line)
    return columns, rows


def heat(result: "Result") -> Heat:
    """Return the heat map."""
    question = result.question
    money = question.asked.of is not None
    drawn = list(result.rows) if question.by else list(reversed(result.rows))
    top = _top(result, money=money)
    mean = None
    if not question.by:
        cells = [_heat_cell(result, None, cell, top) for cell in result.mean]
        if not money:
            cells = [_mean_cell(cell, share, top) for cell, share in zip(cells, result.mean_shares, strict=True)]
        mean = HeatRow("All, where complete", formats.count(sum(row.size for row in result.rows)), "", cells)
    unit = question.cycles.unit
    begun = _begun(result)
    rows = [_heat_row(result, row, top) for row in drawn[:MOST_ROWS]]
    return Heat(
        str(question.by) if question.by else f"Started {'on' if unit == 'day' else f'in the {unit} of'}",
        heads(question)[:begun],
        replace(mean, cells=mean.cells[:begun]) if mean else None,
        [replace(row, cells=row.cells[:begun]) for row in rows],
        formats.decimal(top) + " a person" if money else formats.share(top, 0),
        FEW,
        max(0, len(drawn) - MOST_ROWS),
        money,
    )


def _begun(result: "Result") -> int:
    """Return how many cells are drawn: those that have begun for anybody, as a young project has few."""
    cells = [cell for row in result.cohorts if row.size for cell in row.cells]
    return max((cell.place + 1 for cell in cells if cell.people is not None), default=1)


def _top(result: "Result", *, money: bool) -> float:
    """Return the largest share (or sum a person) of the heat map; period 0 is darker than all where it is everybody."""
    cells = [cell for row in result.rows for cell in row.cells if cell.state == "complete" and row.size >= FEW]
    cells = cells or [cell for row in result.rows for cell in row.cells if cell.people is not None]
    later = [cell for cell in cells if cell.place] or cells
    return max((_measure(cell, money=money) or 0.0 for cell in later), default=0.0)


def _measure(cell: "Cell", *, money: bool) -> float | None:
    if not money:
        return cell.share
    return cell.amount / cell.of if cell.amount is not None and cell.of else None


def _level(value: float | None, top: float) -> str:
    if not value or top <= 0:
        return ""
    return f"heat-{min(LEVELS, max(1, round(value / top * LEVELS)))}"


def _heat_row(result: "Result", row: "Row", top: float) -> HeatRow:
    question = result.question
    if row.cohort is None:
        named = {"value": row.value or ""}
        label = row.value or ""
    else:
        named = {"row": f"{question.cycles.day(row.cohort)}"}
        label = question.cycles.title(row.cohort)
    cells = [_heat_cell(result, row, cell, top, named) for cell in row.cells]
    wait = "" if row.size else "Nobody started"
    return HeatRow(label, formats.count(row.size), urlencode(named) if row.size else "", cells, wait)


def _heat_cell(
    result: "Result", row: "Row | None", cell: "Cell", top: float, named: dict[str, str] | None = None
) -> HeatCell:
    if cell.people is None or not cell.of:
        return HeatCell("", "is-future", "")
    money = result.question.asked.of is not None
    measured = _measure(cell, money=money)
    css = [_level(measured, top), "is-partial" if cell.state == "partial" else "", "is-few" if cell.of < FEW else ""]
    title = f"{cell.people:,} of {cell.of:,} people"
    if money:
        title = f"{formats.decimal(cell.amount)} from {title}"
    if cell.state == "partial":
        title += ", not over for everybody"
    text = formats.compact(cell.amount) if money else f"{(cell.share or 0) * 100:.1f}"
    if money and row is None:
        text = formats.decimal(measured)
        title += ", shown for each"
    place = urlencode({**named, "cell": f"{cell.place}"}) if named and cell.people else ""
    return HeatCell(text, " ".join(filter(None, css)), title, place)


def _mean_cell(cell: HeatCell, share: float | None, top: float) -> HeatCell:
    if share is None:
        return HeatCell("", "is-future", "")
    return HeatCell(f"{share * 100:.1f}", _level(share, top), cell.title)


def _figure(result: "Result") -> Figure:
    """Return the curve of the mean, or of each value of the breakdown."""
    question = result.question
    names = heads(question)[: _begun(result)]
    if question.by:
        lines = [
            (row.value or "", [cell.share for cell in row.cells], _colour(place, row.value))
            for place, row in enumerate(result.rows[:MOST_LINES])
        ]
    else:
        lines = [("All cohorts", list(result.mean_shares), "blue")]
    series = [_line(name, points[: len(names)], colour) for name, points, colour in lines]
    columns = [question.cycles.unit.capitalize(), *(name for name, _, _ in lines)]
    shares = [points for _, points, _ in lines]
    if result.compared and result.previous:
        series.append(_past(result.previous[: len(names)]))
        columns.append("Cohorts before")
        shares.append(list(result.previous))
    option = {
        "xAxis": {"type": "category", "boundaryGap": False, "data": [name.partition(" ")[2] for name in names]},
        "yAxis": {
            "type": "value",
            "min": 0,
            "max": 1,
            "interval": 0.25,
            "name": "came back",
            "axisLabel": {"formatter": "%percent"},
        },
        "series": series,
    }
    rows = [[name, *(formats.share(points[place]) for points in shares)] for place, name in enumerate(names)]
    label = f"Share of people that came back, by {question.cycles.unit} after the start"
    return Figure("retention", label, option, columns, rows)


def _colour(place: int, value: str | None) -> str:
    return "grey" if value == OTHER else COLOURS[place % len(COLOURS)] + ("/0.5" if place >= len(COLOURS) else "")


def _line(name: str, points: Sequence[float | None], colour: str) -> dict[str, object]:
    return {
        "name": name,
        "type": "line",
        "symbolSize": 5,
        "colour": f"${colour}",
        "lineStyle": {"width": 2},
        "tooltip": {"valueFormatter": "%percent"},
        "data": [None if point is None else round(point, 6) for point in points],
    }


def _past(points: Sequence[float | None]) -> dict[str, object]:
    style = {"type": [4, 4], "width": 1.5, "color": "$ink-2"}
    return {**_line("Cohorts before", points, "grey"), "symbol": "none", "lineStyle": style}


def _kpis(result: "Result") -> list[Kpi]:
    """Return how many started, and the mean of the cells that are asked about most."""
    question = result.question
    names, wanted = heads(question), KEY_CELLS[question.cycles.unit]
    places = range(1, len(names)) if question.asked.brackets else [one for one in wanted if one < len(names)]
    size = sum(row.size for row in result.rows)
    found = [Kpi("People", formats.count(size), help="People of all cohorts of the period.")]
    for place in places:
        share = result.mean_shares[place]
        if share is None:
            continue
        before = result.previous[place] if result.previous else None
        found.append(
            Kpi(
                names[place],
                formats.share(share),
                help="Mean over the cohorts for which it is over.",
                now=share if before is not None else None,
                before=before,
                before_text=formats.share(before) if before is not None else "",
            )
        )
    return found[: MOST_KPIS + 1]


def title_of_people(
    question: "RetentionQuestion", *, row: int | None, value: str | None, cell: int | None, away: bool
) -> str:
    """Say who is behind a cell: "Started with “Signed Up” in the week of 2 Nov 2026, came back in week 3"."""
    title = f"Started with {event_of(question.asked.start)}"
    title += f" {question.cycles.said(row)}" if row is not None else ""
    title += f", {question.by}: {value}" if value is not None else ""
    if cell is None:
        return title
    later = " or later" if question.asked.mode == "unbounded" else ""
    name = heads(question)[cell]
    return f"{title}, {'did not come' if away else 'came'} back in {name[:1].lower()}{name[1:]}{later}"
