"""A vendor's server on this machine: keeps what it is sent, and answers what the test says."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from growthplatform.core import outbound


@dataclass
class Vendor:
    """What a vendor was sent; `status` is what it answers from now on."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)

    def bodies(self) -> list[bytes]:
        return [one["body"] for one in self.seen]


@contextmanager
def running() -> Iterator[Vendor]:
    vendor = Vendor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            vendor.seen.append(
                {"method": self.command, "path": self.path, "headers": dict(self.headers.items()), "body": body}
            )
            self.send_response(vendor.status)
            for name, value in {**vendor.headers, "Content-Length": "2"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"OK")

        do_POST = do_GET = _answer  # noqa: N815 -- the name that http.server asks for

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    vendor.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield vendor
    finally:
        # Connections that are kept for the next request would outlive the server.
        outbound._pool().close()
        server.shutdown()
        server.server_close()
        thread.join()
