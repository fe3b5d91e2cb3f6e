"""Templates: a project's own events are offered, checked and become saved views on a dashboard."""

import pytest

from analytics import dashboards
from analytics.models import Dashboard, SavedView
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene, text_of, words_of

CHOSEN = {"visitor": "Page: *", "signup": "Account Made", "verified": "", "first_video": "Clip Made", "pro": "Paid"}


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    acts = ("Page: Home", "Account Created", "Video Created", "Subscription Started", "Template Used")
    tell(scene.project, {"ada": [(f"2026-11-02T10:0{minute}:00Z", act) for minute, act in enumerate(acts)]})
    return scene


def test_the_list_says_how_much_of_each_template_is_there(scene: Scene) -> None:
    page = words_of(scene.viewer.get(scene.url("templates/")))

    assert "Visitor to Pro" in page
    assert "4 of 5 events found" in page
    assert "In use" not in page


def test_the_likeliest_events_are_chosen_before_anybody_types(scene: Scene) -> None:
    page = text_of(scene.viewer.get(scene.url("templates/visitor-to-pro/")))

    for name in ("Page: *", "Account Created", "Video Created", "Subscription Started"):
        assert f'value="{name}"' in page
    assert 'placeholder="Email Verified"' in page
    assert "Make these views" not in page


def test_the_preview_follows_what_is_typed(scene: Scene) -> None:
    path = scene.url("templates/visitor-to-pro/")

    whole = scene.owner.post(path, CHOSEN | {"check": "1"}, HTTP_HX_REQUEST="true")
    lacking = scene.owner.post(path, CHOSEN | {"check": "1", "pro": ""}, HTTP_HX_REQUEST="true")

    assert "Funnel" in words_of(whole)
    assert "<html" not in text_of(whole)
    assert lacking.status_code == 200
    assert "Choose the events that are not optional" in text_of(lacking)
    assert not SavedView.objects.exists()


def test_the_views_are_made_of_the_chosen_events_on_a_dashboard(scene: Scene) -> None:
    answer = scene.owner.post(scene.url("templates/visitor-to-pro/"), CHOSEN | {"dashboard": "The way to Pro"})

    view, board = SavedView.objects.get(), Dashboard.objects.get()
    assert (view.kind, view.template) == ("funnel", "visitor-to-pro")
    assert view.query.startswith("step=Page%3A+%2A&step=Account+Made&step=Clip+Made&step=Paid")
    assert answer["Location"] == scene.url(f"dashboards/{board.pk}/")
    assert [(tile.view, tile.width) for tile in dashboards.tiles(board)] == [(view, 2)]
    assert "In use" in words_of(scene.viewer.get(scene.url("templates/")))


def test_without_a_dashboards_name_only_views_are_made(scene: Scene) -> None:
    answer = scene.owner.post(scene.url("templates/visitor-to-pro/"), CHOSEN | {"dashboard": " "})

    assert answer["Location"] == scene.url("views/")
    assert not Dashboard.objects.exists()


def test_all_features_are_in_one_view(scene: Scene) -> None:
    scene.owner.post(scene.url("templates/features/"), {"templates": "Template Used", "export": "Exported"})

    names = set(SavedView.objects.values_list("name", flat=True))
    assert names >= {"Feature adoption", "Features used"}


@pytest.mark.parametrize(
    ("said", "wrong"),
    [(CHOSEN | {"pro": " "}, "choose the event that means “Pro”"), (CHOSEN | {"dashboard": "x" * 101}, "")],
)
def test_a_wrong_form_comes_back_as_it_was_typed(scene: Scene, said: dict[str, str], wrong: str) -> None:
    answer = scene.owner.post(scene.url("templates/visitor-to-pro/"), said)

    assert answer.status_code == 422
    assert wrong.lower() in text_of(answer).lower()
    assert 'value="Account Made"' in text_of(answer)
    assert not SavedView.objects.exists()
    assert not Dashboard.objects.exists()


def test_a_viewer_looks_and_saves_nothing(scene: Scene) -> None:
    assert scene.viewer.post(scene.url("templates/visitor-to-pro/"), CHOSEN).status_code == 403
    assert scene.stranger.get(scene.url("templates/visitor-to-pro/")).status_code == 404
    assert scene.owner.get(scene.url("templates/nonsense/")).status_code == 404
    assert not SavedView.objects.exists()


def test_a_project_without_events_can_still_choose(db: None) -> None:
    empty = make_scene()

    assert "Choose the events" in words_of(empty.owner.get(empty.url("templates/")))
    assert empty.owner.get(empty.url("templates/visitor-to-pro/")).status_code == 200
