"""Files that nobody needs any more: replaced, left by a process that died, or copied here and not read for long."""

import shutil
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from events.models import Segment
from events.segments import files, writing

# A question that began before a file was replaced has surely ended.
REPLACED_FOR = timedelta(minutes=15)
# A file is in the store before its row is: nothing takes so long in between.
UNKNOWN_FOR = timedelta(hours=6)
WORK_FOR_S = 24 * 3600
AT_ONCE = 1_000


def sweep(now: datetime, *, unknown_for: timedelta = UNKNOWN_FOR) -> int:
    """Remove what nobody needs any more; return how many files. Safe to repeat and to kill."""
    _tidy_work()
    current = files.store()
    if isinstance(current, files.Remote):
        current.trim(settings.SEGMENT_CACHE_MB * 1024 * 1024)
    return remove_replaced(now) + _remove_unknown(now - unknown_for)


def remove_replaced(now: datetime) -> int:
    """Remove the files that were replaced long enough ago, then their rows; return how many."""
    old = list(Segment.objects.filter(replaced_at__lt=now - REPLACED_FOR).order_by("replaced_at")[:AT_ONCE])
    return _remove(old)


def remove_all(project_id: int) -> int:
    """Remove all files of a project, and their rows; return how many. Safe to repeat."""
    return _remove(list(Segment.objects.filter(project=project_id)))


def _remove(segments: list[Segment]) -> int:
    store = files.store()
    for one in segments:
        store.remove(one.path)
    # After the files: a row whose file is gone is tried again, a file without a row would only be found by looking.
    Segment.objects.filter(pk__in=[one.pk for one in segments]).delete()
    return len(segments)


def _remove_unknown(before: datetime) -> int:
    store, gone = files.store(), 0
    # This database's own folder: others may share the store.
    found = [file.name for file in store.names(writing.instance()) if file.written_at < before]
    with transaction.atomic():
        known = set(Segment.objects.filter(path__in=found).values_list("path", flat=True))
    for name in found:
        if name not in known:
            store.remove(name)
            gone += 1
    return gone


def _tidy_work() -> None:
    current = files.store()
    base = (current.root if isinstance(current, files.Folder) else Path(settings.SEGMENT_CACHE)) / files.WORK
    for folder in base.glob("*"):
        with suppress(FileNotFoundError):
            if folder.stat().st_mtime < time.time() - WORK_FOR_S:
                shutil.rmtree(folder, ignore_errors=True)
