"""Adjust's events, sessions, ad revenue and the right to be forgotten, as Adjust describes them."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from events.models import OptOut, Rejected
from tests.dialects.table import ADJUST, ADJUST_SECURED, KEY, Case, Desk, cases, check
from tests.scene import digest_all

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
IDFA = "D2CADB5F-410F-4963-AC0C-2A78534BDF1E"
EVENT = {
    "s2s": "1",
    "app_token": ADJUST,
    "event_token": "f0ob4r",
    "idfa": IDFA,
    "idfv": "59E27F41-A86B-4560-B585-63161F871C4B",
    "created_at_unix": "1795191453",
    "revenue": "123.4",
    "currency": "EUR",
    "callback_params": '{"order_id": "o-1", "color": "red"}',
    "partner_params": '{"f0o": "bar"}',
    "ip_address": "192.0.2.1",
    "environment": "production",
    "att_status": "3",
}


def but(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in {**EVENT, **fields}.items() if value is not None}


def said(sentence: str) -> dict[str, str]:
    return {"error": f"Event request failed ({sentence})"}


def event(kind: str, name: str, fields: dict[str, str] | None = None, **more: Any) -> Case:
    return Case(kind, name, **{"path": "/event", "query": EVENT if fields is None else fields, **more})


def wrong(name: str, fields: dict[str, str], status: int, sentence: str, refused: str = "", **more: Any) -> Case:
    more = {"kind": "errors", "status": status, "answer": said(sentence), "stored": 0, "refused": refused, **more}
    return event(more.pop("kind"), name, fields, **more)


AS_FORM = {"query": {}, "body": urlencode(EVENT), "content_type": FORM}
BEARER = {"HTTP_AUTHORIZATION": f"Bearer {KEY}"}
NO_KEY = "Failed to authorize request"
LONG = "x" * 1_000_100
OK: dict[str, Any] = {"answer": "OK"}
CASES = [
    event("success", "GET with a query", method="GET", **OK),
    event("success", "POST with a query", **OK),
    event("success", "POST with a form", **AS_FORM, **OK),
    event("success", "POST with half of it in each", but(callback_params=None),
          body=urlencode({"callback_params": "{}"}), content_type=FORM, **OK),
    event("success", "with S2S Security", but(app_token=ADJUST_SECURED), headers=BEARER, **OK),
    event("success", "a key where none is needed", headers=BEARER, **OK),
    event("success", "created_at in ISO 8601", but(created_at_unix=None, created_at="2017-01-02T15:04:05Z+0200"), **OK),
    event("success", "no time", but(created_at_unix=None), **OK),
    event("success", "a hashed id", but(idfa=None, idfv=None, android_id_lower_md5="0" * 31 + "a"), **OK),
    event("success", "ad revenue", but(event_token=None, source="publisher"), path="/ad_revenue", **OK),
    wrong("no app token", but(app_token=None), 400, "Invalid app token"),
    wrong("an app token of another form", but(app_token="abc"), 400, "Invalid app token"),
    wrong("nobody's app token", but(app_token="000000000000"), 404, "App token not found"),
    wrong("no token of S2S Security", but(app_token=ADJUST_SECURED), 401, NO_KEY),
    wrong("another token of S2S Security", but(app_token=ADJUST_SECURED), 401, NO_KEY,
          headers={"HTTP_AUTHORIZATION": "Bearer x"}),
    wrong("an archived app", but(app_token="ARCHIVED1234"), 403, "App is inactive"),
    wrong("no event token", but(event_token=None), 400, "Invalid event token", "invalid_event_token"),
    wrong("an event token of another form", but(event_token="purchase"), 400, "Invalid event token",
          "invalid_event_token"),
    wrong("callback parameters that are no JSON", but(callback_params="a=b"), 400, "Invalid callback parameters",
          "invalid_callback_params"),
    wrong("callback parameters that are a list", but(callback_params="[1]"), 400, "Invalid callback parameters",
          "invalid_callback_params"),
    wrong("revenue that is no number", but(revenue="12,50"), 400, "Invalid revenue", "invalid_revenue"),
    wrong("revenue over the limit", but(revenue="100000000001"), 400, "Invalid revenue", "invalid_revenue"),
    wrong("ad revenue without currency", but(currency=None), 400, "Invalid revenue", "missing_currency",
          path="/ad_revenue"),
    wrong("no device", but(idfa=None, idfv=None), 404, "Device not found", "missing_id"),
    wrong("only zeros for a device", but(idfa="00000000-0000-0000-0000-000000000000", idfv=None), 404,
          "Device not found", "missing_id"),
    wrong("before there were apps", but(created_at_unix="1"), 400, "Bad event state", "invalid_timestamp"),
    wrong("no time at all", but(created_at_unix="soon"), 400, "Bad event state", "invalid_timestamp"),
    wrong("a form over 1 MB", {}, 413, "Request size too large", "body_too_large", kind="sizes",
          body=urlencode(EVENT) + "&x=" + LONG, content_type=FORM),
    wrong("an event over our 32 KB", but(callback_params=json.dumps({"a": "x" * 40_000})), 413,
          "Request size too large", "event_too_large", kind="sizes"),
    event("sizes", "an event of 30 KB", but(callback_params=json.dumps({"a": "x" * 30_000})), **OK),
    event("not silent", "without s2s", but(s2s=None), warning="s2s_missing", **OK),
    event("not silent", "revenue without currency", but(currency=None), warning="currency_missing", **OK),
    event("not silent", "from the sandbox", but(environment="sandbox"), warning="sandbox", **OK),
]  # fmt: skip


@cases("adjust", CASES)
def test_adjusts_answer(desk: Desk, case: Case) -> None:
    desk.app("adjust", "ARCHIVED1234", archived_at=datetime.now(UTC))

    check(desk, case)


def test_an_event_keeps_what_was_said_of_it(desk: Desk) -> None:
    desk.name("adjust", "f0ob4r", "Order Completed")

    desk.send(event("", ""))

    made = desk.only_event()
    assert (made.name, made.anonymous_id, made.ts) == (
        "Order Completed",
        IDFA,
        datetime(2026, 11, 20, 16, 17, 33, tzinfo=UTC),
    )
    assert made.properties == {"order_id": "o-1", "color": "red", "revenue": 123.4, "currency": "EUR"}
    assert made.context["device"] == {"id": EVENT["idfv"], "advertisingId": IDFA, "adTrackingEnabled": True}
    assert made.context["os"] == {"name": "iOS"}
    assert made.context["vendor"] == {
        "dialect": "adjust", "event": "f0ob4r", "app_id": ADJUST, "environment": "production",
        "partner_params": {"f0o": "bar"},
    }  # fmt: skip
    assert str(made.ip) == "192.0.2.1"


def test_adjusts_own_header_has_the_address_of_the_device(desk: Desk) -> None:
    desk.send(event("", "", but(ip_address=None), headers={"HTTP_X_ADJUST_FORWARDED_FOR": "192.0.2.7"}))

    assert str(desk.only_event().ip) == "192.0.2.7"


@pytest.mark.dialect("adjust", "duplicates")
@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        (event("", ""), event("", "", method="GET"), 1),
        (event("", ""), event("", "", **AS_FORM), 1),
        (event("", ""), event("", "", but(created_at_unix="1795191454")), 2),
        (event("", ""), event("", "", but(revenue="5")), 2),
        (event("", ""), event("", "", but(idfa="E2CADB5F-410F-4963-AC0C-2A78534BDF1E")), 2),
    ],
    ids=["by another method", "as a form", "a second later", "for another amount", "of another device"],
)
def test_a_repeat_counts_once(desk: Desk, first: Case, second: Case, stored: int) -> None:
    desk.send(first)

    answer = desk.send(second)

    assert answer.content == b"OK"
    assert len(desk.events()) == stored
    assert answer.headers.get("X-Ingest-Warning", "").startswith("repeated") == (stored == 1)


@pytest.mark.dialect("adjust", "duplicates")
def test_an_event_known_by_its_own_id_is_refused_the_second_time(desk: Desk) -> None:
    desk.send(event("", "", but(deduplication_id="d-1")))

    answer = desk.send(event("", "", but(deduplication_id="d-1", created_at_unix="1795191999")))

    assert (answer.status_code, answer.json()) == (400, said("Ignoring event, earlier unique event tracked"))
    assert len(desk.events()) == 1


SESSION = {"s2s": "1", "app_token": ADJUST, "gps_adid": "660e1d86-6796-463a-be86-897993136018", "os_name": "android"}


def session(created: str, **fields: str) -> Case:
    return Case("", "", "/session", {}, query={**SESSION, "created_at_unix": created, **fields})


@pytest.mark.dialect("adjust", "sessions")
def test_the_first_session_of_a_device_is_its_install(desk: Desk) -> None:
    first = desk.send(session("1795191453", install_referrer="utm_source=x&click_id=c-1"))
    second = desk.send(session("1795199453"))

    assert (first.json()["message"], second.json()["message"]) == ("Install tracked", "Session tracked")
    assert first.json()["adid"] == second.json()["adid"]
    names = [made.name for made in desk.events()]
    assert sorted(names) == ["Application Installed", "Application Opened", "Application Opened"]
    install = next(made for made in desk.events() if made.name == "Application Installed")
    assert install.properties["install_referrer"] == "utm_source=x&click_id=c-1"


@pytest.mark.dialect("adjust", "sessions")
@pytest.mark.django_db(transaction=True)
def test_a_device_that_was_there_long_ago_does_not_install(desk: Desk) -> None:
    desk.send(Case("", "", "/event", query={**SESSION, "event_token": "abc123", "created_at_unix": "1700000000"}))
    digest_all()

    answer = desk.send(session("1795191453"))

    assert answer.json()["message"] == "Session tracked"
    assert [made.name for made in desk.events()] == ["abc123", "Application Opened"]


@pytest.mark.dialect("adjust", "opt-outs")
@pytest.mark.parametrize("path", ["/event", "/session", "/ad_revenue"])
def test_nothing_is_taken_or_kept_of_a_device_that_opted_out(desk: Desk, path: str) -> None:
    forgotten = desk.send(Case("", "", "/gdpr_forget_device", query={"s2s": "1", "app_token": ADJUST, "idfa": IDFA}))

    answer = desk.send(event("", "", but(idfa=IDFA.lower()), path=path))

    assert (forgotten.status_code, forgotten.content) == (200, b"OK")
    assert (answer.status_code, answer.json()) == (451, said("Device is opted out"))
    assert desk.events() == []
    assert [(row.code, row.body) for row in Rejected.objects.all()] == [("opted_out", "")]
    assert IDFA not in OptOut.objects.get().id_hash


@pytest.mark.dialect("adjust", "opt-outs")
def test_other_devices_and_projects_are_not_opted_out(desk: Desk) -> None:
    desk.send(Case("", "", "/gdpr_forget_device", query={"s2s": "1", "app_token": ADJUST, "idfa": IDFA}))

    answer = desk.send(event("", "", but(idfa="E2CADB5F-410F-4963-AC0C-2A78534BDF1E")))

    assert answer.content == b"OK"
    assert len(desk.events()) == 1


@pytest.mark.dialect("adjust", "opt-outs")
def test_forgetting_needs_to_know_whom(desk: Desk) -> None:
    answer = desk.send(Case("", "", "/gdpr_forget_device", query={"s2s": "1", "app_token": ADJUST}))

    assert (answer.status_code, OptOut.objects.count()) == (404, 0)
