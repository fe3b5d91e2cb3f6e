"""Other vendors' formats against Segment's: single events, the same purchase in each, in one run on one machine."""

import argparse
import json
import statistics
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlencode

from bench import ingest, load, stack

KEY = "bench-dev-key"
APPS = {
    "appsflyer": ("id900000001", KEY),
    "adjust": ("bench0000001", ""),
    "branch": ("key_live_bench", ""),
    "singular": ("com.example.bench", KEY),
    "kochava": ("kobench", ""),
}
JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def main(arguments: Sequence[str]) -> None:
    """Print a row a format, with its share of the rate of Segment's. `--requests` for each format and round."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--requests", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="Only see that it runs.")
    options, _ = parser.parse_known_args(list(arguments))
    if options.small:
        options.requests, options.rounds = 200, 1

    from bench.data import fresh_project, stored

    project, key = fresh_project("bench-dialects")
    name_apps(project)
    makers = formats(key)
    rates: dict[str, list[float]] = {name: [] for name in makers}
    with stack.web() as (port, _):
        for name in makers:
            load.run(port, makers[name](200), 8)
        for _ in range(options.rounds):
            # Each round takes them in turn, so that a slow minute of the machine is everybody's.
            for name, make in makers.items():
                requests, before = make(options.requests), stored(project)
                result = load.run(port, requests, 8)
                assert set(result.statuses) == {200}, f"{name}: {result.statuses}"
                assert stored(project) - before == options.requests, f"{name}: an event was lost or stored twice"
                rates[name].append(result.per_second)
    ours = statistics.median(rates["segment"])
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"{name:44s} {rate:8,.0f} req/s  {rate / ours:5.0%} of Segment's single call")


def name_apps(project: int) -> None:
    """Have the project name an app at each vendor."""
    from events.dialects.vendors import hash_of
    from events.models import EventName, VendorApp

    for dialect, (app_id, key) in APPS.items():
        VendorApp.objects.get_or_create(
            dialect=dialect, app_id=app_id, key_hash=hash_of(key), archived_at=None, defaults={"project_id": project}
        )
        EventName.objects.get_or_create(
            project_id=project, dialect=dialect, theirs="purchase", defaults={"ours": "Order Completed"}
        )


def formats(write_key: str) -> Mapping[str, Callable[[int], list[bytes]]]:
    """Return how requests of each format are made."""
    return {
        "segment": lambda count: ingest.requests("/v1/track", write_key, ingest.bodies(count, 1)),
        "appsflyer": lambda count: [_appsflyer(n) for n in range(count)],
        "adjust": lambda count: [_adjust(n) for n in range(count)],
        "branch": lambda count: [_branch(n) for n in range(count)],
        "singular": lambda count: [_singular(n) for n in range(count)],
        "kochava": lambda count: [_kochava(n) for n in range(count)],
        "posthog": lambda count: [_posthog(n, write_key) for n in range(count)],
    }


def _device(number: int) -> str:
    return f"00000000-0000-4000-8000-{number % 20_000 + 1:012d}"


def _order() -> str:
    return uuid.uuid4().hex


def _appsflyer(number: int) -> bytes:
    body = {
        "appsflyer_id": f"1415211453000-{number % 20_000 + 1:07d}",
        "eventName": "purchase",
        "eventValue": json.dumps(
            {"af_revenue": 19.95, "af_order_id": _order(), "af_content_id": f"sku-{number % 500}"}
        ),
        "eventCurrency": "EUR",
        "eventTime": time.strftime("%Y-%m-%d %H:%M:%S.000", time.gmtime()),
        "idfa": _device(number),
        "os": "18.1",
    }
    headers = {**JSON, "authentication": KEY}
    return load.request("POST", f"/inappevent/{APPS['appsflyer'][0]}", headers, json.dumps(body).encode())


def _adjust(number: int) -> bytes:
    fields = {
        "s2s": 1, "app_token": APPS["adjust"][0], "event_token": "abc123", "idfa": _device(number), "revenue": 19.95,
        "currency": "EUR", "created_at_unix": int(time.time()), "os_version": "18.1",
        "callback_params": json.dumps({"order_id": _order(), "sku": f"sku-{number % 500}"}),
    }  # fmt: skip
    return load.request("POST", "/event", FORM, urlencode(fields).encode())


def _branch(number: int) -> bytes:
    body = {
        "branch_key": APPS["branch"][0],
        "name": "PURCHASE",
        "user_data": {"os": "iOS", "os_version": "18.1", "idfa": _device(number)},
        "event_data": {"transaction_id": _order(), "revenue": 19.95, "currency": "EUR"},
        "custom_data": {"sku": f"sku-{number % 500}"},
    }
    return load.request("POST", "/v2/event/standard", JSON, json.dumps(body).encode())


def _singular(number: int) -> bytes:
    fields = {
        "a": KEY, "p": "iOS", "i": APPS["singular"][0], "n": "purchase", "ip": "192.0.2.1", "ve": "18.1",
        "idfa": _device(number), "idfv": _device(number), "amt": 19.95, "cur": "EUR", "utime": int(time.time()),
        "e": json.dumps({"order_id": _order(), "sku": f"sku-{number % 500}"}),
    }  # fmt: skip
    return load.request("GET", f"/api/v1/evt?{urlencode(fields)}", {})


def _kochava(number: int) -> bytes:
    data = {
        "usertime": int(time.time()), "event_name": "purchase", "device_ver": "iPhone-iOS-18.1", "currency": "EUR",
        "device_ids": {"idfa": _device(number)}, "origination_ip": "192.0.2.1",
        "event_data": {"revenue": 19.95, "order_id": _order(), "sku": f"sku-{number % 500}"},
    }  # fmt: skip
    body = {"action": "event", "kochava_app_id": APPS["kochava"][0], "kochava_device_id": _device(number), "data": data}
    return load.request("POST", "/track/json", JSON, json.dumps(body).encode())


def _posthog(number: int, write_key: str) -> bytes:
    body = {
        "api_key": write_key, "event": "purchase", "distinct_id": _device(number), "uuid": str(uuid.uuid4()),
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "properties": {"revenue": 19.95, "currency": "EUR", "sku": f"sku-{number % 500}", "$os": "iOS"},
    }  # fmt: skip
    return load.request("POST", "/i/v0/e/", JSON, json.dumps(body).encode())
