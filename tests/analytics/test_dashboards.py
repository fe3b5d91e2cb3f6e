"""Dashboards: made, filled, arranged, shown, deleted and brought back."""

import json
from typing import Any

import pytest
from django.utils import timezone

from analytics import dashboards, saved
from analytics.models import Dashboard, SavedView, Tile
from growthplatform.core.errors import InvalidField
from tests.scene import Scene, make_scene, text_of, words_of


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


@pytest.fixture
def board(scene: Scene) -> Dashboard:
    """A dashboard with three tiles: A, B, C."""
    made = dashboards.create(scene.project, "Monday")
    for name in "ABC":
        dashboards.add(made, saved.create(scene.project, name, "trend", "event=Open"), now=timezone.now())
    return made


def names(board: Dashboard) -> str:
    return "".join(tile.view.name for tile in dashboards.tiles(board))


def tile(board: Dashboard, name: str) -> Tile:
    return Tile.objects.get(dashboard=board, view__name=name)


def arrange(scene: Scene, board: Dashboard, order: str, wide: str = "", **more: Any) -> int:
    said = {"order": ",".join(str(tile(board, name).pk) for name in order)}
    said["wide"] = ",".join(str(tile(board, name).pk) for name in wide)
    return scene.owner.post(scene.url(f"dashboards/{board.pk}/arrange/"), said | more).status_code


def test_a_dashboard_is_made_and_shows_what_to_do_next(scene: Scene) -> None:
    answer = scene.owner.post(scene.url("dashboards/create/"), {"name": "Monday"}, follow=True)

    assert "Nothing is on this dashboard yet" in text_of(answer)
    assert Dashboard.objects.get().name == "Monday"


def test_a_dashboard_without_a_name_is_not_made(scene: Scene) -> None:
    answer = scene.owner.post(scene.url("dashboards/create/"), {"name": " "}, follow=True)

    assert "Give it a name." in text_of(answer)
    assert not Dashboard.objects.exists()


def test_the_list_shows_dashboards_with_the_number_of_their_views(scene: Scene, board: Dashboard) -> None:
    dashboards.create(scene.project, "Empty one")
    saved.delete(tile(board, "A").view, now=timezone.now())

    rows = scene.viewer.get(scene.url("dashboards/"), {"sort": "-views"}).context["rows"]

    assert [(row.name, row.views) for row in rows] == [("Monday", 2), ("Empty one", 0)]
    assert "1 dashboard found" in words_of(scene.viewer.get(scene.url("dashboards/"), {"q": "EMPTY"}))


@pytest.mark.parametrize("sort", ["name", "-views", "views", "-updated", "nonsense"])
def test_the_list_is_paged_in_every_order(scene: Scene, sort: str) -> None:
    for number in range(52):
        dashboards.create(scene.project, f"D{number:02}")

    first = scene.owner.get(scene.url("dashboards/"), {"sort": sort})
    after = scene.owner.get(scene.url("dashboards/"), {"sort": sort, "cursor": first.context["next"]})

    found = [row.name for page in (first, after) for row in page.context["rows"]]
    assert sorted(found) == [f"D{number:02}" for number in range(52)]


def test_tiles_come_after_the_page_in_one_period_where_it_is_asked_for(scene: Scene, board: Dashboard) -> None:
    number = tile(board, "A").pk

    own = text_of(scene.viewer.get(scene.url(f"dashboards/{board.pk}/")))
    chosen = text_of(scene.viewer.get(scene.url(f"dashboards/{board.pk}/"), {"range": "90d", "evil": "x"}))

    assert f'hx-get="{scene.url(f"dashboards/{board.pk}/tiles/{number}/")}"' in own
    assert f'hx-get="{scene.url(f"dashboards/{board.pk}/tiles/{number}/")}?range=90d"' in chosen
    assert "data-tiles" not in own
    assert "Add view" not in own


def test_what_is_off_a_dashboard_is_offered_and_can_be_added(scene: Scene, board: Dashboard) -> None:
    other = saved.create(scene.project, "Orders", "trend", "event=Order")

    offer = text_of(scene.owner.get(scene.url(f"dashboards/{board.pk}/offer/"), {"q": "o"}))
    answer = scene.owner.post(scene.url(f"dashboards/{board.pk}/add/"), {"view": str(other.pk)})

    assert "Orders" in offer
    assert ">A<" not in offer
    assert names(board) == "ABCOrders"
    assert answer["Location"].endswith(f"#tile-{tile(board, 'Orders').pk}")
    assert scene.owner.post(scene.url(f"dashboards/{board.pk}/add/"), {"view": "nonsense"}).status_code == 404


def test_a_view_stands_on_a_dashboard_once(board: Dashboard) -> None:
    again = dashboards.add(board, tile(board, "A").view, now=timezone.now())

    assert again == tile(board, "A")
    assert names(board) == "ABC"


def test_a_full_dashboard_takes_no_more(scene: Scene, board: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboards, "MOST_TILES", 3)

    with pytest.raises(InvalidField, match="holds 3 views"):
        dashboards.add(board, saved.create(scene.project, "D", "trend", "event=Open"), now=timezone.now())


def test_tiles_are_moved_and_made_wide(scene: Scene, board: Dashboard) -> None:
    assert arrange(scene, board, "CAB", wide="A") == 204

    assert names(board) == "CAB"
    assert [one.width for one in dashboards.tiles(board)] == [1, 2, 1]


def test_a_tile_that_was_added_meanwhile_stays_at_the_end(scene: Scene, board: Dashboard) -> None:
    arrange(scene, board, "BA")

    assert names(board) == "BAC"


@pytest.mark.parametrize("order", ["", "x,y", "-1", "9" * 4_000, "1,1,1", "\u0663"])
def test_an_order_made_up_by_hand_does_no_harm(scene: Scene, board: Dashboard, order: str) -> None:
    answer = scene.owner.post(scene.url(f"dashboards/{board.pk}/arrange/"), {"order": order, "wide": order})

    assert answer.status_code == 204
    assert sorted(names(board)) == ["A", "B", "C"]


def test_a_tile_is_taken_off_and_put_back_where_it_was(scene: Scene, board: Dashboard) -> None:
    arrange(scene, board, "ABC", wide="B")

    answer = scene.owner.post(scene.url(f"dashboards/{board.pk}/tiles/{tile(board, 'B').pk}/take/"))

    assert names(board) == "AC"
    assert SavedView.objects.filter(name="B", deleted_at=None).exists()
    undo = json.loads(answer["HX-Trigger"])["toast"]["undo"]
    assert scene.owner.post(undo).status_code == 302
    assert names(board) == "ABC"
    assert tile(board, "B").width == 2
    assert scene.owner.post(undo).status_code == 302
    assert names(board) == "ABC"


def test_a_tile_of_another_dashboard_is_not_there(scene: Scene, board: Dashboard) -> None:
    other = dashboards.create(scene.project, "Other")

    path = scene.url(f"dashboards/{other.pk}/tiles/{tile(board, 'A').pk}/")

    assert scene.owner.get(path).status_code == 404
    assert scene.owner.post(f"{path}take/").status_code == 404


def test_a_dashboard_is_renamed_copied_deleted_and_brought_back(scene: Scene, board: Dashboard) -> None:
    scene.owner.post(scene.url(f"dashboards/{board.pk}/rename/"), {"name": "Tuesday"})
    scene.owner.post(scene.url(f"dashboards/{board.pk}/duplicate/"))
    scene.owner.post(scene.url(f"dashboards/{board.pk}/delete/"))

    copy = dashboards.live(scene.project).get()
    assert (copy.name, names(copy)) == ("Tuesday (copy)", "ABC")
    assert scene.owner.get(scene.url(f"dashboards/{board.pk}/")).status_code == 404

    scene.owner.post(scene.url(f"dashboards/{board.pk}/restore/"))

    assert scene.owner.get(scene.url(f"dashboards/{board.pk}/")).status_code == 200


@pytest.mark.parametrize("deed", ["add", "arrange", "put", "rename", "duplicate", "delete", "restore", "share"])
def test_a_viewer_changes_nothing(scene: Scene, board: Dashboard, deed: str) -> None:
    assert scene.viewer.post(scene.url(f"dashboards/{board.pk}/{deed}/"), {"name": "Mine"}).status_code == 403
    assert scene.stranger.post(scene.url(f"dashboards/{board.pk}/{deed}/"), {"name": "Mine"}).status_code == 404
    assert names(board) == "ABC"
