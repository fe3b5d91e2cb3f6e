"""How alike two names of events are: spelling, case, word order, and words that people use for the same thing."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")
# Forms of one word as product people write it: irregular forms, and the two spellings of signing up and in.
FORMS = {
    "signup": "sign up",
    "signedup": "sign up",
    "signin": "sign in",
    "login": "sign in",
    "logged": "sign",
    "log": "sign",
    "registered": "sign up",
    "registration": "sign up",
    "register": "sign up",
    "made": "make",
    "built": "build",
    "began": "begin",
    "sent": "send",
    "bought": "buy",
    "paid": "pay",
}
# Stems that say little about which event is meant.
NOISE = frozenset({"the", "a", "an", "of", "to", "pag", "screen", "event", "user", "app"})
ENOUGH = 0.6


@lru_cache(maxsize=8_192)
def words(name: str) -> tuple[str, ...]:
    """Return the stems of the words of a name, in small letters: "videoCreated_v2" is video, creat, v, 2."""
    known = (FORMS.get(word.lower(), word.lower()) for word in WORD.findall(name))
    return tuple(_stem(part) for parts in known for part in parts.split())


def _stem(word: str) -> str:
    for ending in ("ation", "ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word.removesuffix(ending)
            return stem[:-1] if len(stem) > 3 and stem[-1] == stem[-2] else stem
    return word


@lru_cache(maxsize=65_536)  # names are few and compared on every page that offers templates
def likeness(name: str, other: str) -> float:
    """Return how alike two names are, from 0 (nothing in common) to 1 (the same but for case and punctuation)."""
    first, second = words(name), words(other)
    if not first or not second:
        return 1.0 if name == other else 0.0
    plain, reference = " ".join(first), " ".join(second)
    if plain == reference:
        return 1.0 if name.casefold() == other.casefold() else 0.98
    spelling = SequenceMatcher(None, plain, reference).ratio()
    told, meant = set(first) - NOISE, set(second) - NOISE
    if told & meant and told - meant and meant - told:
        # "Export Completed" and "Order Completed" share many letters, but not what they are about.
        rest = SequenceMatcher(None, " ".join(sorted(told - meant)), " ".join(sorted(meant - told))).ratio()
        spelling = min(spelling, 0.4 + 0.6 * rest)
    shared = 2 * len(told & meant) / (len(told) + len(meant)) if told and meant else 0.0
    return min(0.95, max(spelling, 0.9 * shared + 0.05 * spelling))


def nearest(name: str, names: Iterable[str], *, most: int = 3, enough: float = ENOUGH) -> list[str]:
    """Return the names most like `name`, the best first; none that is less alike than `enough`."""
    scored = [(likeness(name, one), one) for one in names if one != name]
    return [one for score, one in sorted(scored, key=lambda pair: (-pair[0], pair[1])) if score >= enough][:most]
