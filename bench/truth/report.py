"""The table of figures."""

from collections.abc import Mapping, Sequence

import numpy as np

from attribution.learning import wilson
from attribution.rules import PROBABILISTIC, VIEW
from bench.truth import cases, oracle
from bench.truth import people as p
from bench.truth.cases import Case, Known
from bench.truth.engine import Outcome
from bench.truth.people import Flags, Floats, Ints
from bench.truth.world import (
    FARMED,
    FLOODED,
    INJECTED,
    LABELS,
    REPLAYED,
    SOURCES,
    SPOOFED,
    World,
)


def show(  # noqa: PLR0917 -- the six things it compares
    world: World,
    ids: Known,
    asked: Sequence[Case],
    best: Sequence[Floats],
    outcome: Outcome,
    others: Mapping[str, Ints],
) -> None:
    """Print all figures."""
    installs = world.installs
    genuine = (installs.label == 0) & ~installs.again
    driven = genuine & (installs.truth >= 0)
    _world(world, driven, genuine)
    counted = ~outcome.rejected & np.array([kind == "install" for kind in outcome.kind])
    right = outcome.touch == installs.truth
    named = counted & (outcome.touch >= 0)
    # A touch that the person who installed really made, whether or not it was the last one.
    person = (outcome.touch >= 0) & (world.touches.person[outcome.touch] == installs.person)
    print("\ndecisions that name a touch                 number  the very touch (95 % interval)    of the right person")
    _line("all", named, right, person)
    tiers = np.array(outcome.tier)
    by_network = tiers == PROBABILISTIC
    _line("by an id (deterministic, clicks)", named & ~by_network & (tiers != VIEW), right, person)
    for tier in sorted(set(outcome.tier) - {"organic", ""}):
        _line(f"  {tier}", named & (tiers == tier), right, person)
    _wrong(world, named & ~right, outcome, tiers)
    _network(world, asked, best, named & by_network, right)
    _plain(world, ids, asked, best, outcome, genuine, counted, others)
    _shares(world, outcome, named, driven)
    _fraud(world, outcome)
    _brier(outcome, named & by_network, right)
    waits = np.array(outcome.work.waits_ms)
    print(
        f"\ntime: {outcome.work.decided:,} decisions in {outcome.work.deciding_s:.1f} s"
        f" ({outcome.work.decided / max(outcome.work.deciding_s, 1e-9):,.0f}/s), {outcome.revised:,} revised;"
        f" an hour's installs decided in p50 {np.median(waits):.0f} ms, p99 {np.quantile(waits, 0.99):.0f} ms;"
        f" the whole run {outcome.seconds:.0f} s, of it"
        f" {', '.join(f'{name} {spent:.0f} s' for name, spent in outcome.work.parts.items())}"
    )


def show_other_order(world: World, touch: Ints, tier: Sequence[str]) -> None:
    """Print the same for decisions by another order of tiers."""
    installs = world.installs
    named = touch >= 0
    right, tiers = touch == installs.truth, np.array(tier)
    person = named & (world.touches.person[touch] == installs.person)
    print("\nif a later click by network ranked equal with an older one by device or contact (not the default)")
    _line("all", named, right, person)
    _line("by network (probabilistic)", named & (tiers == PROBABILISTIC), right, person)


def share(successes: float, trials: float) -> str:
    """Return a share with its interval, as text."""
    if not trials:
        return "-"
    low, high = wilson(successes, trials)
    return f"{successes / trials:8.3%}  ({low:.3%} - {high:.3%})"


def _line(name: str, among: Flags, right: Flags, person: Flags) -> None:
    number = int(among.sum())
    very, of_person = (share(int((among & one).sum()), number) for one in (right, person))
    print(f"  {name:36} {number:8,}  {very:32}  {of_person}")


def _world(world: World, driven: Flags, genuine: Flags) -> None:
    installs, touches = world.installs, world.touches
    kinds = installs.address[driven] // p.KIND_OF_ADDRESS
    shared = np.isin(kinds, (p.OFFICE, p.CELL))
    print(
        f"world: {len(touches):,} touches, {len(installs):,} installs, {int(driven.sum()):,} of them driven by an ad,"
        f" {shared.mean():.1%} of those behind shared addresses (offices {(kinds == p.OFFICE).mean():.1%}, carriers"
        f" {(kinds == p.CELL).mean():.1%}); {int((genuine & ~driven).sum()):,} organic,"
        f" {int((installs.label > 0).sum()):,} made up, {int(installs.again.sum()):,} reinstalls"
    )


def _wrong(world: World, wrong: Flags, outcome: Outcome, tiers: np.ndarray) -> None:  # type: ignore[type-arg]
    """Say what became of those that name the wrong touch."""
    touches, installs = world.touches, world.installs
    rows = np.flatnonzero(wrong)
    touch = outcome.touch[rows]
    own = (touches.person[touch] == installs.person[rows]) & (touches.label[touch] == 0)
    counts: dict[str, int] = {}
    for one, mine, credited in zip(rows.tolist(), own.tolist(), touch.tolist(), strict=True):
        label = LABELS[touches.label[credited]]
        why = label or ("another touch of the same person" if mine else "somebody else's click")
        if installs.truth[one] < 0:
            why += ", was organic"
        counts[f"{tiers[one]}: {why}"] = counts.get(f"{tiers[one]}: {why}", 0) + 1
    print(
        "  wrong ones:", "; ".join(f"{name} {n}" for name, n in sorted(counts.items(), key=lambda x: -x[1])) or "none"
    )


def _network(world: World, asked: Sequence[Case], best: Sequence[Floats], named: Flags, right: Flags) -> None:
    """Compare matches by network with the oracle, at the same precision."""
    truth = world.installs.truth
    tops = np.array([float(row.max()) if len(row) else 0.0 for row in best])
    hits = np.array(
        [
            bool(len(row)) and case.clicks[int(row.argmax())] == truth[case.install]
            for case, row in zip(asked, best, strict=True)
        ]
    )
    findable = sum(bool((case.clicks == truth[case.install]).any()) for case in asked)
    number, good = int(named.sum()), int((named & right).sum())
    precision = good / number if number else 0.0
    order = np.argsort(-tops, kind="stable")
    found = hits[order].cumsum()
    precisions = found / np.arange(1, len(order) + 1)
    reached = np.flatnonzero(precisions >= precision)
    oracle = int(found[reached[-1]]) if len(reached) else 0
    print("\nby network (probabilistic), against an oracle that knows the world's distributions, not its truth")
    print(f"  {len(asked):,} installs without a certain match; in {findable:,} the right click is among the network's")
    print(f"  precision at the threshold {share(good, number)}; finds {good / max(findable, 1):.1%} of those")
    print(f"  the oracle finds {oracle:,} at that precision; the engine {good:,}: {good / max(oracle, 1):.1%} of it")


def _plain(  # noqa: PLR0917
    world: World,
    ids: Known,
    asked: Sequence[Case],
    best: Sequence[Floats],
    outcome: Outcome,
    genuine: Flags,
    counted: Flags,
    others: Mapping[str, Ints],
) -> None:
    """Print the plain share of right decisions of everybody, organic ones too."""
    installs = world.installs
    ceiling = ids.by_id.copy()
    later = cases.later(world, ids)
    known_later = oracle.judge(world, later)
    for case, row in zip([*asked, *later], [*best, *known_later], strict=True):
        if len(row) and row.max() > 1 - row.sum():
            ceiling[case.install] = case.clicks[int(row.argmax())]
    ceiling = np.where((ceiling < 0) & (ids.by_view >= 0), ids.by_view, ceiling)
    driven = genuine & (installs.truth >= 0)
    print(
        "\nall genuine installs, organic ones too     named     right of named  found of ad-driven   plain share right"
    )
    rows = {"this product": np.where(counted, outcome.touch, -1), "oracle (ceiling)": ceiling, **others}
    for name, touch in rows.items():
        right = touch == installs.truth
        named = genuine & (touch >= 0)
        good = int((named & right).sum())
        print(
            f"  {name:38} {int(named.sum()):8,}  {good / max(int(named.sum()), 1):13.3%} "
            f" {good / int(driven.sum()):15.1%}     {share(int((genuine & right).sum()), int(genuine.sum()))}"
        )
    no_consent = driven & (installs.system == p.IOS) & (installs.consent == 0)
    print(f"  ({int(no_consent.sum()):,} ad-driven iPhones without consent: left organic on purpose, by both)")


def _shares(world: World, outcome: Outcome, named: Flags, driven: Flags) -> None:
    """Print how far campaigns' shares of installs are from the truth."""
    touches, installs = world.touches, world.installs
    for name, key in (("campaign", touches.source * 10 + touches.campaign), ("source", touches.source)):
        true = np.bincount(key[installs.truth[driven]], minlength=200).astype(float)
        genuine = named & (installs.label == 0)
        said = np.bincount(key[outcome.touch[genuine]], minlength=200).astype(float)
        big = true >= 50
        error = np.abs(said / max(said.sum(), 1) - true / true.sum())[big] / (true / true.sum())[big]
        cheats = said[~big].sum() / max(said.sum(), 1)
        print(
            f"\n{name} shares: mean error {error.mean():.2%} of the share, largest {error.max():.1%}, over {big.sum()};"
            f" to cheats and small ones {cheats:.2%}",
            end="",
        )
    print()


def _fraud(world: World, outcome: Outcome) -> None:
    """Print precision and recall of each fraud code, on what was weighed."""
    touches, installs = world.touches, world.installs
    print("\nfraud, of what was weighed")
    credited = set(outcome.touch[~outcome.rejected & (outcome.touch >= 0)].tolist())
    for code, label in (
        ("ctit_injection", INJECTED),
        ("click_signature", REPLAYED),
        ("ctit_flat", FLOODED),
    ):
        meant = {one for one in np.flatnonzero(touches.label == label).tolist() if one in outcome.weighed}
        struck = {one for one, codes in outcome.touch_codes.items() if code in codes}
        cheats = {one for one in struck if touches.label[one] > 0}
        _row(code, (len(struck), len(cheats)), (len(meant), len(struck & meant)), len(meant & credited), "touches")
    for code, label in (("sdk_signature", SPOOFED), ("device_farm", FARMED), ("ip_datacenter", SPOOFED)):
        meant = set(np.flatnonzero(installs.label == label).tolist())
        struck = {one for one, codes in enumerate(outcome.install_codes) if code in codes}
        cheats = {one for one in struck if installs.label[one] > 0}
        kept = {one for one in meant if outcome.touch[one] >= 0 and not outcome.rejected[one]}
        _row(code, (len(struck), len(cheats)), (len(meant), len(struck & meant)), len(kept), "installs")
    flags = "; ".join(f"{code}: {', '.join(sorted(found))}" for code, found in sorted(outcome.flagged.items()))
    print(f"  flags over sources: {flags or 'none'} (cheats: {', '.join(SOURCES[10:15])})")


def _row(code: str, struck: tuple[int, int], meant: tuple[int, int], kept: int, things: str) -> None:
    """Print how many of those struck are cheats, and how many of those meant were struck."""
    precision, recall = (f"{right / all_:8.1%}" if all_ else "       -" for all_, right in (struck, meant))
    print(
        f"  {code:18} {things:9} struck {struck[0]:7,}, cheats {struck[1]:7,} ={precision}; of {meant[0]:6,} meant"
        f" struck {meant[1]:6,} ={recall}; credited all the same {kept:,}"
    )


def _brier(outcome: Outcome, among: Flags, right: Flags) -> None:
    said = outcome.probability[among]
    score = float(np.mean((said - right[among]) ** 2)) if len(said) else 0.0
    mean = float(said.mean()) if len(said) else 0.0
    print(f"\nBrier score of matches by network {score:.4f}; said on average {mean:.2%}")
    measured = outcome.measured
    if measured:
        named, good = measured["named"], measured["right"]
        print(
            f"  what the product measured itself, masked: {good:,.0f} of {named:,.0f} right ="
            f" {good / max(named, 1):.2%} ({measured['lowest']:.2%} - {measured['highest']:.2%}), Brier"
            f" {measured['brier']:.4f}, {measured['examples']:,} installs"
        )
