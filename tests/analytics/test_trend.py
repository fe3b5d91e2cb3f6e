"""Trends: counted by hand, by a plain Python oracle over any stream, and by what must always hold."""

from datetime import UTC, datetime

import pytest
from django.http import QueryDict

from analytics.analyses import trend
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.factories import ProjectFactory
from tests.scene import Scene, make_scene

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
WEEK = "from=2026-11-01&to=2026-11-07"


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return make_scene()


def ask(project: Project, query: str, now: datetime = NOW) -> trend.Result:
    return trend.answer(project, trend.parse(project, QueryDict(query), now=now))


def points(result: trend.Result, letter: str = "A", value: str | None = None) -> list[float | None]:
    line = result.now.line(letter, value)
    assert line
    return list(line.points)


def total(result: trend.Result, letter: str = "A", value: str | None = None) -> float | None:
    line = result.now.line(letter, value)
    assert line
    return line.total


def people_of(project: Project, query: str, **place: str) -> list[int]:
    question = trend.parse(project, QueryDict(query), now=NOW)
    found = trend.people(project, question, place)
    return [row[0] for row in found.relation.run(found.build).rows]


@pytest.fixture
def shop(scene: Scene) -> Project:
    tell(
        scene.project,
        {
            "ada": [
                ("2026-11-01T23:30:00Z", "Order", {"price": 10, "plan": "pro"}),  # 2 November in Berlin
                ("2026-11-02T10:00:00Z", "Order", {"price": "20", "plan": "pro"}),
                ("2026-11-03T10:00:00Z", "Visit"),
            ],
            "bob": [
                ("2026-11-02T11:00:00Z", "Order", {"price": "a lot", "plan": "free"}),
                ("2026-11-04T11:00:00Z", "Order", {"price": 40.5}),
                ("2026-11-04T11:30:00Z", "Visit"),
            ],
            "cid": [("2026-11-02T09:00:00Z", "Visit"), ("2026-10-27T09:00:00Z", "Visit")],
        },
    )
    return scene.project


def test_events_and_people_are_counted_by_days_of_the_projects_zone(shop: Project) -> None:
    result = ask(shop, f"event=Order&event=Order&event2.measure=people&event=Visit&{WEEK}")

    assert points(result, "A") == [0, 3, 0, 1, 0, 0, 0]
    assert points(result, "B") == [0, 2, 0, 1, 0, 0, 0]
    assert points(result, "C") == [0, 1, 1, 1, 0, 0, 0]
    assert [total(result, letter) for letter in "ABC"] == [4, 2, 3]


def test_a_property_is_summed_where_it_is_a_number_and_it_is_said_where_not(shop: Project) -> None:
    measures = ["sum", "avg", "min", "max", "p50"]
    query = "&".join(f"event=Order&event{n}.measure={m}&event{n}.of=price" for n, m in enumerate(measures, start=1))

    result = ask(shop, f"{query}&{WEEK}")

    assert points(result, "A") == [0, 30, 0, 40.5, 0, 0, 0]
    assert points(result, "B") == [None, 15, None, 40.5, None, None, None]
    assert [total(result, letter) for letter in "ABCDE"] == [70.5, 23.5, 10, 40.5, 20]
    assert "1 events of “Order” have no number in “price”; they are left out of A." in result.notes


def test_times_per_person_and_a_formula(shop: Project) -> None:
    result = ask(shop, f"event=Order&event1.measure=per_person&event=Visit&event=Order&formula=c/b*100&{WEEK}")

    assert points(result, "A") == [None, 1.5, None, 1, None, None, None]
    assert points(result, "") == [None, 300, 0, 100, None, None, None]
    assert total(result, "") == pytest.approx(4 / 3 * 100)


def test_a_breakdown_shows_the_most_frequent_values_and_the_rest_as_other(shop: Project) -> None:
    result = ask(shop, f"event=Order&by=plan&top=1&{WEEK}")

    assert points(result, "A", "pro") == [0, 2, 0, 0, 0, 0, 0]
    assert points(result, "A", "(other)") == [0, 1, 0, 1, 0, 0, 0]
    assert result.now.values == 3
    assert any("“plan” has 3 values" in note and "the other 2 together" in note for note in result.notes)


def test_two_hundred_values_are_the_ten_most_frequent_and_other(scene: Scene) -> None:
    tell(
        scene.project,
        {f"u{n}": [("2026-11-02T10:00:00Z", "Order", {"sku": n})] * (2 if n < 10 else 1) for n in range(200)},
    )

    result = ask(scene.project, f"event=Order&by=sku&{WEEK}")

    assert len(result.now.lines) == 11
    assert total(result, "A", "(other)") == 190
    assert sum(line.total or 0 for line in result.now.lines) == 210
    assert "“sku” has 200 values in this period: the 10 most frequent" in " ".join(result.notes)


def test_a_breakdown_by_a_trait_of_the_person(scene: Scene) -> None:
    scene.record({"type": "identify", "userId": "ada", "traits": {"country": "DE"}})
    day = "2026-11-02T10:00:00Z"
    tell(scene.project, {"ada": [(day, "Order"), (day, "Order")], "bob": [(day, "Order")]})

    result = ask(scene.project, f"event=Order&event1.measure=people&by=person.country&{WEEK}")

    assert {line.value: line.total for line in result.now.lines} == {"DE": 1, "(none)": 1}
    assert total(ask(scene.project, f"event=Order&where=person.country:is:DE&{WEEK}")) == 2


def test_the_period_before_is_counted_up_to_the_same_moment(scene: Scene) -> None:
    tell(
        scene.project,
        {
            "ada": [("2026-11-10T08:00:00Z", "Visit"), ("2026-11-09T20:00:00Z", "Visit")],
            "bob": [("2026-11-03T10:00:00Z", "Visit"), ("2026-11-03T20:00:00Z", "Visit")],
        },
    )

    result = ask(scene.project, "event=Visit&range=7d")

    assert result.previous
    assert [line.total for line in (*result.now.lines, *result.previous.lines)] == [2, 1]
    assert ask(scene.project, "event=Visit&range=7d&compare=none").previous is None


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        ("day", ["2026-10-26", "2026-10-27"]),
        ("week", ["2026-10-26"]),
        ("month", ["2026-10-01"]),
    ],
)
def test_weeks_begin_on_monday_and_months_on_the_first(shop: Project, unit: str, expected: list[str]) -> None:
    result = ask(shop, f"event=Visit&interval={unit}&from=2026-10-26&to=2026-11-08")

    assert [f"{start:%Y-%m-%d}" for start in result.now.buckets.starts][: len(expected)] == expected
    assert sum(point or 0 for point in points(result)) == total(result) == 4


def test_the_hour_that_the_clocks_show_twice_is_two_hours(scene: Scene) -> None:
    tell(
        scene.project,
        {"ada": [("2026-10-25T00:10:00Z", "Visit"), ("2026-10-25T01:10:00Z", "Visit")]},  # both 02:10 in Berlin
    )

    result = ask(scene.project, "event=Visit&from=2026-10-25&to=2026-10-25")

    assert len(points(result)) == 25
    assert [place for place, point in enumerate(points(result)) if point] == [2, 3]


def test_hours_of_a_zone_that_is_half_an_hour_off(transactional_db: None) -> None:
    project: Project = ProjectFactory(time_zone="Asia/Kolkata")
    tell(project, {"ada": [("2026-11-01T18:35:00Z", "Visit"), ("2026-11-01T19:25:00Z", "Visit")]})  # 00:05, 00:55

    result = ask(project, "event=Visit&from=2026-11-02&to=2026-11-02")

    assert points(result)[:2] == [2, 0]


def test_the_people_behind_each_point_are_as_many_as_it_says(shop: Project) -> None:
    query = f"event=Order&event1.measure=people&event=Visit&event2.measure=people&by=plan&top=1&{WEEK}"
    result = ask(shop, query)

    for line in result.now.lines:
        place = {"series": line.letter, "value": line.value or ""}
        assert len(people_of(shop, query, **place)) == line.total
        for start, point in zip(result.now.buckets.starts, line.points, strict=True):
            assert len(people_of(shop, query, **place, bucket=f"{start:%Y-%m-%d}")) == point


def test_any_event_and_any_page(scene: Scene) -> None:
    day = "2026-11-02T10:00:00Z"
    tell(scene.project, {"ada": [(day, "Page: Home"), (day, "Page: Pricing"), (day, "Order")]})

    result = ask(scene.project, f"event=*&event=Page: *&event=Page: Home&{WEEK}")

    assert [total(result, letter) for letter in "ABC"] == [3, 2, 1]


def test_an_unknown_event_is_an_empty_result_with_a_suggestion(shop: Project) -> None:
    result = ask(shop, f"event=Ordr&{WEEK}")

    assert trend.shown(result).empty
    assert "No event “Ordr” was ever received. Did you mean “Order”?" in result.notes


def test_a_period_in_the_future_is_said_to_be_one(shop: Project) -> None:
    result = ask(shop, "event=Order&from=2027-01-01&to=2027-01-07")

    assert trend.shown(result).empty
    assert result.previous is None
    assert any("in the future" in note for note in result.notes)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "event"),
        ("event=A&event=A&event=A&event=A&event=A&event=A&event=A", "event"),
        ("event=A&event1.measure=mode", "event1.measure"),
        ("event=A&event1.measure=sum", "event1.of"),
        ("event=A&formula=A/B", "formula"),
        ("event=A&formula=A//2", "formula"),
        ("event=A&formula=__import__", "formula"),
        ("event=A&formula=(A", "formula"),
        ("event=A&formula=2", "formula"),
        ("event=A&interval=year", "interval"),
        ("event=A&interval=hour&range=90d", "interval"),
        ("event=A&event1.where=plan", "event1.where"),
        ("event=A&where=price:gt:cheap", "where"),
        ("event=A&where=price:gt:nan", "where"),
        ("event=A&where=at:since:yesterday", "where"),
        ("event=A&top=0", "top"),
        ("event=A&cohort=99", "cohort"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(scene: Scene, query: str, field: str) -> None:
    answer = scene.api(f"/v1/metrics/trend?{query}")

    assert answer.status_code == 400, answer.content
    assert answer.json()["detail"][0]["field"] == field


def test_the_api_and_the_file_say_what_the_page_says(shop: Project, scene: Scene) -> None:
    body = scene.api(f"/v1/metrics/trend?event=Order&event1.where=plan:is:pro&{WEEK}").json()
    file = scene.api(f"/v1/metrics/trend?event=Order&event1.where=plan:is:pro&{WEEK}&format=csv")

    assert body["series"][0]["points"] == [0, 2, 0, 0, 0, 0, 0]
    assert body["series"][0]["total"] == 2
    assert body["definition"].startswith("A: how often “Order” (plan is pro) happened.")
    assert set(trend.EXAMPLE) == set(body)
    assert "2026-11-02,2" in b"".join(file.streaming_content).decode()


def test_no_key_is_401(scene: Scene) -> None:
    assert scene.api("/v1/metrics/trend?event=Order", key="").status_code == 401


def test_a_place_that_cannot_be_is_refused(shop: Project) -> None:
    for place in ({"series": "B"}, {"series": ""}, {"bucket": "2026-12-24"}, {"bucket": "x"}):
        with pytest.raises(InvalidField):
            people_of(shop, f"event=Order&{WEEK}", **place)


def test_shown_has_the_table_behind_the_chart(shop: Project) -> None:
    shown = trend.shown(ask(shop, f"event=Order&event=Visit&{WEEK}"))

    assert shown.columns == ["day", "A Order", "B Visit"]
    assert shown.rows[1] == ["2026-11-02", 3, 1]
    assert [kpi.value for kpi in shown.kpis] == ["4", "3"]
    assert shown.figures[0].columns == ["Day", "A Order", "B Visit"]
