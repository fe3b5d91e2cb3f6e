"""What Segment's clients send is stored once, corrected, or refused with a reason its owner can see."""

import gzip
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.utils import timezone

from customers.models import ApiKey, Project
from customers.services import forget_cached
from events import services
from events.models import Event
from events.services import create_partitions
from tests.events.conftest import Sender, track
from tests.factories import ApiKeyFactory, ProjectFactory


def test_every_kind_of_call_is_stored_with_its_name_and_details(sender: Sender) -> None:
    answer = sender.batch(
        track(properties={"revenue": 39.95}, context={"os": {"name": "iOS"}}),
        {"type": "identify", "userId": "user-1", "traits": {"plan": "pro"}, "messageId": "m-2"},
        {"type": "page", "anonymousId": "a-1", "name": "Pricing", "category": "Docs", "messageId": "m-3"},
        {"type": "screen", "anonymousId": "a-1", "name": "Home", "messageId": "m-4"},
        {"type": "group", "userId": "user-1", "groupId": "g-9", "traits": {"seats": 3}, "messageId": "m-5"},
        {"type": "alias", "userId": "user-1", "previousId": "a-1", "messageId": "m-6"},
        sentAt=timezone.now().isoformat(),
    )

    assert answer.status_code == 200
    assert answer.json() == {"success": True}
    rows = [(event.type, event.name, event.properties) for event in sender.events()]
    assert rows == [
        ("track", "Order Completed", {"revenue": 39.95}),
        ("identify", None, {"plan": "pro"}),
        ("page", "Pricing", {"category": "Docs"}),
        ("screen", "Home", {}),
        ("group", "g-9", {"seats": 3}),
        ("alias", "a-1", {}),
    ]


@pytest.mark.parametrize("path", ["/v1/track", "/v1/t"])
def test_a_single_call_is_taken_by_its_long_and_its_short_address(sender: Sender, path: str) -> None:
    answer = sender.post(path, {"event": "Signed Up", "anonymousId": "a-1"})

    assert answer.status_code == 200
    assert [event.name for event in sender.events()] == ["Signed Up"]


@pytest.mark.parametrize(
    ("short", "kind"), [("i", "identify"), ("p", "page"), ("s", "screen"), ("g", "group"), ("a", "alias")]
)
def test_short_addresses_stand_for_their_calls(sender: Sender, short: str, kind: str) -> None:
    body = {"userId": "user-1", "groupId": "g", "previousId": "p"}

    assert sender.post(f"/v1/{short}", body).status_code == 200
    assert [event.type for event in sender.events()] == [kind]


def test_the_key_may_come_in_the_body_or_as_a_bearer_token(sender: Sender) -> None:
    in_body = sender.post("/v1/track", track("m-1", writeKey=sender.key), key="")
    in_batch = sender.post("/v1/batch", {"batch": [track("m-2")], "writeKey": sender.key}, key="")
    bearer = sender.post("/v1/track", track("m-3"), key="", HTTP_AUTHORIZATION=f"Bearer {sender.key}")

    assert [answer.status_code for answer in (in_body, in_batch, bearer)] == [200, 200, 200]
    assert len(sender.events()) == 3


def test_gzip_is_known_by_its_first_bytes_and_text_plain_is_json(sender: Sender) -> None:
    packed = sender.post("/v1/batch", {"batch": [track("m-1")]}, packed=True)
    plain = sender.client.generic(
        "POST", "/v1/t", json.dumps(track("m-2", writeKey=sender.key)), content_type="text/plain"
    )

    assert (packed.status_code, plain.status_code) == (200, 200)
    assert len(sender.events()) == 2


def test_a_repeat_is_answered_200_and_stored_once_whatever_time_it_claims(sender: Sender) -> None:
    sender.batch(track("m-1", timestamp="2026-11-01T10:00:00Z"), track("m-2"))
    again = sender.batch(track("m-1", timestamp="2026-11-02T10:00:00Z"), track("m-3"), track("m-3"))
    alone = sender.post("/v1/track", track("m-1"))

    assert (again.status_code, alone.status_code) == (200, 200)
    assert sorted(event.message_id for event in sender.events()) == ["m-1", "m-2", "m-3"]


def test_a_repeat_on_a_later_day_is_stored_once(sender: Sender, time_machine: object) -> None:
    create_partitions()
    sender.batch(track("m-1"), track("m-2"))

    with connection.cursor() as cursor:
        cursor.execute("UPDATE events_event SET received_at = received_at - interval '1 day'")
    sender.batch(track("m-1"), track("m-2"))

    assert len(sender.events()) == 2


def test_the_same_id_in_two_projects_is_two_events(sender: Sender) -> None:
    other = Sender(sender.client, ProjectFactory(), "")
    other.key = ApiKeyFactory(project=other.project, kind=ApiKey.Kind.WRITE).text

    sender.batch(track("m-1"))
    other.batch(track("m-1"))

    assert (len(sender.events()), len(other.events())) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_concurrent_repeats_are_stored_once() -> None:
    project = ProjectFactory()
    sender = Sender(Client(), project, ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text)
    calls = [track(f"m-{n}") for n in range(60)]
    statuses = []

    def send(shift: int) -> None:
        mine = Sender(Client(), project, sender.key)
        for _ in range(3):
            statuses.append(mine.batch(*calls[shift:], *calls[:shift]).status_code)
            statuses.append(mine.post("/v1/track", calls[shift]).status_code)
        connections.close_all()

    threads = [threading.Thread(target=send, args=(n * 7,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(statuses) == {200}
    assert sorted(event.message_id for event in sender.events()) == sorted(f"m-{n}" for n in range(60))


def test_a_wrong_clock_is_corrected_and_both_times_are_kept(sender: Sender) -> None:
    now = timezone.now()
    slow = now - timedelta(hours=3)

    sender.batch(track(timestamp=(slow - timedelta(minutes=1)).isoformat()), sentAt=slow.isoformat())

    event = sender.events()[0]
    assert abs((now - timedelta(minutes=1) - event.ts).total_seconds()) < 2
    assert event.claimed_at == slow - timedelta(minutes=1)
    assert not event.clamped


def test_a_clock_in_2040_is_clamped_and_marked(sender: Sender) -> None:
    answer = sender.batch(track(timestamp="2040-01-01T00:00:00Z"))

    event = sender.events()[0]
    assert answer.status_code == 200
    assert event.clamped
    assert event.ts == event.received_at
    assert event.claimed_at == datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("claimed", ["2026-11-20 10:00:00", 1763632800, 1763632800000, "2026-11-20T10:00:00.123+0100"])
def test_times_in_other_forms_are_read(sender: Sender, claimed: object) -> None:
    assert sender.batch(track(timestamp=claimed)).status_code == 200
    assert sender.events()[0].claimed_at is not None


def test_history_of_years_ago_is_taken_at_its_own_time(sender: Sender) -> None:
    sender.batch(track(timestamp="2017-11-07T09:30:38Z"), sentAt=timezone.now().isoformat())

    assert sender.events()[0].ts == datetime(2017, 11, 7, 9, 30, 38, tzinfo=UTC)


def test_good_events_of_a_mixed_batch_are_stored_and_bad_ones_kept_with_their_reason(sender: Sender) -> None:
    answer = sender.batch(
        track("good-1"),
        {"type": "track", "event": "No ids", "messageId": "bad-1"},
        track("good-2"),
        track("bad-2", properties=["a", "list"]),
        {"type": "sing", "userId": "u", "messageId": "bad-3"},
        {"type": "track", "userId": "u", "messageId": "bad-4"},
    )

    body = answer.json()
    assert answer.status_code == 400
    assert set(body) == {"error", "code", "message", "detail"}
    assert [(row["index"], row["field"], row["code"]) for row in body["detail"]["refused"]] == [
        (1, "userId", "missing_id"),
        (3, "properties", "not_an_object"),
        (4, "type", "invalid_type"),
        (5, "event", "missing_event"),
    ]
    assert sorted(event.message_id for event in sender.events()) == ["good-1", "good-2"]
    kept = {row.code: json.loads(row.body)["messageId"] for row in sender.rejected()}
    assert kept == {"missing_id": "bad-1", "not_an_object": "bad-2", "invalid_type": "bad-3", "missing_event": "bad-4"}


def test_the_same_refusal_again_counts_up_instead_of_adding_rows(sender: Sender) -> None:
    for _ in range(3):
        sender.batch({"type": "track", "event": "No ids", "messageId": "bad-1"})

    assert [row.seen for row in sender.rejected()] == [3]


BAD = {
    "nul in properties": (track("bad", properties={"a": "x\x00y"}), "nul_character"),
    "nul in an id": (track("bad", userId="x\x00y"), "nul_character"),
    "33 KB": (track("bad", properties={"a": "x" * 33_000}), "event_too_large"),
    "not a time": (track("bad", timestamp="yesterday"), "invalid_timestamp"),
    "long message id": (track("b" * 101), "invalid_message_id"),
    "properties a list": (track("bad", properties=[1]), "not_an_object"),
    "context a text": (track("bad", context="x"), "not_an_object"),
    "user id an object": (track("bad", userId={"a": 1}), "invalid_field"),
    "event a number": (track("bad", event=5), "invalid_field"),
    "too deep": (track("bad", properties=json.loads('{"a":' * 80 + "1" + "}" * 80)), "too_deep"),
    "not an object": (5, "not_an_object"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_events_are_refused_alone_and_shown_to_their_owner(sender: Sender, name: str) -> None:
    bad, code = BAD[name]

    mixed = sender.batch(track("good"), bad)

    assert mixed.status_code == 400
    assert mixed.json()["detail"]["refused"][0]["code"] == code
    assert mixed.json()["detail"]["refused"][0]["index"] == 1
    assert mixed.json()["message"].endswith(".")
    assert [event.message_id for event in sender.events()] == ["good"]
    assert [row.code for row in sender.rejected()] == [code]


@pytest.mark.parametrize("name", [name for name in BAD if name != "not an object"])
def test_a_bad_single_call_is_refused_too(sender: Sender, name: str) -> None:
    bad, code = BAD[name]

    answer = sender.post("/v1/track", bad)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert [row.code for row in sender.rejected()] == [code]


def test_an_escaped_backslash_before_u0000_is_not_a_nul(sender: Sender) -> None:
    answer = sender.post("/v1/track", b'{"userId":"u","event":"e","properties":{"path":"C:\\\\u0000"}}')

    assert answer.status_code == 200
    assert sender.events()[0].properties == {"path": "C:\\u0000"}


def test_a_value_only_postgresql_refuses_spoils_only_its_own_event(sender: Sender) -> None:
    huge = b'{"batch":[{"type":"track","event":"a","userId":"u","messageId":"1"},{"type":"track","event":"b","userId":"u","messageId":"2","properties":{"n":1e999999}}]}'  # noqa: E501

    answer = sender.post("/v1/batch", huge)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_value")
    assert [event.message_id for event in sender.events()] == ["1"]
    assert len(sender.rejected()) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"batch": [', 400, "invalid_json"),
        (b"", 400, "invalid_json"),
        (b"[]", 400, "invalid_batch"),
        (b'{"batch": 5}', 400, "invalid_batch"),
        (b'{"batch":[{"event":"\xff"}]}', 400, "invalid_json"),
        (b"\x1f\x8bnot gzip", 400, "invalid_gzip"),
        (gzip.compress(b"{" + b" " * 50_000_000 + b"}"), 413, "body_too_large"),
        (b'{"batch":[' + b" " * 600_000 + b"]}", 413, "body_too_large"),
        (b"[" * 100_000, 400, "invalid_batch"),
        (b'{"batch":[' + b"[" * 100_000, 400, "invalid_json"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_and_shown(sender: Sender, body: bytes, status: int, code: str) -> None:
    answer = sender.post("/v1/batch", body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert [row.code for row in sender.rejected()] == [code]


def test_of_2501_events_the_last_one_is_refused(sender: Sender) -> None:
    calls = [{"type": "track", "event": "e", "userId": "u", "messageId": f"m{n}"} for n in range(2_501)]

    answer = sender.batch(*calls)

    assert answer.status_code == 400
    assert answer.json()["detail"]["stored"] == 2_500
    assert answer.json()["detail"]["refused"][0]["index"] == 2_500
    assert [row.code for row in sender.rejected()] == ["too_many_events"]


def test_events_beyond_the_limit_make_few_rows_and_can_be_replayed(sender: Sender) -> None:
    calls = [{"type": "track", "event": "e", "userId": "u", "messageId": f"m{n}"} for n in range(6_000)]

    sender.batch(*calls)
    rows = sender.rejected()
    for row in rows:
        services.replay(row)

    assert {row.code for row in rows} == {"too_many_events"}
    assert len(rows) < 10
    assert len(sender.events()) == 6_000


def test_no_key_a_wrong_key_and_a_revoked_key_are_401(sender: Sender) -> None:
    assert sender.post("/v1/track", track(), key="").json()["code"] == "missing_key"
    assert sender.post("/v1/track", track(), key="wk_unknown").json()["code"] == "invalid_key"

    sender.project.keys.update(revoked_at=timezone.now())
    forget_cached()
    answer = sender.post("/v1/track", track())

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_key")
    assert sender.events() == []


def test_another_projects_key_writes_to_that_project_only(sender: Sender) -> None:
    other = ApiKeyFactory(kind=ApiKey.Kind.WRITE)

    sender.post("/v1/track", track(), key=other.text)

    assert sender.events() == []
    assert Event.objects.filter(project=other.project).count() == 1


def test_a_key_that_sends_too_fast_is_told_when_to_come_back(sender: Sender) -> None:
    sender.project.keys.update(events_per_second=5)
    forget_cached()

    answers = [sender.batch(*[track(f"{n}-{i}") for i in range(4)]) for n in range(6)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    assert refused[0]["Retry-After"] == "1"
    assert refused[0].json()["code"] == "rate_limited"
    assert len(sender.events()) == 4 * (6 - len(refused))


@pytest.mark.parametrize(
    ("policy", "stored"),
    [
        (Project.IpPolicy.FULL, "84.191.22.7"),
        (Project.IpPolicy.TRUNCATED, "84.191.22.0"),
        (Project.IpPolicy.NONE, None),
    ],
)
def test_the_address_is_kept_as_the_projects_policy_says(sender: Sender, policy: str, stored: str | None) -> None:
    Project.objects.filter(pk=sender.project.pk).update(ip_policy=policy)

    sender.batch(track(context={"ip": "84.191.22.7", "locale": "de"}))

    event = sender.events()[0]
    assert event.ip == stored
    assert ("ip" in event.context) == (policy == Project.IpPolicy.FULL)


def test_a_server_librarys_own_address_is_not_the_persons(sender: Sender) -> None:
    sender.post("/v1/track", track("m-1"), HTTP_USER_AGENT="analytics-python/2.4.0")
    sender.post("/v1/track", track("m-2"), HTTP_USER_AGENT="Mozilla/5.0")

    assert [event.ip for event in sender.events()] == [None, "127.0.0.1"]


def test_an_event_past_the_projects_retention_is_refused(sender: Sender) -> None:
    Project.objects.filter(pk=sender.project.pk).update(retention_days=30)

    answer = sender.batch(track(timestamp="2017-11-07T09:30:38Z"), track("m-2"))

    assert (answer.status_code, answer.json()["code"]) == (400, "too_old")
    assert [event.message_id for event in sender.events()] == ["m-2"]


def test_context_shared_by_a_batch_reaches_each_event(sender: Sender) -> None:
    sender.batch(
        track("m-1", context={"locale": "de"}), track("m-2"), context={"app": {"name": "Shop"}, "locale": "en"}
    )

    assert [event.context for event in sender.events()] == [
        {"app": {"name": "Shop"}, "locale": "de"},
        {"app": {"name": "Shop"}, "locale": "en"},
    ]


def test_the_settings_address_tells_the_browser_library_where_to_send(sender: Sender) -> None:
    answer = sender.client.get(f"/v1/projects/{sender.key}/settings")
    stranger = sender.client.get("/v1/projects/wk_none/settings")

    integration = answer.json()["integrations"]["Segment.io"]
    assert integration["apiKey"] == sender.key
    assert integration["apiHost"] == "testserver/v1"
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert stranger.status_code == 401


def test_a_preflight_of_a_browser_is_answered(sender: Sender) -> None:
    answer = sender.client.options("/v1/t")

    assert answer.status_code == 204
    assert "Authorization" in answer["Access-Control-Allow-Headers"]


def test_a_failing_redis_does_not_stop_events(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    import redis

    from customers import throttle

    monkeypatch.setattr(throttle, "_redis", redis.Redis(unix_socket_path="/nowhere.sock", socket_timeout=0.1))

    assert sender.post("/v1/track", track()).status_code == 200
    assert len(sender.events()) == 1


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_meanwhile_costs_no_event() -> None:
    project = ProjectFactory()
    sender = Sender(Client(), project, ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text)
    sender.post("/v1/track", track("m-1"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    killer = connections.create_connection("default")
    with killer.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [backend])
    killer.close()

    answer = sender.batch(track("m-2"), track("m-3"))

    assert answer.status_code == 200
    assert len(sender.events()) == 3
