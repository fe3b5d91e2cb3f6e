"""What Apple's postbacks say, counted: by network, campaign, country, app, source or day, and what the values meant.

Only postbacks that count are in it: valid, no test, one of each id and sequence. They stand at the day they arrived,
which is one to five days after the install for the first one, and up to six weeks for the third.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, Q

from attribution import counting
from attribution.counting import Counts
from attribution.models import ApplePostback
from attribution.skan import decoding, networks, schemas
from attribution.skan.decoding import Meaning, Schema
from customers.models import Project

ZERO = Decimal(0)
NOTHING_SAID = "No value"
NOT_DECODED = "Value without a meaning"
CAMPAIGN = "CASE WHEN p.source_identifier <> '' THEN p.source_identifier ELSE coalesce(p.campaign_id::text, '') END"
SOURCE = "CASE WHEN p.source_domain <> '' THEN p.source_domain ELSE coalesce(p.source_app_id::text, '') END"
DAY = "(p.received_at AT TIME ZONE %(zone)s)::date"


class Dimension(NamedTuple):
    """A property to count along: its name, and what it is in a statement."""

    label: str
    column: str
    help: str = ""


DIMENSIONS = {
    "network": Dimension("Network", "p.network_id"),
    "campaign": Dimension("Campaign", CAMPAIGN, "The source identifier of version 4 and AdAttributionKit, 2 to 4 digits"
                          " by how many people there were; the campaign id before that"),
    "country": Dimension("Country", "p.country", "AdAttributionKit says it from iOS 18.4 on; Apple does not sign it"),
    "app": Dimension("App", "p.app_id::text"),
    "source": Dimension("Shown in", "p.source_app_id::text", "The app, or the website, that showed the ad"),
    "day": Dimension("Day", DAY),
}  # fmt: skip
COLUMNS = {name: one.column for name, one in DIMENSIONS.items()} | {"source": SOURCE}
STATEMENT = """
SELECT p.app_id, p.sequence, p.conversion_type, coalesce(p.did_win, true), p.conversion_value, p.coarse_value, {valued},
       count(*) {columns}
FROM attribution_applepostback p
WHERE p.project_id = %(project)s AND p.counted AND p.received_at >= %(since)s AND p.received_at < %(until)s {where}
GROUP BY p.app_id, p.sequence, p.conversion_type, 4, p.conversion_value, p.coarse_value, 7 {grouped}
"""
FIRST_PART = "split_part(p.network_id, '.', 1)"
# The day on which a value was set at the latest: decoding.day_of, in the database.
VALUED = "((p.received_at - interval '24 hours') AT TIME ZONE %(zone)s)::date"


@dataclass
class Told:
    """What postbacks told. Installs, redownloads and re-engagements are those of the first window that won."""

    installs: int = 0
    redownloads: int = 0
    reengagements: int = 0
    lost: int = 0
    second: int = 0
    third: int = 0
    valued: int = 0
    decoded: int = 0
    revenue: Decimal = ZERO
    unpriced: int = 0
    meanings: dict[str, int] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """Winning postbacks of the first window, of whatever kind."""
        return self.installs + self.redownloads + self.reengagements

    @property
    def valued_share(self) -> float | None:
        """How many of them say a value (0-1): Apple leaves it out where too few people are behind it."""
        return self.valued / self.first if self.first else None

    def add(self, other: "Told") -> None:
        """Count another one into this one."""
        for name in ("installs", "redownloads", "reengagements", "lost", "second", "third", "valued", "decoded"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.revenue += other.revenue
        self.unpriced += other.unpriced
        for words, number in other.meanings.items():
            self.meanings[words] = self.meanings.get(words, 0) + number


@dataclass
class Row:
    """One value of a dimension: what Apple tells of it, and beside it the iOS installs that our rules credit."""

    value: Any
    told: Told
    ours: int | None = None


def told(
    project: Project, since: datetime, until: datetime, by: Sequence[str] = (), where: Mapping[str, str] | None = None
) -> dict[tuple[Any, ...], Told]:
    """Count what arrived in [since, until) along the dimensions `by`; `where` keeps rows with exactly these values.

    A network goes by its `key`, a day is a date.
    """
    known = schemas.of_project(project.pk)
    params: dict[str, Any] = {"project": project.pk, "since": since, "until": until, "zone": str(project.tz)}
    conditions = ""
    for name, value in (where or {}).items():
        ids = networks.ids_of(value) if name == "network" else []
        conditions += f" AND {FIRST_PART} = ANY(%(ids)s)" if ids else f" AND coalesce({COLUMNS[name]}, '') = %({name})s"
        params |= {"ids": ids} if ids else {name: value}
    statement = STATEMENT.format(
        columns="".join(f", {COLUMNS[name]}" for name in by),
        grouped="".join(f", {place}" for place in range(9, 9 + len(by))),
        valued=VALUED,
        where=conditions,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        rows = cursor.fetchall()
    found: dict[tuple[Any, ...], Told] = {}
    for app_id, sequence, kind, won, fine, coarse, day, number, *values in rows:
        one = found.setdefault(tuple(map(_key, by, values)), Told())
        said = _Value(app_id, sequence, fine, coarse, day)
        _sort_in(one, said, kind, won=won, number=number, known=known, currency=project.currency)
    return found


def _key(name: str, value: Any) -> Any:
    if name == "network":
        return networks.network_of(value or "").key
    return "" if value is None else value


class _Value(NamedTuple):
    app_id: int | None
    sequence: int
    fine: int | None
    coarse: str
    day: date


def _sort_in(
    one: Told, value: _Value, kind: str, *, won: bool, number: int, known: Sequence[Schema], currency: str
) -> None:
    if not won:
        one.lost += number
        return
    if value.sequence == 0:
        if kind == "redownload":
            one.redownloads += number
        elif kind == "re-engagement":
            one.reengagements += number
        else:
            one.installs += number
        one.valued += number if value.fine is not None or value.coarse else 0
    elif value.sequence == 1:
        one.second += number
    else:
        one.third += number
    schema = decoding.schema_for(known, value.app_id, value.day)
    meaning = decoding.decode(schema, value.sequence, value.fine, value.coarse)
    words = _words(value, meaning)
    one.meanings[words] = one.meanings.get(words, 0) + number
    if meaning is None:
        return
    one.decoded += number
    if meaning.revenue is not None:
        if schema is not None and schema.currency in {"", currency}:
            one.revenue += meaning.revenue * number
        else:
            one.unpriced += number


def _words(value: _Value, meaning: Meaning | None) -> str:
    if meaning is not None:
        return meaning.label or "Worth something"
    return NOT_DECODED if value.fine is not None or value.coarse else NOTHING_SAID


def beside(project: Project, since: datetime, until: datetime, by: str) -> dict[Any, int]:
    """Count the iOS installs in [since, until) that our rules credit to a touch, along the same dimension.

    Nothing for a dimension that only Apple's postbacks have. A network is named as in `networks`.
    """
    names = {"network": "source", "country": "country", "day": "day"}
    if by not in names:
        return {}
    found = counting.count(project, since, until, (names[by],), {"platform": "ios"}, touches=False, revenue=False)
    ours: dict[Any, int] = {}
    for (value,), counts in found.items():
        key: Any = networks.source_of(value) if by == "network" else value.date() if by == "day" else value
        ours[key] = ours.get(key, 0) + counts.credited
    return ours


def ours_together(project: Project, since: datetime, until: datetime) -> int:
    """Count the iOS installs in [since, until) that our rules credit to a touch."""
    found = counting.count(project, since, until, (), {"platform": "ios"}, touches=False, revenue=False)
    return found.get((), Counts()).credited


def rows_of(
    project: Project, since: datetime, until: datetime, by: str, where: Mapping[str, str] | None = None
) -> list[Row]:
    """Return what each value of a dimension told, most first postbacks first, with our own number beside it."""
    found = told(project, since, until, (by,), where)
    ours = {} if where else beside(project, since, until, by)
    rows = [Row(value, one, ours.get(value, 0) if ours else None) for (value,), one in found.items()]
    return sorted(rows, key=lambda row: (-row.told.first, str(row.value)))


def together(rows: Mapping[Any, Told]) -> Told:
    """Add everything up to one."""
    found = Told()
    for one in rows.values():
        found.add(one)
    return found


def by_state(project: Project, since: datetime, until: datetime) -> dict[str, int]:
    """Count all that arrived in [since, until), by what became of it."""
    rows = ApplePostback.objects.filter(project=project, received_at__gte=since, received_at__lt=until)
    return rows.aggregate(
        all=Count("pk"),
        good=Count("pk", Q(counted=True)),
        invalid=Count("pk", Q(state="invalid")),
        unverifiable=Count("pk", Q(state="unverifiable")),
        tests=Count("pk", Q(state="valid", sandbox=True)),
        copies=Count("pk", Q(state="valid", sandbox=False, counted=False)),
        against=Count("pk", Q(conflict=True)),
    )
