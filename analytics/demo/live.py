"""Live traffic: people who tap, install and use the app this very moment, sent through the public HTTP API."""

import base64
import http.client
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import urlsplit

import orjson

from analytics.demo import acts, cast, mistakes
from analytics.demo.telling import click_id_of

TICK_S = 0.25
# Out of a hundred: people who come over a link, and calls that are wrong.
FROM_LINKS = 55
BROKEN = 0.4


class NotReached(Exception):  # noqa: N818 -- a refusal, as everywhere in the product
    """The product does not answer, or does not let us in; the sentence says which."""


@dataclass
class Sent:
    """What was sent so far, and what of it was refused."""

    events: int = 0
    taps: int = 0
    installs: int = 0
    refused: int = 0


class Door:
    """One connection to the product, with a write key."""

    def __init__(self, base_url: str, write_key: str) -> None:
        parts = urlsplit(base_url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.connection = kind(parts.hostname or "localhost", parts.port, timeout=10)
        self.location = ""
        self.authorization = "Basic " + base64.b64encode(f"{write_key}:".encode()).decode()

    def close(self) -> None:
        self.connection.close()

    def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Send JSON; return status and answer. Waits once where it is told to. Raises NotReached."""
        headers = {
            "Authorization": self.authorization,
            "Content-Type": "application/json",
            "User-Agent": "python-simulate",
        }
        status, answer, wait_s = self._ask("POST", path, orjson.dumps(body), headers)
        if status == 429:
            time.sleep(wait_s)
            status, answer, _ = self._ask("POST", path, orjson.dumps(body), headers)
        if status in {401, 403} or status >= 500:
            raise NotReached(f"{path} answered {status}: {answer.decode(errors='replace')[:200]}")
        return status, orjson.loads(answer)

    def tap(self, slug: str, agent: str) -> str:
        """Tap a link as a phone would; return the click id that the landing address carries. Raises NotReached."""
        self._ask("GET", f"/c/{slug}", b"", {"User-Agent": agent})
        return click_id_of(self.location)

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes, float]:
        try:
            self.connection.request(method, path, body or None, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as trouble:
            self.connection.close()
            raise NotReached(
                f"The product does not answer at {self.connection.host}:{self.connection.port} ({trouble})."
            ) from None
        self.location = answer.headers.get("Location", "")
        return answer.status, text, float(answer.headers.get("Retry-After", 1))


class Crowd:
    """The people who are at it now, each with the calls they have yet to make."""

    def __init__(self, door: Door, slugs: Sequence[str], rng: Random, sent: Sent) -> None:
        self.door, self.slugs, self.rng, self.sent = door, slugs, rng, sent
        self.run = secrets.token_hex(4)
        self.number = 0
        self.present: list[tuple[cast.Person, Iterator[acts.Call]]] = []
        self.known: list[cast.Person] = []

    def next_call(self) -> acts.Call:
        """Return one call of somebody, made now."""
        if self.rng.random() * 100 < BROKEN:
            self.number += 1
            return mistakes.broken(self.rng, self.number)
        while True:
            if len(self.present) < 12 or self.rng.random() < 0.05:
                self._arrive()
            place = self.rng.randrange(len(self.present))
            person, calls = self.present[place]
            call = next(calls, None)
            if call is not None:
                return self._made_by(person, call)
            self.present.pop(place)

    def _arrive(self) -> None:
        """Let somebody come: back, or for the first time."""
        rng = self.rng
        if len(self.known) > 30 and rng.random() < 0.5:
            person = rng.choice(self.known)
            self.present.append((person, iter(acts.session(rng, person))))
            return
        person = cast.meet(rng, 1_000_000 + rng.randrange(9_000_000))
        installed = acts.install()
        if self.slugs and rng.random() * 100 < FROM_LINKS:
            installed["properties"] |= self._tap(person)
        calls = [installed, *acts.session(rng, person, first=True)]
        if rng.random() < 0.4:
            calls[4:4] = acts.sign_up(person)
        self.sent.installs += 1
        self.known = [*self.known[-200:], person]
        self.present.append((person, iter(calls)))

    def _tap(self, person: cast.Person) -> dict[str, str]:
        """Tap a link before the install; return what the app will know of it."""
        slug = self.rng.choice(self.slugs)
        self.sent.taps += 1
        if person.phone.os_name == "Android":
            click_id = self.door.tap(slug, person.phone.agent)
            return {"install_referrer": f"click_id={click_id}"} if click_id else {}
        # Over its own connection a simulated iPhone would come from this machine's address.
        touch = {"type": "click", "touchId": f"sim-{secrets.token_hex(8)}", "link": slug, "context": _context(person)}
        self.door.post("/v1/touches", {"batch": [touch]})
        return {}

    def _made_by(self, person: cast.Person, call: acts.Call) -> acts.Call:
        self.number += 1
        whole: acts.Call = {"context": acts.context_of(person)} | call
        whole |= {"messageId": f"sim-{self.run}-{self.number}", "anonymousId": person.anonymous_id}
        whole["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds")
        if call["type"] == "identify":
            whole["userId"] = person.user_id
        return whole


def _context(person: cast.Person) -> dict[str, Any]:
    return {
        "ip": person.ip,
        "userAgent": person.phone.agent,
        "locale": person.place.locale,
        "device": {"advertisingId": person.advertising_id, "model": person.phone.model},
        "os": {"name": person.phone.os_name, "version": person.phone.os_version},
    }


def simulate(
    door: Door, slugs: Sequence[str], *, rate: float, seconds: float, seen: Callable[[Sent], None], rng: Random
) -> Sent:
    """Send about `rate` events a second for `seconds`; return what was sent. Raises NotReached."""
    sent = Sent()
    crowd = Crowd(door, slugs, rng, sent)
    began = time.monotonic()
    while (gone := time.monotonic() - began) < seconds:
        due = int(rate * (gone + TICK_S)) - sent.events
        batch = [crowd.next_call() for _ in range(max(0, min(due, 2_500)))]
        if batch:
            _, answer = door.post("/v1/batch", {"batch": batch})
            sent.refused += len((answer.get("detail") or {}).get("refused", []))
            sent.events += len(batch)
            seen(sent)
        time.sleep(max(0.0, TICK_S - (time.monotonic() - began - gone)))
    return sent
