"""A receiver of postbacks: the first try of every ninth message fails, and each content is remembered by its key."""

import asyncio
import hashlib
import json
import sys
from collections import Counter


class Seen:
    """What the receiver saw: answers by key, and the contents that came under each."""

    def __init__(self) -> None:
        self.good: Counter[str] = Counter()
        self.tried: Counter[str] = Counter()
        self.contents: set[tuple[str, str]] = set()
        self.failed = 0

    def take(self, key: str, body: bytes) -> int:
        self.tried[key] += 1
        self.contents.add((key, hashlib.sha256(body).hexdigest()))
        # By the key, so that the same run fails the same way: the first try of every ninth message.
        if self.tried[key] == 1 and int(hashlib.sha256(key.encode()).hexdigest(), 16) % 9 == 0:
            self.failed += 1
            return 500
        self.good[key] += 1
        return 200

    def report(self) -> bytes:
        told = {
            "requests": self.tried.total(), "failed": self.failed, "keys": len(self.good),
            "contents": len(self.contents), "twice": sum(number > 1 for number in self.good.values()),
        }  # fmt: skip
        return json.dumps(told).encode()


def serve_on(port: int) -> None:
    """Answer requests until the process ends."""
    seen = Seen()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                if head.startswith("GET /report"):
                    status, answer = 200, seen.report()
                else:
                    status, answer = seen.take(fields["idempotency-key"], body), b"OK"
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(answer)}\r\n\r\n".encode() + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", port)
        await server.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    serve_on(int(sys.argv[1]))
