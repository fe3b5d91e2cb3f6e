"""The pages of SKAN in a real browser: axe, small screens, the console, a range filled in without leaving the page."""

from datetime import timedelta

import orjson
import pytest
from django.utils import timezone
from playwright.sync_api import expect

from attribution.models import AppleApp, ConversionSchema
from attribution.skan import examples, receiving
from tests.attribution.skan_rows import ours, skan
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_pages_fit_the_screen_and_axe_finds_nothing(
    screen: Screen,  # noqa: F811
    scheme: str,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours(monkeypatch)
    project, at = screen.project, timezone.now() - timedelta(hours=1)
    AppleApp.objects.create(project=project, app_id=525463029, name="Acme")
    ConversionSchema.objects.create(project=project, valid_from="2020-01-01", fine=[{"value": 3, "label": "Trial"}])
    row = receiving.take(orjson.dumps(skan(conversion_value=3)), now=at, project_id=project.pk).postback
    receiving.take(orjson.dumps({**skan(), "app-id": 7}), now=at, project_id=project.pk)
    screen.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    screen.page.set_viewport_size({"width": width, "height": 900})

    for place in (
        "", "postbacks/", f"postbacks/{row.pk}/", "console/?example=app", "schemas/", "schemas/create/", "apps/",
    ):  # fmt: skip
        page = screen.open(f"/dashboard/techstart/skan/{place}")

        assert screen.faults() == [], place
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, place


def test_a_pasted_postback_is_checked_in_place(screen: Screen) -> None:  # noqa: F811
    page = screen.open("/dashboard/techstart/skan/console/")

    page.fill("#postback", examples.ALL["app"].text)
    page.get_by_role("button", name="Check the signature").click()
    expect(page.locator("#result")).to_contain_text("The signature does not fit")
    page.fill("#postback", examples.ALL["v4"].text)
    page.get_by_role("button", name="Check the signature").click()
    expect(page.locator("#result")).to_contain_text("The signature fits")


def test_a_range_is_filled_in_and_saved(screen: Screen) -> None:  # noqa: F811
    page = screen.open("/dashboard/techstart/skan/schemas/create/")

    page.fill("#fill-span", "0-9")
    page.fill("#fill-label", "Trial")
    page.fill("#fill-low", "1")
    page.fill("#fill-high", "10")
    page.get_by_role("button", name="Fill in").click()
    expect(page.locator("#schema")).to_contain_text("10 values filled in")
    page.get_by_role("button", name="Save schema").click()

    expect(page.locator("h1")).to_have_text("Conversion schemas")
    [row] = ConversionSchema.objects.all()
    assert [(one["value"], one["revenue"]) for one in row.fine][-1] == (9, "10.00")
