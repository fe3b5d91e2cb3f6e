"""What matching by network learns of a project, how right it is there, and the page and API that show it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from attribution import calibration, decisions
from attribution.models import Decision, Install, MatchModel, Touch
from attribution.posterior import Model
from customers.models import Project
from tests.attribution.conftest import Api
from tests.attribution.factories import NOON
from tests.factories import ProjectFactory

NOW = NOON + timedelta(hours=2)
ORGANIC = "utm_source=google-play&utm_medium=organic"
PAGE = "/dashboard/acme/accuracy/"


def made(project: Project, driven: int, organic: int, *, at: datetime = NOON) -> None:
    """Make installs by referrer with their click on the same address, others that the store calls organic, decide."""
    touches, installs = [], []
    for number in range(driven + organic):
        phone: dict[str, Any] = {
            "ip": f"10.{number // 250}.0.{number % 250 + 1}",
            "os_name": "android",
            "os_version": "14",
            "device_model": f"phone {number % 7}",
            "locale": "de-DE",
        }
        moment = at - timedelta(minutes=number % 60)
        ours = number < driven
        if ours:
            touches.append(
                Touch(
                    project=project, touch_id=f"t{number}", type="click", ts=moment - timedelta(seconds=60 + number),
                    source="tiktok", **phone,
                )
            )  # fmt: skip
        installs.append(
            Install(
                project=project, message_id=f"i{number}-{at}", distinct_id=f"p{number}", installed_at=moment,
                received_at=moment, referrer_click_id=f"t{number}" if ours else "",
                install_referrer=f"click_id=t{number}" if ours else ORGANIC, **phone,
            )
        )  # fmt: skip
    Touch.objects.bulk_create(touches)
    Touch.objects.update(received_at=NOON - timedelta(days=1))
    Install.objects.bulk_create(installs)
    decisions.decide_pending(10_000, now=NOW)


def test_a_young_project_goes_on_with_assumptions(project: Project) -> None:
    made(project, 20, 20)

    assert calibration.learn(project, now=NOW) is None
    assert calibration.newest_of(project) is None


def test_it_learns_from_certain_installs_and_measures_on_those_kept_apart(project: Project) -> None:
    made(project, 300, 100)

    row = calibration.learn(project, now=NOW)

    assert row is not None
    model = Model.from_json(row.model)
    assert 150 < model.learned_from < 300
    assert model.systems["android"] > 0.9
    assert row.measured["right"] == row.measured["named"] > 5
    assert row.measured["organic"] > 0
    # Nobody else clicked on the addresses of those that came by themselves.
    assert model.noise[0] * 24 < 0.05


def test_an_install_is_not_counted_right_by_somebody_elses_click(project: Project) -> None:
    made(project, 300, 0)
    # A click of another phone on each address, later than the install's own.
    own = Touch.objects.filter(project=project).values_list("ip", "ts", "device_model")
    Touch.objects.bulk_create(
        Touch(
            project=project, touch_id=f"other-{ip}", type="click", ts=ts + timedelta(seconds=30), ip=ip, source="meta",
            os_name="android", os_version="14", device_model=model, received_at=ts,
        )
        for ip, ts, model in list(own)
    )  # fmt: skip

    row = calibration.learn(project, now=NOW)

    assert row is not None
    assert row.measured["named"] == 0 or row.measured["right"] / row.measured["named"] < 0.5


def test_new_installs_are_decided_by_the_newest_model(project: Project) -> None:
    made(project, 300, 0)
    row = calibration.learn(project, now=NOW)

    made(project, 0, 5, at=NOON + timedelta(hours=1))

    assert row is not None
    newest = Decision.objects.filter(project=project).order_by("-pk")[:5]
    assert {one.match_model_id for one in newest} == {row.pk}


def test_a_fresh_model_is_not_learned_again_and_an_unused_one_is_dropped(project: Project) -> None:
    made(project, 300, 0)

    first = calibration.learn(project, now=NOW)
    again = calibration.learn(project, now=NOW + timedelta(hours=1))
    tomorrow = calibration.learn(project, now=NOW + timedelta(days=1))

    assert first
    assert tomorrow
    assert again is None
    assert [row.pk for row in MatchModel.objects.filter(project=project)] == [tomorrow.pk]


def test_the_task_learns_for_every_project_with_new_installs(project: Project) -> None:
    made(project, 300, 0)
    truncating = ProjectFactory(ip_policy=Project.IpPolicy.TRUNCATED)

    assert calibration.learn_all(now=NOW) == 1
    assert not MatchModel.objects.filter(project=truncating).exists()


def test_the_page_teaches_while_there_is_too_little(viewer: Client, project: Project) -> None:
    text = viewer.get(PAGE).content.decode()

    assert "Not enough certain installs yet" in text
    assert project.name in text


def test_the_page_shows_the_curve_with_its_numbers(viewer: Client, project: Project) -> None:
    made(project, 300, 100)
    row = calibration.learn(project, now=NOW)

    text = viewer.get(PAGE).content.decode()

    assert row is not None
    assert "Said against true" in text
    assert "95 % interval" in text
    assert "What it has learned" in text


def test_the_curve_comes_as_a_file(viewer: Client, project: Project) -> None:
    made(project, 300, 0)
    row = calibration.learn(project, now=NOW)

    answer = viewer.get(PAGE, {"format": "csv"})
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]

    assert row is not None
    assert lines[0].lstrip("\ufeff") == "from,to,installs,said,right,right_from,right_to"
    assert len(lines) == 1 + len(row.measured["bins"])


def test_a_stranger_finds_no_page(stranger: Client, project: Project) -> None:
    assert stranger.get(PAGE).status_code == 404


def test_the_api_answers_the_measurement(api: Api) -> None:
    made(api.project, 300, 100)
    row = calibration.learn(api.project, now=NOW)

    answer = api("GET", "/v1/attribution/accuracy").json()

    assert row is not None
    assert answer["measured"]["right"] == row.measured["right"]
    assert answer["measured"]["bins"][-1]["installs"] > 0
    assert answer["accept"] == 0.95


def test_the_api_says_when_there_is_none(api: Api) -> None:
    answer = api("GET", "/v1/attribution/accuracy").json()

    assert answer["measured"] is None
    assert answer["neededInstalls"] == 100


@pytest.mark.django_db
def test_the_api_needs_a_secret_key(api: Api) -> None:
    assert api("GET", "/v1/attribution/accuracy", key="").status_code == 401
