"""manage.py welcome: where the product is and how to get in, printed by `make run` once it answers."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from customers import services as customers
from growthplatform.config import config


class Command(BaseCommand):
    help = "Say where the dashboard is, how to sign in, and where keys and guides are."

    def handle(self, *args: Any, **options: Any) -> None:
        rows = list(lines())
        width = max(len(label) for label, _ in rows)
        self.stdout.write("\n" + "\n".join(f"  {label:<{width}}   {text}" for label, text in rows) + "\n")


def lines() -> Iterator[tuple[str, str]]:
    """Give what a newcomer needs, as label and text."""
    yield "Dashboard", f"{settings.BASE_URL}/dashboard/"
    demo = customers.find_demo()
    if demo:
        password = customers.demo_password()
        known = demo.user.check_password(password)
        yield "Sign in", f"{demo.user.email}   {f'password {password}' if known else '(the password was changed)'}"
        yield "Write key", f"{demo.write_key}   (project {demo.project.slug})"
    if config.sign_up == "open":
        yield "Your own", f"{settings.BASE_URL}/accounts/signup/"
    yield "or", f'{_python()} manage.py onboard "Your company" --email you@example.com'
    yield "Guides, API", f"{settings.BASE_URL}/api/docs/"
    if demo:
        yield "Without demo", f"{_python()} manage.py demo --remove"


def _python() -> str:
    """Return this interpreter as one would type it in the checkout."""
    program = Path(sys.executable)
    near = os.path.relpath(program, settings.BASE_DIR)
    return str(program) if near.startswith("..") else near
