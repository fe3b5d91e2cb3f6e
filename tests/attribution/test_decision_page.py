"""The page of a decision: its words, its picture, and the same answer as the API's."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client

from attribution.models import Conversion, Decision, RuleSet, Touch
from attribution.rules import Rules
from customers.models import Project
from tests.attribution.conftest import decided
from tests.attribution.factories import NOON, LinkFactory, TouchFactory
from tests.factories import ApiKeyFactory

PIXEL = {"os_name": "android", "os_version": "15", "device_model": "pixel 8", "ip": "84.191.22.17"}


@pytest.fixture(autouse=True)
def _a_day_later() -> Iterator[None]:
    with time_machine.travel(NOON + timedelta(hours=20), tick=False):
        yield


@pytest.fixture
def credited(project: Project) -> Decision:
    """A click with the click id, an older one of the same device, a view, and one sent during the download."""
    link = LinkFactory(project=project, slug="winter")
    ids = {**PIXEL, "advertising_id": "38400000-8cf0-11bd-b23e-10b96e40000d"}
    TouchFactory(project=project, touch_id="won", link=link, ts=NOON - timedelta(seconds=198), **ids)
    TouchFactory(
        project=project, touch_id="old", source="google", campaign="Brand search", ts=NOON - timedelta(days=2), **ids
    )
    TouchFactory(
        project=project, touch_id="seen", source="meta", type=Touch.Type.IMPRESSION, ts=NOON - timedelta(hours=5), **ids
    )
    TouchFactory(project=project, touch_id="late", source="adnet", ts=NOON - timedelta(seconds=9), **ids)
    return decided(project, click_id="won", install_begin_at=NOON - timedelta(seconds=39), **ids)


def page_of(client: Client, decision: Decision) -> Any:
    return client.get(f"/dashboard/acme/installs/{decision.pk}/")


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", answer.content.decode())))


def test_the_verdict_is_said_as_a_person_would(editor: Client, credited: Decision) -> None:
    text = text_of(page_of(editor, credited))

    assert "Credited to Winter sale / TikTok: clicked 3 min 18 s before the install, with the same click id." in text
    assert "Three other touches lost." in text
    assert "sent its click after the download had begun, so it can’t have caused the install." in text
    assert "Meta only showed an ad, and a click outranks a view." in text
    assert "Google Ads’ click matched by a device id, which is weaker than the click id." in text


def test_every_touch_has_a_lane_with_its_reasons(editor: Client, credited: Decision) -> None:
    answer = page_of(editor, credited)

    rows = answer.context["lanes"]["rows"]
    assert [row.touch.touch_id for row in rows] == ["late", "won", "seen", "old"]
    assert [row.state for row in rows] == ["out", "won", "lost", "lost"]
    assert answer.content.count(b'class="g-lane"') == 4
    assert b"download began" in answer.content


def test_the_raw_decision_is_the_answer_of_the_api(editor: Client, credited: Decision, project: Project) -> None:
    key = ApiKeyFactory(project=project).text
    answer = editor.get(f"/v1/attributions/dec_{credited.pk}/explain", HTTP_AUTHORIZATION=f"Bearer {key}")

    raw = re.search(r'<pre class="g-json"[^>]*>(.*?)</pre>', page_of(editor, credited).content.decode(), re.DOTALL)
    assert raw is not None
    assert json.loads(unescape(re.sub(r"</?(i|em|u)>", "", raw.group(1)))) == answer.json()
    assert answer.json()["candidates"]


def test_the_ids_stand_side_by_side(editor: Client, credited: Decision) -> None:
    rows = {row.name: row for row in page_of(editor, credited).context["ids"]}

    assert rows["Click id"].result == rows["Advertising id"].result == rows["Network"].result == "Same"
    assert rows["Device model"].touch == "Pixel 8"


def test_what_happened_stands_in_its_order(editor: Client, credited: Decision) -> None:
    steps = page_of(editor, credited).context["steps"]

    assert [step.at for step in steps] == sorted(step.at for step in steps)
    assert "The store began the download" in [step.text for step in steps]
    assert [step.bad for step in steps if step.bad] == ["during the download"]


def test_an_organic_install_without_any_touch_says_where_we_looked(editor: Client, project: Project) -> None:
    text = text_of(page_of(editor, decided(project, **PIXEL)))

    assert "Organic: no tap and no view shares an id or the network with this install." in text
    assert "Looked for in the 7 days before the first open." in text


def test_an_organic_install_lists_its_near_misses(editor: Client, project: Project) -> None:
    TouchFactory(project=project, touch_id="near", **{**PIXEL, "os_name": "ios", "device_model": "iphone"})

    answer = page_of(editor, decided(project, **PIXEL))

    assert "one touch came near, and it could not have brought this install." in text_of(answer)
    assert "TikTok’s click came from another operating system." in text_of(answer)
    assert [row.state for row in answer.context["lanes"]["rows"]] == ["out"]


def test_a_network_match_is_called_probable(editor: Client, project: Project) -> None:
    TouchFactory(project=project, **PIXEL)

    text = text_of(page_of(editor, decided(project, **PIXEL)))

    assert re.search(r"Probably Winter sale / TikTok: clicked 10 min before the install, .* \d+% likely\.", text)
    assert "Provisional" in text


def test_a_touch_cannot_write_markup_into_the_page(editor: Client, project: Project) -> None:
    TouchFactory(project=project, touch_id="x", source="<b>x", campaign="<script>alert(1)</script>")

    answer = page_of(editor, decided(project, click_id="x"))

    assert b"<script>alert" not in answer.content
    assert b"&lt;script&gt;alert" in answer.content


def test_the_public_id_leads_to_the_page_too(editor: Client, credited: Decision) -> None:
    assert editor.get(f"/dashboard/acme/installs/dec_{credited.pk}/").status_code == 200


@pytest.mark.parametrize("decision_id", ["0", "dec_", "x", "99999999999999999999999", "-1"])
def test_what_is_no_decision_is_not_found(editor: Client, project: Project, decision_id: str) -> None:
    assert editor.get(f"/dashboard/acme/installs/{decision_id}/").status_code == 404


def test_another_projects_decision_is_not_found(editor: Client, project: Project) -> None:
    theirs = decided(TouchFactory().project)

    assert page_of(editor, theirs).status_code == 404


def test_a_viewer_may_look_and_a_stranger_not(viewer: Client, stranger: Client, credited: Decision) -> None:
    assert page_of(viewer, credited).status_code == 200
    assert page_of(stranger, credited).status_code == 404


def test_many_touches_cost_no_more_queries(
    editor: Client, project: Project, django_assert_max_num_queries: Any
) -> None:
    TouchFactory.create_batch(30, project=project, **PIXEL)
    decision = decided(project, **PIXEL)

    with django_assert_max_num_queries(18):
        answer = page_of(editor, decision)

    assert len(answer.context["lanes"]["rows"]) == 20
    assert answer.context["lanes"]["more"] == 10


def shown(client: Client, decision: Decision) -> str:
    answer = page_of(client, decision)
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"</?b>", "", unescape(answer.content.decode())))


def test_a_reinstall_leads_to_the_install_before_and_shows_what_was_bought(project: Project, viewer: Client) -> None:
    first = decided(project, "m-1", at=NOON - timedelta(days=3), device_id="phone-1")
    again = decided(project, "m-2", device_id="phone-1")
    Conversion.objects.create(
        project=project, message_id="c-1", distinct_id="anna", name="Order Completed", ts=NOON, received_at=NOON,
        install=again.install, revenue="49.90", currency="EUR", order_id="o-1", counted=False,
    )  # fmt: skip

    text = shown(viewer, again)

    assert "Why this reinstall is organic" in text
    assert f"/dashboard/acme/installs/{first.pk}/" in text
    assert "€49.90" in text
    assert "Not counted" in text


def test_what_speaks_against_an_install_is_said(project: Project, viewer: Client) -> None:
    RuleSet.objects.create(
        project=project, version=1, rules=Rules(fraud={"emulator": {"action": "block", "threshold": 0}}).to_json()
    )
    decision = decided(project, emulator=True, install_referrer="utm_source=google-play&utm_medium=organic")

    text = shown(viewer, decision)

    assert "Rejected as fraud" in text
    assert "Install on an emulator" in text
    assert "its referrer is organic" in text


@pytest.mark.parametrize(
    ("touch", "install", "words"),
    [
        ({"user_id": "anna"}, {"user_id": "anna"}, "with the same user id"),
        ({"email_sha256": "e" * 64}, {"email_sha256": "e" * 64}, "with the same e-mail address"),
        ({"touch_id": "meta_1", "origin": "meta_referrer"}, {"claim_id": "meta_1"}, "names the ad"),
        ({"touch_id": "apple_1", "origin": "apple_ads"}, {"claim_id": "apple_1"}, "Apple says that this ad"),
    ],
)
def test_each_kind_of_evidence_is_told(
    project: Project, viewer: Client, touch: dict[str, str], install: dict[str, str], words: str
) -> None:
    TouchFactory(project=project, **touch)
    decision = decided(project, **install)

    assert words in shown(viewer, decision)


def test_the_window_of_a_touch_is_the_one_of_its_source(project: Project, viewer: Client) -> None:
    rules = Rules(sources={"tiktok": {"windows_s": {"device_id": 3600}}})
    RuleSet.objects.create(project=project, version=1, rules=rules.to_json())
    TouchFactory(project=project, device_id="phone-1", ts=NOON - timedelta(hours=2))
    decision = decided(project, device_id="phone-1")

    text = shown(viewer, decision)

    assert decision.tier == "organic"
    assert "was 1 h outside the 1-hour window" in text
