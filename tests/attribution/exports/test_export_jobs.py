"""A file that was ordered is written whole, once, whatever dies meanwhile; canceled, it leaves nothing."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from attribution import tasks
from attribution.exports import jobs
from attribution.exports.reading import Asked
from attribution.models import Export
from customers.models import Project
from tests.attribution.conftest import Api
from tests.attribution.exports.conftest import lines, table, told, written
from tests.attribution.factories import TouchFactory
from tests.factories import ProjectFactory


def files_below(folder: Any) -> list[str]:
    return sorted(path.name for path in Path(folder).rglob("*") if path.is_file())


def test_an_ordered_file_is_written_and_can_be_fetched(project: Project, api: Api, settings: Any) -> None:
    told(project)

    ordered = api("POST", "/v1/exports", {"kind": "touches", "format": "parquet"})
    number = int(ordered.json()["id"].removeprefix("exp_"))
    assert jobs.work(number)

    shown = api("GET", f"/v1/exports/exp_{number}").json()
    assert (ordered.status_code, ordered.json()["state"], ordered.json()["file"]) == (202, "waiting", None)
    assert (shown["state"], shown["rows"], shown["total"]) == ("done", 2, 2)
    fetched = api("GET", shown["file"])
    data = b"".join(fetched.streaming_content)
    assert (len(data), int(fetched["Content-Length"])) == (shown["bytes"], shown["bytes"])
    assert table(data).num_rows == 2
    assert len(shown["sha256"]) == 64
    assert files_below(settings.EXPORTS_WORK) == []


def test_all_columns_are_chosen_for_an_order_too(project: Project, api: Api) -> None:
    told(project)
    sent = {"kind": "installs", "format": "csv", "columns": "appsflyer", "from": "2026-11-10", "to": "2026-11-10"}

    ordered = api("POST", "/v1/exports", sent).json()
    export = Export.objects.get(project=project)

    assert (ordered["from"], ordered["to"]) == ("2026-11-10T00:00:00+01:00", "2026-11-11T00:00:00+01:00")
    [row] = lines(written(project, export))
    assert row["Media Source"] == "tiktok"


def test_what_is_canceled_while_it_is_written_leaves_nothing(
    project: Project, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(project)
    export = jobs.order(project, Asked("touches"), "csv")
    put = jobs.schedules.place_of

    def canceled_meanwhile(one: Export) -> Any:
        Export.objects.filter(pk=one.pk).update(state="canceled")
        return put(one)

    monkeypatch.setattr(jobs.schedules, "place_of", canceled_meanwhile)

    jobs.work(export.pk)

    export.refresh_from_db()
    assert export.state == "canceled"
    assert files_below(settings.EXPORTS_URL) + files_below(settings.EXPORTS_WORK) == []


def test_a_waiting_one_that_is_canceled_is_never_begun(project: Project, api: Api) -> None:
    export = jobs.order(project, Asked("touches"), "csv")

    first, again = api("DELETE", f"/v1/exports/exp_{export.pk}"), api("DELETE", f"/v1/exports/exp_{export.pk}")

    assert first.json()["state"] == again.json()["state"] == "canceled"
    assert not jobs.work(export.pk)
    assert jobs.waiting() == []
    assert api("GET", f"/v1/exports/exp_{export.pk}/file").json()["code"] == "export_gone"


def test_one_whose_writer_was_killed_is_written_again_from_the_beginning(project: Project, settings: Any) -> None:
    told(project)
    export = jobs.order(project, Asked("touches"), "csv")
    Path(settings.EXPORTS_WORK).mkdir()
    Path(settings.EXPORTS_WORK, f"{export.pk}.csv").write_text("half of a fi")
    Export.objects.filter(pk=export.pk).update(state="running", tries=1, rows=1)

    assert jobs.waiting() == [export.pk]
    assert len(lines(written(project, export))) == 2
    export.refresh_from_db()
    assert (export.tries, export.rows) == (2, 2)


def test_what_breaks_off_three_times_is_given_up(project: Project) -> None:
    export = jobs.order(project, Asked("touches"), "csv")
    Export.objects.filter(pk=export.pk).update(state="running", tries=3)

    jobs.work(export.pk)

    export.refresh_from_db()
    assert (export.state, export.problem) == ("failed", "It was broken off 3 times.")


def test_a_full_disk_and_a_fault_of_ours_are_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    full, broken = (jobs.order(project, Asked("touches"), "csv") for _ in range(2))
    faults = iter([OSError(28, "No space left on device"), ZeroDivisionError()])

    def wrong(*_: Any, **__: Any) -> Any:
        raise next(faults)

    monkeypatch.setattr(jobs, "opened", wrong)

    jobs.work_all()

    problems = list(Export.objects.filter(pk__in=[full.pk, broken.pk]).order_by("pk").values_list("problem", flat=True))
    assert problems[0] == "The file can't be written: No space left on device."
    assert "on our side" in problems[1]


def test_files_go_after_seven_days(project: Project, api: Api, settings: Any) -> None:
    told(project)
    export = jobs.order(project, Asked("touches"), "csv")
    written(project, export)
    Export.objects.filter(pk=export.pk).update(finished_at=timezone.now() - timedelta(days=8))

    assert tasks.expire_exports() == 1

    assert tasks.expire_exports() == 0
    assert files_below(settings.EXPORTS_URL) == []
    assert api("GET", f"/v1/exports/exp_{export.pk}").json()["file"] is None


@pytest.mark.django_db
def test_half_a_file_that_nobody_goes_on_with_is_removed_after_a_day(settings: Any, tmp_path: Path) -> None:
    settings.EXPORTS_WORK = tmp_path
    for name, hours in (("1.csv", 25), ("2.csv", 23)):
        (tmp_path / name).write_text("half")
        at = (timezone.now() - timedelta(hours=hours)).timestamp()
        os.utime(tmp_path / name, (at, at))

    jobs.expire(now=timezone.now())

    assert files_below(tmp_path) == ["2.csv"]


def test_an_order_can_not_be_asked_wrongly_or_too_often(project: Project, api: Api) -> None:
    wrong = [
        {"kind": "nothing"},
        {"kind": "touches", "format": "xlsx"},
        {"kind": "touches", "format": "parquet", "spreadsheet": True},
        {"kind": "touches", "from": "soon"},
        {"kind": "touches", "colums": "own"},
    ]
    fields = [api("POST", "/v1/exports", one).json()["detail"][0]["field"] for one in wrong]

    many = [api("POST", "/v1/exports", {"kind": "touches"}).status_code for _ in range(11)]

    assert fields == ["kind", "format", "spreadsheet", "from", "colums"]
    assert many == [202] * 10 + [409]
    assert len(api("GET", "/v1/exports?limit=3").json()["results"]) == 3


def test_another_projects_file_is_not_there(project: Project, api: Api) -> None:
    theirs = jobs.order(ProjectFactory(), Asked("touches"), "csv")

    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/file")):
        assert api(method, f"/v1/exports/exp_{theirs.pk}{path}").status_code == 404


def test_erasing_a_project_removes_its_files(project: Project, settings: Any) -> None:
    told(project)
    written(project, jobs.order(project, Asked("touches"), "csv"))

    jobs.remove_files(project.pk)

    assert files_below(settings.EXPORTS_URL) == []


def test_the_worker_starts_a_process_that_writes_and_a_killed_one_is_replaced(
    project: Project, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    TouchFactory.create_batch(50, project=project)
    export = jobs.order(project, Asked("touches"), "csv")
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def remembered(command: list[str], **options: Any) -> Any:
        given = {"EXPORTS_URL": settings.EXPORTS_URL, "EXPORTS_WORK": str(settings.EXPORTS_WORK)}
        code = (
            "import tests.conftest; from django.conf import settings; from django.core.management import call_command;"
            f" settings.DATABASES['default']['NAME'] = {settings.DATABASES['default']['NAME']!r};"
            f" [setattr(settings, *one) for one in {given!r}.items()]; call_command({command[-1]!r})"
        )
        started.append(popen([sys.executable, "-c", code], stdin=options["stdin"], stdout=subprocess.DEVNULL))
        return started[-1]

    monkeypatch.setattr(jobs.subprocess, "Popen", remembered)
    cache.delete(jobs.STARTING)
    assert tasks.write_exports()
    assert not jobs.start()
    os.kill(started[0].pid, signal.SIGKILL)
    started[0].wait()
    cache.delete(jobs.STARTING)  # as if a minute had passed

    assert jobs.start()
    started[1].wait()

    export.refresh_from_db()
    assert (export.state, export.rows) == ("done", 50)
    assert not jobs.start()
