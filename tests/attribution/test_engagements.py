"""AppsFlyer's engagements: clicks and views that servers send become touches."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from attribution.models import Touch
from events.dialects import opt_outs
from tests.dialects.conftest import _fresh_apps, desk
from tests.dialects.table import KEY, Desk

__all__ = ["_fresh_apps", "desk"]
pytestmark = [pytest.mark.django_db, pytest.mark.dialect("appsflyer", "engagements")]
APP = "tvapp123"
CLICK: dict[str, Any] = {
    "af_media_source": "Acme Ads",
    "af_campaign_id": "c-77",
    "af_campaign": "Winter",
    "af_adset": "Set A",
    "af_ad": "Ad 1",
    "af_siteid": "site-9",
    "af_click_id": "clk-1",
    "af_request_id": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "af_device_id_type": "tifa",
    "af_device_id_value": "BDDA4F4A-8F0A-4D6B-9C3E-2F1F0A8F3D11",
    "af_ip": "192.0.2.1",
    "af_model": "QN55",
    "af_os_version": "8.1.0",
    "af_channel": "ctv",
}


def send(
    desk: Desk, fields: dict[str, Any], kind: str = "click", app: str = APP, key: str = KEY, **more: Any
) -> HttpResponse:
    path, headers = f"/v1.0/s2s/{kind}/app/tizen/{app}", {"authentication": key} if key else {}
    if more.get("method") == "POST":
        return desk.client.post(
            path, more.get("body", json.dumps(fields)), content_type="application/json", headers=headers
        )
    return desk.client.get(path, fields, headers=headers)


@pytest.fixture(autouse=True)
def _app(desk: Desk) -> None:
    desk.app("appsflyer", APP, KEY)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_click_becomes_a_touch(desk: Desk, method: str) -> None:
    answer = send(desk, CLICK, method=method)

    touch = Touch.objects.get(project=desk.project)
    assert (answer.status_code, answer.content, answer["X-Ingest-Id"]) == (200, b"", touch.touch_id)
    assert (touch.type, touch.source, touch.campaign, touch.campaign_id) == ("click", "acme ads", "Winter", "c-77")
    assert (touch.ad_set, touch.ad, touch.publisher, touch.network_click_id) == ("Set A", "Ad 1", "site-9", "clk-1")
    assert touch.advertising_id == CLICK["af_device_id_value"].lower()
    assert (touch.app, touch.os_name, touch.device_model) == (APP, "tizen", "qn55")
    assert touch.params == {"af_channel": "ctv"}


def test_a_view_is_an_impression(desk: Desk) -> None:
    send(desk, CLICK, kind="impression")

    assert Touch.objects.get(project=desk.project).type == "impression"


def test_a_repeat_is_stored_once(desk: Desk) -> None:
    first, second = send(desk, CLICK), send(desk, CLICK)

    assert (first.status_code, second.status_code) == (200, 200)
    assert Touch.objects.filter(project=desk.project).count() == 1


@pytest.mark.parametrize("name", ["af_media_source", "af_campaign_id"])
def test_what_lacks_a_mandatory_field_is_refused_and_kept(desk: Desk, name: str) -> None:
    answer = send(desk, {**CLICK, name: ""})

    assert (answer.status_code, answer.json()) == (400, {"message": "Bad Request"})
    assert answer["X-Ingest-Warning"].startswith("missing_source")
    assert [(row.code, row.field) for row in desk.rejected()] == [("missing_source", name)]


def test_a_broken_body_is_refused_and_kept(desk: Desk) -> None:
    answer = send(desk, {}, method="POST", body='{"af_media_source')

    assert answer.status_code == 400
    assert [row.code for row in desk.rejected()] == ["invalid_json"]


def test_another_app_than_the_keys_is_kept_for_the_keys_project(desk: Desk) -> None:
    answer = send(desk, CLICK, app="tvapp999")

    assert answer.status_code == 404
    assert [row.code for row in desk.rejected()] == ["unknown_app"]


def test_nothing_is_taken_of_a_device_that_opted_out(desk: Desk) -> None:
    opt_outs.remember(desk.project.pk, [CLICK["af_device_id_value"]], timezone.now())

    send(desk, CLICK)

    assert not Touch.objects.exists()
    assert [(row.code, row.body) for row in desk.rejected()] == [("opted_out", "")]


def test_another_key_and_nobodys_app_are_told_apart(desk: Desk) -> None:
    wrong, nobody = send(desk, CLICK, key="x"), send(desk, CLICK, app="nobody1", key="x")

    assert (wrong.status_code, wrong.json()) == (401, {"message": "Authentication failed"})
    assert (nobody.status_code, nobody.json()) == (404, {"message": "Application ID not found"})
    assert not Touch.objects.exists()
