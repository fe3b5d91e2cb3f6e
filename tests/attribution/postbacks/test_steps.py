"""What a destination is told brings it from what it knew to what is true, and counts nothing twice."""

from hypothesis import given
from hypothesis import strategies as st

from attribution.postbacks.steps import REJECTED, Fact, Step, Told, steps

ALL = ("install", "reinstall", "reattribution", REJECTED)


def test_a_first_credit_is_told_and_a_foreign_or_unwanted_one_is_not() -> None:
    assert steps(None, Fact("install", False, True), ALL) == [Step("install")]
    assert steps(None, Fact("install", False, False), ALL) == []
    assert steps(None, Fact("reinstall", False, True), ["install"]) == []
    assert steps(None, Fact("Order Completed", False, True), ["*"]) == [Step("Order Completed")]
    assert steps(None, Fact("install", False, True), ["*"]) == []


def test_a_rejected_install_is_told_to_those_who_listen_and_its_conversions_are_not() -> None:
    assert steps(None, Fact("install", True, True), ALL) == [Step(REJECTED, reason="fraud")]
    assert steps(None, Fact("install", True, True), ["install"]) == []
    assert steps(None, Fact("Order Completed", True, True), ["*", REJECTED]) == []


def test_a_credit_that_moved_away_is_taken_back() -> None:
    moved = steps(Told("install", False), Fact("install", False, False, source_kept=False), ALL)

    assert moved == [Step(REJECTED, takes_back=True, reason="moved")]


def test_a_credit_that_changed_is_taken_back_and_told_anew() -> None:
    changed = steps(Told("install", False), Fact("install", False, True), ALL)

    assert changed == [Step(REJECTED, takes_back=True, reason="changed"), Step("install")]


def test_a_credit_that_came_back_is_told_again() -> None:
    assert steps(Told(REJECTED, False), Fact("install", False, True), ALL) == [Step("install")]
    assert steps(Told(REJECTED, False), Fact("install", True, True), ALL) == []


def test_without_rejections_a_thing_is_told_once() -> None:
    assert steps(Told("install", False), Fact("install", False, True), ["install"]) == []
    assert steps(Told("install", False), Fact("install", True, True), ["install"]) == []


NEWS = st.sampled_from(["install", "reinstall", "reattribution"])
FACT = st.builds(Fact, NEWS, st.booleans(), st.booleans(), st.booleans())


@given(history=st.lists(FACT, max_size=12), listens=st.sets(st.sampled_from(ALL)))
def test_whatever_happens_at_most_one_credit_stands(history: list[Fact], listens: set[str]) -> None:
    last: Told | None = None
    standing = 0
    for fact in history:
        for step in steps(last, fact, listens):
            assert step.news in listens
            standing += -1 if step.takes_back else int(step.news != REJECTED)
            last = Told(step.news, same=True)
        if last:
            last = last._replace(same=False)
        assert 0 <= standing <= 1
    if REJECTED in listens and history:
        credit = history[-1].concerns and not history[-1].rejected and history[-1].news in listens
        assert standing == int(credit)
