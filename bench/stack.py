"""A product to measure: migrations, a project with a key, and granian as `make run` starts it."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web(
    app: str = "growthplatform.wsgi:application", threads: int = 4, workers: int = 2
) -> Iterator[tuple[int, psutil.Process]]:
    """Serve `app` by granian on a free port until the block ends; yield port and process."""
    port = free_port()
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", str(workers), "--blocking-threads",
        str(threads), "--host", "127.0.0.1", "--port", str(port), "--no-ws", "--http", "1", "--backlog", "1024",
        "--log-level", "error", app,
    ]  # fmt: skip
    process = subprocess.Popen(command, env={**os.environ, "PORT": str(port)})
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=1).read()
                break
            except OSError:
                time.sleep(0.1)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)
