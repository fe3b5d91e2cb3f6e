"""The port of the web part: free, or a sentence that names who has it."""

import socket
from collections.abc import Mapping
from pathlib import Path

from growthplatform.launcher.failures import CannotStart

DEFAULT = 8000
TRIED = 100


def choose_port(environment: Mapping[str, str]) -> int:
    """Take PORT, or the first free one from 8000 up where it is not set. Raises CannotStart."""
    host, wanted = environment.get("HOST") or "127.0.0.1", environment.get("PORT")
    if not wanted:
        return _first_free(host, DEFAULT)
    if not wanted.isdigit() or not 0 < int(wanted) < 65536:
        raise CannotStart(f"PORT={wanted!r} can't be used: a port is a number from 1 to 65535.")
    port = int(wanted)
    if not is_free(host, port):
        instead = _first_free(host, port + 1)
        raise CannotStart(
            f"Port {port} is taken{_by_whom(port)}: stop that, or take another one, such as PORT={instead} make run"
        )
    return port


def is_free(host: str, port: int) -> bool:
    """Say whether a server can listen there. Raises CannotStart for a host this machine does not have."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as unknown:
        raise CannotStart(f"HOST={host!r} can't be used: {unknown.strerror}.") from None
    with socket.socket(family, kind) as probe:
        # As the server does it: a connection that ended a moment ago does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError:
            return False
    return True


def _first_free(host: str, start: int) -> int:
    for port in range(start, min(start + TRIED, 65536)):
        if is_free(host, port):
            return port
    raise CannotStart(f"No port from {start} to {start + TRIED} is free on {host}; choose one with PORT.")


def _by_whom(port: int) -> str:
    """Name the process that listens on `port`, where the system tells."""
    sockets = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(table, port)}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(handle.readlink()) in sockets for handle in (entry / "fd").iterdir()):
                return f" by {(entry / 'comm').read_text().strip()} (process {entry.name})"
        except OSError:
            continue
    return ""


def _listening(table: str, port: int) -> list[str]:
    try:
        rows = [line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]]
    except OSError:
        return []
    return [row[9] for row in rows if row[3] == "0A" and int(row[1].rsplit(":", 1)[1], 16) == port]
