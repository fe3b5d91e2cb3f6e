"""What counts as an install and whose the revenue is: once, along any property."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from typing import Any

import pytest

from attribution import counting, queries, rule_sets
from attribution.counting import DIMENSIONS
from attribution.models import TOUCH_CUTS, Conversion, Decision, Install, Touch
from customers.models import Project
from tests.attribution.factories import NOON, TouchFactory

pytestmark = pytest.mark.django_db
SINCE, UNTIL = NOON - timedelta(days=1), NOON + timedelta(days=1)
MADE = iter(range(1_000_000))


def decision(project: Project, *, at: datetime = NOON, **fields: Any) -> Decision:
    install = Install.objects.create(
        project=project, message_id=f"i-{next(MADE)}", distinct_id="a", installed_at=at, received_at=at, pending=False
    )
    given = {"state": "final", "tier": "click_id", "source": "tiktok", "campaign": "Winter sale", **fields}
    rule_set = rule_sets.current([project.pk])[project.pk].pk
    return Decision.objects.create(project=project, install=install, installed_at=at, rule_set_id=rule_set, **given)


def pays(one: Decision, revenue: str | None, **fields: Any) -> None:
    given = {"name": "Order Completed", "ts": NOON, "received_at": NOON, "currency": one.project.currency, **fields}
    amount = None if revenue is None else Decimal(revenue)
    Conversion.objects.create(
        project=one.project, message_id=f"c-{next(MADE)}", distinct_id="a", install=one.install, revenue=amount, **given
    )


def along(project: Project, *by: str, **where: str) -> dict[Any, counting.Counts]:
    return counting.count(project, SINCE, UNTIL, by, where)


def test_only_first_opens_that_nothing_rejected_are_installs(project: Project) -> None:
    decision(project)
    decision(project, tier="organic", source="organic", campaign="")
    decision(project, kind="reinstall")
    decision(project, kind="reattribution")
    decision(project, rejected=True)
    decision(project, rejected=True, kind="reinstall")

    [(_, one)] = along(project).items()

    assert (one.installs, one.credited, one.reinstalls, one.reattributions, one.rejected) == (2, 1, 1, 1, 2)
    assert one.tiers == {"click_id": 1, "organic": 1}
    assert queries.installs_between(project, SINCE, UNTIL).count() == one.installs
    assert queries.sum_of(queries.campaign_totals(project, SINCE, UNTIL)).installs == one.installs
    assert sum(line.total for line in queries.installs_by_source(project, SINCE, UNTIL)) == one.installs


def test_what_networks_tell_afterwards_is_no_click_of_the_campaign(project: Project) -> None:
    TouchFactory(project=project, ts=NOON)
    TouchFactory(project=project, ts=NOON, origin="apple_ads")
    TouchFactory(project=project, ts=NOON, origin="meta_referrer", type=Touch.Type.IMPRESSION)
    TouchFactory(project=project, ts=NOON, bot=True)

    one = counting.total(along(project, "source"))

    assert (one.clicks, one.impressions) == (1, 0)


def test_revenue_belongs_to_the_source_of_the_install(project: Project) -> None:
    one, other = decision(project), decision(project, source="meta", campaign="Spring")
    pays(one, "10.50")
    pays(one, "1")
    pays(other, "7")
    pays(one, "100", currency="XTS")
    pays(one, "100", counted=False)
    pays(one, "100", ts=UNTIL)
    pays(one, None)

    found = along(project, "source", "campaign")

    assert found["tiktok", "Winter sale"].revenue == Decimal("11.5")
    assert found["meta", "Spring"].revenue == Decimal(7)


def test_a_reinstall_keeps_the_source_of_the_first_install(project: Project) -> None:
    first = decision(project, at=NOON - timedelta(days=200))
    second = decision(project, at=NOON - timedelta(days=120), kind="reinstall", original=first, source="meta")
    third = decision(project, at=NOON - timedelta(days=40), kind="reinstall", original=second, source="google")
    back = decision(project, at=NOON - timedelta(days=30), kind="reattribution", source="newsletter")
    lost = decision(project, at=NOON - timedelta(days=20), kind="reinstall", source="unity")
    for one, amount in ((first, "1"), (second, "2"), (third, "4"), (back, "8"), (lost, "16")):
        pays(one, amount)

    found = {source: one.revenue for (source,), one in along(project, "source").items()}

    assert found == {"tiktok": Decimal(7), "newsletter": Decimal(8), "unity": Decimal(16)}


def test_a_circle_of_reinstalls_ends(project: Project) -> None:
    one = decision(project, kind="reinstall")
    other = decision(project, kind="reinstall", original=one)
    Decision.objects.filter(pk=one.pk).update(original=other)
    pays(one, "5")

    assert counting.total(along(project, "source")).revenue == 0


def test_another_projects_rows_are_not_counted(project: Project) -> None:
    TouchFactory(ts=NOON)

    assert along(project, "source") == {}


@pytest.fixture
def mixed(project: Project) -> Project:
    for number in range(24):
        kinds = {"kind": ("install", "install", "reinstall", "reattribution")[number % 4], "rejected": number % 7 == 0}
        place = {"country": ("DE", "US", "")[number % 3], "os_name": ("ios", "android")[number % 2]}
        names = {"ad_set": f"s{number % 2}", "ad": f"a{number % 3}", "creative": "", "publisher": f"p{number % 5}"}
        one = decision(
            project, at=NOON - timedelta(hours=number), source=("tiktok", "meta")[number % 2], **kinds, **place, **names
        )
        pays(one, "2.25")
        touch = {"type": ("click", "impression")[number % 2], "ts": NOON - timedelta(hours=number)}
        TouchFactory(project=project, source=("tiktok", "meta")[number % 3 % 2], **touch, **place, **names)
    return project


@pytest.mark.parametrize("by", [*[(name,) for name in DIMENSIONS], *combinations(["source", "country", "day"], 2)])
def test_every_cut_adds_up_to_the_same(mixed: Project, by: tuple[str, ...]) -> None:
    whole, parts = counting.total(along(mixed)), counting.total(along(mixed, *by))

    if not counting.has_touches(*by):
        whole.clicks = whole.impressions = 0
    assert parts == whole
    assert whole.installs > 0 < whole.revenue


def test_a_filter_keeps_exactly_its_part(mixed: Project) -> None:
    everything = along(mixed, "source", "country")

    for source, country in everything:
        assert along(mixed, "source", country=country)[source,] == everything[source, country]
        assert along(mixed, source=source, country=country)[()] == everything[source, country]


def test_days_are_those_of_the_projects_zone_also_when_clocks_change(project: Project) -> None:
    change = datetime(2026, 10, 25, tzinfo=UTC)  # Berlin's 25 October has 25 hours
    for hours in (-3, -1, 22, 23):
        decision(project, at=change + timedelta(hours=hours))

    found = counting.count(project, change - timedelta(days=2), change + timedelta(days=2), ("day",))

    assert {f"{day:%d %H:%M}": one.installs for (day,), one in found.items()} == {
        "24 00:00": 1, "25 00:00": 2, "26 00:00": 1
    }  # fmt: skip


def test_hours_of_a_zone_with_half_an_hour_begin_at_half_past_of_utc(project: Project) -> None:
    project.time_zone = "Asia/Kolkata"
    project.save()
    at = datetime(2026, 11, 10, 4, 35, tzinfo=UTC)
    decision(project, at=at)

    [line] = queries.installs_by_source(project, at - timedelta(hours=3), at + timedelta(hours=1), bucket="hour")

    assert [start.astimezone(UTC).strftime("%H:%M") for start in line.counts] == ["04:30"]


def test_the_longest_names_fit_the_index_that_they_are_counted_by(project: Project) -> None:
    letters = (chr(0x20000 + place) for place in range(10_000))
    names = {
        field.attname: "".join(next(letters) for _ in range(field.max_length))
        for field in Touch._meta.get_fields()
        if field.name in {"source", "campaign", *TOUCH_CUTS}
    }

    TouchFactory(project=project, ts=NOON, **names)

    assert list(along(project, "source", "ad")) == [(names["source"], names["ad"])]
