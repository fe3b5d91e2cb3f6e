"""Words and places of a decision, by property: no case is without a sentence, no mark outside its picture."""

from hypothesis import given
from hypothesis import strategies as st

from attribution import facts, lanes, reasons, rules, verdict
from attribution.verdict import Touched

TIERS = [tier for tier in verdict.TIER_NAMES if tier != rules.ORGANIC]
AGES = st.floats(-300, 40 * 86_400)


@st.composite
def touched(draw: st.DrawFn, *, credited: bool = False) -> Touched:
    eligible = credited or draw(st.booleans())
    return Touched(
        source=draw(st.sampled_from(["tiktok", "meta", "adnet_x", "google"])),
        campaign=draw(st.sampled_from(["", "Winter sale"])),
        type=draw(st.sampled_from([facts.CLICK, facts.IMPRESSION])),
        tier=draw(st.sampled_from(TIERS)),
        eligible=eligible,
        credited=credited,
        reasons=tuple(draw(st.lists(st.sampled_from(sorted(reasons.SENTENCES)), max_size=4, unique=True))),
        age_s=draw(AGES),
        probability=draw(st.none() | st.floats(0, 1)),
        window_s=draw(st.sampled_from(sorted(set(rules.WINDOWS_S.values())))),
        fraud=tuple(draw(st.lists(st.sampled_from(sorted(reasons.FRAUD_SENTENCES)), max_size=2))),
    )


@given(st.lists(touched(), max_size=8), st.none() | touched(credited=True))
def test_every_decision_can_be_told(lost: list[Touched], won: Touched | None) -> None:
    candidates = [won, *lost] if won else lost
    tier = won.tier if won else rules.ORGANIC

    story = verdict.tell(tier, candidates, considered=len(candidates), widest_s=7 * 86_400)

    assert story.text.endswith(".")
    assert story.rest.endswith(".")
    assert "  " not in story.text + story.rest
    assert story.text.startswith(("Credited to ", "Probably ", "Organic: "))


@given(touched())
def test_every_reason_has_a_few_words_and_a_sentence(touch: Touched) -> None:
    for chip in verdict.chips(touch):
        assert 0 < len(chip.words) <= 60
        assert chip.sentence


def test_no_reason_of_the_engine_lacks_its_words() -> None:
    assert set(verdict.CHIPS) == set(reasons.SENTENCES)


@given(st.lists(AGES, min_size=1, max_size=10))
def test_marks_stay_in_the_picture_and_in_their_order(ages_s: list[float]) -> None:
    scale = lanes.Scale.reaching(ages_s)

    places = [scale.x(age_s) for age_s in sorted(ages_s)]

    assert places == sorted(places, reverse=True)
    assert all(0 < place < 100 for place in places)
    assert scale.x(0) == lanes.INSTALL_X


def test_the_scale_is_the_one_of_the_axis() -> None:
    scale = lanes.Scale.reaching([7 * 86_400])

    assert [(tick.label, tick.x) for tick in scale.ticks()] == [
        ("7 days", "16.7%"),
        ("1 day", "43.6%"),
        ("1 hour", "69.0%"),
        ("1 min", "83.8%"),
    ]
