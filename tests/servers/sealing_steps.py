"""What the process does that is made to be killed; imported before it begins, as it does not live long."""

import os
import time
from datetime import timedelta
from itertools import count
from typing import NoReturn

from django.utils import timezone

from customers.models import Project
from events import partitions, services
from events.segments import compaction, sealing, sweeping

HURRY_S = 5
OVER = timedelta(days=70)


def work() -> NoReturn:
    """Do what beat has workers do, at once and all the time, by small stretches and small heaps of files."""
    compaction.MANY = 3
    sweeping.REPLACED_FOR = partitions.SEALED_FOR = timedelta(seconds=HURRY_S)
    # Each life begins with another step, as none lasts long.
    for turn in count(os.getpid()):
        _step(turn)


def _step(turn: int) -> None:
    now, until = timezone.now(), time.monotonic() + 1
    services.digest()
    for project_id in Project.objects.values_list("pk", flat=True):
        match turn % 4:
            case 0:
                sealing.seal(project_id, stretch_rows=100, until=until)
            case 1:
                # As it is today, or as it will be when the month is over.
                compaction.compact(project_id, now + OVER * (turn // 4 % 2), until=until)
            case 2:
                compaction.apply_merges(project_id, until=until)
            case _:
                partitions.drop_sealed(now, 35)
                sweeping.sweep(now, unknown_for=timedelta(minutes=5))
