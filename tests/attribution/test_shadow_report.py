"""A vendor's numbers kept once, and set beside what the database has counted."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from attribution.models import Candidate, VendorNumber
from attribution.shadow import number_files, numbers, report
from attribution.shadow.comparing import Row
from customers.models import Project
from events.models import EventName, VendorApp, VendorCopy
from tests.attribution.factories import NOON, TouchFactory
from tests.attribution.test_counting import decision, pays
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db
DAY = NOON.date()


def told(project: Project, *lines: str, zone: str = "UTC", complete: bool = False) -> Any:
    table = number_files.split("\n".join(["date,source,campaign,installs,revenue", *lines]).encode())
    sums = numbers.add_up(number_files.read(table, number_files.guess(table)), numbers.known_sources(project))
    return numbers.store(
        project, "appsflyer", sums, name="numbers.csv", time_zone=zone, complete=complete, now=timezone.now()
    )


def compared(project: Project, first: date = DAY, last: date = DAY) -> dict[Any, Row]:
    return report.report(project, "appsflyer", first, last).comparison.campaigns()


def test_numbers_told_again_replace_and_never_add(project: Project) -> None:
    first = told(project, f"{DAY},tiktok_int,Sale,5,1.50", f"{DAY},tiktok_int,Sale,2,", f"{DAY},Organic,None,9,")
    again = told(project, f"{DAY},tiktok_int,Sale,6,1.50", f"{DAY},Organic,None,9,")

    assert (first.rows, first.taken) == (3, 2)
    assert again.summary["added"] == 0
    assert (again.summary["replaced"], again.summary["unchanged"]) == (1, 1)
    kept = VendorNumber.objects.order_by("source").values_list("source", "campaign", "installs", "revenue")
    assert list(kept) == [("organic", "", 9, None), ("tiktok", "Sale", 6, Decimal("1.5000"))]


def test_a_complete_report_removes_what_it_leaves_out_of_its_own_days(project: Project) -> None:
    yesterday = DAY - timedelta(days=1)
    told(project, f"{DAY},meta,A,5,", f"{DAY},meta,B,2,", f"{yesterday},meta,B,2,")

    made = told(project, f"{DAY},meta,A,5,", complete=True)

    assert made.summary["removed"] == 1
    assert set(VendorNumber.objects.values_list("day", "campaign")) == {(DAY, "A"), (yesterday, "B")}


def test_wrong_rows_are_reported_and_the_rest_is_taken(project: Project) -> None:
    made = told(project, f"{DAY},meta,A,5,", "soon,meta,A,5,")

    assert (made.taken, made.refused) == (1, 1)
    assert made.report == [
        {"line": 3, "field": "day", "code": "invalid_day", "message": "Day: 'soon' is no day like 2026-11-20.",
         "text": "soon,meta,A,5,"}
    ]  # fmt: skip


def test_what_we_count_differently_is_told_with_its_number(project: Project) -> None:
    project.time_zone = "UTC"
    project.save()
    for _ in range(3):
        decision(project)
    decision(project, rejected=True)
    decision(project, kind="reinstall")
    decision(project, tier="probabilistic")
    told(project, f"{DAY},tiktok,Winter sale,6,")

    row = compared(project)["tiktok", "Winter sale"]

    assert (row.theirs.installs, row.ours.installs) == (6, 4)
    assert [(one.code, one.explains) for one in row.reasons] == [("reinstalls", 1), ("fraud", 1)]
    assert row.unexplained == 0


def test_days_cut_by_another_clock_are_recounted(project: Project) -> None:
    # 00:30 in Berlin is still the day before in UTC.
    decision(project, at=NOON - timedelta(hours=12, minutes=30))
    decision(project)
    told(project, f"{DAY},tiktok,Winter sale,1,")

    row = compared(project)["tiktok", "Winter sale"]

    assert (row.ours.installs, row.recounted) == (2, 1)
    assert row.reasons == [("time_zone", -1, -1)]
    found = report.report(project, "appsflyer", DAY, DAY)
    assert found.verdict
    assert (found.verdict.share, found.verdict.recounted) == (0.5, 1.0)


def test_windows_of_both_sides_are_told_apart(project: Project) -> None:
    old = decision(project)
    Candidate.objects.create(
        decision=old, touch=TouchFactory(project=project), tier="click_id", eligible=True, credited=True,
        age_s=10 * 86_400,
    )  # fmt: skip
    organic = decision(project, tier="organic", source="organic", campaign="")
    lost = TouchFactory(project=project, source="meta", campaign="Spring")
    Candidate.objects.create(
        decision=organic, touch=lost, tier="device_id", eligible=False, age_s=5 * 86_400,
        reasons=["same_device_id", "outside_window"],
    )  # fmt: skip
    told(project, f"{DAY},tiktok,Winter sale,0,", f"{DAY},meta,Spring,1,", f"{DAY},Organic,,1,")

    rows = compared(project)

    assert rows["tiktok", "Winter sale"].reasons == [("our_window", -1, -1)]
    assert rows["meta", "Spring"].reasons == [("their_window", 1, 1)]
    assert rows["organic", ""].difference == 0


def test_copies_that_never_arrived_explain_what_the_vendor_lacks(project: Project) -> None:
    decision(project, tier="organic", source="organic", campaign="")
    app = VendorApp.objects.create(project=project, dialect="appsflyer", app_id="a")
    for path in ("/session", "/event"):
        VendorCopy.objects.create(
            project=project, app=app, method="POST", path=path, body=b"", state="failed", received_at=NOON
        )
    told(project, f"{DAY},Organic,,0,")

    assert compared(project)["organic", ""].reasons == [("undelivered", -1, -1)]


def test_revenue_under_names_that_nobody_mapped_is_told(project: Project) -> None:
    one = decision(project)
    pays(one, "20", name="af_purchase")
    pays(one, "7", name="Order Completed")
    told(project, f"{DAY},tiktok,Winter sale,1,7")

    assert compared(project)["tiktok", "Winter sale"].unmapped == Decimal(20)
    EventName.objects.create(project=project, dialect="appsflyer", theirs="buy", ours="af_purchase")
    assert compared(project)["tiktok", "Winter sale"].unmapped == 0


def test_a_campaign_that_is_called_ours_is_counted_as_ours(project: Project) -> None:
    decision(project)
    told(project, f"{DAY},tiktok,winter-sale-2026,1,")
    [alias] = report.report(project, "appsflyer", DAY, DAY).comparison.aliases

    numbers.call_it(project, "appsflyer", alias.theirs, alias.ours)

    found = report.report(project, "appsflyer", DAY, DAY)
    assert found.comparison.campaigns()["tiktok", "Winter sale"].difference == 0
    assert found.comparison.aliases == []
    assert found.verdict
    assert found.verdict.share == 1


def test_another_projects_numbers_are_not_compared(project: Project) -> None:
    decision(project)
    told(ProjectFactory(), f"{DAY},tiktok,Winter sale,9,")

    assert compared(project) == {}
