"""What a project really sends: names of events, their properties and values, and what a wrong name may mean."""

import pytest

from analytics import catalogue
from analytics.catalogue import PropertyName
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene

DAY = "2026-11-01"


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    tell(
        scene.project,
        {
            "ada": [
                (f"{DAY}T10:00:00Z", "Signed Up", {"plan": "pro", "age": 31, "trial": True}),
                (f"{DAY}T10:01:00Z", "Page: Pricing", {"path": "/pricing"}),
                (f"{DAY}T10:02:00Z", "Video Created", {"length": 12.5, "tags": ["a"], "cover": {"kind": "photo"}}),
            ],
            "bob": [
                (f"{DAY}T11:00:00Z", "Signed Up", {"plan": "free", "age": "unknown"}),
                (f"{DAY}T11:00:01Z", "Signed Up", {"plan": "free", "age": None, "at": "2026-10-31T09:00:00Z"}),
            ],
        },
    )
    return scene


def test_names_come_with_how_often_and_when_the_most_frequent_first(scene: Scene) -> None:
    found = catalogue.events_of(scene.project)

    assert [(one.label, one.events) for one in found] == [("Signed Up", 3), ("Page: Pricing", 1), ("Video Created", 1)]
    assert {f"{one.last_day}" for one in found} == {DAY}


def test_properties_come_with_their_kind_share_and_examples(scene: Scene) -> None:
    found = {one.path: one for one in catalogue.properties_of(scene.project, "Signed Up")}

    assert found["plan"] == PropertyName("plan", "text", 1.0, ["free", "pro"])
    assert found["age"].kind == "mixed"
    assert found["at"].kind == "date"
    assert found["trial"].kind == "yes or no"
    assert round(found["trial"].share, 2) == 0.33
    assert "path" not in found


def test_nested_properties_have_the_path_that_a_filter_writes(scene: Scene) -> None:
    found = {one.path: one.kind for one in catalogue.properties_of(scene.project)}

    assert found["cover.kind"] == "text"
    assert found["tags"] == "list"
    assert found["length"] == "number"


def test_traits_of_people_are_properties_too(scene: Scene) -> None:
    scene.record({"type": "identify", "userId": "ada", "traits": {"company": {"size": 40}}})
    tell(scene.project, {})

    assert "person.company.size" in {one.path for one in catalogue.properties_of(scene.project, "Video Created")}
    assert catalogue.values_of(scene.project, "person.company.size") == [("40", 1)]


def test_values_come_with_their_number_and_those_that_begin_as_typed_first(scene: Scene) -> None:
    assert catalogue.values_of(scene.project, "plan", "Signed Up") == [("free", 2), ("pro", 1)]
    assert catalogue.values_of(scene.project, "plan", "Signed Up", "R") == [("free", 2), ("pro", 1)]
    assert catalogue.values_of(scene.project, "plan", "Signed Up", "pr") == [("pro", 1)]
    assert catalogue.values_of(scene.project, "plan", "Video Created") == []


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("Signd Up", "Signed Up"),
        ("signed_up", "Signed Up"),
        ("Sign-up", "Signed Up"),
        ("Created Video", "Video Created"),
    ],
)
def test_a_name_that_never_came_leads_to_the_real_one(scene: Scene, wrong: str, meant: str) -> None:
    assert catalogue.suggest(scene.project, wrong)[0] == meant
    assert catalogue.unknown(scene.project, [wrong, meant, "*", "Page: *"]) == [
        f"No event “{wrong}” was ever received. Did you mean “{meant}”?"
    ]


def test_a_name_like_no_other_is_only_said_to_be_unknown(scene: Scene) -> None:
    assert catalogue.suggest(scene.project, "Xylophone") == []
    assert catalogue.unknown(scene.project, ["Xylophone"]) == [
        "No event “Xylophone” was ever received. Names are told apart by case and spaces."
    ]


def test_a_project_without_events_says_so(transactional_db: None) -> None:
    project = make_scene().project

    assert catalogue.events_of(project) == []
    assert catalogue.properties_of(project) == []
    assert "waits for its first event" in catalogue.unknown(project, ["Signed Up"])[0]


def test_the_builder_is_offered_names_properties_and_values(scene: Scene) -> None:
    names = scene.owner.get(scene.url("explore/names/events/")).json()
    typed = scene.owner.get(scene.url("explore/names/events/?q=video")).json()
    misspelt = scene.owner.get(scene.url("explore/names/events/?q=Sined+Up")).json()
    properties = scene.owner.get(scene.url("explore/names/properties/?event=Signed+Up&q=pl")).json()
    values = scene.viewer.get(scene.url("explore/names/values/?event=Signed+Up&property=plan")).json()

    assert [one["name"] for one in names["names"]] == ["*", "Page: *", "Signed Up", "Page: Pricing", "Video Created"]
    assert [one["name"] for one in typed["names"]] == ["Video Created"]
    assert [one["name"] for one in misspelt["names"]] == ["Signed Up"]
    assert [one["name"] for one in properties["names"]] == ["plan"]
    assert values == {"names": [{"name": "free", "events": 2}, {"name": "pro", "events": 1}]}


@pytest.mark.parametrize(
    "part", ["events/?q=%00", "properties/?event=%00", "values/?property=%00", "values/?property=.."]
)
def test_odd_names_are_no_trouble(scene: Scene, part: str) -> None:
    assert scene.owner.get(scene.url(f"explore/names/{part}")).status_code == 200
