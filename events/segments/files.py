"""Where segments lie: a folder of this machine, or an address that fsspec knows, with copies kept here for reading.

A file never changes under its name. It is whole and on disk before its name is known to anybody, and it has no name
that another instance of the product would use.
"""

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import fsspec
from django.conf import settings

READ_BYTES = 4 * 1024 * 1024
DIGEST_BYTES = 32
# A copy that was used so lately may be in a question's hands, and is not given up.
IN_USE_S = 15 * 60
WORK = ".work"


@dataclass(frozen=True)
class Stored:
    """A file of the store, and when it was last written."""

    name: str
    bytes: int
    written_at: datetime


class Store(Protocol):
    """What sealed files are kept in."""

    def local(self, name: str) -> Path:
        """Return where the file can be read on this machine; there is none at that path when the store has lost it."""

    def put(self, file: Path, name: str) -> None:
        """Take a file of the work folder into the store under `name`; it is safe against a crash when this returns."""

    def remove(self, name: str) -> None:
        """Remove a file. Safe to repeat."""

    def names(self, folder: str) -> Iterator[Stored]:
        """Yield the files below a folder, in no order."""


def store() -> Store:
    """Return the store that SEGMENTS_URL names."""
    return _store(str(settings.SEGMENTS_URL))


@cache
def _store(address: str) -> Store:
    protocol, _, rest = address.rpartition("://")
    if protocol in ("", "file"):
        return Folder(Path(rest))
    return Remote(address, Path(settings.SEGMENT_CACHE))


class Folder:
    """A folder on this machine."""

    def __init__(self, root: Path):
        self.root = root

    def local(self, name: str) -> Path:
        """Return the file itself."""
        return self.root / name

    def put(self, file: Path, name: str) -> None:
        """Move the file in, and have the disk confirm file and folders."""
        target = self.root / name
        _confirm(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.replace(target)
        except FileNotFoundError:  # its folder was empty, and taken away by `remove` meanwhile
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        for folder in list(target.parents)[: len(Path(name).parts)]:
            _confirm(folder)

    def remove(self, name: str) -> None:
        """Delete the file, and the folder it leaves empty."""
        (self.root / name).unlink(missing_ok=True)
        with suppress(OSError):
            (self.root / name).parent.rmdir()

    def names(self, folder: str) -> Iterator[Stored]:
        """Walk the folder."""
        for path in (self.root / folder).rglob("*.parquet"):
            with suppress(FileNotFoundError):
                found = path.stat()
                written_at = datetime.fromtimestamp(found.st_mtime, UTC)
                yield Stored(path.relative_to(self.root).as_posix(), found.st_size, written_at)


class Remote:
    """An address that fsspec knows; what is read is copied into a folder of this machine first."""

    def __init__(self, address: str, copies: Path):
        self.address, self.copies = address.rstrip("/"), copies / hashlib.sha256(address.encode()).hexdigest()[:12]
        self._copying = threading.Lock()

    def local(self, name: str) -> Path:
        """Return the copy, made now if it is missing."""
        copy = self.copies / name
        if not copy.exists():
            with self._copying, suppress(FileNotFoundError):
                self._fetch(name, copy)
        with suppress(FileNotFoundError):
            # The time of reading says what was used last; the time of change stays, as readers go by it.
            os.utime(copy, ns=(time.time_ns(), copy.stat().st_mtime_ns))
        return copy

    def put(self, file: Path, name: str) -> None:
        """Upload the file and keep it as a copy: it is likely to be read soon."""
        system, root = self._system()
        system.put_file(str(file), f"{root}/{name}")
        copy = self.copies / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        file.replace(copy)

    def remove(self, name: str) -> None:
        """Delete the object and its copy."""
        system, root = self._system()
        with suppress(FileNotFoundError):
            system.rm_file(f"{root}/{name}")
        (self.copies / name).unlink(missing_ok=True)

    def names(self, folder: str) -> Iterator[Stored]:
        """List the objects as they are now."""
        system, root = self._system()
        system.invalidate_cache()
        prefix = f"{root}/".lstrip("/")
        for name, found in system.find(f"{root}/{folder}", detail=True).items():
            written_at = found.get("LastModified") or found.get("created") or found.get("mtime")
            if isinstance(written_at, int | float):
                written_at = datetime.fromtimestamp(written_at, UTC)
            if isinstance(written_at, datetime):
                yield Stored(name.lstrip("/").removeprefix(prefix), int(found["size"]), written_at)

    def trim(self, allowed_bytes: int) -> int:
        """Delete the copies that were read longest ago until the rest has `allowed_bytes`; return how many went."""
        found = sorted((path.stat().st_atime, path.stat().st_size, path) for path in self.copies.rglob("*.parquet"))
        excess, gone = sum(size for _, size, _ in found) - allowed_bytes, 0
        for read_at, size, path in found:
            if excess <= 0 or read_at > time.time() - IN_USE_S:
                break
            path.unlink(missing_ok=True)
            excess, gone = excess - size, gone + 1
        return gone

    def _fetch(self, name: str, copy: Path) -> None:
        if copy.exists():
            return
        system, root = self._system()
        copy.parent.mkdir(parents=True, exist_ok=True)
        part = copy.with_name(f"{copy.name}.{uuid4().hex}")
        try:
            system.get_file(f"{root}/{name}", str(part))
            part.replace(copy)
        finally:
            part.unlink(missing_ok=True)

    def _system(self) -> tuple[Any, str]:
        # Asked for each time: fsspec keeps one for each thread and process, and one of a parent must not be used on.
        system, root = fsspec.core.url_to_fs(self.address)
        return system, root.rstrip("/")


@contextmanager
def workspace() -> Iterator[Path]:
    """Yield an empty folder to make files in, on the disk that they are moved to; it is gone afterwards."""
    current = store()
    base = (current.root if isinstance(current, Folder) else Path(settings.SEGMENT_CACHE)) / WORK
    folder = base / f"{os.getpid()}-{uuid4().hex[:12]}"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def digest(file: Path) -> str:
    """Return BLAKE2b of a file, in hexadecimal."""
    found = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with file.open("rb") as source:
        while block := source.read(READ_BYTES):
            found.update(block)
    return found.hexdigest()


def _confirm(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
