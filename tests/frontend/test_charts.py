"""A figure and the table behind it say the same."""

import json
from datetime import UTC, datetime, timedelta

from growthplatform.core import charts
from growthplatform.core.drawings import meter, qr, spark

DAYS = [datetime(2026, 11, 18, tzinfo=UTC) + timedelta(days=n) for n in range(3)]
SERIES = [charts.Series("TikTok", [413, 382, 12], "blue"), charts.Series("Organic", [5, None, 1], "sky")]


def bars() -> charts.Figure:
    return charts.bars(
        "installs", "Installs", x=DAYS, series=SERIES, unit="installs a day", previous=[400, 380, 390], unfinished=1
    )


def test_the_table_holds_the_numbers_of_the_chart_newest_first() -> None:
    figure = bars()

    assert figure.columns == ["Day", "TikTok", "Organic", "All", "Previous period"]
    assert figure.rows[0] == ["2026-11-20", "12", "1", "13", "390"]
    assert figure.rows[1] == ["2026-11-19", "382", "–", "382", "380"]


def test_a_day_that_is_not_over_is_pale() -> None:
    data = bars().option["series"][0]["data"]

    assert data[:2] == [413, 382]
    assert data[2]["value"] == 12
    assert data[2]["itemStyle"]["opacity"] < 1


def test_a_figure_is_plain_json() -> None:
    assert json.loads(json.dumps(bars().spec))["option"]["xAxis"]["data"] == ["2026-11-18", "2026-11-19", "2026-11-20"]


def test_marks_stand_on_the_day_they_happened_and_those_outside_are_left_out() -> None:
    noon = DAYS[1] + timedelta(hours=12)
    marks = [
        charts.Mark("deploy", "4.12.0", noon),
        charts.Mark("deploy", "4.11.0", DAYS[0] - timedelta(days=9)),
        charts.Mark("incident", "INC-31", DAYS[0] - timedelta(hours=1), noon),
    ]

    figure = charts.bars("installs", "Installs", x=DAYS, series=SERIES, unit="installs", marks=marks)

    assert figure.annotations == [
        {"kind": "deploy", "short": "4.12.0", "at": "2026-11-19"},
        {"kind": "incident", "short": "INC-31", "from": "2026-11-18", "to": "2026-11-19"},
    ]


def test_hours_are_said_as_hours() -> None:
    hours = [DAYS[0] + timedelta(hours=n) for n in range(3)]

    figure = charts.lines(
        "events", "Events", x=hours, series=[charts.Series("Events", [1, 2, 3])], unit="events an hour", unfinished=1
    )

    assert figure.columns[0] == "Hour"
    assert figure.rows[0][0] == "2026-11-18 02:00"
    assert [one["name"] for one in figure.option["series"]] == ["Events", "Events so far"]
    assert figure.option["series"][0]["data"] == [1, 2, None]


def test_small_pictures_use_no_style_attribute() -> None:
    drawn = [
        spark([1, 5, 3], [2, 2, 2]),
        spark([]),
        spark([0, 0]),
        meter(5, 0),
        meter(7, 5, "blue"),
        qr("https://go.example/c/winter"),
    ]

    assert all("style=" not in picture for picture in drawn)
    assert 'width="100.0%"' in drawn[4]
    assert "NaN" not in "".join(drawn)
