"""Requests to addresses that customers set: only to hosts of the public internet, and never longer than allowed.

The address that a name resolves to is checked and then connected to, so a name that changes its mind between the two
(DNS rebinding) reaches nothing. Redirects are not followed: they would lead past the form that showed the address.
"""

import atexit
import os
import ssl
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from socket import SOCK_STREAM, gaierror, getaddrinfo
from time import monotonic
from urllib.parse import quote, urlsplit

import httpcore
from django.conf import settings
from django.utils import timezone

from growthplatform.core.errors import Problem

CONNECT_S = 5.0
TIMEOUT_S = 10.0
# So much of an answer is read, and so much of that is kept in words.
MOST_BYTES = 64 * 1024
HEAD = 500
LONGEST_URL = 4_000
USUAL_PORTS = {"http": 80, "https": 443}
# Signs of a path that stay as they are; what is encoded already stays so too.
OF_A_PATH = "/%:@!$&'()*+,;=~-._"
# Written at once; between two of them the deadline is looked at.
CHUNK = 16 * 1024
# Names of headers that belong to the connection itself.
OF_THE_CONNECTION = {
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}
# IPv6 addresses that carry an IPv4 address in their last 32 bits, which is where the connection would end.
CARRIERS = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
# Not of the public internet, though Python's table does not say so: networks' own translators, protocol assignments
# (one cloud has its secrets there), relays of 6to4, and the address of another cloud's host machine.
NO_ONES = tuple(
    map(ip_network, ("64:ff9b:1::/48", "192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20", "5f00::/16"))
)


class AddressRefused(Problem):
    """An address that nothing is sent to."""

    code = "address_refused"
    message = "Nothing is sent to this address."


@dataclass(frozen=True)
class Answer:
    """What became of a request.

    `status` is None where no answer came; `problem` is "" for a 2xx alone; `head` is how the answer begins.
    `retry_after_s` is what the answer asked for.
    """

    status: int | None
    head: str
    ms: int
    problem: str = ""
    retry_after_s: int | None = None

    @property
    def ok(self) -> bool:
        return not self.problem


@dataclass(frozen=True)
class Place:
    """A URL taken apart: what is connected to, and what is asked for there."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def url(self) -> httpcore.URL:
        port = None if self.port == USUAL_PORTS[self.scheme] else self.port
        return httpcore.URL(scheme=self.scheme, host=self.host, port=port, target=self.target)


def request(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """Send one request and wait for its answer, at most `timeout_s` in all; never raises.

    Anything but a 2xx is a problem: another status, a redirect, a refused address, an answer that does not come.
    """
    began = monotonic()
    try:
        place = parse(url)
        _deadline.at = began + timeout_s
        status, head, retry_after_s = _exchange(method, place, headers or {}, body, timeout_s)
    except Exception as failure:  # noqa: BLE001 -- whatever a stranger's server does to the client is an answer too
        return Answer(None, "", _ms(began), _in_words(failure, timeout_s))
    return Answer(status, head, _ms(began), _problem_of(status), retry_after_s)


def check_url(url: str, *, resolve: bool = True) -> None:
    """Refuse a URL that nothing would be sent to, for forms: raises AddressRefused with why.

    A name that can't be resolved now is no reason to refuse: it may be so later. Without `resolve` no name is asked
    for; an address in figures is checked all the same.
    """
    place = parse(url)
    if not resolve and _literal(place.host) is None:
        return
    try:
        addresses = _resolve(place.host, place.port, CONNECT_S)
    except (OSError, TimeoutError):
        return
    check_addresses(place.host, addresses)


def parse(url: str) -> Place:
    """Take a URL apart. Raises AddressRefused for what is not http(s), has a password in it, or can't be a URL."""
    if len(url) > LONGEST_URL:
        raise AddressRefused(f"The address is longer than {LONGEST_URL:,} characters.")
    if any(ord(sign) < 33 or ord(sign) == 127 for sign in url):
        raise AddressRefused("The address has a space or a control character in it.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        name = host if ":" in host else host.encode("idna").decode()
    except ValueError:
        raise AddressRefused("This is not an address of the form https://host/path.") from None
    if parts.scheme not in ("http", "https") or not name:
        raise AddressRefused("The address must begin with https:// or http:// and a host.")
    if "@" in parts.netloc:
        raise AddressRefused("Put no name or password into the address; use a header.")
    target = quote(parts.path or "/", safe=OF_A_PATH)
    if parts.query:
        target += "?" + quote(parts.query, safe=OF_A_PATH + "?[]|")
    return Place(parts.scheme, name, port or USUAL_PORTS[parts.scheme], target)


def check_addresses(host: str, addresses: Iterable[str]) -> None:
    """Raise AddressRefused where one of the addresses of a host is not of the public internet."""
    for text in addresses:
        if not is_allowed(text):
            raise AddressRefused(f"{host} is {text}, which is not an address of the public internet.")


def is_allowed(text: str) -> bool:
    """Say whether an IP address is public, or in one of OUTBOUND_PRIVATE_NETWORKS."""
    try:
        named = ip_address(text)
    except ValueError:
        return False
    address = _within(named)
    if any(one in network for network in settings.OUTBOUND_PRIVATE_NETWORKS for one in (named, address)):
        return True
    if address.is_multicast or address.is_reserved or address.is_unspecified or not address.is_global:
        return False
    # fec0::/10 was once what fc00::/7 is now.
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return not any(address in network for network in NO_ONES)


def _within(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in network for network in CARRIERS):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    inside = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    return inside or address


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _exchange(
    method: str, place: Place, headers: Mapping[str, str], body: bytes, timeout_s: float
) -> tuple[int, str, int | None]:
    sent = [(name, value.encode()) for name, value in headers.items() if name.lower() not in OF_THE_CONNECTION]
    if not any(name.lower() == "user-agent" for name, _ in sent):
        sent.append(("User-Agent", b"GrowthPlatform"))
    if body or method not in ("GET", "HEAD", "DELETE"):
        sent.append(("Content-Length", str(len(body)).encode()))
    host = f"[{place.host}]" if ":" in place.host else place.host
    usual = place.port == USUAL_PORTS[place.scheme]
    limits = {"connect": min(CONNECT_S, timeout_s), "read": timeout_s, "write": timeout_s, "pool": timeout_s}
    with _pool().stream(
        method,
        place.url,
        headers=[("Host", (host if usual else f"{host}:{place.port}").encode()), *sent],
        content=body or None,
        extensions={"timeout": limits},
    ) as answer:
        read = b""
        for part in answer.iter_stream():
            read += part
            if len(read) >= MOST_BYTES:
                break
        return answer.status, _text(read), _retry_after(answer.headers)


def _text(read: bytes) -> str:
    return read[: HEAD * 4].decode(errors="replace").replace("\x00", "")[:HEAD]


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return the seconds that an answer asks to wait for; it may say a number or a date."""
    said = next((value.decode("latin-1").strip() for name, value in headers if name.lower() == b"retry-after"), "")
    if said.isascii() and said.isdigit():
        return min(int(said[:9]), 24 * 3600)
    try:
        left_s = (parsedate_to_datetime(said) - timezone.now()).total_seconds()
    except (ValueError, TypeError):
        return None
    return int(min(max(left_s, 0), 24 * 3600))


def _problem_of(status: int) -> str:
    if 200 <= status < 300:
        return ""
    if 300 <= status < 400:
        return f"It answered {status}, which points elsewhere; redirects are not followed."
    return f"It answered {status}."


WORDS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (httpcore.ConnectTimeout, "It could not be connected to in time."),
    (httpcore.PoolTimeout, "Too many requests are on their way at once."),
    (httpcore.TimeoutException, "It did not answer within {timeout_s:g} s."),
    (httpcore.ConnectError, "It could not be connected to: {failure}."),
    (
        (httpcore.RemoteProtocolError, httpcore.ReadError),
        "It closed the connection without an answer that can be read.",
    ),
    (httpcore.WriteError, "It closed the connection while the request was sent."),
    (httpcore.LocalProtocolError, "A header has a sign in it that headers can't have."),
    (Exception, "It could not be sent: {failure}."),
)


def _in_words(failure: Exception, timeout_s: float) -> str:
    if isinstance(failure, AddressRefused):
        return failure.message
    words = next(words for kinds, words in WORDS if isinstance(failure, kinds))
    return words.format(timeout_s=timeout_s, failure=failure)[:300]


def _ms(began: float) -> int:
    return int((monotonic() - began) * 1000)


# The moment by which the request of this thread has to be over.
_deadline = threading.local()


def _left(timeout: float | None, error: type[Exception]) -> float:
    left = getattr(_deadline, "at", monotonic() + TIMEOUT_S) - monotonic()
    if left <= 0:
        raise error
    return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection whose every step ends by the deadline, so that one that drips does not hold a thread for ever."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self.stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), CHUNK):
            self.stream.write(buffer[begin : begin + CHUNK], _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self.stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self.stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> object:
        return self.stream.get_extra_info(info)


class _Guard(httpcore.NetworkBackend):
    """Connects to addresses that it has looked up and checked itself."""

    def __init__(self) -> None:
        self.network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = _resolve(host, port, _left(timeout, httpcore.ConnectTimeout))
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except gaierror:
            raise httpcore.ConnectError("its name is not known") from None
        check_addresses(host, addresses)
        until = monotonic() + _left(timeout, httpcore.ConnectTimeout)
        failure: Exception = httpcore.ConnectError("its name has no address")
        for address in addresses:
            left = until - monotonic()
            if left <= 0:
                break
            try:
                return _Stream(self.network.connect_tcp(address, port, left, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _resolve(host: str, port: int, timeout_s: float) -> list[str]:
    """Return the addresses of a host, those of IPv4 first. Raises TimeoutError, or gaierror for an unknown name."""
    if (literal := _literal(host)) is not None:
        return [str(literal)]
    # The system's own way to names (hosts file, container networks) knows no time limit, so it goes on beside us.
    found = _resolvers().submit(getaddrinfo, host, port, type=SOCK_STREAM).result(timeout_s)
    addresses = dict.fromkeys(str(one[4][0]) for one in found)
    return sorted(addresses, key=lambda text: ":" in text)


@cache
def _resolvers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="resolve")


_making = threading.Lock()


def _pool() -> httpcore.ConnectionPool:
    """Return the connections of this process, kept for a moment: a busy host is greeted once for many messages."""
    with _making:
        return _only_pool()


@cache
def _only_pool() -> httpcore.ConnectionPool:
    return httpcore.ConnectionPool(
        ssl_context=httpcore.default_ssl_context(),
        max_connections=256,
        max_keepalive_connections=64,
        keepalive_expiry=4.0,
        network_backend=_Guard(),
    )


def close() -> None:
    """Close the connections that are kept, at the end of a process."""
    if _only_pool.cache_info().currsize:
        _only_pool().close()
    _forget()


def _forget() -> None:
    """Begin anew in a child process: threads and connections stay with the parent."""
    global _making  # noqa: PLW0603 -- another thread of the parent may have held it
    _making = threading.Lock()
    _only_pool.cache_clear()
    _resolvers.cache_clear()


os.register_at_fork(after_in_child=_forget)
atexit.register(close)
