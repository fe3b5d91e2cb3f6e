"""What comes over the wire from clients that are no library: bodies in chunks, nonsense instead of HTTP."""

import base64
import gzip
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live import Shop

CALL = {"type": "track", "event": "Order Completed", "userId": "user-1", "messageId": "m-1"}


def exchange(shop: Shop, *parts: bytes) -> bytes:
    """Send bytes as they are and return everything that comes back until the server hangs up or pauses."""
    answer = b""
    with socket.create_connection(("127.0.0.1", shop.product.port), timeout=2) as wire:
        for part in parts:
            wire.sendall(part)
        try:
            while got := wire.recv(65_536):
                answer += got
        except TimeoutError:
            pass
    return answer


def head(shop: Shop, path: str, *more: str) -> bytes:
    token = base64.b64encode(f"{shop.key}:".encode()).decode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Basic {token}", "Connection: close", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def chunks(body: bytes, size: int = 50) -> Iterator[bytes]:
    for at in range(0, len(body), size):
        part = body[at : at + size]
        yield b"%x\r\n%b\r\n" % (len(part), part)
    yield b"0\r\n\r\n"


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("path", ["/v1/batch", "/v1/b", "/v1/track", "/v1/t"])
def test_a_body_in_chunks_is_taken(shop: Shop, path: str, packed: bool) -> None:
    value: dict[str, Any] = {"batch": [CALL]} if path in {"/v1/batch", "/v1/b"} else CALL
    body = json.dumps(value).encode()

    answer = exchange(
        shop, head(shop, path, "Transfer-Encoding: chunked"), *chunks(gzip.compress(body) if packed else body)
    )

    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert [event.message_id for event in shop.events()] == ["m-1"]


def test_a_body_in_chunks_has_the_same_limit(shop: Shop) -> None:
    body = b'{"batch":[' + b" " * 600_000 + b"]}"

    answer = exchange(shop, head(shop, "/v1/batch", "Transfer-Encoding: chunked"), *chunks(body, 50_000))

    assert answer.startswith(b"HTTP/1.1 413"), answer[:300]
    assert [row.code for row in shop.rejected()] == ["body_too_large"]


def test_touches_may_come_in_chunks_too(shop: Shop) -> None:
    touch = {"type": "click", "touchId": "t-1", "campaign": {"source": "tiktok", "name": "Winter"}, "context": {}}
    body = json.dumps({"batch": [touch]}).encode()

    answer = exchange(shop, head(shop, "/v1/touches", "Transfer-Encoding: chunked"), *chunks(body))

    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert shop.project.touches.count() == 1


def test_a_body_that_ends_too_early_stores_nothing_and_hurts_nobody(shop: Shop) -> None:
    body = json.dumps(CALL).encode()

    exchange(shop, head(shop, "/v1/track", f"Content-Length: {len(body)}"), body[:20])
    answer = exchange(shop, head(shop, "/v1/track", f"Content-Length: {len(body)}"), body)

    assert answer.startswith(b"HTTP/1.1 200")
    assert len(shop.events()) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/track HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /c/%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v1/events?cursor=%ff%fe%00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + b"X-Long: " + b"a" * 500_000 + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: " + b"\"'<>" + b"\r\nConnection: close\r\n\r\n",
    ],
)
def test_nonsense_instead_of_http_is_no_fault_of_the_product(shop: Shop, nonsense: bytes) -> None:
    try:
        answer = exchange(shop, nonsense)
    except ConnectionError:
        answer = b""

    assert b" 500 " not in answer.split(b"\r\n")[0], answer[:300]
    assert exchange(shop, b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")
