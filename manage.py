#!/usr/bin/env python
"""Django's commands, with a database behind them: the embedded servers start first where none is set."""

import os
import signal
import sys

from growthplatform import launcher

WITHOUT_DATABASE = {"help", "version", "--help", "-h", "--version", "collectstatic", "compilemessages", "makemessages"}


def main() -> None:
    """Run the command of the command line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "growthplatform.settings")
    if not WITHOUT_DATABASE.intersection(sys.argv[1:]) and len(sys.argv) > 1:
        # Ends in order, so that a command which started the servers also stops them.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        launcher.ensure()

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
