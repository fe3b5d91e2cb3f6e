"""Which ids belong to one person. Plain Python: a plan from what is known and what was seen.

An anonymous id joins the first user id it is seen with. A user id is never joined to another one by a shared device,
only by an alias call: else one tablet in a shop would make all its visitors one person.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Known:
    """The person that an id stands for now, and whether that person has a user id."""

    person: int
    known: bool


@dataclass(frozen=True, slots=True)
class Link:
    """Two ids seen together: `anonymous` and `user`; an alias joins two known ones as well."""

    anonymous: str
    user: str
    alias: bool = False


@dataclass
class Plan:
    """New groups of ids (each a new person), ids that join a person, people merged (gone into survivor)."""

    created: list[list[str]] = field(default_factory=list)
    joined: dict[str, int] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)


class _Groups:
    """Disjoint sets of ids; each remembers its people and whether it holds a user id."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}
        self.people: dict[str, list[int]] = {}
        self.known: dict[str, bool] = {}

    def add(self, value: str, person: int | None, known: bool) -> None:
        if value not in self.parent:
            self.parent[value] = value
            self.people[value] = []
            self.known[value] = False
        root = self.root(value)
        if person is not None and person not in self.people[root]:
            self.people[root].append(person)
        self.known[root] |= known

    def root(self, value: str) -> str:
        while self.parent[value] != value:
            self.parent[value] = value = self.parent[self.parent[value]]
        return value

    def join(self, loser: str, winner: str) -> None:
        loser, winner = self.root(loser), self.root(winner)
        if loser == winner:
            return
        self.parent[loser] = winner
        self.people[winner] += [person for person in self.people.pop(loser) if person not in self.people[winner]]
        self.known[winner] |= self.known.pop(loser)


def plan(seen: Mapping[str, bool], links: Iterable[Link], existing: Mapping[str, Known]) -> Plan:
    """Return what to create, join and merge so that every id seen stands for one person.

    `seen` maps each id to whether it is a user id; `existing` holds those of them (and of `links`) that have a person.
    Ids of one existing person form one group. Applying a plan and planning again with the same input changes nothing.
    """
    groups = _Groups()
    first_of: dict[int, str] = {}
    for value, known in sorted(existing.items()):
        groups.add(value, known.person, known.known)
        if known.person in first_of:
            groups.join(value, first_of[known.person])
        first_of.setdefault(known.person, value)
    for value, is_user in seen.items():
        groups.add(value, None, is_user)
    for link in links:
        groups.add(link.anonymous, None, known=False)
        groups.add(link.user, None, known=True)
        if link.alias or not groups.known[groups.root(link.anonymous)]:
            groups.join(link.anonymous, link.user)
    return _plan_of(groups, existing)


def _plan_of(groups: _Groups, existing: Mapping[str, Known]) -> Plan:
    result = Plan()
    members: dict[str, list[str]] = {}
    for value in groups.parent:
        if value not in existing:
            members.setdefault(groups.root(value), []).append(value)
    for root, people in groups.people.items():
        new = members.get(root, [])
        if not people:
            result.created.append(new)
            continue
        survivor = people[0]
        result.joined.update(dict.fromkeys(new, survivor))
        result.merged.update(dict.fromkeys(people[1:], survivor))
    return result
