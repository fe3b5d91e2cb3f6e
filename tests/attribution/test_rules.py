"""What a project may set: which rules hold for a touch, and what is wrong with rules that make no sense."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.facts import TouchFacts
from attribution.rules import DAY_S, ORDER, WINDOWS_S, Rules, problems
from tests.attribution.factories import NOON

tiers = st.sampled_from(sorted(WINDOWS_S))
windows = st.dictionaries(tiers, st.integers(1, 90 * DAY_S), max_size=4)
parts = st.fixed_dictionaries({}, optional={"windows_s": windows, "accept": st.floats(0.5, 1)})


def touch(source: str = "tiktok", link_id: int | None = None) -> TouchFacts:
    return TouchFacts(1, "t-1", "click", NOON, source=source, link_id=link_id)


def test_a_links_rules_go_before_its_sources_and_those_before_the_projects() -> None:
    rules = Rules(
        windows_s={**WINDOWS_S, "click_id": 100, "view": 100},
        sources={"tiktok": {"windows_s": {"click_id": 200, "view": 200}, "accept": 0.8}},
        links={"7": {"windows_s": {"click_id": 300}, "fraud": {"ctit_short": {"action": "off"}}}},
    )

    usual, source, link = rules.for_touch(touch("meta")), rules.for_touch(touch()), rules.for_touch(touch(link_id=7))

    assert [one.windows_s["click_id"] for one in (usual, source, link)] == [100, 200, 300]
    assert [one.windows_s["view"] for one in (usual, source, link)] == [100, 200, 200]
    assert [one.accept for one in (usual, source, link)] == [0.95, 0.8, 0.8]
    assert link.fraud == {"ctit_short": {"action": "off"}}
    assert rules.for_touch(touch(link_id=8)) is rules.for_touch(touch())


def test_touches_are_looked_for_as_far_back_as_any_window_reaches() -> None:
    rules = Rules(sources={"tiktok": {"windows_s": {"click_id": 60 * DAY_S, "probabilistic": 3 * DAY_S}}})

    assert rules.widest_window_s == 60 * DAY_S
    assert rules.network_window_s == 3 * DAY_S
    assert Rules().widest_window_s == 7 * DAY_S


def test_for_a_return_only_what_is_certain_is_asked() -> None:
    asked = {tier for group in Rules().returning.order for tier in group}

    assert asked == {tier for group in ORDER for tier in group} - {"probabilistic", "view"}


def test_without_exceptions_the_projects_rules_are_the_touchs() -> None:
    rules = Rules()

    assert rules.for_touch(touch()) is rules


@given(st.dictionaries(st.sampled_from(["tiktok", "meta"]), parts), st.dictionaries(st.sampled_from(["7", "8"]), parts))
def test_good_rules_have_no_problems_and_survive_being_stored(sources: Any, links: Any) -> None:
    rules = Rules(sources=sources, links=links)

    assert problems(rules.to_json()) == []
    assert Rules.from_json(rules.to_json()) == rules


@pytest.mark.parametrize(
    ("stored", "field"),
    [
        ({"window": 5}, "window"),
        ({"order": "click_id"}, "order"),
        ({"order": []}, "order"),
        ({"order": [[]]}, "order"),
        ({"order": [["click_id"], ["click_id"]]}, "order"),
        ({"order": [["clicks"]]}, "order"),
        ({"windows_s": {"click_id": 0}}, "windows_s.click_id"),
        ({"windows_s": {"click_id": 91 * DAY_S}}, "windows_s.click_id"),
        ({"windows_s": {"click_id": "7d"}}, "windows_s.click_id"),
        ({"windows_s": {"clicks": 60}}, "windows_s.clicks"),
        ({"windows_s": [1]}, "windows_s"),
        ({"accept": 0.4}, "accept"),
        ({"accept": 1.1}, "accept"),
        ({"accept": True}, "accept"),
        ({"accept": float("nan")}, "accept"),
        ({"reinstall_days": -1}, "reinstall_days"),
        ({"inactivity_days": 1.5}, "inactivity_days"),
        ({"ios_needs_consent": "yes"}, "ios_needs_consent"),
        ({"fraud": {"emulator": {"action": "shout"}}}, "fraud.emulator.action"),
        ({"fraud": {"emulator": {"threshold": -1}}}, "fraud.emulator.threshold"),
        ({"fraud": {"emulator": {"threshold": float("nan")}}}, "fraud.emulator.threshold"),
        ({"fraud": {"emulator": 5}}, "fraud.emulator"),
        ({"fraud": []}, "fraud"),
        ({"sources": []}, "sources"),
        ({"sources": {"tiktok": 5}}, "sources.tiktok"),
        ({"sources": {"tiktok": {"order": []}}}, "sources.tiktok.order"),
        ({"sources": {"tiktok": {"windows_s": {"view": 0}}}}, "sources.tiktok.windows_s.view"),
        ({"links": {"winter": {}}}, "links.winter"),
        ({"order": [["click_id"]], "sources": {"x": {"windows_s": {"view": 60}}}}, "sources.x.windows_s.view"),
    ],
)
def test_rules_that_make_no_sense_are_named(stored: dict[str, Any], field: str) -> None:
    found = problems(stored)

    assert field in {one["field"] for one in found}
    assert all(one["message"].endswith(".") for one in found)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | tiers,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | tiers, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*Rules.__dataclass_fields__, "x"]), anything))
def test_whatever_is_sent_is_judged_and_what_passes_can_be_used(stored: dict[str, Any]) -> None:
    if not problems(stored):
        rules = Rules.from_json(stored)
        assert rules.for_touch(touch(link_id=7)).accept >= 0.5
        assert rules.widest_window_s > 0
        assert rules.rank
