"""POST /v1/touches: the good ones once, the bad ones refused and kept for their owner."""

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from attribution.models import LateBatch, Touch
from customers.models import ApiKey, Project
from events.models import Rejected
from tests.attribution.factories import GALAXY, LinkFactory, decide, decision_of, install
from tests.factories import ApiKeyFactory, ProjectFactory

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


@pytest.fixture
def key(project: Project) -> str:
    return ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text


def click(**more: Any) -> dict[str, Any]:
    return {"type": "click", "touchId": "t-1", "campaign": {"source": "tiktok", "name": "Winter sale"}, **more}


def send(key: str, *touches: Any, **headers: Any) -> Any:
    return post(key, json.dumps({"batch": touches}).encode(), **headers)


def post(key: str, body: bytes, **headers: Any) -> Any:
    if key:
        headers["HTTP_AUTHORIZATION"] = f"Bearer {key}"
    return APIClient().generic("POST", "/v1/touches", body, "application/json", **headers)


def test_a_touch_is_stored_with_all_it_says(project: Project, key: str) -> None:
    sent = click(
        timestamp="2026-11-10T10:00:00+02:00",
        clickId="net-9",
        campaign={
            "source": "tiktok",
            "medium": "cpi",
            "name": "Winter",
            "content": "a",
            "term": "b",
            "id": 7,
            "publisher": "p",
        },
        context={
            "ip": "203.0.113.7",
            "userAgent": GALAXY,
            "locale": "de-DE",
            "timezone": "Europe/Berlin",
            "device": {"id": "D-1", "advertisingId": "AB-1", "model": "Pixel 8", "manufacturer": "Google"},
            "os": {"name": "Android", "version": "15"},
            "app": {"namespace": "com.techstart"},
            "screen": {"width": 1080, "height": 2400},
        },
    )

    answer = send(key, sent)

    assert answer.status_code == 200, answer.content
    assert answer.json() == {"success": True, "stored": 1, "repeated": 0}
    touch = Touch.objects.get()
    assert (touch.project, touch.touch_id, touch.type, touch.network_click_id) == (project, "t-1", "click", "net-9")
    assert touch.ts.isoformat() == "2026-11-10T08:00:00+00:00"
    assert (touch.source, touch.medium, touch.campaign, touch.campaign_id) == ("tiktok", "cpi", "Winter", "7")
    assert (touch.device_id, touch.advertising_id, touch.device_model) == ("d-1", "ab-1", "pixel 8")
    assert (touch.os_name, touch.os_version, touch.app, touch.screen) == ("android", "15", "com.techstart", "1080x2400")
    assert (touch.ip, touch.bot, touch.clamped) == ("203.0.113.7", False, False)
    assert LateBatch.objects.get().touches == [touch.pk]


def test_a_touch_takes_its_campaign_from_its_link(project: Project, key: str) -> None:
    link = LinkFactory(project=project, slug="winter", medium="cpi")

    send(key, {"type": "impression", "touchId": "t-1", "link": "winter", "campaign": {"medium": "video"}})

    touch = Touch.objects.get()
    assert (touch.link, touch.source, touch.campaign, touch.medium) == (link, "tiktok", "Winter sale", "video")


def test_a_repeated_touch_is_stored_once(key: str) -> None:
    first = send(key, click(), click(touchId="t-2"))
    again = send(key, click(), click(touchId="t-2"), click(touchId="t-3"), click(touchId="t-3"))

    assert first.json() == {"success": True, "stored": 2, "repeated": 0}
    assert again.json() == {"success": True, "stored": 1, "repeated": 3}
    assert Touch.objects.count() == 3


@committed
def test_eight_senders_of_the_same_touches_store_them_once(key: str) -> None:
    batch = [click(touchId=f"t-{number}") for number in range(200)]

    def go(turn: int) -> tuple[int, int]:
        try:
            answer = send(key, *(batch if turn % 2 else reversed(batch)))
            return answer.status_code, answer.json()["stored"]
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(go, range(8)))

    assert {status for status, _ in answers} == {200}
    assert sum(stored for _, stored in answers) == 200
    assert Touch.objects.count() == 200


def test_two_projects_may_use_the_same_id(key: str) -> None:
    other = ApiKeyFactory(project=ProjectFactory(), kind=ApiKey.Kind.WRITE).text

    send(key, click())
    send(other, click())

    assert Touch.objects.count() == 2


@pytest.mark.parametrize(
    ("touch", "code", "field"),
    [
        ({"type": "tap", "touchId": "x", "campaign": {"source": "a"}}, "invalid_field", "type"),
        ({"type": "click", "campaign": {"source": "a"}}, "invalid_field", "touchId"),
        ({"type": "click", "touchId": "", "campaign": {"source": "a"}}, "missing_id", "touchId"),
        ({"type": "click", "touchId": "x" * 101, "campaign": {"source": "a"}}, "invalid_field", "touchId"),
        ({"type": "click", "touchId": "x"}, "missing_source", "campaign.source"),
        ({"type": "click", "touchId": "x", "link": "nowhere"}, "unknown_link", "link"),
        ({"type": "click", "touchId": "x", "link": "a\x00b"}, "unknown_link", "link"),
        (click(touchId="x\x00"), "nul_character", "touchId"),
        (click(campaign={"source": "a", "name": "\x00"}), "nul_character", "campaign.name"),
        (click(context={"userAgent": "Mozilla\x00"}), "nul_character", "context.userAgent"),
        (click(timestamp="yesterday"), "invalid_timestamp", "timestamp"),
        (click(timestamp="1970-01-01T00:00:00Z"), "invalid_timestamp", "timestamp"),
        (click(context={"ip": "256.1.1.1"}), "invalid_field", "context.ip"),
        (click(context=[]), "invalid_field", "context"),
        (click(context={"device": {"id": {}}}), "invalid_field", "context.device.id"),
        ("click", "invalid_field", ""),
        (None, "invalid_field", ""),
        (click(campaign={"source": "a", "term": "x" * 40_000}), "touch_too_large", ""),
    ],
)
def test_a_wrong_touch_is_refused_and_the_good_ones_are_stored(
    project: Project, key: str, touch: Any, code: str, field: str
) -> None:
    answer = send(key, click(touchId="good"), touch)

    problem = answer.json()
    assert answer.status_code == 400
    assert (problem["code"], problem["detail"]["stored"]) == (code, 1)
    refused = problem["detail"]["refused"][0]
    assert (refused["index"], refused["field"], refused["code"]) == (1, field, code)
    assert Touch.objects.get().touch_id == "good"
    kept = Rejected.objects.get()
    assert (kept.project, kept.code, kept.path) == (project, code, "/v1/touches")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
wrong_touches = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("click") | anything,
        "touchId": st.text(max_size=5) | anything,
        "timestamp": st.datetimes().map(str) | anything,
        "link": anything,
        "campaign": st.fixed_dictionaries({"source": st.text(max_size=70) | anything}) | anything,
        "context": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("ip", "userAgent", "device", "os", "app", "screen", "locale"), anything)
        )
        | anything,
    },
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(wrong_touches | anything, max_size=4))
def test_whatever_is_sent_gets_a_clear_answer(key: str, sent: list[Any]) -> None:
    answer = send(key, *sent)

    problem = answer.json()
    assert answer.status_code in {200, 400}
    if answer.status_code == 400:
        taken = problem["detail"]["stored"] + problem["detail"]["repeated"]
        assert taken + len(problem["detail"]["refused"]) == len(sent)


def test_half_a_character_is_refused(key: str) -> None:
    answer = post(key, b'{"batch": [{"type": "click", "touchId": "\\ud800", "campaign": {"source": "a"}}]}')

    assert answer.status_code == 400


@committed
def test_a_late_click_reopens_the_decision_it_belongs_to(project: Project, key: str) -> None:
    message_id = install(project, at=timezone.now(), ip="203.0.113.7", os={"name": "Android"})
    decide()
    before = decision_of(message_id).tier

    early = (timezone.now() - timedelta(minutes=5)).isoformat()
    send(key, click(timestamp=early, context={"ip": "203.0.113.7", "os": {"name": "Android"}}))
    decide()

    decision = decision_of(message_id)
    assert (before, decision.tier, decision.revision) == ("organic", "probabilistic", 2)


def test_a_clock_in_2040_counts_as_now_and_is_marked(key: str) -> None:
    before = timezone.now()

    answer = send(key, click(timestamp="2040-01-01T00:00:00Z"))

    touch = Touch.objects.get()
    assert answer.status_code == 200
    assert before <= touch.ts <= timezone.now()
    assert touch.clamped


def test_touches_beyond_2500_are_refused(key: str) -> None:
    answer = send(key, *[click(touchId=f"t-{number}") for number in range(2_501)])

    assert answer.status_code == 400
    assert answer.json()["detail"]["refused"][0]["index"] == 2_500
    assert answer.json()["code"] == "too_many_touches"
    assert Touch.objects.count() == 2_500


def test_gzip_is_taken(key: str) -> None:
    answer = post(key, gzip.compress(json.dumps({"batch": [click()]}).encode()), HTTP_CONTENT_ENCODING="gzip")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"", 400, "invalid_json"),
        (b"\xff\xfe", 400, "invalid_json"),
        (b"[]", 400, "invalid_batch"),
        (b'{"batch": {}}', 400, "invalid_batch"),
        (b'{"batch":[' * 100_000, 400, "invalid_json"),
        (b"\x1f\x8bnot gzip", 400, "invalid_gzip"),
        (gzip.compress(b" " * 60_000_000), 413, "body_too_large"),
        (b" " * 5_000_001, 413, "body_too_large"),
    ],
)
def test_a_body_that_is_no_batch_is_refused_whole(key: str, body: bytes, status: int, code: str) -> None:
    answer = post(key, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Touch.objects.exists()


def test_without_a_key_nothing_is_taken() -> None:
    assert send("", click()).status_code == 401
    assert send("wk_000000000000000000000000", click()).status_code == 401
    assert not Touch.objects.exists()


@committed
def test_a_key_of_a_project_that_was_just_deleted_opens_nothing(project: Project, key: str) -> None:
    send(key, click())
    Touch.objects.all().delete()
    LateBatch.objects.all().delete()
    project.delete()

    answer = send(key, click())

    assert answer.status_code == 401


def test_a_secret_key_may_send_too(project: Project) -> None:
    assert send(ApiKeyFactory(project=project).text, click()).status_code == 200


def test_old_touches_are_refused_where_a_project_forgets(key: str, project: Project) -> None:
    Project.objects.filter(pk=project.pk).update(retention_days=30)

    answer = send(key, click(timestamp="2017-11-06T16:00:00Z"))

    assert answer.json()["code"] == "too_old"


def test_touches_far_beyond_the_limit_make_few_rows(key: str) -> None:
    answer = send(key, *range(30_000))

    assert answer.status_code == 400
    beyond = Rejected.objects.filter(code="too_many_touches")
    assert 0 < beyond.count() < 20
    assert sum(len(json.loads(row.body)["batch"]) for row in beyond) == 27_500


@pytest.mark.parametrize(("body", "code"), [(b'{"batch": [', "invalid_json"), (b"[]", "invalid_batch")])
def test_a_body_that_cannot_be_read_is_kept_for_its_owner(key: str, body: bytes, code: str) -> None:
    answer = post(key, body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert list(Rejected.objects.values_list("code", "body")) == [(code, body.decode())]


def test_a_touch_says_ad_person_place_and_parameters(project: Project, key: str) -> None:
    digest = "AB" * 32
    sent = click(
        campaign={"source": "net", "adSet": "women", "ad": 7, "creative": "v3"},
        context={"userId": "u-1", "emailSha256": digest, "phoneSha256": digest, "country": "de"},
        deepLink="myapp://sale",
        params={"af_sub1": "one", "product": 42, "email": "a@b.de", "empty": None},
    )

    assert send(key, sent).status_code == 200

    touch = Touch.objects.get()
    assert (touch.ad_set, touch.ad, touch.creative, touch.deep_link) == ("women", "7", "v3", "myapp://sale")
    assert (touch.user_id, touch.country, touch.params) == ("u-1", "DE", {"sub1": "one", "product": "42"})
    assert touch.email_sha256 == touch.phone_sha256 == digest.lower()


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"deepLink": "javascript:x"}, "deepLink"),
        ({"context": {"emailSha256": "lena@example.com"}}, "context.emailSha256"),
        ({"context": {"phoneSha256": "+49170"}}, "context.phoneSha256"),
        ({"context": {"country": "DEU"}}, "context.country"),
        ({"params": {"a": {"b": 1}}}, "params"),
        ({"params": {"a": "\u0000"}}, "params"),
    ],
)
def test_what_a_touch_cannot_say_names_its_field(key: str, more: dict[str, Any], field: str) -> None:
    answer = send(key, click(**more))

    assert answer.status_code == 400
    assert answer.json()["detail"]["refused"][0]["field"].startswith(field)


def test_a_touch_takes_country_and_flags_from_its_address(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attribution.geo.country_of", lambda ip: "FR" if ip == "203.0.113.7" else "")
    monkeypatch.setattr("attribution.fraud.at_click.flags_of", lambda ip: ["click_datacenter"] if ip else [])

    send(
        key, click(context={"ip": "203.0.113.7"}), click(touchId="t-2", context={"ip": "203.0.113.7", "country": "BE"})
    )

    assert list(Touch.objects.order_by("id").values_list("country", flat=True)) == ["FR", "BE"]
    assert Touch.objects.first().flags == ["click_datacenter"]  # type: ignore[union-attr]
