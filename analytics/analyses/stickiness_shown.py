"""How stickiness is said and drawn: how many people came on how many days, and the share of a month by month."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from analytics.analyses.base import Shown
from analytics.analyses.trend_shown import event_of
from growthplatform.core import formats
from growthplatform.core.charts import GAP, Figure, Kpi

if TYPE_CHECKING:
    from analytics.analyses.stickiness import Measured, Result, StickinessQuestion


@dataclass(frozen=True)
class Row:
    """So many days, the people active on just as many, and those active on as many or more, with their places."""

    days: int
    people: str
    share: str
    more: str
    more_share: str
    place: str
    more_place: str


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def definition(question: "StickinessQuestion") -> str:
    """Say exactly what is counted."""
    event = event_of(question.step)
    return (
        f"Share of a day: the mean of the different people who did {event} on each day that is over, divided by the"
        f" different people who did so on any day of the period; by month the same with the days and the people of"
        f" the calendar month. Active days: people by the number of different days on which they did {event}. Days"
        f" are those of the calendar in {question.period.zone}."
    )


def shown(result: "Result") -> Shown:
    """Return the result for the page."""
    question, now = result.question, result.now
    days = range(1, max(now.often, default=0) + 1)
    counts = _counts(now)
    more = _or_more(counts)
    rows: list[list[object]] = [
        [
            day,
            counts[day - 1],
            rounded(counts[day - 1] / now.people),
            more[day - 1],
            rounded(more[day - 1] / now.people),
        ]
        for day in days
    ]
    return Shown(
        definition(question),
        now.answer.sql,
        ["active days", "people", "share", "as many or more", "share of those"],
        rows,
        figures=[_figure(result)],
        kpis=_kpis(result),
        notes=result.notes,
        empty=not now.people,
        answer=now.answer,
    )


def _counts(measured: "Measured") -> list[int]:
    return [measured.often.get(day, 0) for day in range(1, max(measured.often, default=0) + 1)]


def _or_more(counts: Sequence[int]) -> list[int]:
    return list(accumulate(reversed(counts)))[::-1]


def _figure(result: "Result") -> Figure:
    now, before = result.now, result.previous
    counts = _counts(now)
    past = _counts(before) if before else []
    number = max(len(counts), len(past), 1)
    shares = [_share(counts, day, now.people) for day in range(number)]
    series: list[dict[str, object]] = [
        {
            "name": "People",
            "type": "bar",
            "colour": "$blue",
            "barCategoryGap": "22%",
            "itemStyle": GAP,
            "tooltip": {"valueFormatter": "%percent"},
            "data": shares,
        }
    ]
    columns = ["Active days", "Share of people"]
    rows = [[f"{day + 1}", formats.share(shares[day])] for day in range(number)]
    if before and before.people:
        pasts = [_share(past, day, before.people) for day in range(number)]
        style = {"type": [4, 4], "width": 1.5, "color": "$ink-2"}
        name = result.question.period.previous.label if result.question.period.previous else ""
        line: dict[str, object] = {"name": name, "type": "line", "colour": "$grey", "symbol": "none", "z": 6}
        line |= {"lineStyle": style, "tooltip": {"valueFormatter": "%percent"}, "data": pasts}
        series.append(line)
        columns.append(name)
        rows = [[*row, formats.share(pasts[day])] for day, row in enumerate(rows)]
    option = {
        "xAxis": {"type": "category", "data": [f"{day + 1}" for day in range(number)], "name": "active days"},
        "yAxis": {"type": "value", "name": "of people", "axisLabel": {"formatter": "%percent"}},
        "series": series,
    }
    return Figure(
        "stickiness", "Share of people by the number of days on which they were active", option, columns, rows
    )


def _share(counts: Sequence[int], day: int, people: int) -> float | None:
    return round(counts[day] / people, 6) if day < len(counts) and people else 0.0


def _kpis(result: "Result") -> list[Kpi]:
    now, before = result.now, result.previous
    return [
        Kpi(
            "Share of a day",
            formats.share(now.share),
            help="Mean of the daily people divided by the people of the period, over days that are over.",
            now=now.share if before and before.share else None,
            before=before.share if before else None,
            before_text=formats.share(before.share) if before and before.share else "",
        ),
        Kpi(
            "Active days",
            formats.decimal(now.mean_days),
            help="On how many days of the period a person was active, in the mean.",
            now=now.mean_days if before and before.mean_days else None,
            before=before.mean_days if before else None,
            before_text=formats.decimal(before.mean_days) if before and before.mean_days else "",
        ),
        Kpi(
            "People a day",
            formats.decimal(now.mean_daily),
            help="Different people of a day, in the mean of the days that are over.",
            now=now.mean_daily if before and before.mean_daily else None,
            before=before.mean_daily if before else None,
            before_text=formats.decimal(before.mean_daily) if before and before.mean_daily else "",
            points=now.daily[: now.over],
        ),
        Kpi("People", formats.count(now.people), help="Different people of the whole period."),
    ]


def page_table(result: "Result") -> list[Row]:
    """Return a row for each number of days, leading to its people."""
    now = result.now
    counts = _counts(now)
    more = _or_more(counts)
    return [
        Row(
            day,
            formats.count(counts[day - 1]),
            formats.share(counts[day - 1] / now.people),
            formats.count(more[day - 1]),
            formats.share(more[day - 1] / now.people),
            urlencode({"active": f"{day}"}) if counts[day - 1] else "",
            urlencode({"active": f"{day}-"}) if more[day - 1] else "",
        )
        for day in range(1, len(counts) + 1)
    ]


def title_of_people(question: "StickinessQuestion", least: int, most: int | None) -> str:
    """Say who is behind a bar: "Active on 5 days or more"."""
    days = "day" if least == 1 else "days"
    more = " or more" if most is None else ""
    return f"Did {event_of(question.step)} on {least} {days}{more} of the period"
