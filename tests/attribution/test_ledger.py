"""Who keeps a click that several installs could have: the same one whatever is decided first."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from attribution import deciding
from attribution.candidates import Claimed, Found
from attribution.facts import InstallFacts, TouchFacts
from attribution.ledger import Hold, Ledger
from attribution.posterior import Model, Traffic
from attribution.rules import Rules
from tests.attribution.factories import NOON

DAY = timedelta(hours=24)
PHONE = {"ip": "203.0.113.7", "os_name": "android", "os_version": "14", "device_model": "sm-s918b"}
EASY = Rules(accept=0.5)


def hold(install_id: int, tier: str = "probabilistic", hours: float = 0) -> Hold:
    return Hold(1, install_id, tier, NOON + timedelta(hours=hours))


def test_a_certain_install_bars_those_it_arrives_in_time_for() -> None:
    certain = hold(9, "click_id", hours=24)

    assert certain.bars(1, NOON + DAY)
    assert not certain.bars(1, NOON + DAY - timedelta(seconds=1))
    assert not certain.bars(9, NOON + DAY)


def test_of_two_matches_by_network_the_first_to_arrive_bars_the_other() -> None:
    assert hold(1).bars(2, NOON)
    assert not hold(2).bars(1, NOON)


def test_a_touch_that_is_given_up_is_free_again() -> None:
    ledger = Ledger([hold(1)])
    assert ledger.taken([1, 2], 2, NOON) == {1}

    assert ledger.settle(1, None) == (hold(1), None)

    assert ledger.taken([1, 2], 2, NOON) == set()


def test_what_does_not_change_is_no_news() -> None:
    assert Ledger([hold(1)]).settle(1, hold(1)) == (None, None)


def claimed(pk: int, minute: int, click_id: str) -> Claimed:
    at = NOON + timedelta(minutes=minute)
    return Claimed(
        pk, 1, "install", at, f"a-{pk}", None, None, None, None, InstallFacts(at, click_id=click_id, **PHONE)
    )


worlds = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from(["", "", "", "c-1", "c-2", "c-3"])), min_size=1, max_size=8
)
clicks = st.lists(st.integers(-600, 30), min_size=1, max_size=5)


def decide(installs: list[Claimed], touches: list[TouchFacts]) -> dict[int, tuple[str, int | None]]:
    found = {}
    for install in installs:
        near = {one.id: one for one in touches if one.ts <= install.facts.installed_at}
        found[install.id] = Found(near, set(near), traffic=Traffic(len(near), 86_400))
    batch = deciding.Batch(installs, found, {}, [], {one.id: Model() for one in installs}, {})
    outcome = deciding.decide_batch(batch, lambda _: EASY, explain=False)
    return {
        one.claimed.id: (one.verdict.tier, one.verdict.touch.id if one.verdict.touch else None)
        for one in outcome.decided
    }


@given(worlds, clicks, st.randoms())
def test_the_order_of_work_does_not_show_and_no_click_is_matched_twice_by_network(
    world: list[tuple[int, str]], minutes: list[int], random: object
) -> None:
    installs = [claimed(pk, minute, click_id) for pk, (minute, click_id) in enumerate(world, start=1)]
    touches = [
        TouchFacts(number, f"c-{number}", "click", NOON + timedelta(minutes=minute), **PHONE)  # type: ignore[arg-type]
        for number, minute in enumerate(minutes, start=1)
    ]
    mixed = list(installs)
    random.shuffle(mixed)  # type: ignore[attr-defined]

    decided = decide(installs, touches)

    assert decide(mixed, touches) == decided
    certain = {touch for tier, touch in decided.values() if tier == "click_id"}
    by_network = [touch for tier, touch in decided.values() if tier == "probabilistic"]
    assert len(by_network) == len(set(by_network))
    assert not certain & set(by_network)
