"""Bodies of requests: unpacked, and never larger than allowed."""

import zlib

from django.http import HttpRequest

from growthplatform.core.errors import Problem

GZIP = b"\x1f\x8b"


class BodyTooLarge(Problem):
    status = 413
    code = "body_too_large"


class InvalidGzip(Problem):
    code = "invalid_gzip"
    message = "The body claims to be gzip but can't be unpacked."


def read_body(request: HttpRequest, limit_bytes: int) -> bytes:
    """Return the request's body, unpacked when its first bytes are gzip's, whatever the header says.

    Raises BodyTooLarge as soon as more than `limit_bytes` come in or out of the packing, and InvalidGzip.
    """
    body = _read_chunks(request, limit_bytes + 1) if _is_chunked(request) else request.read(limit_bytes + 1)
    if len(body) > limit_bytes:
        raise too_large(limit_bytes, body)
    if body[:2] != GZIP:
        return body
    return unpack(body, limit_bytes)


def _is_chunked(request: HttpRequest) -> bool:
    return "CONTENT_LENGTH" not in request.META and "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower()


def _read_chunks(request: HttpRequest, most_bytes: int) -> bytes:
    """Read a body without a length, as Segment's library for Android sends it; Django takes it for empty."""
    stream, parts, left = request.META["wsgi.input"], [], most_bytes
    while left and (part := stream.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def unpack(body: bytes, limit_bytes: int) -> bytes:
    """Return gzip `body` unpacked. Raises BodyTooLarge before more than `limit_bytes` are made, and InvalidGzip."""
    return inflate(body, limit_bytes, wbits=31)


def inflate(body: bytes, limit_bytes: int, *, wbits: int = 15) -> bytes:
    """Return a body packed by zlib unpacked; `wbits` as zlib means it. Raises BodyTooLarge and InvalidGzip."""
    unpacker = zlib.decompressobj(wbits=wbits)
    try:
        plain = unpacker.decompress(body, limit_bytes + 1)
    except zlib.error as wrong:
        raise InvalidGzip(f"{InvalidGzip.message} {wrong}.") from None
    if len(plain) > limit_bytes:
        raise too_large(limit_bytes, plain)
    if not unpacker.eof:
        raise InvalidGzip("The gzip body ends in the middle.")
    return plain


def too_large(limit_bytes: int, body: bytes) -> BodyTooLarge:
    """Return the refusal; its `detail` says the limit, its `args` keep the head of the body for its owner."""
    problem = BodyTooLarge(
        f"The body is larger than {limit_bytes // 1000} KB; send smaller batches.", detail={"limit_bytes": limit_bytes}
    )
    problem.args = (body[:65_536],)
    return problem
