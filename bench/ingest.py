"""Events through the whole path: authenticate, check, store exactly once, commit; and the usual DRF way beside it."""

import argparse
import base64
import json
import uuid
from datetime import UTC, datetime

import psutil

from bench import load, stack

USUAL = "bench.usual:application"


def event(number: int, now: str) -> dict[str, object]:
    """Return one event of about 360 bytes, as a mobile client sends it."""
    return {
        "type": "track",
        "event": ("Product Viewed", "Order Completed", "Application Opened", "Video Started")[number % 4],
        "anonymousId": f"anon-{number % 20_000:08d}",
        "messageId": str(uuid.uuid4()),
        "timestamp": now,
        "properties": {"sku": f"sku-{number % 500}", "price": 19.95, "currency": "EUR", "position": number % 10},
        "context": {"os": {"name": "Android", "version": "15"}, "device": {"model": "Pixel 8"}, "locale": "de-DE"},
    }


def bodies(count: int, batch: int) -> list[bytes]:
    now = datetime.now(UTC).isoformat()
    made = []
    for start in range(0, count, batch):
        calls = [event(start + n, now) for n in range(batch)]
        body = {"batch": calls, "sentAt": now} if batch > 1 else calls[0]
        made.append(json.dumps(body).encode())
    return made


def requests(path: str, key: str, payloads: list[bytes]) -> list[bytes]:
    basic = base64.b64encode(f"{key}:".encode()).decode()
    headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
    return [load.request("POST", path, headers, body) for body in payloads]


def memory_mb(process: psutil.Process) -> float:
    """Return the largest resident memory of a web worker in MB."""
    return max(child.memory_info().rss for child in [process, *process.children(recursive=True)]) / 1e6


def line(name: str, result: load.Result, events: int) -> float:
    """Print one row of the table and return events a second."""
    rate = events / result.seconds
    print(
        f"{name:44s} {result.per_second:8,.0f} req/s {rate:9,.0f} events/s  p50 {result.quantile(0.5):6.1f}"
        f"  p95 {result.quantile(0.95):6.1f}  p99 {result.quantile(0.99):6.1f} ms  {result.statuses}"
    )
    return rate


def main(arguments: list[str]) -> None:
    """Print the table. `--events` is the size of the batch runs."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--small", action="store_true", help="Only see that it runs.")
    options, _ = parser.parse_known_args(arguments)
    if options.small:
        options.events = 4_000

    from bench.data import fresh_project, stored

    project, key = fresh_project("bench-ingest")
    with stack.web() as (port, process):
        load.run(port, requests("/v1/batch", key, bodies(2_000, 100)), 8)
        before = stored(project)
        ours = line(
            "batches of 100, 8 connections",
            load.run(port, requests("/v1/batch", key, bodies(options.events, 100)), 8),
            options.events,
        )
        assert stored(project) - before == options.events, "an event was lost or stored twice"
        singles = options.events // 20
        line("single events, 8 connections", load.run(port, requests("/v1/track", key, bodies(singles, 1)), 8), singles)
        print(f"largest web worker: {memory_mb(process):.0f} MB")
    with stack.web(USUAL) as (port, _):
        few = options.events // 5
        load.run(port, requests("/usual", key, bodies(1_000, 100)), 8)
        usual = line(
            "the usual way: serializer + bulk_create", load.run(port, requests("/usual", key, bodies(few, 100)), 8), few
        )
    print(f"ratio to the usual way: {ours / usual:.1f}")
