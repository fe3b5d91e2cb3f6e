"""What a campaign cost and brought: the same installs and revenue as on the campaigns page, money by age, rates."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import cohorts, counting
from attribution.costs import figures, metrics, rates, unmatched
from attribution.costs.figures import AGES, COMPLETE, FUTURE, PARTIAL, Figures
from attribution.costs.names import Named
from attribution.models import Spend
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.attribution.credit_rows import Step, convert, journey
from tests.attribution.factories import LinkFactory
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 21)
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 20)
AT = datetime(2026, 11, 10, 9, tzinfo=UTC)
ON = AT.date()
DAYS = timedelta(days=1)


def spent(project: Project, amount: str, *, day: date = ON, campaign: str = "Winter", **more: Any) -> None:
    fields = {"source": "tiktok", "currency": project.currency, **more}
    Spend.objects.create(project=project, day=day, campaign=campaign, amount=Decimal(amount), **fields)


def installed(
    project: Project, campaign: str = "Winter", *, source: str = "tiktok", at: datetime = AT, **more: Any
) -> Any:
    return journey(project, [Step(source, campaign=campaign)], at=at, **more)


def count(project: Project, *by: str, **where: str) -> dict[Any, Figures]:
    return metrics.count(project, FIRST, LAST, by, where, today=TODAY)


def together(project: Project) -> Figures:
    return count(project).get((), Figures())


def test_cost_for_an_install_counts_paid_ones_and_effective_cost_all(project: Project) -> None:
    spent(project, "90")
    installed(project)
    installed(project, "Unpaid")
    journey(project, at=AT)

    found = together(project)

    assert (found.installs, found.paid, found.cpi, found.ecpi) == (3, 1, 90, 30)


def test_spend_that_names_no_campaign_pays_for_all_of_its_source(project: Project) -> None:
    spent(project, "90", campaign="")
    installed(project)
    installed(project, "Other")
    installed(project, source="meta")

    assert together(project).paid == 2
    assert count(project, "source", "campaign")["tiktok", ""].spend == 90


def test_installs_and_revenue_are_those_of_the_campaigns_page(project: Project) -> None:
    first = installed(project)
    again = installed(project, kind="reinstall", original=first, at=AT + DAYS, source="meta")
    installed(project, rejected=True)
    installed(project, kind="reattribution")
    installed(project, "Other", at=AT + 2 * DAYS)
    convert(first, "3.50")
    convert(again, "4.00", ts=AT + 3 * DAYS)
    convert(first, "9.00", counted=False)
    convert(first, "9.00", currency="XXX")
    spent(project, "10")

    for by in (("source",), ("source", "campaign"), ("country",), ("day",), ()):
        shown = metrics.count(project, FIRST, LAST, by, today=TODAY)
        asked = metrics.Asked(project, FIRST, LAST, by, {}, TODAY)
        known = counting.count(project, asked.since, asked.until, by, touches=False)
        for key, counts in known.items():
            parts = tuple(part.date() if isinstance(part, datetime) else part for part in key)
            mine = shown.get(parts, Figures())
            assert (mine.installs, mine.revenue) == (counts.installs, counts.revenue), (by, key)


def test_what_installs_brought_is_followed_by_their_age_as_cohorts_do(project: Project) -> None:
    first = installed(project)
    again = installed(project, kind="reinstall", original=first, at=AT + 5 * DAYS, source="meta")
    for days, amount in ((0, "1"), (1, "2"), (3, "4"), (6, "8")):
        convert(first, amount, ts=AT + days * DAYS)
    convert(again, "16", ts=AT + 10 * DAYS)
    spent(project, "10")

    found = count(project, "source")[("tiktok",)]

    assert {age: found.ages[age].revenue for age in (0, 1, 3, 7)} == {0: 1, 1: 3, 3: 7, 7: 15}
    assert found.ages[7].roas == Decimal("1.5")
    assert (found.brought, found.roas, found.roi, found.customers) == (31, Decimal("3.1"), Decimal("2.1"), 1)
    [cohort] = cohorts.read(project, cohorts.WEEK, now=datetime(2026, 11, 21, tzinfo=UTC)).cohorts
    assert cohort.revenue_to(1) == found.ages[7].revenue


def test_an_age_takes_only_days_that_have_reached_it_spend_included(project: Project) -> None:
    old, new = installed(project), installed(project, at=datetime(2026, 11, 18, 9, tzinfo=UTC))
    convert(old, "5")
    convert(new, "7")
    spent(project, "10")
    spent(project, "20", day=date(2026, 11, 18))

    found = together(project)

    assert (found.ages[7].installs, found.ages[7].spend, found.ages[7].revenue) == (1, 10, 5)
    assert (found.ages[0].installs, found.ages[0].spend, found.ages[0].revenue) == (2, 30, 12)
    assert (found.ages[14].installs, found.ages[14].roas) == (0, None)


def test_money_that_came_before_the_install_by_its_clock_is_that_of_the_first_day(project: Project) -> None:
    convert(installed(project), "5", ts=AT - 2 * DAYS)

    assert together(project).ages[0].revenue == 5


@given(first=st.integers(0, 60), length=st.integers(0, 60), age=st.sampled_from(AGES))
def test_an_age_is_complete_when_its_last_day_is_over_for_the_last_install(first: int, length: int, age: int) -> None:
    start = TODAY - timedelta(days=first + length)
    end = TODAY - timedelta(days=first)

    said = figures.state(age, start, end, TODAY)

    reached = [day for day in range(length + 1) if start + timedelta(days=day + age) < TODAY]
    expected = COMPLETE if len(reached) == length + 1 else PARTIAL if reached else FUTURE
    assert said == expected


def test_a_rate_holds_from_its_day_to_the_next(project: Project) -> None:
    rates.save(project, "EUR", date(2026, 11, 5), "1.10")
    rates.save(project, "EUR", date(2026, 11, 12), "1.20")
    for day, amount in ((5, "10"), (11, "10"), (12, "10"), (19, "10")):
        spent(project, amount, day=date(2026, 11, day), currency="EUR", campaign=f"c{day}")

    assert together(project).spend == 46
    assert not together(project).unpriced


def test_spend_without_a_rate_stands_apart_and_is_never_lost(project: Project) -> None:
    spent(project, "10", currency="EUR", day=date(2026, 11, 4))
    spent(project, "5")
    rates.save(project, "EUR", date(2026, 11, 5), "1.10")

    found = together(project)

    assert (found.spend, found.unpriced) == (5, {"EUR": 10})
    [gap] = rates.gaps(project)
    assert (gap.currency, gap.amount, gap.first, gap.last) == ("EUR", 10, date(2026, 11, 4), date(2026, 11, 4))


def test_a_rate_into_another_currency_is_good_for_nothing(project: Project) -> None:
    rates.save(project, "EUR", FIRST, "1.10")
    spent(project, "10", currency="EUR")
    project.currency = "GBP"
    project.save()

    assert together(project).unpriced == {"EUR": 10}


@pytest.mark.parametrize(("currency", "rate", "field"), [("XXQ", "1", "currency"), ("EUR", "0", "rate"),
    ("EUR", "-1", "rate"), ("EUR", "x", "rate"), ("USD", "1", "currency"), ("EUR", "1e99", "rate"),
    ("EUR", "NaN", "rate")])  # fmt: skip
def test_a_rate_that_makes_no_sense_is_refused_by_field(project: Project, currency: str, rate: str, field: str) -> None:
    with pytest.raises(InvalidField) as refusal:
        rates.save(project, currency, FIRST, rate)

    assert refusal.value.detail[0]["field"] == field


def test_spend_is_kept_to_what_is_asked_for(project: Project) -> None:
    spent(project, "10", country="DE", platform="ios")
    spent(project, "5", country="FR")
    spent(ProjectFactory(), "99")
    spent(project, "7", day=LAST + DAYS)

    assert count(project, "country").keys() == {("DE",), ("FR",)}
    assert count(project, country="DE")[()].spend == 10
    assert count(project, "day")[(AT.date(),)].spend == 15


def test_spend_of_a_campaign_nobody_knows_is_listed_with_the_one_it_may_stand_for(project: Project) -> None:
    installed(project, "Winter sale")
    installed(project, "Paid")
    LinkFactory(project=project, name="Poster", source="qr")
    spent(project, "10", campaign="winter_SALE")
    spent(project, "3", campaign="Nothing like it")
    spent(project, "2", campaign="Paid")
    spent(project, "1", campaign="Poster", source="qr")

    found = unmatched.find(project, FIRST, LAST)

    assert [(one.named.campaign, one.meant) for one in found.unknown] == [
        ("winter_SALE", Named("tiktok", "Winter sale")), ("Nothing like it", None)
    ]  # fmt: skip
    assert [one.named.campaign for one in found.unpaid] == ["Winter sale"]


def test_spend_under_another_name_counts_for_the_campaign_it_stands_for(project: Project) -> None:
    installed(project, "Winter sale")
    spent(project, "10", campaign="winter_SALE")

    unmatched.call(project, Named("tiktok", "winter_SALE"), Named("tiktok", "Winter sale"))

    assert count(project, "campaign")[("Winter sale",)].cpi == 10
    assert not unmatched.find(project, FIRST, LAST).unknown
    assert Spend.objects.get(project=project).campaign == "winter_SALE"


def test_a_day_that_is_told_whole_and_in_parts_is_shown_as_told_twice(project: Project) -> None:
    spent(project, "10")
    spent(project, "6", ad_set="Students")
    spent(project, "4", ad_set="Others")
    spent(project, "4", day=FIRST, ad_set="Others")

    [one] = unmatched.find(project, FIRST, LAST).twice

    assert (one.named, one.days) == (Named("tiktok", "Winter"), 1)


def test_return_on_spend_leaves_out_what_organic_and_unpaid_people_brought(project: Project) -> None:
    spent(project, "10")
    convert(installed(project), "5")
    convert(installed(project, "Unpaid"), "7")
    convert(journey(project, at=AT), "9")

    found = together(project)

    assert (found.brought, found.roas, found.period_roas, found.ages[7].roas) == (21, *[Decimal("0.5")] * 3)
    assert (found.revenue, found.customers, found.cpa, found.ages[7].each) == (21, 3, 10, 7)
