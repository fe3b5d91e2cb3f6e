"""The pages of cost in a browser: axe, small screens; a report is looked at, its mapping changed, taken, undone."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from attribution.models import ExchangeRate, Spend, SpendName
from tests.attribution.credit_rows import Step, convert, journey
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def spending(screen: Screen) -> Screen:  # noqa: F811
    """A browser on a project with spend of three kinds: matched, of an unknown name, without a rate."""
    project, now = screen.project, timezone.now()
    day = (now - timedelta(days=9)).date()
    for campaign, currency, more in (
        ("Winter sale", project.currency, {}),
        ("Winter sale", project.currency, {"ad_set": "Students", "country": "DE"}),
        ("winter_sale", project.currency, {}),
        ("Summer", "CHF", {}),
    ):
        Spend.objects.create(
            project=project, day=day, source="tiktok", campaign=campaign, amount=Decimal(40), currency=currency, **more
        )
    convert(journey(project, [Step("tiktok", campaign="Winter sale")], at=now - timedelta(days=9)), "70")
    ExchangeRate.objects.create(project=project, currency="GBP", into=project.currency, day=day, rate=2)
    SpendName.objects.create(project=project, source="meta", campaign="a", to_source="meta", to_campaign="b")
    return screen


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_pages_fit_the_screen_and_axe_finds_nothing(spending: Screen, scheme: str, width: int) -> None:
    spending.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    spending.page.set_viewport_size({"width": width, "height": 900})

    for place in ("", "ages/", "pivot/", "spend/", "spend/add/", "imports/", "rates/", "unmatched/"):
        page = spending.open(f"/dashboard/{spending.project.slug}/cost/{place}")

        assert spending.faults() == [], place
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, place


def test_a_report_is_looked_at_its_mapping_changed_taken_and_undone(spending: Screen, tmp_path: Path) -> None:
    file = tmp_path / "report.csv"
    file.write_text("when,campaign,cost\n2026-01-05,Winter sale,10.00\n2026-01-06,Winter sale,oops\n")
    page = spending.open(f"/dashboard/{spending.project.slug}/cost/imports/")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Look at the file").click()
    expect(page.locator("#draft")).to_contain_text("Say where to find day and source")

    page.get_by_label("Column for day").select_option("when")
    expect(page.locator("#draft")).to_contain_text("Say where to find source")
    page.get_by_label("Source of all lines").fill("tiktok")
    page.get_by_label("Source of all lines").press("Tab")
    expect(page.locator("#draft")).to_contain_text("1 line refused")
    assert spending.faults() == []
    page.get_by_role("button", name="Import 1 row").click()

    expect(page.locator("h1")).to_have_text("report.csv")
    expect(page.locator(".g-say")).to_contain_text("1 added")
    assert spending.faults() == []
    page.get_by_role("button", name="Undo this import").click()
    page.get_by_role("dialog").get_by_role("button", name="Undo import").click()
    expect(page.locator(".g-say")).to_contain_text("It was undone")
    assert Spend.objects.count() == 4
