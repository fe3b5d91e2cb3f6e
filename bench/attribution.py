"""Attribution: taps through the redirect at 500/s, and installs decided against many touches."""

import argparse
import json
import threading
import time
from datetime import UTC, datetime, timedelta

import psutil
from django.db import connection
from django.utils import timezone

from attribution import decisions, tasks
from attribution.models import Decision, Install, Link, Touch
from bench import data, load, stack

AGENT = (
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0 Mobile Safari/537.36"
)
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
    parser.add_argument("--seconds", type=int, default=10)
    chosen, _ = parser.parse_known_args(options)
    project_id, key = data.fresh_project(f"attribution-{int(time.time())}")
    deciding(project_id, chosen.touches, chosen.installs)
    taps(project_id, chosen.rate, chosen.seconds)
    waiting(project_id, key, chosen.seconds)
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
    """Tap a link `rate` times a second through granian; each tap is committed before its redirect."""
    slug = f"bench-{project_id}"
    Link.objects.create(
        project_id=project_id, slug=slug, name="Bench", source="bench", fallback_url="https://example.com/"
    )
    wanted = [
        load.request("GET", f"/c/{slug}?utm_source=s{n % 5}", {"User-Agent": AGENT}) for n in range(rate * seconds)
    ]
    with stack.web() as (port, _):
        load.run(port, wanted[:200], 8)
        before = Touch.objects.filter(project=project_id, link__slug=slug).count()
        result = load.run(port, wanted, 8, rate=rate)
        after = Touch.objects.filter(project=project_id, link__slug=slug).count()
        fast = load.run(port, wanted, 8)
    print(
        f"taps at {rate}/s for {seconds} s: p50 {result.quantile(0.5):.2f} ms, p95 {result.quantile(0.95):.2f} ms,"
        f" p99 {result.quantile(0.99):.2f} ms; {result.statuses}; {after - before:,} stored;"
        f" flat out {fast.per_second:,.0f}/s, p95 {fast.quantile(0.95):.2f} ms"
    )


def waiting(project_id: int, key: str, seconds: int) -> None:
    """Send installs one by one and measure from each 200 to the decision, with beat's rhythm of one run a second."""
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(1.0):
            tasks.attribute_pending()
        connection.close()

    worker = threading.Thread(target=beat)
    worker.start()
    answered: dict[str, datetime] = {}
    with stack.web() as (port, _):
        for number in range(seconds * 20):
            message_id = f"w-{project_id}-{number}-{time.time_ns()}"
            event = {
                "type": "track",
                "event": "Application Installed",
                "anonymousId": message_id,
                "messageId": message_id,
            }
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            load.run(port, [load.request("POST", "/v1/track", headers, json.dumps(event).encode())], 1)
            answered[message_id] = datetime.now(UTC)
            time.sleep(0.05)
        time.sleep(3)
    stop.set()
    worker.join()
    rows = Decision.objects.filter(install__message_id__in=answered).values_list("install__message_id", "decided_at")
    waits = sorted((at - answered[message_id]) / timedelta(milliseconds=1) for message_id, at in rows)
    print(
        f"from an install's 200 to its decision: p50 {waits[len(waits) // 2]:.0f} ms,"
        f" p99 {waits[int(len(waits) * 0.99)]:.0f} ms, {len(waits)} of {len(answered)} decided"
    )
