"""Raw data into files: ten million sealed events, and touches out of PostgreSQL, as Parquet and CSV."""

import argparse
import subprocess
import sys
import time
from contextlib import suppress

import psutil
from django.conf import settings
from django.db import connection
from django.utils import timezone

from attribution import services
from attribution.exports import jobs
from attribution.exports.kinds import APPSFLYER, OWN
from attribution.exports.reading import Asked
from attribution.models import Export
from bench import data, dataset, replay
from customers.models import Project


def main(options: list[str]) -> None:
    """Write each file as the worker's process does, and print rows a second and the most memory."""
    parser = argparse.ArgumentParser(prog="bench exports")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--touches", type=int, default=1_000_000)
    parser.add_argument("--small", action="store_true", help="A twentieth of it.")
    chosen, _ = parser.parse_known_args(options)
    events, touches = (chosen.events // 20, chosen.touches // 20) if chosen.small else (chosen.events, chosen.touches)
    whole = dataset.filled(events)
    for form in ("parquet", "csv"):
        write(whole, Asked("events"), form)
    write(whole, Asked("events", APPSFLYER), "csv")
    project = Project.objects.get(pk=data.fresh_project(f"exports-{int(time.time())}")[0])
    make_touches(project, touches)
    for form in ("parquet", "csv"):
        write(project, Asked("touches"), form)
    for _ in services.erase(project.pk):
        pass


def make_touches(project: Project, number: int) -> None:
    """Make touches of a month by SQL."""
    values = {"project": project.pk, "touches": number, "now": timezone.now(), "days": replay.DAYS}
    with connection.cursor() as cursor:
        cursor.execute(replay.TOUCHES, values)
        cursor.execute("VACUUM ANALYZE attribution_touch")


def write(project: Project, asked: Asked, form: str) -> None:
    """Write one file by a process of its own, as the product does, and say how fast it was from when it took it up."""
    export = jobs.order(project, asked, form)
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "write-exports"]
    most, begun = 0, 0.0
    with psutil.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with suppress(psutil.Error):
                most = max(most, process.memory_info().rss)
            if not begun and Export.objects.filter(pk=export.pk, beat_at__isnull=False).exists():
                begun = time.perf_counter()
            time.sleep(0.05)
            export.refresh_from_db(fields=["state"])
            if export.state not in jobs.OPEN:
                break
        seconds = time.perf_counter() - begun
        process.wait()
    row = Export.objects.get(pk=export.pk)
    columns = "" if asked.columns == OWN else f" in {asked.columns}'s columns"
    print(
        f"{asked.kind}{columns} as {form}: {row.rows:,} rows, {row.bytes / 1e6:,.0f} MB in {seconds:.1f} s,"
        f" {row.rows / seconds:,.0f} rows/s, at most {most / 1e6:.0f} MB of memory; {row.state} {row.problem}",
        flush=True,
    )
    jobs.remove(row, now=timezone.now())
