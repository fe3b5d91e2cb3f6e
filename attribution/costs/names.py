"""What networks and campaigns are called by others, what may be meant. Plain: no Django, clock or network."""

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

# The same network under the names that it, its files and other vendors use; ours come first.
SAME = (
    ("meta", "facebook", "instagram", "fb", "facebook ads", "meta ads", "facebook ads manager", "meta platforms"),
    ("google_ads", "google", "googleads", "google ads", "adwords", "googleadwords", "google adwords"),
    ("apple_search_ads", "apple", "apple search ads", "apple ads", "asa", "applesearchads"),
    ("tiktok", "tiktok ads", "tiktok for business", "tiktokglobal", "bytedanceglobal", "bytedance", "tiktokads"),
    ("snapchat", "snap", "snapchat ads"),
    ("twitter", "x", "x ads", "twitter ads"),
    ("microsoft_ads", "bing", "microsoft advertising", "bing ads", "microsoft ads"),
    ("unity", "unityads", "unity ads"),
    ("applovin", "applovin max", "applovin corp"),
    ("ironsource", "iron source", "supersonicads"),
    ("linkedin", "linkedin ads"),
    ("pinterest", "pinterest ads"),
    ("reddit", "reddit ads"),
)
LIKE = 0.8
MOST_COMPARED = 400
NOT_A_LETTER = re.compile(r"[\W_]+")


class Named(NamedTuple):
    """A campaign of a source."""

    source: str
    campaign: str


def source_for(text: str, known: Sequence[str] = ()) -> str:
    """Return what we call a network: the one of `known` (largest first) that is the same, else the usual name.

    A network that nobody has heard of keeps its name, in small letters.
    """
    plain = text.strip().lower()
    if plain in known:
        return plain
    group = _group_of(plain)
    return next((name for name in known if name in group), group[0] if group else plain)


@lru_cache(maxsize=1_000)
def _group_of(plain: str) -> tuple[str, ...]:
    words = " ".join(plain.removesuffix("_int").replace("_", " ").replace("-", " ").split())
    for group in SAME:
        if words in group or plain in group:
            return group
    return ()


def squeezed(name: str) -> str:
    """Return a name as people compare it: small letters and figures only."""
    return NOT_A_LETTER.sub("", name.casefold())


def meant(told: Named, known: Mapping[Named, int]) -> Named | None:
    """Return the campaign that `told` most likely stands for; None when none is alike.

    `known` has the installs of each campaign; of those equally alike the larger wins. One of another source is meant
    only where the sources are one network under two names.
    """
    group = _group_of(told.source) or (told.source,)
    near = [one for one in known if one.source == told.source or one.source in group]
    name = squeezed(told.campaign)
    if not name:
        return None
    best, best_score = None, (LIKE, 0)
    for one in sorted(near, key=lambda one: -known[one])[:MOST_COMPARED]:
        if one == told:
            continue
        other = squeezed(one.campaign)
        likeness = 1.0 if other == name else _likeness(name, other)
        if (likeness, known[one]) > best_score:
            best, best_score = one, (likeness, known[one])
    return best


def _likeness(one: str, other: str) -> float:
    if not one or not other:
        return 0.0
    # Networks put their own marks around a name: "DE_Winter sale_2026".
    if min(len(one), len(other)) >= 6 and (one in other or other in one):
        return 0.9
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def suggestions(told: Iterable[Named], known: Mapping[Named, int]) -> dict[Named, Named]:
    """Return for each campaign that is alike to a known one, which."""
    return {one: other for one in told if (other := meant(one, known))}
