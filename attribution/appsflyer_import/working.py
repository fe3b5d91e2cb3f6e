"""The work on a raw-data file: batch by batch, each stored and noted before the next, so that it can be taken up again.

All that has to survive a crash is the row of the import: how many rows are done. What was stored and not noted is
stored again, under the same ids, and counts as there before.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import ibis
import msgspec
import structlog
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import OperationalError
from django.utils import timezone
from msgspec import Raw

from attribution import rule_sets, touches
from attribution.appsflyer_import import rows
from attribution.appsflyer_import.rows import Taken, Told, WrongFile
from attribution.exports import places
from attribution.locks import alone
from attribution.models import Conversion, Install, VendorImport
from attribution.rules import CLICK_ID, VIEW, Rules
from attribution.shadow import numbers
from attribution.shadow.number_files import Wrong
from customers.models import Project
from customers.services import Caller, caller_of
from events import services as events
from events.dialects import vendors
from events.engine.tables import Tables
from growthplatform.core.errors import Problem

log = structlog.get_logger(__name__)
State = VendorImport.State
OPEN = (State.WAITING, State.RUNNING)
FOLDER = "imports"
VENDOR = "appsflyer"
BATCH = 1_000
KEPT_WRONG = 1_000
MOST_BYTES = 2_000_000_000
# So long the log itself knows a message id again.
IDS_KEPT = timedelta(days=7)
PATH = "import-appsflyer"


class TooManyImports(Problem):
    status = 409
    code = "too_many_imports"
    message = "Five files of this project are waiting or being read. Wait for one of them."


@dataclass
class Found:
    """What became of a batch."""

    stored: int = 0
    repeated: int = 0
    wrong: list[Wrong] = field(default_factory=list)
    summary: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, number: int = 1) -> None:
        if number:
            self.summary[name] = self.summary.get(name, 0) + number


def order(
    project: Project, sent: UploadedFile[Any], *, time_zone: str, now: datetime, by: User | None = None
) -> VendorImport:
    """Keep a file to be read by a worker. Raises WrongFile for what is no raw data, and TooManyImports."""
    if project.vendor_imports.filter(kind=VendorImport.Kind.RAW, state__in=OPEN).count() >= 5:
        raise TooManyImports
    if (sent.size or 0) > MOST_BYTES:
        raise WrongFile("The file is larger than 2 GB. Split it, or use manage.py import-appsflyer.")
    _check(sent.file if sent.file is not None else sent)
    made = _new(project, (sent.name or "raw-data.csv")[:200], time_zone, now, by)
    handle, path = tempfile.mkstemp(suffix=".csv")
    with os.fdopen(handle, "wb") as file:
        for part in sent.chunks():
            file.write(part)
    return _keep(made, Path(path))


def order_file(project: Project, path: Path, *, time_zone: str, now: datetime) -> VendorImport:
    """Keep a copy of a file of this machine to be read. Raises WrongFile."""
    try:
        with path.open("rb") as file:
            _check(file)
        handle, copy = tempfile.mkstemp(suffix=".csv")
        os.close(handle)
        shutil.copyfile(path, copy)
    except OSError as wrong:
        raise WrongFile(f"{path.name} can’t be read: {wrong.strerror or wrong}.") from None
    return _keep(_new(project, path.name[:200], time_zone, now, None), Path(copy))


def _check(file: IO[bytes]) -> None:
    """Read the head and the first row. Raises WrongFile."""
    file.seek(0)
    first = file.read(256 * 1024)
    file.seek(0)
    # Cut after the last whole line: what follows may be half a letter.
    whole = first if len(first) < 256 * 1024 else first[: first.rfind(b"\n") + 1]
    with tempfile.SpooledTemporaryFile() as part:
        part.write(whole)
        part.seek(0)
        lines = list(islice(rows.lines_of(part), 2))
    if not lines:
        raise WrongFile("The file is empty.")
    rows.head_of(lines[0][1])
    if len(lines) < 2:
        raise WrongFile("The file has no rows below its head.")


def _new(project: Project, name: str, time_zone: str, now: datetime, by: User | None) -> VendorImport:
    return VendorImport(
        project=project,
        kind=VendorImport.Kind.RAW,
        vendor=VENDOR,
        name=name,
        time_zone=time_zone,
        created_at=now,
        created_by=by,
    )


def _keep(made: VendorImport, file: Path) -> VendorImport:
    """Put the file where workers find it, then the row that sends them there."""
    try:
        with file.open("rb") as counted:
            made.total = max(sum(part.count(b"\n") for part in iter(lambda: counted.read(1 << 20), b"")) - 1, 1)
        made.path = f"{made.project_id}-{timezone.now():%Y%m%d%H%M%S%f}.csv"
        _place().put(file, made.path)
    finally:
        file.unlink(missing_ok=True)
    made.save()
    return made


def _place() -> places.Place:
    return places.below(places.home(), FOLDER)


def unfinished() -> list[int]:
    """Return the imports of raw data that somebody has to work on, the first ordered first."""
    waiting = VendorImport.objects.filter(kind=VendorImport.Kind.RAW, state__in=OPEN)
    return list(waiting.order_by("pk").values_list("pk", flat=True))


def work(import_id: int, *, seen: Callable[[int, int], None] = lambda done, total: None) -> bool:
    """Read a file on from where the last worker stopped; return whether it is at rest now.

    Safe to repeat and to break off; twice at once the second leaves. `seen` hears how many rows of all are done.
    """
    with alone(f"attribution.import.{import_id}") as mine:
        if not mine:
            return False
        one = VendorImport.objects.select_related("project").get(pk=import_id)
        if one.state not in OPEN:
            return True
        try:
            _go_on(one, seen)
        except OperationalError:
            raise  # the database went away: the next turn goes on from the row
        except WrongFile as why:
            _end(one, State.FAILED, str(why))
        except FileNotFoundError:
            _end(one, State.FAILED, "The file is not there any more. Bring it again.")
        except Exception:
            log.exception("import_failed", id=import_id)
            _end(one, State.FAILED, "Something went wrong on our side; the log of the worker says what.")
            raise
        else:
            _end(one, State.DONE, "")
        return True


def _go_on(one: VendorImport, seen: Callable[[int, int], None]) -> None:
    VendorImport.objects.filter(pk=one.pk).update(state=State.RUNNING)
    project = one.project
    told = Told(
        ZoneInfo(one.time_zone),
        vendors.names_of(project.pk, VENDOR),
        numbers.known_sources(project),
        project.currency,
    )
    reader = _Reader(project, caller_of(project), told, rule_sets.current([project.pk])[project.pk].rules)
    reader.look_back = _has_older_import(one)
    with _place().open(one.path) as file:
        lines = rows.lines_of(file)
        head = rows.head_of(next(lines)[1])
        lines = islice(lines, one.rows, None)
        while batch := list(islice(lines, BATCH)):
            found = reader.take([rows.read(line, values, head, told) for line, values in batch])
            _note(one, len(batch), found)
            seen(one.rows, one.total or one.rows)


def _has_older_import(one: VendorImport) -> bool:
    """Say whether the log may have forgotten the ids of a former file."""
    older = VendorImport.objects.filter(project=one.project, kind=VendorImport.Kind.RAW, pk__lt=one.pk)
    return older.filter(created_at__lt=timezone.now() - IDS_KEPT).exists()


class _Reader:
    """Stores batches of rows for one project."""

    look_back = False

    def __init__(self, project: Project, caller: Caller, told: Told, rules: Rules) -> None:
        self.project, self.caller, self.told, self.rules = project, caller, told, rules

    def take(self, read: Sequence[Taken | Wrong]) -> Found:
        """Store the touches, then the calls of a batch; what is there already is counted as repeated."""
        found = Found(wrong=[one for one in read if isinstance(one, Wrong)])
        taken = {str(one.call["messageId"]): one for one in read if isinstance(one, Taken)}
        again = sum(isinstance(one, Taken) for one in read) - len(taken)
        known = self._known({message_id: one.call for message_id, one in taken.items()})
        new = [one for message_id, one in taken.items() if message_id not in known]
        self._store_touches(new, found)
        receipt = events.record(self.project.pk, [one.call for one in new], caller=self.caller, path=PATH)
        found.wrong += [
            Wrong(new[refusal.place].line, refusal.field, refusal.code, refusal.message, refusal.body.decode()[:500])
            for refusal in receipt.refused
        ]
        found.stored, found.repeated = receipt.stored, receipt.repeated + len(known) + again
        installs = [one for one in new if one.is_install]
        found.count("installs", len(installs))
        found.count("events", len(new) - len(installs))
        found.count("outside_window", sum(self._is_outside(one) for one in installs))
        return found

    def _store_touches(self, new: Sequence[Taken], found: Found) -> None:
        told = [touch for one in new for touch in one.touches]
        for start in range(0, len(told), 2_000):
            batch = [Raw(msgspec.json.encode(touch)) for touch in told[start : start + 2_000]]
            receipt = touches.take(self.caller, batch, received_at=timezone.now())
            found.count("touches", receipt.stored)
            found.count("touches_refused", len(receipt.refused))

    def _known(self, calls: Mapping[str, Mapping[str, Any]]) -> set[str]:
        """Return the ids that are stored already and that the log might take again: it forgets them after a week."""
        if not calls:
            return set()
        ids = list(calls)
        known = set(
            Install.objects.filter(project=self.project, message_id__in=ids).values_list("message_id", flat=True)
        )
        paid = Conversion.objects.filter(project=self.project, message_id__in=ids)
        known |= set(paid.values_list("message_id", flat=True))
        rest = [one for one in ids if one not in known]
        if not self.look_back or not rest:
            return known

        def build(tables: Tables) -> ibis.Table:
            return tables.events.filter(tables.events.message_id.isin(rest)).select("message_id")

        moments = [datetime.fromisoformat(str(call["timestamp"])) for call in calls.values()]
        stretch = events.relation(self.project, min(moments), max(moments) + timedelta(seconds=1))
        return known | {str(message_id) for (message_id,) in stretch.run(build, anew=True).rows}

    def _is_outside(self, one: Taken) -> bool:
        """Say whether our rules would refuse, by its age alone, the touch that AppsFlyer credited."""
        if one.touched_at is None:
            return False
        at = datetime.fromisoformat(str(one.call["timestamp"]))
        tier = CLICK_ID if one.touches[0]["type"] == "click" else VIEW
        return (at - one.touched_at).total_seconds() > self.rules.windows_s[tier]


def _note(one: VendorImport, number: int, found: Found) -> None:
    """Write down how far the file is read, with what became of it."""
    one.rows += number
    one.taken += found.stored
    one.repeated += found.repeated
    one.refused += len(found.wrong)
    one.report = [*one.report, *(wrong._asdict() for wrong in found.wrong)][:KEPT_WRONG]
    for name, value in found.summary.items():
        one.summary[name] = one.summary.get(name, 0) + value
    one.total = max(one.total or 0, one.rows)
    one.save(update_fields=["rows", "taken", "repeated", "refused", "report", "summary", "total"])


def _end(one: VendorImport, state: str, problem: str) -> None:
    VendorImport.objects.filter(pk=one.pk).update(
        state=state, problem=problem[:300], finished_at=timezone.now(), total=max(one.rows, 0), path=""
    )
    if one.path:
        _place().remove(one.path)
