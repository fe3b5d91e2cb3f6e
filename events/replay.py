"""Refused events, sent again: as they came once the cause is gone, or repaired by their owner."""

from django.utils import timezone

from customers.services import caller_of
from events import ingest, payloads
from events.models import Rejected
from growthplatform.core.errors import Problem


class NotReplayable(Problem):
    status = 409
    code = "not_replayable"
    message = "Only the beginning of this body was kept, so it can't be sent again."


def replay(rejected: Rejected, body: bytes | None = None) -> ingest.Receipt:
    """Send a refused event again, as it came or as repaired in `body`.

    Its clock is judged as of its first arrival. Safe to repeat: its messageId counts once. Raises NotReplayable, and
    Unreadable or EventsRefused with the new reason while it is still wrong; the refusal then stays open.
    """
    if rejected.cut and body is None:
        raise NotReplayable
    text = body if body is not None else rejected.body.encode()
    kind = _kind_of(rejected.path)
    parsed = ingest.parse_batch(text) if b'"batch"' in text[:2000] else ingest.parse_single(text, kind)
    parsed = parsed._replace(sent_at=parsed.sent_at or rejected.sent_at)
    caller = caller_of(rejected.project)
    receipt = ingest.accept(caller, parsed, path=rejected.path, received_at=rejected.received_at, keep_refused=False)
    if receipt.refused:
        raise ingest.EventsRefused(receipt)
    Rejected.objects.filter(pk=rejected.pk).update(state=Rejected.State.REPLAYED, replayed_at=timezone.now())
    return receipt


def _kind_of(path: str) -> str | None:
    """Return the kind of call that an address stands for, None for a batch, whose events name their own."""
    last = path.rsplit("/", 1)[-1]
    return payloads.KINDS.get(last, last if last in payloads.TYPES else None)
