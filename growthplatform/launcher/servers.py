"""One PostgreSQL and one Redis for all processes of a checkout: the first one starts them, the last one stops them.

Each user holds a shared lock on the file `users`; who can turn it into an exclusive one at its end was the last. The
kernel drops the lock of a killed process, so nothing is ever counted wrong. Starting happens under a lock of its own.
"""

import atexit
import fcntl
import os
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from growthplatform.launcher import postgres, redis
from growthplatform.launcher.data import Data, find_data

PATIENCE_S = 30


@dataclass
class Servers:
    """The embedded servers this process uses; none where the environment names servers of the operator's own."""

    data: Data
    with_postgres: bool
    with_redis: bool
    _users: int | None = field(default=None, repr=False)
    _pid: int = field(default_factory=os.getpid, repr=False)

    def start(self, *, tell: Callable[[str], None] = lambda _: None) -> None:
        """Start what does not run yet and count this process as a user. Safe to repeat, also after a crash."""
        if not (self.with_postgres or self.with_redis):
            return
        self.data.make()
        with _locked(self.data.folder / "start.lock"):
            if self._users is None:
                self._users = _open(self.data.folder / "users")
                # Waits while the last user of before is stopping the servers.
                fcntl.flock(self._users, fcntl.LOCK_SH)
            if self.are_running():
                return
            self.data.make_folders()
            for name, server, wanted in (
                ("Redis", redis, self.with_redis),
                ("PostgreSQL", postgres, self.with_postgres),
            ):
                began = time.monotonic()
                if wanted and server.start(self.data):
                    tell(f"{name} ready ({time.monotonic() - began:.1f} s)")

    def are_running(self) -> bool:
        """Say whether all embedded servers of this process answer."""
        return (not self.with_redis or redis.is_running(self.data)) and (
            not self.with_postgres or postgres.is_running(self.data)
        )

    def release(self, *, patience_s: int = PATIENCE_S) -> bool:
        """Stop using the servers, and stop them if nobody else does; return whether they were stopped."""
        # A forked child shares the lock of its parent and must leave it alone.
        if self._users is None or os.getpid() != self._pid:
            return False
        users, self._users = self._users, None
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        else:
            redis.stop(self.data, patience_s=patience_s)
            postgres.stop(self.data, patience_s=patience_s)
            return True
        finally:
            os.close(users)


def ensure(environment: MutableMapping[str, str] = os.environ) -> Servers:
    """Make sure that a database and a Redis are there, and set DATABASE_URL and REDIS_URL to them.

    What the operator has set stays. Embedded servers are released when this process ends. Raises CannotStart.
    """
    servers = find_servers(environment)
    servers.start()
    atexit.register(servers.release)
    export(servers, environment)
    return servers


def find_servers(environment: MutableMapping[str, str]) -> Servers:
    """Find which embedded servers the environment leaves to us."""
    return Servers(find_data(environment), not environment.get("DATABASE_URL"), not environment.get("REDIS_URL"))


def export(servers: Servers, environment: MutableMapping[str, str]) -> None:
    """Name the embedded servers in `environment`, for this process and those it starts."""
    if servers.with_postgres:
        environment["DATABASE_URL"] = postgres.database_url(servers.data)
    if servers.with_redis:
        environment["REDIS_URL"] = redis.redis_url(servers.data)


class _locked:  # noqa: N801
    """Hold an exclusive lock on a file."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path)

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._file)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
