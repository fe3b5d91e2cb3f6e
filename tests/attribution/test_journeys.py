"""Journeys as they are read from a project's decisions, and what the models make of them."""

from datetime import timedelta

import pytest

from attribution import crediting, journeys
from attribution.crediting import Comparison
from attribution.models import Touch
from customers.models import Project
from tests.attribution.credit_rows import Step, convert, journey, null
from tests.attribution.factories import NOON, TouchFactory
from tests.factories import ProjectFactory

DAY = timedelta(days=1)


def read(project: Project, *, by: str = "source", measure: str = "installs") -> journeys.Journeys:
    return journeys.journeys(project, NOON - DAY, NOON + DAY, by=by, measure=measure)


def compared(project: Project, *, by: str = "source", measure: str = "installs") -> Comparison:
    return crediting.compare(project, NOON - DAY, NOON + DAY, by=by, measure=measure)


def names(found: journeys.Journeys) -> list[list[str]]:
    paths = found.paths
    steps = [found.channels[step] for step in paths.steps]
    words = [" / ".join(filter(None, channel)) for channel in steps]
    return sorted(words[a:b] for a, b in zip(paths.starts[:-1], paths.starts[1:], strict=True))


def credit_by(found: Comparison, model: str) -> dict[str, float]:
    place = [column.name for column in found.columns].index(model)
    return {row.channel.source: pytest.approx(row.credits[place], abs=1e-9) for row in found.rows}


def test_a_journey_is_the_touches_that_could_have_won_the_oldest_first(project: Project) -> None:
    journey(project, [Step("meta", 1), Step("tiktok", 30), Step("google", 5, eligible=False)])

    assert names(read(project)) == [["tiktok", "meta"]]


def test_a_campaign_is_a_channel_of_its_own_where_asked(project: Project) -> None:
    journey(project, [Step("meta", 2, "Winter"), Step("meta", 1, "Spring")])

    assert names(read(project)) == [["meta", "meta"]]
    assert names(read(project, by="campaign")) == [["meta / Winter", "meta / Spring"]]


def test_of_touches_matched_by_network_only_the_credited_one_is_a_step(project: Project) -> None:
    journey(project, [Step("neighbour", 3, tier="probabilistic"), Step("meta", 1, tier="probabilistic")])

    assert names(read(project)) == [["meta"]]


def test_an_organic_install_is_no_journey_but_counts(project: Project) -> None:
    journey(project, ["meta"])
    journey(project)

    found = compared(project)

    assert (found.journeys, found.organic, found.total) == (2, 1.0, 2.0)
    assert credit_by(found, "shapley") == {"meta": 1.0}


def test_an_install_whose_touches_are_no_longer_kept_stays_with_its_source(project: Project) -> None:
    journey(project, source="tiktok")

    found = compared(project)

    assert found.gone == 1
    assert credit_by(found, "first") == {"tiktok": 1.0}


def test_rejected_installs_and_reinstalls_are_no_journeys(project: Project) -> None:
    first = journey(project, ["meta"])
    journey(project, ["tiktok"], kind="reinstall", original=first)
    journey(project, ["google"], rejected=True)

    assert names(read(project)) == [["meta"]]


def test_another_period_and_another_project_stay_out(project: Project) -> None:
    journey(project, ["meta"], at=NOON - 2 * DAY)
    other = ProjectFactory()
    journey(other, ["tiktok"])
    null(other, "device-of-theirs", ["google"])

    found = read(project)

    assert (found.number, found.nulls, names(found)) == (0, 0, [])


def test_a_device_that_touched_and_never_installed_is_a_journey_to_nothing(project: Project) -> None:
    journey(project, ["meta"], device_id="bought")
    null(project, "looked", ["meta", "meta", "tiktok"])
    null(project, "looked-too", ["meta", "tiktok"])

    found = read(project)

    assert found.nulls == 2
    assert names(found) == [["meta"], ["meta", "tiktok"]]
    assert sorted(found.paths.nulls.tolist()) == [0.0, 2.0]


@pytest.mark.parametrize("name", ["device_id", "advertising_id"])
def test_a_device_that_installed_is_never_a_journey_to_nothing(project: Project, name: str) -> None:
    journey(project, [], **{name: "same"})
    TouchFactory(project=project, ts=NOON - timedelta(hours=1), **{name: "same"})

    assert read(project).nulls == 0


def test_bots_zeroed_ids_and_words_of_networks_are_no_journeys_to_nothing(project: Project) -> None:
    at = NOON - timedelta(hours=1)
    TouchFactory(project=project, ts=at, device_id="bot", bot=True)
    TouchFactory(project=project, ts=at, advertising_id="00000000-0000-0000-0000-000000000000")
    TouchFactory(project=project, ts=at, device_id="told", origin=Touch.Origin.APPLE_ADS)
    TouchFactory(project=project, ts=at)

    assert read(project).nulls == 0


def test_journeys_to_nothing_lower_the_chance_and_shift_credit_by_removal(project: Project) -> None:
    journey(project, ["meta", "tiktok"], device_id="d-1")
    journey(project, ["meta"], device_id="d-2")
    before = compared(project)
    null(project, "n-1", ["tiktok"])
    null(project, "n-2", ["meta"])

    found = compared(project)

    assert (before.probability, found.nulls) == (1.0, 2)
    assert found.probability < 1
    assert credit_by(found, "linear") == credit_by(before, "linear") == {"meta": 1.5, "tiktok": 0.5}
    assert sum(row.credits[6] for row in found.rows) == pytest.approx(2)


def test_every_model_shares_all_installs_beside_what_the_rules_say(project: Project) -> None:
    journey(project, ["tiktok", "meta"], winner=0)
    journey(project, ["tiktok", "google", "meta"])
    journey(project)

    found = compared(project)

    assert {row.channel.source: row.decided for row in found.rows} == {"tiktok": 1.0, "meta": 1.0, "google": 0.0}
    for place in range(len(found.columns)):
        assert sum(row.credits[place] for row in found.rows) + found.organic == pytest.approx(found.total)
    assert credit_by(found, "first") == {"tiktok": 2.0, "meta": 0.0, "google": 0.0}
    assert credit_by(found, "last") == {"tiktok": 0.0, "meta": 2.0, "google": 0.0}
    assert found.several == 2


def test_revenue_and_conversions_follow_the_install_and_its_reinstalls(project: Project) -> None:
    first = journey(project, ["meta", "tiktok"], revenue=["10.00", "5.50"])
    again = journey(project, ["google"], kind="reinstall", original=first, at=NOON + timedelta(hours=2))
    third = journey(project, ["google"], kind="reinstall", original=again, at=NOON + timedelta(hours=3))
    convert(again, "4.00")
    convert(third, "0.50")
    convert(first, "99", counted=False)
    convert(first, "77", currency="XXX")
    convert(first, None)

    revenue, conversions = compared(project, measure="revenue"), compared(project, measure="conversions")

    assert revenue.total == pytest.approx(20.0)
    assert credit_by(revenue, "linear") == {"meta": 10.0, "tiktok": 10.0}
    assert conversions.total == 6.0


def test_a_return_brings_revenue_but_no_install(project: Project) -> None:
    journey(project, ["meta"])
    journey(project, ["tiktok"], kind="reattribution", revenue=["8"])

    assert compared(project).total == 1.0
    assert credit_by(compared(project, measure="revenue"), "last") == {"tiktok": 8.0}


def test_last_non_direct_passes_over_a_link_called_direct(project: Project) -> None:
    journey(project, ["meta", "Direct"])

    found = compared(project)

    assert credit_by(found, "last") == {"meta": 0.0, "Direct": 1.0}
    assert credit_by(found, "last_non_direct") == {"meta": 1.0, "Direct": 0.0}


def test_the_rarest_of_very_many_channels_are_put_together(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journeys, "MOST_CHANNELS", 3)
    for source in ["meta"] * 3 + ["tiktok"] * 2 + ["a", "b", "c"]:
        journey(project, [source])

    found = compared(project)

    assert {row.channel.source: row.decided for row in found.rows} == {"meta": 3.0, "tiktok": 2.0, "other": 3.0}


def test_only_the_newest_installs_are_read_where_there_are_too_many(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journeys, "MOST_JOURNEYS", 1)
    for hours in (1, 2, 3):
        journey(project, ["meta"], at=NOON - timedelta(hours=hours))

    assert read(project).clipped


def test_a_period_with_too_many_touches_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journeys, "MOST_TOUCHES", 1)
    journey(project, ["meta", "tiktok", "google"])

    with pytest.raises(journeys.TooManyTouches):
        read(project)


def test_a_view_is_no_click_to_a_projects_own_weights(project: Project) -> None:
    crediting.save_model(project, "Clicks only", {"equal": True, "view": 0})
    journey(project, [Step("meta", 2, type="impression"), Step("tiktok", 1)])

    found = compared(project)

    assert found.columns[-1].label == "Clicks only"
    assert credit_by(found, found.columns[-1].name) == {"meta": 0.0, "tiktok": 1.0}


def test_one_install_is_shared_among_its_touches_by_every_model(project: Project) -> None:
    journey(project, ["google", "meta"])
    decision = journey(project, [Step("meta", 48), Step("tiktok", 24), Step("meta", 1)])

    columns, touches = crediting.credit_of(decision, by="source")

    assert [one.touch.source for one in touches] == ["meta", "tiktok", "meta"]
    assert [one.credited for one in touches] == [False, False, True]
    by_model = dict(
        zip([column.name for column in columns], zip(*(one.shares for one in touches), strict=True), strict=True)
    )
    assert by_model["first"] == (1, 0, 0)
    assert by_model["last"] == (0, 0, 1)
    assert by_model["position"] == pytest.approx((0.4, 0.2, 0.4))
    assert by_model["shapley"] == pytest.approx((0.25, 0.5, 0.25))
    for shares in by_model.values():
        assert sum(shares) == pytest.approx(1.0)


def test_an_organic_install_has_no_touches_to_credit(project: Project) -> None:
    columns, touches = crediting.credit_of(journey(project), by="source")

    assert len(columns) == 8
    assert touches == []
