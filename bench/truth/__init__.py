"""Ground truth: how right decisions are in a made-up world whose truth the product can't see.

`python -m bench truth` prints the figures; `--small` is for a quick check, `--seed` makes another world, `--shipped`
leaves the fraud rules as they are shipped instead of letting those that need a key or a list block.
"""

import argparse

import numpy as np

from attribution.rules import Rules
from bench.truth import cases, engine, oracle, report, rivals, world


def main(options: list[str]) -> None:
    """Make a world, let the product, an oracle and three other matchers decide it, and print how right they were."""
    parser = argparse.ArgumentParser(prog="bench truth")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--shipped", action="store_true", help="fraud rules as shipped: most only flag")
    parser.add_argument("--other-order", action="store_true", help="decide again with another order of tiers")
    parser.add_argument("--keep", action="store_true", help="leave the project in the database")
    chosen, _ = parser.parse_known_args(options)
    made = world.make(world.SMALL if chosen.small else world.Size(), chosen.seed)
    ids = cases.known(made)
    asked = cases.gather(made, ids, np.flatnonzero(ids.open))
    best = oracle.judge(made, asked)
    outcome = engine.run(made, seed=chosen.seed, blocking=not chosen.shipped)
    others = {
        "LinkForty, points": rivals.linkforty(made),
        "Grovs, unique in 5 min": rivals.grovs(made),
        "OpenAttribution, join": rivals.openattribution(made),
    }
    report.show(made, ids, asked, best, outcome, others)
    if chosen.other_order:
        rules = Rules(order=engine.EQUAL_RANK, fraud={} if chosen.shipped else engine.BLOCKING)
        report.show_other_order(made, *engine.decided_by(made, outcome.project, rules))
    if not chosen.keep:
        engine.forget(outcome.project)
