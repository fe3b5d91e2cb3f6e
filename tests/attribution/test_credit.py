"""Models of credit against published numbers, brute force, a plain reference, and what holds for every journey."""

import csv
import gzip
import math
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import credit
from attribution.credit import MODELS, BadWeights, NoTouches, Paths, Weights, catalogue, chains, weights

PATH_DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "channelattribution_pathdata" / "Data.csv.gz"

# Computed from PathData by another program: first, last, linear, position, removal effect, Markov, Shapley.
TABLE = {
    "alpha": (6308, 8447, 7574.719, 7444.824, 0.558399, 5344.948, 7627.944),
    "iota": (4606, 3355, 3857.096, 3944.948, 0.405835, 3884.615, 3505.044),
    "eta": (3164, 4167, 3539.951, 3618.796, 0.349026, 3340.847, 3613.656),
    "beta": (2831, 989, 2083.500, 1969.766, 0.264039, 2527.352, 1982.739),
    "theta": (1606, 653, 1022.801, 1092.744, 0.206010, 1971.913, 1190.963),
    "lambda": (902, 1207, 1035.258, 1046.904, 0.134022, 1282.847, 987.782),
    "epsilon": (99, 531, 272.170, 301.050, 0.062639, 599.571, 374.677),
    "zeta": (27, 107, 136.552, 88.623, 0.039811, 381.063, 199.992),
    "kappa": (74, 230, 137.964, 147.460, 0.028663, 274.363, 159.057),
    "gamma": (165, 92, 121.042, 125.241, 0.017880, 171.145, 138.186),
    "delta": (1, 5, 1.725, 2.587, 0.000482, 4.614, 2.293),
    "mi": (2, 2, 2.222, 2.057, 0.000180, 1.722, 2.667),
}

journeys = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=6), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def path_data() -> Paths:
    """The 10,000 example journeys of the ChannelAttribution package."""
    if not PATH_DATA.exists():
        pytest.skip("PathData is not here")
    with gzip.open(PATH_DATA, "rt") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return Paths.of(
        [row["path"].split(" > ") for row in rows],
        [float(row["total_conversions"]) for row in rows],
        [float(row["total_null"]) for row in rows],
    )


def by_name(paths: Paths, sums: credit.Floats) -> dict[str, float]:
    return dict(zip(paths.channels, sums.tolist(), strict=True))


@pytest.mark.parametrize(
    ("column", "model"), [(0, "first"), (1, "last"), (2, "linear"), (3, "position"), (5, "markov"), (6, "shapley")]
)
def test_a_model_gives_path_data_the_credit_of_the_table(path_data: Paths, column: int, model: str) -> None:
    found = by_name(path_data, catalogue.credit(path_data, MODELS[model]))

    assert found == pytest.approx({name: row[column] for name, row in TABLE.items()}, abs=1e-3)
    assert sum(found.values()) == pytest.approx(19_785)


def test_the_chain_of_path_data_is_solved_exactly(path_data: Paths) -> None:
    chain = credit.chain_of(path_data)

    assert chain.probability == pytest.approx(0.22384513559686, abs=1e-12)
    assert by_name(path_data, chain.effects) == pytest.approx({name: row[4] for name, row in TABLE.items()}, abs=1e-6)


def test_the_value_of_path_data_is_shared_whole_by_every_model(path_data: Paths) -> None:
    with gzip.open(PATH_DATA, "rt") as file:
        worth = [float(row["total_conversion_value"]) for row in csv.DictReader(file, delimiter=";")]
    paths = replace(path_data, values=np.array(worth))

    for model in MODELS.values():
        assert catalogue.credit(paths, model).sum() == pytest.approx(74_802.972, abs=1e-3)


def test_the_journeys_of_the_textbook_have_their_removal_effects() -> None:
    paths = Paths.of([["C1", "C2", "C3"], ["C1"], ["C2", "C3"]], [1, 0, 0], [0, 1, 1])

    chain = credit.chain_of(paths)

    assert chain.probability == pytest.approx(1 / 3)
    assert by_name(paths, chain.effects) == pytest.approx({"C1": 0.5, "C2": 1, "C3": 1})
    assert by_name(paths, credit.markov(paths, chain)) == pytest.approx({"C1": 0.2, "C2": 0.4, "C3": 0.4})


def removed_one_by_one(paths: Paths) -> list[float]:
    """Solve the chain once more for each channel taken out of it, as the definition says."""
    size = len(paths.channels)
    moves = np.zeros((size + 1, size + 2))  # to a channel, to nothing, to a conversion
    for number, (begin, end) in enumerate(zip(paths.starts[:-1], paths.starts[1:], strict=True)):
        steps, converted, null = paths.steps[begin:end], paths.conversions[number], paths.nulls[number]
        for here, there in zip([size, *steps[:-1]], steps, strict=True):
            moves[here, there] += converted + null
        moves[steps[-1], size] += null
        moves[steps[-1], size + 1] += converted
    moves /= np.maximum(moves.sum(axis=1, keepdims=True), 1e-300)

    def chance(without: int | None) -> float:
        kept = [at for at in range(size) if at != without]
        rows = [*kept, size]
        inner = np.zeros((len(rows), len(rows)))
        inner[:, : len(kept)] = moves[np.ix_(rows, kept)]
        return float(np.linalg.solve(np.eye(len(rows)) - inner, moves[rows, size + 1])[-1])

    whole = chance(None)
    return [1 - chance(at) / whole if whole else 0.0 for at in range(size)]


@given(journeys, st.data())
def test_removal_effects_equal_those_of_chains_solved_without_the_channel(
    found: list[list[str]], data: st.DataObject
) -> None:
    nulls = data.draw(st.lists(st.integers(0, 3), min_size=len(found), max_size=len(found)))
    paths = Paths.of(found, nulls=nulls)

    assert credit.chain_of(paths).effects.tolist() == pytest.approx(removed_one_by_one(paths), abs=1e-9)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=6))
def test_touching_a_channel_several_times_in_a_row_changes_nothing_for_markov(found: list[list[str]]) -> None:
    twice = [[name for step in path for name in (step, step)] for path in found]
    once = [[name for at, name in enumerate(path) if at == 0 or path[at - 1] != name] for path in found]

    assert credit.markov(Paths.of(twice)).tolist() == pytest.approx(credit.markov(Paths.of(once)).tolist(), abs=1e-9)


def brute_force(paths: list[list[str]], value: list[float]) -> dict[str, float]:
    """Walk through all sets of channels, as the definition of the Shapley value says."""
    players = sorted({name for path in paths for name in path})
    size = len(players)

    def worth(members: frozenset[str]) -> float:
        return sum(worth_of for path, worth_of in zip(paths, value, strict=True) if set(path) <= members)

    earned = dict.fromkeys(players, 0.0)
    for player in players:
        others = [other for other in players if other != player]
        for number in range(size):
            share = math.factorial(number) * math.factorial(size - number - 1) / math.factorial(size)
            for members in combinations(others, number):
                earned[player] += share * (worth(frozenset({*members, player})) - worth(frozenset(members)))
    return earned


@given(journeys, st.data())
def test_the_closed_form_of_shapley_equals_all_coalitions_walked_through(
    found: list[list[str]], data: st.DataObject
) -> None:
    value = data.draw(st.lists(st.integers(0, 50).map(float), min_size=len(found), max_size=len(found)))
    paths = Paths.of(found, value)

    assert by_name(paths, credit.shapley(paths)) == pytest.approx(brute_force(found, value), abs=1e-9)


@given(journeys, st.sampled_from(sorted(MODELS)), st.data())
def test_all_of_it_is_shared_and_no_more(found: list[list[str]], model: str, data: st.DataObject) -> None:
    size = len(found)
    paths = Paths.of(
        found,
        data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)),
        data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size)),
        direct=frozenset("a"),
    )

    shared = catalogue.credit(paths, MODELS[model])

    assert shared.sum() == pytest.approx(paths.total)
    assert (shared >= 0).all()
    each = catalogue.shares_of(paths, MODELS[model], credit.chain_of(paths))
    assert np.add.reduceat(each, paths.starts[:-1]).tolist() == pytest.approx([1.0] * size)


@given(
    st.lists(st.floats(0, 400), min_size=1, max_size=8),
    st.builds(
        Weights,
        equal=st.booleans(),
        first=st.floats(0, 100),
        middle=st.floats(0, 100),
        last=st.floats(0, 100),
        half_life_days=st.none() | st.floats(0.01, 365),
        view=st.floats(0, 1),
    ),
    st.data(),
)
def test_weights_of_a_projects_own_share_the_whole_conversion(
    ages: list[float], rule: Weights, data: st.DataObject
) -> None:
    clicks = data.draw(st.lists(st.booleans(), min_size=len(ages), max_size=len(ages)))
    paths = Paths.of([list("abcdefgh")[: len(ages)]], ages_days=[sorted(ages, reverse=True)], clicks={0: clicks})

    assert weights.shares(paths, rule).sum() == pytest.approx(1.0)


@pytest.mark.parametrize("model", sorted(MODELS))
def test_a_journey_of_one_touch_gives_it_everything(model: str) -> None:
    paths = Paths.of([["a"], ["b"]], [3, 0], [0, 4])

    assert by_name(paths, catalogue.credit(paths, MODELS[model])) == {"a": 3.0, "b": 0.0}


@given(journeys, st.permutations("abcde"))
def test_the_names_of_channels_and_their_order_are_all_the_same_to_shapley(found: list[list[str]], other: str) -> None:
    renamed = dict(zip("abcde", other, strict=True))
    shuffled = [sorted(path, key=other.index) for path in found]

    plain = by_name(Paths.of(found), credit.shapley(Paths.of(found)))
    again = Paths.of([[renamed[name] for name in path] for path in found])

    assert by_name(again, credit.shapley(again)) == pytest.approx({renamed[name]: one for name, one in plain.items()})
    sets = Paths.of([list(dict.fromkeys(path)) for path in found])
    mixed = Paths.of([list(dict.fromkeys(path)) for path in shuffled])
    assert by_name(mixed, credit.shapley(mixed)) == pytest.approx(by_name(sets, credit.shapley(sets)))


def test_time_decay_halves_a_touch_for_each_week_before_the_last_one() -> None:
    paths = Paths.of([["a", "b", "c"]], ages_days=[[16.0, 9.0, 2.0]])

    assert by_name(paths, credit.weighed(paths, credit.TIME_DECAY)) == pytest.approx(
        {"a": 1 / 7, "b": 2 / 7, "c": 4 / 7}
    )


def test_the_oldest_of_journeys_and_the_shortest_half_life_still_credit_the_last_touch() -> None:
    paths = Paths.of([["a", "b"]], ages_days=[[36_500.0, 36_400.0]])

    shared = by_name(paths, credit.weighed(paths, Weights(equal=True, half_life_days=0.01)))

    assert shared == pytest.approx({"a": 0.0, "b": 1.0})


def test_a_view_counts_as_little_as_the_project_says() -> None:
    paths = Paths.of([["seen", "clicked"]], clicks={0: [False, True]})

    assert by_name(paths, credit.weighed(paths, Weights(equal=True, view=0.25))) == pytest.approx(
        {"seen": 0.2, "clicked": 0.8}
    )


def test_position_gives_two_touches_half_each_and_the_middle_its_part_together() -> None:
    two, five = Paths.of([["a", "b"]]), Paths.of([["a", "b", "c", "d", "e"]])

    assert credit.weighed(two, credit.POSITION).tolist() == pytest.approx([0.5, 0.5])
    assert credit.weighed(five, credit.POSITION).tolist() == pytest.approx([0.4, 0.2 / 3, 0.2 / 3, 0.2 / 3, 0.4])


def test_weights_only_for_the_middle_share_a_journey_without_one_equally() -> None:
    paths = Paths.of([["a", "b"]])

    assert credit.weighed(paths, Weights(first=0, middle=100, last=0)).tolist() == pytest.approx([0.5, 0.5])


def test_last_non_direct_passes_over_direct_touches_unless_there_is_no_other() -> None:
    paths = Paths.of(
        [["ad", "mail", "direct"], ["direct", "direct"], ["ad", "direct", "mail"]], direct=frozenset({"direct"})
    )

    assert by_name(paths, catalogue.credit(paths, MODELS["last_non_direct"])) == {"ad": 0, "mail": 2, "direct": 1}


def test_value_is_shared_by_its_own_removal_effects() -> None:
    paths = Paths.of([["a"], ["b"]], [1, 1], [0, 0], [90.0, 10.0])

    assert by_name(paths, credit.markov(paths)) == pytest.approx({"a": 90.0, "b": 10.0})


def test_money_that_came_back_does_not_turn_the_shares_over() -> None:
    paths = Paths.of([["a"], ["b"]], [1, 1], [0, 0], [90.0, -10.0])

    assert by_name(paths, credit.markov(paths)) == pytest.approx({"a": 80.0, "b": 0.0})


def test_without_a_conversion_nobody_has_credit() -> None:
    paths = Paths.of([["a", "b"]], [0], [5])

    assert credit.markov(paths).tolist() == [0.0, 0.0]
    assert credit.chain_of(paths).probability == 0.0


def test_a_single_journey_by_markov_splits_a_channels_part_among_its_touches() -> None:
    paths = Paths.of([["a", "b", "a"]])
    chain = credit.Chain(0.5, np.array([0.3, 0.3]), np.array([0.3, 0.3]))

    assert chains.along(paths, chain).tolist() == pytest.approx([0.25, 0.5, 0.25])


def test_a_path_without_touches_is_refused() -> None:
    with pytest.raises(NoTouches):
        Paths.of([["a"], []])


def test_no_journeys_at_all_are_no_credit() -> None:
    paths = Paths.of([])

    for model in MODELS.values():
        assert catalogue.credit(paths, model).tolist() == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"first": -1}, "first"),
        ({"middle": "many"}, "middle"),
        ({"last": math.nan}, "last"),
        ({"first": True}, "first"),
        ({"half_life_days": 0}, "half_life_days"),
        ({"half_life_days": 9_999}, "half_life_days"),
        ({"view": 1.5}, "view"),
        ({"equal": "yes"}, "equal"),
        ({"frist": 1}, "frist"),
        ({"first": 0, "middle": 0, "last": 0}, "first"),
    ],
)
def test_weights_that_cannot_be_meant_are_refused_by_name(given: dict[str, object], field: str) -> None:
    with pytest.raises(BadWeights) as refused:
        Weights.from_json(given)

    assert list(refused.value.problems) == [field]


def test_weights_are_read_as_they_were_kept() -> None:
    rule = Weights(first=50, middle=0, last=50, half_life_days=3.5, view=0.1)

    assert Weights.from_json(rule.to_json()) == rule
