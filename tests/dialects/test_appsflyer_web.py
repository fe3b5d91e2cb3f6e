"""AppsFlyer's calls of websites, as its own specification has them."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.dialects.table import KEY, Case, Desk, cases, check

pytestmark = pytest.mark.django_db
BUNDLE = "bundle-1"
EVENT: dict[str, Any] = {
    "webDevKey": KEY,
    "eventType": "EVENT",
    "eventName": "purchase",
    "customerUserId": "ada",
    "afUserId": "9999999-f848-4963-a091-568f0bf9a361",
    "timestamp": 1795191453123,
    "eventValue": {"sku": "s-1"},
    "eventRevenue": 1234.56,
    "eventRevenueCurrency": "EUR",
    "ip": "192.0.2.1",
    "referrer": "https://www.google.com/",
}
DONE = "Customer user ID or AF user ID was set successfully for the specified bundle ID."
OK: dict[str, Any] = {"answer": {"status": "OK", "message": DONE}}


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.app("appsflyer", BUNDLE, KEY)
    return desk


def but(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**EVENT, **fields}.items() if value is not None}


def web(kind: str, name: str, body: Any = None, **more: Any) -> Case:
    return Case(kind, name, **{"path": f"/v1/{BUNDLE}/event", "body": EVENT if body is None else body, **more})


CASES = [
    web("success", "web: an event", **OK),
    web("success", "web: only the browser's id", but(customerUserId=None), **OK),
    web("success", "web: only the customer's id", but(afUserId=None), **OK),
    web("success", "web: without time and money", but(timestamp=None, eventRevenue=None), **OK),
    web("success", "web: who the browser is", path=f"/v1/{BUNDLE}/setcuid",
        answer={"status": "Success", "message": DONE}),
    web("errors", "web: nobody", but(customerUserId=None, afUserId=None), status=400, stored=0, refused="missing_id"),
    web("errors", "web: half of who it is", but(afUserId=None), path=f"/v1/{BUNDLE}/setcuid", status=400, stored=0,
        refused="missing_id", answer={
            "error": "SetCUID event cannot be parsed without both user ids - customerUserId and afUserID",
            "message": "Bad Request", "status": 400}),
    web("errors", "web: no name", but(eventName=None), status=400, stored=0, refused="missing_event"),
    web("errors", "web: another type", but(eventType="CLICK"), status=400, stored=0, refused="invalid_field"),
    web("errors", "web: a broken body", f'{{"webDevKey": "{KEY}", '.encode(), status=400, stored=0,
        refused="invalid_json"),
    web("errors", "web: another key", but(webDevKey="x"), status=401, stored=0),
    web("errors", "web: no key", but(webDevKey=None), status=401, stored=0),
    web("errors", "web: nobody's bundle", but(webDevKey="x"), path="/v1/nobody/event", status=404, stored=0),
    web("sizes", "web: over AppsFlyer's 1,000 characters", but(eventValue={"a": "x" * 1_100}),
        warning="larger_than_vendor_takes", **OK),
    web("sizes", "web: over our 32 KB", but(eventValue={"a": "x" * 33_000}), status=400, stored=0,
        refused="event_too_large", warning="larger_than_vendor_takes"),
]  # fmt: skip


@cases("appsflyer", CASES)
def test_appsflyers_answer(desk: Desk, case: Case) -> None:
    check(desk, case)


def test_an_event_keeps_what_was_said_of_it(desk: Desk) -> None:
    desk.send(web("", ""))

    made = desk.only_event()
    assert (made.name, made.user_id, made.anonymous_id) == ("purchase", "ada", EVENT["afUserId"])
    assert made.ts == datetime(2026, 11, 20, 16, 17, 33, 123000, UTC)
    assert made.properties == {"sku": "s-1", "revenue": 1234.56, "currency": "EUR"}
    assert made.context["page"] == {"referrer": "https://www.google.com/"}


@pytest.mark.dialect("appsflyer", "duplicates")
def test_a_repeat_counts_once(desk: Desk) -> None:
    desk.send(web("", ""))
    desk.send(web("", "", but(ip="192.0.2.2")))
    desk.send(web("", "", but(timestamp=1795191453124)))

    assert len(desk.events()) == 2
