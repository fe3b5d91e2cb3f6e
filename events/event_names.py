"""What a project calls the events that a vendor's format has other names for, and suggestions from what arrives."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis.expr.types as ir
from django.contrib.auth.models import User
from django.db.models import Sum

from customers.models import Project
from events.dialects import vendors
from events.engine.tables import Tables, json_text
from events.models import DayCount, EventName, VendorApp
from events.payloads import NAME_CHARS
from events.relation import relation
from growthplatform.core.errors import InvalidField

LOOK_BACK = timedelta(days=30)
# More names than these are no names but values in disguise; nobody maps them one by one.
MOST_NAMES = 500
MOST_AT_ONCE = 1_000


@dataclass(frozen=True)
class Arrived:
    """A vendor's name of an event as it came in the last days: what it was stored as, how often, when last."""

    theirs: str
    stored_as: str
    count: int
    last_at: datetime


@dataclass(frozen=True)
class Suggestion:
    """A name that arrives and is not mapped yet; `ours` is empty where nothing is to be suggested."""

    theirs: str
    count: int
    last_at: datetime
    ours: str = ""
    why: str = ""


def arrived(project: Project, dialect: str, *, now: datetime, look_back: timedelta = LOOK_BACK) -> list[Arrived]:
    """Return the names of a vendor's events that came since `look_back`, most often first, at most 500.

    Raises TooSlow, TooLarge, Cancelled and EngineDown.
    """
    # Whole minutes, so that the same question is asked again, and its answer kept.
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)

    def build(tables: Tables) -> ir.Table:
        events = tables.events
        # The text is looked at before it is read as JSON: of a mixed stream most rows are not of this format.
        rows = events.filter(events.context.contains('"vendor"'), events.name.notnull())
        rows = rows.filter(json_text(rows.context, '$."vendor"."dialect"') == dialect)
        rows = rows.mutate(theirs=json_text(rows.context, '$."vendor"."event"'))
        rows = rows.filter(rows.theirs.notnull(), rows.theirs != "")
        counts = rows.group_by(["theirs", "name"]).aggregate(events=rows.id.count(), last_at=rows.ts.max())
        ordered = counts.order_by([counts.events.desc(), counts.theirs, counts.name])
        return ordered.limit(MOST_NAMES)

    found = relation(project, until - look_back, until).run(build)
    return [Arrived(theirs, name, count, _aware(last_at)) for theirs, name, count, last_at in found.rows]


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def suggest(
    found: Iterable[Arrived], mapped: Mapping[str, str], usual: Mapping[str, str], known: Sequence[str]
) -> list[Suggestion]:
    """Return the names that arrive and are not mapped, each with what it should be called where that can be told.

    `usual` are the names every customer of the vendor knows; `known` the project's own names, most used first. A name
    of the project's own that is spelled alike goes before the usual one: its history goes on under it.
    """
    counts: dict[str, Suggestion] = {}
    for one in found:
        if one.theirs in mapped:
            continue
        before = counts.get(one.theirs)
        count = one.count + (before.count if before else 0)
        last_at = max(one.last_at, before.last_at) if before else one.last_at
        counts[one.theirs] = Suggestion(one.theirs, count, last_at)
    theirs = set(counts)
    alike = {bare(name): name for name in reversed(known) if name not in theirs}
    return [_with_name(one, usual, alike) for one in counts.values()]


def _with_name(one: Suggestion, usual: Mapping[str, str], alike: Mapping[str, str]) -> Suggestion:
    ours, why = alike.get(bare(one.theirs), ""), "Spelled like an event you have"
    if not ours and (named := usual.get(one.theirs, "")):
        ours = alike.get(bare(named), named)
        why = "An event you have" if ours in alike.values() else "What this usually stands for"
    if not ours or ours == one.theirs:
        return one
    return Suggestion(one.theirs, one.count, one.last_at, ours, why)


def bare(name: str) -> str:
    """Return a name without what vendors and people write differently: "af_sign_up" and "Signed Up" are one."""
    words = re.split(r"[\W_]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower())
    if len(words) > 1 and words[0] in {"af", "fb", "ga"}:
        words = words[1:]
    return "".join(re.sub(r"(?<=..)(ed|e)$", "", word) for word in words)


def suggestions(project: Project, dialect: str, usual: Mapping[str, str], *, now: datetime) -> list[Suggestion]:
    """Return the names of a vendor's events of the last 30 days that are not mapped, most often first.

    Raises what arrived() raises.
    """
    found = arrived(project, dialect, now=now)
    return suggest(found, mapped(project, dialect), usual, own_names(project, now=now))


def own_names(project: Project, *, now: datetime) -> list[str]:
    """Return the names of track events that the project has, most used in the last days first."""
    rows = DayCount.objects.filter(project=project, type="track", day__gte=(now - LOOK_BACK).date())
    return [row["name"] for row in rows.values("name").annotate(n=Sum("events")).order_by("-n", "name")[:MOST_NAMES]]


def mapped(project: Project, dialect: str) -> dict[str, str]:
    """Return what the project calls a vendor's events."""
    return dict(EventName.objects.filter(project=project, dialect=dialect).values_list("theirs", "ours"))


def name(project: Project, dialect: str, theirs: str, ours: str, *, user: User | None = None) -> EventName:
    """Give a vendor's event our name, from the next events on; a name it had is replaced.

    What is stored already keeps the name it came under. Raises InvalidField.
    """
    return name_all(project, dialect, {theirs: ours}, user=user)[0]


def name_all(
    project: Project, dialect: str, names: Mapping[str, str], *, user: User | None = None
) -> Sequence[EventName]:
    """Give many of a vendor's events our names, all or none. Safe to repeat. Raises InvalidField."""
    if dialect not in VendorApp.Dialect.values:
        raise InvalidField.named("dialect", f"must be one of {', '.join(VendorApp.Dialect.values)}.")
    if len(names) > MOST_AT_ONCE:
        raise InvalidField.named("names", f"At most {MOST_AT_ONCE:,} at once.")
    clean = {_checked("theirs", theirs): _checked("ours", ours) for theirs, ours in names.items()}
    rows = [
        EventName(project=project, dialect=dialect, theirs=theirs, ours=ours, created_by=user)
        for theirs, ours in clean.items()
    ]
    EventName.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["project", "dialect", "theirs"],
        update_fields=["ours", "created_by"],
    )
    vendors.forget_cached()
    return list(EventName.objects.filter(project=project, dialect=dialect, theirs__in=clean).order_by("theirs"))


def _checked(field: str, text: str) -> str:
    text = text.strip()
    if not text:
        raise InvalidField.named(field, "A name is needed.")
    if len(text) > NAME_CHARS or "\x00" in text:
        raise InvalidField.named(field, f"A name has at most {NAME_CHARS} characters and no NUL.")
    return text


def forget(project: Project, ids: Collection[int]) -> int:
    """Let a vendor's events keep the vendor's names again, from the next ones on; return how many. Safe to repeat."""
    number, _ = EventName.objects.filter(project=project, pk__in=ids).delete()
    vendors.forget_cached()
    return number
