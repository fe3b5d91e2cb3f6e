"""What happens between the servers and the parts, and once the web part answers: one process, one Django start.

Speaks with the supervisor by lines: writes what it has done, then READY; waits for GO; writes the welcome. What the
commands print goes to its standard error, which is a log.
"""

import contextlib
import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from growthplatform.launcher.data import CHECKOUT

READY = "\x06ready"
GO = "go"


def main() -> None:
    """Bring database and static files up to date; then, on GO, fill an empty database and print the welcome."""
    supervisor = sys.stdout
    sys.stdout = sys.stderr
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "growthplatform.settings")
    import django

    django.setup()
    with _told("Database up to date", supervisor):
        _run("prepare", stdout=sys.stderr)
    _collect_static(supervisor)
    print(READY, file=supervisor, flush=True)
    if sys.stdin.readline().strip() == GO:
        if os.environ.get("DEMO") != "no":
            _run("demo", "--if-empty", stdout=supervisor)
        _run("welcome", stdout=supervisor)


def _collect_static(supervisor: TextIO) -> None:
    """Collect static files when what they are made of changed: compressing them takes seconds."""
    from django.conf import settings

    stamp = Path(settings.STATIC_ROOT) / ".made-of"
    inputs = _fingerprint()
    if stamp.exists() and stamp.read_text() == inputs:
        return
    with _told("Static files ready", supervisor):
        _run("collectstatic", interactive=False, verbosity=0, clear=True)
        stamp.write_text(inputs)


def _fingerprint() -> str:
    """Sum up our static files, and the packages that bring their own."""
    made_of = hashlib.sha256((CHECKOUT / "requirements.txt").read_bytes())
    apps = [made.parent for made in CHECKOUT.glob("*/apps.py")]
    folders = [CHECKOUT / "static" / "dist", *(app / "static" for app in apps)]
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        made_of.update(f"{path} {path.stat().st_size}\n".encode())
        made_of.update(path.read_bytes())
    return made_of.hexdigest()


@contextlib.contextmanager
def _told(done: str, supervisor: TextIO) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{done} ({time.monotonic() - began:.1f} s)", file=supervisor, flush=True)


def _run(name: str, *arguments: str, **options: object) -> None:
    from django.core.management import call_command

    call_command(name, *arguments, **options)


if __name__ == "__main__":
    main()
