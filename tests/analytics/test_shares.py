"""Shared links: made, opened without an account, revoked; they never lead to people or to anything else."""

import re

import pytest
from django.test import Client
from django.utils import timezone

from analytics import dashboards, saved, sharing
from analytics.models import Dashboard, SavedView, Share, Tile
from customers import services as customers
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene, text_of, words_of


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    tell(scene.project, {"ada": [("2026-11-02T10:00:00Z", "Signed Up")]})
    return scene


@pytest.fixture
def view(scene: Scene) -> SavedView:
    return saved.create(scene.project, "Sign-ups", "trend", "event=Signed+Up&from=2026-11-01&to=2026-11-04")


@pytest.fixture
def board(scene: Scene, view: SavedView) -> Dashboard:
    made = dashboards.create(scene.project, "Monday")
    dashboards.add(made, view, now=timezone.now())
    return made


def shared(scene: Scene, path: str) -> str:
    """Make a link and return its path."""
    page = text_of(scene.owner.post(scene.url(f"{path}share/")))
    return re.search(r"http://testserver(/shared/[\w-]+/)", page).group(1)  # type: ignore[union-attr]


def test_a_shared_view_is_seen_without_an_account_and_kept_from_search_engines(scene: Scene, view: SavedView) -> None:
    path = shared(scene, f"views/{view.pk}/")

    page, result = Client().get(path), Client().get(f"{path}result/")

    assert "Sign-ups" in text_of(page)
    for answer in (page, result):
        assert answer.status_code == 200
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer["Cache-Control"]
    assert "/people/" not in text_of(result)
    assert "/dashboard/" not in text_of(page) + text_of(result)


def test_the_address_is_not_written_into_our_own_page_views(scene: Scene, view: SavedView) -> None:
    path = shared(scene, f"views/{view.pk}/")
    customers.house()

    assert "data-write-key" in text_of(Client().get("/accounts/login/"))
    assert "data-write-key" not in text_of(Client().get(path))
    customers.forget_house()


def test_a_shared_dashboard_shows_its_tiles_and_no_others(scene: Scene, board: Dashboard) -> None:
    other = dashboards.create(scene.project, "Secret")
    theirs = dashboards.add(other, saved.create(scene.project, "Hidden", "trend", "event=X"), now=timezone.now())
    path = shared(scene, f"dashboards/{board.pk}/")

    mine = Tile.objects.get(dashboard=board)

    assert "Hidden" not in text_of(Client().get(path))
    assert Client().get(f"{path}tiles/{mine.pk}/").status_code == 200
    assert Client().get(f"{path}tiles/{theirs.pk}/").status_code == 404
    assert Client().get(f"{path}result/").status_code == 404


def test_a_reader_can_not_ask_for_another_period(scene: Scene, view: SavedView) -> None:
    path = shared(scene, f"views/{view.pk}/")

    plain, other = (
        Client().get(f"{path}result/"),
        Client().get(f"{path}result/", {"range": "12m", "by": "person.email"}),
    )

    assert words_of(plain) == words_of(other)


def test_a_shared_view_shows_no_tile_of_a_dashboard(scene: Scene, view: SavedView, board: Dashboard) -> None:
    path = shared(scene, f"views/{view.pk}/")

    assert Client().get(f"{path}tiles/{Tile.objects.get().pk}/").status_code == 404


def test_a_revoked_link_is_closed_and_the_others_stay_open(scene: Scene, view: SavedView) -> None:
    first, second = shared(scene, f"views/{view.pk}/"), shared(scene, f"views/{view.pk}/")
    share = Share.objects.order_by("pk").first()
    assert share

    answer = scene.owner.post(scene.url(f"shares/{share.pk}/revoke/"), HTTP_HX_REQUEST="true")

    assert "The link is closed." in text_of(answer)
    assert Client().get(first).status_code == 404
    assert Client().get(f"{first}result/").status_code == 404
    assert Client().get(second).status_code == 200


@pytest.mark.parametrize("gone", ["view", "board", "project"])
def test_what_is_deleted_is_not_shown_any_more(scene: Scene, view: SavedView, board: Dashboard, gone: str) -> None:
    paths = [shared(scene, f"views/{view.pk}/"), shared(scene, f"dashboards/{board.pk}/")]

    if gone == "view":
        saved.delete(view, now=timezone.now())
    elif gone == "board":
        dashboards.delete(board, now=timezone.now())
    else:
        type(scene.project).objects.filter(pk=scene.project.pk).update(deleted_at=timezone.now())

    open_ = [Client().get(path).status_code for path in paths]
    assert open_ == {"view": [404, 200], "board": [200, 404], "project": [404, 404]}[gone]
    if gone == "view":
        assert "Nothing is on this dashboard at the moment" in text_of(Client().get(paths[1]))


@pytest.mark.parametrize("token", ["x", "%00", "a" * 500, "..%2f"])
def test_a_guessed_token_opens_nothing(db: None, token: str) -> None:
    assert Client().get(f"/shared/{token}/").status_code == 404


def test_the_token_is_not_kept(scene: Scene, view: SavedView) -> None:
    token = shared(scene, f"views/{view.pk}/").split("/")[2]

    share = Share.objects.get()
    assert token not in share.token_hash
    assert sharing.find(token) == share
    assert "/shared/" not in text_of(scene.owner.get(scene.url(f"views/{view.pk}/")))


def test_too_many_links_are_refused_in_words(scene: Scene, view: SavedView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "MOST_PER_THING", 1)
    shared(scene, f"views/{view.pk}/")

    answer = scene.owner.post(scene.url(f"views/{view.pk}/share/"))

    assert "There are 1 links already" in text_of(answer)
    assert Share.objects.count() == 1


def test_the_activity_says_who_published_and_closed_what(scene: Scene, board: Dashboard) -> None:
    shared(scene, f"dashboards/{board.pk}/")
    scene.owner.post(scene.url(f"shares/{Share.objects.get().pk}/revoke/"))

    page = words_of(scene.owner.get(f"/dashboard/{scene.project.slug}/settings/activity/"))

    assert "Shared link" in page
    assert "revoked" in page
    assert "Monday" in page


def test_only_who_may_change_shares_and_revokes(scene: Scene, view: SavedView) -> None:
    shared(scene, f"views/{view.pk}/")
    number = Share.objects.get().pk

    assert scene.viewer.post(scene.url(f"shares/{number}/revoke/")).status_code == 403
    assert scene.stranger.post(scene.url(f"shares/{number}/revoke/")).status_code == 404
    assert make_scene().owner.post(scene.url(f"shares/{number}/revoke/")).status_code == 404
    assert Share.objects.get().revoked_at is None
