"""Postbacks of Apple stored: each once, with what its signature proves, and one of each id and sequence counted."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import F
from redis.exceptions import RedisError

from attribution.models import AppleApp, ApplePostback
from attribution.skan import judging
from attribution.skan.judging import Facts, Judged
from attribution.skan.verifying import INVALID, VALID, Verdict
from growthplatform.core.errors import Problem, TooManyRequests

BODY_BYTES = 64 * 1024
# Phones send a few each; a network's servers come with a key. So many a minute come from one address at the most.
A_MINUTE = 3_000
# Anybody may send what no signature proves: so much of it is kept a day, for each project and for none.
UNPROVED_A_DAY = 2_000
REFUSED = timedelta(days=90)
# Who holds one true postback can change what Apple did not sign without end; so many versions of it are kept.
MOST_COPIES = 20
UNCLAIMED = timedelta(days=30)
FACTS = tuple(Facts.__dataclass_fields__)
DEVICE, NETWORK = ApplePostback.Origin.DEVICE, ApplePostback.Origin.NETWORK


class TooManyUnproved(Problem):
    status = 429
    code = "too_many_unproved"
    message = "Too many postbacks without a valid signature came today; they are not kept any more."


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a postback."""

    postback: ApplePostback
    judged: Judged
    repeated: bool = False


def take(raw: bytes, *, now: datetime, kind: str = "", origin: str = DEVICE, project_id: int | None = None) -> Taken:
    """Store a postback as it came and say what it proves. Safe to repeat: the same one is stored once.

    `project_id` is whose host or key it came to; without one, the app that it names says whose it is. One that names
    no app we know is kept without a project for a month. Raises TooManyUnproved.
    """
    judged = judging.judge(raw[: BODY_BYTES + 1], kind)
    if len(raw) > BODY_BYTES:
        judged = Judged(kind or judging.SKAN, Verdict(INVALID, "too_large"))
    app = AppleApp.objects.filter(app_id=judged.facts.app_id).first() if judged.facts.app_id is not None else None
    project_id = project_id or (app.project_id if app else None)
    sandbox = app is not None and app.sandbox and app.project_id == project_id
    judged = judging.for_app(judged, sandbox=sandbox)
    if judged.state != VALID:
        _admit_unproved(project_id, now)
    return store(raw, judged, now=now, origin=origin, project_id=project_id)


def store(raw: bytes, judged: Judged, *, now: datetime, origin: str, project_id: int | None) -> Taken:
    """Write down a postback that was judged, once, and settle which of its copies counts."""
    facts, digest = judged.facts, digest_of(raw, origin, project_id)
    with transaction.atomic():
        _alone(f"{project_id} {judged.kind} {facts.transaction_id or digest} {facts.sequence}")
        known = ApplePostback.objects.filter(digest=digest).first() or _first_of_many(project_id, judged)
        if known:
            ApplePostback.objects.filter(pk=known.pk).update(seen=F("seen") + 1, last_at=now)
            return Taken(known, judged, repeated=True)
        row = ApplePostback(
            project_id=project_id,
            kind=judged.kind,
            origin=origin,
            digest=digest,
            raw=text_of(raw),
            received_at=now,
            last_at=now,
        )
        _judge(row, judged)
        _settle(row, facts)
        row.save()
    return Taken(row, judged)


def rejudge(row: ApplePostback, *, sandbox: bool) -> bool:
    """Judge a stored postback anew, after its app's switch for tests changed; say whether that made a difference."""
    judged = judging.for_app(judging.judge(row.raw, row.kind), sandbox=sandbox)
    if judged.state == row.state:
        return False
    with transaction.atomic():
        _alone(f"{row.project_id} {row.kind} {row.transaction_id or row.digest} {row.sequence}")
        _judge(row, judged)
        _settle(row, judged.facts)
        row.save()
    return True


def adopt(app: AppleApp, *, limit: int = 2_000) -> int:
    """Give a project the postbacks about an app that it has named, up to `limit`; return how many.

    Safe to repeat and to run twice: each is locked while it moves.
    """
    number = 0
    while number < limit:
        with transaction.atomic():
            waiting = ApplePostback.objects.filter(project=None, app_id=app.app_id).order_by("pk")
            row = waiting.select_for_update(skip_locked=True).first()
            if row is None:
                break
            _move(row, app)
        number += 1
    return number


def adopt_waiting() -> int:
    """Give all projects the postbacks about their apps that came before the app was named; return how many."""
    waiting = ApplePostback.objects.filter(project=None, app_id__isnull=False).values("app_id")
    return sum(adopt(app) for app in AppleApp.objects.filter(app_id__in=waiting))


def forget_unclaimed(*, now: datetime) -> int:
    """Delete postbacks for apps that nobody has named within a month; return how many. Safe to repeat."""
    return ApplePostback.objects.filter(project=None, received_at__lt=now - UNCLAIMED).delete()[0]


def forget_refused(*, now: datetime) -> int:
    """Delete postbacks that were refused more than 90 days ago; return how many. Safe to repeat."""
    return ApplePostback.objects.filter(state=INVALID, received_at__lt=now - REFUSED).delete()[0]


def admit(address: str) -> None:
    """Count a postback against the address it comes from. Raises TooManyRequests."""
    if _counted(f"skan:{address}", 60) > A_MINUTE:
        raise TooManyRequests("Too many postbacks from this address; send again in a minute.", retry_after_s=60)


def digest_of(raw: bytes, origin: str, project_id: int | None) -> str:
    """Return the name under which a postback is stored once, however its JSON is written."""
    try:
        content = orjson.dumps(orjson.loads(raw), option=orjson.OPT_SORT_KEYS)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        content = raw
    return hashlib.sha256(f"{project_id or ''} {origin} ".encode() + content).hexdigest()


def text_of(raw: bytes) -> str:
    """Return what came as a text that the database takes."""
    return raw[:BODY_BYTES].decode(errors="replace").replace("\x00", "\ufffd")


def facts_of(row: ApplePostback) -> Facts:
    """Return what a stored postback says."""
    return Facts(**{name: getattr(row, name) for name in FACTS})


def _move(row: ApplePostback, app: AppleApp) -> None:
    """Take a postback without a project into the app's; one that is there already is counted as seen."""
    raw = row.raw.encode()
    judged = judging.for_app(judging.judge(raw, row.kind), sandbox=app.sandbox)
    taken = store(raw, judged, now=row.received_at, origin=row.origin, project_id=app.project_id)
    ApplePostback.objects.filter(pk=taken.postback.pk).update(
        seen=F("seen") + row.seen - 1, last_at=max(row.last_at, taken.postback.last_at)
    )
    row.delete()


def _first_of_many(project_id: int | None, judged: Judged) -> ApplePostback | None:
    """Return the first copy of a valid postback of which enough other versions are kept; None while there is room."""
    if judged.state != VALID:
        return None
    copies = ApplePostback.objects.filter(
        project=project_id,
        kind=judged.kind,
        transaction_id=judged.facts.transaction_id,
        sequence=judged.facts.sequence,
        state=VALID,
    ).order_by("-counted", "pk")[:MOST_COPIES]
    found = list(copies)
    return found[0] if len(found) == MOST_COPIES else None


def _judge(row: ApplePostback, judged: Judged) -> None:
    row.state, row.problem, row.key = judged.state, judged.verdict.problem, judged.verdict.key
    row.sandbox = judged.test
    for name in FACTS:
        setattr(row, name, getattr(judged.facts, name))


def _settle(row: ApplePostback, facts: Facts) -> None:
    """Say whether a postback counts, and mark the copy of it that says otherwise.

    A device's own copy goes before one that a network forwards, which had it in hand; else the first one stays.
    """
    row.counted = row.conflict = False
    if row.state != VALID or row.sandbox or row.project_id is None:
        return
    copies = ApplePostback.objects.filter(
        project=row.project_id, kind=row.kind, transaction_id=facts.transaction_id, sequence=facts.sequence
    )
    first = copies.filter(counted=True).exclude(pk=row.pk).first()
    if first is None:
        row.counted = True
    elif first.origin == NETWORK and row.origin == DEVICE:
        first.counted, first.conflict = False, judging.contradicts(facts_of(first), facts)
        first.save(update_fields=["counted", "conflict"])
        row.counted = True
    else:
        row.conflict = judging.contradicts(facts, facts_of(first))


def _alone(name: str) -> None:
    """Let nobody else settle the copies of one postback until this transaction is over."""
    number = int.from_bytes(hashlib.blake2b(f"skan {name}".encode(), digest_size=8).digest(), signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _admit_unproved(project_id: int | None, now: datetime) -> None:
    if _counted(f"skan:unproved:{project_id}:{now:%Y-%m-%d}", 86_400) > UNPROVED_A_DAY:
        raise TooManyUnproved(retry_after_s=3_600)


def _counted(name: str, seconds: int) -> int:
    """Count one up and return the count; 0 while Redis is away: the postback matters more than the limit."""
    try:
        cache.add(name, 0, seconds)
        found: Any = cache.incr(name)
    except (RedisError, ValueError):
        return 0
    return int(found)
