"""Load lists of data centres, VPNs and Tor."""  # noqa: N999 -- the command's name has a dash

from argparse import ArgumentParser
from itertools import chain
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from attribution import networks
from attribution.models import NetworkRange


class Command(BaseCommand):
    help = (
        "Load lists of addresses where machines live rather than people: files of `first,last,name` or of one network"
        " a line (.gz as well). What is loaded takes the place of all lists before, so name them all in one call."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path)
        parser.add_argument(
            "--kind", choices=NetworkRange.Kind.values, default="", help="Of all files; else the files' names say it."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        lists = (networks.read_list(path, options["kind"]) for path in options["files"])
        try:
            number = networks.replace(chain.from_iterable(lists), now=timezone.now())
        except (OSError, UnicodeDecodeError, networks.WrongList) as why:
            raise CommandError(str(why)) from None
        self.stdout.write(f"{number:,} ranges of addresses are loaded; every process knows them within a minute.")
