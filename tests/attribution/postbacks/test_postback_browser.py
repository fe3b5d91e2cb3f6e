"""Postbacks in a real browser: axe, small screens, and macros chosen by the keyboard."""

import pytest
from playwright.sync_api import expect

from attribution.models import Destination
from attribution.postbacks import destinations
from attribution.postbacks.templates import BY_CODE
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_pages_fit_the_screen_and_axe_finds_nothing(screen: Screen, scheme: str, width: int) -> None:  # noqa: F811
    fields = destinations.fields_of(BY_CODE["webhook"]) | {"url": "https://8.8.8.8/hook"}
    one, _ = destinations.create(screen.project, user=None, **fields)
    message = destinations.making.message(one, "dec_1-1-install", "install", destinations.SAMPLE)
    message.save()
    screen.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    screen.page.set_viewport_size({"width": width, "height": 900})

    for place in ("", "destinations/create/?template=meta", f"destinations/{one.pk}/", f"{message.pk}/"):
        page = screen.open(f"/dashboard/{screen.project.slug}/postbacks/{place}")

        assert screen.faults() == [], place
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, place


def test_a_macro_is_chosen_by_the_keyboard_and_seen_in_the_preview(screen: Screen) -> None:  # noqa: F811
    page = screen.open(f"/dashboard/{screen.project.slug}/postbacks/destinations/create/?template=webhook")
    url = page.get_by_label("Address")

    url.fill("https://8.8.8.8/hook?c=")
    url.press("End")
    url.press_sequentially("{camp")
    expect(page.get_by_role("listbox", name="Macros").get_by_role("option").first).to_contain_text("campaign")
    url.press("Enter")

    expect(url).to_have_value("https://8.8.8.8/hook?c={campaign}")
    expect(page.locator("#preview")).to_contain_text("hook?c=Winter%20sale")
    page.get_by_role("button", name="Add destination").click()
    expect(page.get_by_text("The signing secret of Webhook.")).to_be_visible()
    assert Destination.objects.get().url == "https://8.8.8.8/hook?c={campaign}"
