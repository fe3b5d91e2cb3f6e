"""Kochava's events and installs by POST /track/json."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.dialects.table import KOCHAVA, Case, Desk, cases, check

pytestmark = pytest.mark.django_db
DATA: dict[str, Any] = {
    "usertime": 1795191453,
    "app_version": "1.0.0",
    "device_ver": "iPhone-iOS-16.1",
    "device_ids": {"IDFA": "07F5A855-1375-4E51-9F15-0EFD4E5C84F4", "idfv": "17F5A855-1375-4E51-9F15-0EFD4E5C84F4"},
    "device_ua": "Mozilla%2F5.0%20(iPhone)",
    "event_name": "Purchase",
    "origination_ip": "192.0.2.1",
    "currency": "USD",
    "event_data": {"id": "123", "price": 9.95, "orderId": "o-1"},
    "app_tracking_transparency": {"att": True},
}
EVENT = {"action": "event", "kochava_app_id": KOCHAVA, "kochava_device_id": "KI-1", "data": DATA}


def but(data: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    made = {**EVENT, **fields, "data": {**DATA, **(data or {})}}
    return {name: value for name, value in made.items() if value is not None}


def post(kind: str, name: str, body: Any = None, **more: Any) -> Case:
    return Case(kind, name, "/track/json", EVENT if body is None else body, **more)


def wrong(name: str, body: Any, refused: str = "", *, kind: str = "errors", status: int = 400) -> Case:
    return post(kind, name, body, status=status, stored=0, refused=refused)


OK: dict[str, Any] = {"answer": {"success": "1"}}
CASES = [
    post("success", "an event", **OK),
    post("success", "an install", but(action="install"), **OK),
    post("success", "a session", but(action="session"), **OK),
    post("success", "who it is", but({"identity_link": {"email": "ada"}}, action="identityLink"), **OK),
    post("success", "ids in a list", but({"device_ids": [{"adid": "a-1"}]}, kochava_device_id=None), **OK),
    post("success", "only Kochava's own id", but({"device_ids": {}}), **OK),
    post("success", "event data as text", but({"event_data": "level 3"}), **OK),
    wrong("no body", b""),
    wrong("a broken body of nobody", b"{"),
    wrong("a broken body", f'{{"kochava_app_id": "{KOCHAVA}", "data": '.encode(), "invalid_json"),
    wrong("a list", [EVENT], "not_an_object"),
    wrong("no app", but(kochava_app_id=None)),
    wrong("nobody's app", but(kochava_app_id="konobody")),
    wrong("no device", but({"device_ids": {}}, kochava_device_id=None), "missing_id"),
    wrong("no name", but({"event_name": ""}), "missing_event"),
    wrong("data that is a list", {**EVENT, "data": [1]}, "not_an_object"),
    wrong("an event over our 32 KB", but({"event_data": {"a": "x" * 40_000}}), "event_too_large", kind="sizes"),
    wrong("a body over what is read", f'{{"kochava_app_id":"{KOCHAVA}","a":"{"x" * 300_000}'.encode(),
          "body_too_large", kind="sizes", status=413),
    post("sizes", "an event of 30 KB", but({"event_data": {"a": "x" * 30_000}}), **OK),
    post("not silent", "an action that is not known", but(action="get_attribution"), stored=0, refused="unknown_action",
         warning="unknown_action", **OK),
    post("not silent", "a price that is no number", but({"event_data": {"price": "ten"}}),
         warning="revenue_not_a_number", **OK),
    post("not silent", "a time that is none", but({"usertime": "soon"}), warning="invalid_timestamp", **OK),
]  # fmt: skip


@cases("kochava", CASES)
def test_kochavas_answer(desk: Desk, case: Case) -> None:
    check(desk, case)


def test_an_event_keeps_what_was_said_of_it(desk: Desk) -> None:
    desk.name("kochava", "Purchase", "Order Completed")

    desk.send(post("", ""))

    made = desk.only_event()
    assert (made.name, made.anonymous_id) == ("Order Completed", "KI-1")
    assert made.ts == datetime(2026, 11, 20, 16, 17, 33, tzinfo=UTC)
    assert made.properties == {"id": "123", "price": 9.95, "order_id": "o-1", "revenue": 9.95, "currency": "USD"}
    assert made.context["device"] == {
        "id": DATA["device_ids"]["idfv"], "advertisingId": DATA["device_ids"]["IDFA"], "model": "iPhone",
        "adTrackingEnabled": True,
    }  # fmt: skip
    assert made.context["os"] == {"name": "iOS", "version": "16.1"}
    assert made.context["userAgent"] == "Mozilla/5.0 (iPhone)"


@pytest.mark.dialect("kochava", "duplicates")
@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        (EVENT, EVENT, 1),
        (EVENT, but({"usertime": 1795191454}), 2),
        (EVENT, but({"event_data": {"price": 1}}), 2),
        (but(action="install"), but({"usertime": 1795191999}, action="install"), 1),
    ],
    ids=["the same", "a second later", "for another price", "an install told again"],
)
def test_a_repeat_counts_once(desk: Desk, first: Any, second: Any, stored: int) -> None:
    desk.send(post("", "", first))

    answer = desk.send(post("", "", second))

    assert answer.json() == {"success": "1"}
    assert len(desk.events()) == stored


@pytest.mark.dialect("kochava", "sessions")
def test_an_install_is_one(desk: Desk) -> None:
    desk.send(post("", "", but({"install_referrer": {"referrer": "click_id=c-1"}}, action="install")))

    made = desk.only_event()
    assert made.name == "Application Installed"
    assert made.properties["install_referrer"] == "click_id=c-1"
