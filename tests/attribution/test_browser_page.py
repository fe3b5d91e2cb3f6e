"""The pages of attribution in a real browser: a link made by keyboard, the way to a decision, axe, small screens."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from attribution.models import Link
from tests.attribution.conftest import decided
from tests.attribution.factories import LinkFactory, TouchFactory
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def credited(screen: Screen) -> Screen:  # noqa: F811
    """A browser on a project with a link, a tap and the install that it brought."""
    at = timezone.now() - timedelta(hours=1)
    link = LinkFactory(project=screen.project, slug="winter")
    TouchFactory(project=screen.project, link=link, touch_id="tap-1", ts=at - timedelta(seconds=198))
    decided(screen.project, click_id="tap-1", at=at)
    return screen


def path(screen: Screen, rest: str = "") -> str:  # noqa: F811
    return f"/dashboard/{screen.project.slug}/{rest}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize(
    "name", ["overview", "campaigns", "pivot", "installs", "decision", "keys", "links", "link", "form", "import"]
)
def test_the_page_fits_the_screen_and_axe_finds_nothing(credited: Screen, name: str, scheme: str, width: int) -> None:
    link = Link.objects.get()
    places = {
        "overview": "attribution/",
        "campaigns": "campaigns/",
        "pivot": "campaigns/pivot/?columns=day",
        "keys": "network-keys/",
        "installs": "installs/",
        "decision": f"installs/{credited.project.decisions.get().pk}/",
        "links": "links/",
        "link": f"links/{link.pk}/",
        "form": "links/create/",
        "import": "links/import/",
    }
    credited.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    credited.page.set_viewport_size({"width": width, "height": 900})

    page = credited.open(path(credited, places[name]))

    assert credited.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_campaign_leads_down_to_the_decision(credited: Screen) -> None:
    page = credited.open(path(credited, "campaigns/?by=source"))

    page.locator("#rows tbody tr").first.click()
    expect(page.locator("h1")).to_have_text("TikTok")
    page.locator("#rows tbody tr").first.click()
    expect(page.locator("h1")).to_have_text("Winter sale")
    page.get_by_role("link", name="See the installs").click()
    expect(page.locator("h1")).to_have_text("Installs")
    page.locator("#rows tbody tr").first.click()

    expect(page.locator(".g-say")).to_contain_text(
        "Credited to Winter sale / TikTok: clicked 3 min 18 s before the install, with the same click id."
    )


def test_a_link_is_made_by_keyboard_with_nothing_lost_while_it_is_checked(credited: Screen) -> None:
    page = credited.open(path(credited, "links/create/"))

    page.locator("input[name=name]").focus()
    for text in ("Autumn push", "Newsletter", "winter"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    expect(page.locator("#id_slug-field")).to_contain_text("Another link has this slug already")
    page.fill("input[name=slug]", "autumn")
    page.fill("input[name=fallback_url]", "https://shop.example/autumn")
    expect(page.locator("#preview")).to_contain_text("utm_source=newsletter&utm_campaign=Autumn push&click_id=TOUCH_ID")
    page.locator("input[name=fallback_url]").press("Enter")

    expect(page.locator("h1")).to_have_text("Autumn push")
    assert Link.objects.get(slug="autumn").source == "newsletter"


def test_archiving_offers_undo(credited: Screen) -> None:
    page = credited.open(path(credited, f"links/{Link.objects.get().pk}/"))

    page.get_by_role("button", name="Archive").click()
    expect(page.locator(".g-toast")).to_contain_text("Winter sale is archived")
    page.get_by_role("button", name="Undo").click()

    expect(page.locator("#rows")).to_contain_text("Winter sale")
    assert Link.objects.get().archived_at is None
