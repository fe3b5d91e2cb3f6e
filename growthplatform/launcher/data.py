"""Where the data, logs and sockets of one checkout are."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from growthplatform.launcher.account import Account, find_account
from growthplatform.launcher.failures import CannotStart

CHECKOUT = Path(__file__).resolve().parent.parent.parent
# sun_path holds 108 bytes with its end mark; PostgreSQL's is the longer of the two names in the folder.
LONGEST_SOCKET_BYTES = 107
LARGEST_LOG_BYTES = 10_000_000


@dataclass(frozen=True)
class Data:
    """The data folder of one pair of servers."""

    folder: Path

    @cached_property
    def account(self) -> Account:
        return find_account(self.postgres)

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def redis(self) -> Path:
        return self.folder / "redis"

    @property
    def binaries(self) -> Path:
        return self.folder / "bin"

    def log(self, part: str) -> Path:
        return self.folder / "log" / f"{part}.log"

    @cached_property
    def sockets(self) -> Path:
        """The private folder of both unix sockets: in the data folder, or a short one where that path is too long."""
        inside = self.folder / "run"
        if len(os.fsencode(inside / ".s.PGSQL.5432")) <= LONGEST_SOCKET_BYTES:
            return inside
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:10]
        return Path(tempfile.gettempdir()) / f"growth-{os.geteuid()}-{name}"

    def make(self) -> None:
        """Create the data folder itself, open enough that the servers' user finds its part. Raises CannotStart."""
        missing = [path for path in (self.folder / "log", self.folder, *self.folder.parents) if not path.exists()]
        try:
            for path in reversed(missing):
                path.mkdir(exist_ok=True)
                path.chmod(0o755)
        except OSError as refused:
            raise CannotStart(f"The data folder {self.folder} can't be made: {refused}.") from None

    def make_folders(self) -> None:
        """Create what is missing inside the data folder, each owned by who writes there. Raises CannotStart."""
        try:
            for private in (self.sockets, self.redis):
                self._make_private(private)
            for part in ("postgres", "redis"):
                shorten(self.log(part))
                self.log(part).touch()
                self.account.own(self.log(part), 0o640)
        except OSError as refused:
            raise CannotStart(f"The data folder {self.folder} can't be used: {refused}.") from None
        if not self.account.can_run(self.redis):
            raise CannotStart(
                f"The servers run as the user {self.account.name}, who can't enter {self.folder}: "
                "set GROWTH_DATA to a folder that is open to others, such as one under /var/lib."
            )

    def _make_private(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        # In a temporary folder somebody else may have been there first.
        if folder.is_symlink() or folder.stat().st_uid not in {os.geteuid(), self.account.uid}:
            raise CannotStart(f"{folder} belongs to somebody else; remove it, or set GROWTH_DATA to a shorter path.")
        self.account.own(folder, 0o700)

    def reachable(self, installed: Path, program: str, release: str, libraries: Path | None = None) -> Path:
        """Find `program` of the folder `installed`, or of a copy where the servers' user can't enter the checkout.

        `release` names the copy, so that an upgrade makes a new one; `libraries` must stay beside the folder's parent.
        """
        if self.account.can_run(installed / program):
            return installed / program
        home = self.binaries / release
        if not home.exists():
            self._copy(installed, home, libraries)
        return home / installed.parent.name / installed.name / program

    def _copy(self, installed: Path, home: Path, libraries: Path | None) -> None:
        fresh = home.with_name(f"{home.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        unused = shutil.ignore_patterns("include", "*.a")
        shutil.copytree(installed, fresh / installed.parent.name / installed.name, symlinks=True, ignore=unused)
        if libraries and libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        for copied in (self.binaries, fresh, *fresh.rglob("*")):
            if not copied.is_symlink():
                copied.chmod(0o755)
        fresh.rename(home)
        self._forget_other_copies(home.name)

    def _forget_other_copies(self, release: str) -> None:
        package = release.rsplit("-", 1)[0]
        for copy in self.binaries.glob(f"{package}-*"):
            if copy.name != release:
                shutil.rmtree(copy, ignore_errors=True)


def find_data(environment: Mapping[str, str]) -> Data:
    """Find the data folder: GROWTH_DATA, else `var/` in the checkout, for root a folder under /var/lib."""
    chosen = environment.get("GROWTH_DATA")
    if chosen:
        return Data(Path(chosen).expanduser().resolve())
    if os.geteuid() == 0:
        name = hashlib.sha256(os.fsencode(CHECKOUT)).hexdigest()[:10]
        return Data(Path("/var/lib/growthplatform") / name)
    return Data(CHECKOUT / "var")


def shorten(log: Path) -> None:
    """Keep the newest of a long log as `….log.1` and start over; its writers append, so they go on undisturbed."""
    if log.exists() and log.stat().st_size > LARGEST_LOG_BYTES:
        shutil.copyfile(log, log.with_suffix(".log.1"))
        os.truncate(log, 0)
