"""Live traffic through the public API."""

from contextlib import closing
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from analytics.demo import live
from attribution import links
from attribution.models import Touch
from customers.models import Project
from events.models import Event
from tests.factories import ApiKeyFactory, ProjectFactory


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory(slug="try-out")


@pytest.mark.servers
def test_people_tap_install_and_act_over_http(live_server: Any, project: Project) -> None:
    key = ApiKeyFactory(project=project, kind="write").text
    link = links.create(
        project, name="Try", source="tiktok", android_url="com.example.app", fallback_url="https://example.com/"
    )

    with closing(live.Door(live_server.url, key)) as door:
        sent = live.simulate(door, [link.slug], rate=200, seconds=2, seen=lambda _: None, rng=Random(5))

    assert sent.events >= 50
    assert sent.events - sent.refused == Event.objects.filter(project=project).count()
    assert sent.taps == Touch.objects.filter(project=project).count() > 0
    installs = Event.objects.filter(project=project, name="Application Installed")
    click_ids = set(Touch.objects.filter(link=link).values_list("touch_id", flat=True))
    handed_on = {
        row.properties["install_referrer"].removeprefix("click_id=")
        for row in installs
        if "install_referrer" in row.properties
    }
    assert handed_on
    assert handed_on <= click_ids


def test_a_wrong_key_and_a_product_that_is_away_are_told(live_server: Any, project: Project) -> None:
    with closing(live.Door(live_server.url, "wk_wrong")) as door, pytest.raises(live.NotReached, match="401"):
        door.post("/v1/batch", {"batch": []})
    with pytest.raises(live.NotReached, match="does not answer"):
        live.Door("http://127.0.0.1:9", "wk_wrong").post("/v1/batch", {"batch": []})


def test_the_command_refuses_what_it_can_not_do(project: Project) -> None:
    with pytest.raises(CommandError, match="no project 'other'"):
        call_command("simulate", project="other")
    with pytest.raises(CommandError, match="at most"):
        call_command("simulate", project="try-out", rate=1_000_000)
    with pytest.raises(CommandError, match="no write key"):
        call_command("simulate", project="try-out")
