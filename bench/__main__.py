"""`python -m bench [name …] [options]`: run the benchmarks called, or all."""

import importlib
import os
import sys
from pathlib import Path

from growthplatform import launcher

ALL = (
    "ingest",
    "dialects",
    "attribution",
    "replay",
    "credit",
    "fraud",
    "truth",
    "postbacks",
    "pages",
    "segments",
    "analytics",
    "exports",
)


def main() -> None:
    """Start the servers and run what is named."""
    names = [name for name in sys.argv[1:] if not name.startswith("-") and name in ALL] or list(ALL)
    options = [part for part in sys.argv[1:] if part not in ALL]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "growthplatform.settings")
    launcher.ensure()
    import django
    from django.core.management import call_command

    django.setup()
    from django.conf import settings

    call_command("migrate", verbosity=0)
    if not Path(settings.STATIC_ROOT, "staticfiles.json").exists():
        call_command("collectstatic", interactive=False, verbosity=0)
    from events.services import create_partitions

    create_partitions()
    for name in names:
        print(f"== {name}")
        importlib.import_module(f"bench.{name}").main(options)


if __name__ == "__main__":
    main()
