"""A project whose rows are committed: raw data is read on a connection of its own."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from attribution.exports import jobs
from attribution.models import Candidate, Decision, Export, Install, RuleSet
from customers.models import Project
from tests.attribution.conftest import Api
from tests.attribution.factories import NOON, LinkFactory, TouchFactory
from tests.factories import ApiKeyFactory, ProjectFactory


@pytest.fixture
def project(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Project]:
    settings.SEGMENTS_URL = str(tmp_path / "segments")
    settings.EXPORTS_URL = str(tmp_path / "exports")
    settings.EXPORTS_WORK = tmp_path / "work"
    yield ProjectFactory(slug="acme", time_zone="Europe/Berlin")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_event; DELETE FROM events_message; DELETE FROM events_consumer")


@pytest.fixture
def api(project: Project) -> Api:
    return Api(Client(), project, ApiKeyFactory(project=project).text)


def told(project: Project) -> Decision:
    """Make a click that brought an install, and one that lost."""
    link = LinkFactory(project=project, slug=f"winter-{project.pk}")
    won = TouchFactory(
        project=project, touch_id="won", link=link, ip="198.51.100.7", campaign='=cmd|"x",1', params={"sub1": "a"},
        ts=NOON - timedelta(minutes=3), flags=["click_datacenter"],
    )  # fmt: skip
    lost = TouchFactory(project=project, touch_id="lost", source="meta", campaign="Brand\nlook", type="impression")
    install = Install.objects.create(
        project=project, message_id="m-1", distinct_id="anon-1", installed_at=NOON, received_at=NOON, os_name="ios",
        advertising_id="idfa-1", device_id="idfv-1", user_id="u-1", country="DE", pending=False,
    )  # fmt: skip
    rules = RuleSet.objects.create(project=project, version=1, rules={})
    decision = Decision.objects.create(
        project=project, install=install, state="final", tier="click_id", touch=won, source="tiktok",
        campaign=won.campaign, installed_at=NOON, rule_set=rules, decided_at=NOON,
        fraud=[{"code": "ctit_quick", "value": 4, "threshold": 10, "action": "flag"}],
    )  # fmt: skip
    Candidate.objects.create(decision=decision, touch=won, tier="click_id", eligible=True, credited=True, age_s=180)
    Candidate.objects.create(decision=decision, touch=lost, tier="view", eligible=True, age_s=600)
    return decision


def written(project: Project, export: Export) -> bytes:
    """Let a worker write an export, and return its file."""
    jobs.work(export.pk)
    export = Export.objects.select_related("schedule", "project").get(pk=export.pk)
    assert export.state == "done", export.problem
    with jobs.open_file(export) as file:
        return file.read()


def lines(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def table(data: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(data))


def today() -> str:
    return f"{timezone.now():%Y-%m-%d}"
