"""Singular's sessions and events: 200 to everything, the reason in the body."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.dialects.table import KEY, SINGULAR, Case, Desk, cases, check

pytestmark = pytest.mark.django_db
EVENT = {
    "a": KEY,
    "p": "Android",
    "i": SINGULAR,
    "n": "sng_ecommerce_purchase",
    "ip": "192.0.2.1",
    "ve": "15",
    "asid": "aaaa1111-0000-1111-2222-333344445555",
    "aifa": "8ecd7512-2864-440c-93f3-a3cabe62525b",
    "amt": "9.95",
    "cur": "USD",
    "e": '{"sku": "s-1"}',
    "utime": "1795191453",
    "custom_user_id": "ada",
    "ma": "Google",
    "mo": "Pixel 9",
    "lc": "de_DE",
    "av": "4.2",
}


def but(**fields: str | None) -> dict[str, str]:
    return {name: value for name, value in {**EVENT, **fields}.items() if value is not None}


def evt(kind: str, name: str, fields: dict[str, str] | None = None, **more: Any) -> Case:
    usual = {"path": "/api/v1/evt", "method": "GET", "query": EVENT if fields is None else fields}
    return Case(kind, name, **{**usual, **more})


def wrong(name: str, reason: str, refused: str = "", **fields: str | None) -> Case:
    return evt("errors", name, but(**fields), answer={"status": "error", "reason": reason}, stored=0, refused=refused)


def over(name: str, path: str, reason: str, **more: Any) -> Case:
    return Case("sizes", name, path, answer={"status": "error", "reason": reason}, stored=0, **more)


OK: dict[str, Any] = {"answer": {"status": "ok"}}
FORM = {"method": "POST", "query": {}, "body": urlencode(EVENT), "content_type": "application/x-www-form-urlencoded"}
IOS = {"p": "iOS", "asid": None, "aifa": None}
CASES = [
    evt("success", "an event", **OK),
    evt("success", "of version 2", path="/api/v2/evt", **OK),
    evt("success", "as a form", **FORM, **OK),
    evt("success", "as JSON", method="POST", query={}, body={**EVENT, "e": {"sku": "s-1"}}, **OK),
    evt("success", "an event of iOS", but(**IOS, idfv="AAAA"), **OK),
    evt("success", "an event of a PC", but(**{**IOS, "p": "PC"}, sdid="49c2d3a6"), **OK),
    evt("success", "an event of a console", but(**{**IOS, "p": "xbox"}, sdid="49c2d3a6"), **OK),
    evt("success", "a session of a new device", but(n=None), path="/api/v1/launch", **OK, stored=2),
    evt("success", "without time, value and person", but(utime=None, amt=None, cur=None, custom_user_id=None), **OK),
    wrong("no key", "missing argument: a", a=None),
    wrong("no app", "missing argument: i", i=None),
    wrong("no platform", "missing argument: p", "missing_argument", p=None),
    wrong("no address", "missing argument: ip", "missing_argument", ip=None),
    wrong("no name", "missing argument: n", "missing_argument", n=None),
    wrong("a platform of another name", "invalid platform: Desktop", "invalid_platform", p="Desktop"),
    wrong("a platform in small letters", "invalid platform: android", "invalid_platform", p="android"),
    wrong("no device", "no device ID supplied", "missing_id", asid=None, aifa=None),
    wrong("another platform's id", "platform: PC should have an sdid param", "other_platforms_id", p="PC"),
    wrong("an Android id of an iOS app", "platform: iOS should have an idfv param", "other_platforms_id", p="iOS"),
    wrong("another key", "invalid argument: a", a="x"),
    wrong("nobody's app", "invalid argument: i", i="com.nobody", a="x"),
    wrong("another app than the key's", "invalid argument: i", "unknown_app", i="com.other"),
    evt("sizes", "an event of 30 KB", but(e=json.dumps({"a": "x" * 30_000})), **OK),
    evt("sizes", "an event over our 32 KB", but(e=json.dumps({"a": "x" * 40_000})), stored=0, refused="event_too_large",
        answer={"status": "error", "reason": "An event may have 32 KB; this one is larger."}),
    over("a body over what is read", "/api/v1/evt", "The body is larger than 262 KB; send smaller batches.",
         body=urlencode(EVENT) + "&x=" + "x" * 300_000, refused="body_too_large"),
    evt("not silent", "arguments that are no JSON", but(e="sku=1"), warning="arguments_not_json", **OK),
    evt("not silent", "an amount that is no number", but(amt="ten"), warning="revenue_not_a_number", **OK),
    evt("not silent", "a time that is none", but(utime="soon"), warning="invalid_timestamp", **OK),
]  # fmt: skip


@cases("singular", CASES)
def test_singulars_answer(desk: Desk, case: Case) -> None:
    check(desk, case)


def test_an_event_keeps_what_was_said_of_it(desk: Desk) -> None:
    desk.name("singular", "sng_ecommerce_purchase", "Order Completed")

    desk.send(evt("", ""))

    made = desk.only_event()
    assert (made.name, made.user_id, made.anonymous_id) == ("Order Completed", "ada", EVENT["asid"])
    assert made.ts == datetime(2026, 11, 20, 16, 17, 33, tzinfo=UTC)
    assert made.properties == {"sku": "s-1", "revenue": 9.95, "currency": "USD"}
    assert made.context["device"] == {
        "id": EVENT["asid"], "advertisingId": EVENT["aifa"], "manufacturer": "Google", "model": "Pixel 9",
    }  # fmt: skip
    assert made.context["os"] == {"name": "Android", "version": "15"}
    assert made.context["locale"] == "de-DE"


@pytest.mark.dialect("singular", "duplicates")
@pytest.mark.parametrize(
    ("second", "stored"),
    [
        (evt("", ""), 1),
        (evt("", "", **FORM), 1),
        (evt("", "", but(utime="1795191454")), 2),
        (evt("", "", but(amt="1")), 2),
    ],
    ids=["the same", "as a form", "a second later", "for another amount"],
)
def test_a_repeat_counts_once(desk: Desk, second: Case, stored: int) -> None:
    desk.send(evt("", ""))

    answer = desk.send(second)

    assert answer.json() == {"status": "ok"}
    assert len(desk.events()) == stored


@pytest.mark.dialect("singular", "sessions")
def test_the_first_session_of_a_device_is_its_install(desk: Desk) -> None:
    referrer = {"installReferrer": "click_id=c-1", "referrerClickTimestampSeconds": 1795191000}
    first = evt("", "", but(n=None, amt=None, install_ref=json.dumps(referrer)), path="/api/v1/launch")

    desk.send(first)
    desk.send(evt("", "", but(n=None, amt=None, utime="1795199999"), path="/api/v1/launch"))

    assert sorted(made.name or "" for made in desk.events()) == [
        "Application Installed", "Application Opened", "Application Opened",
    ]  # fmt: skip
    install = next(made for made in desk.events() if made.name == "Application Installed")
    assert install.properties["install_referrer"] == "click_id=c-1"
    assert install.properties["referrer_click_at"] == 1795191000


@pytest.mark.dialect("singular", "sessions")
@pytest.mark.parametrize(("said", "names"), [("false", []), ("true", ["Application Installed"])])
def test_a_client_may_say_whether_a_session_is_an_install(desk: Desk, said: str, names: list[str]) -> None:
    desk.send(evt("", "", but(n=None, amt=None, install=said), path="/api/v1/launch"))

    assert sorted(made.name or "" for made in desk.events()) == [*names, "Application Opened"]


@pytest.mark.dialect("singular", "opt-outs")
def test_nothing_is_taken_of_a_device_that_opted_out(desk: Desk) -> None:
    desk.send(
        Case("", "", "/gdpr_forget_device", query={"s2s": "1", "app_token": "4w565xzmb54d", "gps_adid": EVENT["aifa"]})
    )

    answer = desk.send(evt("", ""))

    assert answer.json() == {"status": "ok"}
    assert answer["X-Ingest-Warning"].startswith("opted_out")
    assert desk.events() == []
