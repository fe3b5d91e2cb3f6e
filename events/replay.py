"""Refused events, sent again: as they came once the cause is gone, or repaired by their owner."""

from django.utils import timezone

from customers.services import Caller, caller_of
from events import ingest, payloads
from events.dialects import opt_outs, registry, vendors
from events.dialects.base import Dialect, Sent
from events.dialects.door import with_installs
from events.models import Rejected
from events.payloads import Refusal
from growthplatform.core.errors import Problem


class NotReplayable(Problem):
    status = 409
    code = "not_replayable"
    message = "Only the beginning of this body was kept, so it can't be sent again."


def replay(rejected: Rejected, body: bytes | None = None, path: str = "") -> ingest.Receipt:
    """Send a refused event again, as it came or as repaired in `body` and `path`.

    It is read by the format of its address. Its clock is judged as of its first arrival. Safe to repeat: its
    messageId counts once. Raises NotReplayable, and Unreadable or EventsRefused with the new reason while it is still
    wrong; the refusal then stays open.
    """
    if rejected.code == opt_outs.CODE or (rejected.cut and body is None):
        raise NotReplayable(opt_outs.MESSAGE if rejected.code == opt_outs.CODE else "")
    text = body if body is not None else rejected.body.encode()
    path, caller = path or rejected.path, caller_of(rejected.project)
    dialect = registry.of_path(path)
    parsed = _translated(dialect, caller, rejected, path, text) if dialect else _parsed(path, text)
    parsed = parsed._replace(sent_at=parsed.sent_at or rejected.sent_at)
    receipt = ingest.accept(caller, parsed, path=path, received_at=rejected.received_at, keep_refused=False)
    if receipt.refused:
        raise ingest.EventsRefused(receipt)
    Rejected.objects.filter(pk=rejected.pk).update(state=Rejected.State.REPLAYED, replayed_at=timezone.now())
    return receipt


def _parsed(path: str, text: bytes) -> ingest.Parsed:
    return ingest.parse_batch(text) if b'"batch"' in text[:2000] else ingest.parse_single(text, _kind_of(path))


def _translated(dialect: Dialect, caller: Caller, rejected: Rejected, path: str, text: bytes) -> ingest.Parsed:
    """Return what a vendor's dialect reads of a refused request, whose owner is known already."""
    sent = Sent("POST", path, "", text, rejected.received_at)
    if rejected.code in vendors.NOT_ITS_APP:
        app_id = dialect.claim(sent).app_id
        if not vendors.is_app_of(caller.project_id, dialect.NAME, app_id):
            message = f"app_id: {app_id or 'no app id'!r} is not one of the project's apps."
            return ingest.Parsed([], None, [Refusal(0, rejected.code, message, "app_id", text)])
    translated = dialect.translate(sent, vendors.names_of(caller.project_id, dialect.NAME))
    translated = opt_outs.sifted(caller.project_id, translated)
    opt_outs.remember(caller.project_id, translated.forget, rejected.received_at)
    calls = with_installs(caller.project_id, translated)
    return ingest.Parsed(calls, translated.sent_at, translated.refused)


def _kind_of(path: str) -> str | None:
    """Return the kind of call that an address stands for, None for a batch, whose events name their own."""
    last = path.rsplit("/", 1)[-1]
    return payloads.KINDS.get(last, last if last in payloads.TYPES else None)
