"""Paths as they are asked: by address and API, with their picture and the people behind bars and bands."""

from datetime import UTC, datetime

import pytest
from django.http import QueryDict

from analytics.analyses import paths
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
WEEK = "from=2026-11-01&to=2026-11-07"


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    tell(
        scene.project,
        {
            "ada": [
                ("2026-11-02T10:00:00Z", "Page: Home"),
                ("2026-11-02T10:01:00Z", "Page: Pricing"),
                ("2026-11-02T10:02:00Z", "Signed Up"),
                ("2026-11-02T10:03:00Z", "Video Created", {"plan": "pro"}),
            ],
            "bob": [
                ("2026-11-02T11:00:00Z", "Page: Home"),
                ("2026-11-02T11:01:00Z", "Page: Blog"),
                ("2026-11-03T11:00:00Z", "Page: Home"),
                ("2026-11-03T11:05:00Z", "Signed Up"),
            ],
            "cid": [("2026-11-04T11:00:00Z", "Page: Home")],
        },
    )
    return scene


def ask(project: Project, query: str) -> paths.Result:
    return paths.answer(project, paths.parse(project, QueryDict(query), now=NOW))


def links(result: paths.Result) -> set[tuple[int, str, str | None, int]]:
    return {(link.step, link.source, link.target, link.number) for link in result.links}


def people_of(project: Project, query: str, **place: str) -> int:
    question = paths.parse(project, QueryDict(query), now=NOW)
    found = paths.people(project, question, place)
    return len(found.relation.run(found.build).rows)


def test_paths_from_where_sessions_begin(scene: Scene) -> None:
    result = ask(scene.project, f"depth=2&{WEEK}")

    assert result.total == 4
    assert links(result) == {
        (0, "Page: Home", "Page: Blog", 1),
        (0, "Page: Home", "Page: Pricing", 1),
        (0, "Page: Home", "Signed Up", 1),
        (0, "Page: Home", None, 1),
    }


def test_paths_from_an_event_on_and_up_to_one(scene: Scene) -> None:
    onward = ask(scene.project, f"anchor=start&event=Signed Up&depth=3&{WEEK}")
    back = ask(scene.project, f"anchor=end&event=Signed Up&depth=3&{WEEK}")

    assert links(onward) == {
        (0, "Signed Up", "Video Created", 1),
        (0, "Signed Up", None, 1),
        (1, "Video Created", None, 1),
    }
    assert links(back) == {
        (0, "Signed Up", "Page: Pricing", 1),
        (0, "Signed Up", "Page: Home", 1),
        (1, "Page: Pricing", "Page: Home", 1),
        (1, "Page: Home", None, 1),
    }


def test_people_are_counted_once_each_by_their_first_path(scene: Scene) -> None:
    assert ask(scene.project, f"count=people&depth=2&{WEEK}").total == 3


def test_only_pages_and_hidden_events(scene: Scene) -> None:
    pages = ask(scene.project, f"show=pages&depth=2&{WEEK}")
    hidden = ask(scene.project, f"hide=Page: Home&hide=Page: Blog&depth=2&{WEEK}")

    assert {source for _, source, _, _ in links(pages)} == {"Page: Home"}
    assert links(hidden) == {(0, "Page: Pricing", "Signed Up", 1), (0, "Signed Up", None, 1)}


def test_events_beyond_the_most_frequent_of_a_step_are_other(scene: Scene) -> None:
    result = ask(scene.project, f"nodes=2&depth=2&{WEEK}")

    assert (0, "Page: Home", "(other)", 1) in links(result)
    assert people_of(scene.project, f"nodes=2&depth=2&{WEEK}", at="1", node="Page: Home", next="(other)") == 1


def test_the_people_behind_every_band_and_bar(scene: Scene) -> None:
    for query in (f"depth=3&{WEEK}", f"depth=3&count=people&{WEEK}", f"depth=3&anchor=end&event=Signed Up&{WEEK}"):
        result = ask(scene.project, query)
        for link in result.links:
            place = {"at": str(link.step + 1), "node": link.source, "next": link.target or ""}
            assert 0 < people_of(scene.project, query, **place) <= link.number
        if result.question.walk.once:
            assert people_of(scene.project, query, at="1", node="Page: Home") == result.total


def test_the_picture_has_a_bar_for_each_event_and_a_band_for_each_link(scene: Scene) -> None:
    result = ask(scene.project, f"depth=4&{WEEK}")
    flow = result.flow

    assert len(flow.bars) == sum(len(level) for level in result.levels)
    assert len(flow.ribbons) == sum(link.target is not None for link in result.links)
    assert all(0 <= bar.x < flow.width and bar.y + bar.height < flow.height for bar in flow.bars)
    heights = {bar.event: bar.height for bar in flow.bars if not bar.x}
    assert heights["Page: Home"] == max(bar.height for bar in flow.bars)


def test_an_unknown_event_and_a_period_in_the_future(scene: Scene) -> None:
    unknown = ask(scene.project, f"anchor=start&event=Sined Up&{WEEK}")
    future = ask(scene.project, "from=2027-01-01&to=2027-01-07")

    assert paths.shown(unknown).empty
    assert "Did you mean “Signed Up”?" in unknown.notes[0]
    assert paths.shown(future).empty
    assert "in the future" in future.notes[0]


def test_a_filter_keeps_only_events_that_hold_it(scene: Scene) -> None:
    assert links(ask(scene.project, f"where=plan:is:pro&depth=2&{WEEK}")) == {(0, "Video Created", None, 1)}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("depth=1", "depth"),
        ("depth=8", "depth"),
        ("nodes=1", "nodes"),
        ("gap=0m", "gap"),
        ("gap=8d", "gap"),
        ("anchor=middle", "anchor"),
        ("anchor=start", "event"),
        ("anchor=end&event=A&hide=A", "hide"),
        ("show=clicks", "show"),
        ("count=events", "count"),
        ("&".join(f"hide=E{n}" for n in range(21)), "hide"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(scene: Scene, query: str, field: str) -> None:
    answer = scene.api(f"/v1/metrics/paths?{query}")

    assert answer.status_code == 400, answer.content
    assert answer.json()["detail"][0]["field"] == field


@pytest.mark.parametrize(
    "place", [{"at": "0"}, {"at": "6"}, {"at": "5", "node": "A", "next": ""}, {"at": "1"}, {"at": "²"}]
)
def test_a_place_that_cannot_be_is_refused(scene: Scene, place: dict[str, str]) -> None:
    with pytest.raises(InvalidField):
        people_of(scene.project, WEEK, **place)


def test_the_api_says_what_the_page_says(scene: Scene) -> None:
    body = scene.api(f"/v1/metrics/paths?anchor=start&event=Signed+Up&depth=2&{WEEK}").json()
    file = scene.api(f"/v1/metrics/paths?anchor=start&event=Signed+Up&depth=2&{WEEK}&format=csv")

    assert set(body) == set(paths.EXAMPLE)
    assert body["steps"][0]["events"] == [{"event": "Signed Up", "number": 2, "share": 1.0, "ended": 1}]
    assert body["definition"].startswith("Sessions, from the first time that “Signed Up” happens in them on;")
    assert "1,Signed Up,Video Created,1,0.5" in b"".join(file.streaming_content).decode()
    assert scene.api("/v1/metrics/paths", key="").status_code == 401
