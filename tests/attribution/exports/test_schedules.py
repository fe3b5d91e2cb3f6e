"""Raw data of each day is written once: to a folder or a bucket, with a manifest, and after an outage all days."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import s3fs

from attribution.exports import jobs, places, schedules
from attribution.models import Export, ExportSchedule, Touch
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.attribution.conftest import Api
from tests.attribution.exports.conftest import lines
from tests.attribution.factories import TouchFactory
from tests.factories import ProjectFactory

NOW = datetime(2026, 11, 12, 2, 30, tzinfo=UTC)  # half past three in Berlin
DAY = date(2026, 11, 10)


def scheduled(project: Project, **given: Any) -> ExportSchedule:
    usual = {"kinds": ["touches"], "format": "csv", "address": "daily/raw", "first_day": DAY, "hour": 3}
    return schedules.create(project, {**usual, **given}, user=None, now=NOW)


def arrived(project: Project, name: str, at: datetime, **fields: Any) -> Touch:
    return TouchFactory(project=project, touch_id=name, ts=at, received_at=at, **fields)


def run_all(now: datetime = NOW) -> None:
    """Do what beat and its processes do until nothing is left."""
    for _ in range(6):
        schedules.run(now=now)
        jobs.work_all()


def content(project: Project, settings: Any) -> dict[str, Path]:
    root = Path(settings.EXPORTS_URL, "scheduled", str(project.pk), "daily/raw")
    return {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}


def test_each_day_gets_its_files_and_then_its_manifest(project: Project, settings: Any) -> None:
    arrived(project, "late on the day", datetime(2026, 11, 10, 22, 59, tzinfo=UTC))
    arrived(project, "next day in Berlin", datetime(2026, 11, 10, 23, 0, tzinfo=UTC))
    made = scheduled(project)

    run_all()

    made.refresh_from_db()
    found = content(project, settings)
    assert sorted(found) == [
        "manifests/2026-11-10.json", "manifests/2026-11-11.json",
        "touches/day=2026-11-10/touches.csv", "touches/day=2026-11-11/touches.csv",
    ]  # fmt: skip
    days = [lines(found[f"touches/day=2026-11-{day}/touches.csv"].read_bytes()) for day in (10, 11)]
    assert [[row["touch_id"] for row in rows] for rows in days] == [["late on the day"], ["next day in Berlin"]]
    manifest = orjson.loads(found["manifests/2026-11-10.json"].read_bytes())
    assert (manifest["timeZone"], manifest["by"], manifest["files"][0]["rows"]) == ("Europe/Berlin", "arrival", 1)
    assert manifest["files"][0]["bytes"] == found["touches/day=2026-11-10/touches.csv"].stat().st_size
    assert made.next_day == date(2026, 11, 12)


def test_a_row_that_comes_late_is_in_the_day_of_its_arrival(project: Project, settings: Any) -> None:
    scheduled(project)
    at = datetime(2026, 11, 11, 12, tzinfo=UTC)
    TouchFactory(project=project, touch_id="late", ts=at - timedelta(days=5), received_at=at)

    run_all()

    [row] = lines(content(project, settings)["touches/day=2026-11-11/touches.csv"].read_bytes())
    assert row["touch_id"] == "late"


def test_running_again_writes_no_day_again(project: Project) -> None:
    scheduled(project)

    run_all()
    number = Export.objects.count()
    run_all()

    assert Export.objects.count() == number == 2


def test_a_day_whose_file_failed_is_said_and_tried_again_until_it_works(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scheduled(project)

    def broken(*_: Any) -> Any:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(jobs, "opened", broken)
        run_all()
    made.refresh_from_db()
    assert (made.next_day, "No space" in made.problem) == (DAY, True)

    Export.objects.update(finished_at=NOW - timedelta(minutes=11))
    run_all()

    made.refresh_from_db()
    assert (made.next_day, made.problem) == (date(2026, 11, 12), "")


def test_a_paused_schedule_writes_nothing_and_catches_up_when_resumed(project: Project, settings: Any) -> None:
    made = scheduled(project)
    schedules.pause(made, now=NOW)
    run_all()
    assert content(project, settings) == {}

    schedules.resume(made)
    run_all()

    assert len(content(project, settings)) == 4


def test_an_ended_schedule_leaves_its_files(project: Project, settings: Any) -> None:
    made = scheduled(project)
    run_all()

    schedules.remove(made, now=NOW)
    run_all()

    assert len(content(project, settings)) == 4
    assert not ExportSchedule.objects.exists()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kinds": []}, "kinds"),
        ({"kinds": ["touches"], "columns": "appsflyer"}, "columns"),
        ({"address": "../../etc"}, "address"),
        ({"address": "/etc"}, "address"),
        ({"address": "a/../b"}, "address"),
        ({"address": "s3://bucket/x"}, "key"),
        ({"address": "s3://B u/x", "key": "k", "secret": "s"}, "address"),
        ({"address": "s3://bucket", "key": "k", "secret": "s", "endpoint": "http://169.254.169.254"}, "endpoint"),
        ({"address": "s3://bucket", "key": "k", "secret": "s", "endpoint": "http://127.0.0.1:9000"}, "endpoint"),
        ({"hour": 24}, "hour"),
        ({"first_day": date(2020, 1, 1)}, "first_day"),
    ],
)
@pytest.mark.django_db
def test_what_can_not_be_written_is_refused_by_field(given: dict[str, Any], field: str, settings: Any) -> None:
    settings.OUTBOUND_PRIVATE_NETWORKS = ()
    with pytest.raises(InvalidField) as refused:
        scheduled(ProjectFactory(), **given)

    assert refused.value.detail[0]["field"] == field
    assert not ExportSchedule.objects.exists()


@pytest.fixture
def endpoint(settings: Any) -> Iterator[str]:
    """A server that speaks S3 over HTTP, with the bucket "lake"."""
    moto = pytest.importorskip("moto.server")
    from ipaddress import ip_network

    settings.OUTBOUND_PRIVATE_NETWORKS = (ip_network("127.0.0.0/8"),)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    if not lake(f"http://{host}:{port}").exists("lake"):  # its memory outlives it
        lake(f"http://{host}:{port}").mkdir("lake")
    yield f"http://localhost:{port}"
    server.stop()


def lake(endpoint: str) -> s3fs.S3FileSystem:
    return s3fs.S3FileSystem(
        key="k", secret="s", endpoint_url=endpoint, skip_instance_cache=True, use_listings_cache=False,
    )  # fmt: skip


def test_a_bucket_gets_the_same_files_by_its_own_key(project: Project, api: Api, endpoint: str) -> None:
    arrived(project, "one", datetime(2026, 11, 10, 12, tzinfo=UTC))
    sent = {
        "kinds": ["touches"], "format": "csv", "address": "s3://lake/growth", "key": "AKIAKEY", "secret": "very-secret",
        "endpoint": endpoint, "firstDay": "2026-11-10",
    }  # fmt: skip

    made = api("POST", "/v1/export-schedules", sent)
    run_all()

    assert made.status_code == 201, made.content
    stored = ExportSchedule.objects.get()
    assert "very-secret" not in f"{made.json()}{stored.options}"
    assert sorted(lake(endpoint).find("lake")) == [
        "lake/growth/manifests/2026-11-10.json", "lake/growth/manifests/2026-11-11.json",
        "lake/growth/touches/day=2026-11-10/touches.csv", "lake/growth/touches/day=2026-11-11/touches.csv",
    ]  # fmt: skip
    [row] = lines(lake(endpoint).cat("lake/growth/touches/day=2026-11-10/touches.csv"))
    assert row["touch_id"] == "one"


def test_a_bucket_that_is_not_there_is_said_before_anything_is_made(project: Project, api: Api, endpoint: str) -> None:
    sent = {
        "kinds": ["touches"], "address": "s3://nobody/x", "key": "k", "secret": "s", "endpoint": endpoint,
    }  # fmt: skip

    answer = api("POST", "/v1/export-schedules", sent)

    assert (answer.status_code, answer.json()["code"]) == (409, "place_unwritable")
    assert "bucket" in answer.json()["message"].lower()
    assert not ExportSchedule.objects.exists()


def test_an_endpoint_that_turns_inward_after_it_was_checked_is_not_reached(
    project: Project, endpoint: str, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_PRIVATE_NETWORKS = ()
    monkeypatch.setattr(places.outbound, "check_url", lambda url: None)  # what it was when it was looked at

    with pytest.raises(places.Unwritable) as refused:
        scheduled(project, address="s3://lake/x", key="k", secret="s", endpoint=endpoint)

    assert "public internet" in str(refused.value) or "connect" in str(refused.value).lower()
    assert lake(endpoint.replace("localhost", "127.0.0.1")).find("lake/x") == []


def test_another_projects_schedule_is_not_there(project: Project, api: Api) -> None:
    theirs = scheduled(ProjectFactory())

    assert api("DELETE", f"/v1/export-schedules/sch_{theirs.pk}").status_code == 404
    assert api("GET", "/v1/export-schedules").json() == {"results": []}
