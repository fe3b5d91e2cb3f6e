"""What every dialect is made of: the request as it came, what is read of it, what is noted beside it.

A dialect is a module of this folder with

- NAME, one of VendorApp.Dialect; LIMIT_BYTES of a body; VENDOR_URL, where the vendor itself takes the same requests;
- NAMES: what the vendor calls usual events, and what we call them; suggestions for a project's own mapping;
- SWALLOWED: codes of refusals that the vendor answers with success; we keep the event as refused and warn in a header;
- `claim(sent)`: which app the request is for, by which key; raises Problem;
- `translate(sent, names)`: the calls in it; `names` are the project's names by the vendor's; raises Problem;
- `accepted(sent, receipt)` and `refused(sent, problem)`: the vendor's own answers.

door.py calls these in this order; everything else is the same for all.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import parse_qsl

import msgspec
from django.http import HttpResponse
from msgspec import Raw

from events import payloads
from events.ingest import Receipt
from events.payloads import Call, Item, Refusal
from growthplatform.core.errors import Problem

Names = Mapping[str, str]


class Sent(NamedTuple):
    """A request as it came; its body is unpacked."""

    method: str
    path: str
    query: str
    body: bytes
    received_at: datetime
    content_type: str = ""
    authorization: str = ""
    """The header by which the vendor knows its caller: `authentication` of AppsFlyer, `Authorization` of the others."""
    agent: str = ""
    forwarded_for: str = ""
    """The address of the person's device, where the vendor takes it in a header of its own."""

    def fields(self) -> dict[str, str]:
        """Return the fields of the query and of a form in the body, as text; the body's win."""
        found = dict(parse_qsl(self.query, keep_blank_values=True))
        if self.body and self.body.lstrip()[:1] not in {b"{", b"["}:
            found |= dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))
        return found


class Note(NamedTuple):
    """Something the vendor would not tell: the event is stored, but not quite as it was sent."""

    code: str
    message: str


class Claim(NamedTuple):
    """Which app of which vendor a request says it is for, and by which key; "" where the vendor has none.

    `doubt` is what is probably wrong with the id, where no project turns out to have the app. `key_free` says that the
    vendor takes such a request by the id alone, whatever secret the app has besides.
    """

    app_id: str
    key: str = ""
    doubt: Note | None = None
    key_free: bool = False


class Translated(NamedTuple):
    """What was read of a request: calls and refusals with their places in it.

    `installs` are stored only when their anonymous id was never seen in the project: with most vendors the first
    session of a device is its install, and no call of its own. `from_device` says that the peer's address is the
    person's, as it is not when a customer's server sent the request. `forget` are ids of devices whose owner wants
    nothing to be taken any more.
    """

    calls: list[tuple[int, Call, bytes]]
    refused: list[Refusal]
    sent_at: datetime | None = None
    notes: tuple[Note, ...] = ()
    installs: tuple[Call, ...] = ()
    from_device: bool = False
    forget: tuple[str, ...] = ()


class Dialect(Protocol):
    """The contract of the module docstring."""

    NAME: str
    LIMIT_BYTES: int
    VENDOR_URL: str
    NAMES: Names
    SWALLOWED: frozenset[str]

    def claim(self, sent: Sent) -> Claim: ...
    def translate(self, sent: Sent, names: Names) -> Translated: ...
    def accepted(self, sent: Sent, receipt: Receipt) -> HttpResponse: ...
    def refused(self, sent: Sent, problem: Problem) -> HttpResponse: ...


class UnknownApp(Problem):
    """No project has named the app; nobody is its owner, so nothing can be kept."""

    status = 404
    code = "unknown_app"
    message = "No project has this app under Connections, Vendor formats."


class WrongKey(Problem):
    """A project has named the app, but with another key; it can't be told whose the request is."""

    status = 401
    code = "wrong_key"
    message = "The app is known, but not with this key."


class InactiveApp(Problem):
    """The project that had named the app has archived it."""

    status = 403
    code = "inactive_app"
    message = "The app is archived under Connections, Vendor formats."


class Unavailable(Problem):
    """PostgreSQL does not answer at the moment."""

    status = 503
    code = "unavailable"
    message = "The database does not answer at the moment; send the same again."


def call(
    kind: str,
    *,
    name: str | None = None,
    user_id: str | None = None,
    anonymous_id: str | None = None,
    message_id: str,
    at: datetime | None,
    properties: Mapping[str, Any],
    context: Mapping[str, Any],
    previous_id: str | None = None,
) -> Call:
    """Return the canonical call of a translated event. Raises payloads.Refused with code, sentence and field."""
    details = Raw(msgspec.json.encode(properties))
    traits = kind in {"identify", "group"}
    item = Item(
        type=kind,
        event=name if kind == "track" else None,
        name=name if kind in {"page", "screen"} else None,
        groupId=name if kind == "group" else None,
        previousId=previous_id,
        userId=user_id,
        anonymousId=anonymous_id,
        messageId=message_id,
        timestamp=at,
        properties=Raw() if traits else details,
        traits=details if traits else Raw(),
        context=Raw(msgspec.json.encode(context)),
    )
    return payloads.check(item, kind)


def without_blanks(values: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members that have a value: not None, "" or an empty object."""
    return {name: value for name, value in dict(values).items() if value not in (None, "", {})}
