"""Take a file of AppsFlyer's raw data over."""  # noqa: N999 -- the command's name has a dash

import csv
import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from attribution.appsflyer_import import working
from attribution.appsflyer_import.rows import WrongFile
from attribution.models import VendorImport
from attribution.shadow import numbers
from customers.models import Project
from growthplatform.core.errors import Problem

SHOWN = 10


class Command(BaseCommand):
    help = (
        "Take a CSV file of AppsFlyer's raw data over: installs, in-app events, and the touches that brought them."
        " A row that was taken before is not taken again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--project", required=True, help="The project's slug.")
        parser.add_argument("--time-zone", default="UTC", help="Of the file's times; UTC when absent.")
        parser.add_argument("--report", type=Path, help="Write the rows left out with their reasons, as CSV.")
        parser.add_argument("--json", action="store_true", help="Print one line of JSON and nothing else.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}.")
        try:
            zone = numbers.zone_of(options["time_zone"])
            made = working.order_file(project, options["file"], time_zone=zone, now=timezone.now())
        except WrongFile as why:
            raise CommandError(str(why)) from None
        except Problem as problem:
            raise CommandError(problem.message) from None
        self._follow(made, quiet=options["json"])
        made.refresh_from_db()
        self._report(made, options)
        if made.state == VendorImport.State.FAILED:
            raise CommandError(made.problem)

    def _follow(self, made: VendorImport, *, quiet: bool) -> None:
        """Read the file here, or watch where a worker was quicker to begin."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True, quiet=quiet), transient=True) as bar:
            task = bar.add_task("Taking over", total=made.total)

            def seen(done: int, rows: int) -> None:
                bar.update(task, completed=done, total=rows)

            while not working.work(made.pk, seen=seen):
                time.sleep(0.5)
                made.refresh_from_db()
                seen(made.rows, made.total or made.rows)

    def _report(self, made: VendorImport, options: dict[str, Any]) -> None:
        if options["report"]:
            with options["report"].open("w", newline="") as file:
                rows = csv.DictWriter(file, ["line", "field", "code", "message", "text"])
                rows.writeheader()
                rows.writerows(made.report)
        figures = {"rows": made.rows, "taken": made.taken, "repeated": made.repeated, "refused": made.refused}
        if options["json"]:
            self.stdout.write(json.dumps({**figures, **made.summary}))
            return
        self.stdout.write(
            f"{made.rows:,} rows: {made.taken:,} taken, {made.repeated:,} there before, {made.refused:,} left out."
        )
        for row in made.report[:SHOWN]:
            self.stdout.write(f"  line {row['line']}: {row['message']}")
