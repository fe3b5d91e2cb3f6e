"""Branch's events, as its documentation has them."""

import json
from typing import Any

import pytest
import time_machine
from django.test import Client

from events import replay
from tests.dialects.table import Case, Desk, cases, check
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db
KEY = "key_live_hkDytPACtipny3N9XmnbZlapBDdj4WIL"
USER: dict[str, Any] = {
    "os": "Android",
    "os_version": "16",
    "aaid": "5f2b1c1e-6a3d-4b5e-9c7d-0123456789ab",
    "android_id": "a1b2c3d4e5f60718",
    "developer_identity": "ada",
    "limit_ad_tracking": False,
    "user_agent": "Shop/4.2 (Android 16)",
    "ip": "192.0.2.1",
    "brand": "Google",
    "model": "Pixel 9",
    "app_version": "4.2",
    "language": "de",
    "country": "DE",
    "local_ip": "10.0.0.2",
}
PURCHASE: dict[str, Any] = {
    "branch_key": KEY,
    "name": "PURCHASE",
    "customer_event_alias": "winter",
    "user_data": USER,
    "event_data": {"transaction_id": "A-1042", "revenue": 39.95, "currency": "eur", "shipping": 5, "coupon": "WINTER"},
    "custom_data": {"gift": "yes"},
    "content_items": [{"$sku": "L-100", "$price": 39.95, "$quantity": 1, "$product_name": "Lamp", "$og_title": "Lamp"}],
}


def but(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**PURCHASE, **fields}.items() if value is not None}


def user(**fields: Any) -> dict[str, Any]:
    return but(user_data={name: value for name, value in {**USER, **fields}.items() if value is not None})


def only(**fields: Any) -> dict[str, Any]:
    return but(user_data=fields)


def br(kind: str, name: str, body: Any = None, **more: Any) -> Case:
    return Case(kind, name, **{"path": "/v2/event/standard", "body": PURCHASE if body is None else body, **more})


def wrong(name: str, body: Any, field: str, words: str, refused: str = "invalid_field", **more: Any) -> Case:
    answer = {"error": {field: words}}
    return br("errors", name, body, **{"status": 400, "answer": answer, "stored": 0, "refused": refused, **more})


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.app("branch", KEY)
    return desk


OK: dict[str, Any] = {"answer": {"branch_view_enabled": False}}
MISSING, TYPE, OPTION = "missing required field", "wrong field type", "not a valid option"
CUSTOM = "/v2/event/custom"
NO_KEY = {"error": {"message": "Invalid or missing app id, Branch key, or secret", "code": 400}}
CASES = [
    br("success", "a purchase", **OK),
    br("success", "a custom event", but(name="picked"), path=CUSTOM, **OK),
    br("success", "a standard name as custom", path=CUSTOM, **OK),
    br("success", "only what is needed", but(event_data=None, custom_data=None, content_items=None,
                                             customer_event_alias=None), **OK),
    br("success", "known by developer_identity", only(os="iOS", developer_identity="ada"), **OK),
    br("success", "known by idfv", only(os="iOS", idfv="AAAA82fb-d5de-4cd1-90c3-527441c11828"), **OK),
    br("success", "known by idfa", only(os="iOS", idfa="9c9a82fb-d5de-4cd1-90c3-527441c11828"), **OK),
    br("success", "known by android_id", only(os="Android", android_id="a1b2c3d4e5f60718"), **OK),
    br("success", "known by aaid", only(os="android", aaid=USER["aaid"]), **OK),
    br("success", "known by browser_fingerprint_id", only(os="Mac OS", browser_fingerprint_id="1"), **OK),
    wrong("no branch_key", but(branch_key=None), "branch_key", MISSING, ""),
    br("errors", "a key nobody has", but(branch_key="key_live_nobody"), status=400, answer=NO_KEY, stored=0),
    wrong("no name", but(name=None), "name", MISSING, "missing_event"),
    wrong("no user_data", but(user_data=None), "user_data", MISSING),
    wrong("user_data as text", but(user_data="{}"), "user_data", TYPE),
    wrong("no os", user(os=None), "os", MISSING),
    wrong("an os nobody has", user(os="Palm"), "os", OPTION),
    wrong("an id of the other system", only(os="iOS", android_id="a1b2c3d4e5f60718"), "user_data",
          f"{MISSING}: one of developer_identity, browser_fingerprint_id, idfv, idfa", "missing_id"),
    wrong("an id that is switched off", only(os="Android", aaid="00000000-0000-0000-0000-000000000000"), "user_data",
          f"{MISSING}: one of developer_identity, browser_fingerprint_id, android_id, aaid", "missing_id"),
    wrong("a standard event that is none", but(name="PURCHASED"), "name", OPTION, "invalid_name"),
    wrong("event_data as a list", but(event_data=[]) | {"event_data": [1]}, "event_data", TYPE),
    wrong("custom_data as text", but(custom_data="x"), "custom_data", TYPE),
    wrong("content_items as an object", but(content_items={"$sku": "x"}), "content_items", TYPE),
    br("errors", "no body", b"", status=400, stored=0),
    br("errors", "a broken body", b'{"branch_key": "k', status=400, stored=0),
    br("errors", "a list", [PURCHASE], status=400, stored=0, refused="not_an_object"),
    wrong("a NUL in a value", but(custom_data={"a": "\0"}), "properties",
          "holds a NUL character, which can't be stored.", "nul_character"),
    br("errors", "a broken body that says whose it is", json.dumps(PURCHASE)[:-1], status=400, stored=0,
       refused="invalid_json"),
    br("sizes", "just under our 32 KB", but(custom_data={"a": "x" * 30_000}), **OK),
    br("sizes", "over our 32 KB", but(custom_data={"a": "x" * 33_000}), status=400, stored=0,
       refused="event_too_large"),
    br("sizes", "over what is read at all", json.dumps(PURCHASE)[:-1] + " " * 300_000, status=413, stored=0,
       refused="body_too_large"),
    br("not silent", "revenue that is no number", but(event_data={"revenue": "39,95 €"}),
       warning="revenue_not_a_number", **OK),
    br("not silent", "a currency nobody knows", but(event_data={"revenue": 1, "currency": "euro"}),
       warning="unknown_currency", **OK),
]  # fmt: skip


@cases("branch", CASES)
def test_branchs_answer(desk: Desk, case: Case) -> None:
    check(desk, case)


@pytest.mark.dialect("branch", "success")
def test_a_write_key_of_ours_is_taken_in_place_of_branchs(desk: Desk) -> None:
    assert desk.send(br("", "", but(branch_key=desk.write_key))).status_code == 200

    assert desk.only_event().user_id == "ada"


@pytest.mark.dialect("branch", "success")
def test_an_app_whose_secret_is_known_is_still_opened_by_its_key(desk: Desk) -> None:
    desk.app("branch", "key_live_other", "secret_live_1")

    assert desk.send(br("", "", but(branch_key="key_live_other"))).status_code == 200


def test_a_purchase_becomes_an_event_of_the_stream(desk: Desk) -> None:
    desk.name("branch", "PURCHASE", "Order Completed")

    desk.send(br("", ""))

    event = desk.only_event()
    assert (event.name, event.user_id, event.anonymous_id) == ("Order Completed", "ada", USER["android_id"])
    assert event.properties == {
        "gift": "yes",
        "shipping": 5,
        "coupon": "WINTER",
        "order_id": "A-1042",
        "revenue": 39.95,
        "currency": "EUR",
        "products": [{"sku": "L-100", "price": 39.95, "quantity": 1, "name": "Lamp", "$og_title": "Lamp"}],
        "customer_event_alias": "winter",
    }
    assert event.context == {
        "library": {"name": "branch"},
        "device": {
            "id": USER["android_id"], "advertisingId": USER["aaid"], "adTrackingEnabled": True,
            "manufacturer": "Google", "model": "Pixel 9",
        },
        "os": {"name": "Android", "version": "16"},
        "app": {"version": "4.2"},
        "ip": "192.0.2.1",
        "userAgent": USER["user_agent"],
        "locale": "de",
        "vendor": {"dialect": "branch", "event": "PURCHASE", "country": "DE", "local_ip": "10.0.0.2"},
    }  # fmt: skip
    assert str(event.ip) == "192.0.2.1"


@pytest.mark.dialect("branch", "duplicates")
@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        (PURCHASE, PURCHASE, 1),
        (PURCHASE, but(custom_data={"try": 2}), 1),
        (PURCHASE, but(event_data={"transaction_id": "A-1043", "revenue": 39.95}), 2),
        (PURCHASE, but(name="RESERVE"), 2),
        (but(name="SHARE", event_data=None), but(name="SHARE", event_data=None), 1),
        (but(name="SHARE", event_data=None), but(name="SHARE", event_data=None, custom_data={}), 2),
    ],
    ids=["the same", "same transaction", "another one", "another name", "same content at once", "other content"],
)
def test_a_repeat_counts_once(desk: Desk, first: dict[str, Any], second: dict[str, Any], stored: int) -> None:
    desk.send(br("", "", first))

    assert desk.send(br("", "", second)).status_code == 200

    assert len(desk.events()) == stored


def test_a_refused_event_is_repaired_and_replayed(desk: Desk) -> None:
    desk.send(br("", "", user(os=None)))
    [rejected] = desk.rejected()

    receipt = replay.replay(rejected, json.dumps(PURCHASE).encode())

    assert (receipt.stored, desk.only_event().name) == (1, "PURCHASE")


def test_the_address_of_the_customers_server_is_nobodys(desk: Desk) -> None:
    desk.send(br("", "", user(ip=None)))

    assert desk.only_event().ip is None


def test_a_busy_project_does_not_slow_down_another(desk: Desk, client: Client, settings: Any) -> None:
    settings.INGEST_EVENTS_PER_SECOND = 2
    other = Desk(client, ProjectFactory(), "")
    other.app("branch", "key_live_other")

    with time_machine.travel("2026-11-20T13:00:00Z", tick=False):
        busy = [desk.send(br("", "", but(custom_data={"n": n}))) for n in range(3)]
        calm = other.send(br("", "", but(branch_key="key_live_other")))

    assert [one.status_code for one in busy] == [200, 200, 429]
    assert json.loads(busy[2].content) == {"error": {"message": "Rate Limit Reached", "code": 429}}
    assert busy[2]["Retry-After"] == "1"
    assert calm.status_code == 200
