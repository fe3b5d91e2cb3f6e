"""A load generator on loopback: prepared requests over kept-alive sockets, each answer timed."""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Result:
    """What one run of requests came to; times in seconds."""

    times: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    def quantile(self, share: float) -> float:
        """Return the answer time in milliseconds below which `share` of the answers lie."""
        ordered = sorted(self.times)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0

    @property
    def per_second(self) -> float:
        return len(self.times) / self.seconds if self.seconds else 0.0


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Return a whole HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _answer(stream: socket.socket) -> int:
    """Read one answer and return its status."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = stream.recv(65536)
        if not chunk:
            raise ConnectionError("closed")
        data += chunk
    head, _, rest = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(rest) < length:
        rest += stream.recv(65536)
    return int(head.split(b" ", 2)[1])


def run(port: int, requests: Sequence[bytes], connections: int, *, rate: float = 0.0) -> Result:
    """Send all requests over `connections` sockets, as fast as answers come or at `rate` a second in all."""
    result, lock = Result(), threading.Lock()
    started = time.perf_counter()

    def work(number: int) -> None:
        stream = socket.create_connection(("127.0.0.1", port), timeout=60)
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        times, statuses = [], {}
        for index in range(number, len(requests), connections):
            due = started + index / rate if rate else 0.0
            if rate:
                time.sleep(max(0.0, due - time.perf_counter()))
            # At a fixed rate the clock starts when the request was due, so a queue can't hide.
            begun = due or time.perf_counter()
            stream.sendall(requests[index])
            status = _answer(stream)
            times.append(time.perf_counter() - begun)
            statuses[status] = statuses.get(status, 0) + 1
        with lock:
            result.times += times
            for status, count in statuses.items():
                result.statuses[status] = result.statuses.get(status, 0) + count

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.seconds = time.perf_counter() - started
    return result
