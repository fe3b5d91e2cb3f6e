"""Where files of raw data are put: a folder of this machine, or a bucket. A file has its name only once it is whole."""

import asyncio
import os
import shutil
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol, cast

import fsspec
from aiohttp.abc import AbstractResolver, ResolveResult
from django.conf import settings

from growthplatform.core import outbound
from growthplatform.core.errors import Problem

CONNECT_S, READ_S = 5, 60


class Unwritable(Problem):
    """A place that takes no file: the sentence says why."""

    status = 409
    code = "place_unwritable"
    message = "No file can be written there."


class Place(Protocol):
    """Takes whole files and gives them back."""

    def put(self, file: Path, name: str) -> None:
        """Move a file there, under a name that it gets once it is whole; what had the name before is replaced."""

    def open(self, name: str) -> IO[bytes]:
        """Open a file for reading. Raises FileNotFoundError."""

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all in it. Safe to repeat."""


def home() -> Place:
    """Return what EXPORTS_URL names."""
    address = str(settings.EXPORTS_URL)
    protocol, _, rest = address.rpartition("://")
    return Folder(Path(rest)) if protocol in ("", "file") else Bucket(address, {})


def below(place: Place, name: str) -> Place:
    """Return a folder of a place."""
    if isinstance(place, Folder):
        return Folder(place.root / name)
    bucket = cast("Bucket", place)
    return Bucket(f"{bucket.address.rstrip('/')}/{name}", bucket.options)


@dataclass(frozen=True)
class Folder:
    """A folder of this machine."""

    root: Path

    def put(self, file: Path, name: str) -> None:
        """Move the file in; the disk has confirmed it when this returns."""
        target = self.root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        shutil.move(file, part)
        _confirm(part)
        part.replace(target)
        _confirm(target.parent)

    def open(self, name: str) -> IO[bytes]:
        """Open the file itself."""
        return (self.root / name).open("rb")

    def remove(self, name: str) -> None:
        """Delete the file, or the folder."""
        target = self.root / name
        if target.is_dir():
            shutil.rmtree(target, ignore_errors=True)
        target.unlink(missing_ok=True)


@dataclass(frozen=True)
class Bucket:
    """An address that fsspec knows, such as s3://bucket/prefix, with what opens it."""

    address: str
    options: Mapping[str, Any]

    def put(self, file: Path, name: str) -> None:
        """Upload the file: an object is there whole or not at all."""
        system, root = self._system()
        system.put_file(str(file), f"{root}/{name}")
        file.unlink()

    def open(self, name: str) -> IO[bytes]:
        """Open the object for reading block by block."""
        system, root = self._system()
        return cast("IO[bytes]", system.open(f"{root}/{name}", "rb"))

    def remove(self, name: str) -> None:
        """Delete the object, or all whose names begin so."""
        system, root = self._system()
        with suppress(FileNotFoundError):
            system.rm(f"{root}/{name}", recursive=True)

    def _system(self) -> tuple[Any, str]:
        # Asked for each time: fsspec keeps one for each thread and process, and one of a parent must not be used on.
        system, root = fsspec.core.url_to_fs(self.address, **self.options)
        return system, root.rstrip("/")


def bucket_of_customer(address: str, options: Mapping[str, str]) -> Bucket:
    """Return a bucket that a customer named, reached by the customer's own key and nothing else.

    `options` are key, secret and, where it is not Amazon's, endpoint and region. Raises Refused for an endpoint that
    is not of the public internet; the address is looked at again whenever it is connected to.
    """
    endpoint = options.get("endpoint", "")
    if endpoint:
        outbound.check_url(endpoint)
    given: dict[str, Any] = {
        "key": options["key"],
        "secret": options["secret"],
        "anon": False,
        "skip_instance_cache": True,
        "use_listings_cache": False,
        "client_kwargs": {"region_name": options.get("region") or "us-east-1"},
        "config_kwargs": {
            "connect_timeout": CONNECT_S,
            "read_timeout": READ_S,
            "retries": {"max_attempts": 2},
            "connector_args": {"resolver": _Guarded(), "use_dns_cache": False},
            # Most vendors other than Amazon know a bucket by the path alone.
            "s3": {"addressing_style": "path" if endpoint else "auto"},
        },
    }
    if endpoint:
        given["endpoint_url"] = endpoint
    return Bucket(address, given)


class _Guarded(AbstractResolver):
    """Looks up names, and gives no address that is not of the public internet."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        for one in found:
            if not outbound.is_allowed(str(one[4][0])):
                raise OSError(f"{host} is {one[4][0]}, which is not an address of the public internet")
        return [
            ResolveResult(
                hostname=host, host=str(one[4][0]), port=port, family=one[0], proto=one[2], flags=socket.AI_NUMERICHOST
            )
            for one in found
        ]

    async def close(self) -> None:
        """There is nothing to close."""


def _confirm(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
