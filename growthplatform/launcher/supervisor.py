"""The product in the foreground: starts its servers and parts in order, keeps them alive, stops them in order."""

import fcntl
import http.client
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from growthplatform.launcher import first_steps
from growthplatform.launcher.data import Data, shorten
from growthplatform.launcher.failures import CannotStart, last_lines
from growthplatform.launcher.parts import Part, end_leftovers, end_with_parent, make_parts, module
from growthplatform.launcher.ports import choose_port
from growthplatform.launcher.servers import Servers, export, find_servers

LONGEST_START_S = 120
LONGEST_SILENCE_S = 40
# /readyz answers 503 while it waits for something; a 500 is a program that can't be loaded.
LONGEST_ERROR_S = 5
SILENT = "it does not answer"
GLANCE_S = 0.5
LOG_CHECK_S = 60
# All together stay below the ten seconds that service managers and containers allow.
PARTS_PATIENCE_S = 2.5
PARTS_HURRY_S = 1.5
SERVERS_PATIENCE_S = 3


class Interrupted(BaseException):
    """Raised in the main thread by the first signal that asks for the end."""


class Supervisor:
    """One start of the product, from nothing to the last process gone."""

    def __init__(self) -> None:
        self.environment = dict(os.environ)
        self.servers: Servers = find_servers(self.environment)
        self.data: Data = self.servers.data
        self.parts: list[Part] = []
        self.steps: subprocess.Popen[str] | None = None
        self._stopping_since = 0.0
        self._lock = -1
        self._server_trouble = ""

    def run(self) -> int:
        """Run until a signal asks for the end; return the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            self._keep_alive()
        except Interrupted:
            return 0
        except CannotStart as trouble:
            say(str(trouble))
            return 1
        finally:
            self._stop()

    def _start(self) -> None:
        began = time.monotonic()
        self.data.make()
        self._be_the_only_one()
        port = choose_port(self.environment)
        self.environment |= {"PORT": str(port), "HOST": self.environment.get("HOST") or "127.0.0.1"}
        self.environment |= {"GROWTH_DATA": str(self.data.folder), "PYTHONUNBUFFERED": "1"}
        self.servers.start(tell=say)
        export(self.servers, self.environment)
        # The web processes count together; what earlier ones left there would be counted again.
        metrics = self.data.folder / "metrics"
        shutil.rmtree(metrics, ignore_errors=True)
        metrics.mkdir(parents=True)
        self.environment["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
        self._take_first_steps()
        self.parts = make_parts(self.data, self.environment)
        # Web first: side by side on few cores each would take longer, and people wait for the pages.
        self._start_parts(self.parts[:1])
        self._wait_until_ready(self.parts[0], port)
        self._start_parts(self.parts[1:])
        say(f"Web ready, worker and beat starting ({time.monotonic() - began:.1f} s in all)")
        self._welcome(port)

    def _start_parts(self, parts: Sequence[Part]) -> None:
        for part in parts:
            shorten(part.log)
            part.start(self.environment)
        self._note(int(self.environment["PORT"]))

    def _be_the_only_one(self) -> None:
        self._lock = os.open(self.data.folder / "supervisor.json", os.O_RDWR | os.O_CREAT, 0o600)
        noted = json.loads(os.read(self._lock, 10_000) or b"{}")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = f" at http://localhost:{noted['port']}" if "port" in noted else ""
            raise CannotStart(f"This checkout runs already{where} (process {noted.get('pid', 'unknown')}).") from None
        end_leftovers(noted.get("parts", []))
        self._note(None)

    def _note(self, port: int | None) -> None:
        """Write down what the next start must know should this process be killed."""
        pids = [part.process.pid for part in self.parts if part.process]
        noted = {"pid": os.getpid(), "parts": pids} | ({"port": port} if port else {})
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, json.dumps(noted).encode(), 0)

    def _take_first_steps(self) -> None:
        log = self.data.log("first-steps")
        with log.open("wb") as errors:
            self.steps = subprocess.Popen(
                module(first_steps.__name__),
                env=self.environment,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - one thread
            )
        assert self.steps.stdout
        for line in self.steps.stdout:
            if line.rstrip() == first_steps.READY:
                return
            say(line.rstrip())
        self.steps.wait()
        raise CannotStart(f"The database could not be brought up to date:\n{last_lines(log)}")

    def _wait_until_ready(self, web: Part, port: int) -> None:
        began = time.monotonic()
        again_at = began + LONGEST_SILENCE_S
        while (answer := _readiness(self.environment["HOST"], port)) != "ready":
            if web.ended() is not None:
                raise CannotStart(f"The web part does not start:\n{last_lines(web.log)}")
            patience_s = LONGEST_ERROR_S if "answers 500" in answer else LONGEST_START_S
            if time.monotonic() - began > patience_s:
                raise CannotStart(f"The web part is not ready: {answer}\n{last_lines(web.log)}")
            if answer.startswith(SILENT) and time.monotonic() > again_at:
                # Seen once on a busy machine: a web process that hung before its first line.
                again_at = began + LONGEST_START_S
                say("The web part does not answer yet, starting it once more")
                web.kill()
                web.start(self.environment)
            time.sleep(0.1)

    def _welcome(self, port: int) -> None:
        """Let the first steps finish beside the running parts, and show what they print."""
        assert self.steps
        assert self.steps.stdin
        assert self.steps.stdout
        self.steps.stdin.write(f"{first_steps.GO}\n")
        self.steps.stdin.close()
        shown = False
        while True:
            readable, _, _ = select.select([self.steps.stdout], [], [], GLANCE_S)
            if readable and not (text := os.read(self.steps.stdout.fileno(), 65536)):
                break
            if readable:
                shown = True
                print(text.decode(errors="replace"), end="", flush=True)
            else:
                self._glance()
        if self.steps.wait():
            say(f"The first data could not be made; what happened: {self.data.log('first-steps')}")
        if not shown:
            say(f"Growth Platform is at http://localhost:{port}/ (Ctrl-C ends it)")

    def _keep_alive(self) -> NoReturn:
        logs_due_at = time.monotonic() + LOG_CHECK_S
        while True:
            time.sleep(GLANCE_S)
            self._glance()
            if time.monotonic() > logs_due_at:
                logs_due_at += LOG_CHECK_S
                for name in ("web", "worker", "beat", "postgres", "redis"):
                    shorten(self.data.log(name))

    def _glance(self) -> None:
        """Start again whatever has ended."""
        if not self.servers.are_running():
            self._revive_servers()
        before = [part.process for part in self.parts]
        for part in self.parts:
            part.revive(self.environment, say)
        if before != [part.process for part in self.parts]:
            self._note(int(self.environment["PORT"]))

    def _revive_servers(self) -> None:
        try:
            self.servers.start(tell=lambda what: say(f"Started again: {what}"))
            self._server_trouble = ""
        except CannotStart as trouble:
            # Once, not at every glance: a full disk may take the operator a while.
            if str(trouble) != self._server_trouble:
                say(f"{trouble}\nTrying again until it works.")
            self._server_trouble = str(trouble)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if not self._stopping_since:
            self._stopping_since = time.monotonic()
            raise Interrupted
        # `make` passes a SIGTERM on that came to its whole group: only a second Ctrl-C means impatience.
        if number == signal.SIGINT and time.monotonic() - self._stopping_since > 0.3:
            for part in self.parts:
                part.kill()

    def _stop(self) -> None:
        self._stopping_since = self._stopping_since or time.monotonic()
        running = [part for part in self.parts if part.ended() is None and part.process]
        if running:
            say("Stopping …")
        if self.steps and self.steps.poll() is None:
            self.steps.kill()
            self.steps.wait()
        for part in running:
            part.terminate()
        if not self._have_ended(running, PARTS_PATIENCE_S):
            for part in running:
                part.terminate(part.hurry)
            self._have_ended(running, PARTS_HURRY_S)
        for part in self.parts:
            part.kill()
        if self.servers.release(patience_s=SERVERS_PATIENCE_S) or not running:
            return
        if self.servers.with_postgres or self.servers.with_redis:
            say("PostgreSQL and Redis go on: another command is using them.")

    def _have_ended(self, parts: Sequence[Part], patience_s: float) -> bool:
        deadline = time.monotonic() + patience_s
        while any(part.process and part.ended() is None for part in parts):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True


def _readiness(host: str, port: int) -> str:
    """Return "ready", or what stands in the way."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - the opposite of binding
    connection = http.client.HTTPConnection(reachable, port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        text = answer.read(500).decode(errors="replace")
    except (OSError, http.client.HTTPException) as failure:
        return f"{SILENT} ({failure})"
    finally:
        connection.close()
    # Where everything is redirected to https, the redirect is an answer too.
    return "ready" if answer.status in {200, 301, 302} else f"/readyz answers {answer.status} {text.strip()}"


def say(line: str) -> None:
    """Show a line to the operator; a closed terminal must not end the product."""
    try:
        print(line, flush=True)
    except OSError:
        return
