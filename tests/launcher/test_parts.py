"""Web, worker and beat as processes: started again, ended with all they left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from growthplatform.launcher.data import CHECKOUT, LARGEST_LOG_BYTES, shorten
from growthplatform.launcher.parts import Part, end_leftovers

FAMILY = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    part = Part("web", [sys.executable, "-c", FAMILY, "growthplatform"], tmp_path / "web.log")
    yield part
    part.kill()


def processes_of(group: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=,stat=", "-g", str(group)], capture_output=True, text=True, check=False)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "Z" not in line.split()[1]]


def wait_until(true: object, patience_s: float = 5) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if true():
            return True
        time.sleep(0.02)
    return False


def test_a_killed_part_is_started_again_and_its_children_are_ended(part: Part) -> None:
    told: list[str] = []
    part.start(os.environ)
    group = part.process.pid
    assert wait_until(lambda: len(processes_of(group)) == 2)

    os.kill(group, signal.SIGKILL)
    assert wait_until(lambda: part.ended() is not None)
    assert wait_until(lambda: part.revive(os.environ, told.append) or (part.process and part.ended() is None))

    assert part.process.pid != group
    assert wait_until(lambda: not processes_of(group))
    assert len(told) == 1
    assert "web ended (SIGKILL)" in told[0]


def test_a_part_that_keeps_failing_is_tried_ever_less_often_and_its_log_is_quoted_once(tmp_path: Path) -> None:
    told: list[str] = []
    part = Part("beat", [sys.executable, "-c", "raise SystemExit('no such schedule')"], tmp_path / "beat.log")

    end = time.monotonic() + 2
    while time.monotonic() < end:
        part.revive(os.environ, told.append)
        time.sleep(0.01)
    part.kill()

    assert len([line for line in told if line.startswith("beat ended (status 1)")]) <= 4
    assert len([line for line in told if "no such schedule" in line]) == 1


def test_a_part_ends_when_the_launcher_is_killed(tmp_path: Path) -> None:
    start = (
        "import os, sys, time; from pathlib import Path; from growthplatform.launcher.parts import Part;"
        f"part = Part('web', ['sleep', '60'], Path({str(tmp_path / 'log')!r})); part.start(os.environ);"
        "print(part.process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", start], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as launcher:
        child = int(launcher.stdout.readline())
        launcher.kill()

    assert wait_until(lambda: not processes_of(child))


def test_what_a_killed_launcher_left_is_ended_but_no_stranger_with_its_number(part: Part) -> None:
    part.start(os.environ)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        assert wait_until(lambda: processes_of(part.process.pid))
        end_leftovers([part.process.pid, stranger.pid])

        assert wait_until(lambda: part.ended() == -signal.SIGKILL)
        assert stranger.poll() is None
        stranger.kill()


def test_a_long_log_starts_over_and_keeps_what_it_had(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * (LARGEST_LOG_BYTES + 1))

    shorten(log)

    assert log.stat().st_size == 0
    assert (tmp_path / "web.log.1").stat().st_size == LARGEST_LOG_BYTES + 1
