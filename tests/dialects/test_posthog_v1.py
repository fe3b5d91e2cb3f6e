"""PostHog's newer format: a batch with its key in a header, answered event by event."""

import gzip
import json
import zlib
from datetime import UTC, datetime
from typing import Any

import pytest

from events import replay
from tests.dialects.table import Case, Desk, cases, check
from tests.dialects.test_posthog import KEY

pytestmark = pytest.mark.django_db
FIRST, SECOND = "0192f3c4-0000-7000-8000-000000000001", "0192f3c4-0000-7000-8000-000000000002"
ONE: dict[str, Any] = {
    "event": "paid",
    "uuid": FIRST,
    "distinct_id": "ada",
    "timestamp": "2026-11-20T12:17:01.123Z",
    "session_id": "s-1",
    "options": {"process_person_profile": False},
    "properties": {"amount": 39.95},
}
AUTH = {"HTTP_AUTHORIZATION": f"Bearer {KEY}", "HTTP_USER_AGENT": "posthog-go/1.2"}


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.app("posthog", KEY)
    return desk


def batch(*events: Any, **more: Any) -> dict[str, Any]:
    return {"created_at": "2026-11-20T12:17:02Z", "batch": list(events), **more}


def but(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in {**ONE, **fields}.items() if value is not None}


def v1(kind: str, name: str, body: Any = None, **more: Any) -> Case:
    body = batch(ONE) if body is None else body
    return Case(kind, name, **{"path": "/i/v1/analytics/events", "body": body, "headers": AUTH, **more})


def wrong(name: str, body: Any, status: int, code: str, refused: str = "", **more: Any) -> Case:
    return v1("errors", name, body, status=status, answer=None, stored=0, refused=refused, **more)


def dropped(details: str, uuid: str = FIRST) -> dict[str, Any]:
    return {uuid: {"result": "drop", "details": details}}


OK: dict[str, Any] = {"answer": {"results": {FIRST: {"result": "ok"}}}}
BOTH = {"results": {FIRST: {"result": "ok"}, SECOND: {"result": "ok"}}}
TEXT = json.dumps(batch(ONE)).encode()
NO_ID = dropped("distinct_id: the id of the person is needed.", SECOND)
CASES = [
    v1("success", "one event", **OK),
    v1("success", "two", batch(ONE, but(uuid=SECOND)), stored=2, answer=BOTH),
    v1("success", "with a slash at the end", path="/i/v1/analytics/events/", **OK),
    v1("packed", "gzip", gzip.compress(TEXT), headers={**AUTH, "HTTP_CONTENT_ENCODING": "gzip"}, **OK),
    v1("packed", "deflate", zlib.compress(TEXT), headers={**AUTH, "HTTP_CONTENT_ENCODING": "deflate"}, **OK),
    wrong("no key", batch(ONE), 401, "invalid_key", headers={}),
    wrong("a key that is no bearer", batch(ONE), 401, "invalid_key", headers={"HTTP_AUTHORIZATION": f"Basic {KEY}"}),
    wrong("nobody's key", batch(ONE), 401, "unknown_app", headers={"HTTP_AUTHORIZATION": "Bearer phc_nobody"}),
    wrong("an empty batch", batch(), 400, "empty_batch", "empty_batch"),
    wrong("a broken body", TEXT[:-1], 400, "invalid_json", "invalid_json"),
    wrong("zstd", b"\x28\xb5\x2f\xfd....", 400, "unsupported_compression", "unsupported_compression"),
    wrong("broken deflate", zlib.compress(TEXT)[:-9], 400, "invalid_gzip", "invalid_gzip"),
    v1("errors", "one of two is wrong", batch(ONE, but(uuid=SECOND, distinct_id="")), refused="missing_id",
       answer={"results": {**OK["answer"]["results"], **NO_ID}}),
    v1("sizes", "an event over our 32 KB", batch(but(properties={"a": "x" * 33_000})), stored=0,
       refused="event_too_large", answer={"results": dropped("An event may have 32 KB; this one is larger.")}),
    v1("sizes", "over 20 MB", TEXT[:-1] + b" " * 21_000_000, status=413, stored=0, refused="body_too_large"),
]  # fmt: skip


@cases("posthog v1", CASES)
def test_posthogs_answer(desk: Desk, case: Case) -> None:
    answer = check(desk, case)

    assert case.status == 200 or json.loads(answer.content)["error_description"]


@pytest.mark.dialect("posthog v1", "duplicates")
def test_a_repeat_counts_once(desk: Desk) -> None:
    first, second = desk.send(v1("", "")), desk.send(v1("", ""))

    assert json.loads(first.content) == json.loads(second.content)
    assert len(desk.events()) == 1


def test_an_event_is_as_in_the_older_format(desk: Desk) -> None:
    desk.send(v1("", ""))

    event = desk.only_event()
    assert (event.name, event.user_id, event.anonymous_id) == ("paid", None, "ada")
    assert event.ts == datetime(2026, 11, 20, 12, 17, 1, 123000, UTC)
    assert event.properties == {"amount": 39.95, "$session_id": "s-1", "$process_person_profile": False}
    assert event.context["vendor"] == {
        "dialect": "posthog", "event": "paid", "lib": "posthog-go", "libVersion": "1.2",
    }  # fmt: skip


def test_a_dropped_event_is_repaired_and_replayed(desk: Desk) -> None:
    desk.send(v1("", "", batch(but(distinct_id=""))))
    [rejected] = desk.rejected()

    receipt = replay.replay(rejected, json.dumps(ONE).encode())

    assert (receipt.stored, desk.only_event().properties["amount"]) == (1, 39.95)
