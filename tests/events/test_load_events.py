"""manage.py load-events: a CSV file as events, each row once, each refusal with its line."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command

from customers.models import Project
from events.models import Event, Person, Rejected
from tests.factories import ProjectFactory

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
RETAIL = SHARED / "online_retail" / "online_retail.csv.zst"
GAME = SHARED / "mobile_game_case" / "users.csv.gz"
ORDERS = """Invoice,Item,Quantity,At,Customer
A1,007,6,2010-12-01 08:26:00,17850.0
A1,12,-1,2010-12-01 08:26:00,17850.0
A2,9,2,not a day,13047.0
A3,9,2,2010-12-02 09:00:00,
A4,9
A5,9,2.5,2010-12-02T09:00:00+02:00,12583
"""


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory(slug="shop", time_zone="Europe/London")


def run(file: Path, **options: Any) -> dict[str, Any]:
    out = io.StringIO()
    usual = {"project": "shop", "timestamp": "At", "user_id": "Customer", "event": "Ordered", "json": True}
    call_command("load-events", str(file), stdout=out, **{**usual, **options})
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def written(folder: Path, text: str = ORDERS) -> Path:
    file = folder / "orders.csv"
    file.write_text(text)
    return file


def events_of(project: Project) -> list[Event]:
    return list(Event.objects.filter(project=project).order_by("ts", "id"))


def test_each_row_becomes_an_event_with_the_other_columns_as_properties(project: Project, tmp_path: Path) -> None:
    figures = run(written(tmp_path), rename=["Quantity=quantity"], leave_out=["Invoice"])

    assert (figures["rows"], figures["stored"], figures["refused"], figures["withoutPerson"]) == (6, 3, 2, 1)
    first, second, third = events_of(project)
    assert [first.name, first.user_id, first.properties] == ["Ordered", "17850", {"Item": "007", "quantity": 6}]
    assert second.properties == {"Item": "12", "quantity": -1}
    assert third.properties == {"Item": "9", "quantity": 2.5}
    assert first.ts.isoformat() == "2010-12-01T08:26:00+00:00"
    assert third.ts.isoformat() == "2010-12-02T07:00:00+00:00"
    assert Person.objects.filter(project=project).count() == 2


def test_a_repeat_stores_nothing_twice_and_another_meaning_is_another_event(project: Project, tmp_path: Path) -> None:
    file = written(tmp_path)
    run(file)

    again = run(file)
    other = run(file, event="Paid")

    assert (again["stored"], again["repeated"]) == (0, 3)
    assert (other["stored"], other["repeated"]) == (3, 0)
    assert len(events_of(project)) == 6


def test_refused_rows_are_reported_with_their_line(project: Project, tmp_path: Path) -> None:
    report, out = tmp_path / "report.csv", io.StringIO()

    call_command(
        "load-events", str(written(tmp_path)), project="shop", timestamp="At", user_id="Customer", event="Ordered",
        report=report, stdout=out,
    )  # fmt: skip

    with report.open(newline="") as file:
        assert [(row["line"], row["code"]) for row in csv.DictReader(file)] == [
            ("4", "invalid_timestamp"),
            ("6", "wrong_columns"),
        ]
    assert "3 stored, 0 were there before, 1 without an id of a person, 2 refused" in out.getvalue()
    assert "line 4: At: 'not a day' is no time." in out.getvalue()


def test_what_the_door_refuses_is_kept_among_the_rejected_events(project: Project, tmp_path: Path) -> None:
    file = written(tmp_path, "What,At,Customer\nOpened,2010-12-01,1\n,2010-12-01,2\n")

    figures = run(file, event="", event_column="What")

    assert (figures["stored"], figures["refused"]) == (1, 1)
    assert Rejected.objects.get(project=project).path == "load-events orders.csv"


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_packed_files_are_read_whatever_they_are_called(project: Project, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "orders.data"
    content = "\ufeffAt,Customer\r\n2010-12-01,1\r\n".encode()
    file.write_bytes(gzip.compress(content) if kind == "gzip" else pa.compress(content, kind, asbytes=True))

    assert run(file)["stored"] == 1


def test_times_of_another_form_and_another_zone_are_read(project: Project, tmp_path: Path) -> None:
    file = written(tmp_path, "At,Customer\n01.12.2010 08:26,1\n")

    run(file, time_format="%d.%m.%Y %H:%M", time_zone="Asia/Tokyo")

    assert events_of(project)[0].ts.isoformat() == "2010-11-30T23:26:00+00:00"


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        ("At,Who\n2010-12-01,1\n", {}, "has no column Customer; it has At, Who"),
        ("At,At,Customer\n", {}, "more than one column At"),
        ("", {}, "is empty"),
        ("At,Customer\n", {"event_column": "At"}, "either --event NAME or --event-column"),
        ("At,Customer\n", {"user_id": ""}, "Say who did it"),
        ("At,Customer\n", {"rename": ["At"]}, "COLUMN=NAME"),
        ("At,Customer\n", {"time_zone": "Nowhere"}, "no time zone 'Nowhere'"),
        ("At,Customer\n", {"encoding": "klingon"}, "no encoding 'klingon'"),
        ("At,Customer\n", {"project": "nobody"}, "no project 'nobody'"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is_recorded(
    project: Project, tmp_path: Path, content: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        run(written(tmp_path, content), **options)


def test_bytes_of_another_encoding_are_named_with_their_line(project: Project, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes("At,Customer,Item\n2010-12-01,1,Café\n".encode("latin-1"))

    with pytest.raises(CommandError, match=r"after line 1: not utf-8; name another --encoding"):
        run(file)

    assert run(file, encoding="latin-1")["stored"] == 1
    assert events_of(project)[0].properties == {"Item": "Café"}


def test_a_file_that_is_not_there_or_broken_is_said(project: Project, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"At,Customer\n" * 1_000)[:40])

    for file in (tmp_path / "none.csv", broken):
        with pytest.raises(CommandError, match="can't be read"):
            run(file)


@pytest.mark.skipif(not GAME.exists(), reason="the real registrations are not here")
def test_the_real_registrations_of_a_game_are_events(project: Project) -> None:
    figures = run(GAME, timestamp="Reg Date", user_id="ID User", event="Registered", rename=["Dev Type=platform"])

    assert (figures["stored"], figures["refused"]) == (3_078, 0)
    assert {event.properties["platform"] for event in events_of(project)} == {"ios", "android"}


@pytest.mark.skipif(not RETAIL.exists(), reason="the real orders are not here")
def test_the_first_real_orders_have_prices_as_numbers_and_invoices_as_text(project: Project, tmp_path: Path) -> None:
    lines = pa.input_stream(str(RETAIL), compression="zstd").read(1 << 18).split(b"\n")[:-1]
    file = tmp_path / "retail.csv"
    file.write_bytes(b"\n".join(lines) + b"\n")

    figures = run(file, timestamp="InvoiceDate", user_id="CustomerID", event="Order Line")

    assert figures["stored"] + figures["withoutPerson"] == len(lines) - 1
    event = events_of(project)[0]
    assert (event.user_id, event.properties["UnitPrice"], event.properties["StockCode"]) == ("17850", 2.55, "85123A")
