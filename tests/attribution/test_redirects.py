"""Taps and views of links: counted first, then answered."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from attribution import touches
from attribution.models import Touch
from tests.attribution.factories import GALAXY, IPHONE, WINDOWS, LinkFactory
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_remembered_links() -> None:
    touches.forget_cached()


def test_a_tap_is_stored_and_sent_to_google_play_with_its_click_id(client: Client) -> None:
    link = LinkFactory(slug="winter", android_url="https://play.google.com/store/apps/details?id=com.techstart")

    answer = client.get(
        "/c/winter", HTTP_USER_AGENT=GALAXY, REMOTE_ADDR="203.0.113.7", HTTP_ACCEPT_LANGUAGE="de-DE,de;q=0.9"
    )

    touch = Touch.objects.get()
    assert answer.status_code == 302
    assert answer["Cache-Control"] == "no-store, private"
    place = urlsplit(answer["Location"])
    referrer = parse_qs(parse_qs(place.query)["referrer"][0])
    assert place.hostname == "play.google.com"
    assert referrer["click_id"] == [touch.touch_id]
    assert referrer["utm_source"] == ["tiktok"]
    assert (touch.link, touch.type, touch.bot, touch.ip) == (link, "click", False, "203.0.113.7")
    assert (touch.os_name, touch.os_version, touch.device_model, touch.locale) == ("android", "14", "sm-s918b", "de-DE")
    assert touch.touch_id.startswith("tch_")


def test_each_kind_of_device_lands_in_its_own_place(client: Client) -> None:
    LinkFactory(slug="winter", ios_url="https://apps.apple.com/app/id1", fallback_url="https://shop.example/?a=1")

    ios = client.get("/c/winter", HTTP_USER_AGENT=IPHONE)["Location"]
    other = client.get("/c/winter", HTTP_USER_AGENT=WINDOWS)["Location"]

    assert ios.startswith("https://apps.apple.com/app/id1")
    assert other.startswith("https://shop.example/?a=1&")
    assert parse_qs(urlsplit(other).query)["click_id"] == [Touch.objects.latest("id").touch_id]


def test_a_referrer_that_the_play_address_has_already_keeps_its_words_and_gets_the_click_id(client: Client) -> None:
    LinkFactory(
        slug="winter",
        android_url="https://play.google.com/store/apps/details?id=com.a&hl=de&referrer=utm_source%3Dposter%26x%3D1",
    )

    answer = client.get("/c/winter", HTTP_USER_AGENT=GALAXY)

    query = parse_qs(urlsplit(answer["Location"]).query)
    referrer = parse_qs(query["referrer"][0])
    assert (query["id"], query["hl"]) == (["com.a"], ["de"])
    assert (referrer["utm_source"], referrer["x"]) == (["poster"], ["1"])
    assert referrer["click_id"] == [Touch.objects.get().touch_id]


def test_a_page_for_iphones_gets_the_click_id(client: Client) -> None:
    LinkFactory(slug="winter", ios_url="https://shop.example/ios")

    answer = client.get("/c/winter", HTTP_USER_AGENT=IPHONE)

    assert answer["Location"] == f"https://shop.example/ios?click_id={Touch.objects.get().touch_id}"


def test_what_the_tapped_address_says_goes_before_the_link(client: Client) -> None:
    LinkFactory(slug="winter", medium="cpi")

    answer = client.get(
        "/c/winter?utm_source=meta&utm_campaign=Spring&clickid=net-1&gaid=38400000-8CF0-11BD-B23E-10B96E40000D"
        "&idfa={idfa}&publisher=__SITE__",
        HTTP_USER_AGENT=WINDOWS,
    )

    touch = Touch.objects.get()
    assert (touch.source, touch.campaign, touch.medium) == ("meta", "Spring", "cpi")
    assert (touch.network_click_id, touch.publisher) == ("net-1", "")
    assert touch.advertising_id == "38400000-8cf0-11bd-b23e-10b96e40000d"
    assert parse_qs(urlsplit(answer["Location"]).query)["utm_source"] == ["meta"]


def test_a_view_is_stored_and_answered_with_an_invisible_picture(client: Client) -> None:
    LinkFactory(slug="winter")

    answer = client.get("/i/winter", HTTP_USER_AGENT=IPHONE)

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/gif"
    assert answer["Cache-Control"] == "no-store, private"
    assert answer.content.startswith(b"GIF89a")
    assert len(answer.content) < 50
    assert Touch.objects.get().type == "impression"


@pytest.mark.parametrize(
    "agent",
    [
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.23.20.0 A",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "curl/8.5.0",
        "",
    ],
)
def test_a_machines_tap_is_answered_but_marked(client: Client, agent: str) -> None:
    LinkFactory(slug="winter")

    answer = client.get("/c/winter", HTTP_USER_AGENT=agent)

    assert answer.status_code == 302
    assert Touch.objects.get().bot


def test_a_look_without_a_visit_is_marked(client: Client) -> None:
    LinkFactory(slug="winter")

    looked = client.head("/c/winter", HTTP_USER_AGENT=IPHONE)
    client.get("/c/winter", HTTP_USER_AGENT=IPHONE, HTTP_SEC_PURPOSE="prefetch;prerender")

    assert looked.status_code == 302
    assert list(Touch.objects.values_list("bot", flat=True)) == [True, True]


def test_an_archived_link_goes_on_working_as_its_ad_is_out_there(client: Client) -> None:
    LinkFactory(slug="old", archived_at=datetime(2026, 1, 1, tzinfo=UTC))

    answer = client.get("/c/OLD", HTTP_USER_AGENT=IPHONE)

    assert answer.status_code == 302
    assert not Touch.objects.get().bot


@pytest.mark.parametrize("address", ["/c/nowhere", "/i/nowhere"])
def test_an_unknown_link_is_a_page_that_says_so(client: Client, address: str) -> None:
    answer = client.get(address, HTTP_USER_AGENT=IPHONE)

    assert answer.status_code == 404
    assert b"<html" in answer.content
    assert not Touch.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_link_that_was_just_deleted_is_a_404_too(client: Client) -> None:
    link = LinkFactory(slug="winter")
    client.get("/c/winter", HTTP_USER_AGENT=IPHONE)
    Touch.objects.all().delete()
    link.project.delete()

    answer = client.get("/c/winter", HTTP_USER_AGENT=IPHONE)

    assert answer.status_code == 404


@pytest.mark.parametrize("address", ["/c/winter", "/i/winter"])
def test_a_link_only_answers_looking(client: Client, address: str) -> None:
    LinkFactory(slug="winter")

    assert client.post(address).status_code == 405


@pytest.mark.parametrize(("policy", "kept"), [("full", "203.0.113.7"), ("truncated", "203.0.113.0"), ("none", None)])
def test_the_projects_policy_says_how_much_of_an_address_is_kept(client: Client, policy: str, kept: str | None) -> None:
    LinkFactory(slug="winter", project=ProjectFactory(ip_policy=policy))

    client.get("/c/winter", HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="203.0.113.7")

    assert Touch.objects.get().ip == kept


def test_nonsense_in_the_address_is_cut_to_what_can_be_kept(client: Client) -> None:
    LinkFactory(slug="winter")

    answer = client.get(
        "/c/winter?utm_source=%00" + "s" * 500 + "&utm_campaign=%ff%fe&click_id=" + "c" * 5_000,
        HTTP_USER_AGENT="Mozilla/5.0 (iPhone) " + "x" * 5_000,
        REMOTE_ADDR="not an address",
        HTTP_ACCEPT_LANGUAGE="x" * 500,
    )

    assert answer.status_code == 302
    touch = Touch.objects.get()
    assert (len(touch.source), len(touch.network_click_id), touch.ip) == (60, 200, None)


def test_a_tap_keeps_ad_set_sub_ids_person_and_the_place_inside_the_app(client: Client) -> None:
    LinkFactory(slug="winter", ad_set="women", deep_link="/sale/{sub1}?from={campaign}")
    digest = "ab" * 32

    client.get(
        f"/c/winter?af_ad=video&creative=v3&af_sub1=shoes%2F1&product=42&user_id=u-1&em={digest}&ph={digest}&email=a%40b.de",
        HTTP_USER_AGENT=IPHONE,
    )

    touch = Touch.objects.get()
    assert (touch.ad_set, touch.ad, touch.creative) == ("women", "video", "v3")
    assert touch.params == {"sub1": "shoes/1", "product": "42"}
    assert touch.deep_link == "/sale/shoes%2F1?from=Winter%20sale"
    assert (touch.user_id, touch.email_sha256, touch.phone_sha256) == ("u-1", digest, digest)
    assert (touch.flags, touch.signature, touch.origin) == ([], "", "")


def test_country_flags_and_signature_come_from_those_who_know(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    LinkFactory(slug="winter")
    asked: list[Any] = []
    monkeypatch.setattr("attribution.geo.country_of", lambda ip: "DE" if ip == "203.0.113.7" else "")
    monkeypatch.setattr("attribution.fraud.at_click.flags_of", lambda ip: ["click_datacenter"])
    monkeypatch.setattr("attribution.signatures.of_click", lambda *said: asked.append(said) or "valid")

    client.get("/c/winter?pid=net&signature=s&expires=9", HTTP_USER_AGENT=IPHONE, REMOTE_ADDR="203.0.113.7")

    touch = Touch.objects.get()
    assert (touch.country, touch.flags, touch.signature) == ("DE", ["click_datacenter"], "valid")
    assert asked[0][1:4] == ("net", {"pid": "net", "signature": "s", "expires": "9"}, "/c/winter")
    assert touch.params == {}


def test_macros_in_destinations_are_filled(client: Client) -> None:
    LinkFactory(
        slug="winter",
        ios_url="https://shop.example/{os}/{publisher}?id={click_id}&x={nobody}",
        android_url="https://play.google.com/store/apps/details?id=com.a&referrer=sub%3D{sub1}",
    )

    ios = client.get("/c/winter?siteid=a%26b", HTTP_USER_AGENT=IPHONE)["Location"]
    android = client.get("/c/winter?sub1=s9", HTTP_USER_AGENT=GALAXY)["Location"]

    first, second = Touch.objects.order_by("id")
    wanted = f"https://shop.example/ios/a%26b?id={first.touch_id}&x=%7Bnobody%7D&click_id={first.touch_id}"
    assert ios == wanted
    referrer = parse_qs(parse_qs(urlsplit(android).query)["referrer"][0])
    assert (referrer["sub"], referrer["click_id"]) == (["s9"], [second.touch_id])


def test_a_link_that_has_ended_says_since_when_and_counts_nothing(client: Client) -> None:
    project = ProjectFactory(time_zone="Europe/Berlin")
    LinkFactory(slug="old", project=project, expires_at=datetime(2026, 1, 1, 12, tzinfo=UTC))

    answer = client.get("/c/old", HTTP_USER_AGENT=IPHONE)
    view = client.get("/i/old", HTTP_USER_AGENT=IPHONE)

    assert answer.status_code == 410
    assert b"open until 1 January 2026, 13:00" in answer.content
    assert b'href="https://shop.example/"' in answer.content
    assert (view.status_code, view["Content-Type"]) == (200, "image/gif")
    assert not Touch.objects.exists()


def test_a_link_that_has_ended_can_lead_elsewhere(client: Client) -> None:
    LinkFactory(
        slug="old", expires_at=datetime(2026, 1, 1, tzinfo=UTC), expired_url="https://shop.example/over?c={campaign}"
    )

    answer = client.get("/c/old", HTTP_USER_AGENT=IPHONE)

    assert (answer.status_code, answer["Location"]) == (302, "https://shop.example/over?c=Winter%20sale")
    assert not Touch.objects.exists()


def test_a_link_that_ends_later_still_works(client: Client) -> None:
    LinkFactory(slug="soon", expires_at=timezone.now() + timedelta(minutes=1))

    assert client.get("/c/soon", HTTP_USER_AGENT=IPHONE).status_code == 302


@pytest.mark.parametrize("clinging", [".", ")", "/", "%22", "%E2%80%9D.", ",%20"])
def test_what_clings_to_a_pasted_address_is_cut_off(client: Client, clinging: str) -> None:
    LinkFactory(slug="winter")

    answer = client.get(f"/c/winter{clinging}?utm_source=x")

    assert (answer.status_code, answer["Location"]) == (302, "/c/winter?utm_source=x")


def test_the_page_of_an_unknown_link_helps_and_runs_nothing(client: Client) -> None:
    answer = client.get("/c/no-%3Cscript%3E", HTTP_USER_AGENT=IPHONE)

    assert answer.status_code == 404
    assert b"<script" not in answer.content
    assert b"no-&lt;script&gt;" in answer.content
    assert b"mistyped" in answer.content
    assert "style-src 'sha256-" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]
