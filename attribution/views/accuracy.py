"""The page of accuracy: how right matches by network are in this project, measured on people with a certain id."""

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from attribution import accuracy
from attribution.learning import Bin, Measured, wilson
from attribution.views.shared import wants_csv
from customers.pages import PageRequest, project_page
from growthplatform.core import charts, formats
from growthplatform.core.download import csv_file
from growthplatform.core.http import page

CSV_HEAD = ("from", "to", "installs", "said", "right", "right_from", "right_to")


@project_page
@require_safe
def accuracy_shown(request: PageRequest) -> HttpResponse:
    """Show precision, reach and the reliability curve of matches by network."""
    found = accuracy.of_project(request.project, now=timezone.now())
    if found.measured is None or found.model is None:
        return page(request, "attribution/accuracy_empty.html", {"found": found})
    if wants_csv(request):
        return _csv(found.measured)
    context = {
        "found": found,
        "kpis": _kpis(found.measured),
        "figure": _figure(found.measured),
        "learned": accuracy.learned(found.model),
        "learned_from": found.model.learned_from,
        "changed": found.accept != found.measured.accept,
    }
    return page(request, "attribution/accuracy.html", context)


def _kpis(measured: Measured) -> list[charts.Kpi]:
    asked = (
        "Certain installs that were decided as if they had brought no id, and installs that the store calls organic,"
        " in the proportion of those that no id decides. None of them had a part in what was learned."
    )
    return [
        charts.Kpi(
            "Right",
            formats.share(measured.precision, 2),
            f"Of the {measured.named:,.0f} that it credited at its threshold, how many to the right click. With 95 %"
            f" confidence {measured.lowest:.2%} to {measured.highest:.2%}.",
            note=f"{measured.lowest:.1%} to {measured.highest:.1%}",
        ),
        charts.Kpi(
            "Found",
            formats.share(measured.recall, 1),
            "Of the installs whose own click is among those of their network, how many were credited to it. For the"
            " others no click was likely enough, and nothing is guessed.",
            note=f"{measured.right:,.0f} of {measured.findable:,.0f}",
        ),
        charts.Kpi(
            "Brier score",
            f"{measured.brier:.3f}",
            "The mean square of what was said less what was true, for the likeliest click of each install: 0 is"
            " perfect, 0.25 as good as a coin.",
        ),
        charts.Kpi("Measured on", formats.count(measured.examples), asked, note=f"{measured.organic:,} organic"),
    ]


def _figure(measured: Measured) -> charts.Figure:
    """Draw the reliability curve: what was said of each bin beside what was true."""
    names = [_name(one) for one in measured.bins]
    said = [round(one.said, 4) for one in measured.bins]
    true = [round(one.right / one.number, 4) for one in measured.bins]
    option = {
        "xAxis": {"type": "category", "data": names, "name": "probability said"},
        "yAxis": {"type": "value", "min": 0, "max": 1, "name": "were right", "axisLabel": {"formatter": "%percent"}},
        "series": [
            {
                "name": "Said", "type": "line", "colour": "$grey", "symbol": "none",
                "lineStyle": {"type": [4, 4], "width": 1.5}, "tooltip": {"valueFormatter": "%percent"}, "data": said,
            },
            {
                "name": "Were right", "type": "line", "colour": "$blue", "symbol": "circle", "symbolSize": 7,
                "lineStyle": {"width": 2}, "tooltip": {"valueFormatter": "%percent"}, "data": true,
            },
        ],
    }  # fmt: skip
    rows = [
        [_name(one), formats.count(int(one.number)), f"{one.said:.1%}", f"{one.right / one.number:.1%}", _interval(one)]
        for one in measured.bins
    ]
    columns = ["Probability said", "Installs", "Said on average", "Were right", "95 % interval"]
    return charts.Figure(
        "reliability", "Reliability: the probability said against the share that was right", option, columns, rows
    )


def _name(one: Bin) -> str:
    def percent(value: float) -> str:
        return f"{value * 100:.1f}".removesuffix(".0")

    return f"{percent(one.low)}–{percent(one.high)} %"


def _interval(one: Bin) -> str:
    low, high = wilson(one.right, one.number)
    return f"{low:.1%} to {high:.1%}"


def _csv(measured: Measured) -> HttpResponse:
    lines = []
    for one in measured.bins:
        low, high = wilson(one.right, one.number)
        lines.append((one.low, one.high, one.number, round(one.said, 6), one.right, round(low, 6), round(high, 6)))
    return csv_file("accuracy", CSV_HEAD, lines)
