"""The made-up world of the truth benchmark: that it is what it says, and that the product is told no truth."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bench.truth import cases, engine, oracle, people, rivals, told, world

TINY = world.Size(
    driven=400, organic=200, others=400, days=2, days_before=1, per_pool=100, flood_clicks=200, farms=1, spoofed=20,
    bots=50,
)  # fmt: skip


@pytest.fixture(scope="module")
def made() -> world.World:
    return world.make(replace(world.SMALL, driven=6_000, organic=4_000, others=12_000), 3)


def test_the_same_seed_makes_the_same_world() -> None:
    one, other = world.make(TINY, 1), world.make(TINY, 1)

    assert (one.touches.ts == other.touches.ts).all()
    assert (one.installs.truth == other.installs.truth).all()
    assert not np.array_equal(one.touches.ts[:50], world.make(TINY, 2).touches.ts[:50])


def test_it_is_as_hard_as_it_says(made: world.World) -> None:
    installs, touches = made.installs, made.touches
    driven = (installs.truth >= 0) & (installs.label == 0) & ~installs.again
    age = installs.happened[driven] - touches.ts[installs.truth[driven]]
    kinds = installs.address[driven] // people.KIND_OF_ADDRESS
    iphones = installs.system == people.IOS
    android = ~iphones & (installs.label == 0)

    assert np.isin(kinds, (people.OFFICE, people.CELL)).mean() >= 0.3
    assert 0.70 < (age < 3_600).mean() < 0.80
    assert 0.90 < (age < 86_400).mean() < 0.97
    assert 0.2 < installs.consent[iphones].mean() < 0.3
    assert 0.05 < (installs.referrer[android] == world.MISSING).mean() < 0.2
    assert 0.75 < (touches.address[installs.truth[driven]] == installs.address[driven]).mean() < 0.95


def test_every_kind_of_cheat_is_there_and_none_of_their_clicks_is_a_truth(made: world.World) -> None:
    touches, installs = made.touches, made.installs
    brought = installs.truth[(installs.truth >= 0) & (installs.label == 0)]

    assert set(np.unique(touches.label)) == set(range(len(world.LABELS)))
    assert (touches.label[brought] == 0).all()


def test_the_truth_is_the_last_click_of_the_person(made: world.World) -> None:
    touches, installs = made.touches, made.installs
    for one in np.flatnonzero((installs.truth >= 0) & (installs.label == 0) & ~installs.again)[:300].tolist():
        truth = installs.truth[one]
        own = np.flatnonzero((touches.person == installs.person[one]) & (touches.ts <= installs.happened[one]))
        clicks = own[touches.kind[own] == world.CLICK]

        assert touches.person[truth] == installs.person[one]
        assert truth == (clicks[-1] if len(clicks) else own[-1])


def test_the_product_is_told_no_truth(made: world.World) -> None:
    before = [told.touch_fields(made, one) for one in range(50)], [told.install_fields(made, one) for one in range(50)]
    blank = replace(made.installs, truth=np.full(len(made.installs), -1), label=np.zeros(len(made.installs), dtype=int))
    anonymous = replace(
        made.touches, person=np.full(len(made.touches), -1), label=np.zeros(len(made.touches), dtype=int)
    )
    hidden = world.World(made.size, made.people, anonymous, blank)

    after = (
        [told.touch_fields(hidden, one) for one in range(50)],
        [told.install_fields(hidden, one) for one in range(50)],
    )

    assert after == before


def test_addresses_are_written_apart() -> None:
    kinds = [kind * people.KIND_OF_ADDRESS + rest for kind in range(8) if kind != 4 for rest in (1, 300, 70_000)]

    assert len({people.written(number) for number in kinds}) >= len(kinds) - 1


def test_the_oracle_is_calibrated_and_better_than_the_others(made: world.World) -> None:
    ids = cases.known(made)
    asked = cases.gather(made, ids, np.flatnonzero(ids.open))
    best = oracle.judge(made, asked)
    truth = made.installs.truth
    sure = [
        (row.max(), case.clicks[row.argmax()] == truth[case.install])
        for case, row in zip(asked, best, strict=True)
        if len(row) and row.max() > 0.95
    ]
    genuine = made.installs.label == 0

    def precision(touch: Any) -> float:
        named = genuine & (touch >= 0)
        return float((touch == truth)[named].mean())

    assert len(sure) > 50
    assert np.mean([right for _, right in sure]) > 0.95
    assert precision(rivals.linkforty(made)) < 0.8
    assert precision(rivals.grovs(made)) > 0.85
    assert precision(rivals.openattribution(made)) < 0.8


@pytest.mark.django_db(transaction=True)
def test_the_product_decides_a_small_world() -> None:
    made = world.make(TINY, 5)

    outcome = engine.run(made, seed=5)

    tiers = np.array(outcome.tier)
    by_referrer = (tiers == "install_referrer") & ~outcome.rejected
    assert all(outcome.tier)
    assert by_referrer.sum() > 80
    assert (outcome.touch == made.installs.truth)[by_referrer].all()
    engine.forget(outcome.project)
    assert not outcome.project.decisions.exists()
