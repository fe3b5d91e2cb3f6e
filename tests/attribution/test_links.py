"""Where a tap leads, and what an address may be: rules of links without HTTP."""

from urllib.parse import parse_qs, urlsplit

import pytest

from attribution import links
from attribution.models import Link
from growthplatform.core.errors import InvalidField
from tests.attribution.factories import LinkFactory
from tests.factories import ProjectFactory

PLAY = "https://play.google.com/store/apps/details?id=com.techstart"


def _link(**fields: str) -> Link:
    return Link(**{"name": "Winter sale", "source": "tiktok", "fallback_url": "https://shop.example/", **fields})


def test_google_play_gets_the_click_id_in_its_referrer() -> None:
    target = links.destination(_link(android_url=PLAY, medium="cpc"), "android", "tch_1")

    referrer = parse_qs(parse_qs(urlsplit(target).query)["referrer"][0])
    assert referrer == {
        "click_id": ["tch_1"],
        "utm_source": ["tiktok"],
        "utm_medium": ["cpc"],
        "utm_campaign": ["Winter sale"],
    }


def test_the_app_store_address_stays_as_it_is() -> None:
    link = _link(ios_url="https://apps.apple.com/app/id1?mt=8")

    assert links.destination(link, "ios", "tch_1") == "https://apps.apple.com/app/id1?mt=8"


def test_a_page_keeps_its_own_parameters_and_fragment() -> None:
    link = _link(fallback_url="https://shop.example/sale?utm_source=mine&x=1#top")

    target = urlsplit(links.destination(link, "other", "tch_1"))

    assert parse_qs(target.query)["utm_source"] == ["mine"]
    assert parse_qs(target.query)["click_id"] == ["tch_1"]
    assert target.fragment == "top"


@pytest.mark.parametrize("platform", ["ios", "android"])
def test_a_phone_without_an_address_of_its_own_lands_with_everybody_else(platform: links.Platform) -> None:
    assert links.destination(_link(), platform, "tch_1").startswith("https://shop.example/?")


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "//evil.example", "https://", "http://[::1", "shop.example", ""]
)
def test_only_whole_web_addresses_are_destinations(text: str) -> None:
    with pytest.raises(InvalidField):
        links.check_destination("fallback_url", text)


def test_a_tracking_link_cannot_lead_to_a_tracking_link(settings: object) -> None:
    settings.BASE_URL = "https://go.example"  # type: ignore[attr-defined]

    with pytest.raises(InvalidField):
        links.check_destination("fallback_url", "https://go.example/c/winter")


@pytest.mark.django_db
def test_all_wrong_fields_are_named_at_once() -> None:
    with pytest.raises(InvalidField) as refused:
        links.create(ProjectFactory(), name="", source="", fallback_url="nonsense")

    assert [row["field"] for row in refused.value.detail] == ["name", "source", "fallback_url"]


@pytest.mark.django_db
def test_archiving_twice_keeps_the_first_time() -> None:
    from datetime import timedelta

    from django.utils import timezone

    link, now = LinkFactory(), timezone.now()

    links.archive(link, now=now)
    links.archive(link, now=now + timedelta(hours=1))

    assert link.archived_at == now
