"""manage.py demo [--if-empty] [--remove]"""

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics import demo
from customers import services as customers
from customers.accounts import DEMO_EMAIL


class Command(BaseCommand):
    help = "Make an organization with eight weeks of believable traffic, or remove it with everything in it."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--if-empty", action="store_true", help="Only where there has never been an organization.")
        what.add_argument("--remove", action="store_true", help="Remove the demo and its account.")
        parser.add_argument("--scale", type=float, default=1.0, help="Size of the traffic; 1 is 1,500 installs.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["remove"]:
            self._remove()
        elif demo.is_made():
            self._say("The demo is here already; remove it: python manage.py demo --remove", quiet=options["if_empty"])
        elif not options["if_empty"] or demo.is_wanted():
            self._make(options["scale"])
            self._say(
                f"Sign in as {DEMO_EMAIL}, password {customers.demo_password()}. Remove the demo:"
                " python manage.py demo --remove",
                quiet=options["if_empty"],  # `manage.py welcome` says it
            )

    def _make(self, scale: float) -> None:
        began = time.monotonic()
        self._say("Making demo data: eight weeks of a small company, a few seconds …")
        made = demo.make(self._progress, scale=scale)
        self._progress("", 0, 0)
        self._say(
            f"Demo data ready ({time.monotonic() - began:.1f} s): {made.events:,} events, {made.touches:,} touches,"
            f" {made.installs:,} installs, {made.credited:,} of them credited"
        )

    def _say(self, line: str, *, quiet: bool = False) -> None:
        if not quiet:
            self.stdout.write(line)
            self.stdout.flush()

    def _remove(self) -> None:
        rows = demo.remove()
        self.stdout.write(f"The demo is gone: {rows:,} rows removed." if rows else "There is no demo.")

    def _progress(self, what: str, done: int, of: int) -> None:
        """Show how far it is, on a terminal only: elsewhere each step would be a line."""
        if sys.stdout.isatty():
            share = f"  {what}: {done:,} of {of:,}" if what else ""
            sys.stdout.write(f"\r\033[K{share}")
            sys.stdout.flush()
