"""manage.py onboard NAME --email E [--json]"""

from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError, CommandParser

from customers import services as customers
from growthplatform.core.errors import InvalidField


class Command(BaseCommand):
    help = (
        "Set up a customer: organization, project, account and keys. Run again with the same name and mail address, "
        "it finds the same ones and makes one more secret key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Name of the organization and of its first project.")
        parser.add_argument("--email", required=True, help="Who signs in; gets a mail to choose a password.")
        parser.add_argument("--json", action="store_true", help="One JSON object instead of text.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = customers.onboard(options["name"], options["email"])
        except InvalidField as wrong:
            raise CommandError(wrong.message) from None
        if options["json"]:
            self.stdout.write(orjson.dumps(_answer(done)).decode())
            return
        self.stdout.write(f"{done.organization.name}: project {done.project.slug}")
        self.stdout.write(f"  write key   {done.write_key}")
        self.stdout.write(f"  secret key  {done.secret_key}   (shown this once)")
        self.stdout.write(f"  dashboard   {done.dashboard_url}   ({done.user.email})")
        if done.password_address:
            self.stdout.write(f"  password    choose one at {done.password_address}   (mailed as well)")


def _answer(done: customers.Onboarded) -> dict[str, str]:
    return {
        "organization": done.organization.slug,
        "project": done.project.slug,
        "write_key": done.write_key,
        "secret_key": done.secret_key,
        "dashboard_url": done.dashboard_url,
    }
