"""A row of campaign numbers as pages show it: what it is called, where it leads, how its installs were matched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from attribution import rules
from attribution.campaigns import LEVELS, OTHERS
from attribution.counting import DIMENSIONS, Counts, Key
from attribution.queries import ORGANIC, WITHOUT
from attribution.verdict import TIER_NAMES
from customers.pages import PageRequest
from growthplatform.core import countries, sources

PLATFORMS = {"ios": "iOS", "android": "Android", "macos": "macOS", "windows": "Windows", "linux": "Linux"}
PERIOD = ("range", "from", "to", "compare")
BY_ID = (
    rules.INSTALL_REFERRER,
    rules.CLICK_ID,
    rules.META_REFERRER,
    rules.APPLE_ADS,
    rules.DEVICE_ID,
    rules.PERSON_ID,
    rules.CONTACT_HASH,
)
SHADES = {"by an id": "1", "by network and device": ".5", "by a view": ".22"}


def words_of(name: str, value: str) -> str:
    """Return what a value of a property is called on a page."""
    if value == OTHERS:
        return "All others"
    if not value:
        return "No campaign" if name == "campaign" else f"Without {DIMENSIONS[name].label.lower()}"
    if name == "source":
        return sources.look_of(value).name
    if name == "country":
        return countries.name_of(value)
    return {"tier": TIER_NAMES, "platform": PLATFORMS}.get(name, {}).get(value, value)


@dataclass
class Row:
    """A row of a table: its properties by name, its counts now and in the period before."""

    values: Mapping[str, str]
    now: Counts
    before: Counts | None = None
    url: str = ""
    within: Mapping[str, str] = field(default_factory=dict)

    @property
    def by(self) -> str:
        """The property that the row stands for: the last one."""
        return list(self.values)[-1]

    @property
    def source(self) -> str:
        """The row's source or that of the page; "" where it may have several."""
        return self.values.get("source") or self.within.get("source", "")

    @property
    def colour(self) -> str:
        return sources.look_of(self.source).colour if self.source else "blue"

    @property
    def words(self) -> str:
        if self.source == ORGANIC and self.by == "campaign":
            return sources.look_of(ORGANIC).name
        return words_of(self.by, self.values[self.by])

    @property
    def change(self) -> float:
        """Installs more or fewer than before, as a share; what is new comes first."""
        past = self.before.installs if self.before else 0
        return (self.now.installs - past) / past if past else float(self.now.installs > 0) * 1e9

    @property
    def mix(self) -> list[tuple[str, int, float]]:
        """Return how the installs were matched, surest first: words, number, share."""
        tiers, all_of_it = self.now.tiers, self.now.credited or 1
        kinds = (
            ("by an id", sum(tiers.get(tier, 0) for tier in BY_ID)),
            ("by network and device", tiers.get(rules.PROBABILISTIC, 0)),
            ("by a view", tiers.get(rules.VIEW, 0)),
        )
        return [(words, number, number / all_of_it) for words, number in kinds if number]

    @property
    def bars(self) -> list[dict[str, str]]:
        """Return the mix as parts of one bar, surest first and darkest."""
        parts, x = [], 0.0
        for words, _, part in self.mix:
            parts.append({"x": f"{x * 100:.1f}%", "width": f"{part * 100:.1f}%", "opacity": SHADES[words]})
            x += part
        return parts


def rows_of(
    names: Sequence[str],
    now: Mapping[Key, Counts],
    before: Mapping[Key, Counts] | None,
    within: Mapping[str, str] | None = None,
) -> list[Row]:
    """Return a row for each combination that has anything in the period itself, most installs first."""
    rows = [
        Row(
            dict(zip(names, key, strict=True)),
            counts,
            before.get(key, Counts()) if before is not None else None,
            within=within or {},
        )
        for key, counts in now.items()
    ]
    return sorted(rows, key=lambda row: (-row.now.installs, -row.now.clicks, *row.values.values()))


def period_query(request: PageRequest) -> dict[str, str]:
    """Return the days of the address, which each way on keeps."""
    return {name: request.GET[name] for name in PERIOD if name in request.GET}


def written(where: Mapping[str, str]) -> dict[str, str]:
    """Return filters as they stand in an address: "-" for a blank one."""
    return {name: value or WITHOUT for name, value in where.items()}


def installs_url(request: PageRequest, where: Mapping[str, str]) -> str:
    """Return the address of the installs that have these properties, in the same days; `kind` may be another one."""
    query = urlencode({**period_query(request), "kind": "install", **written(where)})
    return f"{reverse('attribution:install-list', args=[request.project.slug])}?{query}"


def way_down(request: PageRequest, where: Mapping[str, str]) -> str:
    """Return where a row with these properties leads: to what lies below it, from the last level to its installs."""
    end = {LEVELS[-1], "platform", "tier"} | ({"country"} if "campaign" in where else set())
    if where.get("source") == ORGANIC or end & {*where}:
        return installs_url(request, where)
    address = reverse("attribution:campaign-list", args=[request.project.slug])
    return f"{address}?{urlencode({**period_query(request), **written(where)})}"


def chips(request: PageRequest, where: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the filters of a page, each with the address without it and without what lies below it."""

    def without(name: str) -> str:
        gone = {name, "by", "cursor", *(LEVELS[LEVELS.index(name) + 1 :] if name in LEVELS else ())}
        query = {key: value for key, value in request.GET.items() if key not in gone}
        return f"?{urlencode(query)}"

    return [
        {"name": name, "label": DIMENSIONS[name].label, "words": words_of(name, value), "clear": without(name)}
        for name, value in where.items()
    ]
