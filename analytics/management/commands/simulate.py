"""manage.py simulate --project SLUG [--rate N] [--seconds S]"""

import secrets
import sys
from contextlib import closing
from random import Random
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.demo.live import Door, NotReached, Sent, simulate
from attribution.models import Link
from customers import services as customers
from customers.models import Project

MOST_RATE = 2_000
MOST_SECONDS = 3_600
LINKS = 20


class Command(BaseCommand):
    help = (
        "Send live traffic of made-up people through the public API of the running product (BASE_URL or PORT), so that"
        " the live pages move. It stays in the project: use a project for trying things out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="The project's slug.")
        parser.add_argument("--rate", type=float, default=10, help=f"Events a second, up to {MOST_RATE:,}; usually 10.")
        parser.add_argument("--seconds", type=float, default=60, help=f"How long, up to {MOST_SECONDS:,}; usually 60.")
        parser.add_argument("--base-url", default="", help="Where the product runs, if not where BASE_URL or PORT say.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0 < options["rate"] <= MOST_RATE or not 0 < options["seconds"] <= MOST_SECONDS:
            raise CommandError(f"--rate is at most {MOST_RATE:,} events a second, --seconds at most {MOST_SECONDS:,}.")
        project = Project.objects.live().filter(slug=options["project"]).first()
        if project is None:
            raise CommandError(f"There is no project {options['project']!r}; `manage.py onboard` makes one.")
        key = customers.write_key(project)
        if not key:
            raise CommandError(f"The project {project.slug!r} has no write key; make one in its settings.")
        slugs = list(Link.objects.live().filter(project=project).values_list("slug", flat=True)[:LINKS])
        rng = Random(secrets.randbits(64))  # noqa: S311 -- made-up people, no secret
        try:
            with closing(Door(options["base_url"] or str(settings.BASE_URL), key)) as door:
                sent = simulate(
                    door, slugs, rate=options["rate"], seconds=options["seconds"], seen=self._progress, rng=rng
                )
        except NotReached as why:
            raise CommandError(f"{why} Start it with `make run`, or name it with --base-url.") from None
        self.stdout.write(
            f"Sent {sent.events:,} events ({sent.refused:,} refused), {sent.taps:,} taps, {sent.installs:,} installs."
        )

    def _progress(self, sent: Sent) -> None:
        if sys.stdout.isatty():
            sys.stdout.write(f"\r\033[K  {sent.events:,} events, {sent.taps:,} taps, {sent.installs:,} installs ")
            sys.stdout.flush()
