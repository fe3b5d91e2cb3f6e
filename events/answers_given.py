"""What the sender of a refused event was told: our own refusal, or the vendor's answer in its place."""

from typing import NamedTuple

from events.dialects import registry
from events.dialects.base import Dialect, Sent
from events.ingest import EventsRefused, Receipt
from events.models import Rejected
from events.payloads import Refusal
from events.vendor_formats import FORMATS

WARNING = "X-Ingest-Warning"


class Answered(NamedTuple):
    """A status and what stood in the body; `vendor` is empty where it was our own format."""

    status: int
    body: str
    vendor: str = ""
    warning: str = ""
    swallowed: bool = False
    """The vendor's answer says success."""


def answer_to(rejected: Rejected) -> Answered:
    """Return what the sender of a refusal was answered, by the dialect of its address as it is now."""
    dialect = registry.of_path(rejected.path)
    if dialect is None:
        return Answered(400, f"{rejected.code}: {rejected.message}")
    sent = Sent("POST", rejected.path, "", rejected.body.encode(), rejected.received_at)
    swallowed = rejected.code in dialect.SWALLOWED
    status, body = _written(dialect, sent, rejected, swallowed=swallowed)
    return Answered(status, body, FORMATS[dialect.NAME].name, f"{rejected.code}: {rejected.message}", status < 300)


def _written(dialect: Dialect, sent: Sent, rejected: Rejected, *, swallowed: bool) -> tuple[int, str]:
    refusal = Refusal(0, rejected.code, rejected.message, rejected.field, sent.body)
    if swallowed:
        answer = dialect.accepted(sent, Receipt(0, 0, [refusal]))
    else:
        answer = dialect.refused(sent, EventsRefused(Receipt(0, 0, [refusal])))
    return answer.status_code, answer.content.decode(errors="replace")[:500]
