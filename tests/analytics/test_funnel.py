"""Funnels: counted by hand on a small stream; who is open, who stopped where, how long it took, and what is refused."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict

from analytics.analyses import funnel
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene

NOW = datetime(2026, 11, 10, 12, 30, 20, tzinfo=UTC)
WEEK = "from=2026-11-01&to=2026-11-07"
WAY = f"step=Visit&step=Signed Up&step=Paid&window=7d&{WEEK}"


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return make_scene()


def ask(project: Project, query: str, now: datetime = NOW) -> funnel.Result:
    return funnel.answer(project, funnel.parse(project, QueryDict(query), now=now))


def reached(result: funnel.Result, value: str | None = None) -> list[int]:
    return [result.now.reached(step, value) for step in range(1, result.question.number + 1)]


def people_of(project: Project, query: str, **place: str) -> set[str]:
    question = funnel.parse(project, QueryDict(query), now=NOW)
    found = funnel.people(project, question, place)
    numbers = [row[0] for row in found.relation.run(found.build).rows]
    assert len(numbers) == len(set(numbers))
    return {str(person.user_id) for person in project.people.filter(pk__in=numbers)}


@pytest.fixture
def shop(scene: Scene) -> Project:
    tell(
        scene.project,
        {
            # Comes again, so that the way is counted from the second visit.
            "ada": [
                ("2026-11-01T08:00:00Z", "Visit", {"source": "ads"}),
                ("2026-11-02T08:00:00Z", "Visit", {"source": "mail"}),
                ("2026-11-02T09:00:00Z", "Signed Up", {"plan": "pro"}),
                ("2026-11-02T10:30:00Z", "Paid", {"plan": "pro"}),
            ],
            # Pays after the period, in time.
            "bob": [
                ("2026-11-07T20:00:00Z", "Visit", {"source": "ads"}),
                ("2026-11-07T21:00:00Z", "Signed Up", {"plan": "free"}),
                ("2026-11-09T21:00:00Z", "Paid"),
            ],
            # Stopped for good; and one who may still go on.
            "cid": [("2026-11-02T08:00:00Z", "Visit", {"source": "ads"})],
            "dan": [
                ("2026-11-05T08:00:00Z", "Visit", {"source": "mail"}),
                ("2026-11-05T18:00:00Z", "Signed Up", {"plan": "free"}),
            ],
            # Too late, in the wrong order, and before the period.
            "eve": [("2026-11-01T08:00:00Z", "Visit"), ("2026-11-08T08:00:01Z", "Signed Up")],
            "fay": [("2026-11-02T08:00:00Z", "Signed Up"), ("2026-11-02T09:00:00Z", "Visit")],
            "gus": [("2026-10-30T08:00:00Z", "Visit"), ("2026-11-02T09:00:00Z", "Signed Up")],
        },
    )
    return scene.project


def test_steps_count_who_came_there_in_time_also_after_the_period(shop: Project) -> None:
    result = ask(shop, WAY)

    assert reached(result) == [6, 3, 2]
    assert result.now.share(3) == pytest.approx(1 / 3)


def test_who_is_inside_the_window_is_open_and_not_dropped(shop: Project) -> None:
    result = ask(shop, WAY)

    assert [result.now.stopped(step, is_open=True) for step in (1, 2, 3)] == [0, 1, 0]
    assert [result.now.stopped(step, is_open=False) for step in (1, 2, 3)] == [3, 0, 0]
    assert "1 person is still within 7 days of their first step" in result.notes[0]


def test_an_open_person_is_dropped_once_the_window_is_over(shop: Project) -> None:
    at_its_end = ask(shop, WAY, now=datetime(2026, 11, 12, 8, tzinfo=UTC))
    after = ask(shop, WAY, now=datetime(2026, 11, 12, 8, 1, tzinfo=UTC))

    assert at_its_end.now.stopped(2, is_open=True) == 1
    assert after.now.stopped(2, is_open=True) == 0
    assert after.now.stopped(2, is_open=False) == 1


def test_times_are_those_of_the_counted_attempt(shop: Project) -> None:
    result = ask(shop, WAY)

    to_sign_up, overall = result.now.seconds[None, 2], result.now.seconds[None, 0]
    assert to_sign_up.p50 == 3_600
    assert to_sign_up.p90 == pytest.approx(3_600 + 0.8 * 9 * 3_600)
    assert overall.p50 == pytest.approx((2.5 * 3_600 + 49 * 3_600) / 2)
    assert sum(result.now.bars[0]) == 2
    assert sum(result.now.bars[2]) == 3


def test_the_people_behind_a_bar_are_those_it_counts(shop: Project) -> None:
    assert people_of(shop, WAY, at="1") == {"ada", "bob", "cid", "dan", "eve", "fay"}
    assert people_of(shop, WAY, at="3") == {"ada", "bob"}
    assert people_of(shop, WAY, at="1", state="dropped") == {"cid", "eve", "fay"}
    assert people_of(shop, WAY, at="2", state="open") == {"dan"}
    assert people_of(shop, WAY, at="2", bucket="2026-11-05") == {"dan"}
    assert people_of(shop, f"{WAY}&by=source", at="1", value="mail") == {"ada", "dan"}


def test_a_breakdown_takes_the_value_at_the_first_step(shop: Project) -> None:
    result = ask(shop, f"{WAY}&by=source")

    assert reached(result, "mail") == [2, 2, 1]
    assert reached(result, "ads") == [2, 1, 1]
    assert reached(result, "(none)") == [2, 0, 0]
    assert reached(result) == [6, 3, 2]


def test_a_breakdown_may_take_the_value_of_another_step(shop: Project) -> None:
    second = ask(shop, f"{WAY}&by=plan&touch=2")
    last = ask(shop, f"{WAY}&by=plan&touch=last")

    assert reached(second, "free") == [2, 2, 1]
    assert reached(second, "(not reached)") == [3, 0, 0]
    assert reached(last, "pro") == [1, 1, 1]


def test_two_hundred_values_are_the_top_ones_and_other(scene: Scene) -> None:
    tell(
        scene.project,
        {
            f"u{n}": [
                ("2026-11-02T08:00:00Z", "Visit", {"source": f"s{n % 200}"}),
                ("2026-11-02T09:00:00Z", "Signed Up"),
            ]
            for n in range(210)
        },
    )

    result = ask(scene.project, f"step=Visit&step=Signed Up&by=source&top=10&{WEEK}")

    assert len(result.now.by_value) == 11
    assert reached(result, "(other)") == [190, 190]
    assert result.now.values == 200
    assert any("200 values" in note and "the other 190" in note for note in result.notes)


def test_days_of_entry_add_up_to_the_funnel(shop: Project) -> None:
    result = ask(shop, WAY)
    keys = result.now.buckets.keys

    assert [result.now.reached(1, bucket=key) for key in keys] == [1, 3, 0, 0, 1, 0, 1]
    assert sum(result.now.reached(3, bucket=key) for key in keys) == 2


def test_the_period_before_is_counted_as_far_as_now(shop: Project) -> None:
    result = ask(shop, "step=Visit&step=Signed Up&window=7d&from=2026-11-05&to=2026-11-11")

    assert result.previous
    assert [result.previous.reached(step) for step in (1, 2)] == [5, 2]
    assert [result.now.reached(step) for step in (1, 2)] == [2, 2]


def test_an_excluded_event_ends_the_attempt(scene: Scene) -> None:
    tell(
        scene.project,
        {
            "ada": [
                ("2026-11-02T08:00:00Z", "Visit"),
                ("2026-11-02T09:00:00Z", "Logged Out"),
                ("2026-11-02T10:00:00Z", "Signed Up"),
            ],
            "bob": [
                ("2026-11-02T08:00:00Z", "Visit"),
                ("2026-11-02T09:00:00Z", "Logged Out"),
                ("2026-11-02T10:00:00Z", "Visit"),
                ("2026-11-02T11:00:00Z", "Signed Up"),
            ],
        },
    )

    result = ask(scene.project, f"step=Visit&step=Signed Up&exclude=Logged Out&{WEEK}")

    assert reached(result) == [2, 1]
    assert result.now.seconds[None, 2].p50 == 3_600
    assert people_of(
        scene.project, f"step=Visit&step=Signed Up&exclude=Logged Out&{WEEK}", at="1", state="dropped"
    ) == {"ada"}


def test_strict_order_allows_nothing_between_and_any_order_counts_completed_steps(scene: Scene) -> None:
    tell(
        scene.project,
        {
            "ada": [("2026-11-02T08:00:00Z", "A"), ("2026-11-02T09:00:00Z", "B"), ("2026-11-02T10:00:00Z", "C")],
            "bob": [
                *(("2026-11-02T08:00:00Z", "A"), ("2026-11-02T09:00:00Z", "B")),
                *(("2026-11-02T09:30:00Z", "D"), ("2026-11-02T10:00:00Z", "C")),
            ],
            "cid": [("2026-11-02T08:00:00Z", "C"), ("2026-11-02T09:00:00Z", "A")],
        },
    )
    way = f"step=A&step=B&step=C&{WEEK}"

    assert reached(ask(scene.project, way)) == [3, 2, 2]
    assert reached(ask(scene.project, f"{way}&order=strict")) == [3, 2, 1]
    assert reached(ask(scene.project, f"{way}&order=any")) == [3, 3, 2]
    assert people_of(scene.project, f"{way}&order=any", at="3") == {"ada", "bob"}


def test_one_event_is_one_step(scene: Scene) -> None:
    tell(
        scene.project,
        {
            "ada": [("2026-11-02T08:00:00Z", "A")],
            "bob": [("2026-11-02T08:00:00Z", "A"), ("2026-11-02T08:00:00Z", "A")],
        },
    )

    for order in ("sequential", "strict", "any"):
        assert reached(ask(scene.project, f"step=A&step=A&step=A&order={order}&{WEEK}")) == [2, 1, 0]


def test_steps_have_filters_and_so_has_the_whole(shop: Project) -> None:
    assert reached(ask(shop, f"step=Visit&step=Signed Up&step2.where=plan:is:pro&{WEEK}")) == [6, 1]
    assert reached(ask(shop, f"step=Visit&step=Signed Up&where=plan:is:pro&{WEEK}")) == [0, 0]


def test_an_event_that_was_never_received_is_said_with_a_suggestion(shop: Project) -> None:
    result = ask(shop, f"step=Visit&step=Signd Up&{WEEK}")

    assert reached(result) == [6, 0]
    assert any("Signd Up" in note and "Signed Up" in note for note in result.notes)


def test_a_period_in_the_future_is_empty_and_says_so(shop: Project) -> None:
    result = ask(shop, "step=Visit&step=Paid&from=2027-01-01&to=2027-01-07")

    assert reached(result) == [0, 0]
    assert "in the future" in result.notes[0]
    assert funnel.shown(result).empty


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("step=A", "step"),
        ("", "step"),
        ("&".join(["step=A"] * 40), "step"),
        ("step=A&step=B&window=0", "window"),
        ("step=A&step=B&window=0d", "window"),
        ("step=A&step=B&window=367d", "window"),
        ("step=A&step=B&order=random", "order"),
        ("step=A&step=B&touch=3", "touch"),
        ("step=A&step=B&exclude=B", "exclude"),
        ("step=A&step=B&step2.where=plan", "step2.where"),
        ("step=A&step=B&top=0", "top"),
        ("step=A\x00&step=B", "query"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(scene: Scene, query: str, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        funnel.parse(scene.project, QueryDict(query), now=NOW)

    assert refused.value.detail
    assert refused.value.detail[0]["field"] == field


def test_the_api_answers_what_the_page_shows(shop: Project, scene: Scene) -> None:
    result = ask(shop, WAY)
    json = funnel.as_json(result)
    shown = funnel.shown(result)

    assert [step["people"] for step in json["steps"]] == [6, 3, 2]
    assert [step["dropped"] for step in json["steps"]] == [3, 0, 0]
    assert [row[2] for row in shown.rows] == [6, 3, 2]
    assert json["converted"] == 2
    assert json["trend"]["entered"] == [1, 3, 0, 0, 1, 0, 1]
    assert shown.definition == json["definition"]


def test_the_api_has_the_shape_of_its_example_and_the_file_the_same_numbers(shop: Project, scene: Scene) -> None:
    answer: Any = scene.api(f"/v1/metrics/funnel?{WAY}")
    csv: Any = scene.api(f"/v1/metrics/funnel?{WAY}&format=csv")
    body, file = answer.json(), b"".join(csv.streaming_content).decode()

    assert set(body) == set(funnel.EXAMPLE)
    assert set(body["steps"][0]) == set(funnel.EXAMPLE["steps"][0])
    assert [step["people"] for step in body["steps"]] == [6, 3, 2]
    assert [line.split(",")[2] for line in file.splitlines()[1:]] == ["6", "3", "2"]


def test_the_api_names_the_field_that_it_refuses_and_wants_a_key(scene: Scene) -> None:
    refused: Any = scene.api("/v1/metrics/funnel?step=A")

    assert refused.status_code == 400
    assert refused.json()["detail"][0]["field"] == "step"
    assert scene.api("/v1/metrics/funnel?step=A&step=B", key="").status_code == 401


def test_the_page_leads_from_each_number_to_its_people(shop: Project, scene: Scene) -> None:
    page = scene.owner.get(scene.url(f"explore/funnel/?{WAY}&by=source"), HTTP_HX_REQUEST="true").content.decode()

    assert "at=1&amp;state=dropped" in page
    assert "stopped here" in page
    assert "By source" in page
    there = scene.url(f"explore/funnel/people/?{WAY}&at=1&state=dropped")
    people = scene.owner.get(there, HTTP_HX_REQUEST="true").content.decode()
    assert "cid" in people
    assert "dan" not in people


def test_steps_may_be_listed_with_commas(shop: Project) -> None:
    assert reached(ask(shop, f"steps=Visit,Signed Up,Paid&{WEEK}")) == [6, 3, 2]


def test_the_window_ends_with_its_last_microsecond(scene: Scene) -> None:
    at = datetime(2026, 11, 2, 8, tzinfo=UTC)
    tell(
        scene.project,
        {
            "in": [(at.isoformat(), "A"), ((at + timedelta(hours=1)).isoformat(), "B")],
            "out": [(at.isoformat(), "A"), ((at + timedelta(hours=1, milliseconds=1)).isoformat(), "B")],
        },
    )

    assert people_of(scene.project, f"step=A&step=B&window=1h&{WEEK}", at="2") == {"in"}
