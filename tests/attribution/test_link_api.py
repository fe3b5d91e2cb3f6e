"""Links through the API: made, read, changed, put away; and who may not."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from attribution.models import Domain, Link
from customers.models import ApiKey
from tests.attribution.conftest import Api, decided
from tests.attribution.factories import NOON, LinkFactory, TouchFactory
from tests.factories import ApiKeyFactory, ProjectFactory

pytestmark = pytest.mark.django_db

WINTER: dict[str, Any] = {
    "slug": "winter",
    "campaign": {"source": "TikTok", "name": "Winter sale"},
    "ios": "https://apps.apple.com/app/id1640000000",
    "android": "com.techstart.mobile",
    "fallback": "https://techstart.example",
}


def test_a_created_link_answers_with_its_address_and_qr_code(api: Api) -> None:
    answer = api("POST", "/v1/links", WINTER)

    link = Link.objects.get()
    assert answer.status_code == 201, answer.content
    assert answer.json()["url"] == "http://testserver/c/winter"
    assert answer.json()["qr"] == "/c/winter.svg"
    assert answer.json()["android"] == "https://play.google.com/store/apps/details?id=com.techstart.mobile"
    assert (link.project, link.slug, link.source, link.name) == (api.project, "winter", "tiktok", "Winter sale")


def test_a_link_without_a_slug_gets_one_from_its_campaign(api: Api) -> None:
    LinkFactory(slug="winter-sale")

    answer = api("POST", "/v1/links", {**WINTER, "slug": ""})

    assert answer.status_code == 201
    assert answer.json()["slug"].startswith("winter-sale-")


def test_a_taken_slug_is_refused_whoever_has_it(api: Api) -> None:
    LinkFactory(slug="winter")

    answer = api("POST", "/v1/links", WINTER)

    assert answer.status_code == 409
    assert answer.json()["code"] == "slug_taken"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"fallback": ""}, "fallback"),
        ({"fallback": "javascript:alert(1)"}, "fallback"),
        ({"fallback": "https://"}, "fallback"),
        ({"fallback": "https://a b.example"}, "fallback"),
        ({"ios": "ftp://example.com"}, "ios"),
        ({"ios": "data:text/html,x"}, "ios"),
        ({"android": "not a package"}, "android"),
        ({"campaign": {"name": "No source"}}, "campaign.source"),
        ({"campaign": {"source": "x", "name": "n" * 101}}, "campaign.name"),
        ({"campaign": "winter"}, "campaign"),
        ({"slug": "Winter Sale!"}, "slug"),
        ({"slug": "-winter"}, "slug"),
        ({"fallbck": "https://a.example"}, "fallbck"),
        ({"campaign": {"source": "x", "name": "a\x00b"}}, "campaign.name"),
    ],
)
def test_a_wrong_field_is_named(api: Api, changed: dict[str, object], field: str) -> None:
    answer = api("POST", "/v1/links", {**WINTER, **changed})

    assert answer.status_code == 400
    assert field in {row["field"] for row in answer.json()["detail"]}, answer.json()
    assert not Link.objects.exists()


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"', b"12"])
def test_a_body_that_is_no_object_is_refused(api: Api, body: bytes) -> None:
    assert api("POST", "/v1/links", body).status_code == 400


def test_the_list_counts_taps_without_bots_and_credited_installs(api: Api) -> None:
    link = LinkFactory(project=api.project)
    tap = TouchFactory(project=api.project, link=link, touch_id="tap-1")
    TouchFactory(project=api.project, link=link, bot=True)
    decided(api.project, click_id=tap.touch_id)

    answer = api("GET", f"/v1/links?from={NOON:%Y-%m-%d}&to={NOON:%Y-%m-%d}")

    row = answer.json()["results"][0]
    assert row["counts"] == {"from": "2026-11-10", "to": "2026-11-10", "taps": 1, "installs": 1}


def test_the_list_goes_on_where_its_cursor_says(api: Api) -> None:
    made = [LinkFactory(project=api.project).slug for _ in range(3)]

    first = api("GET", "/v1/links?limit=2").json()
    second = api("GET", f"/v1/links?limit=2&cursor={first['next']}").json()

    assert [row["slug"] for row in first["results"] + second["results"]] == made[::-1]
    assert second["next"] is None


def test_the_list_can_be_searched(api: Api) -> None:
    LinkFactory(project=api.project, name="Winter sale", slug="w")
    LinkFactory(project=api.project, name="Poster", slug="p")

    found = api("GET", "/v1/links?q=WINT").json()["results"]

    assert [row["slug"] for row in found] == ["w"]


def test_a_change_leaves_what_it_does_not_name(api: Api) -> None:
    LinkFactory(project=api.project, slug="winter", ios_url="https://apps.apple.com/app/id1")

    answer = api("PATCH", "/v1/links/winter", {"fallback": "https://new.example", "campaign": {"medium": "cpc"}})

    link = Link.objects.get()
    assert answer.status_code == 200, answer.content
    assert (link.fallback_url, link.medium, link.name) == ("https://new.example", "cpc", "Winter sale")
    assert link.ios_url == "https://apps.apple.com/app/id1"


def test_a_slug_cannot_be_changed(api: Api) -> None:
    LinkFactory(project=api.project, slug="winter")

    answer = api("PATCH", "/v1/links/winter", {"slug": "other"})

    assert answer.status_code == 400
    assert answer.json()["detail"][0]["field"] == "slug"


def test_an_archived_link_leaves_the_list_and_can_come_back(api: Api) -> None:
    LinkFactory(project=api.project, slug="winter")

    archived = api("DELETE", "/v1/links/winter")
    listed = api("GET", "/v1/links").json()["results"]
    away = api("GET", "/v1/links?archived=true").json()["results"]
    restored = api("PATCH", "/v1/links/winter", {"archived": False})

    assert archived.json()["archivedAt"] is not None
    assert (listed, [row["slug"] for row in away]) == ([], ["winter"])
    assert restored.json()["archivedAt"] is None


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_another_projects_link_does_not_exist(api: Api, method: str) -> None:
    LinkFactory(slug="theirs")

    answer = api(method, "/v1/links/theirs", {} if method == "PATCH" else None)

    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/links"),
        ("POST", "/v1/links"),
        ("GET", "/v1/links/w"),
        ("PATCH", "/v1/links/w"),
        ("DELETE", "/v1/links/w"),
    ],
)
def test_without_a_key_nothing_is_answered(api: Api, method: str, path: str) -> None:
    answer = api(method, path, key="")

    assert answer.status_code == 401
    assert answer.json()["code"] == "missing_key"


def test_a_write_key_may_not_manage_links(api: Api) -> None:
    write_key = ApiKeyFactory(project=api.project, kind=ApiKey.Kind.WRITE).text

    answer = api("POST", "/v1/links", WINTER, key=write_key)

    assert answer.status_code == 403
    assert answer.json()["code"] == "secret_key_required"


@pytest.mark.parametrize("query", ["cursor=nonsense", "cursor=WyJhIl0", "limit=0", "limit=x", "limit=501"])
def test_a_cursor_or_limit_that_makes_no_sense_is_refused(api: Api, query: str) -> None:
    assert api("GET", f"/v1/links?{query}").status_code == 400


def test_the_qr_code_of_a_link_is_a_picture_for_everybody(client: Client) -> None:
    LinkFactory(slug="winter")

    answer = client.get("/c/winter.svg")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/svg+xml"
    assert answer.content.startswith(b"<?xml")
    assert b"<script" not in answer.content


def test_an_unknown_link_has_no_qr_code(client: Client) -> None:
    assert client.get("/c/nothing.svg").status_code == 404


def test_a_link_takes_ad_set_deep_link_domain_and_end(api: Api) -> None:
    Domain.objects.create(project=api.project, host="go.shop.example", token="t", verified_at=timezone.now())
    sent = {
        **WINTER,
        "campaign": {**WINTER["campaign"], "adSet": "women", "ad": "video", "creative": "v3"},
        "deepLink": "myapp://sale/{sub1}",
        "domain": "go.shop.example",
        "expiresAt": "2027-01-01T12:00:00Z",
        "expired": "https://shop.example/over/{nobody}",
    }

    made = api("POST", "/v1/links", sent).json()
    changed = api("PATCH", f"/v1/links/{made['slug']}", {"expiresAt": None, "domain": ""}).json()

    assert made["campaign"]["adSet"] == "women"
    assert made["url"] == f"http://go.shop.example/{made['slug']}"
    assert (made["deepLink"], made["expiresAt"]) == ("myapp://sale/{sub1}", "2027-01-01T12:00:00+00:00")
    assert [row["field"] for row in made["warnings"]] == ["expired"]
    assert (changed["expiresAt"], changed["domain"], changed["deepLink"]) == (None, "", "myapp://sale/{sub1}")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("deepLink", "javascript:alert(1)"),
        ("domain", "go.theirs.example"),
        ("expiresAt", "soon"),
        ("expired", "x"),
        ("slug", "bulk"),
    ],
)
def test_what_a_link_cannot_be_names_its_field(api: Api, field: str, value: str) -> None:
    Domain.objects.create(project=ProjectFactory(), host="go.theirs.example", token="t", verified_at=timezone.now())

    answer = api("POST", "/v1/links", {**WINTER, field: value})

    assert answer.status_code == 400
    assert [row["field"] for row in answer.json()["detail"]] == [field]


def test_many_links_are_made_at_once_and_wrong_ones_named(api: Api) -> None:
    LinkFactory(slug="taken")
    rows = [
        {**WINTER, "slug": "one"},
        {**WINTER, "slug": "one"},
        {**WINTER, "slug": "taken"},
        {"campaign": {"source": "qr", "name": "Poster"}, "fallback": "x"},
        {"campain": {}},
        {"campaign": {"source": "qr", "name": "Poster"}, "fallback": "https://a.example"},
        {"campaign": {"source": "qr", "name": "Poster"}, "fallback": "https://a.example"},
    ]

    answer = api("POST", "/v1/links/bulk", {"links": rows})

    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["created"], told["refused"]) == (3, 4)
    codes = [row["error"]["code"] if "error" in row else row["slug"][:6] for row in told["results"]]
    assert codes == ["one", "slug_taken", "slug_taken", "invalid_field", "invalid_field", "poster", "poster"]
    assert told["results"][3]["error"]["detail"][0]["field"] == "fallback"
    assert Link.objects.filter(project=api.project).count() == 3


def test_together_all_links_are_made_or_none(api: Api) -> None:
    good = {**WINTER, "slug": "one"}

    refused = api("POST", "/v1/links/bulk", {"links": [good, {**WINTER, "slug": "-"}, {"x": 1}], "together": True})
    made = api("POST", "/v1/links/bulk", {"links": [good], "together": True})

    assert refused.status_code == 400
    assert {(row["index"], row["field"]) for row in refused.json()["detail"]} >= {(1, "slug"), (2, "x")}
    assert (made.status_code, made.json()["created"]) == (200, 1)
    assert Link.objects.count() == 1


@pytest.mark.parametrize("body", [{}, {"links": []}, {"links": "x"}, {"links": [1]}, [], {"links": [{}] * 1_001}])
def test_a_bulk_body_that_is_none_is_refused(api: Api, body: Any) -> None:
    assert api("POST", "/v1/links/bulk", body).status_code == 400
    assert api("POST", "/v1/links/bulk", body, key="").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_two_senders_of_the_same_slugs_make_each_link_once(api: Api) -> None:
    rows = [{**WINTER, "slug": f"s-{number}"} for number in range(50)]

    def go(_: int) -> int:
        try:
            return int(Api(Client(), api.project, api.key)("POST", "/v1/links/bulk", {"links": rows}).json()["created"])
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(go, range(4)))

    assert sum(made) == 50
    assert Link.objects.count() == 50
