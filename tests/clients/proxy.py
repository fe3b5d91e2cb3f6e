"""A proxy between client and product that loses answers, as networks do: stored, but nobody hears of it."""

import http.client
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.live import Product

# Of one connection only; `requests` and fetch send these anew.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


class Fault(Enum):
    """What becomes of an answer that the product has given."""

    SERVER_ERROR = "500 instead of it"
    CUT = "the connection ends before it"
    CUT_HALFWAY = "the connection ends in the middle of it"


@dataclass
class Exchange:
    """One request with what the product answered, and when."""

    path: str
    headers: dict[str, str]
    body: bytes
    status: int
    fault: Fault | None
    at: float
    retry_after: str | None = None


@dataclass
class Proxy:
    """Passes requests on to the product; the next answers meet the faults that are due, in order."""

    url: str
    due: deque[Fault] = field(default_factory=deque)
    exchanges: list[Exchange] = field(default_factory=list)

    def break_next(self, *faults: Fault) -> None:
        self.due.extend(faults)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are expected here."""


def handler(product: Product, proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            upstream = http.client.HTTPConnection("127.0.0.1", product.port, timeout=30)
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
            upstream.close()
            fault = proxy.due.popleft() if proxy.due and self.command == "POST" else None
            retry_after = answer.headers.get("Retry-After")
            proxy.exchanges.append(
                Exchange(self.path, dict(self.headers), body, answer.status, fault, time.monotonic(), retry_after)
            )
            self.answer(fault, answer, content)

        def answer(self, fault: Fault | None, answer: http.client.HTTPResponse, content: bytes) -> None:
            if fault is Fault.CUT:
                self.cut()
                return
            status = 500 if fault is Fault.SERVER_ERROR else answer.status
            self.send_response_only(status)
            for name, value in answer.getheaders():
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if fault is Fault.CUT_HALFWAY:
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                time.sleep(0.05)
                self.cut()
                return
            self.wfile.write(content)

        def cut(self) -> None:
            # Linger of zero: a reset, which no client can take for an orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True

        do_GET = do_POST = do_OPTIONS = pass_on  # noqa: N815 -- the names that http.server calls

    return Handler


@contextmanager
def served(make: Callable[[], type[BaseHTTPRequestHandler]], port: int = 0) -> Iterator[_Server]:
    """Serve with the handler that `make` gives, in a thread, until the block ends."""
    server = _Server(("127.0.0.1", port), make())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def faulty(product: Product) -> Iterator[Proxy]:
    """A proxy in front of the product."""
    proxy = Proxy("")
    with served(lambda: handler(product, proxy)) as server:
        proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield proxy
