"""manage.py load-clicks: real clicks through the public API, earned matches, harmless repeats."""

import csv
import gzip
import io
import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from attribution import click_files
from attribution.models import Decision, Touch
from customers.models import ApiKey, Project
from tests.factories import ProjectFactory

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "talkingdata_clicks" / "train_sample.csv.gz"
HEAD = "ip,app,device,os,channel,click_time,attributed_time,is_attributed\n"


@pytest.fixture
def project() -> Project:
    return ProjectFactory(slug="clicks")


def load(path: Path, live_url: str) -> dict[str, float]:
    out = io.StringIO()
    call_command("load-clicks", str(path), "--project", "clicks", "--json", "--base-url", live_url, stdout=out)
    answer: dict[str, float] = json.loads(out.getvalue())
    return answer


@pytest.mark.django_db(transaction=True)
def test_installs_are_credited_to_the_click_of_their_own_row(
    live_server: object, project: Project, tmp_path: Path
) -> None:
    file = tmp_path / "clicks.csv"
    file.write_text(
        HEAD
        + "7,3,1,13,107,2017-11-07 09:30:00,,0\n"
        + "7,3,1,13,280,2017-11-07 09:31:00,2017-11-07 09:32:00,1\n"
        + "7,3,1,19,280,2017-11-07 09:31:30,,0\n"
        + "7,9,1,13,280,2017-11-07 09:31:40,,0\n"
        + "8,3,1,13,280,2017-11-07 09:31:50,,0\n"
    )

    first = load(file, str(live_server))
    again = load(file, str(live_server))

    assert (first["clicks"], first["installs"], first["credited"]) == (5, 1, 1)
    assert (again["clicks"], again["installs"], again["credited"]) == (5, 1, 1)
    assert (Touch.objects.count(), Decision.objects.count()) == (5, 1)
    decision = Decision.objects.get()
    assert (decision.tier, decision.source, decision.campaign) == ("probabilistic", "channel 280", "app 3")
    assert decision.installed_at.isoformat() == "2017-11-07T09:32:00+00:00"
    assert not ApiKey.objects.live().exists()

    out = io.StringIO()
    call_command("load-clicks", str(file), "--project", "clicks", "--base-url", str(live_server), stdout=out)
    assert "/dashboard/clicks/campaigns/?from=2017-11-07&to=2017-11-07" in out.getvalue()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(not REAL.exists(), reason="the real clicks are not here")
def test_every_install_of_a_slice_of_the_real_clicks_is_credited(
    live_server: object, project: Project, tmp_path: Path
) -> None:
    """The clicks of all addresses that an install came from, and those around them."""
    with gzip.open(REAL, "rt") as whole:
        rows = list(csv.DictReader(whole))
    wanted = {row["ip"] for row in rows if row["is_attributed"] == "1"}
    chosen = [row for row in rows if row["ip"] in wanted][:4_000]
    file = tmp_path / "slice.csv.gz"
    with gzip.open(file, "wt", newline="") as part:
        writer = csv.DictWriter(part, rows[0].keys())
        writer.writeheader()
        writer.writerows(chosen)

    loaded = load(file, str(live_server))

    assert loaded["installs"] == sum(row["is_attributed"] == "1" for row in chosen) > 100
    assert loaded["credited"] == loaded["installs"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("ip,app\n1,2\n", "lacks the columns device, os, channel, click_time"),
        (HEAD + "x,3,1,13,107,2017-11-07 09:30:00,,0\n", "line 2"),
        (HEAD + "7,3,1,13,107,soon,,0\n", "line 2"),
        (HEAD + "99999999,3,1,13,107,2017-11-07 09:30:00,,0\n", "is not a number below"),
        (HEAD + "7,3\n", "line 2"),
        ("", "lacks the columns"),
    ],
)
def test_a_file_of_another_kind_is_refused_with_its_line(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "clicks.csv"
    file.write_text(content)

    with pytest.raises(click_files.WrongFile, match=reason):
        list(click_files.read(file, "x"))


def test_a_broken_archive_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "clicks.csv.gz"
    file.write_bytes(gzip.compress((HEAD * 5_000).encode())[:60])

    with pytest.raises(click_files.WrongFile, match=r"can't be unpacked"):
        list(click_files.read(file, "x"))


def test_packed_or_not_it_is_the_same_file(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.csv", tmp_path / "a.csv.gz"
    plain.write_text(HEAD)
    packed.write_bytes(gzip.compress(HEAD.encode()))

    assert click_files.fingerprint(plain) == click_files.fingerprint(packed)


def test_a_row_becomes_a_touch_and_an_install_that_gives_nothing_away(tmp_path: Path) -> None:
    file = tmp_path / "clicks.csv"
    file.write_text(HEAD + "87540,12,1,13,497,2017-11-07 09:30:38,2017-11-07 09:31:38,1\n")

    click = next(iter(click_files.read(file, "abc")))

    assert click.install is not None
    assert click.touch["touchId"] == "abc-1"
    assert click.touch["context"]["ip"] == "10.1.85.244"
    assert click.touch["touchId"] not in json.dumps({**click.install, "messageId": "", "anonymousId": ""})
    waited = datetime.fromisoformat(click.install["timestamp"]) - datetime.fromisoformat(click.touch["timestamp"])
    assert waited == timedelta(minutes=1)


@pytest.mark.django_db
def test_an_unknown_project_is_named() -> None:
    with pytest.raises(CommandError, match="no project 'nowhere'"):
        call_command("load-clicks", "x.csv", "--project", "nowhere")


@pytest.mark.django_db(transaction=True)
def test_a_missing_file_is_named(live_server: object, project: Project) -> None:
    with pytest.raises(CommandError, match="can't be opened"):
        load(Path("/nowhere.csv"), str(live_server))
