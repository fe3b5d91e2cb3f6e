"""Messages made of news: final decisions, conversions credited by them, and corrections of both.

Each message is rendered once, when it is made. Nothing is sent here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import F, Q

from attribution.appsflyer_import.rows import TAKEN_OVER
from attribution.conversions import WAITING
from attribution.models import Conversion, Decision, Destination, Postback
from attribution.postbacks import facts as facts_of
from attribution.postbacks.facts import Facts
from attribution.postbacks.rendering import LONGEST_URL, Shape, render
from attribution.postbacks.steps import REJECTED, Fact, Step, Told, steps
from attribution.rules import ORGANIC

BATCH = 500
OLD_BATCH = 20_000
REVISION = F("revision")
# A conversion that came before its install was known is looked at for this long after.
UNLINKED = WAITING + timedelta(hours=1)
# How many reinstalls of reinstalls are followed.
MOST_REPEATS = 10
# News of before there was any destination is none for any of them.
OLD_DECISIONS = """
UPDATE attribution_decision SET posted = revision WHERE id IN (
    SELECT d.id FROM attribution_decision d JOIN attribution_install i ON i.id = d.install_id
    WHERE d.project_id = %s AND d.posted < d.revision AND d.state = 'final' AND i.received_at < %s
    ORDER BY d.id LIMIT %s FOR UPDATE OF d SKIP LOCKED
)
"""
OLD_CONVERSIONS = """
UPDATE attribution_conversion SET posted = true WHERE id IN (
    SELECT id FROM attribution_conversion WHERE project_id = %s AND NOT posted AND received_at < %s
    ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
)
"""


class News(NamedTuple):
    """Something that happened: an install decided, or a conversion, with the values of its macros."""

    key: str
    decision: Decision | None
    conversion: Conversion | None
    name: str
    received_at: datetime
    rejected: bool
    values: Facts

    @property
    def is_history(self) -> bool:
        """Say whether it was taken over from another vendor, which told the networks of it when it happened."""
        row = self.conversion or (self.decision and self.decision.install)
        return bool(row and row.message_id.startswith(TAKEN_OVER))


@dataclass(frozen=True)
class Last:
    """What a destination was told last about something."""

    pk: int
    key: str
    news: str
    values: Facts


LastOf = Mapping[tuple[int, int], Last]


def make(*, now: datetime, limit: int = BATCH) -> int:
    """Make the messages that final decisions and conversions call for; return how many news were looked at.

    What was looked at is noted in the transaction of its messages, each of which is there once by its key: twice at
    once is harmless, and a run that dies leaves nothing half done.
    """
    looked = 0
    for destinations in _listening().values():
        looked += _of_decisions(destinations, limit) + _of_conversions(destinations, now, limit)
    return looked


def shape_of(destination: Destination) -> Shape:
    """Return the template of a destination."""
    own = destination.kind == Destination.Kind.WEBHOOK and not destination.body and destination.method == "POST"
    return Shape(destination.method, destination.url, destination.headers, destination.body, own)


def message(destination: Destination, key: str, news: str, values: Facts) -> Postback:
    """Render one message, not stored. One that became too long to be sent is given up at once."""
    made = render(shape_of(destination), values)
    too_long = len(made.url) > LONGEST_URL
    return Postback(
        project_id=destination.project_id,
        destination=destination,
        idempotency_key=key,
        news=news,
        method=made.method,
        url=made.url[:LONGEST_URL],
        headers=made.headers,
        body=made.body.replace("\x00", ""),
        facts=values,
        state=Postback.State.FAILED if too_long else Postback.State.WAITING,
        problem=f"Filled, the address is longer than {LONGEST_URL:,} characters." if too_long else "",
    )


def _listening() -> dict[int, list[Destination]]:
    found: dict[int, list[Destination]] = {}
    for one in Destination.objects.filter(archived_at=None).select_related("project").order_by("project", "id"):
        found.setdefault(one.project_id, []).append(one)
    return found


def _of_decisions(destinations: Sequence[Destination], limit: int) -> int:
    project_id = destinations[0].project_id
    _skip(OLD_DECISIONS, destinations)
    with transaction.atomic():
        rows = Decision.objects.filter(project=project_id, state=Decision.State.FINAL, posted__lt=REVISION)
        rows = rows.filter(install__pending=False).select_for_update(skip_locked=True, of=("self",))
        decisions = list(rows.select_related("install", "touch").order_by("id")[:limit])
        if not decisions:
            return 0
        found = [_news_of(one) for one in decisions]
        told = _told(destinations, Q(decision__in=decisions, conversion=None), "decision_id")
        _store(destinations, found, told)
        Decision.objects.filter(pk__in=[one.pk for one in decisions]).update(posted=REVISION)
        # What was told of their conversions is looked at again: somebody else may have brought them now.
        _open_conversions([one for one in decisions if one.revision > 1])
    return len(decisions)


def _of_conversions(destinations: Sequence[Destination], now: datetime, limit: int) -> int:
    project_id = destinations[0].project_id
    _skip(OLD_CONVERSIONS, destinations)
    ripe = Q(install__pending=False, install__decision__state=Decision.State.FINAL)
    ripe |= Q(install=None, received_at__lt=now - UNLINKED)
    with transaction.atomic():
        rows = Conversion.objects.filter(ripe, project=project_id, posted=False)
        rows = rows.select_for_update(skip_locked=True, of=("self",))
        conversions = list(rows.order_by("id")[:limit])
        if not conversions:
            return 0
        owners = _owners({one.install_id for one in conversions if one.install_id})
        found = [_news_of_conversion(one, owners.get(one.install_id or 0)) for one in conversions]
        told = _told(destinations, Q(conversion__in=conversions), "conversion_id")
        _store(destinations, found, told)
        Conversion.objects.filter(pk__in=[one.pk for one in conversions]).update(posted=True)
    return len(conversions)


def _skip(statement: str, destinations: Sequence[Destination]) -> None:
    """Note as looked at what came before the first of the destinations was there."""
    since = min(one.created_at for one in destinations)
    with connection.cursor() as cursor:
        cursor.execute(statement, [destinations[0].project_id, since, OLD_BATCH])


def _news_of(decision: Decision) -> News:
    return News(
        f"dec_{decision.pk}-{decision.revision}",
        decision,
        None,
        decision.kind,
        decision.install.received_at,
        decision.rejected,
        facts_of.of_decision(decision),
    )


def _news_of_conversion(conversion: Conversion, owner: Decision | None) -> News:
    """Return a conversion as news, `owner` being the decision that is credited with it."""
    values = facts_of.of_decision(owner, conversion=conversion) if owner else facts_of.of_conversion(conversion)
    values.setdefault("source", ORGANIC)
    return News(
        f"cnv_{conversion.pk}-{f'{owner.pk}.{owner.revision}' if owner else 0}",
        owner,
        conversion,
        conversion.name,
        conversion.received_at,
        not conversion.counted or bool(owner and owner.rejected),
        values,
    )


def _owners(installs: Iterable[int]) -> dict[int, Decision]:
    """Return for each install the decision that its revenue belongs to: of a reinstall that of the install before."""
    rows = Decision.objects.select_related("install", "touch")
    found = {one.install_id: one for one in rows.filter(install__in=set(installs))}
    for _ in range(MOST_REPEATS):
        before = {one.original_id for one in found.values() if one.original_id}
        if not before:
            break
        firsts = rows.in_bulk(before)
        found = {pk: firsts.get(one.original_id or 0, one) for pk, one in found.items()}
    return found


def _told(destinations: Sequence[Destination], about: Q, column: str) -> LastOf:
    """Return what each destination was told last of each thing. What was canceled was not told."""
    rows = Postback.objects.filter(about, destination__in=destinations, replay_of=None)
    rows = rows.exclude(state=Postback.State.CANCELED).order_by("id")
    names = ("destination_id", column, "id", "idempotency_key", "news", "facts")
    return {(target, pk): Last(*row) for target, pk, *row in rows.values_list(*names)}


def _store(destinations: Sequence[Destination], found: Sequence[News], told: LastOf) -> None:
    made = []
    for news in found:
        row = news.conversion or news.decision
        for destination in destinations:
            last = told.get((destination.pk, row.pk if row else 0))
            if last or (news.received_at >= destination.created_at and not news.is_history):
                made += _messages(destination, news, last)
    Postback.objects.bulk_create(made, ignore_conflicts=True, batch_size=1_000)


def _messages(destination: Destination, news: News, last: Last | None) -> list[Postback]:
    before = Told(last.news, facts_of.same_credit(last.values, news.values)) if last else None
    kept = not last or last.values.get("source") == news.values.get("source")
    now = Fact(news.name, news.rejected, concerns(destination, news.values), kept)
    made: list[Postback] = []
    for step in steps(before, now, destination.news):
        if step.takes_back and last and _cancel(last):
            continue
        one = message(destination, *_content(step, news, last))
        one.decision, one.conversion = news.decision, news.conversion
        one.revision = news.decision.revision if news.decision else 1
        one.corrects_id = last.pk if step.takes_back and last else None
        made.append(one)
    return made


def _content(step: Step, news: News, last: Last | None) -> tuple[str, str, Facts]:
    """Return key, news and values of a message; one that takes another back repeats that one's values."""
    key = f"{news.key}-{step.news if step.news == REJECTED or not news.conversion else 'conversion'}"
    own = {"id": key, "news": "conversion" if news.conversion and step.news != REJECTED else step.news}
    own["event"] = step.news
    if step.reason:
        own["reason"] = step.reason
    if step.takes_back and last:
        return key, step.news, {**last.values, **own, "corrects": last.key}
    return key, step.news, {**news.values, **own}


def _cancel(last: Last) -> bool:
    """Take back a message that no try was made to send; False where it may have arrived."""
    waiting = Postback.objects.filter(pk=last.pk, state=Postback.State.WAITING, tries=0)
    return bool(waiting.update(state=Postback.State.CANCELED, problem="The credit moved before it was sent."))


def concerns(destination: Destination, values: Mapping[str, str]) -> bool:
    """Say whether what is credited to this source is a destination's: a network is never told of organic installs."""
    source = values.get("source", ORGANIC)
    if destination.sources:
        return source in destination.sources
    return destination.kind == Destination.Kind.WEBHOOK or source != ORGANIC


def _open_conversions(decisions: Sequence[Decision]) -> None:
    """Have the conversions of some decisions looked at again, and those of reinstalls of their installs."""
    ids, turn = {one.pk for one in decisions}, {one.pk for one in decisions}
    for _ in range(MOST_REPEATS):
        repeats = Decision.objects.filter(original__in=turn).values_list("pk", flat=True) if turn else ()
        turn = set(repeats) - ids
        ids |= turn
    if ids:
        told = Conversion.objects.filter(install__decision__in=ids, posted=True, postbacks__isnull=False)
        Conversion.objects.filter(pk__in=told.values("pk")).update(posted=False)
