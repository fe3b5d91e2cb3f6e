"""Messages arrive, are tried again when they don't, and hold up nobody else's."""

import base64
import hashlib
import hmac
import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from attribution import retries
from attribution.models import Destination, Postback, PostbackTry
from attribution.postbacks import destinations, sending
from customers.models import Project
from growthplatform.core.outbound import Answer
from tests.attribution.postbacks.conftest import Got, Receiver, credited, destination, make, messages, send

pytestmark = pytest.mark.django_db


def waiting(target: Destination, number: int = 1) -> list[Postback]:
    rows = [
        Postback(
            project=target.project, destination=target, idempotency_key=f"m-{index}", news="install", method="POST",
            url=target.url, headers={"Content-Type": "application/json"}, body=f'{{"n":{index}}}',
        )
        for index in range(number)
    ]  # fmt: skip
    return Postback.objects.bulk_create(rows)


def test_a_message_arrives_signed_and_is_noted(project: Project, receiver: Receiver) -> None:
    target, secret = destinations.create(
        project, user=None, kind="webhook", name="Ours", method="POST", url=f"{receiver.url}/hook",
        headers={"X-A": "1"}, body="", news=["install"], sources=[],
    )  # fmt: skip
    Destination.objects.update(created_at=timezone.now() - timedelta(days=1_000))
    credited(project)
    make()

    assert send() == 1

    [got] = receiver.got
    [told] = messages(target)
    assert (told.state, told.status, told.tries) == ("delivered", 200, 1)
    assert got.body.decode() == told.body
    assert got.headers["x-a"] == "1"
    assert got.headers["idempotency-key"] == got.headers["webhook-id"] == told.idempotency_key
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    digest = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert got.headers["webhook-signature"] == f"v1,{digest}"
    assert PostbackTry.objects.get().answer == "OK"


def test_a_failure_is_tried_again_later_with_the_same_content(project: Project, receiver: Receiver) -> None:
    [told] = waiting(destination(project, receiver.url))
    receiver.say(500, body=b"busy")

    send()
    assert send() == 0
    receiver.say(200)
    assert send(seconds=70) == 1

    told.refresh_from_db()
    assert (told.state, told.tries) == ("delivered", 2)
    assert len({(got.body, got.headers["idempotency-key"]) for got in receiver.got}) == 1
    assert [(one.status, one.answer) for one in told.attempts.order_by("id")] == [(500, "busy"), (200, "")]


def test_the_pauses_are_1_5_15_30_60_minutes_then_hourly_for_a_day() -> None:
    pauses = [retries.pause_after(tries, chance=0).total_seconds() / 60 for tries in range(1, sending.MOST_TRIES)]

    assert pauses[:7] == [1, 5, 15, 30, 60, 60, 60]
    assert 23 <= sum(pauses) / 60 <= 25
    assert retries.pause_after(1, retry_after_s=600) == timedelta(minutes=10)
    assert timedelta(minutes=1) <= retries.pause_after(1) <= timedelta(seconds=66)


def test_retry_after_is_respected(project: Project, receiver: Receiver) -> None:
    [told] = waiting(destination(project, receiver.url))
    receiver.say(429, {"Retry-After": "7200"})

    send()

    told.refresh_from_db()
    assert told.next_at > timezone.now() + timedelta(seconds=7_100)


def test_after_a_day_it_is_given_up(project: Project, receiver: Receiver) -> None:
    [told] = waiting(destination(project, receiver.url))
    Postback.objects.update(tries=sending.MOST_TRIES - 1)
    receiver.say(404)

    send()

    told.refresh_from_db()
    assert (told.state, told.tries, told.problem) == ("failed", sending.MOST_TRIES, "It answered 404.")


def test_a_run_that_died_leaves_its_messages_to_the_next(project: Project, receiver: Receiver) -> None:
    target = destination(project, receiver.url)
    waiting(target, 3)
    sending._claim(target.pk, timezone.now(), 10)  # and then kill -9

    assert send() == 0
    assert send(seconds=sending.LEASE.total_seconds() + 1) == 3

    assert {one.state for one in messages(target)} == {"delivered"}


def test_a_redirect_to_this_machine_is_a_failure(project: Project, receiver: Receiver) -> None:
    [told] = waiting(destination(project, f"{receiver.url}/hook"))
    receiver.say(302, {"Location": f"{receiver.url}/admin"})

    send()

    told.refresh_from_db()
    assert "redirects are not followed" in told.problem
    assert [got.path for got in receiver.got] == ["/hook"]


def test_the_breaker_opens_after_ten_failures_in_a_row_and_lets_one_try_later(
    project: Project, receiver: Receiver
) -> None:
    target = destination(project, receiver.url)
    waiting(target, 100)
    receiver.say(500)

    send()
    target.refresh_from_db()
    tried = len(receiver.got)
    assert sending.BREAK_AT <= tried < sending.BREAK_AT + sending.THREADS
    assert target.broken_until
    assert send() == 0
    assert send(seconds=61) == 1
    receiver.say(200)
    target.refresh_from_db()
    assert target.broken_until > timezone.now() + timedelta(seconds=100)

    Destination.objects.update(broken_until=timezone.now())
    send()
    send(minutes=2)
    send(minutes=10)

    target.refresh_from_db()
    assert (target.failures, target.broken_until) == (0, None)
    assert {one.state for one in messages(target)} == {"delivered"}
    assert max(one.tries for one in messages(target)) <= 3


def test_paused_and_archived_destinations_are_sent_nothing(project: Project, receiver: Receiver) -> None:
    paused, archived = destination(project, receiver.url), destination(project, receiver.url)
    waiting(paused), waiting(archived)
    destinations.pause(paused, user=None, now=timezone.now())
    destinations.archive(archived, user=None, now=timezone.now())

    assert send() == 0

    destinations.resume(paused, user=None, now=timezone.now())
    assert send() == 1


def test_one_that_hangs_does_not_hold_up_another(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIMEOUT_S", 2.0)
    hanging, quick = destination(project, f"{receiver.url}/hang"), destination(project, f"{receiver.url}/quick")
    waiting(hanging, 2), waiting(quick, 3)
    release = threading.Event()

    def answer(got: Got) -> tuple[int, dict[str, str], bytes]:
        if got.path == "/hang":
            release.wait(30)
        return 200, {}, b""

    receiver.answers = answer
    send()
    release.set()

    assert {one.state for one in messages(quick)} == {"delivered"}
    assert {one.problem for one in messages(hanging)} == {"It did not answer within 2 s."}
    given_up = hanging.postbacks.latest("id").attempts.get()
    assert quick.postbacks.latest("delivered_at").delivered_at < given_up.at + timedelta(seconds=2)  # type: ignore[operator]


def test_with_every_tenth_failing_none_is_lost_and_none_changes(project: Project, receiver: Receiver) -> None:
    target = destination(project, receiver.url)
    waiting(target, 150)
    seen: Counter[str] = Counter()

    def answer(got: Got) -> tuple[int, dict[str, str], bytes]:
        key = got.headers["idempotency-key"]
        seen[key] += 1
        return (500 if key.endswith("7") and seen[key] == 1 else 200), {}, b""

    receiver.answers = answer
    send()
    send(minutes=2)

    assert {one.state for one in messages(target)} == {"delivered"}
    assert len(seen) == 150
    assert sum(seen.values()) == 165
    bodies = {(got.headers["idempotency-key"], got.body) for got in receiver.got}
    assert len(bodies) == 150


def test_the_token_is_sent_and_kept_nowhere(project: Project, receiver: Receiver) -> None:
    target = destination(
        project, f"{receiver.url}/e?t={{token}}", headers={"Access-Token": "{token}"}, token="very-secret-token"
    )  # fmt: skip
    credited(project)
    make()
    receiver.say(400, body=b"bad token very-secret-token")

    send()

    [got] = receiver.got
    assert got.path == "/e?t=very-secret-token"
    assert got.headers["access-token"] == "very-secret-token"
    [told] = messages(target)
    kept = f"{told.url} {told.headers} {told.body} {told.facts} {told.problem} {told.attempts.get().answer}"
    assert "very-secret-token" not in kept
    assert "{token}" in kept
    assert "very-secret-token" not in target.secret


def test_secrets_of_another_key_stop_one_destination_only(project: Project, receiver: Receiver) -> None:
    broken, good = destination(project, receiver.url), destination(project, receiver.url)
    waiting(broken), waiting(good)
    Destination.objects.filter(pk=broken.pk).update(secret="gAAAAA")

    assert send() == 1

    broken.refresh_from_db()
    assert broken.broken_until


def test_two_runs_at_once_are_one(project: Project, receiver: Receiver) -> None:
    waiting(destination(project, receiver.url))

    with sending.alone(sending.LOCK) as first:
        assert first
        cursor = connection.cursor()
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
        assert cursor.fetchone()[0] >= 1


def test_a_message_sent_again_by_hand_keeps_content_and_key(project: Project, receiver: Receiver) -> None:
    target = destination(project, receiver.url)
    [told] = waiting(target)
    send()
    told.refresh_from_db()

    assert destinations.send_again([told], now=timezone.now()) == 1
    send()

    one, two = receiver.got
    assert (one.body, one.headers["idempotency-key"]) == (two.body, two.headers["idempotency-key"])
    again = messages(target)[-1]
    assert (again.replay_of, again.state) == (told, "delivered")


def test_a_test_is_sent_at_once_and_never_later(project: Project, receiver: Receiver) -> None:
    target = destination(project, receiver.url)
    receiver.say(500)

    made = destinations.send_test(target)

    assert (made.state, made.status, made.news) == ("failed", 500, "test")
    assert send(hours=2) == 0


def test_an_answer_is_what_it_says() -> None:
    assert Answer(200, "", 1).ok
    assert not Answer(None, "", 1, "It did not answer.").ok
