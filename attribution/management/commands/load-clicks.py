"""Load a file of real clicks through the public API."""  # noqa: N999 -- the command's name has a dash

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from attribution import tasks
from attribution.click_files import WrongFile
from attribution.loading import Api, Loaded, LoadFailed, load
from attribution.queries import days_of_touches
from customers import services as customers
from customers.models import ApiKey, Project

START_S = 30


class Command(BaseCommand):
    help = (
        "Send a click file with TalkingData's columns (.csv or .csv.gz) through the public API: clicks to /v1/touches,"
        " installs to /v1/batch. Safe to repeat; goes on where it stopped. Uses the running product (BASE_URL or PORT),"
        " or serves the API itself for the while."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--project", required=True, help="The project's slug.")
        parser.add_argument("--json", action="store_true", help="Print one line of JSON and nothing else.")
        parser.add_argument("--base-url", default="", help="Where the product runs, if not where BASE_URL or PORT say.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}; `manage.py onboard` makes one.")
        began = time.monotonic()
        key, text = customers.make(project, ApiKey.Kind.SECRET, name="load-clicks, while it runs")
        try:
            with _product(options["base_url"], text) as base_url, contextlib.closing(Api(base_url, text)) as api:
                loaded = self.load(options["file"], project, api, quiet=options["json"])
        except (WrongFile, LoadFailed) as why:
            raise CommandError(str(why)) from None
        finally:
            customers.revoke(key)
        self.report(loaded, project, time.monotonic() - began, as_json=options["json"])

    def load(self, path: Path, project: Project, api: Api, *, quiet: bool) -> Loaded:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = Console(stderr=True, quiet=quiet)
        with Progress(*columns, console=console, transient=True) as bar:
            task = bar.add_task("Reading the file", total=_rows(path))

            def decide() -> None:
                tasks.attribute_pending()

            def seen(rows: int) -> None:
                bar.update(task, completed=rows, description="Sending clicks")

            # Where no worker runs, this process does the worker's part.
            return load(path, project, api, seen=seen, work=decide)

    def report(self, loaded: Loaded, project: Project, seconds: float, *, as_json: bool) -> None:
        if as_json:
            figures = {"clicks": loaded.clicks, "installs": loaded.installs, "credited": loaded.credited}
            self.stdout.write(json.dumps({**figures, "seconds": round(seconds, 2)}))
            return
        self.stdout.write(
            f"{loaded.clicks:,} clicks and {loaded.installs:,} installs in {seconds:.1f} s;"
            f" {loaded.credited:,} installs are credited to the click of their own row."
        )
        for one in loaded.others or []:
            self.stdout.write(
                f"  {one['messageId']} went to {one['touchId'] or 'organic'}: GET /v1/attributions/{one['id']}/explain"
            )
        # The clicks of a file are of its own days, which the pages' last 28 days seldom hold.
        days = days_of_touches(project)
        period = f"?from={days[0]}&to={days[1]}" if days else ""
        self.stdout.write(f"See {settings.BASE_URL}/dashboard/{project.slug}/campaigns/{period}")


def _rows(path: Path) -> int | None:
    """Guess the rows of a file from its size, for the progress bar only."""
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        return round(size / (11 if path.suffix == ".gz" else 40))
    return None


@contextlib.contextmanager
def _product(base_url: str, key: str) -> Iterator[str]:
    """Give the address of the product that knows `key`: the running one, or one that is started for the while."""
    base_url = (base_url or str(settings.BASE_URL)).rstrip("/")
    if _answers(base_url, key):
        yield base_url
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--port", str(port), "--blocking-threads", "2"]
    server = subprocess.Popen(
        [*command, "--http", "1", "--no-ws", "growthplatform.wsgi:application"],
        cwd=settings.BASE_DIR,
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        base_url, until = f"http://127.0.0.1:{port}", time.monotonic() + START_S
        while not _answers(base_url, key):
            if server.poll() is not None or time.monotonic() > until:
                raise LoadFailed(f"The product does not run, and could not be started on port {port}.")
            time.sleep(0.2)
        yield base_url
    finally:
        server.terminate()
        server.wait()


def _answers(base_url: str, key: str) -> bool:
    """Say whether the product with our database is there: another one does not know the key."""
    try:
        with contextlib.closing(Api(base_url, key, tries=1)) as api:
            return "count" in api.get("/v1/attributions", count="true")
    except LoadFailed:
        return False
