"""Annotations: noted by hand and by API, drawn on charts, deleted and brought back."""

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analytics import annotations
from analytics.models import Annotation
from growthplatform.core.errors import InvalidField
from growthplatform.core.periods import Period
from tests.scene import Scene, make_scene, text_of, words_of

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


@pytest.fixture
def scene(db: None) -> Scene:
    return make_scene()


def note(scene: Scene, text: str = "4.12.0", **fields: Any) -> Annotation:
    return annotations.add(scene.project, **{"kind": "deploy", "text": text, "at": NOON, **fields})


def week(scene: Scene) -> Period:
    query = {"from": "2026-11-09", "to": "2026-11-15"}
    return Period.from_query(query, zone=scene.project.tz, now=NOON + timedelta(days=20))


def test_charts_get_what_happened_in_their_period_oldest_first(scene: Scene) -> None:
    note(scene, "later", at=NOON + timedelta(days=1))
    note(scene, "inside")
    note(scene, "before", at=datetime(2026, 11, 8, 22, 59, tzinfo=UTC))  # 23:59 in Berlin on the day before
    note(scene, "after", at=datetime(2026, 11, 15, 23, tzinfo=UTC))
    note(scene, "began before", kind="incident", at=NOON - timedelta(days=5), until=NOON)
    note(make_scene(), "theirs")

    found = annotations.marks(scene.project, week(scene))

    assert [mark.short for mark in found] == ["began before", "inside", "later"]
    assert found[0].kind == "incident"
    assert found[0].to == NOON


def test_a_long_text_is_cut_at_the_line(scene: Scene) -> None:
    note(scene, "A very long story about a release that nobody reads to its end")

    [mark] = annotations.marks(scene.project, week(scene))

    assert mark.short == "A very long story about…"


def test_so_many_lines_that_nothing_else_is_seen_are_not_drawn(scene: Scene) -> None:
    for number in range(50):
        note(scene, f"{number}", at=NOON + timedelta(minutes=number))

    found = annotations.marks(scene.project, week(scene))

    assert [mark.short for mark in found] == [str(number) for number in range(10, 50)]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "party"}, "kind"),
        ({"text": " \n "}, "text"),
        ({"text": "x" * 201}, "text"),
        ({"at": datetime(1970, 1, 1, tzinfo=UTC)}, "at"),
        ({"until": NOON - timedelta(seconds=1)}, "until"),
        ({"until": NOON + timedelta(days=1_000)}, "until"),
    ],
)
def test_what_can_not_be_noted_is_refused(scene: Scene, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        note(scene, **fields)

    assert refused.value.detail[0]["field"] == field


def test_an_annotation_is_added_and_changed_on_the_projects_clocks(scene: Scene) -> None:
    said = {"kind": "incident", "text": "Sync was down", "at": "2026-11-10T13:00", "until": "2026-11-10T14:30"}

    scene.owner.post(scene.url("annotations/create/"), said)
    made = Annotation.objects.get()
    form = text_of(scene.owner.get(scene.url(f"annotations/{made.pk}/edit/")))
    scene.owner.post(scene.url(f"annotations/{made.pk}/edit/"), said | {"text": "Sync was slow", "until": ""})

    assert (made.at, made.until) == (NOON, NOON + timedelta(minutes=90))
    assert 'value="2026-11-10T13:00"' in form
    made.refresh_from_db()
    assert (made.text, made.until) == ("Sync was slow", None)
    assert made.created_by is not None


@pytest.mark.parametrize(
    "wrong",
    [{"text": ""}, {"at": "soon"}, {"until": "2026-11-09T00:00"}, {"kind": "party"}, {"at": "1970-01-01T00:00"}],
)
def test_a_wrong_form_comes_back_with_what_is_wrong(scene: Scene, wrong: dict[str, str]) -> None:
    said = {"kind": "deploy", "text": "4.12.0", "at": "2026-11-10T13:00", "until": ""}

    answer = scene.owner.post(scene.url("annotations/create/"), said | wrong)

    assert answer.status_code == 422
    assert "g-error" in text_of(answer)
    assert not Annotation.objects.exists()


def test_the_list_is_searched_and_narrowed(scene: Scene) -> None:
    note(scene, "4.12.0")
    note(scene, "Sync was down", kind="incident")

    assert "1 annotation found" in words_of(scene.viewer.get(scene.url("annotations/"), {"q": "SYNC"}))
    assert "4.12.0" not in text_of(scene.viewer.get(scene.url("annotations/"), {"kind": "incident"}))
    assert "None of this kind yet" in text_of(scene.viewer.get(scene.url("annotations/"), {"kind": "note"}))


def test_a_project_without_annotations_is_told_how_to_begin(scene: Scene) -> None:
    page = text_of(scene.owner.get(scene.url("annotations/")))

    assert "Say what happened, and when" in page
    assert "/v1/annotations" in page


def test_a_deleted_annotation_can_be_brought_back_in_its_own_project(scene: Scene) -> None:
    made = note(scene, "4.12.0", until=NOON + timedelta(hours=1))
    other = make_scene()

    answer = scene.owner.post(scene.url(f"annotations/{made.pk}/delete/"), follow=True)

    assert not Annotation.objects.exists()
    undo = html.unescape(re.search(r"undo:(\S+?)[\s\"]", text_of(answer)).group(1))  # type: ignore[union-attr]
    assert other.owner.post(undo.replace(scene.project.slug, other.project.slug)).status_code == 404
    assert scene.owner.post(undo.replace("told=", "told=x")).status_code == 404
    scene.owner.post(undo)
    scene.owner.post(undo)
    back = Annotation.objects.get()
    assert (back.text, back.at, back.until, back.created_at) == ("4.12.0", made.at, made.until, made.created_at)


@pytest.mark.parametrize("deed", ["create/", "edit/", "delete/"])
def test_a_viewer_changes_nothing(scene: Scene, deed: str) -> None:
    made = note(scene)
    path = scene.url(f"annotations/{deed}" if deed == "create/" else f"annotations/{made.pk}/{deed}")

    assert scene.viewer.post(path, {"text": "mine"}).status_code == 403
    assert scene.stranger.post(path, {"text": "mine"}).status_code == 404


def test_a_deploy_script_notes_by_api_and_takes_back(scene: Scene) -> None:
    made = scene.api("/v1/annotations", {"kind": "deploy", "text": "4.12.0"})
    noted = scene.api("/v1/annotations", {"text": "Later", "at": "2026-11-10T13:00:00+01:00"}).json()

    assert made.status_code == 201
    assert noted["kind"] == "note"
    assert noted["at"] == "2026-11-10T12:00:00+00:00"
    assert len(scene.api("/v1/annotations").json()["results"]) == 2
    listed = scene.api("/v1/annotations?from=2026-11-10&to=2026-11-10").json()
    assert [one["text"] for one in listed["results"]] == ["Later"]
    headers = {"HTTP_AUTHORIZATION": f"Bearer {scene.secret_key}"}
    assert scene.owner.delete(f"/v1/annotations/{noted['id']}", **headers).status_code == 204
    assert scene.owner.delete(f"/v1/annotations/{noted['id']}", **headers).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"text": ""}, "text"),
        ([], "body"),
        ({"text": "x", "when": "now"}, "when"),
        ({"text": "x", "at": "2026-11-10T13:00:00"}, "at"),
        ({"text": "x", "at": "2026-13-45T13:00:00Z"}, "at"),
        ({"text": "x", "at": 5}, "at"),
        ({"text": "x", "kind": None}, "kind"),
    ],
)
def test_the_api_names_what_is_wrong(scene: Scene, body: Any, field: str) -> None:
    answer = scene.api("/v1/annotations", body)

    assert answer.status_code == 400
    assert answer.json()["detail"][0]["field"] == field


def test_annotations_take_a_secret_key_of_their_own_project(scene: Scene) -> None:
    theirs = note(make_scene())

    assert scene.api("/v1/annotations", {"text": "x"}, key=scene.write_key).status_code == 403
    assert scene.api("/v1/annotations", key="").status_code == 401
    headers = {"HTTP_AUTHORIZATION": f"Bearer {scene.secret_key}"}
    assert scene.owner.delete(f"/v1/annotations/{theirs.pk}", **headers).status_code == 404
    assert scene.api("/v1/annotations").json()["results"] == []
