"""Customers' pages in a real browser: from the sign-up to the first event, and keys that are seen once."""

import re
import subprocess
import time

import pytest
from playwright.sync_api import expect

from customers import services as customers
from customers.models import Project
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGES = {
    "start": "start/",
    "project": "settings/",
    "keys": "settings/keys/",
    "members": "settings/members/",
    "organization": "settings/organization/",
    "activity": "settings/activity/",
}


def path(screen: Screen, rest: str) -> str:  # noqa: F811
    return f"/dashboard/{screen.project.slug}/{rest}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("name", PAGES)
def test_the_page_fits_the_screen_and_axe_finds_nothing(
    screen: Screen,  # noqa: F811
    name: str,
    scheme: str,
    width: int,
) -> None:
    key, _ = customers.make(screen.project, "secret", name="backend")
    customers.rotate(key)
    screen.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    screen.page.set_viewport_size({"width": width, "height": 900})

    page = screen.open(path(screen, PAGES[name]))

    assert screen.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("address", ["/dashboard/projects/", "/dashboard/projects/new/"])
def test_pages_without_a_project_are_as_good(screen: Screen, address: str) -> None:  # noqa: F811
    page = screen.open(address)

    assert screen.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_from_the_sign_up_to_the_first_event_takes_less_than_five_minutes(
    screen: Screen,  # noqa: F811
    settings: object,
) -> None:
    settings.BASE_URL = screen.base
    screen.page.context.clear_cookies()
    began = time.monotonic()

    page = screen.page
    page.goto(f"{screen.base}/accounts/signup/")
    page.get_by_label("Email").fill("ada@example.com")
    page.locator("[name=password1]").fill("correct horse 42")
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Organization").fill("Acme Ltd")
    page.locator("[name=name]").fill("Shop")
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_text("Waiting", exact=True)).to_be_visible()
    command = page.locator("pre[data-language=curl]").text_content()
    subprocess.run(["sh", "-c", f"{command.strip()} --silent --fail"], check=True, capture_output=True, timeout=20)
    expect(page.get_by_text("First event received.")).to_be_visible(timeout=5_000)

    assert time.monotonic() - began < 300
    assert page.url.endswith("/dashboard/shop/start/")


def test_what_is_typed_while_a_field_is_checked_is_not_lost(screen: Screen) -> None:  # noqa: F811
    page = screen.open("/dashboard/projects/new/")
    domain = page.locator("[name=domain]")

    domain.fill("no domain")
    page.locator("[name=name]").fill("Shop")
    expect(page.get_by_text("A domain looks like")).to_be_visible()

    expect(page.locator("[name=name]")).to_have_value("Shop")
    expect(domain).to_have_value("no domain")


def test_a_project_starts_in_the_time_zone_of_the_browser(screen: Screen) -> None:  # noqa: F811
    page = screen.open("/dashboard/projects/new/")

    here = page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone")

    expect(page.locator("[name=time_zone]")).to_have_value(here)


def test_a_secret_key_is_seen_once_and_a_reload_makes_no_second(screen: Screen) -> None:  # noqa: F811
    page = screen.open(path(screen, PAGES["keys"]))
    page.locator("[name=name]").fill("backend")
    page.get_by_role("button", name="Make key").click()
    secret = page.locator(".g-secret code")
    expect(secret).to_have_text(re.compile("^sk_[0-9a-f]{48}$"))

    page.reload()

    expect(secret).to_have_count(0)
    assert Project.objects.get(pk=screen.project.pk).keys.filter(name="backend").count() == 1


def test_a_key_is_rotated_and_the_old_one_ended_by_typing_its_name(screen: Screen) -> None:  # noqa: F811
    key, text = customers.make(screen.project, "secret", name="backend")
    page = screen.open(path(screen, PAGES["keys"]))
    page.locator(f"[data-dialog=rotate-{key.pk}]").click()
    page.get_by_role("button", name="Rotate key").click()
    expect(page.get_by_text("Works until")).to_be_visible()

    page.locator(f"[data-dialog=revoke-{key.pk}]").click()
    revoke = page.locator(f"#revoke-{key.pk} button[type=submit]")
    expect(revoke).to_be_disabled()
    page.locator(f"#revoke-{key.pk} input[name=confirm]").fill("backend")
    revoke.click()
    expect(page.get_by_text("Ended keys")).to_be_visible()

    assert customers.find_caller(text) is None
    assert page.url.endswith("/settings/keys/")
