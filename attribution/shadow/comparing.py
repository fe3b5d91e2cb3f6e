"""Two counts of the same installs beside each other, and what may lie behind each difference.

Plain values: no Django, clock or network. Days are the vendor's; what is ours is counted by both clocks.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from difflib import SequenceMatcher
from typing import NamedTuple, TypeVar

T = TypeVar("T")
ZERO = Decimal(0)
ORGANIC = "organic"

TIME_ZONE = "time_zone"
UNDELIVERED = "undelivered"
NAMED_OTHERWISE = "named_otherwise"
THEIR_WINDOW = "their_window"
OUR_WINDOW = "our_window"
REINSTALLS = "reinstalls"
FRAUD = "fraud"
PROBABILISTIC = "probabilistic"
PROVISIONAL = "provisional"
# In the order in which they are asked: what is exact first, what is only possible last.
REASONS = {
    TIME_ZONE: "Days are cut by another clock",
    UNDELIVERED: "Copies that have not reached the vendor",
    NAMED_OTHERWISE: "The same campaign under another name",
    THEIR_WINDOW: "Clicks that only the vendor’s window takes",
    OUR_WINDOW: "Clicks that only your window takes",
    REINSTALLS: "Reinstalls, which we don’t count as installs",
    FRAUD: "Installs that your fraud rules reject",
    PROBABILISTIC: "Matches by network and device",
    PROVISIONAL: "Decisions younger than a day, which may still move",
}
# Names that are this alike may stand for one campaign.
ALIKE = 0.6
# Counts that are this near may be one campaign's, where its source has no other to take.
NEAR = 0.2

Cell = tuple[date, str, str]
Place = tuple[str, str]


@dataclass
class Numbers:
    """What one side counted; `revenue` and `clicks` are None where it does not say."""

    installs: int = 0
    clicks: int | None = None
    revenue: Decimal | None = None

    def add(self, other: "Numbers") -> None:
        self.installs += other.installs
        if other.clicks is not None:
            self.clicks = (self.clicks or 0) + other.clicks
        if other.revenue is not None:
            self.revenue = (self.revenue or ZERO) + other.revenue


class Reason(NamedTuple):
    """What may lie behind a difference: of `found` installs of this kind it would explain so many.

    Both are signed as the difference is: more than 0 where the vendor would count more than we do.
    """

    code: str
    found: int
    explains: int

    @property
    def words(self) -> str:
        return REASONS[self.code]


@dataclass
class Row:
    """One day, one campaign, or one campaign on one day; `hints` are installs by reason, signed."""

    theirs: Numbers = field(default_factory=Numbers)
    ours: Numbers = field(default_factory=Numbers)
    recounted: int = 0
    unmapped: Decimal = ZERO
    hints: dict[str, int] = field(default_factory=dict)
    told: bool = False
    """The vendor has said anything about it, be it 0."""

    @property
    def difference(self) -> int:
        """How many installs more than we the vendor counted."""
        return self.theirs.installs - self.ours.installs

    @property
    def share(self) -> float | None:
        """The difference as a share of ours (0-1); None where we have none."""
        return self.difference / self.ours.installs if self.ours.installs else None

    @property
    def reasons(self) -> list[Reason]:
        return explain(self.difference, self.hints)

    @property
    def unexplained(self) -> int:
        return self.difference - sum(one.explains for one in self.reasons)

    def add(self, other: "Row") -> None:
        self.theirs.add(other.theirs)
        self.ours.add(other.ours)
        self.recounted += other.recounted
        self.unmapped += other.unmapped
        self.told = self.told or other.told
        for code, number in other.hints.items():
            self.hints[code] = self.hints.get(code, 0) + number


def explain(difference: int, hints: Mapping[str, int]) -> list[Reason]:
    """Share a difference out among what could lie behind it, in the order of REASONS.

    The clock's part is exact and may point the other way; each of the others takes at most what is left, and only
    where it points the same way. What they explain never goes beyond the difference.
    """
    found, left = [], difference
    for code in REASONS:
        number = hints.get(code, 0)
        if not number:
            continue
        if code == TIME_ZONE:
            found.append(Reason(code, number, number))
            left -= number
            continue
        if code == PROVISIONAL and left:
            # It may move either way.
            number = number if left > 0 else -number
        if left and (number > 0) == (left > 0):
            part = min(number, left) if left > 0 else max(number, left)
            found.append(Reason(code, number, part))
            left -= part
    return found


class Alias(NamedTuple):
    """Two names that may stand for one campaign: the vendor's, ours, how many installs each has, how alike (0-1)."""

    theirs: Place
    ours: Place
    their_installs: int
    our_installs: int
    alike: float


@dataclass(frozen=True)
class Comparison:
    """Both counts by day and campaign; everything shown is a sum of these cells."""

    cells: Mapping[Cell, Row]
    aliases: Sequence[Alias] = ()

    def by(self, key: Callable[[Cell], tuple[object, ...]], **only: object) -> dict[tuple[object, ...], Row]:
        """Add the cells up by a key of theirs; `only` keeps those of a day, source or campaign."""
        found: dict[tuple[object, ...], Row] = {}
        for cell, row in self.cells.items():
            place = dict(zip(("day", "source", "campaign"), cell, strict=True))
            if all(place[name] == value for name, value in only.items()):
                found.setdefault(key(cell), Row()).add(row)
        return found

    def days(self, **only: object) -> dict[tuple[object, ...], Row]:
        return self.by(lambda cell: (cell[0],), **only)

    def campaigns(self, **only: object) -> dict[tuple[object, ...], Row]:
        return self.by(lambda cell: cell[1:], **only)

    @property
    def total(self) -> Row:
        return self.by(lambda _: ()).get((), Row())

    @property
    def told_days(self) -> set[date]:
        """The days that the vendor has told anything about."""
        return {day for (day, _, _), row in self.cells.items() if row.told}


def compare(
    theirs: Mapping[Cell, Numbers],
    ours: Mapping[Cell, Numbers],
    recounted: Mapping[Cell, int],
    hints: Mapping[Cell, Mapping[str, int]],
    unmapped: Mapping[Cell, Decimal] | None = None,
) -> Comparison:
    """Set the vendor's numbers beside ours, on the days that the vendor has told about.

    `ours` are by the project's clock, as all other pages count; `recounted` are the same installs by the vendor's.
    """
    cells: dict[Cell, Row] = {}
    days = {day for day, _, _ in theirs}

    def rows(found: Mapping[Cell, T]) -> Iterator[tuple[Row, T]]:
        for cell, value in found.items():
            if cell[0] in days:
                yield cells.setdefault(cell, Row()), value

    for row, numbers in rows(theirs):
        row.add(Row(theirs=numbers, told=True))
    for row, numbers in rows(ours):
        row.add(Row(ours=numbers))
    for row, number in rows(recounted):
        row.recounted += number
    for row, amount in rows(unmapped or {}):
        row.unmapped += amount
    for row, found in rows(hints):
        row.add(Row(hints=dict(found)))
    aliases = otherwise_named(cells)
    _hint_at(aliases, cells)
    return Comparison(cells, aliases)


def _hint_at(aliases: Iterable[Alias], cells: Mapping[Cell, Row]) -> None:
    their_names = {alias.theirs for alias in aliases}
    our_names = {alias.ours for alias in aliases}
    for cell, row in cells.items():
        if moved := row.recounted - row.ours.installs:
            row.hints[TIME_ZONE] = moved
        if cell[1:] in their_names:
            row.hints[NAMED_OTHERWISE] = row.theirs.installs
        elif cell[1:] in our_names:
            row.hints[NAMED_OTHERWISE] = -row.ours.installs


def otherwise_named(cells: Mapping[Cell, Row]) -> list[Alias]:
    """Pair campaigns that only the vendor has with those that only we have: alike by name, or near by number.

    Each is paired once, the most alike first.
    """
    sums: dict[Place, Row] = {}
    for (_, source, campaign), row in cells.items():
        sums.setdefault((source, campaign), Row()).add(row)
    only_theirs = {place: row.theirs.installs for place, row in sums.items() if _only(row.theirs, row.ours)}
    only_ours = {place: row.ours.installs for place, row in sums.items() if _only(row.ours, row.theirs)}
    pairs = []
    for theirs, their_installs in only_theirs.items():
        for ours, our_installs in only_ours.items():
            alike = likeness(theirs, ours, their_installs, our_installs)
            if alike:
                pairs.append(Alias(theirs, ours, their_installs, our_installs, alike))
    pairs.sort(key=lambda one: (-one.alike, -one.their_installs, one.theirs, one.ours))
    return _each_once(pairs)


def _only(has: Numbers, other: Numbers) -> bool:
    return has.installs > 0 and other.installs == 0


def _each_once(pairs: Iterable[Alias]) -> list[Alias]:
    seen: set[tuple[str, Place]] = set()
    kept = []
    for pair in pairs:
        names = {("theirs", pair.theirs), ("ours", pair.ours)}
        if not names & seen:
            kept.append(pair)
            seen |= names
    return kept


def likeness(theirs: Place, ours: Place, their_installs: int, our_installs: int) -> float:
    """Return how likely two names stand for one campaign (0-1); 0 where nothing speaks for it. Organic has no other."""
    if ORGANIC in (theirs[0], ours[0]):
        return 0.0
    of_source = SequenceMatcher(None, plain(theirs[0]), plain(ours[0])).ratio()
    of_campaign = SequenceMatcher(None, plain(theirs[1]), plain(ours[1])).ratio()
    near = abs(their_installs - our_installs) <= NEAR * max(their_installs, our_installs)
    if theirs[0] == ours[0] and (of_campaign >= ALIKE or near):
        return round((1 + of_campaign) / 2, 4)
    if theirs[1] and of_campaign >= ALIKE and near:
        return round((of_source + of_campaign) / 2, 4)
    return 0.0


def plain(name: str) -> str:
    """Return a name without case, spaces and signs: what a person would call the same."""
    return "".join(char for char in name.casefold() if char.isalnum())


def equality(pairs: Iterable[tuple[int, int]]) -> float | None:
    """Return the share of installs that both sides count in the same place (0-1); None where there are none.

    For each pair the smaller number over the larger, weighed by the larger: sum of minima by sum of maxima.
    """
    both = either = 0
    for theirs, ours in pairs:
        both += min(theirs, ours)
        either += max(theirs, ours)
    return both / either if either else None


class Verdict(NamedTuple):
    """How equal two counts are: as all pages count, with days cut by the vendor's clock, and in the sum of a period."""

    share: float
    recounted: float
    total: float
    days: int
    campaigns: int


def verdict(comparison: Comparison) -> Verdict | None:
    """Return how equal the two counts are, campaign by campaign and day by day; None without any install."""
    cells = comparison.cells.values()
    share = equality((row.theirs.installs, row.ours.installs) for row in cells)
    recounted = equality((row.theirs.installs, row.recounted) for row in cells)
    total = comparison.total
    in_all = equality([(total.theirs.installs, total.ours.installs)])
    if share is None or recounted is None or in_all is None:
        return None
    places = {cell[1:] for cell, row in comparison.cells.items() if row.theirs.installs or row.ours.installs}
    return Verdict(share, recounted, in_all, len(comparison.told_days), len(places))
