"""Vendors' formats and repair rules in a real browser: axe, small screens, an app connected, names, a rule tried."""

import json

import pytest
from django.test import Client
from playwright.sync_api import expect

from events import event_names, repair_rules, vendor_apps
from events.dialects import vendors
from events.models import EventName, Rejected
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures
from tests.scene import digest_all

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KEY = "dev-key-of-acme-42"


def send(name: str, path: str = "/inappevent/id123456789") -> None:
    body = {"appsflyer_id": "1700000000000-1234567", "eventName": name, "eventValue": ""}
    Client().post(path, json.dumps(body), content_type="application/json", headers={"authentication": KEY})


@pytest.fixture
def vendor(screen: Screen) -> Screen:  # noqa: F811
    """A browser on a project whose AppsFlyer traffic has begun, with a refusal and a rule."""
    vendors.forget_cached()
    vendor_apps.claim(screen.project, "appsflyer", "id123456789", key=KEY)
    event_names.name(screen.project, "appsflyer", "af_rate", "Reviewed")
    for name in ("af_purchase", "af_login", "an_event_with_a_rather_long_name_of_its_own"):
        send(name)
    send("af_purchase", "/inappevent/123456789")
    digest_all()
    return screen


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_pages_fit_the_screen_and_axe_finds_nothing(vendor: Screen, scheme: str, width: int) -> None:
    given = {"code": "missing_id", "field": "user_id", "action": "rename", "value": "userId"}
    rule = repair_rules.create(vendor.project, given)
    refusal = Rejected.objects.get(project=vendor.project)
    vendor.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    vendor.page.set_viewport_size({"width": width, "height": 900})

    for path in (
        "vendors/",
        "vendors/appsflyer/",
        "rejected/?code=id_prefix_missing&vendor=appsflyer",
        f"rejected/{refusal.pk}/",
        "rejected/rules/",
        "rejected/rules/new/?code=id_prefix_missing",
        f"rejected/rules/{rule.pk}/",
    ):
        page = vendor.open(f"/dashboard/{vendor.project.slug}/{path}")
        expect(page.locator("[aria-busy=true]")).to_have_count(0)

        assert vendor.faults() == [], path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path


def test_an_app_is_connected_and_the_page_sees_the_first_request(screen: Screen) -> None:  # noqa: F811
    vendors.forget_cached()
    page = screen.open(f"/dashboard/{screen.project.slug}/vendors/appsflyer/")
    page.get_by_label("App ID").fill("id123456789")
    page.get_by_label("S2S key or dev key").fill(KEY)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#check")).to_contain_text("Waiting for the first request")

    send("af_purchase")

    expect(page.locator("#check")).to_contain_text("af_purchase")


def test_suggestions_are_accepted_and_one_name_is_changed(vendor: Screen) -> None:
    page = vendor.open(f"/dashboard/{vendor.project.slug}/vendors/appsflyer/")

    page.get_by_role("button", name="Accept 2 suggestions").click()
    expect(page.get_by_text("2 names accepted.")).to_be_visible()
    field = page.get_by_label("What af_rate is called here")
    field.fill("Rated")
    field.press("Enter")
    expect(page.get_by_text("af_rate is called “Rated”")).to_be_visible()

    names = dict(EventName.objects.values_list("theirs", "ours"))
    assert names == {"af_purchase": "Order Completed", "af_login": "Signed In", "af_rate": "Rated"}


def test_a_rule_shows_what_it_would_do_while_it_is_typed(vendor: Screen) -> None:
    page = vendor.open(f"/dashboard/{vendor.project.slug}/rejected/rules/new/?code=id_prefix_missing")
    expect(page.locator("#preview")).to_contain_text("Would repair 1 of 1")

    page.get_by_label("With what").fill("x")
    expect(page.locator("#preview")).to_contain_text("Would repair 0 of 1")
    page.get_by_label("With what").fill("id")
    expect(page.locator("#preview ins")).to_have_text("/inappevent/id123456789")
    page.get_by_role("button", name="Keep the rule and repair").click()

    expect(page.locator("h1")).to_have_text("Add “id” before the app id")
