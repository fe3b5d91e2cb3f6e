"""The pages of raw data: what is ordered, how far it is, and what is written every day."""

from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from attribution.exports import jobs, kinds, schedules
from attribution.exports.reading import Asked
from attribution.models import Export, ExportSchedule
from customers.models import Project
from tests.factories import ProjectFactory

DOCS = Path(__file__).parents[3] / "docs" / "raw-data.md"


@pytest.fixture(autouse=True)
def _places(settings: Any, tmp_path: Path) -> None:
    settings.EXPORTS_URL, settings.EXPORTS_WORK = str(tmp_path / "exports"), tmp_path / "work"


@pytest.fixture
def project(db: None) -> Project:
    return ProjectFactory(slug="acme", time_zone="Europe/Berlin")


def shown(client: Client, path: str = "") -> str:
    answer = client.get(f"/dashboard/acme/exports/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def post(client: Client, path: str, **fields: Any) -> HttpResponse:
    return client.post(f"/dashboard/acme/exports/{path}", fields, follow=True)


def ready(project: Project, **fields: Any) -> Export:
    Path(str(jobs.places.home().root), "files").mkdir(parents=True)  # type: ignore[attr-defined]
    Path(str(jobs.places.home().root), "files", "a.csv").write_text("touch_id\n")  # type: ignore[attr-defined]
    return Export.objects.create(
        project=project, kind="touches", format="csv", state="done", rows=1, bytes=9, path="files/a.csv",
        finished_at=timezone.now(), **fields,
    )  # fmt: skip


def test_without_a_file_the_page_teaches_how_to_get_one(editor: Client) -> None:
    text = shown(editor)

    assert "Take your rows with you" in text
    assert "/v1/export/installs.csv" in text


def test_an_editor_orders_a_file_and_sees_how_far_it_is(editor: Client, project: Project) -> None:
    given = {
        "kind": "events", "format": "csv", "columns": "own", "by": "arrival", "since": "2026-11-01",
        "until": "2026-11-07", "names": "Signed Up, Pro",
    }  # fmt: skip

    post(editor, "create/", **given)
    export = Export.objects.get()
    Export.objects.update(state="running", rows=400, total=1_000)
    text = shown(editor)

    assert jobs.asked_of(export).names == ("Signed Up", "Pro")
    assert (export.since.isoformat(), export.until.isoformat()) == (  # type: ignore[union-attr]
        "2026-10-31T23:00:00+00:00", "2026-11-07T23:00:00+00:00",
    )  # fmt: skip
    assert 'aria-label="400 of 1000 done"' in text
    assert 'hx-trigger="every 2s"' in text
    assert "1 Nov 2026" in text
    assert "7 Nov 2026" in text


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(editor: Client) -> None:
    answer = post(
        editor, "create/", kind="touches", format="parquet", columns="appsflyer", by="time", source="tiktok",
        spreadsheet="on",
    )  # fmt: skip

    text = answer.content.decode()
    assert answer.status_code == 422
    assert "AppsFlyer&#x27;s columns are for installs and events only." in text
    assert 'value="tiktok"' in text
    assert not Export.objects.exists()


def test_a_file_is_fetched_removed_and_made_again(editor: Client, project: Project) -> None:
    export = ready(project)

    fetched = editor.get(f"/dashboard/acme/exports/{export.pk}/download/", HTTP_ACCEPT_ENCODING="gzip")
    post(editor, f"{export.pk}/remove/")
    gone = editor.get(f"/dashboard/acme/exports/{export.pk}/download/", follow=True)
    post(editor, f"{export.pk}/again/")

    assert b"".join(fetched.streaming_content) == b"touch_id\n"
    assert fetched["Content-Length"] == "9"
    assert "Make it again" in gone.content.decode()
    assert list(Export.objects.order_by("pk").values_list("state", flat=True)) == ["done", "waiting"]


def test_a_viewer_fetches_but_orders_and_removes_nothing(viewer: Client, project: Project) -> None:
    export = ready(project)

    assert "Create file" not in shown(viewer)
    fetched = viewer.get(f"/dashboard/acme/exports/{export.pk}/download/")
    assert b"".join(fetched.streaming_content) == b"touch_id\n"
    for path in ("create/", f"{export.pk}/remove/", f"{export.pk}/again/", "schedules/create/"):
        assert post(viewer, path).status_code == 403


def test_the_list_is_searched_sorted_and_taken_as_csv(editor: Client, project: Project) -> None:
    for kind in ("touches", "events"):
        jobs.order(project, Asked(kind), "csv")

    assert "exports/" in shown(editor, "?sort=-rows")
    assert "Events" not in editor.get("/dashboard/acme/exports/?q=touch", HTTP_HX_REQUEST="true").content.decode()
    lines = b"".join(editor.get("/dashboard/acme/exports/?format=csv").streaming_content).decode().splitlines()
    assert len(lines) == 3


def test_an_admin_sets_up_tries_pauses_and_ends_a_schedule(editor: Client, project: Project) -> None:
    project.organization.members.update(role="admin")
    given = {"kinds": ["events", "installs"], "format": "parquet", "columns": "own", "address": "daily", "hour": "4"}

    made = post(editor, "schedules/create/", **given)
    plan = ExportSchedule.objects.get()

    assert "A test file could be written there" in made.content.decode()
    assert "Next comes" in shown(editor, f"schedules/{plan.pk}/")
    assert "was written there and removed" in post(editor, f"schedules/{plan.pk}/test/").content.decode()
    assert "Paused" in post(editor, f"schedules/{plan.pk}/pause/").content.decode()
    assert "Goes on" in post(editor, f"schedules/{plan.pk}/pause/").content.decode()
    assert "daily" in shown(editor)
    post(editor, f"schedules/{plan.pk}/remove/")
    assert not ExportSchedule.objects.exists()


def test_a_schedule_that_can_not_write_is_not_saved(editor: Client, project: Project, settings: Any) -> None:
    project.organization.members.update(role="admin")
    given = {"kinds": ["events"], "format": "csv", "columns": "own", "hour": "3", "address": "s3://bucket/x"}

    keyless = post(editor, "schedules/create/", **given)
    inward = post(
        editor, "schedules/create/", **given, key="k", secret="hidden-secret", endpoint="http://10.0.0.1:9000"
    )

    assert "A bucket needs it." in keyless.content.decode()
    assert "not an address of the public internet" in inward.content.decode()
    assert "hidden-secret" not in inward.content.decode()
    assert not ExportSchedule.objects.exists()


def test_a_schedule_that_fails_says_why(editor: Client, project: Project) -> None:
    plan = schedules.create(
        project, {"kinds": ["events"], "format": "csv", "address": "daily"}, user=None, now=timezone.now()
    )
    ExportSchedule.objects.update(problem="The bucket does not exist")

    assert "The bucket does not exist" in shown(editor)
    assert "The bucket does not exist" in shown(editor, f"schedules/{plan.pk}/")


def test_every_column_is_in_the_documentation() -> None:
    text = DOCS.read_text()

    for kind in kinds.KINDS.values():
        assert f"### {kind.name}\n" in text
        for column in kind.columns:
            assert f"| `{column.name}` | {column.type} | {column.means} |" in text
