"""The rules: windows to the second, the waterfall pair by pair, and what holds for any touches."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import facts, posterior, reasons
from attribution.facts import InstallFacts, TouchFacts
from attribution.matching import Around, decide
from attribution.rules import WINDOWS_S, Rules
from tests.attribution.factories import NOON

RULES = Rules()
DEVICE = {"ip": "203.0.113.7", "os_name": "android", "os_version": "14", "device_model": "sm-s918b"}
INSTALL = InstallFacts(
    NOON,
    click_id="c-1",
    referrer_click_id="c-2",
    claim_id="c-3",
    device_id="d-1",
    advertising_id="ad-1",
    user_id="anna",
    email_sha256="e" * 64,
    phone_sha256="f" * 64,
    app="com.techstart",
    **DEVICE,  # type: ignore[arg-type]
)
# A touch that is tied to INSTALL in exactly one way.
TIED = {
    "click_id": {"touch_id": "c-1"},
    "install_referrer": {"touch_id": "c-2"},
    "meta_referrer": {"touch_id": "c-3", "origin": "meta_referrer"},
    "apple_ads": {"touch_id": "c-3", "origin": "apple_ads"},
    "device_id": {"device_id": "d-1"},
    "person_id": {"user_id": "anna"},
    "contact_hash": {"phone_sha256": "f" * 64},
    "probabilistic": DEVICE,
    "view": {"type": "impression", "advertising_id": "ad-1"},
}


def touch(number: int, tier: str = "", age_s: float = 60, **more: object) -> TouchFacts:
    fields = {"touch_id": f"t-{number}", "type": "click", **TIED.get(tier, {}), **more}
    return TouchFacts(id=number, ts=NOON - timedelta(seconds=age_s), **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("tier", TIED)
def test_each_tier_matches_by_itself(tier: str) -> None:
    verdict = decide(INSTALL, [touch(1, tier)], RULES)

    assert verdict.tier == tier
    assert verdict.candidates[0].credited


@pytest.mark.parametrize("tier", TIED)
def test_a_window_ends_at_its_last_second(tier: str) -> None:
    window_s = RULES.windows_s[tier]

    assert decide(INSTALL, [touch(1, tier, window_s)], RULES).tier == tier
    late = decide(INSTALL, [touch(1, tier, window_s + 1)], RULES)

    assert late.tier == "organic"
    assert "outside_window" in late.candidates[0].reasons


def test_a_late_click_that_only_the_network_ties_is_refused_and_accuses_nobody() -> None:
    install = replace(INSTALL, install_begin_at=NOON - timedelta(seconds=30))

    verdict = decide(install, [touch(1, "probabilistic", 29)], RULES)

    [weighed] = verdict.candidates
    assert weighed.fraud == ()
    assert "click_after_download_began" in weighed.reasons


@pytest.mark.parametrize(
    ("stronger", "weaker"),
    [
        ("install_referrer", "device_id"),
        ("click_id", "device_id"),
        ("install_referrer", "probabilistic"),
        ("click_id", "probabilistic"),
        ("meta_referrer", "device_id"),
        ("apple_ads", "probabilistic"),
        ("device_id", "person_id"),
        ("device_id", "contact_hash"),
        ("person_id", "probabilistic"),
        ("contact_hash", "view"),
        ("device_id", "probabilistic"),
        ("click_id", "view"),
        ("device_id", "view"),
        ("probabilistic", "view"),
    ],
)
def test_the_stronger_tier_wins_even_when_it_is_older(stronger: str, weaker: str) -> None:
    verdict = decide(INSTALL, [touch(1, weaker, 5), touch(2, stronger, 3600)], RULES)

    loser = verdict.candidates[1]
    assert verdict.tier == stronger
    assert loser.eligible
    assert "stronger_tier_won" in loser.reasons
    assert ("click_outranks_view" in loser.reasons) == (weaker == "view")


def test_referrer_and_click_id_are_equals_and_the_later_wins() -> None:
    assert decide(INSTALL, [touch(1, "install_referrer", 90), touch(2, "click_id", 30)], RULES).tier == "click_id"
    assert (
        decide(INSTALL, [touch(1, "install_referrer", 30), touch(2, "click_id", 90)], RULES).tier == "install_referrer"
    )


def test_on_a_tie_the_referrer_wins() -> None:
    tied = [touch(2, "click_id", 30), touch(1, "install_referrer", 30)]

    assert decide(INSTALL, tied, RULES).tier == "install_referrer"


def test_inside_a_tier_the_last_touch_wins() -> None:
    verdict = decide(INSTALL, [touch(1, "device_id", 90), touch(2, "device_id", 30), touch(3, "device_id", 60)], RULES)

    assert verdict.touch is not None
    assert verdict.touch.id == 2
    assert [one.reasons[-1] for one in verdict.candidates] == ["latest_click", "later_click_won", "later_click_won"]


def test_of_two_touches_of_one_moment_the_one_that_arrived_later_wins() -> None:
    verdict = decide(INSTALL, [touch(2, "device_id", 30), touch(1, "device_id", 30)], RULES)

    assert verdict.touch is not None
    assert verdict.touch.id == 2


def test_a_touch_falls_through_to_a_weaker_tier_it_is_eligible_in() -> None:
    rules = Rules(windows_s={**WINDOWS_S, "click_id": 10})

    verdict = decide(INSTALL, [touch(1, age_s=60, touch_id="c-1", device_id="d-1")], rules)

    assert verdict.tier == "device_id"


def test_the_order_of_tiers_can_be_changed() -> None:
    rules = Rules(order=(("view",), ("click_id",)))

    verdict = decide(INSTALL, [touch(1, "click_id", 5), touch(2, "view", 60), touch(3, "device_id", 1)], rules)

    assert verdict.tier == "view"
    assert not next(one for one in verdict.candidates if one.touch.id == 3).eligible


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"bot": True}, "bot"),
        ({"app": "com.other"}, "other_app"),
        ({"age_s": -1}, "after_install"),
        ({"os_name": "ios"}, "other_os"),
        ({"os_version": "13"}, "other_os_version"),
        ({"device_model": "pixel 8"}, "other_device"),
        ({"os_name": ""}, "unknown_device"),
        ({"type": "impression"}, "view_by_network"),
    ],
)
def test_a_click_of_the_network_is_ruled_out_for_a_reason(changed: dict[str, object], reason: str) -> None:
    verdict = decide(INSTALL, [touch(1, "probabilistic", **changed)], RULES)  # type: ignore[arg-type]

    assert verdict.tier == "organic"
    assert reason in verdict.candidates[0].reasons


def test_a_click_after_the_download_began_is_injected() -> None:
    install = replace(INSTALL, install_begin_at=NOON - timedelta(seconds=30))

    verdict = decide(install, [touch(1, "click_id", 29), touch(2, "probabilistic", 31)], RULES)

    injected = verdict.candidates[1]
    assert verdict.touch is not None
    assert verdict.touch.id == 2
    assert "ctit_injection" in {one.code for one in injected.fraud}
    assert "click_after_download_began" in injected.reasons


@pytest.mark.parametrize(
    "tied",
    [
        {"touch_id": "c-1"},
        {"touch_id": "c-3", "origin": "meta_referrer"},
        {"user_id": "anna"},
        {"email_sha256": "e" * 64},
    ],
)
def test_a_view_by_any_id_is_a_view(tied: dict[str, str]) -> None:
    assert decide(INSTALL, [touch(1, type="impression", **tied)], RULES).tier == "view"


def test_two_different_real_ids_are_two_devices() -> None:
    other = touch(1, "probabilistic", advertising_id="ad-2")
    zeroed = touch(2, "probabilistic", advertising_id="00000000-0000")

    assert "other_device_id" in decide(INSTALL, [other], RULES).candidates[0].reasons
    assert decide(INSTALL, [zeroed], RULES).tier == "probabilistic"


def test_a_click_that_another_install_holds_is_not_matched_by_network_but_by_an_id() -> None:
    around = Around(taken={1})

    assert "credited_elsewhere" in decide(INSTALL, [touch(1, "probabilistic")], RULES, around).candidates[0].reasons
    assert decide(INSTALL, [touch(1, "device_id")], RULES, around).tier == "device_id"


@pytest.mark.parametrize("trusted", [True, False])
def test_plays_word_that_nobody_sent_the_person_ends_matching_by_network(trusted: bool) -> None:
    install = replace(INSTALL, install_referrer="utm_source=google-play&utm_medium=organic")

    verdict = decide(install, [touch(1, "probabilistic")], Rules(trust_organic_referrer=trusted))

    assert verdict.tier == ("organic" if trusted else "probabilistic")
    assert verdict.notes == ("referrer_organic",)
    assert ("referrer_says_organic" in verdict.candidates[0].reasons) == trusted


@pytest.mark.parametrize(
    ("referrer", "click_id", "noted"),
    [
        ("utm_source=somebody&click_id=unknown", "unknown", True),
        ("gclid=5", "", True),
        ("utm_source=tiktok&click_id=c-2", "c-2", False),
        ("", "", False),
    ],
)
def test_a_referrer_that_is_not_ours_is_noted(referrer: str, click_id: str, noted: bool) -> None:
    install = replace(INSTALL, install_referrer=referrer, referrer_click_id=click_id, claim_id="")

    verdict = decide(install, [touch(1, "install_referrer")], RULES)

    assert ("referrer_not_ours" in verdict.notes) == noted


def test_what_is_not_likely_enough_is_not_named() -> None:
    crowd = Around(traffic=posterior.Traffic(500, 86_400))

    verdict = decide(INSTALL, [touch(1, "probabilistic", 3600)], RULES, crowd)

    assert verdict.tier == "organic"
    assert verdict.notes == ("abstained",)
    assert "below_threshold" in verdict.candidates[0].reasons
    assert 0 < (verdict.candidates[0].probability or 0) < RULES.accept


def test_the_likeliest_click_of_a_network_wins() -> None:
    near, far = touch(1, "probabilistic", 120), touch(2, "probabilistic", 80_000)

    verdict = decide(INSTALL, [far, near], Rules(accept=0.5))

    assert verdict.touch == near
    assert verdict.candidates[0].reasons[-1] == "likeliest_click"


def test_a_blocked_touch_leaves_the_install_to_the_next_one() -> None:
    rules = Rules(fraud={"ctit_quick": {"action": "block", "threshold": 10}})

    verdict = decide(INSTALL, [touch(1, "click_id", 5), touch(2, "device_id", 60)], rules)

    assert verdict.tier == "device_id"
    assert "fraud" in verdict.candidates[1].reasons


def test_a_return_is_brought_once_by_a_touch_even_by_its_id() -> None:
    around = Around(taken={1}, returning=True)

    assert decide(INSTALL, [touch(1, "click_id")], RULES.returning, around).tier == "organic"


def test_a_sources_own_window_holds_for_its_touches() -> None:
    rules = Rules(sources={"tiktok": {"windows_s": {"click_id": 30}}})

    assert decide(INSTALL, [touch(1, "click_id", 60, source="tiktok")], rules).tier == "organic"
    assert decide(INSTALL, [touch(1, "click_id", 60, source="meta")], rules).tier == "click_id"


@pytest.mark.parametrize("zeroed", ["00000000-0000-0000-0000-000000000000", "", "unknown", "9774d56d682e549c", "fffff"])
def test_a_placeholder_is_no_id(zeroed: str) -> None:
    install = InstallFacts(NOON, advertising_id=zeroed, device_id=zeroed)

    verdict = decide(install, [touch(1, advertising_id=zeroed, device_id=zeroed)], RULES)

    assert verdict.tier == "organic"


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("14", "14.0", True),
        ("17.2.1", "17.2", True),
        ("17.2", "17.3", False),
        ("", "9", True),
        ("9", "10", False),
        ("17", "17.5.1", True),
    ],
)
def test_versions_are_compared_as_far_as_both_are_known(one: str, other: str, agree: bool) -> None:
    assert facts.versions_agree(one, other) is agree
    assert facts.versions_agree(other, one) is agree


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        ("iphone", "iphone14,2", True),
        ("ipad", "iphone14,2", False),
        ("samsung sm-s918b", "sm-s918b", True),
        ("sm-s918", "sm-s918b", False),
        ("", "pixel 8", True),
    ],
)
def test_models_are_compared_as_senders_write_them(one: str, other: str, agree: bool) -> None:
    assert facts.models_agree(one, other) is agree
    assert facts.models_agree(other, one) is agree


def test_rules_survive_being_stored() -> None:
    rules = Rules(order=(("view",), ("click_id", "device_id")), windows_s={**WINDOWS_S, "view": 60})

    assert Rules.from_json(rules.to_json()) == rules
    assert Rules.from_json({}) == Rules()
    assert Rules.from_json({"windows_s": {"view": 5}}).windows_s["click_id"] == 7 * 86_400


texts = st.sampled_from(["", "a", "b", "c-1", "c-2", "d-1", "ad-1", "00000000-0000", "203.0.113.7", "android", "14"])
any_touch = st.builds(
    TouchFacts,
    id=st.integers(1, 50),
    touch_id=texts,
    type=st.sampled_from(["click", "impression"]),
    ts=st.integers(-1_000, 800_000).map(lambda age_s: NOON - timedelta(seconds=age_s)),
    device_id=texts,
    advertising_id=texts,
    ip=texts,
    app=st.sampled_from(["", "com.techstart", "com.other"]),
    os_name=st.sampled_from(["", "android", "ios"]),
    os_version=st.sampled_from(["", "14", "14.1", "13"]),
    device_model=st.sampled_from(["", "sm-s918b", "iphone"]),
    bot=st.booleans(),
    clamped=st.booleans(),
    user_id=texts,
    email_sha256=texts,
    origin=st.sampled_from(["", "meta_referrer", "apple_ads"]),
    source=st.sampled_from(["tiktok", "meta"]),
)
many_touches = st.lists(any_touch, max_size=12, unique_by=lambda one: one.id)
any_install = st.builds(
    InstallFacts,
    installed_at=st.just(NOON),
    click_id=texts,
    referrer_click_id=texts,
    install_begin_at=st.none() | st.just(NOON - timedelta(seconds=100)),
    device_id=texts,
    advertising_id=texts,
    ip=texts,
    app=st.sampled_from(["", "com.techstart"]),
    os_name=st.sampled_from(["", "android", "ios"]),
    os_version=st.sampled_from(["", "14"]),
    device_model=st.sampled_from(["", "sm-s918b", "iphone14,2"]),
    ad_tracking=st.none() | st.booleans(),
    truncated=st.booleans(),
    install_referrer=st.sampled_from(["", "utm_medium=organic", "click_id=c-2", "gclid=7"]),
    user_id=texts,
    email_sha256=texts,
    claim_id=texts,
)


@given(any_install, many_touches)
def test_any_verdict_is_explained_whole(install: InstallFacts, touches: list[TouchFacts]) -> None:
    verdict = decide(install, touches, RULES)

    credited = [one for one in verdict.candidates if one.credited]
    assert sorted(one.touch.id for one in verdict.candidates) == sorted(one.id for one in touches)
    assert len(credited) == (verdict.touch is not None)
    assert (verdict.tier == "organic") == (not any(one.eligible for one in verdict.candidates))
    for one in verdict.candidates:
        assert one.reasons
        assert set(one.reasons) <= reasons.SENTENCES.keys()
        assert {struck.code for struck in one.fraud} <= reasons.FRAUD_SENTENCES.keys()
        if one.tier != "probabilistic":
            assert one.probability == (1.0 if one.eligible else None)
        if one.eligible:
            assert not one.touch.bot
            assert 0 <= one.age_s <= RULES.windows_s[one.tier]
            assert not any(struck.action == "block" for struck in one.fraud)
    assert set(verdict.notes) <= reasons.NOTE_SENTENCES.keys()
    assert sum(one.probability or 0 for one in verdict.candidates if one.tier == "probabilistic") <= 1 + 1e-9


@given(any_install, many_touches)
def test_without_explaining_the_verdict_is_the_same(install: InstallFacts, touches: list[TouchFacts]) -> None:
    explained, plain = decide(install, touches, RULES), decide(install, touches, RULES, explain=False)

    assert (plain.tier, plain.touch, plain.probability) == (explained.tier, explained.touch, explained.probability)
    assert plain.candidates == ()


@given(any_install, many_touches, st.randoms())
def test_the_order_of_the_touches_does_not_matter(
    install: InstallFacts, touches: list[TouchFacts], random: object
) -> None:
    mixed = list(touches)
    random.shuffle(mixed)  # type: ignore[attr-defined]

    assert decide(install, mixed, RULES) == decide(install, touches, RULES)


@given(any_install, many_touches, any_touch)
def test_a_touch_that_can_not_win_changes_nothing(
    install: InstallFacts, touches: list[TouchFacts], more: TouchFacts
) -> None:
    bot = replace(more, id=99, bot=True)

    assert decide(install, [*touches, bot], RULES).touch == decide(install, touches, RULES).touch


@given(any_install, many_touches, any_touch)
def test_one_touch_more_never_lets_a_weaker_one_win(
    install: InstallFacts, touches: list[TouchFacts], more: TouchFacts
) -> None:
    """What won before, or the new touch: nothing else can win."""
    before = decide(install, touches, RULES).touch
    added = replace(more, id=99)

    assert decide(install, [*touches, added], RULES).touch in {before, added}
