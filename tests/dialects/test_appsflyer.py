"""AppsFlyer's events of apps, as its own specification has them."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from events import replay
from events.models import Rejected, VendorCopy
from growthplatform.core import cipher
from tests.dialects.table import ANDROID, IOS, KEY, Case, Desk, cases, check

pytestmark = pytest.mark.django_db
PATH = f"/inappevent/{IOS}"
AUTH = {"HTTP_AUTHENTICATION": KEY}
DEVICE = "1415211453000-6513894"
PURCHASE: dict[str, Any] = {
    "appsflyer_id": DEVICE,
    "customer_user_id": "ada",
    "eventName": "af_purchase",
    "eventValue": '{"af_revenue": "6.5", "af_content_type": "wallets", "af_content_id": "15854", "af_order_id": "o-1"}',
    "eventCurrency": "eur",
    "eventTime": "2026-11-20 12:17:01.123",
    "ip": "192.0.2.1",
    "idfa": "9c9a82fb-d5de-4cd1-90c3-527441c11828",
    "idfv": "AAAA82fb-d5de-4cd1-90c3-527441c11828",
    "att": 3,
    "os": "14.5.1",
    "bundleIdentifier": "com.example.shop.ios",
    "app_version_name": "4.2",
}


def af(kind: str, name: str, body: Any = None, **more: Any) -> Case:
    return Case(kind, name, **{"path": PATH, "body": PURCHASE if body is None else body, "headers": AUTH, **more})


def but(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**PURCHASE, **fields}.items() if value is not None}


OK: dict[str, Any] = {"answer": "OK"}
UNREAD: dict[str, Any] = {"status": 400, "answer": "Payload is missing or failed to parse", "stored": 0}
BAD: dict[str, Any] = {"status": 400, "answer": "Bad request", "stored": 0}
NO_ID: dict[str, Any] = {"status": 400, "answer": "appsflyer_id is a mandatory field", "stored": 0}
CASES = [
    af("success", "a purchase", **OK),
    af("success", "an Android app", path=f"/inappevent/{ANDROID}", **OK),
    af("success", "eventValue as an object", but(eventValue={"af_revenue": 6}), **OK),
    af("success", "packed", gzip.compress(json.dumps(PURCHASE).encode()), **OK),
    af("success", "no value at all", but(eventValue=""), **OK),
    af("success", "without eventTime", but(eventTime=None), **OK),
    af("success", "without optional fields", {"appsflyer_id": DEVICE, "eventName": "e", "eventValue": ""}, **OK),
    af("success", "a key of ours instead of the vendor's", headers={"HTTP_AUTHENTICATION": "WRITE_KEY"}, **OK),
    af("errors", "no key", headers={}, status=401, answer="Unauthorized", stored=0),
    af("errors", "another key", headers={"HTTP_AUTHENTICATION": "x"}, status=401, answer="Unauthorized", stored=0),
    af("errors", "nobody's app", path="/inappevent/com.nobody", headers={"HTTP_AUTHENTICATION": "x"}, status=400,
       answer="Failed to Authenticate", stored=0),
    af("errors", "another app than the key's", path="/inappevent/com.other", status=400, answer="app_id", stored=0,
       refused="unknown_app"),
    af("errors", "no appsflyer_id", but(appsflyer_id=None), refused="missing_id", **NO_ID),
    af("errors", "an empty appsflyer_id", but(appsflyer_id=" "), refused="missing_id", **NO_ID),
    af("errors", "no eventName", but(eventName=None), refused="missing_event", **BAD),
    af("errors", "no body", b"", refused="invalid_json", **UNREAD),
    af("errors", "a broken body", b'{"appsflyer_id": "1', refused="invalid_json", **UNREAD),
    af("errors", "two events in a request", [PURCHASE, PURCHASE], refused="not_an_object", **UNREAD),
    af("errors", "a NUL in a value", but(eventValue={"a": "\0"}), refused="nul_character", **BAD),
    af("errors", "a name without end", but(eventName="n" * 300), refused="invalid_name", **BAD),
    af("sizes", "over AppsFlyer's 1 KB", but(eventValue={"a": "x" * 1_500}), warning="larger_than_vendor_takes", **OK),
    af("sizes", "just under our 32 KB", but(eventValue={"a": "x" * 30_000}), warning="larger_than_vendor_takes", **OK),
    af("sizes", "over our 32 KB", but(eventValue={"a": "x" * 33_000}), refused="event_too_large", **BAD),
    af("sizes", "over what is read at all", b"x" * 300_000, refused="body_too_large", **BAD),
    af("not silent", "an iOS app without id before it", path="/inappevent/123456789", stored=0,
       refused="id_prefix_missing", warning="id_prefix_missing", **OK),
    af("not silent", "revenue that is no number", but(eventValue={"af_revenue": "6,50 €"}),
       warning="revenue_not_a_number", **OK),
    af("not silent", "a currency nobody knows", but(eventCurrency="euro"), warning="unknown_currency", **OK),
    af("not silent", "a value that is no JSON", but(eventValue="af_revenue=6"), warning="event_value_not_json", **OK),
    af("not silent", "an id that AppsFlyer never gave out", but(appsflyer_id="x"), warning="unusual_id", **OK),
    af("not silent", "a time before 2000", but(eventTime="1999-12-31 23:59:59"), warning="invalid_timestamp", **OK),
]  # fmt: skip


@cases("appsflyer", CASES)
def test_appsflyers_answer(desk: Desk, case: Case) -> None:
    if case.headers.get("HTTP_AUTHENTICATION") == "WRITE_KEY":
        case.headers = {"HTTP_AUTHENTICATION": desk.write_key}

    check(desk, case)


def test_a_purchase_becomes_an_event_of_the_stream(desk: Desk) -> None:
    desk.name("appsflyer", "af_purchase", "Order Completed")

    answer = desk.send(af("", ""))

    event = desk.only_event()
    assert answer["X-Ingest-Id"] == event.message_id
    assert (event.name, event.user_id, event.anonymous_id) == ("Order Completed", "ada", DEVICE)
    assert event.ts == datetime(2026, 11, 20, 12, 17, 1, 123000, UTC)
    assert event.properties == {
        "revenue": 6.5, "currency": "EUR", "order_id": "o-1", "category": "wallets", "product_id": "15854",
    }  # fmt: skip
    assert event.context["device"] == {
        "id": PURCHASE["idfv"], "advertisingId": PURCHASE["idfa"], "adTrackingEnabled": True,
    }  # fmt: skip
    assert event.context["os"] == {"name": "iOS", "version": "14.5.1"}
    assert event.context["app"] == {"namespace": "com.example.shop.ios", "version": "4.2"}
    assert event.context["library"] == {"name": "appsflyer"}
    assert event.context["vendor"] == {"dialect": "appsflyer", "event": "af_purchase", "app_id": IOS}
    assert str(event.ip) == "192.0.2.1"


@pytest.mark.dialect("appsflyer", "duplicates")
@pytest.mark.parametrize(
    ("second", "stored"),
    [
        ({}, 1),
        ({"eventValue": json.dumps(dict(reversed(json.loads(PURCHASE["eventValue"]).items())))}, 1),
        ({"ip": "192.0.2.2"}, 1),
        ({"eventTime": "2026-11-20 12:17:02"}, 2),
        ({"eventValue": '{"af_revenue": "7"}'}, 2),
        ({"appsflyer_id": "1415211453000-6513895"}, 2),
        ({"eventName": "af_login"}, 2),
    ],
    ids=[
        "the same",
        "members in another order",
        "from elsewhere",
        "later",
        "other value",
        "other device",
        "other name",
    ],
)
def test_a_repeat_counts_once(desk: Desk, second: dict[str, Any], stored: int) -> None:
    desk.send(af("", ""))

    answer = desk.send(af("", "", but(**second)))

    assert answer.content == b"OK"
    assert len(desk.events()) == stored


def test_the_address_of_the_customers_server_is_nobodys(desk: Desk) -> None:
    desk.send(af("", "", but(ip=None)))

    assert desk.only_event().ip is None


def test_a_late_event_keeps_its_own_time(desk: Desk) -> None:
    desk.send(af("", "", but(eventTime="2026-01-02 03:04:05.678")))

    event = desk.only_event()
    assert event.ts == datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    assert not event.clamped


def test_the_id_without_its_prefix_is_repaired_and_replayed(desk: Desk) -> None:
    desk.send(af("", "", path="/inappevent/123456789"))
    rejected = Rejected.objects.get(project=desk.project)

    receipt = replay.replay(rejected, path=PATH)

    assert (receipt.stored, desk.only_event().anonymous_id) == (1, DEVICE)
    assert desk.rejected()[0].state == Rejected.State.REPLAYED


def test_an_event_is_forwarded_with_its_key_encrypted(desk: Desk) -> None:
    desk.project.vendor_apps.filter(app_id=IOS).update(forward=True)

    desk.send(af("", ""))

    copy = VendorCopy.objects.get(project=desk.project)
    assert (copy.method, copy.path, json.loads(bytes(copy.body))) == ("POST", PATH, PURCHASE)
    assert KEY not in copy.authorization
    assert cipher.decrypt(copy.authorization) == KEY


def test_a_page_of_another_site_may_ask_and_send(desk: Desk) -> None:
    asked = desk.client.options(PATH, headers={"Origin": "https://shop.test", "Access-Control-Request-Headers": "x-a"})
    got = desk.client.get(PATH)

    assert (asked.status_code, asked["Access-Control-Allow-Headers"]) == (204, "x-a")
    assert asked["Access-Control-Allow-Origin"] == "https://shop.test"
    assert (got.status_code, got["Allow"]) == (405, "POST")
