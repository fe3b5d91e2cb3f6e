"""Deciding installs together, without writing: the rules for each, and who keeps a touch that several could have."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from attribution import activity, matching
from attribution.candidates import Claimed, Found
from attribution.fraud import rules as fraud
from attribution.fraud.rules import Struck
from attribution.history import Past
from attribution.ledger import Hold, Ledger
from attribution.matching import Around, Verdict
from attribution.models import Decision
from attribution.posterior import Model
from attribution.rules import Rules

# In the second turn all certain matches are known, and nothing changes after it. Rules that put matches by network
# before certain ones could go round for ever.
MOST_TURNS = 5
RulesOf = Callable[[Claimed], Rules]


class Decided(NamedTuple):
    """An install with its verdict. `fraud` is what speaks against the install itself."""

    claimed: Claimed
    kind: str
    verdict: Verdict
    considered: int
    fraud: tuple[Struck, ...]
    original: int | None

    @property
    def rejected(self) -> bool:
        return fraud.blocks(self.fraud)


@dataclass(slots=True)
class Batch:
    """Installs that are decided together, with all that their decisions depend on but the rules.

    `models` are by the install's id, `flags` by its project's.
    """

    claimed: Sequence[Claimed]
    found: Mapping[int, Found]
    past: Mapping[int, Past]
    holds: Iterable[Hold]
    models: Mapping[int, Model]
    flags: Mapping[int, fraud.Flags]


@dataclass(slots=True)
class Outcome:
    """What became of a batch: its decisions, and the touches that its installs gave up and took by them."""

    decided: list[Decided]
    given_up: set[int]
    taken: list[Hold]


def decide_batch(batch: Batch, rules_of: RulesOf, *, explain: bool = True) -> Outcome:
    """Decide installs under given rules, without writing. A return to the app that nothing brought is left out.

    The order of the installs does not matter: where one takes a touch from another, that one is decided again.
    Without `explain` the verdicts have no candidates, which is several times as fast.
    """
    ledger = Ledger(batch.holds)
    installs = {install.id: install for install in batch.claimed}
    away = _away([install for install in batch.claimed if install.returning], batch.found, rules_of)
    decided: dict[int, Decided] = {}
    again = {pk for pk, one in installs.items() if not one.returning or pk in away or one.decision_id is not None}
    weighing = _weighing(batch, again)
    for _ in range(MOST_TURNS):
        turn, again = sorted(again), set()
        queued = set(turn)
        while turn:
            pk = heapq.heappop(turn)
            queued.discard(pk)
            install = installs[pk]
            one = decided[pk] = _decide(install, batch, rules_of(install), ledger, explain=explain)
            for changed in filter(None, ledger.settle(pk, hold_of(one))):
                for other in weighing.get(changed.touch_id, ()):
                    if other in queued or not _hears_of(
                        changed, installs[other], decided.get(other), rules_of(installs[other])
                    ):
                        continue
                    if other < pk:
                        again.add(other)
                    else:
                        heapq.heappush(turn, other)
                        queued.add(other)
    return _outcome(decided.values())


def _outcome(decided: Iterable[Decided]) -> Outcome:
    outcome = Outcome([one for one in decided if not _brought_by_nothing(one)], set(), [])
    for one in outcome.decided:
        before, now = one.claimed.hold, hold_of(one)
        if before and (now is None or now.touch_id != before.touch_id):
            outcome.given_up.add(before.touch_id)
        if now and now != before:
            outcome.taken.append(now)
    return outcome


def hold_of(one: Decided) -> Hold | None:
    """Return what an install is credited to; None for an organic one."""
    touch = one.verdict.touch
    return Hold(touch.id, one.claimed.id, one.verdict.tier, one.claimed.received_at) if touch else None


def _hears_of(changed: Hold, install: Claimed, one: Decided | None, rules: Rules) -> bool:
    """Say whether an install may come out otherwise because a touch that it weighs has changed hands."""
    return changed.bars(install.id, install.deadline) and not (one and stands(one, rules))


def stands(one: Decided, rules: Rules) -> bool:
    """Say whether a decision stands whoever holds the clicks of the network: a stronger kind of match has won."""
    return not one.claimed.returning and one.verdict.tier not in rules.weak


def _weighing(batch: Batch, deciding: Collection[int]) -> dict[int, list[int]]:
    """Return which of the installs that are decided weigh each touch that several of them do."""
    found: dict[int, list[int]] = defaultdict(list)
    for pk, mine in batch.found.items():
        for touch_id in mine.near if pk in deciding else ():
            found[touch_id].append(pk)
    return {touch_id: installs for touch_id, installs in found.items() if len(installs) > 1}


def _brought_by_nothing(one: Decided) -> bool:
    return one.claimed.returning and one.verdict.touch is None and one.claimed.decision_id is None


def _decide(install: Claimed, batch: Batch, rules: Rules, ledger: Ledger, *, explain: bool) -> Decided:
    found = batch.found.get(install.id) or Found()
    around = Around(
        batch.models[install.id],
        found.traffic,
        ledger.taken(found.near, install.id, install.deadline),
        batch.flags.get(install.project_id, {}),
        found.clicks_hour,
        install.returning,
    )
    asked = rules.returning if install.returning else rules
    verdict = matching.decide(install.facts, list(found.touches.values()), asked, around, explain=explain)
    past = batch.past.get(install.id)
    struck = fraud.of_install(install.facts, past.counts, rules) if past else ()
    original = past.original if past else None
    kind = Decision.Kind.INSTALL
    if install.returning:
        kind = Decision.Kind.REATTRIBUTION
    elif original is not None:
        kind = Decision.Kind.REINSTALL
    return Decided(install, kind, verdict, found.considered(install.facts), struck, original)


def _away(opens: Sequence[Claimed], found: Mapping[int, Found], rules_of: RulesOf) -> set[int]:
    """Return those opens that are returns: something could have brought them, and the person had been away."""
    near = [one for one in opens if one.id in found]
    last = activity.last_before(near)
    return {
        one.id
        for one in near
        if one.id in last
        and (one.facts.installed_at - last[one.id]).total_seconds() >= rules_of(one).inactivity_days * 86_400
    }
