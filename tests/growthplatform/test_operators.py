"""Operators learn whether the product is alive and ready, and how far it is behind."""

import pytest
from django.test import Client

from events import services
from tests.events.conftest import Sender, sender, track  # noqa: F401 -- the fixture


def test_alive_and_ready(db: None, client: Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ok", "parts": {"database": "ok", "redis": "ok"}}


def test_without_redis_it_is_not_ready_and_says_so(db: None, client: Client, settings: object) -> None:
    settings.REDIS_URL = "unix:///nowhere.sock?db=0"  # type: ignore[attr-defined]

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["code"] == "not_ready"
    assert answer.json()["detail"]["database"] == "ok"
    assert answer.json()["detail"]["redis"] != "ok"


def value(client: Client, name: str) -> float:
    """Return one figure of /metrics, 0 while it is not there."""
    lines = client.get("/metrics").content.decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)


@pytest.mark.django_db(transaction=True)
def test_metrics_count_events_and_how_far_readers_are_behind(sender: Sender) -> None:  # noqa: F811
    stored = value(sender.client, 'growth_events_total{outcome="stored"}')
    refused = value(sender.client, 'growth_events_total{outcome="refused"}')

    sender.batch(track("1"), track("2"), {"type": "track", "messageId": "3"})
    while (stretch := services.digest()) and stretch.more:
        pass

    assert value(sender.client, 'growth_events_total{outcome="stored"}') == stored + 2
    assert value(sender.client, 'growth_events_total{outcome="refused"}') == refused + 1
    assert value(sender.client, 'growth_reader_lag_seconds{reader="people"}') < 60
    assert value(sender.client, "growth_installs_pending") == 0
