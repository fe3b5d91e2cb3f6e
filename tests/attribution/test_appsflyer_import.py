"""AppsFlyer's raw data becomes ours: read row by row, stored once, credited as AppsFlyer credited it."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from attribution.appsflyer_import import rows, working
from attribution.appsflyer_import.rows import Taken, Told, Wrong
from attribution.models import Conversion, Decision, Destination, Install, Touch, VendorImport
from attribution.postbacks import making
from customers.models import Project
from events import services as events
from events.models import Event, EventName
from tests.attribution.factories import NOON, decide

SAMPLE = Path("../shared/data/appsflyer_raw_export/installs_and_events_sample.csv")
HEAD = (
    "Attributed Touch Type", "Attributed Touch Time", "Install Time", "Event Time", "Event Name", "Event Value",
    "Event Revenue", "Event Revenue Currency", "Event Revenue USD", "Media Source", "Campaign", "Campaign ID",
    "Contributor 1 Media Source", "Contributor 1 Campaign", "Contributor 1 Touch Type", "Contributor 1 Touch Time",
    "Country Code", "IP", "AppsFlyer ID", "Advertising ID", "IDFA", "Customer User ID", "IDFV", "Platform",
    "OS Version", "App ID", "Bundle ID",
)  # fmt: skip
UTC_ZONE = ZoneInfo("UTC")
TOLD = Told(UTC_ZONE, {"af_purchase": "Order Completed"}, currency="USD")
INSTALL = {
    "Attributed Touch Type": "click",
    "Attributed Touch Time": "2026-11-10 11:50:00",
    "Install Time": "2026-11-10 12:00:00",
    "Event Time": "2026-11-10 12:00:00",
    "Event Name": "install",
    "Media Source": "facebook_ads_int",
    "Campaign": "Lookalike EU",
    "Contributor 1 Media Source": "bytedanceglobal_int",
    "Contributor 1 Campaign": "Winter sale",
    "Contributor 1 Touch Type": "click",
    "Contributor 1 Touch Time": "2026-11-10 09:00:00",
    "AppsFlyer ID": "1700000000000-1",
    "Advertising ID": "38400000-8cf0-11bd-b23e-10b96e40000d",
    "Customer User ID": "user-1",
    "Platform": "android",
    "Country Code": "DE",
    "App ID": "com.example.app",
}
PURCHASE = {
    "Install Time": "2026-11-10 12:00:00",
    "Event Time": "2026-11-10 14:30:00",
    "Event Name": "af_purchase",
    "Event Value": '{"af_revenue": 9.99, "af_order_id": "A-1"}',
    "Event Revenue": "9.99",
    "Event Revenue Currency": "USD",
    "Media Source": "facebook_ads_int",
    "AppsFlyer ID": "1700000000000-1",
    "Customer User ID": "user-1",
    "App ID": "com.example.app",
}


def read(values: dict[str, str], told: Told = TOLD) -> Taken | Wrong:
    head = rows.head_of(HEAD)
    return rows.read(2, [values.get(name, "") for name in HEAD], head, told)


def taken(values: dict[str, str], told: Told = TOLD) -> Taken:
    found = read(values, told)
    assert isinstance(found, Taken), found
    return found


def file_of(*lines: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, HEAD, restval="")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue().encode()


def test_an_install_tells_of_its_touch_and_of_those_that_lost() -> None:
    one = taken(INSTALL)

    assert one.call["event"] == "Application Installed"
    assert (one.call["anonymousId"], one.call["userId"]) == ("1700000000000-1", "user-1")
    assert [(touch["campaign"]["source"], touch["campaign"]["name"]) for touch in one.touches] == [
        ("meta", "Lookalike EU"), ("tiktok", "Winter sale")
    ]  # fmt: skip
    assert one.call["properties"] == {"click_id": one.touches[0]["touchId"]}
    assert one.touches[0]["timestamp"] == "2026-11-10T11:50:00+00:00"


def test_an_event_has_our_name_and_its_revenue_and_no_touch() -> None:
    one = taken(PURCHASE)

    assert one.call["event"] == "Order Completed"
    assert one.call["properties"] == {"order_id": "A-1", "revenue": 9.99, "currency": "USD"}
    assert one.touches == []


def test_the_zone_of_the_file_is_heeded_and_dollars_are_taken_where_the_project_counts_in_them() -> None:
    one = taken(
        {**PURCHASE, "Event Revenue": "8.50", "Event Revenue Currency": "EUR", "Event Revenue USD": "9.20"},
        Told(ZoneInfo("Europe/Berlin"), {}, currency="USD"),
    )

    assert one.call["timestamp"] == "2026-11-10T13:30:00+00:00"
    properties = one.call["properties"]
    assert (properties["revenue"], properties["currency"], properties["original_revenue"]) == (9.2, "USD", "8.50")
    assert one.call["event"] == "af_purchase"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"AppsFlyer ID": "", "Customer User ID": ""}, "missing_id"),
        ({"Event Name": ""}, "missing_event"),
        ({"Install Time": "yesterday"}, "invalid_timestamp"),
        ({"Install Time": ""}, "invalid_timestamp"),
        ({"Install Time": "1999-01-01 00:00:00"}, "invalid_timestamp"),
    ],
)
def test_a_row_that_can_be_nothing_says_why(change: dict[str, str], code: str) -> None:
    found = read({**INSTALL, **change})

    assert isinstance(found, Wrong)
    assert found.code == code


def test_organic_installs_have_no_touch_and_returns_are_opens() -> None:
    organic = taken({**INSTALL, "Media Source": "Organic", "Contributor 1 Media Source": ""})
    back = taken({**INSTALL, "Event Name": "re-engagement"})

    assert organic.touches == []
    assert organic.call["properties"] == {}
    assert back.call["event"] == "Application Opened"
    assert "click_id" in back.call["properties"]


def test_a_touch_never_comes_after_what_it_brought() -> None:
    for time in ("", "2026-11-11 00:00:00"):
        one = taken({**INSTALL, "Attributed Touch Time": time})

        assert one.touches[0]["timestamp"] == "2026-11-10T11:59:59+00:00"


def test_a_file_that_is_no_raw_data_is_refused() -> None:
    with pytest.raises(rows.WrongFile, match="no column install time"):
        rows.head_of(["date", "installs"])


@given(st.dictionaries(st.sampled_from(HEAD), st.text('0123456789-: .,{}"aé\u2028', max_size=12), max_size=6))
def test_no_value_breaks_the_reader(changes: dict[str, str]) -> None:
    assert isinstance(read({**INSTALL, **changes}), Taken | Wrong)
    assert isinstance(read({**PURCHASE, **changes}), Taken | Wrong)


@pytest.fixture(autouse=True)
def _exports(settings: Any, tmp_path: Path) -> None:
    settings.EXPORTS_URL = str(tmp_path)


def bring(project: Project, content: bytes, name: str = "installs.csv") -> VendorImport:
    made = working.order(
        project, SimpleUploadedFile(name, content), time_zone="UTC", now=datetime(2026, 11, 11, tzinfo=UTC)
    )
    assert working.work(made.pk)
    made.refresh_from_db()
    return made


@pytest.mark.django_db(transaction=True)
def test_a_file_brought_twice_is_stored_once_and_credited_as_appsflyer_did(project: Project, tmp_path: Path) -> None:
    EventName.objects.create(project=project, dialect="appsflyer", theirs="af_purchase", ours="Order Completed")
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        first = bring(project, file_of(INSTALL, PURCHASE, {**PURCHASE, "Event Time": "soon"}))
        decide()
        again = bring(project, file_of(INSTALL, PURCHASE))

    assert (first.state, first.rows, first.taken, first.refused) == ("done", 3, 2, 1)
    assert first.summary == {"installs": 1, "events": 1, "touches": 2}
    assert (again.taken, again.repeated) == (0, 2)
    decision = Decision.objects.get(project=project)
    assert (decision.source, decision.campaign, decision.tier) == ("meta", "Lookalike EU", "click_id")
    assert Conversion.objects.get().install == decision.install
    assert (Touch.objects.count(), Install.objects.count(), Event.objects.filter(project=project).count()) == (2, 1, 2)
    assert list(tmp_path.rglob("*.csv")) == []


@pytest.mark.django_db(transaction=True)
def test_networks_are_told_nothing_of_what_was_taken_over(project: Project) -> None:
    target = Destination.objects.create(
        project=project, kind="webhook", name="Ours", url="https://x.example", news=["install", "Order Completed"]
    )
    Destination.objects.update(created_at=NOON - timedelta(days=30))
    bring(project, file_of(INSTALL, PURCHASE))
    decide()
    Decision.objects.update(state="final")

    assert making.make(now=timezone.now()) == 2
    assert target.postbacks.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_file_is_known_also_when_the_log_has_forgotten_its_ids(project: Project) -> None:
    opened = {**PURCHASE, "Event Name": "af_login", "Event Value": "", "Event Revenue": ""}
    content = file_of(INSTALL, PURCHASE, opened)
    bring(project, content)
    decide()
    while (stretch := events.digest()) and stretch.more:
        pass
    VendorImport.objects.update(created_at=datetime(2026, 10, 1, tzinfo=UTC))
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM events_message")

    again = bring(project, content)

    assert (again.taken, again.repeated) == (0, 3)
    assert Event.objects.filter(project=project).count() == 3


@pytest.mark.django_db
def test_a_file_is_read_on_from_where_a_dead_worker_stopped(project: Project, monkeypatch: Any) -> None:
    monkeypatch.setattr(working, "BATCH", 1)
    lines = [{**PURCHASE, "Event Time": f"2026-11-10 14:30:0{number}"} for number in range(4)]
    made = working.order(project, SimpleUploadedFile("e.csv", file_of(*lines)), time_zone="UTC", now=NOON)
    seen: list[int] = []

    def dies(done: int, _: int) -> None:
        seen.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        working.work(made.pk, seen=dies)
    assert working.unfinished() == [made.pk]
    working.work(made.pk, seen=lambda done, _: seen.append(done))

    made.refresh_from_db()
    assert (made.state, made.rows, made.taken, seen) == ("done", 4, 4, [1, 2, 3, 4])


@pytest.mark.django_db
def test_windows_that_are_wider_than_ours_are_told(project: Project) -> None:
    made = bring(project, file_of({**INSTALL, "Attributed Touch Time": "2026-10-20 11:50:00"}))

    assert made.summary["outside_window"] == 1


@pytest.mark.django_db
@pytest.mark.skipif(not SAMPLE.exists(), reason="the real header lies beside the project")
def test_the_real_header_is_read(project: Project) -> None:
    made = bring(project, SAMPLE.read_bytes())

    assert (made.state, made.taken, made.refused) == ("done", 2, 0)
    assert Touch.objects.get().source == "meta"


@pytest.mark.django_db
def test_the_page_takes_a_file_and_shows_how_far_it_is(editor: Client, viewer: Client, project: Project) -> None:
    path = "/dashboard/acme/shadow/imports/raw/"

    def send(client: Client, content: bytes) -> Any:
        file = SimpleUploadedFile("installs.csv", content)
        return client.post(path, {"time_zone": "UTC", "file": file}, follow=True)

    assert editor.get(path).status_code == 200
    assert send(viewer, file_of(INSTALL)).status_code == 403
    assert "no raw data of AppsFlyer" in send(editor, b"a,b\n1,2\n").content.decode()
    shown = send(editor, file_of(INSTALL))
    assert "Waiting" in shown.content.decode()
    working.work(VendorImport.objects.get().pk)
    assert "credited to a click" not in editor.get(shown.request["PATH_INFO"]).content.decode()
    assert editor.get(shown.request["PATH_INFO"]).context["facts"][0] == ("Installs", 1)
