"""Saved views: kept, found, changed, copied, deleted and brought back; by page and by API."""

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from analytics import dashboards, saved
from analytics.models import SavedView, Tile
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene, text_of, words_of

QUERY = "event=Signed+Up&range=7d"


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    tell(
        scene.project, {"ada": [("2026-11-02T10:00:00Z", "Signed Up")], "bob": [("2026-11-03T10:00:00Z", "Signed Up")]}
    )
    return scene


@pytest.fixture
def view(scene: Scene) -> SavedView:
    return saved.create(scene.project, "Sign-ups", "trend", QUERY)


def test_a_question_is_saved_without_what_is_no_part_of_it(scene: Scene) -> None:
    answer = scene.owner.post(
        scene.url("views/create/"),
        {"kind": "trend", "name": "  New \n accounts ", "query": "?event=Signed+Up&by=&cursor=abc&view=3&format=csv"},
    )

    view = SavedView.objects.get()
    assert (view.name, view.kind, view.query) == ("New accounts", "trend", "event=Signed+Up")
    assert view.created_by is not None
    assert answer["Location"] == f"/dashboard/{scene.project.slug}/explore/trend/?event=Signed+Up&view={view.pk}"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "trend", "name": " "}, "Give it a name."),
        ({"kind": "trend", "name": "x" * 101}, "At most 100 characters."),
        ({"kind": "pie", "name": "x"}, "must be one of trend"),
        ({"kind": "trend", "name": "x", "query": "a=" + "x" * 9_000}, "at most 8000 characters"),
        ({"kind": "trend", "name": "x", "query": "a=\x00"}, "at most 8000 characters"),
    ],
)
def test_what_can_not_be_saved_is_said(scene: Scene, fields: dict[str, str], said: str) -> None:
    answer = scene.owner.post(scene.url("views/create/"), fields, follow=True)

    assert answer.status_code == 200
    assert said in text_of(answer)
    assert not SavedView.objects.exists()


def test_the_list_finds_a_view_by_name_and_kind(scene: Scene, view: SavedView) -> None:
    saved.create(scene.project, "Orders", "trend", "event=Order")

    assert "Orders" not in text_of(scene.viewer.get(scene.url("views/"), {"q": "SIGN"}))
    assert "2 views" in words_of(scene.viewer.get(scene.url("views/"), {"kind": "trend"}))
    assert "No view’s name contains “zzz”" in text_of(scene.viewer.get(scene.url("views/"), {"q": "zzz\x00"}))


@pytest.mark.parametrize("sort", ["name", "-name", "kind", "updated", "-updated", "nonsense"])
def test_the_list_is_paged_in_every_order(scene: Scene, sort: str) -> None:
    for number in range(53):
        saved.create(scene.project, f"View {number:02}", "trend", "event=A")

    first = scene.owner.get(scene.url("views/"), {"sort": sort})
    after = scene.owner.get(scene.url("views/"), {"sort": sort, "cursor": first.context["next"]})

    names = [view.name for page in (first, after) for view, _ in page.context["rows"]]
    assert sorted(names) == [f"View {number:02}" for number in range(53)]
    assert after.context["next"] is None


def test_a_cursor_typed_by_hand_is_not_found(scene: Scene, view: SavedView) -> None:
    assert scene.owner.get(scene.url("views/"), {"cursor": "nonsense"}).status_code == 404


def test_a_project_without_views_is_told_how_to_begin(scene: Scene) -> None:
    assert "Save your first question" in text_of(scene.viewer.get(scene.url("views/")))


def test_the_page_of_a_view_brings_its_result(scene: Scene, view: SavedView) -> None:
    page = text_of(scene.viewer.get(scene.url(f"views/{view.pk}/"), {"range": "90d"}))
    result = text_of(scene.viewer.get(scene.url(f"views/{view.pk}/result/"), {"range": "90d"}))

    assert f"/views/{view.pk}/result/?range=90d" in page
    assert "The period it was saved with" in page
    assert f'id="view{view.pk}-' in result
    assert "How this is counted" in result
    assert "/people/?" not in result


def test_a_period_of_the_page_takes_the_place_of_the_views_own(view: SavedView) -> None:
    assert saved.question_of(view).urlencode() == QUERY
    over = saved.question_of(view, QueryDict("from=2026-01-01&to=2026-01-31&cursor=x"))
    assert over.urlencode() == "event=Signed+Up&from=2026-01-01&to=2026-01-31"


def test_the_result_comes_as_a_file_too(scene: Scene, view: SavedView) -> None:
    answer = scene.viewer.get(
        scene.url(f"views/{view.pk}/result/"), {"format": "csv", "from": "2026-11-01", "to": "2026-11-04"}
    )

    assert answer["Content-Type"].startswith("text/csv")
    assert "2026-11-02" in text_of(answer)


def test_a_view_that_can_not_be_answered_says_why(scene: Scene) -> None:
    view = saved.create(scene.project, "Old", "trend", "event=Signed+Up&cohort=99")

    answer = scene.viewer.get(scene.url(f"views/{view.pk}/result/"))

    assert answer.status_code == 200
    assert "This can’t be answered as it was saved" in text_of(answer)
    assert "There is no such saved cohort" in text_of(answer)


def test_a_view_is_changed_from_the_explorer_and_renamed(scene: Scene, view: SavedView) -> None:
    scene.owner.post(scene.url(f"views/{view.pk}/save/"), {"query": "event=Order&view=1"})
    scene.owner.post(scene.url(f"views/{view.pk}/rename/"), {"name": "Orders"})

    view.refresh_from_db()
    assert (view.name, view.query) == ("Orders", "event=Order")


def test_a_copy_stands_for_itself(scene: Scene, view: SavedView) -> None:
    scene.owner.post(scene.url(f"views/{view.pk}/duplicate/"))

    copy = SavedView.objects.exclude(pk=view.pk).get()
    assert (copy.name, copy.query, copy.kind) == ("Sign-ups (copy)", QUERY, "trend")


def test_a_deleted_view_is_gone_everywhere_until_it_is_brought_back(scene: Scene, view: SavedView) -> None:
    board = dashboards.create(scene.project, "Monday")
    dashboards.add(board, view, now=view.created_at)

    answer = scene.owner.post(scene.url(f"views/{view.pk}/delete/"), follow=True)

    assert f"undo:{scene.url(f'views/{view.pk}/restore/')}" in text_of(answer)
    assert scene.owner.get(scene.url(f"views/{view.pk}/")).status_code == 404
    assert scene.api(f"/v1/views/{view.pk}/result").status_code == 404
    assert dashboards.tiles(board) == []

    scene.owner.post(scene.url(f"views/{view.pk}/restore/"))

    assert scene.owner.get(scene.url(f"views/{view.pk}/")).status_code == 200
    assert [tile.view for tile in dashboards.tiles(board)] == [view]


def test_a_view_is_put_on_a_dashboard_also_on_a_new_one(scene: Scene, view: SavedView) -> None:
    scene.owner.post(scene.url(f"views/{view.pk}/put/"), {"name": "Monday", "dashboard": ""})
    board = dashboards.live(scene.project).get()
    scene.owner.post(scene.url(f"views/{view.pk}/put/"), {"dashboard": str(board.pk)})

    assert Tile.objects.get().dashboard == board
    assert scene.owner.post(scene.url(f"views/{view.pk}/put/"), {"dashboard": "999"}).status_code == 404


@pytest.mark.parametrize("deed", ["save", "rename", "duplicate", "delete", "restore", "put", "share"])
def test_a_viewer_changes_nothing(scene: Scene, view: SavedView, deed: str) -> None:
    assert scene.viewer.post(scene.url(f"views/{view.pk}/{deed}/"), {"name": "Mine"}).status_code == 403
    assert scene.stranger.post(scene.url(f"views/{view.pk}/{deed}/"), {"name": "Mine"}).status_code == 404

    view.refresh_from_db()
    assert (view.name, view.deleted_at) == ("Sign-ups", None)


def test_a_view_of_another_project_is_not_there(scene: Scene) -> None:
    other = make_scene()
    theirs = saved.create(other.project, "Theirs", "trend", QUERY)

    for path in ("", "result/"):
        assert scene.owner.get(scene.url(f"views/{theirs.pk}/{path}")).status_code == 404
    for deed in ("save", "rename", "duplicate", "delete", "restore", "put", "share"):
        assert scene.owner.post(scene.url(f"views/{theirs.pk}/{deed}/"), {"name": "x"}).status_code == 404
    assert scene.api(f"/v1/views/{theirs.pk}/result").status_code == 404


def test_the_api_lists_views_and_answers_one_as_its_metric_does(scene: Scene, view: SavedView) -> None:
    saved.create(make_scene().project, "Theirs", "trend", QUERY)

    listed = scene.api("/v1/views?q=sign&kind=trend").json()
    period = "from=2026-11-01&to=2026-11-04"
    answer = scene.api(f"{listed['results'][0]['result']}?{period}").json()

    assert [one["name"] for one in listed["results"]] == ["Sign-ups"]
    assert listed["results"][0]["metric"] == f"/v1/metrics/trend?{QUERY}"
    assert answer["view"]["id"] == view.pk
    assert answer["result"] == scene.api(f"/v1/metrics/trend?event=Signed+Up&{period}").json()
    assert answer["result"]["series"][0]["total"] == 2


def test_the_api_refuses_what_can_not_be_read(scene: Scene, view: SavedView) -> None:
    assert scene.api(f"/v1/views/{view.pk}/result?from=yesterday").status_code == 400
    assert scene.api("/v1/views?cursor=nonsense").status_code == 400
    assert scene.api("/v1/views", key="").status_code == 401
    assert scene.api("/v1/views", key=scene.write_key).status_code == 403
    assert Client().get(f"/v1/views/{view.pk}/result").status_code == 401


def test_a_name_keeps_its_room_for_the_word_copy(scene: Scene) -> None:
    long = saved.create(scene.project, "x" * 100, "trend", QUERY)

    made = saved.duplicate(long, user=User.objects.first(), now=timezone.now())  # type: ignore[arg-type]

    assert len(made.name) == 100
    assert made.name.endswith("(copy)")
    with pytest.raises(InvalidField):
        saved.create(scene.project, "x" * 101, "trend", QUERY)
