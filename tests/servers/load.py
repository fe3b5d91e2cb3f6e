"""Senders that do what good clients do: keep sending the same until it is answered by 200."""

import base64
import http.client
import itertools
import json
import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

GIVE_UP_S = 90
PAUSE_S = 0.05


@dataclass
class Load:
    """Several senders on connections of their own, and what was promised to them."""

    port: int
    key: str
    connections: int
    stored: set[str] = field(default_factory=set)
    installs: set[str] = field(default_factory=set)
    users: set[str] = field(default_factory=set)
    repeats: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ending: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(self.connections)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each sender finish what it has begun, and wait for that."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _send(self, number: int) -> None:
        chance = random.Random(number)
        web = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        for turn in itertools.count():
            if self._ending.is_set():
                break
            calls = [_call(f"{number}-{turn}-{n}", chance) for n in range(chance.choice([1, 1, 5, 40]))]
            if self._deliver(web, calls):
                with self._lock:
                    self.stored |= {call["messageId"] for call in calls}
                    self.installs |= {
                        call["messageId"] for call in calls if call.get("event") == "Application Installed"
                    }
                    self.users |= {call["userId"] for call in calls}
            time.sleep(0.01)
        web.close()

    def _deliver(self, web: http.client.HTTPConnection, calls: list[dict[str, Any]]) -> bool:
        path, body = ("/v1/batch", {"batch": calls}) if len(calls) > 1 else (f"/v1/{calls[0]['type']}", calls[0])
        headers = {"Authorization": "Basic " + base64.b64encode(f"{self.key}:".encode()).decode()}
        text, trouble, deadline = json.dumps(body), "", time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline:
            try:
                web.request("POST", path, text, headers)
                with web.getresponse() as answer:
                    trouble = f"{answer.status} {answer.read()[:300]!r}"
                    if answer.status == 200:
                        return True
                    if 400 <= answer.status < 500 and answer.status != 429:
                        break
            except (OSError, http.client.HTTPException) as lost:
                trouble = repr(lost)
                web.close()
            with self._lock:
                self.repeats += 1
            time.sleep(PAUSE_S)
        with self._lock:
            self.failures.append(trouble)
        return False


def _call(message_id: str, chance: random.Random) -> dict[str, Any]:
    kind = chance.choices(["track", "page", "identify"], [6, 3, 1])[0]
    call: dict[str, Any] = {"type": kind, "messageId": message_id, "userId": f"user-{chance.randrange(200)}"}
    call["timestamp"] = datetime.now(UTC).isoformat()
    if kind == "track":
        call["event"] = "Application Installed" if chance.random() < 0.05 else "Order Completed"
        call["properties"] = {"revenue": chance.randrange(100)}
    elif kind == "page":
        call["name"] = "Pricing"
    else:
        call["traits"] = {"plan": chance.choice(["free", "pro"])}
    return call
