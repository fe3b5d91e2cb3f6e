"""Work on replays, from the command line: take one up that waits, or see how they stand."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from attribution import replays


class Command(BaseCommand):
    help = "Work on the replays that wait, as the worker does by itself."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--help-with", type=int, metavar="REPLAY", help="Only help another process with this one.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["help_with"]:
            replays.help_with(options["help_with"])
            return
        for pk in replays.unfinished():
            at_rest = replays.work(pk)
            self.stdout.write(f"Replay {pk}: {'done' if at_rest else 'another process has it'}")
