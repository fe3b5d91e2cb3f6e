"""Segment's own browser library, from this product, on a page of another origin, in a real Chromium."""

import gzip
import json
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from customers.models import Project
from customers.snippets import WEB, snippets
from events.models import Event
from tests.browser import site, visit
from tests.clients import node
from tests.clients.proxy import Fault, Proxy, served
from tests.live import Shop

pytestmark = pytest.mark.browser

HERE = Path(__file__).parent
HTML = """<!doctype html>
<html lang="en"><head><title>Prices</title><link rel="icon" href="data:,">{head}</head><body>Prices</body></html>
"""
CALLS = """
async () => {
  await analytics.identify("user-1", { email: "ada@example.com" });
  await analytics.track("Order Completed", { revenue: 39.95 });
  await analytics.group("acme", { seats: 3 });
  await analytics.alias("user-1", "old-7");
}
"""
READY = "() => window.analytics && window.analytics.initialized"
NPM_REST = """
window.analytics = analytics;
analytics.page();
analytics.ready(() => (analytics.initialized = true));
"""
BATCHING = {
    "integrations": {
        "Segment.io": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 3, "timeout": 300}}}
    }
}


def official(url: str, key: str, options: dict[str, object] | None = None) -> str:
    """Segment's own snippet with only the host changed."""
    more = [json.dumps(options)] if options else []
    return f"<script>{node.run(HERE / 'snippet.mjs', url, key, *more).stdout}</script>"


def install_guide(url: str, key: str) -> str:
    """What the product's pages tell a customer to paste."""
    return next(one.text for one in snippets(Project.Platform.WEB, host=url, key=key) if one.language == WEB)


def npm(url: str, key: str) -> str:
    """The library inside a site's own bundle, as the product's pages tell it."""
    program = next(one.text for one in snippets(Project.Platform.WEB, host=url, key=key) if one.language == "npm")
    head, _, _ = program.partition("analytics.page();")
    bundler = ["node_modules/esbuild/bin/esbuild", "--bundle", "--format=iife", "--log-level=warning"]
    done = node.run(*bundler, text=f"{head}\n{NPM_REST}")
    return f"<script>{done.stdout}</script>"


def wait_for_calls(shop: Shop) -> dict[str, Event]:
    events = shop.wait_for(5)
    assert sorted(event.type for event in events) == ["alias", "group", "identify", "page", "track"]
    return {event.type: event for event in events}


@pytest.mark.parametrize("way", [official, install_guide, npm], ids=["official snippet", "install guide", "npm"])
def test_every_call_of_a_page_arrives_once(shop: Shop, chromium: Browser, way: Callable[[str, str], str]) -> None:
    pages = {"/pricing": HTML.format(head=way(shop.url, shop.key))}
    with served(lambda: site(pages)) as server, visit(chromium, locale="de-DE") as visitor:
        origin = f"http://localhost:{server.server_address[1]}"
        address = f"{origin}/pricing?utm_source=news&utm_medium=email&utm_campaign=spring"
        visitor.page.goto(address)
        visitor.page.wait_for_function(READY)
        shop.wait_for(1)  # the page view waits in the library while that starts
        visitor.page.evaluate(CALLS)
        agent = visitor.page.evaluate("navigator.userAgent")
        events = wait_for_calls(shop)

    view = events["page"]
    assert view.context["page"]["path"] == "/pricing"
    assert view.context["page"]["title"] == view.properties["title"] == "Prices"
    assert view.context["page"]["url"].startswith(f"{origin}/pricing")
    assert view.context["campaign"] == {"source": "news", "medium": "email", "name": "spring"}
    assert view.context["userAgent"] == agent
    assert view.context["locale"] == "de-DE"
    assert (view.user_id, view.ip) == (None, "127.0.0.1")
    assert (events["identify"].user_id, events["identify"].properties) == ("user-1", {"email": "ada@example.com"})
    assert events["identify"].anonymous_id == view.anonymous_id
    assert (events["track"].name, events["track"].properties) == ("Order Completed", {"revenue": 39.95})
    assert (events["group"].name, events["group"].properties) == ("acme", {"seats": 3})
    assert (events["alias"].name, events["alias"].user_id) == ("old-7", "user-1")
    assert all(event.message_id.startswith("ajs-next-") for event in events.values())
    assert (shop.rejected(), visitor.errors, visitor.failed) == ([], [], [])
    hosts = {urlsplit(request.partition(" ")[2]).netloc for request in visitor.requests if "data:" not in request}
    assert hosts == {urlsplit(origin).netloc, urlsplit(shop.url).netloc}


def test_batches_of_the_browser_arrive_also_those_of_a_closing_page(shop: Shop, chromium: Browser) -> None:
    slow = {
        "integrations": {
            "Segment.io": {"deliveryStrategy": {"strategy": "batching", "config": {"size": 3, "timeout": 60_000}}}
        }
    }
    pages = {"/pricing": HTML.format(head=official(shop.url, shop.key, slow)), "/next": HTML.format(head="")}
    with served(lambda: site(pages)) as server, visit(chromium) as visitor:
        origin = f"http://localhost:{server.server_address[1]}"
        visitor.page.goto(f"{origin}/pricing")
        visitor.page.wait_for_function(READY)
        visitor.page.evaluate(CALLS)
        visitor.page.goto(f"{origin}/next")
        wait_for_calls(shop)

    assert f"POST {shop.url}/v1/b" in visitor.requests
    assert not any(f"POST {shop.url}/v1/{short}" in visitor.requests for short in "pitgas")
    assert (shop.rejected(), visitor.errors) == ([], [])


@pytest.mark.parametrize("options", [None, BATCHING], ids=["one by one", "in batches"])
@pytest.mark.parametrize("fault", [Fault.SERVER_ERROR, Fault.CUT])
def test_a_lost_answer_is_sent_again_and_stored_once(
    shop: Shop, chromium: Browser, faulty: Proxy, fault: Fault, options: dict[str, object] | None
) -> None:
    faulty.break_next(fault)
    pages = {"/pricing": HTML.format(head=official(faulty.url, shop.key, options))}
    with served(lambda: site(pages)) as server, visit(chromium) as visitor:
        visitor.page.goto(f"http://localhost:{server.server_address[1]}/pricing")
        visitor.page.wait_for_function(READY)
        visitor.page.evaluate(CALLS)
        wait_for_calls(shop)
        broken = next(one for one in faulty.exchanges if one.fault)
        again = list(repeats(faulty, broken.body, visitor.page.wait_for_timeout))

    assert [one.status for one in again] == [200]
    # A cut connection Chromium mends by itself, below the library; a batch may go out with the next ones.
    if fault is Fault.SERVER_ERROR and options is None:
        assert again[0].headers["X-Retry-Count"] == "1"
    assert len(shop.events()) == 5
    assert shop.rejected() == []


def repeats(proxy: Proxy, body: bytes, wait: Callable[[float], None]) -> Iterator[object]:
    """Yield the requests that carried the same first event once more, waiting up to ten seconds for one."""
    sent = json.loads(body)
    wanted = sent.get("batch", [sent])[0]["messageId"].encode()
    for _ in range(100):
        found = [one for one in proxy.exchanges if wanted in one.body]
        if len(found) > 1:
            yield from found[1:]
            return
        wait(100)


def test_the_library_loads_its_bundles_from_the_product(shop: Shop, chromium: Browser) -> None:
    pages = {"/pricing": HTML.format(head=official(shop.url, shop.key))}
    with served(lambda: site(pages)) as server, visit(chromium) as visitor:
        # What an address says by ajs_… the library reads with a bundle that it loads only then.
        visitor.page.goto(f"http://localhost:{server.server_address[1]}/pricing?ajs_uid=user-9&ajs_event=Mail+Opened")
        events = shop.wait_for(3)

    assert sorted((event.type, event.user_id) for event in events) == [
        ("identify", "user-9"),
        ("page", "user-9"),
        ("track", "user-9"),
    ]
    assert any(request.startswith(f"GET {shop.url}/analytics-next/bundles/queryString") for request in visitor.requests)
    assert (shop.rejected(), visitor.errors, visitor.failed) == ([], [], [])


def test_the_library_comes_packed_and_says_so(shop: Shop) -> None:
    address = f"{shop.url}/analytics.js/v1/{shop.key}/analytics.min.js"
    with urllib.request.urlopen(address) as plain:
        text = plain.read()
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept-Encoding": "gzip, br"})) as packed:
        assert packed.headers["Content-Encoding"] == "gzip"
        assert packed.headers["Vary"] == "Accept-Encoding"
        small = packed.read()

    assert gzip.decompress(small) == text
    assert len(small) < len(text) / 3
    assert rb"(https?:\/\/.*)\/analytics\.js" in text
