"""The parts of the product: web, worker, beat. Each is a process group of its own with a log of its own."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from growthplatform.launcher.data import CHECKOUT, Data
from growthplatform.launcher.failures import last_lines

PR_SET_PDEATHSIG = 1
FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
# A part that lived this long had recovered: its next end starts with the short delay again.
RECOVERED_S = 30

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Part:
    """One process with its children; started again whenever it ends."""

    name: str
    command: Sequence[str | Path]
    log: Path
    # Where a vanished child is worth a line: granian's workers are few and meant to stay.
    watches_children: bool = False
    # What makes the part end sooner than at its own leisure.
    hurry: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _children: set[str] = field(default_factory=set, repr=False)
    _started_at: float = 0
    _due_at: float = 0
    _delay_s: float = FIRST_DELAY_S

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the part in a session of its own: Ctrl-C reaches only the launcher, which stops all in order."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=CHECKOUT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - the launcher has one thread
            )
        self._started_at = time.monotonic()
        self._children = set()

    def ended(self) -> int | None:
        """Return the exit status once the part has ended."""
        return self.process.poll() if self.process else None

    def revive(self, environment: Mapping[str, str], tell: Callable[[str], None]) -> None:
        """Start the part again if it has ended, after a delay that grows while it keeps ending."""
        if self.process is None:
            if time.monotonic() >= self._due_at:
                self.start(environment)
        elif (status := self.process.poll()) is not None:
            if time.monotonic() - self._started_at > RECOVERED_S:
                self._delay_s = FIRST_DELAY_S
            tell(f"{self.name} ended ({_reason(status)}), starting it again; log: {self.log}")
            if status > 0 and self._delay_s == FIRST_DELAY_S:
                tell(last_lines(self.log))
            self.kill()
            self._due_at, self._delay_s = time.monotonic() + self._delay_s, min(self._delay_s * 2, LONGEST_DELAY_S)
        elif self.watches_children:
            self._watch_children(tell)

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask the part to finish what it does and end."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End the part and every process it left behind."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def _watch_children(self, tell: Callable[[str], None]) -> None:
        assert self.process
        try:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        except OSError:
            return
        if self._children - set(children):
            tell(f"A process of {self.name} ended, it starts another; log: {self.log}")
        self._children = set(children)


def make_parts(data: Data, environment: Mapping[str, str]) -> list[Part]:
    """List the parts with their commands."""
    host, port = environment["HOST"], environment["PORT"]
    threads = environment.get("WEB_THREADS") or "4"
    web = ["granian", "--interface", "wsgi", "--host", host, "--port", port, "--http", "1", "--no-ws"]
    web += ["--workers", environment.get("WEB_WORKERS") or "2", "--blocking-threads", threads, "--backlog", "1024"]
    web += ["--respawn-failed-workers", "--respawn-interval", "0.5", "--workers-kill-timeout", "3"]
    celery = ["celery", "--app", "growthplatform"]
    processes = environment.get("WORKER_PROCESSES") or "2"
    worker = [*celery, "worker", "--pool", "prefork", "--concurrency", processes, "--loglevel", "WARNING"]
    worker += ["--hostname", "worker@growthplatform", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    # Without a file for its number, which a killed beat would leave behind and then not start.
    beat = [*celery, "beat", "--scheduler", "django_celery_beat.schedulers:DatabaseScheduler", "--pidfile="]
    return [
        Part("web", module(*web, "growthplatform.wsgi:application"), data.log("web"), watches_children=True),
        # SIGQUIT drops running tasks but gives them back to the queue, which a killed worker does not.
        Part("worker", module(*worker), data.log("worker"), hurry=signal.SIGQUIT),
        Part("beat", module(*beat, "--loglevel", "WARNING"), data.log("beat")),
    ]


def module(name: str, *arguments: str) -> list[str]:
    """Write the command that runs the Python module `name` with this interpreter."""
    return [sys.executable, "-m", name, *arguments]


def end_with_parent() -> None:
    """Have the kernel end this process when its parent dies, however that happens (Linux only)."""
    with contextlib.suppress(AttributeError):
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_leftovers(groups: Sequence[int]) -> None:
    """End what is left of the process groups of a launcher that was killed, and wait until it is gone.

    A number may belong to something else by now: only processes that name this product are touched.
    """
    deadline = time.monotonic() + 3
    while (left := _members(groups)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _members(groups: Sequence[int]) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*") if groups else ():
        try:
            group = int((entry / "stat").read_text().rpartition(")")[2].split()[2])
            if group in groups and b"growthplatform" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def _reason(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
