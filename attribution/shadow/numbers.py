"""Another vendor's numbers: brought by a file or by the API, summed by day and campaign, told again they replace."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import User
from django.db import transaction

from attribution.models import VendorImport, VendorName, VendorNumber
from attribution.shadow import vendors
from attribution.shadow.number_files import Row, Wrong
from customers.models import Project
from growthplatform.core.errors import InvalidField

KEPT_WRONG = 1_000
AT_ONCE = 2_000
Key = tuple[date, str, str, str]
VALUES = ("clicks", "installs", "revenue", "currency")


@dataclass
class Sums:
    """The rows of a report summed by day, source, campaign and platform, and those that can't be read."""

    found: dict[Key, Row] = field(default_factory=dict)
    wrong: list[Wrong] = field(default_factory=list)
    wrong_number: int = 0
    rows: int = 0
    sources: dict[str, str] = field(default_factory=dict)
    """What each source is called here, by the vendor's name."""

    @property
    def days(self) -> list[date]:
        return sorted({key[0] for key in self.found})

    @property
    def installs(self) -> int:
        return sum(row.installs or 0 for row in self.found.values())

    @property
    def campaigns(self) -> int:
        return len({key[1:3] for key in self.found})


def add_up(rows: Iterable[Row | Wrong], known_sources: Sequence[str] = ()) -> Sums:
    """Sum rows by day, source, campaign and platform; sources get the names that the project has for them."""
    sums = Sums()
    for row in rows:
        sums.rows += 1
        if isinstance(row, Wrong):
            sums.wrong_number += 1
            if len(sums.wrong) < KEPT_WRONG:
                sums.wrong.append(row)
            continue
        source = sums.sources.get(row.source)
        if source is None:
            source = sums.sources[row.source] = vendors.source_of(row.source, known_sources)
        campaign = "" if source == "organic" else row.campaign
        key = (row.day, source, campaign, row.platform)
        mine = row._replace(source=source, campaign=campaign)
        known = sums.found.get(key)
        sums.found[key] = mine if known is None else _together(known, mine)
    return sums


def _together(one: Row, other: Row) -> Row:
    return one._replace(
        clicks=_plus(one.clicks, other.clicks),
        installs=_plus(one.installs, other.installs),
        revenue=_plus(one.revenue, other.revenue),
        currency=one.currency or other.currency,
    )


def _plus(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else one + other


def known_sources(project: Project) -> list[str]:
    """Return what the project calls its sources: those of its last decisions, the largest first, then of its links."""
    newest = project.decisions.order_by("-installed_at", "-id").values_list("source", flat=True)[:5_000]
    by_number = [source for source, _ in Counter(newest).most_common()]
    of_links = project.links.order_by("source").values_list("source", flat=True).distinct()
    return list(dict.fromkeys([*by_number, *of_links]))


def zone_of(name: str) -> str:
    """Return the name of a time zone as it is kept. Raises InvalidField for none that exists."""
    try:
        return str(ZoneInfo(name.strip() or "UTC"))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidField.named("timeZone", "must be a time zone like UTC or Europe/Berlin.") from None


@transaction.atomic
def store(
    project: Project,
    vendor: str,
    sums: Sums,
    *,
    name: str,
    time_zone: str,
    mapping: dict[str, Any] | None = None,
    complete: bool = False,
    by: User | None = None,
    now: datetime,
) -> VendorImport:
    """Keep a report's numbers and what became of it. Safe to repeat: what is told again replaces, and never adds.

    `complete`: it is all there is for its days, so that what it leaves out is removed.
    """
    made = VendorImport.objects.create(
        project=project,
        kind=VendorImport.Kind.NUMBERS,
        vendor=vendor,
        name=name[:200],
        mapping=mapping or {},
        time_zone=time_zone,
        state=VendorImport.State.DONE,
        rows=sums.rows,
        total=sums.rows,
        refused=sums.wrong_number,
        report=[_wrong(one) for one in sums.wrong],
        created_by=by,
        created_at=now,
        finished_at=now,
    )
    mine = VendorNumber.objects.filter(project=project, vendor=vendor, day__in=sums.days)
    # Two reports of one day at once would otherwise each see the state before the other.
    before = {_key(one): one for one in mine.select_for_update().order_by("pk")}
    rows = [
        VendorNumber(
            project=project, vendor=vendor, day=key[0], source=key[1], campaign=key[2], platform=key[3],
            clicks=row.clicks, installs=row.installs, revenue=row.revenue, currency=row.currency, brought_by=made,
            changed_at=now,
        )
        for key, row in sums.found.items()
    ]  # fmt: skip
    VendorNumber.objects.bulk_create(
        rows,
        batch_size=AT_ONCE,
        update_conflicts=True,
        unique_fields=["project", "vendor", "day", "source", "campaign", "platform"],
        update_fields=[*VALUES, "brought_by", "changed_at"],
    )
    removed = 0
    if complete:
        gone = [one.pk for key, one in before.items() if key not in sums.found]
        removed, _ = VendorNumber.objects.filter(pk__in=gone).delete()
    same = sum(key in before and _same(before[key], row) for key, row in sums.found.items())
    replaced = sum(key in before for key in sums.found) - same
    made.taken, made.repeated = len(rows) - replaced - same, same
    made.summary = {
        "added": len(rows) - replaced - same,
        "replaced": replaced,
        "unchanged": same,
        "removed": removed,
        "installs": sums.installs,
        "campaigns": sums.campaigns,
        "first": sums.days[0].isoformat() if sums.days else None,
        "last": sums.days[-1].isoformat() if sums.days else None,
        "sources": dict(list(sums.sources.items())[:200]),
    }
    made.save(update_fields=["taken", "repeated", "summary"])
    return made


def _key(one: VendorNumber) -> Key:
    return one.day, one.source, one.campaign, one.platform


def _same(one: VendorNumber, row: Row) -> bool:
    told = None if row.revenue is None else row.revenue.quantize(Decimal("0.0001"))
    return (one.clicks, one.installs, one.revenue, one.currency) == (row.clicks, row.installs, told, row.currency)


def _wrong(one: Wrong) -> dict[str, Any]:
    return dict(one._asdict())


def call_it(
    project: Project, vendor: str, theirs: tuple[str, str], ours: tuple[str, str], *, by: User | None = None
) -> VendorName:
    """Set the numbers of a vendor's campaign beside those of ours, whatever it is called there. Safe to repeat."""
    made, _ = VendorName.objects.update_or_create(
        project=project,
        vendor=vendor,
        source=theirs[0],
        campaign=theirs[1],
        defaults={
            "to_source": ours[0],
            "to_campaign": ours[1],
            "created_by": by,
        },
    )
    return made
