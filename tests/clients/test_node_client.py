"""The real, unmodified Node client of Segment."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from customers.models import ApiKey
from tests.clients import node
from tests.clients.proxy import Fault, Proxy
from tests.clients.test_python_clients import ALL_CALLS
from tests.live import Shop, summary

SCRIPT = Path(__file__).with_name("node_client.mjs")


def run_client(*arguments: str) -> subprocess.CompletedProcess[str]:
    return node.run(SCRIPT, *arguments)


def test_all_six_calls_arrive_once_as_they_were_made(shop: Shop) -> None:
    client = run_client(shop.url, shop.key)

    assert (client.returncode, client.stderr) == (0, "")
    events = shop.events()
    assert summary(events) == ALL_CALLS
    assert events[1].message_id == "order-1"
    assert all(event.message_id.startswith("node-next-") for event in events if event != events[1])
    assert abs(events[0].ts - datetime(2026, 3, 1, 12, 30, tzinfo=UTC)) < timedelta(seconds=1)
    assert shop.rejected() == []


@pytest.mark.parametrize("fault", Fault)
def test_a_lost_answer_is_sent_again_and_stored_once(shop: Shop, faulty: Proxy, fault: Fault) -> None:
    faulty.break_next(fault)

    client = run_client(faulty.url, shop.key)

    assert (client.returncode, client.stderr) == (0, "")
    assert (faulty.exchanges[0].status, faulty.exchanges[0].fault) == (200, fault)
    assert summary(shop.events()) == ALL_CALLS
    assert shop.rejected() == []


def test_a_client_that_sends_too_fast_loses_nothing(shop: Shop, faulty: Proxy) -> None:
    ApiKey.objects.filter(project=shop.project).update(events_per_second=2)

    client = run_client(faulty.url, shop.key, "2")

    assert (client.returncode, client.stderr) == (0, "")
    assert 429 in [one.status for one in faulty.exchanges]
    assert sorted(event.type for event in shop.events()) == sorted(kind for kind, *_ in ALL_CALLS)
    assert shop.rejected() == []
