"""Branch's links: made, read and changed as its clients do, on links of ours."""

import json
from typing import Any

import pytest
from django.http import HttpResponse

from attribution import touches
from attribution.models import Link, Touch
from customers.models import ApiKey
from tests.dialects.table import Case, Desk, cases
from tests.factories import ApiKeyFactory, ProjectFactory

pytestmark = pytest.mark.django_db
KEY, SECRET = "key_live_hkDytPACtipny3N9XmnbZlapBDdj4WIL", "secret_live_1234567890"
DATA = {
    "$fallback_url": "https://shop.example/winter",
    "$ios_url": "https://apps.apple.com/app/id1640000000",
    "$android_url": "https://play.google.com/store/apps/details?id=com.example.shop",
    "$deeplink_path": "sale/winter",
    "$og_title": "Winter sale",
    "user_id": "12346",
}
LINK: dict[str, Any] = {
    "branch_key": KEY,
    "campaign": "Winter sale",
    "channel": "email",
    "feature": "share",
    "stage": "new user",
    "tags": ["monday", "test123"],
    "data": DATA,
    "alias": "WinterSale",
}
HERE = "http://testserver/c"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.app("branch", KEY, SECRET)
    touches._links.clear()
    return desk


def but(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**LINK, **fields}.items() if value is not None}


def make(desk: Desk, body: Any = None) -> HttpResponse:
    return desk.client.post("/v1/url", LINK if body is None else body, content_type="application/json")


def change(desk: Desk, **fields: Any) -> HttpResponse:
    body = {"branch_key": KEY, "branch_secret": SECRET, **fields}
    return desk.client.put(f"/v1/url?url={HERE}/WinterSale", body, content_type="application/json")


def li(kind: str, name: str, body: Any, **more: Any) -> Case:
    return Case(kind, name, "/v1/url", body, **more)


def wrong(name: str, body: Any, field: str, words: str) -> Case:
    return li("errors", name, body, status=400, answer={"error": {field: words}}, stored=0)


NO_KEY = {"error": {"message": "Invalid or missing app id, Branch key, or secret", "code": 400}}
TYPE = "wrong field type"
CASES = [
    li("success", "a link with an alias", LINK, answer={"url": f"{HERE}/WinterSale"}),
    li("success", "a link without one", but(alias=None)),
    li("success", "data as text", but(alias=None, data=json.dumps(DATA))),
    li("success", "one tag as text", but(alias=None, tags="monday")),
    li("success", "numbers as text", but(alias=None, type="2", duration="7200")),
    li("success", "only a place", {"branch_key": KEY, "data": {"$desktop_url": "https://shop.example"}}),
    li("errors", "no key", but(branch_key=None), status=400, answer=NO_KEY, stored=0),
    li("errors", "a key nobody has", but(branch_key="key_live_x"), status=400, answer=NO_KEY, stored=0),
    li("errors", "no body", b"", status=400, stored=0),
    li("errors", "a list", [LINK], status=400, stored=0),
    wrong("no place at all", {"branch_key": KEY}, "data.$fallback_url", "missing required field"),
    wrong("data that is no object", but(data=[1]), "data", TYPE),
    wrong("data as text that is no JSON", but(data="x"), "data", TYPE),
    wrong("an alias that can't stand in an address", but(alias="winter sale"), "alias", "doesn't pass regex"),
    wrong("an alias too long", but(alias="a" * 129), "alias", "longer than 128 characters"),
    wrong("an identity too long", but(identity="a" * 128), "identity", "longer than 127 characters"),
    wrong("a type that is none", but(type=7), "type", "not a valid option"),
    wrong("a duration that is no number", but(duration="long"), "duration", TYPE),
    wrong("a channel that is no text", but(channel=["a"]), "channel", TYPE),
    wrong("tags that are objects", but(tags=[{}]), "tags", TYPE),
    wrong("a NUL in data", but(data={**DATA, "a": "\0"}), "data", "holds a NUL character"),
    li("sizes", "over 100 KB", but(data={**DATA, "a": "x" * 100_000}), status=413, stored=0),
]


@cases("branch links", CASES)
def test_branchs_answer(desk: Desk, case: Case) -> None:
    answer = desk.send(case)

    assert answer.status_code == case.status, answer.content
    said = json.loads(answer.content)
    assert said == (case.answer or said)
    assert Link.objects.filter(project=desk.project).count() == case.stored
    assert case.status != 200 or said["url"].startswith(HERE)


def test_a_link_of_branch_is_a_link_of_ours(desk: Desk) -> None:
    make(desk)

    link = Link.objects.get(project=desk.project)
    assert (link.slug, link.name, link.source, link.medium) == ("wintersale", "Winter sale", "email", "share")
    assert (link.content, link.term, link.deep_link) == ("new user", "monday, test123", "/sale/winter")
    assert link.fallback_url == DATA["$fallback_url"]

    tapped = desk.client.get("/c/WinterSale")
    assert tapped["Location"].startswith(DATA["$fallback_url"])
    assert Touch.objects.get(project=desk.project).source == "email"


@pytest.mark.dialect("branch links", "duplicates")
def test_the_same_alias_with_the_same_words_is_the_same_link(desk: Desk) -> None:
    first, second = make(desk), make(desk)

    assert first.json() == second.json()
    assert Link.objects.filter(project=desk.project).count() == 1


@pytest.mark.dialect("branch links", "duplicates")
def test_an_alias_with_other_words_is_a_conflict(desk: Desk) -> None:
    make(desk)

    clash = make(desk, but(channel="sms"))

    assert clash.status_code == 409
    assert clash.json() == {"error": {"message": "Link alias conflict: WinterSale", "code": 409}}


@pytest.mark.dialect("branch links", "duplicates")
def test_an_alias_that_another_project_has_is_a_conflict(desk: Desk) -> None:
    other = Desk(desk.client, ProjectFactory(), "")
    other.app("branch", "key_live_other")
    make(desk)

    clash = make(other, but(branch_key="key_live_other"))

    assert clash.status_code == 409


def test_a_link_without_a_place_leads_where_the_last_one_did(desk: Desk) -> None:
    make(desk)

    made = make(desk, {"branch_key": KEY, "channel": "sms"})

    assert made.status_code == 200
    assert Link.objects.get(source="sms").fallback_url == DATA["$fallback_url"]


def test_many_are_made_each_by_itself(desk: Desk) -> None:
    rows = [
        but(branch_key=None),
        but(alias=None),
        but(alias="winter sale"),
        7,
        but(alias=None, data={**DATA, "$ios_url": "x"}),
    ]

    answer = desk.client.post(f"/v1/url/bulk/{KEY}", rows, content_type="application/json")

    assert answer.status_code == 200
    first, second, third, fourth, fifth = answer.json()
    assert first == {"url": f"{HERE}/WinterSale"}
    assert second["url"].startswith(HERE)
    assert third == {"error": "alias: doesn't pass regex"}
    assert fourth == {"error": "body: wrong field type"}
    assert fifth["error"].startswith("data.$ios_url: ")
    assert Link.objects.filter(project=desk.project).count() == 2


@pytest.mark.parametrize(("rows", "status"), [([], 200), ({}, 400), ([{}] * 2_001, 400)])
def test_what_is_no_list_of_links_makes_none(desk: Desk, rows: Any, status: int) -> None:
    answer = desk.client.post(f"/v1/url/bulk/{KEY}", rows, content_type="application/json")

    assert answer.status_code == status
    assert not Link.objects.filter(project=desk.project).exists()


def test_a_link_is_read_as_it_was_said(desk: Desk) -> None:
    make(desk)

    got = desk.client.get("/v1/url", {"url": f"{HERE}/WinterSale", "branch_key": KEY}).json()

    link = Link.objects.get()
    assert got == {
        **but(branch_key=None),
        "type": 0,
        "data": {**DATA, "~id": str(link.pk), "url": f"{HERE}/WinterSale"},
    }


def test_a_link_made_here_is_read_in_branchs_words(desk: Desk) -> None:
    Link.objects.create(project=desk.project, slug="poster", name="Poster", source="qr", fallback_url="https://x.test")

    got = desk.client.get("/v1/url", {"url": "https://go.shop.test/poster", "branch_key": KEY}).json()

    assert (got["channel"], got["campaign"], got["alias"]) == ("qr", "Poster", "poster")
    assert got["data"]["$fallback_url"] == "https://x.test"


def test_a_link_is_changed_and_keeps_the_rest(desk: Desk) -> None:
    make(desk)

    got = change(desk, channel="sms", data={"user_id": "7", "$fallback_url": "https://shop.example/new"})

    assert got.status_code == 200, got.content
    assert (got.json()["channel"], got.json()["campaign"]) == ("sms", "Winter sale")
    assert got.json()["data"]["user_id"] == "7"
    assert got.json()["data"]["$og_title"] == "Winter sale"
    link = Link.objects.get()
    assert (link.source, link.fallback_url, link.ios_url) == ("sms", "https://shop.example/new", DATA["$ios_url"])


@pytest.mark.dialect("branch links", "errors")
@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"alias": "other"}, {"alias": "can't be changed"}),
        ({"type": 2}, {"type": "can't be changed"}),
        ({"identity": "ada"}, {"identity": "can't be changed"}),
        ({"data": {"$fallback_url": "nowhere"}}, None),
        ({"branch_secret": ""}, NO_KEY["error"]),
        ({"branch_secret": "secret_live_another"}, NO_KEY["error"]),
    ],
)
def test_what_cant_be_changed_is_refused(desk: Desk, fields: dict[str, Any], answer: Any) -> None:
    make(desk)

    got = change(desk, **fields)

    assert got.status_code == 400
    assert got.json() == {"error": answer or got.json()["error"]}
    assert Link.objects.get().vendor_data["channel"] == "email"


@pytest.mark.parametrize(("kind", "status"), [(ApiKey.Kind.SECRET, 200), (ApiKey.Kind.WRITE, 400)])
def test_a_secret_key_of_the_project_changes_links_too(desk: Desk, kind: str, status: int) -> None:
    make(desk)
    key = ApiKeyFactory(project=desk.project, kind=kind).text

    assert change(desk, channel="sms", branch_secret=key).status_code == status


def test_a_stranger_changes_nothing(desk: Desk) -> None:
    make(desk)
    other = ProjectFactory()
    Desk(desk.client, other, "").app("branch", "key_live_other", "secret_live_other")
    theirs = ApiKeyFactory(project=other, kind=ApiKey.Kind.SECRET).text

    assert change(desk, branch_secret=theirs).status_code == 400
    for body in ({"branch_key": "key_live_other", "branch_secret": "secret_live_other"}, {"branch_key": theirs}):
        assert change(desk, **body).status_code in {400, 404}
    got = desk.client.get("/v1/url", {"url": f"{HERE}/WinterSale", "branch_key": "key_live_other"})
    assert got.status_code == 404


def test_a_page_of_another_site_may_make_links(desk: Desk) -> None:
    asked = desk.client.options("/v1/url", headers={"Origin": "https://shop.test"})

    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, "https://shop.test")
    assert desk.client.delete("/v1/url").status_code == 405
