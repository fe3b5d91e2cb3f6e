"""Files of raw data that somebody ordered: written beside the product's other work, in bounded memory, restartable.

All that has to survive a crash is the row. A process that dies leaves its half-written file; whoever takes the row up
next begins anew, into the same file.
"""

import hashlib
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any

import duckdb
import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError
from django.utils import timezone

from attribution.exports import places, schedules
from attribution.exports.kinds import OWN
from attribution.exports.reading import BY_TIME, Asked, check, opened
from attribution.exports.writing import CSV, FORMATS, writer
from attribution.locks import alone, is_free
from attribution.models import Export
from customers.models import Project
from growthplatform.core.arrow import Ahead
from growthplatform.core.errors import InvalidField, NotFound, Problem

log = structlog.get_logger(__name__)
State = Export.State
OPEN = (State.WAITING, State.RUNNING)
# Processes at work in the whole installation; each takes about a core.
AT_ONCE = 2
TRIES = 3
STARTING, STARTING_S = "attribution.exports.starting", 60
KEPT = timedelta(days=7)
ROWS_KEPT = timedelta(days=90)
WORK_FOR = timedelta(days=1)
# So often the row is told how far it is, and asked whether it was canceled.
BEAT_S = 0.5
WORKING_S = 3600.0


class TooManyExports(Problem):
    status = 409
    code = "too_many_exports"
    message = "Ten exports of this project are waiting or at work. Wait for one, or cancel one."


class ExportGone(NotFound):
    code = "export_gone"
    message = "There is no file: it is not ready, was canceled, or its seven days are over. Make it again."


class Canceled(Exception):  # noqa: N818 -- not an error
    """Somebody canceled it while it was written."""


def order(project: Project, asked: Asked, form: str, *, spreadsheet: bool = False, user: User | None = None) -> Export:
    """Order a file; a worker begins within seconds. Raises InvalidField, TooManyExports."""
    check(asked)
    if form not in FORMATS:
        raise InvalidField.named("format", f"{' or '.join(FORMATS)}.")
    if spreadsheet and form != CSV:
        raise InvalidField.named("spreadsheet", "Only a CSV file is opened in a spreadsheet.")
    if project.exports.filter(schedule=None, state__in=OPEN).count() >= 10:
        raise TooManyExports
    where: dict[str, Any] = {"by": asked.by, "source": asked.source, "names": list(asked.names)}
    return Export.objects.create(
        project=project,
        kind=asked.kind,
        format=form,
        columns=asked.columns,
        since=asked.since,
        until=asked.until,
        where={name: value for name, value in {**where, "spreadsheet": spreadsheet}.items() if value},
        created_by=user,
    )


def asked_of(export: Export) -> Asked:
    """Return which rows an export has."""
    where = export.where
    return Asked(
        export.kind,
        export.columns or OWN,
        export.since,
        export.until,
        where.get("by", BY_TIME),
        where.get("source", ""),
        tuple(where.get("names", ())),
    )


def cancel(export: Export, *, now: datetime) -> Export:
    """End an export that waits or is at work. Safe to repeat; one that is ready stays."""
    Export.objects.filter(pk=export.pk, state__in=OPEN).update(state=State.CANCELED, finished_at=now)
    export.refresh_from_db()
    return export


def remove(export: Export, *, now: datetime) -> Export:
    """Remove the file of an export, and cancel one that is not ready. Safe to repeat."""
    cancel(export, now=now)
    if export.state == State.DONE and export.removed_at is None and export.schedule_id is None:
        places.home().remove(export.path)
        Export.objects.filter(pk=export.pk).update(removed_at=now)
        export.refresh_from_db()
    return export


def open_file(export: Export) -> IO[bytes]:
    """Open the file of an export that is ready. Raises ExportGone."""
    if export.state != State.DONE or export.removed_at is not None:
        raise ExportGone
    try:
        return schedules.place_of(export).open(export.path)
    except FileNotFoundError:
        raise ExportGone from None


def file_name(export: Export) -> str:
    """Return what the file is called where it is saved."""
    guarded = "-spreadsheet" if export.where.get("spreadsheet") else ""
    named = "-appsflyer" if export.columns != OWN else ""
    return f"{export.kind}{named}{guarded}-{export.created_at:%Y%m%d-%H%M}.{export.format}"


def waiting() -> list[int]:
    """Return the exports that nobody is at work on and somebody should be, the first ordered first."""
    found = Export.objects.filter(state__in=OPEN).order_by("pk").values_list("pk", flat=True)
    return [pk for pk in found if is_free(_lock_of(pk))]


def start() -> bool:
    """Start a process that writes what waits, unless enough are at work; return whether one was started.

    A process of its own: its memory is counted by itself and given back, and it holds up no decision.
    """
    if not any(is_free(_slot(number)) for number in range(AT_ONCE)) or not waiting():
        return False
    # On a busy machine a process takes its time until it shows by a lock that it is there.
    if not cache.add(STARTING, "", STARTING_S):
        return False
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "write-exports"]
    subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    return True


def work_all(*, working_s: float = WORKING_S) -> int:
    """Write what waits, one after the other; return how many came to rest. Leaves when enough others are at work."""
    until, done = time.monotonic() + working_s, 0
    for number in range(AT_ONCE):
        with alone(_slot(number)) as mine:
            if not mine:
                continue
            cache.delete(STARTING)
            while time.monotonic() < until and (found := waiting()):
                done += sum(work(pk) for pk in found[:1])
            return done
    return done


def work(export_id: int) -> bool:
    """Write one export; return whether it came to rest. Twice at once is harmless: the second leaves."""
    with alone(_lock_of(export_id)) as mine:
        export = _claimed(export_id) if mine else None
        if export is None:
            return False
        try:
            _write(export)
        except Canceled:
            log.info("export canceled", export=export.pk)
        except OperationalError:
            raise  # the database went away: the next turn begins anew
        except Problem as problem:
            _fail(export, problem.message)
        except duckdb.OutOfMemoryException:
            log.exception("export failed", export=export.pk)
            _fail(export, "It needs more memory than an export may take. Ask for a shorter period.")
        except OSError as fault:
            log.exception("export failed", export=export.pk)
            _fail(export, f"The file can't be written: {fault.strerror or fault}.")
        except Exception:
            log.exception("export failed", export=export.pk)
            _fail(export, "Something went wrong on our side; the log of the worker says what.")
        finally:
            _work_file(export).unlink(missing_ok=True)
    return True


def expire(*, now: datetime) -> int:
    """Remove files that were ready seven days ago, and forget orders of 90 days ago; return how many files went."""
    old = Export.objects.filter(state=State.DONE, schedule=None, removed_at=None, finished_at__lt=now - KEPT)
    number = len([remove(export, now=now) for export in old.order_by("pk")[:1_000]])
    for file in Path(settings.EXPORTS_WORK).glob("*"):  # of processes that were killed, and nobody began anew
        if file.stat().st_mtime < (now - WORK_FOR).timestamp():
            file.unlink(missing_ok=True)
    Export.objects.filter(created_at__lt=now - ROWS_KEPT).exclude(state__in=OPEN).exclude(
        state=State.DONE, removed_at=None, schedule=None
    ).delete()
    return number


def remove_files(project_id: int) -> None:
    """Remove all files of a project from our own places. Safe to repeat."""
    for name in (folder_of(project_id), schedules.folder_of(project_id)):
        places.home().remove(name)


def folder_of(project_id: int) -> str:
    return f"files/{project_id}"


def _claimed(export_id: int) -> Export | None:
    """Take an export up, unless it was canceled meanwhile or was broken off too often."""
    now = timezone.now()
    broken = Export.objects.filter(pk=export_id, state=State.RUNNING, tries__gte=TRIES)
    broken.update(state=State.FAILED, problem=f"It was broken off {TRIES} times.", finished_at=now)
    export = Export.objects.select_related("project", "schedule").filter(pk=export_id, state__in=OPEN).first()
    if export is None:
        return None
    export.tries = export.tries + 1 if export.state == State.RUNNING else 1
    taken = Export.objects.filter(pk=export_id, state=export.state).update(
        state=State.RUNNING, tries=export.tries, rows=0, bytes=0, problem="", beat_at=now
    )
    return export if taken else None


def _write(export: Export) -> None:
    file = _work_file(export)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out, opened(export.project, asked_of(export)) as rows, Ahead(rows.batches) as batches:
        Export.objects.filter(pk=export.pk).update(total=rows.total)
        sink = _Counted(out)
        made = writer(export.format, sink, rows.schema, spreadsheet=bool(export.where.get("spreadsheet")))
        written, told_at = 0, time.monotonic()
        for batch in batches:
            made.write(batch)
            written += batch.num_rows
            if time.monotonic() - told_at >= BEAT_S:
                _tell(export, rows=written, bytes=sink.bytes)
                told_at = time.monotonic()
        made.close()
    _tell(export, rows=written, bytes=sink.bytes)
    name = schedules.name_of(export) or f"{folder_of(export.project_id)}/{export.pk}-{file_name(export)}"
    schedules.place_of(export).put(file, name)
    where = {**export.where, "sha256": sink.digest}
    done = {"state": State.DONE, "path": name, "where": where, "total": written, "finished_at": timezone.now()}
    if not Export.objects.filter(pk=export.pk, state=State.RUNNING).update(**done):
        schedules.place_of(export).remove(name)
        raise Canceled


def _tell(export: Export, **progress: int) -> None:
    """Say how far it is. Raises Canceled when nobody wants it any more."""
    mine = Export.objects.filter(pk=export.pk, state=State.RUNNING)
    if not mine.update(beat_at=timezone.now(), **progress):
        raise Canceled


def _fail(export: Export, sentence: str) -> None:
    Export.objects.filter(pk=export.pk, state=State.RUNNING).update(
        state=State.FAILED, problem=sentence[:300], finished_at=timezone.now()
    )


def _work_file(export: Export) -> Path:
    return Path(settings.EXPORTS_WORK) / f"{export.pk}.{export.format}"


class _Counted:
    """A file that counts and digests what is written to it."""

    closed = False

    def __init__(self, out: IO[bytes]) -> None:
        self._out, self.bytes, self._digest = out, 0, hashlib.sha256()

    def write(self, data: Any) -> int:
        self._digest.update(data)
        self.bytes += len(data)
        return self._out.write(data)

    def flush(self) -> None:
        self._out.flush()

    def tell(self) -> int:
        return self.bytes

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def _slot(number: int) -> str:
    return f"attribution.exports.{number}"


def _lock_of(export_id: int) -> str:
    return f"attribution.export.{export_id}"
