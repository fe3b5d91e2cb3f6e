"""The real, unmodified clients of PostHog: Python, Node, and the browser library in Chromium."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser
from posthog import Posthog

from customers.models import ApiKey
from events.dialects import vendors
from events.models import Event, VendorApp
from events.services import digest, person_ids
from tests.browser import site, visit
from tests.clients import node
from tests.clients.proxy import Fault, Proxy, served
from tests.live import Shop, summary

HERE = Path(__file__).parent
HAPPENED_AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
IDENTIFIED = ("identify", None, "ada", None, {"email": "ada@example.com", "$set_once": {"first": "tiktok"}})
PAID = ("track", "paid", "ada", None, {"amount": 39.95})
HTML = """<!doctype html>
<html lang="en"><head><title>Prices</title><link rel="icon" href="data:,">{head}</head>
<body><button>Buy</button></body></html>
"""
# The library sends nothing where a machine drives the browser, unless it is told to.
DRIVEN = {"opt_out_useragent_filter": True}
# What PostHog's snippet leaves for the library to find when it has been loaded.
LOADER = """
<script>
window.posthog = [];
posthog.__SV = 1;
posthog._i = [["{key}", {options}, "posthog"]];
</script>
<script src="{url}/static/array.js" async crossorigin="anonymous"></script>
"""
CALLS = """
() => {
  posthog.identify("ada", { email: "ada@example.com" }, { first: "tiktok" });
  posthog.capture("paid", { amount: 39.95 });
  posthog.group("company", "acme", { seats: 3 });
  posthog.alias("old-7");
}
"""


@pytest.fixture
def shop(shop: Shop) -> Iterator[Shop]:
    """A project that PostHog knows under its own key."""
    key = f"phc_test{shop.project.pk:08}"
    VendorApp.objects.create(project=shop.project, dialect="posthog", app_id=key)
    yield Shop(shop.product, shop.project, key)
    vendors.forget_cached()


def python_client(shop: Shop, url: str = "", **options: Any) -> tuple[Posthog, list[Any]]:
    failures: list[Any] = []
    client = Posthog(
        shop.key, host=url or shop.url, on_error=lambda *what: failures.append(what), flush_interval=0.2, **options
    )
    return client, failures


def send_calls(client: Posthog) -> None:
    client.set(distinct_id="ada", properties={"email": "ada@example.com"})
    client.set_once(distinct_id="ada", properties={"first": "tiktok"})
    client.capture("paid", distinct_id="ada", properties={"amount": 39.95}, timestamp=HAPPENED_AT)
    client.group_identify("company", "acme", {"seats": 3}, distinct_id="ada")
    client.alias("ada", "anon-0")


V1 = {"capture_mode": "v1"}


@pytest.mark.parametrize(
    "options",
    [{}, {"gzip": True}, V1, {**V1, "capture_compression": "gzip"}, {**V1, "capture_compression": "deflate"}],
    ids=["plain", "packed", "newer format", "newer, packed", "newer, deflated"],
)
def test_every_call_of_python_arrives_once(shop: Shop, options: dict[str, Any]) -> None:
    client, failures = python_client(shop, **options)

    send_calls(client)
    client.shutdown()

    events = shop.events()
    kinds = sorted((event.type, event.name) for event in events)
    assert kinds == [("alias", "anon-0"), ("group", "acme"), ("identify", None), ("identify", None), ("track", "paid")]
    paid = next(event for event in events if event.type == "track")
    assert (paid.user_id, paid.properties["amount"]) == ("ada", 39.95)
    assert abs(paid.ts - HAPPENED_AT) < timedelta(seconds=1)
    assert paid.context["vendor"]["lib"] == "posthog-python"
    assert {event.ip for event in events} == {None}
    assert (shop.rejected(), failures) == ([], [])


@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.CUT])
def test_an_answer_that_python_never_heard_is_stored_once(shop: Shop, faulty: Proxy, fault: Fault) -> None:
    faulty.break_next(fault)
    client, failures = python_client(shop, faulty.url)

    client.capture("paid", distinct_id="ada", properties={"amount": 39.95})
    client.shutdown()

    assert [one.status for one in faulty.exchanges] == [200, 200]
    assert [event.name for event in shop.events()] == ["paid"]
    assert (shop.rejected(), failures) == ([], [])


def test_a_client_that_sends_too_fast_loses_nothing(shop: Shop, faulty: Proxy) -> None:
    ApiKey.objects.filter(project=shop.project).update(events_per_second=5)
    own = ApiKey.objects.get(project=shop.project)
    client, failures = python_client(Shop(shop.product, shop.project, own.hint), faulty.url, flush_at=4)

    for n in range(10):
        client.capture("tick", distinct_id="ada", properties={"n": n})
    client.shutdown()

    assert 429 in [one.status for one in faulty.exchanges]
    assert sorted(event.properties["n"] for event in shop.events()) == list(range(10))
    assert (shop.rejected(), failures) == ([], [])


def test_the_newer_format_tells_the_client_which_event_was_dropped(shop: Shop) -> None:
    client, failures = python_client(shop, **V1)

    client.capture("paid", distinct_id="ada", properties={"amount": 39.95})
    client.capture("paid", distinct_id="ada", properties={"a": "x" * 33_000})
    client.shutdown()

    assert [event.properties["amount"] for event in shop.events()] == [39.95]
    assert [row.code for row in shop.rejected()] == ["event_too_large"]
    assert [details for _, details in failures[0][0].drops] == ["An event may have 32 KB; this one is larger."]


def test_flags_are_none_and_no_error(shop: Shop) -> None:
    client, failures = python_client(shop, secret_key="phx_1", enable_local_evaluation=True)

    assert client.get_all_flags("ada") == {}
    assert not client.evaluate_flags("ada").is_enabled("new-ui")
    client.shutdown()
    assert failures == []


@pytest.mark.parametrize("asked", ["flags", "v1"], ids=["with flags", "newer format"])
def test_every_call_of_node_arrives_once(shop: Shop, asked: str) -> None:
    client = node.run(HERE / "posthog_client.mjs", shop.url, shop.key, asked)

    assert (client.returncode, client.stderr, json.loads(client.stdout)) == (0, "", {})
    events = {event.type: event for event in shop.events()}
    assert sorted(events) == ["alias", "group", "identify", "page", "track"]
    found = summary([events["identify"], events["track"]])
    assert [(*row[:4], {**row[4], **IDENTIFIED[4]}) for row in found[:1]] == [IDENTIFIED]
    assert found[1][:4] == PAID[:4]
    assert events["track"].properties["amount"] == 39.95
    assert abs(events["track"].ts - HAPPENED_AT) < timedelta(seconds=1)
    assert events["page"].context["page"]["url"] == "https://shop.example/a"
    assert events["group"].name == "acme"
    assert (events["alias"].user_id, events["alias"].name) == ("ada", "anon-0")
    assert shop.rejected() == []


def test_an_answer_that_node_never_heard_is_stored_once(shop: Shop, faulty: Proxy) -> None:
    faulty.break_next(Fault.SERVER_ERROR)

    client = node.run(HERE / "posthog_client.mjs", faulty.url, shop.key)

    assert [(one.path, one.status) for one in faulty.exchanges] == [("/batch/", 200)] * 2
    assert sorted(event.type for event in shop.events()) == ["alias", "group", "identify", "page", "track"]
    assert (client.returncode, client.stderr) == (0, "")


def test_the_traits_of_a_person_are_as_posthog_keeps_them(shop: Shop) -> None:
    client, _ = python_client(shop)

    client.set_once(distinct_id="ada", properties={"first": "tiktok"})
    client.set(distinct_id="ada", properties={"plan": "free"})
    client.set(distinct_id="ada", properties={"plan": "pro"})
    client.set_once(distinct_id="ada", properties={"first": "meta", "plan": "none", "second": "google"})
    client.alias("ada", "anon-0")
    client.shutdown()
    while (stretch := digest()) and stretch.more:
        pass

    person = shop.project.people.get()
    assert person.traits == {"first": "tiktok", "plan": "pro", "second": "google"}
    assert person_ids(shop.project.pk, ["anon-0", "ada"]) == {"anon-0": person.pk, "ada": person.pk}


def by_snippet(url: str, key: str, options: dict[str, Any]) -> str:
    """The library as a site has it that pasted PostHog's snippet, with only the host changed."""
    return LOADER.format(url=url, key=key, options=json.dumps({"api_host": url, **DRIVEN, **options}))


def by_npm(url: str, key: str, options: dict[str, Any]) -> str:
    """The library inside a site's own bundle."""
    said = json.dumps({"api_host": url, **DRIVEN, **options})
    program = f'import posthog from "posthog-js";\nwindow.posthog = posthog;\nposthog.init("{key}", {said});'
    bundler = ["node_modules/esbuild/bin/esbuild", "--bundle", "--format=iife", "--log-level=warning"]
    return f"<script>{node.run(*bundler, text=program).stdout}</script>"


@pytest.mark.browser
@pytest.mark.parametrize("way", [by_snippet, by_npm], ids=["snippet", "npm"])
def test_every_call_of_a_page_arrives_once(
    shop: Shop, chromium: Browser, way: Callable[[str, str, dict[str, Any]], str]
) -> None:
    pages = {"/pricing": HTML.format(head=way(shop.url, shop.key, {}))}
    with served(lambda: site(pages)) as server, visit(chromium, locale="de-DE") as visitor:
        origin = f"http://localhost:{server.server_address[1]}"
        visitor.page.goto(f"{origin}/pricing?utm_source=news")
        visitor.page.wait_for_function("() => window.posthog && window.posthog.__loaded")
        flags = visitor.page.evaluate("() => new Promise((done) => posthog.onFeatureFlags((names) => done(names)))")
        agent = visitor.page.evaluate("navigator.userAgent")
        visitor.page.evaluate(CALLS)
        visitor.page.click("button")
        events = _wait_for(shop, {"page", "identify", "paid", "group", "alias", "$autocapture"})

    view = events["page"]
    assert view.properties["url"] == f"{origin}/pricing?utm_source=news"
    assert view.context["page"]["title"] == "Prices"
    assert view.context["campaign"]["source"] == "news"
    assert (view.context["userAgent"], view.context["locale"]) == (agent, "de-DE")
    assert (view.user_id, str(view.ip)) == (None, "127.0.0.1")
    assert events["identify"].anonymous_id == view.anonymous_id
    assert events["identify"].user_id == events["paid"].user_id == "ada"
    assert events["paid"].properties["amount"] == 39.95
    assert (events["group"].name, events["group"].properties["seats"]) == ("acme", 3)
    assert (events["alias"].user_id, events["alias"].name) == ("ada", "old-7")
    assert flags == []
    assert (shop.rejected(), visitor.errors, visitor.failed) == ([], [], [])
    hosts = {urlsplit(request.partition(" ")[2]).netloc for request in visitor.requests if "data:" not in request}
    assert hosts == {urlsplit(origin).netloc, urlsplit(shop.url).netloc}


def _wait_for(shop: Shop, wanted: set[str]) -> dict[str, Event]:
    found: dict[str, Event] = {}
    deadline = time.monotonic() + 15
    while not wanted <= found.keys() and time.monotonic() < deadline:
        events = shop.wait_for(len(found) + 1, patience_s=1)
        found = {str(event.name) if event.type == "track" else event.type: event for event in events}
    assert wanted <= found.keys(), sorted(found)
    return found


@pytest.mark.browser
def test_what_a_closing_page_has_left_is_sent_by_beacon(shop: Shop, chromium: Browser) -> None:
    options = {"autocapture": False, "request_queue_config": {"flush_interval_ms": 5_000}}
    pages = {"/pricing": HTML.format(head=by_snippet(shop.url, shop.key, options)), "/next": HTML.format(head="")}
    with served(lambda: site(pages)) as server, visit(chromium) as visitor:
        origin = f"http://localhost:{server.server_address[1]}"
        visitor.page.goto(f"{origin}/pricing")
        visitor.page.wait_for_function("() => window.posthog && window.posthog.__loaded")
        visitor.page.evaluate("() => posthog.capture('paid', { amount: 39.95 })")
        visitor.page.goto(f"{origin}/next")
        found = _wait_for(shop, {"page", "paid", "$pageleave"})

    assert found["paid"].properties["amount"] == 39.95
    assert (shop.rejected(), visitor.errors) == ([], [])
