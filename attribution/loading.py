"""Send a click file through the public API of the running product and see what becomes of it."""

import gzip
import http.client
import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from attribution import click_files
from attribution.models import Touch
from customers.models import Project

TOUCHES = 2_500
INSTALLS = 500
TRIES = 8
PATIENCE_S = 120.0


class LoadFailed(Exception):  # noqa: N818 -- a refusal, as everywhere in the product
    """The product refused the file's rows, or did not answer; the sentence says what happened."""


@dataclass
class Loaded:
    """What was sent, and how many installs were credited to the click of their own row."""

    clicks: int = 0
    installs: int = 0
    credited: int = 0
    others: list[dict[str, Any]] | None = None


class Api:
    """A client of the product's API that waits when told to, and tries again when the product was away."""

    def __init__(self, base_url: str, key: str, *, tries: int = TRIES) -> None:
        self._tries = tries
        place = urlsplit(base_url)
        connect = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
        self._connection = connect(place.hostname or "localhost", place.port, timeout=60)
        self._path = place.path.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send `body` and return the answer. Raises LoadFailed."""
        packed = gzip.compress(json.dumps(body, separators=(",", ":")).encode(), 1)
        return self._ask("POST", path, packed, {**self._headers, "Content-Encoding": "gzip"})

    def get(self, path: str, **query: Any) -> Any:
        """Return the answer for an address. Raises LoadFailed."""
        return self._ask("GET", f"{path}?{urlencode(query, quote_via=quote)}", None, self._headers)

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        reason = ""
        for turn in range(self._tries):
            try:
                self._connection.request(method, self._path + path, body, headers)
                answer = self._connection.getresponse()
                content = answer.read()
            except (OSError, http.client.HTTPException) as wrong:
                self._connection.close()
                reason = str(wrong) or type(wrong).__name__
                time.sleep(min(0.2 * 2**turn, 5))
                continue
            if answer.status == 200:
                return json.loads(content)
            reason = f"{answer.status} {content[:500].decode(errors='replace')}"
            if answer.status != 429 and answer.status < 500:
                break
            time.sleep(float(answer.getheader("Retry-After") or min(0.2 * 2**turn, 5)))
        raise LoadFailed(f"{method} {path.split('?', maxsplit=1)[0]}: {reason}")


def load(path: Path, project: Project, api: Api, *, seen: Callable[[int], None], work: Callable[[], None]) -> Loaded:
    """Send every click of a file, then its installs, and wait until they are decided.

    Safe to repeat and to take up again: a batch that is stored already is not sent a second time. `seen` hears how
    many rows are done; `work` is called while nothing decides. Raises WrongFile and LoadFailed.
    """
    name = click_files.fingerprint(path)
    loaded, installs = Loaded(), []
    for batch in _batches(click_files.read(path, name), TOUCHES):
        # A batch is stored whole or not at all, so its last row speaks for all of it.
        if not Touch.objects.filter(project=project, touch_id=batch[-1].touch["touchId"]).exists():
            api.post("/v1/touches", {"batch": [click.touch for click in batch]})
        loaded.clicks += len(batch)
        installs += [click for click in batch if click.install]
        seen(loaded.clicks)
    for batch in _batches(installs, INSTALLS):
        api.post("/v1/batch", {"batch": [click.install for click in batch]})
        loaded.installs += len(batch)
    own = {str(click.install["messageId"]): str(click.touch["touchId"]) for click in installs if click.install}
    decided = _wait(api, name, own, installs, work)
    loaded.credited = sum(decided[message_id]["touchId"] == touch_id for message_id, touch_id in own.items())
    loaded.others = [
        decided[message_id] for message_id, touch_id in own.items() if decided[message_id]["touchId"] != touch_id
    ]
    return loaded


def _batches(rows: Iterable[click_files.Click], size: int) -> Iterator[list[click_files.Click]]:
    stream = iter(rows)
    while batch := list(islice(stream, size)):
        yield batch


def _wait(
    api: Api, name: str, own: dict[str, str], installs: list[click_files.Click], work: Callable[[], None]
) -> dict[str, Any]:
    """Return the decisions of the file's installs by message id, once there are all of them."""
    if not own:
        return {}
    moments = [str(click.install["timestamp"]) for click in installs if click.install]
    until, last = time.monotonic() + PATIENCE_S, -1
    while True:
        found = {
            row["messageId"]: row for row in _decisions(api, min(moments), max(moments)) if row["messageId"] in own
        }
        if len(found) == len(own):
            return found
        if time.monotonic() > until:
            raise LoadFailed(
                f"After {PATIENCE_S:.0f} s only {len(found)} of the {len(own)} installs of {name} are decided."
            )
        if len(found) == last:
            work()
        last = len(found)
        time.sleep(0.5)


def _decisions(api: Api, first: str, last: str) -> Iterator[dict[str, Any]]:
    """Read the decisions of installs between two moments, both included, page by page."""
    cursor = ""
    while True:
        page = api.get("/v1/attributions", **{"from": first, "limit": 500, "cursor": cursor})
        for row in page["results"]:
            if row["installedAt"] <= last:
                yield row
        cursor = page["next"]
        if not cursor:
            return
