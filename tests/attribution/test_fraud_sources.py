"""Rules about whole sources: what is struck, and that chance and small numbers are not."""

import random
from bisect import bisect_right

import pytest

from attribution.fraud import catalogue
from attribution.fraud.sources import BARS, EDGES_S, Counted, Finding, findings


def times(seconds: list[float]) -> tuple[int, ...]:
    bars = [0] * BARS
    for one in seconds:
        bars[bisect_right(EDGES_S, one)] += 1
    return tuple(bars)


def honest(number: int, seed: int = 1) -> tuple[int, ...]:
    chance = random.Random(seed)
    return times([chance.lognormvariate(6, 1.6) for _ in range(number)])


def flat(number: int, seed: int = 1) -> tuple[int, ...]:
    chance = random.Random(seed)
    return times([chance.uniform(0, 7 * 86_400) for _ in range(number)])


def defaults(code: str, _source: str) -> float:
    return 0.5 if code == catalogue.SIGNATURE_BREAKER else catalogue.BY_CODE[code].threshold


def struck(*groups: Counted) -> set[tuple[str, str, str]]:
    return {(one.code, one.source, one.publisher) for one in findings(groups, defaults) if one.strikes}


def found(code: str, *groups: Counted) -> Finding:
    return next(one for one in findings(groups, defaults) if one.code == code)


def test_flat_times_strike_the_publisher_and_not_its_source_or_others() -> None:
    groups = (
        Counted("tiktok", "good", times=honest(400)),
        Counted("tiktok", "bad", times=flat(60)),
        Counted("google", "", times=honest(400, seed=2)),
    )

    assert struck(*groups) == {("ctit_flat", "tiktok", "bad")}


def test_a_source_is_struck_as_a_whole_where_its_publishers_are_too_small_to_judge() -> None:
    small = [Counted("shady", f"p{number}", times=flat(10, seed=number)) for number in range(12)]

    assert struck(*small, Counted("google", "", times=honest(400))) == {("ctit_flat", "shady", "")}


def test_too_few_installs_are_not_judged_at_all() -> None:
    assert findings([Counted("tiktok", "bad", times=flat(49)), Counted("google", "", times=flat(1))], defaults) == []


def test_an_app_that_takes_everybody_long_flags_nobody() -> None:
    slow = times([3_600 * (1 + number % 9) for number in range(300)])

    assert struck(Counted("tiktok", "", times=slow), Counted("google", "", times=slow)) == set()


def test_without_others_to_compare_with_the_published_share_is_used() -> None:
    one = found("ctit_flat", Counted("tiktok", "", times=flat(60)))

    assert one.strikes
    assert one.evidence["usual"] == 0.75


@pytest.mark.parametrize(("clicks", "installs", "hit"), [(20_000, 2, True), (20_000, 12, False), (10_000, 0, False)])
def test_masses_of_clicks_without_installs_strike(clicks: int, installs: int, hit: bool) -> None:
    group = Counted("tiktok", "", clicks=clicks, installs=installs)

    assert (("click_flood", "tiktok", "") in struck(group)) == hit


@pytest.mark.parametrize(("clicks", "installs", "hit"), [(200, 120, True), (200, 65, False), (99, 99, False)])
def test_too_many_installs_for_the_clicks_strike(clicks: int, installs: int, hit: bool) -> None:
    assert (("cvr_high", "tiktok", "") in struck(Counted("tiktok", "", clicks=clicks, installs=installs))) == hit


def test_the_same_devices_again_and_again_strike() -> None:
    assert ("hyper_engagement", "x", "") in struck(Counted("x", "", clicks=1_000, repeated=501))
    assert ("hyper_engagement", "x", "") not in struck(Counted("x", "", clicks=1_000, repeated=500))


def test_a_farm_resets_its_devices() -> None:
    others = Counted("google", "", with_id=1_000, known=300)

    assert struck(Counted("farm", "", with_id=100, known=2), others) == {("new_devices", "farm", "")}
    assert struck(Counted("fair", "", with_id=100, known=25), others) == set()
    assert struck(Counted("new", "", with_id=100), Counted("google", "", with_id=1_000)) == set()


def test_who_clicks_after_the_download_again_and_again_strikes() -> None:
    assert struck(Counted("x", "", timed=100, injected=90)) == {("injector", "x", "")}
    assert struck(Counted("x", "", timed=100, injected=50)) == set()
    assert struck(Counted("x", "", timed=49, injected=49)) == set()


def test_the_breaker_opens_when_most_signatures_of_a_source_fail() -> None:
    assert struck(Counted("x", "p", signed=200, badly=150)) == {(catalogue.SIGNATURE_BREAKER, "x", "")}
    assert struck(Counted("x", "p", signed=200, badly=100)) == set()


def test_honest_sources_of_many_sizes_are_hardly_ever_struck() -> None:
    groups = [Counted(f"s{number}", "", times=honest(50 + number, seed=number)) for number in range(200)]

    assert struck(*groups) == set()
