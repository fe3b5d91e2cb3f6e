"""Replay: decide the installs of a month again, against millions of touches, by the product's own worker processes."""

import argparse
import threading
import time
from datetime import timedelta

import psutil
from django.db import connection
from django.utils import timezone

from attribution import decisions, replays, rule_sets, services
from attribution.models import Decision, Replay
from attribution.rules import PROBABILISTIC, VIEW, WINDOWS_S, Rules
from bench import data
from customers.models import Project

DAYS = 30
# A third of the people share 200 carrier addresses, the others have one of their own; a few models are common.
TOUCHES = """
INSERT INTO attribution_touch (project_id, touch_id, type, ts, received_at, clamped, source, medium, campaign, content,
    term, campaign_id, publisher, network_click_id, device_id, advertising_id, ip, app, os_name, os_version, device_model,
    user_agent, locale, time_zone, screen, bot)
SELECT %(project)s, 'r-' || n, CASE WHEN n %% 5 = 0 THEN 'impression' ELSE 'click' END, at, at, false,
    'network ' || n %% 12, '', 'campaign ' || n %% 60, '', '', '', 'publisher ' || n %% 500, '', '',
    CASE WHEN n %% 4 = 0 THEN md5(n::text)::uuid::text ELSE '' END,
    CASE WHEN n %% 3 = 0 THEN '100.64.0.0'::inet + n %% 200 ELSE '10.0.0.0'::inet + n END,
    '', CASE WHEN n %% 2 = 0 THEN 'android' ELSE 'ios' END, (10 + floor(6 * random()))::text,
    'model ' || floor(300 * random() ^ 2), '', 'de-de', 'Europe/Berlin', '1080x2400', false
FROM (SELECT n, %(now)s::timestamptz - random() * %(days)s * interval '1 day' AS at FROM generate_series(1, %(touches)s) n
      ORDER BY at) t
"""  # noqa: E501
# Seven of ten installs follow a random touch, by minutes or hours; a third of those carry its click id, a quarter its
# advertising id, a tenth begin their download before it. The others are organic, on the same networks.
INSTALLS = """
INSERT INTO attribution_install (project_id, message_id, distinct_id, installed_at, received_at, click_id,
    referrer_click_id, install_referrer, device_id, advertising_id, ip, app, os_name, os_version, device_model, locale,
    time_zone, screen, ad_tracking, pending)
SELECT project_id, 'i-' || touch_id, touch_id, at, at + interval '2 seconds',
    CASE WHEN brought AND id %% 3 = 0 THEN touch_id ELSE '' END, '', '', '',
    CASE WHEN brought OR id %% 2 = 0 THEN advertising_id ELSE '' END, ip, '', os_name, os_version, device_model, locale,
    time_zone, screen, true, true
FROM (
    SELECT *, ts + CASE WHEN brought THEN interval '20 seconds' + exp(random() * 8) * interval '10 seconds'
                        ELSE random() * interval '20 days' END AS at
    FROM (SELECT *, random() < 0.7 AS brought FROM attribution_touch
          WHERE project_id = %(project)s AND type = 'click' ORDER BY hashint8(id) LIMIT %(installs)s) t
) t ORDER BY at
"""


def main(options: list[str]) -> None:
    """Decide a month, then replay it by the same rules and by others; print the figures."""
    parser = argparse.ArgumentParser(prog="bench replay")
    parser.add_argument("--touches", type=int, default=5_000_000)
    parser.add_argument("--installs", type=int, default=200_000)
    parser.add_argument("--project", default="", help="Replay the project of an earlier run with --keep.")
    parser.add_argument("--keep", action="store_true", help="Leave the project for another run.")
    chosen, _ = parser.parse_known_args(options)
    project_id, _ = data.fresh_project(chosen.project or f"replay-{int(time.time())}")
    project = Project.objects.get(pk=project_id)
    if not chosen.project:
        make(project, chosen.touches, chosen.installs)
    print(f"project {project.slug}: {project.touches.count():,} touches")
    other = Rules(windows_s={**WINDOWS_S, PROBABILISTIC: 6 * 3600, VIEW: 3600}, accept=0.9)
    replay(project, "the same rules", rule_sets.current([project_id])[project_id].rules)
    replay(project, "other rules", other)
    if not chosen.keep and not chosen.project:
        for _ in services.erase(project_id):
            pass


def make(project: Project, touches: int, installs: int) -> None:
    """Make touches and installs by SQL and let the engine decide them."""
    values = {"project": project.pk, "touches": touches, "installs": installs, "now": timezone.now(), "days": DAYS}
    begun = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(TOUCHES, values)
        cursor.execute("VACUUM ANALYZE attribution_touch")
        print(f"made {touches:,} touches in {time.perf_counter() - begun:.0f} s", flush=True)
        cursor.execute(INSTALLS, values)
        cursor.execute("VACUUM ANALYZE attribution_install")
    begun, decided = time.perf_counter(), 0
    while number := decisions.decide_pending(5_000, now=timezone.now()):
        decided += number
        if decided % 50_000 == 0:
            print(f"decided {decided:,} in {time.perf_counter() - begun:.0f} s", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE attribution_decision")
        cursor.execute("VACUUM ANALYZE attribution_candidate")


def replay(project: Project, name: str, rules: Rules) -> None:
    """Replay all installs of the project once, and say how long it took from start to summary, and how much memory."""
    first = Decision.objects.filter(project=project).earliest("installed_at").installed_at
    started = replays.start(project, rules, first, timezone.now() + timedelta(days=60), note=name)
    begun = time.perf_counter()
    with Peak() as peak:
        replays.work(started.pk)
    seconds = time.perf_counter() - begun
    done = Replay.objects.get(pk=started.pk)
    print(
        f"replayed {done.total:,} installs by {name}: {seconds:.2f} s, {done.total / seconds:,.0f}/s;"
        f" {done.summary.get('changed', 0):,} would move; {peak.bytes / 1e6:.0f} MB in all processes; {done.state}"
    )


class Peak:
    """The most memory that this process and its children had at once, without PostgreSQL's."""

    def __init__(self) -> None:
        self.bytes = 0

    def __enter__(self) -> "Peak":
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._stop.wait(0.1):
            children = [one for one in me.children(recursive=True) if "postgres" not in one.name()]
            self.bytes = max(self.bytes, sum(one.memory_info().rss for one in [me, *children] if one.is_running()))
