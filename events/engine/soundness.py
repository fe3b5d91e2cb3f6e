"""Whether a segment's file is what was sealed: looked at before it is read, so that no gap goes unnamed."""

import hashlib
from collections.abc import Collection, Iterable
from pathlib import Path

from events.engine.answers import Missing
from events.engine.provisional import SegmentFile
from events.models import Segment

MAGIC = b"PAR1"
# So much is read through and compared with its digest at most by one question; the rest by the questions after it.
DIGESTED_BYTES = 512 * 1024 * 1024
READ_BYTES = 4 * 1024 * 1024
# What was found sound in this process, by path: the time of change and the size that the file had then.
_sound: dict[str, tuple[int, int]] = {}


def divide(segments: Iterable[SegmentFile], without: Collection[int] = ()) -> tuple[list[SegmentFile], list[Missing]]:
    """Part the segments in those that can be read and those that can't; `without` failed in an engine before."""
    sound, missing, budget = [], [], DIGESTED_BYTES
    for segment in segments:
        why = "the engine could not read it" if segment.id in without else _looks_wrong(segment)
        if not why and not _known(segment) and segment.bytes <= budget:
            budget -= segment.bytes
            why = _reads_wrong(segment)
        if why:
            missing.append(Missing(segment.id, segment.first_day, segment.last_day, segment.rows, why))
        else:
            sound.append(segment)
    return sound, missing


def unreadable(segments: Iterable[SegmentFile]) -> set[int]:
    """Return the segments whose files are not what was sealed, however much there is to read."""
    return {segment.id for segment in segments if _looks_wrong(segment) or _reads_wrong(segment)}


def _looks_wrong(segment: SegmentFile) -> str:
    path = Path(segment.path)
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


def _known(segment: SegmentFile) -> bool:
    found = Path(segment.path).stat()
    return _sound.get(str(segment.path)) == (found.st_mtime_ns, found.st_size)


def _reads_wrong(segment: SegmentFile) -> str:
    wanted = Segment.objects.filter(pk=segment.id).values_list("digest", flat=True).first()
    found, path = hashlib.blake2b(digest_size=len(wanted or "") // 2 or 32), Path(segment.path)
    try:
        state = path.stat()
        with path.open("rb") as file:
            while block := file.read(READ_BYTES):
                found.update(block)
    except OSError as fault:
        return f"the file can't be read: {fault.strerror}"
    if wanted and found.hexdigest() != wanted:
        return "the file is not what was sealed: its digest differs"
    _sound[str(segment.path)] = (state.st_mtime_ns, state.st_size)
    return ""
