"""PostHog's capture format, as its clients write it and its own server answers it."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import pytest
import time_machine

from events import replay
from events.models import Rejected
from tests.dialects.table import Case, Desk, cases, check

pytestmark = pytest.mark.django_db
KEY = "phc_Zr0x4wYkq5QkJp2Vt8mBv7sLc1nD3eF"
FORM = "application/x-www-form-urlencoded"
ONE: dict[str, Any] = {
    "api_key": KEY,
    "event": "user signed up",
    "distinct_id": "ada",
    "uuid": "0192f3c4-0000-7000-8000-000000000001",
    "timestamp": "2026-11-20T12:17:01.123Z",
    "properties": {"plan": "pro", "$os": "Mac OS X", "$lib": "web", "$lib_version": "1.449.2"},
}
BARE = {name: value for name, value in ONE.items() if name != "api_key"}
OK: dict[str, Any] = {"answer": {"status": "Ok"}}
TEXT = json.dumps(ONE)
PACKED = base64.b64encode(TEXT.encode())


def but(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ONE, **fields}.items() if value is not None}


def batch(*events: Any, **more: Any) -> dict[str, Any]:
    return {"api_key": KEY, "batch": list(events), **more}


def ph(kind: str, name: str, body: Any = None, **more: Any) -> Case:
    return Case(kind, name, **{"path": "/i/v0/e/", "body": ONE if body is None else body, **more})


def wrong(kind: str, name: str, body: Any, answer: str | None, refused: str = "", **more: Any) -> Case:
    return ph(kind, name, body, **{"status": 400, "answer": answer, "stored": 0, "refused": refused, **more})


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.app("posthog", KEY)
    return desk


NO_ID, NO_NAME = "event submitted without a distinct_id", "event submitted with an empty event name"
TOO_BIG = "maximum event size exceeded"
PATHS = ["/i/v0/e", "/i/v0/e/", "/e", "/e/", "/capture", "/capture/", "/track", "/track/", "/engage", "/engage/"]
CASES = [
    *(ph("success", f"one event to {path}", path=path, **OK) for path in [*PATHS, "/batch", "/batch/"]),
    ph("success", "a batch", batch(BARE, but(uuid=None)), path="/batch/", stored=2, **OK),
    ph("success", "a batch to the address of one", batch(BARE), path="/e/", **OK),
    ph("success", "a list", [ONE], **OK),
    ph("success", "token instead of api_key", but(api_key=None, token=KEY), **OK),
    ph("success", "$token instead of api_key", but(api_key=None, **{"$token": KEY}), **OK),
    ph("success", "the key among the properties", but(api_key=None, properties={"token": KEY}), **OK),
    ph("success", "the key of a batch in its events", {"batch": [ONE]}, path="/batch/", **OK),
    ph("success", "a space around the key", but(api_key=f" {KEY}\n"), **OK),
    ph("success", "distinct_id among the properties", but(distinct_id=None, properties={"distinct_id": "ada"}), **OK),
    ph("success", "$distinct_id", but(distinct_id=None, **{"$distinct_id": "ada"}), **OK),
    ph("success", "a number as id", but(distinct_id=23), **OK),
    ph("success", "an object as id", but(distinct_id={"id": 23}), **OK),
    ph("success", "an empty uuid", but(uuid=""), **OK),
    ph("success", "no properties", but(properties=None), **OK),
    ph("success", "without a time", but(timestamp=None), **OK),
    ph("success", "a beacon", query={"beacon": "1"}, status=204, answer=""),
    ph("success", "an engagement without a name", but(event=None, **{"$set": {"a": 1}}), path="/engage/", **OK),
    ph("packed", "gzip without a header", gzip.compress(TEXT.encode()), content_type="text/plain", **OK),
    ph("packed", "gzip that the address names", gzip.compress(TEXT.encode()), query={"compression": "gzip-js"}, **OK),
    ph("packed", "gzip with a header", gzip.compress(TEXT.encode()), headers={"HTTP_CONTENT_ENCODING": "gzip"}, **OK),
    ph("packed", "base64", PACKED, query={"compression": "base64"}, content_type="text/plain", **OK),
    ph("packed", "base64 of gzip", base64.b64encode(gzip.compress(TEXT.encode())), content_type="text/plain", **OK),
    ph("packed", "a form with JSON", urlencode({"data": TEXT}), content_type=FORM, **OK),
    ph("packed", "a form with base64", urlencode({"data": PACKED}), content_type=FORM, **OK),
    ph("packed", "a form whose + came as a space", f"data={PACKED.decode()}", content_type=FORM, **OK),
    ph("packed", "a form that names its packing first", f"compression=base64&data={quote_plus(PACKED)}",
       content_type=FORM, **OK),
    ph("packed", "GET with JSON", b"", method="GET", query={"data": TEXT}, **OK),
    ph("packed", "GET with base64", b"", method="GET", query={"data": PACKED, "ip": "1", "_": "1790000000000"}, **OK),
    ph("packed", "GET with base64 for addresses", b"", method="GET",
       query={"data": base64.urlsafe_b64encode(TEXT.encode())}, **OK),
    wrong("errors", "no key", BARE, "event submitted without an api_key", status=401),
    wrong("errors", "an empty key", but(api_key=""), "event submitted without an api_key", status=401),
    wrong("errors", "a key nobody has", but(api_key="phc_nobody"), "API key is not valid: unknown", status=401),
    wrong("errors", "a person's key", but(api_key="phx_1"), "API key is not valid: personal_api_key", status=401),
    wrong("errors", "a key too long", but(api_key="p" * 65), "API key is not valid: too_long", status=401),
    wrong("errors", "a key beyond ASCII", but(api_key="phc_é"), "API key is not valid: not_ascii", status=401),
    wrong("errors", "two keys", [ONE, but(api_key="phc_2")], "batch submitted with inconsistent api_key values",
          status=401),
    wrong("errors", "no name", but(event=None), NO_NAME, "missing_event"),
    wrong("errors", "an empty name", but(event=""), NO_NAME, "missing_event"),
    wrong("errors", "no id", but(distinct_id=None), NO_ID, "missing_id"),
    wrong("errors", "an empty id", but(distinct_id=""), NO_ID, "missing_id"),
    wrong("errors", "a uuid that is none", but(uuid="x"),
          "failed to parse request: uuid: must be a UUID, or be left out.", "invalid_uuid"),
    wrong("errors", "properties that are no object", but(properties=[1]),
          "failed to parse request: properties: must be an object, like {}.", "not_an_object"),
    wrong("errors", "an empty batch", batch(), "request holds no event", "empty_batch", path="/batch/"),
    wrong("errors", "no body", b"", "request holds no event"),
    wrong("errors", "a broken body that says whose it is", TEXT[:-1], None, "invalid_json"),
    wrong("errors", "a broken body", b'{"event": "a', "event submitted without an api_key", status=401),
    wrong("errors", "no JSON at all", b"hello, world", None),
    wrong("errors", "broken gzip", gzip.compress(b"x" * 100)[:-9], "failed to decode request: invalid gzip data"),
    wrong("errors", "broken base64", b"abcde", None),
    wrong("errors", "lz-string", urlencode({"data": "N4Ig", "compression": "lz64"}), None, content_type=FORM),
    wrong("errors", "an event of a batch is wrong", batch(BARE, {"event": "x"}), NO_ID, "missing_id", stored=1),
    wrong("errors", "an event of a batch is none", batch(BARE, 7), None, "not_an_object", stored=1),
    wrong("errors", "an alias without a name", but(event="$create_alias"), None, "missing_id"),
    wrong("errors", "a NUL in a value", but(properties={"a": "\0"}), None, "nul_character"),
    ph("sizes", "just under our 32 KB", but(properties={"a": "x" * 31_000}), **OK),
    wrong("sizes", "an event over our 32 KB", but(properties={"a": "x" * 33_000}), TOO_BIG, "event_too_large"),
    wrong("sizes", "one over 32 KB in a batch", batch(BARE, but(properties={"a": "x" * 33_000})), TOO_BIG,
          "event_too_large", stored=1),
    wrong("sizes", "over 2 MB at the address of one", but(properties={"a": "x" * 2_100_000}), "length limit exceeded",
          "body_too_large", status=413),
    ph("sizes", "over 2 MB as a batch", batch(*[but(uuid=None, n=n, properties={"a": "x" * 30_000, "n": n})
                                               for n in range(72)]), path="/batch/", stored=72, **OK),
    wrong("sizes", "over 20,000 events", batch(*[{"event": "x", "distinct_id": "a"}] * 20_001),
          "length limit exceeded", "body_too_large", status=413, path="/batch/"),
    wrong("sizes", "over 20 MB", TEXT[:-1] + " " * 21_000_000, "length limit exceeded", "body_too_large", status=413,
          path="/batch/"),
    wrong("sizes", "packed, over 20 MB unpacked", gzip.compress(TEXT[:-1].encode() + b" " * 21_000_000),
          "length limit exceeded", "body_too_large", status=413, path="/batch/"),
    ph("not silent", "a time that can't be read", but(timestamp="yesterday"), warning="invalid_timestamp", **OK),
    ph("not silent", "traits to be taken away", but(properties={"$unset": ["plan"]}), warning="unset_ignored", **OK),
]  # fmt: skip


@cases("posthog", CASES)
def test_posthogs_answer(desk: Desk, case: Case) -> None:
    check(desk, case)


@pytest.mark.dialect("posthog", "success")
def test_a_write_key_of_ours_is_taken_in_place_of_posthogs(desk: Desk) -> None:
    assert desk.send(ph("", "", but(api_key=desk.write_key))).status_code == 200

    assert desk.only_event().user_id == "ada"


@pytest.mark.dialect("posthog", "duplicates")
@pytest.mark.parametrize(
    ("first", "second", "stored"),
    [
        ({}, {}, 1),
        ({}, {"properties": {}}, 1),
        ({}, {"uuid": "0192f3c4-0000-7000-8000-000000000002"}, 2),
        ({"uuid": None}, {"uuid": None}, 1),
        ({"uuid": None}, {"uuid": None, "event": "other"}, 2),
        ({"uuid": None, "timestamp": None}, {"uuid": None, "timestamp": None}, 2),
    ],
    ids=["the same", "same uuid", "another uuid", "same content and time", "another name", "neither uuid nor time"],
)
def test_a_repeat_counts_once(desk: Desk, first: dict[str, Any], second: dict[str, Any], stored: int) -> None:
    desk.send(ph("", "", but(**first)))

    assert desk.send(ph("", "", but(**second))).status_code == 200

    assert len(desk.events()) == stored


def sent(desk: Desk, name: str, properties: dict[str, Any], **more: Any) -> Any:
    answer = desk.send(ph("", "", but(event=name, properties=properties, **more)))
    assert answer.status_code == 200, answer.content
    return desk.events()


def test_an_event_keeps_what_it_says_in_the_streams_words(desk: Desk) -> None:
    desk.name("posthog", "user signed up", "Signed Up")
    mobile = {
        "plan": "pro", "$device_id": "d-1", "$device_model": "iPhone17,1", "$app_version": "4.2", "$ip": "192.0.2.7",
        "$app_namespace": "com.example.shop", "$os_name": "iOS", "$os_version": "26.1", "$locale": "de-DE",
        "$timezone": "Europe/Berlin", "$screen_width": 393, "$raw_user_agent": "Shop/1", "$session_id": "s-1",
        "utm_source": "tiktok", "utm_campaign": "winter", "$current_url": "https://shop.example/a", "token": KEY,
    }  # fmt: skip

    [event] = sent(desk, "user signed up", mobile)

    assert (event.type, event.name, event.user_id, event.message_id) == ("track", "Signed Up", "ada", ONE["uuid"])
    assert event.ts == datetime(2026, 11, 20, 12, 17, 1, 123000, UTC)
    assert event.properties == {"plan": "pro", "$session_id": "s-1"}
    assert event.context == {
        "library": {"name": "posthog"},
        "vendor": {"dialect": "posthog", "event": "user signed up"},
        "device": {"id": "d-1", "model": "iPhone17,1"},
        "app": {"version": "4.2", "namespace": "com.example.shop"},
        "os": {"name": "iOS", "version": "26.1"},
        "ip": "192.0.2.7",
        "locale": "de-DE",
        "timezone": "Europe/Berlin",
        "screen": {"width": 393},
        "userAgent": "Shop/1",
        "campaign": {"source": "tiktok", "name": "winter"},
        "page": {"url": "https://shop.example/a"},
    }
    assert str(event.ip) == "192.0.2.7"


def test_a_page_view_and_a_screen_are_those_of_the_stream(desk: Desk) -> None:
    page = {"$current_url": "https://shop.example/a", "$pathname": "/a", "title": "A", "$referrer": "$direct"}

    [view] = sent(desk, "$pageview", {**page, "x": 1})
    [_, screen] = sent(desk, "$screen", {"$screen_name": "Home", "tab": 2}, uuid=None)

    assert (view.type, view.name) == ("page", None)
    assert view.properties == {"url": "https://shop.example/a", "path": "/a", "title": "A", "referrer": "$direct",
                               "x": 1}  # fmt: skip
    assert view.context["page"]["path"] == "/a"
    assert (screen.type, screen.name, screen.properties) == ("screen", "Home", {"tab": 2})


def test_identify_joins_the_ids_and_tells_traits(desk: Desk) -> None:
    said = {"$anon_distinct_id": "anon-1", "$set": {"email": "ada@example.com"}, "$set_once": {"first": "tiktok"}}

    [event] = sent(desk, "$identify", said)

    assert (event.type, event.user_id, event.anonymous_id) == ("identify", "ada", "anon-1")
    assert event.properties == {"email": "ada@example.com", "$set_once": {"first": "tiktok"}}


def test_traits_that_come_with_an_event_reach_the_person_too(desk: Desk) -> None:
    event, traits = sent(desk, "paid", {"amount": 5, "$set": {"plan": "pro"}})

    assert (event.type, event.properties) == ("track", {"amount": 5})
    assert (traits.type, traits.properties, traits.user_id) == ("identify", {"plan": "pro"}, "ada")
    assert traits.message_id == f"{event.message_id}:set"


def test_an_event_without_a_person_changes_none(desk: Desk) -> None:
    [event] = sent(desk, "paid", {"$process_person_profile": False, "$set": {"plan": "pro"}})

    assert (event.user_id, event.anonymous_id) == (None, "ada")
    assert event.properties == {"$process_person_profile": False, "plan": "pro"}


@pytest.mark.parametrize(
    ("said", "user_id", "anonymous_id"),
    [
        ({}, "ada", None),
        ({"$is_identified": True, "$device_id": "d-1"}, "ada", None),
        ({"$is_identified": False}, None, "ada"),
        ({"$device_id": "ada"}, None, "ada"),
        ({"$is_identified": True, "$process_person_profile": False}, "ada", None),
    ],
    ids=["a server", "a browser, signed in", "a browser, nobody", "a device", "signed in, without a profile"],
)
def test_a_distinct_id_is_a_users_or_nobodys(
    desk: Desk, said: dict[str, Any], user_id: str | None, anonymous_id: str | None
) -> None:
    [event] = sent(desk, "x", said)

    assert (event.user_id, event.anonymous_id) == (user_id, anonymous_id)


def test_aliases_and_groups_are_those_of_the_stream(desk: Desk) -> None:
    [alias] = sent(desk, "$create_alias", {"distinct_id": "ada", "alias": "old-7"})
    group = {"$group_type": "company", "$group_key": "acme", "$group_set": {"seats": 3}}
    [_, of_person] = sent(desk, "$groupidentify", group, uuid=None)
    [*_, of_nobody] = sent(desk, "$groupidentify", group, uuid=None, distinct_id="$company_acme")

    assert (alias.type, alias.user_id, alias.name) == ("alias", "ada", "old-7")
    assert (of_person.type, of_person.name, of_person.user_id) == ("group", "acme", "ada")
    assert of_person.properties == {"seats": 3, "$group_type": "company"}
    assert (of_nobody.user_id, of_nobody.anonymous_id) == (None, "$company_acme")


@time_machine.travel("2026-11-20T13:00:00Z", tick=False)
@pytest.mark.parametrize(
    ("body", "query", "at"),
    [
        (batch(BARE, sent_at="2026-11-20T12:47:01.123Z"), {}, "2026-11-20T12:30:00Z"),
        (batch(BARE, sent_at="2026-11-20T12:47:01.123Z", historical_migration=True), {}, ONE["timestamp"]),
        (ONE, {"_": "1795178821123"}, "2026-11-20T12:30:00Z"),
        (ONE, {"sent_at": "1795178821123"}, "2026-11-20T12:30:00Z"),
        (ONE, {"_": "1795178821"}, ONE["timestamp"]),
        (but(timestamp=None, offset=60_000), {}, "2026-11-20T12:59:00Z"),
        (but(timestamp=None), {}, "2026-11-20T13:00:00Z"),
    ],
    ids=["slow clock", "history", "of the address", "of its newer form", "seconds", "offset", "no time"],
)
def test_the_clock_of_a_client_is_corrected(desk: Desk, body: Any, query: dict[str, Any], at: str) -> None:
    assert desk.send(ph("", "", body, path="/batch/", query=query)).status_code == 200

    assert abs(desk.only_event().ts - datetime.fromisoformat(at)) < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("agent", "query", "ip"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64)", {}, "127.0.0.1"),
        ("Mozilla/5.0 (X11; Linux x86_64)", {"ip": "0"}, None),
        ("posthog-ios/3.2", {}, "127.0.0.1"),
        ("posthog-python/7.91.1", {}, None),
        ("curl/8", {}, None),
    ],
)
def test_the_address_of_a_server_is_nobodys(desk: Desk, agent: str, query: dict[str, Any], ip: str | None) -> None:
    desk.send(ph("", "", headers={"HTTP_USER_AGENT": agent}, query=query))

    assert desk.only_event().ip == ip


@pytest.mark.dialect("posthog", "errors")
@pytest.mark.parametrize(
    ("agent", "status", "text"),
    [
        ("posthog-node/5.70.0", 429, "rate limited"),
        ("Mozilla/5.0 (X11; Linux x86_64)", 503, "transient error, please retry"),
    ],
    ids=["a server", "a browser, which would give up after 429"],
)
def test_who_is_too_fast_is_told_so_that_it_comes_again(
    desk: Desk, settings: Any, agent: str, status: int, text: str
) -> None:
    settings.INGEST_REQUESTS_PER_SECOND = 0

    answer = desk.send(ph("", "", headers={"HTTP_USER_AGENT": agent}))

    assert (answer.status_code, answer.content.decode(), answer["Retry-After"]) == (status, text, "1")
    assert desk.rejected() == []


def test_an_event_of_a_batch_is_repaired_and_replayed(desk: Desk) -> None:
    desk.send(ph("", "", batch(BARE, {**BARE, "uuid": "x"}), path="/batch/"))
    rejected = Rejected.objects.get(project=desk.project)
    body = {**json.loads(rejected.body), "uuid": "0192f3c4-0000-7000-8000-000000000009"}

    receipt = replay.replay(rejected, json.dumps(body).encode())

    assert (receipt.stored, len(desk.events())) == (1, 2)


def test_a_site_with_cookies_may_ask_and_send(desk: Desk) -> None:
    asked = desk.client.options("/e/", headers={"Origin": "https://shop.test", "Access-Control-Request-Headers": "x-a"})

    assert asked.headers["Access-Control-Allow-Origin"] == "https://shop.test"
    assert asked.headers["Access-Control-Allow-Credentials"] == "true"
    assert asked.headers["Access-Control-Allow-Headers"] == "x-a"
