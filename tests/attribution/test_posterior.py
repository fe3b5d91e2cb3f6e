"""How likely a click of the same network brought an install."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import learning
from attribution.facts import CLICK, InstallFacts, TouchFacts
from attribution.learning import Example, learn, measure, mix, smooth, wilson
from attribution.posterior import (
    AGES_H,
    USUAL_CTIT,
    Model,
    Soft,
    Traffic,
    agrees,
    at_age,
    posteriors,
)
from tests.attribution.factories import NOON

INSTALL = InstallFacts(
    NOON, ip="203.0.113.7", os_name="android", os_version="14", device_model="pixel 8", locale="de-DE"
)
DAY_S = 86_400.0


def click(number: int, age_s: float, **fields: Any) -> TouchFacts:
    given: dict[str, Any] = {
        "os_name": "android", "os_version": "14", "device_model": "pixel 8", "locale": "de-DE", **fields
    }  # fmt: skip
    return TouchFacts(number, f"t{number}", CLICK, NOON - timedelta(seconds=age_s), ip="203.0.113.7", **given)


def likely(clicks: list[TouchFacts], others: int = 0, model: Model | None = None, **traffic: Any) -> list[float]:
    return posteriors(INSTALL, clicks, Traffic(len(clicks) + others, DAY_S, **traffic), model or Model())


def test_no_click_has_no_probability() -> None:
    assert likely([]) == []


def test_one_click_ten_minutes_ago_on_a_quiet_address_is_nearly_certain() -> None:
    [probability] = likely([click(1, 600)])

    assert probability > 0.99


@pytest.mark.parametrize("others", [10, 100, 1_000])
def test_the_more_an_address_clicks_the_less_each_click_says(others: int) -> None:
    assert likely([click(1, 600)], others)[0] < likely([click(1, 600)], others // 10)[0]


def test_clicks_of_the_days_before_count_against_it_as_well() -> None:
    assert likely([click(1, 600)], earlier_clicks=500, earlier_s=6 * DAY_S)[0] < likely([click(1, 600)])[0]


def test_days_without_a_click_speak_for_it() -> None:
    assert likely([click(1, 72_000)], earlier_s=6 * DAY_S)[0] > likely([click(1, 72_000)])[0]


def test_an_old_click_is_less_likely_than_a_new_one() -> None:
    old, new = likely([click(1, 50_000), click(2, 300)], others=50)

    assert new > 10 * old


def test_a_rare_phone_says_more_than_a_common_one() -> None:
    model = Model(devices={"android|model|version": {"pixel 8|14": 0.2, "nokia g42|14": 0.0005}})
    common, rare = (
        posteriors(INSTALL, [click(1, 600, device_model=name)], Traffic(100, DAY_S), model)[0]
        for name in ("pixel 8", "nokia g42")
    )

    assert rare > common


def test_a_click_that_hides_its_device_says_less() -> None:
    assert likely([click(1, 600, device_model="", os_version="")], 50)[0] < likely([click(1, 600)], 50)[0]


def test_another_language_speaks_against_it_and_none_says_nothing() -> None:
    same, none, other = (likely([click(1, 600, locale=locale)], 100)[0] for locale in ("de_de", "", "pl-PL"))

    assert same > none > other


def test_the_later_of_two_taps_gains_by_the_earlier_one() -> None:
    alone = likely([click(1, 120)], others=101)[0]
    earlier, later = likely([click(1, 150), click(2, 120)], others=100)

    assert later > earlier
    assert later + earlier > alone


@given(
    st.lists(st.floats(1, DAY_S), min_size=1, max_size=12),
    st.integers(0, 5_000),
    st.sampled_from(["", "de-DE", "en-US"]),
)
def test_probabilities_are_such_and_leave_something_to_organic(ages: list[float], others: int, locale: str) -> None:
    found = likely([click(number, age, locale=locale) for number, age in enumerate(ages)], others)

    assert all(0 <= one <= 1 for one in found)
    assert sum(found) <= 1 + 1e-9


@given(st.lists(st.floats(1, DAY_S), min_size=2, max_size=6, unique=True), st.randoms())
def test_the_order_of_the_clicks_does_not_matter(ages: list[float], random: Any) -> None:
    clicks = [click(number, age) for number, age in enumerate(ages)]
    shuffled = random.sample(clicks, len(clicks))

    by_id = dict(zip((one.id for one in shuffled), likely(shuffled, 20), strict=True))

    assert [by_id[one.id] for one in clicks] == pytest.approx(likely(clicks, 20))


def test_a_model_survives_its_json() -> None:
    model = Model(prior=0.2, noise=(0.1, 0.2), soft={"locale": Soft(0.9, 0.5, {"de": 0.3})}, nearer={"quiet": (1, 2)})

    assert Model.from_json(model.to_json()) == model
    assert Model.from_json({"prior": 0.2, "unknown": 1}).prior == 0.2


def test_a_language_agrees_with_the_same_one_of_a_country() -> None:
    assert agrees("de", "de-at")
    assert not agrees("de-de", "de-at")
    assert not agrees("de", "den")


def test_a_density_is_read_between_its_knots() -> None:
    between = (AGES_H[20] + AGES_H[21]) / 2 * 3600

    assert USUAL_CTIT[20] > at_age(USUAL_CTIT, between) > USUAL_CTIT[21]
    assert at_age(USUAL_CTIT, 0) == USUAL_CTIT[0]
    assert at_age(USUAL_CTIT, 1e9) == pytest.approx(USUAL_CTIT[-1])


@given(st.lists(st.floats(1, DAY_S), max_size=200))
def test_a_smoothed_density_adds_up_to_one(ages: list[float]) -> None:
    density = smooth(ages, USUAL_CTIT, 30, DAY_S)

    whole = sum(
        (one + other) / 2 * (b - a)
        for (one, other), (a, b) in zip(pairwise(density), pairwise(AGES_H), strict=True)
        if b <= 25
    )
    assert whole == pytest.approx(1, abs=0.05)


def examples(number: int, age_s: float = 300, **traffic: Any) -> list[Example]:
    clicks = [click(1, age_s)]
    return [Example(INSTALL, clicks, Traffic(1, DAY_S, **traffic), truth=0) for _ in range(number)]


def organics(number: int, clicks: int, earlier: int) -> list[Example]:
    return [Example(INSTALL, [], Traffic(clicks, DAY_S, earlier, 6 * DAY_S), organic=True) for _ in range(number)]


def test_it_learns_how_long_people_take() -> None:
    learned = learn(examples(2_000, age_s=7_200), [], [])

    assert at_age(learned.ctit["quiet"], 7_200) > 3 * at_age(learned.ctit["quiet"], 300)


def test_it_learns_what_strangers_do() -> None:
    busy = learn([*organics(500, 5, 0), *organics(500, 5, 30)], [], [])
    calm = learn([*organics(500, 0, 0), *organics(500, 5, 30)], [], [])

    assert calm.noise[0] < busy.noise[0]
    assert all(one <= other for one, other in pairwise(calm.noise))


def test_it_learns_how_many_of_the_unsure_had_a_click() -> None:
    seen = [Example(INSTALL, [click(1, 300)], Traffic(1, DAY_S)) for _ in range(700)]
    none = [Example(INSTALL, [], Traffic(0, DAY_S)) for _ in range(300)]

    learned = learn(examples(200), [*seen, *none], [])

    assert learned.prior == pytest.approx(0.7, abs=0.03)


def test_without_examples_the_assumptions_stay() -> None:
    learned = learn([], [], [])

    assert (learned.prior, learned.noise, learned.learned_from) == (Model().prior, (), 0)


def test_it_counts_how_common_phones_are() -> None:
    learned = learn(
        [], [], [click(n, 60) for n in range(90)] + [click(n, 60, device_model="nokia g42") for n in range(10)]
    )

    shares = learned.devices["android|model|version"]
    assert shares["pixel 8|14"] == pytest.approx(0.9, abs=0.01)
    assert shares["nokia g42|14"] == pytest.approx(0.1, abs=0.01)


def test_what_is_measured() -> None:
    rows = examples(100)
    wrong = [replace(one, truth=None) for one in examples(10)]

    measured = measure([*rows, *wrong], [[0.97]] * 100 + [[0.97]] * 5 + [[0.5]] * 5, 0.95)

    assert (measured.named, measured.right, measured.findable) == (105, 100, 100)
    assert measured.precision == pytest.approx(100 / 105)
    assert measured.recall == 1
    assert measured.lowest < 100 / 105 < measured.highest
    assert [(one.low, one.number, one.right) for one in measured.bins] == [(0.5, 5, 0), (0.95, 105, 100)]


def test_nothing_to_measure_is_no_error() -> None:
    measured = measure([], [], 0.95)

    assert (measured.precision, measured.recall, measured.brier) == (None, None, 0.0)


def test_organic_and_driven_installs_are_mixed_in_proportion() -> None:
    driven, organic = examples(300), organics(100, 0, 0)

    few, many = mix(organic, driven, 0.5), mix(organic, driven, 0.9)

    assert sum(one.organic for one in few) / len(few) == pytest.approx(0.5)
    assert sum(one.organic for one in many) / len(many) == pytest.approx(0.1, abs=0.01)


def test_wilson_is_wilson() -> None:
    # Agresti and Coull 1998: 9 of 10.
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_a_masked_install_has_nothing_that_names_it() -> None:
    masked = learning.as_masked(replace(INSTALL, click_id="x", advertising_id="y", install_referrer="z", user_id="u"))

    assert masked == INSTALL
