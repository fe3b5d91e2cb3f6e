"""The system user the servers run as when the product is started by root: PostgreSQL refuses to run as root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from growthplatform.launcher.failures import CannotStart

NAME = "growthplatform"


@dataclass(frozen=True)
class Account:
    """A user of the system, by its numbers."""

    name: str
    uid: int
    gid: int

    @property
    def as_user(self) -> dict[str, Any]:
        """The arguments of `subprocess` that start a command as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() != self.uid else {}

    def own(self, path: Path, mode: int) -> None:
        """Give `path` to this user."""
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)
        path.chmod(mode)

    def can_run(self, path: Path) -> bool:
        """Say whether this user may run the program, or enter the folder, at `path`."""
        if os.geteuid() == self.uid:
            return os.access(path, os.X_OK)
        try:
            found = subprocess.run(["test", "-x", path], cwd="/", check=False, **self.as_user)
        except OSError:
            return False
        return found.returncode == 0


def find_account(owned: Path) -> Account:
    """Find the user to run servers as: ourselves, or for root an unprivileged one.

    The owner of the folder `owned`, where that exists, stays the user: its files would not open for another.
    """
    if os.geteuid() != 0:
        return _known(pwd.getpwuid(os.geteuid())) if _has_entry(os.geteuid()) else _nameless()
    if owned.exists() and owned.stat().st_uid != 0 and _has_entry(owned.stat().st_uid):
        return _known(pwd.getpwuid(owned.stat().st_uid))
    _create_account()
    for name in (NAME, "postgres", "nobody"):
        try:
            return _known(pwd.getpwnam(name))
        except KeyError:
            continue
    raise CannotStart(
        f"PostgreSQL does not run as root, and there is no other user: create one (useradd --system {NAME}), "
        "start as a plain user, or set DATABASE_URL and REDIS_URL to servers of your own."
    )


def _known(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _nameless() -> Account:
    """Serve containers that run as a bare number."""
    return Account(str(os.geteuid()), os.geteuid(), os.getegid())


def _has_entry(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _create_account() -> None:
    useradd = shutil.which("useradd")
    try:
        pwd.getpwnam(NAME)
    except KeyError:
        if useradd:
            command = [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
            subprocess.run([*command, "--shell", "/usr/sbin/nologin", NAME], capture_output=True, check=False)
