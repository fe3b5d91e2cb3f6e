"""Domains, a link's addresses and the judged file in a real browser: axe, small screens, nothing in the console."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from attribution.models import Domain, Link
from tests.attribution.factories import LinkFactory
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FILE = """name,source,slug,fallback_url
Good,tiktok,good,https://a.example
Bad,tiktok,,nonsense
Macro,meta,,https://c.example/{campain}
"""


@pytest.fixture
def linked(screen: Screen) -> Screen:  # noqa: F811
    """A browser on a project with two hosts and a link that has ended."""
    at = timezone.now()
    host = Domain.objects.create(project=screen.project, host="go.shop.example", token="t" * 32, verified_at=at)
    Domain.objects.create(project=screen.project, host="links.shop.example", token="u" * 32, problem="No record yet.")
    LinkFactory(project=screen.project, slug="winter", domain=host, ad_set="Women", expires_at=at - timedelta(days=1))
    return screen


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("name", ["domains", "verified", "claimed", "link", "edit"])
def test_the_page_fits_the_screen_and_axe_finds_nothing(linked: Screen, name: str, scheme: str, width: int) -> None:
    verified, claimed = Domain.objects.order_by("host")
    link = Link.objects.get()
    places = {
        "domains": "domains/",
        "verified": f"domains/{verified.pk}/",
        "claimed": f"domains/{claimed.pk}/",
        "link": f"{link.pk}/",
        "edit": f"{link.pk}/edit/",
    }
    linked.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    linked.page.set_viewport_size({"width": width, "height": 900})

    page = linked.open(f"/dashboard/{linked.project.slug}/links/{places[name]}")

    assert linked.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_file_is_judged_before_its_links_are_made(linked: Screen, tmp_path: Path) -> None:
    file = tmp_path / "links.csv"
    file.write_text(FILE)
    page = linked.open(f"/dashboard/{linked.project.slug}/links/import/")

    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Look at the file").click()

    expect(page.locator("h2").first).to_have_text("2 rows can become a link, 1 can’t")
    expect(page.locator("tbody tr").first).to_contain_text("fallback_url")
    assert linked.faults() == []
    assert Link.objects.count() == 1

    page.get_by_role("button", name="Make 2 links").click()

    expect(page.locator("#rows")).to_contain_text("Good")
    assert set(Link.objects.values_list("name", flat=True)) == {"Winter sale", "Good", "Macro"}


def test_the_page_of_an_ended_link_stands_alone(linked: Screen) -> None:
    linked.page.set_viewport_size({"width": 390, "height": 800})

    answer = linked.page.goto(f"{linked.base}/c/winter")

    assert answer is not None
    assert answer.status == 410
    expect(linked.page.locator("h1")).to_have_text("This link has ended")
    # Its style is let in by its digest: without it the page would be as wide as the window.
    assert linked.page.evaluate("getComputedStyle(document.querySelector('main')).borderRadius") == "10px"
    assert [error for error in linked.errors if "410" not in error] == []
    linked.errors.clear()
