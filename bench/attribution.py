"""Attribution: taps through the redirect, installs decided against many touches, and how soon they are."""

import argparse
import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from urllib.parse import urlencode
from uuid import UUID

import psutil
from django.db import connection
from django.utils import timezone

from attribution import decisions, secrets, signatures, tasks
from attribution.models import Decision, Install, Link, Secret, Signature, Touch
from bench import data, load, stack
from events import services as events

AGENT = (
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
)
BATCH = 20
# A third of the people share 200 carrier addresses, the others have one of their own; a few models are common.
TOUCHES = """
INSERT INTO attribution_touch (project_id, touch_id, type, ts, received_at, clamped, source, medium, campaign, content,
    term, campaign_id, publisher, network_click_id, device_id, advertising_id, ip, app, os_name, os_version, device_model,
    user_agent, locale, time_zone, screen, bot)
SELECT %(project)s, 'b-' || n, 'click', %(now)s - random() * interval '7 days', %(now)s, false, 'network ' || n %% 12,
    '', 'campaign ' || n %% 60, '', '', '', '', '', '',
    CASE WHEN n %% 4 = 0 THEN md5(n::text) ELSE '' END,
    CASE WHEN n %% 3 = 0 THEN '100.64.0.0'::inet + n %% 200 ELSE '10.0.0.0'::inet + n END,
    '', 'android', (10 + floor(6 * random()))::text, 'model ' || floor(300 * random() ^ 2), '', '', '', '', false
FROM generate_series(1, %(touches)s) AS n
"""  # noqa: E501
# Each install follows a random touch; a third carry its click id, a quarter of the rest its advertising id.
INSTALLS = """
INSERT INTO attribution_install (project_id, message_id, distinct_id, installed_at, received_at, click_id,
    referrer_click_id, install_referrer, device_id, advertising_id, ip, app, os_name, os_version, device_model, pending)
SELECT project_id, 'i-' || touch_id || '-' || %(now)s, touch_id, ts + random() * interval '1 hour', %(now)s,
    CASE WHEN id %% 3 = 0 THEN touch_id ELSE '' END, '', '', '', advertising_id, ip, '', os_name,
    os_version, device_model, true
FROM attribution_touch WHERE project_id = %(project)s ORDER BY random() LIMIT %(installs)s
"""


def main(options: list[str]) -> None:
    """Run both parts and print their figures."""
    parser = argparse.ArgumentParser(prog="bench attribution")
    parser.add_argument("--touches", type=int, default=100_000)
    parser.add_argument("--installs", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=500, help="taps a second")
    parser.add_argument("--events", type=int, default=1_000, help="events a second while decisions are timed")
    parser.add_argument("--asked", type=int, default=200, help="installs that ask who brought them")
    parser.add_argument("--seconds", type=int, default=10)
    chosen, _ = parser.parse_known_args(options)
    project_id, key = data.fresh_project(f"attribution-{int(time.time())}")
    deciding(project_id, chosen.touches, chosen.installs)
    taps(project_id, chosen.rate, chosen.seconds)
    waiting(project_id, key, chosen.events, chosen.seconds)
    asking(project_id, key, chosen.asked)
    Decision.objects.filter(project=project_id).delete()
    Install.objects.filter(project=project_id).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM attribution_touch WHERE project_id = %s", [project_id])


def deciding(project_id: int, touches: int, installs: int) -> None:
    """Decide `installs` against `touches` in one process, and say how many were credited to their own click."""
    values = {"project": project_id, "touches": touches, "installs": installs, "now": timezone.now()}
    with connection.cursor() as cursor:
        cursor.execute(TOUCHES, values)
        cursor.execute("VACUUM ANALYZE attribution_touch")
        cursor.execute(INSTALLS, values)
    begun, decided = time.perf_counter(), 0
    while number := decisions.decide_pending(5_000, now=timezone.now()):
        decided += number
    seconds = time.perf_counter() - begun
    rows = Decision.objects.filter(project=project_id, touch__isnull=False).values_list(
        "install__distinct_id", "touch__touch_id"
    )
    right = sum(wanted == found for wanted, found in rows)
    memory = psutil.Process().memory_info().rss / 1e6
    print(
        f"decide {decided:,} installs against {touches:,} touches: {seconds:.2f} s, {decided / seconds:,.0f}"
        f" installs/s; {right:,} to their own click; {memory:.0f} MB"
    )


def taps(project_id: int, rate: int, seconds: int) -> None:
    """Tap a link `rate` times a second through granian; each tap is committed before its redirect.

    Each is signed, comes from an address of its own, has sub-ids, and fills macros of the link.
    """
    link = Link.objects.create(
        project_id=project_id,
        slug=(slug := f"bench-{project_id}"),
        name="Bench",
        source="bench",
        fallback_url="https://example.com/{campaign}?s={sub1}",
        deep_link="/sale/{sub1}",
    )
    key = "the key of this measurement"
    secrets.create(link.project, Secret.Kind.CLICK_SIGNATURE, key, source=link.source)
    wanted = [_tap(f"/c/{slug}", n, key) for n in range(rate * seconds)]
    os.environ["TRUSTED_PROXIES"] = "1"
    with stack.web() as (port, _):
        load.run(port, wanted[:200], 8)
        before = Touch.objects.filter(project=project_id, link__slug=slug).count()
        result = load.run(port, wanted, 8, rate=rate)
        after = Touch.objects.filter(project=project_id, link__slug=slug, signature=Signature.VALID).count()
        fast = load.run(port, wanted, 8)
    print(
        f"taps at {rate}/s for {seconds} s: p50 {result.quantile(0.5):.2f} ms, p95 {result.quantile(0.95):.2f} ms,"
        f" p99 {result.quantile(0.99):.2f} ms; {result.statuses}; {after - before:,} stored and rightly signed;"
        f" flat out {fast.per_second:,.0f}/s, p95 {fast.quantile(0.95):.2f} ms"
    )


def _tap(path: str, number: int, key: str) -> bytes:
    """Return the request of one tap as a network sends it."""
    query = {
        "af_siteid": f"site {number % 50}",
        "af_adset": f"ad set {number % 9}",
        "af_sub1": f"sub {number % 200}",
        "clickid": f"net-{number}",
        "gaid": str(UUID(int=number)),
        "expires": str(int(time.time()) + 3_600),
    }
    query["signature"] = signatures.sign_click(key, path, query)
    address = str(IPv4Address(0x0B000000 + number * 251))
    return load.request("GET", f"{path}?{urlencode(query)}", {"User-Agent": AGENT, "X-Forwarded-For": address})


def waiting(project_id: int, key: str, rate: int, seconds: int) -> None:
    """Send `rate` events a second, one in twenty an install, and measure from each arrival until the decision is
    committed and can be read, with beat's rhythm of one run a second."""
    run, stop = time.time_ns(), threading.Event()
    seen: dict[str, datetime] = {}

    def beat() -> None:
        while not stop.wait(1.0):
            tasks.attribute_pending()
            events.digest()
        connection.close()

    def watch() -> None:
        newest = 0
        while not stop.wait(0.02):
            found = Decision.objects.filter(project=project_id, pk__gt=newest).order_by("pk")
            for pk, message_id in found.values_list("pk", "install__message_id"):
                newest, seen[message_id] = pk, datetime.now(UTC)
        connection.close()

    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    wanted = [
        load.request("POST", "/v1/batch", headers, json.dumps({"batch": _batch(f"w-{run}-{number}")}).encode())
        for number in range(rate * seconds // BATCH)
    ]
    threads = [threading.Thread(target=work) for work in (beat, watch)]
    for thread in threads:
        thread.start()
    with stack.web() as (port, _):
        result = load.run(port, wanted, 4, rate=rate / BATCH)
        time.sleep(3)
    stop.set()
    for thread in threads:
        thread.join()
    arrived = dict(
        Install.objects.filter(project=project_id, message_id__startswith=f"w-{run}-").values_list(
            "message_id", "received_at"
        )
    )
    waits = sorted((seen[name] - at) / timedelta(milliseconds=1) for name, at in arrived.items() if name in seen)
    print(
        f"at {rate:,} events/s ({result.statuses}), from an install's arrival until its decision can be read:"
        f" p50 {waits[len(waits) // 2]:.0f} ms, p95 {waits[int(len(waits) * 0.95)]:.0f} ms,"
        f" p99 {waits[int(len(waits) * 0.99)]:.0f} ms, {len(waits)} of {len(wanted)} decided"
    )


def _batch(name: str) -> list[dict[str, str]]:
    """Return an install and what its person does in the first minute."""
    calls = [{"type": "track", "event": "Application Installed", "messageId": name}]
    calls += [{"type": "track", "event": f"Action {n % 9}", "messageId": f"{name}-{n}"} for n in range(BATCH - 1)]
    return [call | {"anonymousId": name} for call in calls]


def asking(project_id: int, key: str, number: int) -> None:
    """Be an app that sends its install and at once asks who brought it, with nobody else there to decide it."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    run, both, statuses = time.time_ns(), load.Result(), {}
    with stack.web() as (port, _):
        for index in range(number + 20):
            message_id = f"me-{run}-{index}"
            call = {"type": "track", "event": "Application Installed", "messageId": message_id}
            body = json.dumps(call | {"anonymousId": message_id}).encode()
            load.run(port, [load.request("POST", "/v1/track", headers, body)], 1)
            asked = load.run(port, [load.request("GET", f"/v1/attribution/me?messageId={message_id}", headers)], 1)
            if index >= 20:  # the first ones warm the processes up
                both.times += asked.times
                statuses = {status: statuses.get(status, 0) + count for status, count in asked.statuses.items()}
    print(
        f"GET /v1/attribution/me right after the install's 200: p50 {both.quantile(0.5):.1f} ms,"
        f" p95 {both.quantile(0.95):.1f} ms, p99 {both.quantile(0.99):.1f} ms; {statuses}"
    )
