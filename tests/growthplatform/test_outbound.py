"""Requests to addresses that customers set reach the public internet alone, and end in time."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import pytest

from growthplatform.config import WrongSetting, networks
from growthplatform.core import outbound

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
Serve = Callable[..., str]


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.OUTBOUND_PRIVATE_NETWORKS = (ip_network("127.0.0.0/8"),)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that writes `parts` with a pause before each, and return its address."""
    listeners = []

    def start(*parts: bytes, pause_s: float = 0.0, seen: list[bytes] | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def work() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        read = connection.recv(65_536)
                        while read.startswith(b"POST") and not read.endswith(b"{}"):
                            read += connection.recv(65_536)
                        if seen is not None:
                            seen.append(read)
                        for part in parts:
                            time.sleep(pause_s)
                            connection.sendall(part)
            except OSError:
                return

        threading.Thread(target=work, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    outbound.close()
    for listener in listeners:
        listener.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.1.2.3", "224.0.0.1",
        "255.255.255.255", "192.0.0.192", "168.63.129.16", "198.18.0.1", "240.0.0.1", "::1", "::", "fe80::1",
        "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1",
        "2001:0:53aa:64c:0:0:80ff:fffe", "2001:db8::1", "no address",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not outbound.is_allowed(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert outbound.is_allowed(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
        "http://localhost:8000/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://①②⑦.⓪.⓪.①/", "http://0/",
        "ftp://example.com/", "file:///etc/passwd", "https://", "//example.com", "https://me:secret@example.com/",
        "https://exam ple.com/", "https://example.com/\r\nX: y", "https://example.com:99999/", "http://[::1",
        "https://a.example/" + "x" * 4_000,
    ],
)  # fmt: skip
def test_urls_that_lead_elsewhere_are_refused_by_the_form_and_by_the_sender(url: str) -> None:
    with pytest.raises(outbound.AddressRefused):
        outbound.check_url(url)

    answer = outbound.request("GET", url)

    assert answer.status is None
    assert answer.problem


def test_a_name_that_changes_its_mind_reaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = iter(["8.8.8.8", "127.0.0.1"])
    monkeypatch.setattr(outbound, "getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (next(asked), 80))])
    outbound.check_url("http://rebinding.example/")

    answer = outbound.request("GET", "http://rebinding.example/")

    assert "not an address of the public internet" in answer.problem


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(2, 1, 6, "", (text, 80)) for text in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(outbound, "getaddrinfo", lambda *_, **__: found)

    assert "10.0.0.1" in outbound.request("GET", "http://mixed.example/").problem


@pytest.mark.usefixtures("allowed")
def test_a_request_arrives_as_it_was_given(serve: Serve) -> None:
    seen: list[bytes] = []
    url = serve(OK, seen=seen)

    answer = outbound.request("POST", f"{url}/a b?c=ü".replace(" ", "%20"), {"X-Key": "1", "Host": "elsewhere"}, b"{}")

    assert (answer.status, answer.head, answer.problem, answer.ok) == (200, "OK", "", True)
    assert seen[0].startswith(b"POST /a%20b?c=%C3%BC HTTP/1.1\r\n")
    assert b"elsewhere" not in seen[0]
    assert b"X-Key: 1\r\n" in seen[0]
    assert seen[0].endswith(b"\r\n\r\n{}")


@pytest.mark.usefixtures("allowed")
def test_a_redirect_is_a_failure_and_is_not_followed(serve: Serve) -> None:
    seen: list[bytes] = []
    inside = serve(OK, seen=seen)
    url = serve(f"HTTP/1.1 302 Found\r\nLocation: {inside}/admin\r\nContent-Length: 0\r\n\r\n".encode())

    answer = outbound.request("GET", url)

    assert (answer.status, answer.ok) == (302, False)
    assert "redirects are not followed" in answer.problem
    assert not seen


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"], ids=["head", "body"])
def test_an_answer_that_drips_ends_in_time(serve: Serve, head: bytes) -> None:
    url = serve(head, *[b"x"] * 200, pause_s=0.05)
    began = time.monotonic()

    answer = outbound.request("GET", url, timeout_s=1.0)

    assert answer.problem == "It did not answer within 1 s."
    assert time.monotonic() - began < 8


@pytest.mark.usefixtures("allowed")
def test_of_an_endless_answer_only_the_beginning_is_read(serve: Serve) -> None:
    url = serve(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 50_000] * 100)

    answer = outbound.request("GET", url)

    assert (answer.status, len(answer.head)) == (200, 500)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("raw", "status", "problem", "wait"),
    [
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n", 503, "It answered 503.", 120),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: Fri, 01 Jan 1999 00:00:00 GMT\r\nContent-Length: 0\r\n\r\n", 429,
         "It answered 429.", 0),
        (b"HTTP/1.1 500 No\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n", 500, "It answered 500.", None),
        (b"", None, "It closed the connection without an answer that can be read.", None),
        (b"SSH-2.0-OpenSSH\r\n", None, "It closed the connection without an answer that can be read.", None),
    ],
)  # fmt: skip
def test_other_answers_are_problems_in_words(
    serve: Serve, raw: bytes, status: int | None, problem: str, wait: int | None
) -> None:
    answer = outbound.request("GET", serve(raw))

    assert (answer.status, answer.problem, answer.retry_after_s) == (status, problem, wait)


@pytest.mark.usefixtures("allowed")
def test_a_host_that_is_not_there_and_a_wrong_header_are_problems_too() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    gone = outbound.request("GET", f"http://127.0.0.1:{port}/")
    header = outbound.request("GET", f"http://127.0.0.1:{port}/", {"X": "a\r\nb"})

    assert gone.problem.startswith("It could not be connected to")
    assert header.status is None
    assert header.problem


def test_networks_that_may_be_reached_are_read_from_the_setting() -> None:
    assert networks("10.1.2.0/24,fd00:1::/64") == (ip_network("10.1.2.0/24"), ip_network("fd00:1::/64"))
    with pytest.raises(WrongSetting, match="OUTBOUND_PRIVATE_NETWORKS"):
        networks("10.0.0.1/8")
