"""Postbacks: made of final decisions, sent to a receiver on this machine that fails one time in ten, also by a sender
that is killed in the middle."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from bench import data, stack

LOOPBACK = "127.0.0.0/8"
# Installs of a day ago, each with a click and a decision that is final.
ROWS = """
WITH touches AS (
    INSERT INTO attribution_touch (project_id, touch_id, type, ts, received_at, clamped, source, medium, campaign,
        content, term, campaign_id, publisher, network_click_id, device_id, advertising_id, app, os_name, os_version,
        device_model, user_agent, locale, time_zone, screen, bot)
    SELECT %(project)s, 'p-' || n, 'click', %(at)s, %(at)s, false, 'network', '', 'campaign ' || n %% 60, '', '', '',
        '', 'nc-' || n, '', '', '', 'android', '', '', '', '', '', '', false
    FROM generate_series(1, %(number)s) n RETURNING id, touch_id, campaign
), installs AS (
    INSERT INTO attribution_install (project_id, message_id, distinct_id, installed_at, received_at, click_id,
        referrer_click_id, install_referrer, device_id, advertising_id, app, os_name, os_version, device_model, pending)
    SELECT %(project)s, 'i-' || touch_id, touch_id, %(at)s, %(at)s, touch_id, '', '', '', '', '', 'android', '', '',
        false
    FROM touches RETURNING id, distinct_id
)
INSERT INTO attribution_decision (project_id, install_id, kind, state, tier, touch_id, source, campaign, installed_at,
    decided_at, rule_set_id, revision, considered)
SELECT %(project)s, i.id, 'install', 'final', 'click_id', t.id, 'network', t.campaign, %(at)s, %(at)s, %(rules)s, 1, 1
FROM installs i JOIN touches t ON t.touch_id = i.distinct_id
"""
SENDER = """
import time
from django.utils import timezone
from attribution.postbacks import sending
while True:
    sending.send_due(now=timezone.now(), working_s=5)
"""


def main(options: list[str]) -> None:
    """Print how many messages a second are made and sent, and that each arrived with one content."""
    parser = argparse.ArgumentParser(prog="python -m bench postbacks")
    parser.add_argument("--messages", type=int, default=6_000)
    parser.add_argument("--small", action="store_true", help="300 messages")
    chosen, _ = parser.parse_known_args(options)
    number = 300 if chosen.small else chosen.messages

    from django.conf import settings

    settings.OUTBOUND_PRIVATE_NETWORKS = (ip_network(LOOPBACK),)
    port = stack.free_port()
    receiver = subprocess.Popen([sys.executable, "-m", "bench.receiver", str(port)])
    try:
        project_id, _ = data.fresh_project(f"postbacks-{int(time.time())}")
        target = _destination(project_id, port)
        _made(project_id, number)
        killed_after = _killed(port, number)
        _sent(target, port, number, killed_after)
    finally:
        receiver.terminate()
        receiver.wait(10)


def _destination(project_id: int, port: int) -> Any:
    from django.utils import timezone

    from attribution.models import Destination
    from attribution.postbacks import destinations
    from attribution.postbacks.templates import BY_CODE
    from customers.models import Project

    _wait_for(port)
    fields = destinations.fields_of(BY_CODE["webhook"]) | {"url": f"http://127.0.0.1:{port}/hook"}
    made, _ = destinations.create(Project.objects.get(pk=project_id), user=None, **fields)
    Destination.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(days=3))
    return made


def _made(project_id: int, number: int) -> None:
    from django.db import connection
    from django.utils import timezone

    from attribution import rule_sets
    from attribution.postbacks import making

    rules = rule_sets.current([project_id])[project_id].pk
    with connection.cursor() as cursor:
        at = timezone.now() - timedelta(days=2)
        cursor.execute(ROWS, {"project": project_id, "number": number, "at": at, "rules": rules})
    began, looked = time.perf_counter(), 0
    while found := making.make(now=timezone.now()):
        looked += found
    print(f"made             {looked / (time.perf_counter() - began):,.0f} messages/s")


def _killed(port: int, number: int) -> int:
    """Start a sender of its own process and kill it with a quarter sent; return how many had arrived."""
    from django.conf import settings

    environment = {**os.environ, "OUTBOUND_PRIVATE_NETWORKS": LOOPBACK, "PYTHONPATH": str(settings.BASE_DIR)}
    setup = "import django; django.setup()\n"
    sender = subprocess.Popen([sys.executable, "-c", setup + SENDER], env=environment)
    while _report(port)["requests"] < number // 4:
        time.sleep(0.02)
    sender.send_signal(signal.SIGKILL)
    sender.wait()
    arrived = int(_report(port)["requests"])
    print(f"killed           a sender by kill -9 after {arrived:,} requests")
    return arrived


def _sent(target: Any, port: int, number: int, before: int) -> None:
    from django.utils import timezone

    from attribution.models import Postback
    from attribution.postbacks import sending

    began, ahead = time.perf_counter(), timedelta()
    left = target.postbacks.filter(state=Postback.State.WAITING)
    while left.exists():
        if not sending.send_due(now=timezone.now() + ahead, working_s=3600):
            # Nobody waits here for pauses and leases: the clock is put forward.
            ahead += timedelta(seconds=75)
            Postback.objects.filter(pk__in=left.values("pk")).update(next_at=timezone.now())
    took, report = time.perf_counter() - began, _report(port)
    tries = report["requests"] - before
    print(f"sent             {tries / took:,.0f} requests/s, {report['failed']:,} of {report['requests']:,} failed")
    delivered = target.postbacks.filter(state=Postback.State.DELIVERED).count()
    assert delivered == number == report["keys"], f"lost: {delivered} delivered, {report['keys']} arrived of {number}"
    assert report["contents"] == report["keys"], f"{report['contents']} contents of {report['keys']} messages"
    print(
        f"arrived          {report['keys']:,} of {number:,} messages, each with one content; {report['twice']:,} twice"
    )


def _report(port: int) -> dict[str, int]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/report", timeout=5) as answer:
        found: dict[str, int] = json.load(answer)
    return found


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            _report(port)
        except OSError:
            time.sleep(0.05)
        else:
            return
