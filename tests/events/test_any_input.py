"""Whatever is sent to the doors of machines: an answer of the one shape, never a fault of the product."""

import base64
import copy
import gzip
import json
import zlib
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.models import ApiKey
from customers.throttle import forget_limits
from events import ingest
from tests.attribution.factories import LinkFactory
from tests.events.conftest import Sender
from tests.factories import ApiKeyFactory

CALL = {
    "type": "track",
    "event": "Application Installed",
    "userId": "user-1",
    "anonymousId": "anon-1",
    "messageId": "m-1",
    "timestamp": "2026-11-20T10:38:42Z",
    "properties": {"revenue": 39.95, "items": [{"sku": "a"}], "install_referrer": "utm_source=x&click_id=tch_1"},
    "context": {
        "ip": "203.0.113.24",
        "os": {"name": "iOS", "version": "18"},
        "device": {"advertisingId": "A"},
        "traits": {"a": 1},
    },
}
TOUCH = {
    "type": "click",
    "touchId": "t-1",
    "timestamp": "2026-11-20T10:38:42Z",
    "campaign": {"source": "tiktok", "name": "Winter"},
    "context": {
        "ip": "203.0.113.24",
        "userAgent": "Mozilla/5.0",
        "device": {"advertisingId": "A"},
        "os": {"name": "iOS"},
    },
}
BATCH = {"batch": [CALL, {"type": "identify", "userId": "u", "traits": {"a": 1}}], "sentAt": "2026-11-20T10:38:43Z"}
DOORS: dict[str, Any] = {
    "/v1/batch": BATCH,
    "/v1/b": BATCH,
    "/v1/track": CALL,
    "/v1/identify": CALL | {"traits": {"plan": "pro"}},
    "/v1/p": CALL,
    "/v1/g": CALL | {"groupId": "g"},
    "/v1/alias": CALL | {"previousId": "p"},
    "/v1/touches": {"batch": [TOUCH, TOUCH | {"touchId": "t-2", "type": "impression"}]},
}
STRANGE: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 1e308, -1e308, 2**53, 2**63, 2**64, 10**400, 1.7e12),
    *("", " ", "x" * 600, "x" * 40_000, "é" * 300, "🦊", "\x00", "a\x00b", "\ud800"),
    *("2040-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-02-30"),
    *("2026-11-20T10:38:42+99:99", "-1", "1e999", 253402300799, 253402300800, -62135596801),
    *("::1", "999.1.1.1", "203.0.113.24/33", "fe80::1%eth0", "' OR 1=1 --", "%s%d%n", "../../etc"),
    *([], {}, [[]], [{}], {"a": None}, {"": ""}, {"\x00": "\x00"}, {"ip": "x"}, {"ip": None}, {"ip": {"a": 1}}),
    *({"traits": []}, {"os": "iOS"}, {"device": []}, {"campaign": 5}, {"page": {"url": 7}}),
]
HEADERS: list[dict[str, str]] = [
    {},
    {"HTTP_CONTENT_ENCODING": "gzip"},
    {"HTTP_CONTENT_ENCODING": "br"},
    {"HTTP_CONTENT_ENCODING": "deflate"},
    {"HTTP_ACCEPT": "text/html"},
    {"HTTP_ACCEPT": "nonsense"},
    {"HTTP_X_FORWARDED_FOR": "nonsense, \"'"},
    {"HTTP_USER_AGENT": "x" * 5_000},
    {"HTTP_USER_AGENT": "\xff\xfe"},
    {"HTTP_ORIGIN": "null"},
    {"HTTP_ACCEPT_LANGUAGE": "\xe9" * 50},
]
METHODS = ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PROPFIND"]
TYPES = ["application/json", "text/plain", "application/json; charset=utf-16", "multipart/form-data", "nonsense", ""]
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths to every part of a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inside for place in places(part, (*path, key)))]


@st.composite
def bodies(draw: st.DrawFn, door: str) -> bytes:
    """Make a body that was valid before something happened to it."""
    value = copy.deepcopy(DOORS[door])
    for _ in range(draw(st.integers(0, 3))):
        *way, last = draw(st.sampled_from(places(value)[1:])) if places(value)[1:] else (None,)
        if last is None:
            break
        part = value
        for step in way:
            part = part[step]
        if draw(st.integers(0, 4)) == 0:
            del part[last]
        else:
            strange = st.sampled_from(STRANGE) | st.recursive(st.none() | st.text(max_size=8) | st.floats(), st.lists)
            part[last] = copy.deepcopy(draw(strange))
    data = json.dumps(value, ensure_ascii=draw(st.booleans())).encode(errors="surrogatepass")
    return draw(damaged(data))


def damaged(data: bytes) -> st.SearchStrategy[bytes]:
    """Make the same bytes, or packed, or cut, or with some of them changed."""
    cut = st.integers(0, len(data)).map(lambda at: data[:at])
    changed = st.tuples(st.integers(0, len(data)), st.binary(max_size=4)).map(
        lambda it: data[: it[0]] + it[1] + data[it[0] + 1 :]
    )
    packed = gzip.compress(data, 1)
    torn = st.integers(2, len(packed)).map(lambda at: packed[:at])
    whole = st.sampled_from(
        [
            data,
            packed,
            zlib.compress(data),
            gzip.compress(packed, 1),
            packed + packed,
            data.decode(errors="replace").encode("utf-16"),
        ]
    )
    return st.one_of(st.just(data), cut, changed, torn, whole, st.binary(max_size=50))


def check(answer: HttpResponse) -> None:
    assert answer.status_code < 500, answer.content[:1000]
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error", "code", "message", "detail"}, answer.content[:1000]
        assert answer.json()["code"]
        assert answer.json()["message"]
    assert answer.status_code not in {202, 204} or answer.content == b""


@given(data=st.data())
@quick
def test_any_body_gets_an_answer_of_the_one_shape(sender: Sender, data: st.DataObject) -> None:
    forget_limits()
    door = data.draw(st.sampled_from(list(DOORS)))
    body = data.draw(bodies(door))
    headers = data.draw(st.sampled_from(HEADERS))
    kind = data.draw(st.sampled_from(TYPES))
    token = base64.b64encode(f"{sender.key}:".encode()).decode()

    answer = sender.client.generic(
        "POST", door, body, content_type=kind, HTTP_AUTHORIZATION=f"Basic {token}", **headers
    )

    check(answer)
    assert answer.status_code in {200, 400, 413}


@pytest.mark.parametrize("member", [b'"sentAt": "\x80"', b'"context": {"a": "\x80"}', b'"writeKey": "\x80"'])
def test_a_member_of_the_batch_itself_that_is_no_text_is_refused(sender: Sender, member: bytes) -> None:
    body = b'{"batch": [{"type": []}], ' + member + b"}"

    answer = sender.post("/v1/batch", body)

    check(answer)
    assert answer.json()["code"] == "invalid_json"


@given(
    door=st.sampled_from([*DOORS, "/v1/projects/wk_1/settings", "/v1/events", "/v1/attributions", "/v1/nothing"]),
    method=st.sampled_from([*METHODS, "POST"]),
    key=st.sampled_from(
        [
            "",
            "Basic",
            "Basic !!!",
            "Basic //79",
            "Bearer",
            "Bearer \x00",
            "Bearer wk_none",
            "Digest x",
            "Bearer é",
            "B" * 9_000,
        ]
    ),
    body=st.sampled_from(
        [b"", b"{}", b"[]", b'{"batch":[],"writeKey":5}', b'{"writeKey":"wk_none"}', b'{"writeKey":"\\u0000"}', b"\xff"]
    ),
)
@quick
def test_a_stranger_is_refused_in_the_one_shape_with_any_method(
    client: Client, db: None, door: str, method: str, key: str, body: bytes
) -> None:
    headers = {"HTTP_AUTHORIZATION": key} if key else {}

    answer = client.generic(method, door, body, content_type="application/json", **headers)

    if method == "HEAD":
        assert answer.status_code < 500
    else:
        check(answer)
        assert answer.status_code >= 400 or method == "OPTIONS"


NAMES = [
    "limit",
    "cursor",
    "since",
    "until",
    "from",
    "to",
    "q",
    "type",
    "person",
    "source",
    "campaign",
    "state",
    "tier",
]
WORDS = [str(value) for value in STRANGE if isinstance(value, str | int | float)]
WORDS += ["eyJhIjoxfQ", "W10", "bnVsbA==", "now", "2026-11-20"]
QUERIES = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(WORDS) | st.text(max_size=20), max_size=4)
READS = ["events", "rejected", "links", "links/none", "attributions", "attributions/dec_1", "attributions/\x00/explain"]


@given(path=st.sampled_from([*READS, "attributions/dec_99999999999999999999"]), query=QUERIES)
@quick
def test_any_query_of_a_read_gets_an_answer_of_the_one_shape(sender: Sender, path: str, query: dict[str, str]) -> None:
    sender.key = _secret(sender)

    answer = sender.client.get(f"/v1/{path}", _sendable(query), HTTP_AUTHORIZATION=f"Bearer {sender.key}")

    check(answer)


@given(
    query=QUERIES,
    headers=st.sampled_from(HEADERS),
    method=st.sampled_from(["GET", "GET", *METHODS]),
    door=st.sampled_from("ci"),
)
@quick
def test_any_tap_on_a_link_is_answered(
    sender: Sender, query: dict[str, str], headers: dict[str, str], method: str, door: str
) -> None:
    link = LinkFactory(project=sender.project)
    slugs = [link.slug, "none", "NONE" * 30, "-", "é"]

    for slug in slugs:
        answer = sender.client.get(f"/{door}/{slug}", _sendable(query), **headers)
        assert answer.status_code == ((302 if door == "c" else 200) if slug == link.slug else 404)
    other = sender.client.generic(method, f"/{door}/{link.slug}", b"x", **headers)
    assert other.status_code in {200, 302, 405}


_secrets: dict[int, str] = {}


def _secret(sender: Sender) -> str:
    if sender.project.pk not in _secrets:
        _secrets[sender.project.pk] = ApiKeyFactory(project=sender.project, kind=ApiKey.Kind.SECRET).text
    return _secrets[sender.project.pk]


def _sendable(query: dict[str, str]) -> dict[str, str]:
    """Drop what no address can hold."""
    return {name: value.encode(errors="ignore").decode() for name, value in query.items()}


def test_a_fault_of_the_product_has_the_one_shape_too(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "accept", lambda *_, **__: 1 / 0)
    sender.client.raise_request_exception = False

    answer = sender.post("/v1/track", CALL)

    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")


@pytest.mark.parametrize("size", [32 * 1024, 33 * 1024])
def test_an_event_of_32_kb_is_taken_and_one_of_33_refused(sender: Sender, size: int) -> None:
    text = "x" * (size - 200)

    answer = sender.post("/v1/track", {"event": "Large", "userId": "u", "properties": {"text": text}})

    assert answer.status_code == (200 if size == 32 * 1024 else 400)
