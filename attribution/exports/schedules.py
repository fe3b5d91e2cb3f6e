"""Raw data written every day to a folder or a bucket: each row in the file of the day it arrived, each day once.

A day's files are exports like others, written by the same processes. Only when all of them are there, the day's
manifest is written and the schedule moves on; what dies before begins the day again, under the same names.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import structlog
from django.contrib.auth.models import User
from django.db import transaction

from attribution.exports import places
from attribution.exports.kinds import APPSFLYER, AS_APPSFLYER, KINDS, OWN
from attribution.exports.places import Place, Unwritable
from attribution.exports.reading import BY_ARRIVAL
from attribution.exports.writing import FORMATS
from attribution.models import Export, ExportSchedule
from customers.models import Project
from growthplatform.core import cipher, outbound
from growthplatform.core.errors import InvalidField, Problem

log = structlog.get_logger(__name__)
State = Export.State
S3 = "s3://"
BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._=-]+)*")
FOLDER = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
OPTIONS = ("key", "secret", "endpoint", "region")
# A file that could not be written is tried again so much later, for as long as it takes.
AGAIN = timedelta(minutes=10)
MOST_BACK = timedelta(days=400)
MOST = 20


def create(project: Project, given: Mapping[str, Any], *, user: User | None, now: datetime) -> ExportSchedule:
    """Begin to write raw data every day. `given` has kinds, format, columns, address, hour, first_day, and OPTIONS.

    Raises InvalidField with every problem, and Unwritable when a file that is tried can't be written there.
    """
    if project.export_schedules.count() >= MOST:
        raise InvalidField.named("address", f"A project has at most {MOST} schedules.")
    today = now.astimezone(project.tz).date()
    found = _problems(given, today)
    if found:
        raise InvalidField(" ".join(f"{field}: {message}" for field, message in found), detail=_rows(found))
    options = {name: str(given.get(name) or "").strip() for name in OPTIONS}
    bucket = str(given["address"]).startswith(S3)
    schedule = ExportSchedule(
        project=project,
        kinds=list(given["kinds"]),
        format=given["format"],
        columns=given.get("columns") or OWN,
        address=str(given["address"]).rstrip("/"),
        options=cipher.encrypt(orjson.dumps(options).decode()) if bucket else "",
        hour=int(given.get("hour") or 3),
        next_day=given.get("first_day") or today,
        created_by=user,
    )
    try_out(schedule)
    schedule.save()
    return schedule


def _problems(given: Mapping[str, Any], today: date) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    kinds = given.get("kinds")
    if not isinstance(kinds, Sequence) or isinstance(kinds, str) or not kinds or not set(kinds) <= set(KINDS):
        found.append(("kinds", f"Some of {', '.join(KINDS)}."))
    elif given.get("columns") == APPSFLYER and not set(kinds) <= set(AS_APPSFLYER):
        found.append(("columns", f"AppsFlyer's columns are for {' and '.join(AS_APPSFLYER)} only."))
    if (given.get("columns") or OWN) not in (OWN, APPSFLYER):
        found.append(("columns", f"{OWN} or {APPSFLYER}."))
    if given.get("format") not in FORMATS:
        found.append(("format", f"{' or '.join(FORMATS)}."))
    hour = str(given.get("hour") or 3)
    if not hour.isascii() or not hour.isdigit() or not 1 <= int(hour) <= 23:
        found.append(("hour", "A whole number from 1 to 23."))
    first = given.get("first_day") or today
    if not isinstance(first, date) or not today - MOST_BACK <= first <= today + MOST_BACK:
        found.append(("first_day", f"A day at most {MOST_BACK.days} days away, such as 2026-11-21."))
    return found + _wrong_address(given)


def _wrong_address(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    address = str(given.get("address") or "").rstrip("/")
    if not address.startswith(S3):
        if len(address) <= 200 and FOLDER.fullmatch(address):
            return []
        return [("address", "s3://bucket/prefix, or a folder such as daily/raw: letters, digits, - _ . and /.")]
    found = []
    if len(address) > 300 or not BUCKET.fullmatch(address):
        found.append(("address", "s3://bucket/prefix: letters, digits, - _ . = and /."))
    # Without a key of the customer's own, the server's would be used.
    found += [(name, "A bucket needs it.") for name in ("key", "secret") if not str(given.get(name) or "").strip()]
    endpoint = str(given.get("endpoint") or "").strip()
    if endpoint:
        try:
            outbound.check_url(endpoint)
        except Problem as problem:
            found.append(("endpoint", problem.message))
    return found


def _rows(found: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"field": field, "message": message} for field, message in found]


def try_out(schedule: ExportSchedule) -> None:
    """Write a small file where the schedule's files go, and remove it. Raises Unwritable with why it can't be."""
    name = f"growth-platform-test-{uuid4().hex[:12]}.txt"
    try:
        place = _place(schedule)
        with tempfile.TemporaryDirectory(prefix="growth-export-") as folder:
            file = Path(folder, "test.txt")
            file.write_text("Growth Platform can write here.\n")
            place.put(file, name)
        # Whoever gave a key that only writes need not give it more.
        with suppress(Exception):
            place.remove(name)
    except Exception as fault:  # noqa: BLE001 -- stores have errors of their own
        raise Unwritable(f"A test file can't be written there: {_in_words(fault)}") from None


def _in_words(fault: Exception) -> str:
    sentence = fault.message if isinstance(fault, Problem) else str(fault) or type(fault).__name__
    return sentence.strip().splitlines()[0][:220]


def pause(schedule: ExportSchedule, *, now: datetime) -> None:
    """Write no further day until resumed. Safe to repeat."""
    ExportSchedule.objects.filter(pk=schedule.pk, paused_at=None).update(paused_at=now)


def resume(schedule: ExportSchedule) -> None:
    """Go on, with the days that were missed first. Safe to repeat."""
    ExportSchedule.objects.filter(pk=schedule.pk).update(paused_at=None, problem="")


def remove(schedule: ExportSchedule, *, now: datetime) -> None:
    """End a schedule; what it has written stays where it is."""
    unfinished = (State.WAITING, State.RUNNING)
    Export.objects.filter(schedule=schedule, state__in=unfinished).update(state=State.CANCELED, finished_at=now)
    schedule.delete()


def run(*, now: datetime) -> int:
    """Order the files of days that are due and finish the days whose files are there; return how many were finished."""
    finished = 0
    for schedule in ExportSchedule.objects.filter(paused_at=None, project__deleted_at=None).select_related("project"):
        while due_at(schedule) <= now:
            try:
                if not _work_on_day(schedule, now):
                    break
            except Exception as fault:
                log.exception("export schedule failed", schedule=schedule.pk)
                ExportSchedule.objects.filter(pk=schedule.pk).update(problem=_in_words(fault)[:300])
                break
            finished += 1
            schedule.refresh_from_db()
    return finished


def due_at(schedule: ExportSchedule) -> datetime:
    """Return when the next day is written: at the hour, on the day after it."""
    return datetime.combine(schedule.next_day + timedelta(days=1), time(schedule.hour), schedule.project.tz)


def _work_on_day(schedule: ExportSchedule, now: datetime) -> bool:
    """Order the files of the next day, or finish it; return whether it is finished."""
    ordered = _ordered(schedule, now)
    broken = next((one for one in ordered if one.state in (State.FAILED, State.CANCELED)), None)
    if broken is not None:
        ExportSchedule.objects.filter(pk=schedule.pk).update(problem=broken.problem or "A file was canceled.")
    if any(one.state != State.DONE for one in ordered):
        return False
    _write_manifest(schedule, ordered, now)
    moved = ExportSchedule.objects.filter(pk=schedule.pk, next_day=schedule.next_day)
    return bool(moved.update(next_day=schedule.next_day + timedelta(days=1), problem=""))


def _ordered(schedule: ExportSchedule, now: datetime) -> list[Export]:
    """Return the exports of the next day, made now if they are missing, ordered anew where they failed."""
    tz = schedule.project.tz
    since = datetime.combine(schedule.next_day, time(), tz)
    until = datetime.combine(schedule.next_day + timedelta(days=1), time(), tz)
    with transaction.atomic():
        ExportSchedule.objects.select_for_update(no_key=True).get(pk=schedule.pk)
        mine = Export.objects.filter(schedule=schedule, since=since)
        mine.filter(state__in=(State.FAILED, State.CANCELED), finished_at__lt=now - AGAIN).update(
            state=State.WAITING, tries=0, finished_at=None
        )
        known = set(mine.values_list("kind", flat=True))
        Export.objects.bulk_create(
            Export(
                project=schedule.project,
                schedule=schedule,
                kind=kind,
                format=schedule.format,
                columns=schedule.columns,
                since=since,
                until=until,
                where={"by": BY_ARRIVAL},
            )
            for kind in schedule.kinds
            if kind not in known
        )
        return list(mine.order_by("pk"))


def _write_manifest(schedule: ExportSchedule, ordered: Sequence[Export], now: datetime) -> None:
    day = schedule.next_day
    said = {
        "project": schedule.project.slug,
        "day": day,
        "timeZone": schedule.project.time_zone,
        "by": BY_ARRIVAL,
        "since": ordered[0].since,
        "until": ordered[0].until,
        "writtenAt": now,
        "files": [
            {
                "kind": one.kind,
                "name": one.path,
                "format": one.format,
                "columns": one.columns,
                "rows": one.rows,
                "bytes": one.bytes,
                "sha256": one.where.get("sha256", ""),
            }
            for one in ordered
        ],
    }
    with tempfile.TemporaryDirectory(prefix="growth-export-") as folder:
        file = Path(folder, "manifest.json")
        file.write_bytes(orjson.dumps(said, option=orjson.OPT_INDENT_2))
        _place(schedule).put(file, f"manifests/{day}.json")


def name_of(export: Export) -> str:
    """Return where a schedule's file goes; "" for a file without a schedule."""
    if export.schedule is None or export.since is None:
        return ""
    day = export.since.astimezone(export.project.tz).date()
    return f"{export.kind}/day={day}/{export.kind}.{export.format}"


def place_of(export: Export) -> Place:
    """Return where the file of an export is, or will be."""
    return _place(export.schedule) if export.schedule else places.home()


def _place(schedule: ExportSchedule) -> Place:
    if schedule.address.startswith(S3):
        return places.bucket_of_customer(schedule.address, options_of(schedule))
    return places.below(places.home(), f"{folder_of(schedule.project_id)}/{schedule.address}")


def options_of(schedule: ExportSchedule) -> dict[str, str]:
    """Return what opens the schedule's bucket. Raises Unreadable when that was entered under another SECRET_KEY."""
    found: dict[str, str] = orjson.loads(cipher.decrypt(schedule.options)) if schedule.options else {}
    return found


def folder_of(project_id: int) -> str:
    """Return the folder, in our own place, that a project's schedules write below."""
    return f"scheduled/{project_id}"
