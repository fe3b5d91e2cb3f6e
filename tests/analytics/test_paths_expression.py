"""Paths against a plain Python oracle, over any stream: forward, backward, once a person, with hidden events."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.expressions.base import Filter, Property, Step
from analytics.expressions.paths import Place, Walk, behind, paths
from tests.analytics.tables import Row, rows_of

START = datetime(2026, 11, 1)  # noqa: DTZ001 -- the relation's times are UTC without a zone
NAMES = ("A", "B", "C", "D")
GAP_S = 1_800

Path = tuple[int, tuple[str, ...]]


def stream(acts: Sequence[tuple[int, int, str]]) -> list[Row]:
    """Return events of (person, minute, name); ids rise as they are given."""
    return [
        Row(person, name, START + timedelta(minutes=minute), place) for place, (person, minute, name) in enumerate(acts)
    ]


def walked(rows: Sequence[Row], walk: Walk) -> list[Path]:
    """Return each path as person and names, by the definition, told in loops."""
    found: list[Path] = []
    for person in {row.person for row in rows}:
        mine = sorted((row for row in rows if row.person == person), key=lambda row: (row.ts, row.id))
        mine = [row for row in mine if row.event not in walk.hidden]
        done = False
        for session in sessions(mine, walk.gap_s):
            names = [name for place, name in enumerate(session) if place == 0 or session[place - 1] != name]
            if walk.anchor is None:
                at = 0
            elif walk.anchor.event in names:
                at = names.index(walk.anchor.event)
            else:
                continue
            if walk.once and done:
                break
            done = True
            part = names[at::-1] if walk.backward else names[at:]
            found.append((person, tuple(part[: walk.steps])))
    return found


def sessions(rows: Sequence[Row], gap_s: int) -> list[list[str]]:
    found: list[list[str]] = []
    last: datetime | None = None
    for row in rows:
        if last is None or row.ts - last > timedelta(seconds=gap_s):
            found.append([])
        found[-1].append(row.event)
        last = row.ts
    return found


def links(found: Sequence[Path], steps: int) -> Counter[tuple[int, str, str | None]]:
    counted: Counter[tuple[int, str, str | None]] = Counter()
    for _, names in found:
        padded = [*names, *[None] * (steps - len(names))]
        counted.update(
            (step, source, target) for step, (source, target) in enumerate(pairwise(padded)) if source is not None
        )
    return counted


walks = st.builds(
    Walk,
    steps=st.integers(2, 5),
    gap_s=st.just(GAP_S),
    anchor=st.sampled_from([None, Step("A"), Step("B")]),
    once=st.booleans(),
    hidden=st.sampled_from([(), ("C",)]),
) | st.builds(
    Walk,
    steps=st.integers(2, 5),
    gap_s=st.just(GAP_S),
    anchor=st.sampled_from([Step("A"), Step("B")]),
    backward=st.just(True),
    once=st.booleans(),
    hidden=st.sampled_from([(), ("D",)]),
)


@settings(max_examples=50, deadline=None)
@given(
    acts=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 200), st.sampled_from(NAMES)), max_size=40), walk=walks
)
def test_paths_are_those_of_the_definition(acts: list[tuple[int, int, str]], walk: Walk) -> None:
    rows = stream(acts)

    answer = rows_of(rows, lambda tables: paths(tables, walk))

    assert {tuple(key): number for *key, number in answer} == dict(links(walked(rows, walk), walk.steps))


@settings(max_examples=30, deadline=None)
@given(
    acts=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 90), st.sampled_from(NAMES)), max_size=30),
    walk=walks,
    step=st.integers(0, 1),
    event=st.sampled_from(NAMES),
    after=st.sampled_from([None, "", "B", "(other)"]),
)
def test_the_people_behind_a_link_are_those_who_walked_it(
    acts: list[tuple[int, int, str]], walk: Walk, step: int, event: str, after: str | None
) -> None:
    rows, step = stream(acts), min(step, walk.steps - 2)
    place = Place(step, event, after, named=[NAMES[:2]] * walk.steps)

    answer = rows_of(rows, lambda tables: behind(tables, walk, place))

    def goes(names: Sequence[str]) -> bool:
        padded = [*names, *[None] * walk.steps]
        following = padded[step + 1]
        fits = {None: True, "": following is None, "(other)": following in NAMES[2:]}.get(after, following == after)
        return padded[step] == event and fits

    assert {person for (person,) in answer} == {person for person, names in walked(rows, walk) if goes(names)}


def test_a_repeat_is_no_step_and_a_pause_ends_the_path() -> None:
    rows = stream([(1, 0, "A"), (1, 1, "A"), (1, 2, "B"), (1, 33, "C"), (2, 0, "A"), (2, 30, "B")])

    answer = rows_of(rows, lambda tables: paths(tables, Walk(3, GAP_S)))

    assert sorted(answer, key=repr) == [(0, "A", "B", 2), (0, "C", None, 1), (1, "B", None, 2)]


def test_equal_times_are_in_the_order_of_arrival() -> None:
    rows = stream([(1, 0, "B"), (1, 0, "A"), (1, 0, "C")])

    answer = rows_of(rows, lambda tables: paths(tables, Walk(3, GAP_S)))

    assert sorted(answer) == [(0, "B", "A", 1), (1, "A", "C", 1)]


def test_names_beyond_the_most_frequent_are_other_in_the_answer() -> None:
    rows = stream(
        [(person, 0, "Start") for person in range(100)] + [(person, 1, f"N{person}") for person in range(100)]
    )

    answer = rows_of(rows, lambda tables: paths(tables, Walk(2, GAP_S, Step("Start"))))

    assert sum(number for *_, number in answer) == 100
    assert len(answer) == 60
    assert max(answer, key=lambda row: row[3]) == (0, "Start", "(other)", 41)


@pytest.mark.parametrize(("plan", "expected"), [("pro", [(0, "A", "B", 1)]), ("free", [(0, "A", None, 1)])])
def test_the_anchor_may_have_filters_of_its_own(plan: str, expected: list[tuple[object, ...]]) -> None:
    rows = [
        Row(1, "A", START, 1, properties={"plan": "pro"}),
        Row(1, "B", START + timedelta(minutes=1), 2),
        Row(1, "A", START + timedelta(minutes=2), 3, properties={"plan": "free"}),
    ]
    walk = Walk(2, GAP_S, Step("A", (Filter(Property.parse("plan"), "is", (plan,)),)))

    assert rows_of(rows, lambda tables: paths(tables, walk)) == expected
