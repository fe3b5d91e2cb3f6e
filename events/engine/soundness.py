"""Whether a segment's file is what was sealed: looked at before it is read, so that no gap goes unnamed."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

import structlog

from events.engine.answers import Missing
from events.segments.files import digest
from events.segments.reading import SegmentFile

log = structlog.get_logger()
MAGIC = b"PAR1"
# So much is read through and compared with its digest at most by one question; the rest by the questions after it.
DIGESTED_BYTES = 512 * 1024 * 1024
# What was found sound in this process, by path: the time of change and the size that the file had then.
_sound: dict[Path, tuple[int, int]] = {}


class Readable(NamedTuple):
    """A segment, and where its file is on this machine."""

    segment: SegmentFile
    path: Path


def divide(segments: Iterable[SegmentFile], without: Collection[int] = ()) -> tuple[list[Readable], list[Missing]]:
    """Part the segments in those that can be read and those that can't; `without` failed in an engine before."""
    readable, missing, budget = [], [], DIGESTED_BYTES
    for segment in segments:
        path, why = _fetched(segment)
        if segment.id in without:
            why = "the engine could not read it"
        if not why:
            why = _looks_wrong(segment, path)
        if not why and not _known(path) and segment.bytes <= budget:
            budget -= segment.bytes
            why = _reads_wrong(segment, path)
        if why:
            log.warning("segment can't be read", segment=segment.name, why=why)
            missing.append(Missing(segment.id, segment.first_day, segment.last_day, segment.rows, why))
        else:
            readable.append(Readable(segment, path))
    return readable, missing


def unreadable(readable: Iterable[Readable]) -> set[int]:
    """Return the segments whose files are not what was sealed, however much there is to read."""
    return {one.segment.id for one in readable if _looks_wrong(*one) or _reads_wrong(*one)}


def _fetched(segment: SegmentFile) -> tuple[Path, str]:
    try:
        return segment.path, ""
    except Exception as fault:  # noqa: BLE001 -- stores elsewhere have errors of their own
        return Path(segment.name), f"the store does not give the file: {fault}"


def _looks_wrong(segment: SegmentFile, path: Path) -> str:
    try:
        size = path.stat().st_size
        if size != segment.bytes:
            return f"the file has {size:,} bytes instead of {segment.bytes:,}"
        with path.open("rb") as file:
            head = file.read(4)
            file.seek(-4, 2)
            whole = head == MAGIC == file.read(4)
    except FileNotFoundError:
        return "the file is not there"
    except OSError as fault:
        return f"the file can't be read: {fault.strerror}"
    return "" if whole else "the file is no Parquet any more"


def _known(path: Path) -> bool:
    return _sound.get(path) == _state(path)


def _reads_wrong(segment: SegmentFile, path: Path) -> str:
    try:
        state = _state(path)
        found = digest(path)
    except OSError as fault:
        return f"the file can't be read: {fault.strerror}"
    if found != segment.digest:
        return "the file is not what was sealed: its digest differs"
    _sound[path] = state
    return ""


def _state(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
