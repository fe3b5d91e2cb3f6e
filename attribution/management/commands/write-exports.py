"""Write files of raw data that were ordered."""  # noqa: N999 -- the command's name has a dash

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from attribution.exports import jobs


class Command(BaseCommand):
    help = "Write the exports that wait, as the worker has it done by itself; ends when none is left."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seconds", type=float, default=jobs.WORKING_S, help="Begin no other one after so long.")

    def handle(self, *args: Any, **options: Any) -> None:
        number = jobs.work_all(working_s=options["seconds"])
        self.stdout.write(f"{number} export{'' if number == 1 else 's'} came to rest.")
