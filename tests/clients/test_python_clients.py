"""The real, unmodified Python clients of Segment and RudderStack."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import rudderstack.analytics.client
import segment.analytics.client

from customers.models import ApiKey
from events.services import digest, person_ids
from tests.clients.proxy import Fault, Proxy
from tests.live import Shop, summary

Connect = Callable[..., Any]
CLIENTS = {
    "segment": partial(segment.analytics.client.Client, gzip=False),
    "segment, packed": partial(segment.analytics.client.Client, gzip=True),
    "rudderstack": rudderstack.analytics.client.Client,
    "rudderstack, not packed": partial(rudderstack.analytics.client.Client, gzip=False),
}
HAPPENED_AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture(params=CLIENTS.values(), ids=list(CLIENTS))
def connect(request: pytest.FixtureRequest) -> Connect:
    return partial(request.param, max_retries=5, upload_interval=0.2)


def send_all_calls(client: Any) -> None:
    client.identify("user-1", {"email": "ada@example.com", "plan": "pro"}, timestamp=HAPPENED_AT)
    client.track("user-1", "Order Completed", {"revenue": 39.95}, message_id="order-1", anonymous_id="anon-1")
    client.page("user-1", "Docs", "Pricing", {"title": "Prices — €"})
    client.screen("user-1", None, "Home", {"tab": 2})
    client.group("user-1", "acme", {"seats": 3})
    client.alias("anon-0", "user-1")


ALL_CALLS = [
    ("identify", None, "user-1", None, {"email": "ada@example.com", "plan": "pro"}),
    ("track", "Order Completed", "user-1", "anon-1", {"revenue": 39.95}),
    ("page", "Pricing", "user-1", None, {"title": "Prices — €", "category": "Docs"}),
    ("screen", "Home", "user-1", None, {"tab": 2}),
    ("group", "acme", "user-1", None, {"seats": 3}),
    ("alias", "anon-0", "user-1", None, {}),
]


def test_all_six_calls_arrive_once_as_they_were_made(shop: Shop, connect: Connect) -> None:
    failures: list[Any] = []
    client = connect(shop.key, host=shop.url, on_error=lambda *what: failures.append(what))

    send_all_calls(client)
    client.shutdown()

    events = shop.events()
    assert summary(events) == ALL_CALLS
    assert events[1].message_id == "order-1"
    assert abs(events[0].ts - HAPPENED_AT) < timedelta(seconds=1)
    assert {event.context["library"]["name"] for event in events} == {"analytics-python"}
    assert {event.ip for event in events} == {None}
    assert (shop.rejected(), failures) == ([], [])


def test_the_traits_of_identify_reach_the_person(shop: Shop, connect: Connect) -> None:
    client = connect(shop.key, host=shop.url)

    client.identify("user-1", {"email": "ada@example.com"})
    client.alias("anon-0", "user-1")
    client.shutdown()

    while (stretch := digest()) and stretch.more:
        pass
    person = shop.project.people.get()
    assert person.traits == {"email": "ada@example.com"}
    assert person_ids(shop.project.pk, ["anon-0", "user-1"]) == {"anon-0": person.pk, "user-1": person.pk}


@pytest.mark.parametrize("fault", Fault)
def test_a_lost_answer_is_sent_again_and_stored_once(shop: Shop, connect: Connect, faulty: Proxy, fault: Fault) -> None:
    faulty.break_next(fault)
    client = connect(shop.key, host=faulty.url)

    send_all_calls(client)
    client.shutdown()

    # The client never heard that the first attempt was stored, so it sent the same again.
    assert [(one.status, one.fault) for one in faulty.exchanges] == [(200, fault), (200, None)]
    assert summary(shop.events()) == ALL_CALLS
    assert shop.rejected() == []


def test_a_client_that_sends_too_fast_loses_nothing(shop: Shop, connect: Connect, faulty: Proxy) -> None:
    ApiKey.objects.filter(project=shop.project).update(events_per_second=5)
    client = connect(shop.key, host=faulty.url, upload_size=4)

    for n in range(12):
        client.track("user-1", "Tick", {"n": n}, message_id=f"tick-{n}")
    client.shutdown()

    refused = [one for one in faulty.exchanges if one.status == 429]
    assert refused
    assert {one.retry_after for one in refused} == {"1"}
    assert sorted(event.properties["n"] for event in shop.events()) == list(range(12))
    assert shop.rejected() == []


def test_segments_client_waits_as_long_as_it_is_told(shop: Shop, faulty: Proxy) -> None:
    ApiKey.objects.filter(project=shop.project).update(events_per_second=5)
    client = segment.analytics.client.Client(shop.key, host=faulty.url, upload_size=4, upload_interval=0.1)

    for n in range(12):
        client.track("user-1", "Tick", {"n": n})
    client.shutdown()

    waits = [
        after.at - before.at
        for before, after in zip(faulty.exchanges, faulty.exchanges[1:], strict=False)
        if before.status == 429
    ]
    assert waits
    assert all(0.9 < wait_s < 10 for wait_s in waits)


def test_a_wrong_key_stops_the_client_at_once(shop: Shop, connect: Connect, faulty: Proxy) -> None:
    failures: list[Any] = []
    client = connect(
        "wk_wrong", host=faulty.url, on_error=lambda error, _batch: failures.append((error.status, error.code))
    )

    client.track("user-1", "Order Completed")
    client.shutdown()

    assert failures == [(401, "invalid_key")]
    assert [one.status for one in faulty.exchanges] == [401]


def test_a_refused_event_does_not_cost_the_others_of_its_batch(shop: Shop, connect: Connect) -> None:
    failures: list[Any] = []
    client = connect(
        shop.key, host=shop.url, on_error=lambda error, _batch: failures.append((error.status, error.code))
    )

    client.track("user-1", "Good")
    client.track("user-1", "Bad", {"text": "nul \x00 inside"})
    client.track("user-1", "Good too")
    client.shutdown()

    assert failures == [(400, "nul_character")]
    assert [event.name for event in shop.events()] == ["Good", "Good too"]
    [kept] = shop.rejected()
    assert json.loads(kept.body)["event"] == "Bad"


def test_a_full_batch_of_the_largest_events_fits(shop: Shop) -> None:
    failures: list[Any] = []
    client = segment.analytics.client.Client(shop.key, host=shop.url, on_error=lambda *what: failures.append(what))

    for n in range(30):
        client.track("user-1", "Large", {"n": n, "text": "x" * 32_000})
    client.shutdown()

    assert (len(shop.events()), failures, shop.rejected()) == (30, [], [])
