"""Apple's AdServices, played by a server on this machine that the client really calls."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from attribution import apple_ads, claims, network_claims, tasks
from attribution.facts import InstallFacts, TouchFacts
from attribution.fraud import rules as fraud
from attribution.models import AppleToken, Install, Touch
from attribution.rules import Rules
from customers.models import Project
from tests.attribution.factories import decide, decision_of
from tests.attribution.factories import install as send_install

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
AD = {
    "attribution": True,
    "orgId": 55555,
    "campaignId": 542370539,
    "conversionType": "Download",
    "claimType": "Click",
    "adGroupId": 542317095,
    "countryOrRegion": "US",
    "keywordId": 87675432,
    "adId": 542317136,
    "clickDate": "2026-11-20T11:17Z",
}
Reply = tuple[int, bytes] | Callable[[BaseHTTPRequestHandler], None]


class Apple:
    """What the fake was asked, and what it answers: one reply after the other, the last one for good."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.replies: list[Reply] = [(404, b"")]
        self.url = ""

    def says(self, *replies: Reply | dict[str, Any]) -> None:
        self.replies = [(200, json.dumps(one).encode()) if isinstance(one, dict) else one for one in replies]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["Content-Length"]))
        self.asked.append((str(request.headers["Content-Type"]), body.decode()))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if callable(reply):
            reply(request)
            return
        status, content = reply
        request.send_response(status)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)


@pytest.fixture
def apple(settings: Any) -> Iterator[Apple]:
    fake = Apple()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            fake.answer(self)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.url = settings.APPLE_ADS_URL = f"http://127.0.0.1:{server.server_port}/api/v1/"
    yield fake
    server.shutdown()
    server.server_close()
    thread.join(2)


@pytest.fixture
def install(project: Project) -> Install:
    return Install.objects.create(
        project=project,
        message_id="i-1",
        distinct_id="a-1",
        installed_at=NOW - timedelta(seconds=2),
        received_at=NOW,
        app="com.example.app",
        os_name="ios",
        pending=False,
    )


@pytest.fixture
def token(install: Install) -> AppleToken:
    said = claims.Claims(apple_token="t0ken==")
    network_claims.keep([(install.project_id, install.message_id, said)], now=NOW)
    return AppleToken.objects.get(install=install)


def hang(request: BaseHTTPRequestHandler) -> None:
    time.sleep(1)


def trickle(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(50):
        try:
            request.wfile.write(b" ")
        except OSError:
            return
        time.sleep(0.05)


def flood(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    try:
        request.wfile.write(b"[" * 200_000)
    except OSError:
        return


def break_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "5000")
    request.end_headers()
    request.wfile.write(b'{"attribution":')
    request.connection.shutdown(socket.SHUT_RDWR)


def elsewhere(request: BaseHTTPRequestHandler) -> None:
    request.send_response(302)
    request.send_header("Location", request.path + "other")
    request.send_header("Content-Length", "0")
    request.end_headers()


@pytest.mark.django_db
def test_an_ad_that_apple_names_becomes_a_touch_and_the_install_is_decided_again(
    apple: Apple, token: AppleToken, install: Install
) -> None:
    apple.says(AD)

    assert apple_ads.ask_due(now=NOW) == (1, True)

    assert apple.asked == [("text/plain", "t0ken==")]
    touch = Touch.objects.get(project=install.project)
    assert (touch.touch_id, touch.origin, touch.type) == (f"apple_{install.pk}", "apple_ads", "click")
    assert (touch.source, touch.campaign, touch.campaign_id) == ("apple", "542370539", "542370539")
    assert (touch.ad_set, touch.ad, touch.term, touch.country) == ("542317095", "542317136", "87675432", "US")
    assert touch.ts == datetime(2026, 11, 20, 11, 17, tzinfo=UTC)
    assert touch.params["apple_conversionType"] == "Download"
    install.refresh_from_db()
    token.refresh_from_db()
    assert (install.claim_id, install.pending) == (touch.touch_id, True)
    assert (token.state, token.answer, token.token) == ("answered", AD, "")


@pytest.mark.django_db
def test_an_install_that_no_ad_brought_keeps_its_decision(apple: Apple, token: AppleToken, install: Install) -> None:
    apple.says({"attribution": False})

    apple_ads.ask_due(now=NOW)

    install.refresh_from_db()
    token.refresh_from_db()
    assert (install.claim_id, install.pending, token.state) == ("", False, "answered")
    assert not Touch.objects.exists()
    assert apple_ads.told(install) == ["Apple says that none of its ads brought it."]


@pytest.mark.django_db
def test_without_consent_the_ad_counts_at_the_moment_of_the_install(
    apple: Apple, token: AppleToken, install: Install
) -> None:
    apple.says({**{name: value for name, value in AD.items() if name != "clickDate"}, "claimType": "Impression"})

    apple_ads.ask_due(now=NOW)

    touch = Touch.objects.get()
    assert (touch.ts, touch.type) == (install.installed_at, "impression")


@pytest.mark.django_db
def test_apple_is_asked_three_times_at_once_and_then_each_hour(apple: Apple, token: AppleToken) -> None:
    at, waits = NOW, []
    for _ in range(6):
        apple_ads.ask_due(now=at)
        token.refresh_from_db()
        waits.append((token.next_at - at).total_seconds())
        assert apple_ads.ask_due(now=token.next_at - timedelta(seconds=1)) == (0, True)
        at = token.next_at

    assert waits == [5, 5, 5, 3600, 3600, 3600]
    assert token.state == "waiting"
    assert "404" in token.problem

    apple.says(AD)
    apple_ads.ask_due(now=at)
    token.refresh_from_db()
    assert (token.state, token.tries, token.problem) == ("answered", 7, "")


@pytest.mark.django_db
def test_after_a_day_nobody_asks_any_more(apple: Apple, token: AppleToken, install: Install) -> None:
    token.tries = 20
    token.next_at = NOW + timedelta(hours=23, minutes=30)
    token.save()

    apple_ads.ask_due(now=token.next_at)

    token.refresh_from_db()
    assert (token.state, token.token) == ("failed", "")
    assert apple_ads.ask_due(now=NOW + timedelta(days=3)) == (0, True)
    assert "asked 21 times" in apple_ads.told(install)[0]


@pytest.mark.django_db
def test_a_token_that_apple_refuses_is_not_tried_again(apple: Apple, token: AppleToken) -> None:
    apple.says((400, b"bad token"))

    apple_ads.ask_due(now=NOW)

    token.refresh_from_db()
    assert (token.state, token.problem) == ("failed", "Apple says that the token is not valid (400).")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ((500, b"oops"), "500"),
        ((429, b""), "429"),
        ((200, b"<html>"), "no attribution"),
        ((200, b"[]"), "no attribution"),
        ((200, b'{"attribution": "yes"}'), "no attribution"),
        ((200, b"\xff\xfe"), "no attribution"),
        ((204, b""), "no attribution"),
        (elsewhere, "302"),
        (flood, "64 KB"),
        (break_off, "no attribution"),
    ],
)
def test_a_strange_answer_is_a_problem_that_may_pass(apple: Apple, reply: Reply, words: str) -> None:
    apple.replies = [reply]

    answer = apple_ads.ask("t", url=apple.url)

    assert answer.said is None
    assert not answer.final
    assert words in answer.problem
    assert len(apple.asked) == 1


@pytest.mark.parametrize("reply", [hang, trickle])
def test_a_server_that_hangs_is_left_in_time(apple: Apple, reply: Reply) -> None:
    apple.replies = [reply]
    began = time.monotonic()

    answer = apple_ads.ask("t", url=apple.url, timeout_s=0.2)

    assert time.monotonic() - began < 0.8
    assert answer.problem == "No answer within 0.2 s."


def test_a_server_that_is_not_there_is_a_problem() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"

    assert apple_ads.ask("t", url=url).problem.startswith("Apple can't be reached")


@pytest.mark.django_db
def test_a_repeated_install_asks_once(token: AppleToken, install: Install) -> None:
    again = claims.Claims(apple_token="other")

    network_claims.keep([(install.project_id, install.message_id, again)], now=NOW)

    assert AppleToken.objects.get().token == "t0ken=="


@pytest.mark.django_db
def test_a_run_takes_all_that_are_due_and_only_one_runs(apple: Apple, project: Project) -> None:
    apple.says({"attribution": False})
    now = timezone.now()
    rows = [
        Install(project=project, message_id=f"m-{n}", distinct_id="a", installed_at=now, received_at=now)
        for n in range(30)
    ]
    Install.objects.bulk_create(rows)
    said = [(project.pk, row.message_id, claims.Claims(apple_token="t")) for row in rows]
    network_claims.keep(said, now=now)

    cache.add(apple_ads.ONE_RUN, 1, 5)
    assert tasks.ask_apple() == 0
    cache.delete(apple_ads.ONE_RUN)

    assert tasks.ask_apple() == 30
    assert set(AppleToken.objects.values_list("state", flat=True)) == {"answered"}


@pytest.mark.django_db
def test_a_run_ends_where_apple_does_not_answer_at_all(apple: Apple, project: Project) -> None:
    apple.says((503, b""))
    now = timezone.now()
    rows = [
        Install(project=project, message_id=f"m-{n}", distinct_id="a", installed_at=now, received_at=now)
        for n in range(apple_ads.AT_ONCE + 5)
    ]
    Install.objects.bulk_create(rows)
    said = [(project.pk, row.message_id, claims.Claims(apple_token="t")) for row in rows]
    network_claims.keep(said, now=now)

    assert apple_ads.run(now=now, working_s=10) == apple_ads.AT_ONCE


@pytest.mark.django_db(transaction=True)
def test_apples_word_revises_the_decision_visibly(apple: Apple, project: Project) -> None:
    now = timezone.now()
    apple.says((404, b""), AD | {"clickDate": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%MZ}"})
    message = send_install(project, at=now, properties={"apple_ads_token": "t0ken=="}, os={"name": "iOS"})
    decide()
    before = decision_of(message)
    assert apple_ads.told(before.install)[0].startswith("Apple has not answered yet")

    apple_ads.ask_due(now=timezone.now())
    apple_ads.ask_due(now=timezone.now() + timedelta(seconds=6))
    decide()

    after = decision_of(message)
    assert (before.tier, before.revision) == ("organic", 1)
    assert (after.tier, after.revision, after.source, after.campaign) == ("apple_ads", 2, "apple", "542370539")
    assert (after.ad_set, after.ad, after.probability) == ("542317095", "542317136", 1.0)


def test_what_a_network_tells_without_a_time_strikes_no_rule_about_times() -> None:
    opened = InstallFacts(installed_at=NOW, install_begin_at=NOW - timedelta(seconds=20), country="DE", os_name="ios")
    told = TouchFacts(1, "apple_1", "click", NOW, origin="apple_ads", source="apple", country="US", os_name="ios")

    assert fraud.of_touch(opened, told, Rules(), {}) == ()
    assert fraud.of_touch(opened, replace(told, origin=""), Rules(), {})
