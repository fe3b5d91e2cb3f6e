"""Seals, compacts and drops without end, in a process made to be killed: `python -m tests.servers.sealing_worker`.

For each line on its standard input it starts such a process by a fork, so that none has to start Python first, prints
its number, and says "gone" when it is dead. It connects where DATABASE_URL says and stores where SEGMENTS_URL says.
"""

import os
import sys

import django


def main() -> None:
    """Start a worker for each line."""
    django.setup()
    import tests.servers.sealing_steps as steps

    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            steps.work()
        print(child, flush=True)
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "growthplatform.settings")
    main()
