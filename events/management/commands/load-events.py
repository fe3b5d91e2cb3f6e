"""Record a CSV file as events."""  # noqa: N999 -- the command's name has a dash

import csv
import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from customers.models import Project
from events import services as events
from events.csv_files import Columns, Source, WrongFile
from events.importing import Imported, load

SHOWN = 10


class Command(BaseCommand):
    help = (
        "Record each row of a CSV file (.csv, also packed as .gz or .zst) as a track event: history from before, or"
        " from another tool. Columns that no option names become properties. Safe to repeat within eight days."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--project", required=True, help="The project's slug.")
        parser.add_argument("--timestamp", required=True, metavar="COLUMN", help="When it happened.")
        parser.add_argument("--user-id", default="", metavar="COLUMN", help="The known id of the person.")
        parser.add_argument("--anonymous-id", default="", metavar="COLUMN", help="The id of a device or a browser.")
        parser.add_argument("--event", default="", metavar="NAME", help="The name of all events …")
        parser.add_argument("--event-column", default="", metavar="COLUMN", help="… or the column that has it.")
        parser.add_argument(
            "--message-id", default="", metavar="COLUMN", help="The row's own id; made of file and line when absent."
        )
        parser.add_argument(
            "--rename", action="append", default=[], metavar="COLUMN=NAME", help="A property's name; repeatable."
        )
        parser.add_argument("--leave-out", action="append", default=[], metavar="COLUMN", help="Repeatable.")
        parser.add_argument("--time-zone", default="", help="Of times without one; the project's when absent.")
        parser.add_argument("--time-format", default="", help="Like %%d.%%m.%%Y %%H:%%M; ISO 8601 when absent.")
        parser.add_argument("--encoding", default="utf-8", help="Like latin-1.")
        parser.add_argument("--report", type=Path, help="Write every refused row with its line and reason, as CSV.")
        parser.add_argument("--json", action="store_true", help="Print one line of JSON and nothing else.")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}; `manage.py onboard` makes one.")
        began = time.monotonic()
        source = Source(
            options["file"],
            _columns(options),
            _zone(options["time_zone"]) or project.tz,
            options["time_format"],
            _encoding(options["encoding"]),
        )
        bar_columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*bar_columns, console=Console(stderr=True, quiet=options["json"]), transient=True) as bar:
            task = bar.add_task("Reading the file", total=None)

            def seen(done: int, rows: int) -> None:
                bar.update(task, completed=done, total=rows, description="Recording")

            try:
                imported = load(project, source, seen=seen)
            except WrongFile as why:
                raise CommandError(str(why)) from None
            bar.update(task, description="Counting people and days")
            # Where no worker runs, this process does the worker's part; where one does, the two take turns.
            while (stretch := events.digest()) and stretch.more:
                pass
        self.report(imported, time.monotonic() - began, options)

    def report(self, imported: Imported, seconds: float, options: dict[str, Any]) -> None:
        if options["report"]:
            with options["report"].open("w", newline="") as file:
                rows = csv.writer(file)
                rows.writerow(["line", "code", "message"])
                rows.writerows([line.number, line.reason, line.message] for line in imported.refused)
        figures = {
            "rows": imported.rows,
            "stored": imported.stored,
            "repeated": imported.repeated,
            "withoutPerson": imported.without_person,
            "refused": len(imported.refused),
            "seconds": round(seconds, 2),
        }
        if options["json"]:
            self.stdout.write(json.dumps(figures))
            return
        self.stdout.write(
            f"{imported.rows:,} rows in {seconds:.1f} s: {imported.stored:,} stored, {imported.repeated:,} were there"
            f" before, {imported.without_person:,} without an id of a person, {len(imported.refused):,} refused."
        )
        for line in imported.refused[:SHOWN]:
            self.stdout.write(f"  line {line.number}: {line.message}")
        if len(imported.refused) > SHOWN:
            self.stdout.write(f"  … and {len(imported.refused) - SHOWN:,} more; --report FILE writes them all.")


def _columns(options: dict[str, Any]) -> Columns:
    if bool(options["event"]) == bool(options["event_column"]):
        raise CommandError("Say what happened: either --event NAME or --event-column COLUMN.")
    if not options["user_id"] and not options["anonymous_id"]:
        raise CommandError("Say who did it: --user-id COLUMN, --anonymous-id COLUMN, or both.")
    pairs = [text.partition("=") for text in options["rename"]]
    if not all(column and name for column, _, name in pairs):
        raise CommandError("--rename takes COLUMN=NAME.")
    return Columns(
        timestamp=options["timestamp"],
        user_id=options["user_id"],
        anonymous_id=options["anonymous_id"],
        event=options["event"],
        event_column=options["event_column"],
        message_id=options["message_id"],
        renamed={column: name for column, _, name in pairs},
        left_out=frozenset(options["leave_out"]),
    )


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        raise CommandError(f"There is no time zone {name!r}; it is written like Europe/Berlin.") from None


def _encoding(name: str) -> str:
    try:
        "".encode(name)
    except LookupError:
        raise CommandError(f"There is no encoding {name!r}; try utf-8, latin-1 or cp1252.") from None
    return name
