"""Models and cohorts in a real browser: axe, small screens, numbers that follow the page, weights made and undone."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from attribution.models import CreditModel
from attribution.views import models as model_views
from events.models import Identity, Person, PersonDay
from tests.attribution.credit_rows import Step, journey
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def traffic(screen: Screen) -> Screen:  # noqa: F811
    """A browser on a project whose people met two ads before they installed, three weeks ago and lately."""
    now = timezone.now()
    for number in range(40):
        at = now - timedelta(days=21 if number % 2 else 2)
        journey(
            screen.project, [Step("tiktok", 5, "Winter"), Step("meta", 1, "Brand")], at=at, distinct_id=f"p-{number}",
            revenue=["9.90"],
        )  # fmt: skip
        person = Person.objects.create(project=screen.project, first_seen_at=at, last_seen_at=now)
        Identity.objects.create(project=screen.project, value=f"p-{number}", person=person, known=False)
        PersonDay.objects.create(project=screen.project, day=at.date() + timedelta(days=1), person=person, events=1)
    return screen


def path(screen: Screen, rest: str) -> str:  # noqa: F811
    return f"/dashboard/{screen.project.slug}/{rest}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize(
    "place",
    [
        "models/",
        "models/?by=campaign&measure=revenue",
        "models/create/",
        "cohorts/",
        "cohorts/?rows=source&measure=revenue",
    ],
)
def test_the_page_fits_the_screen_and_axe_finds_nothing(traffic: Screen, place: str, scheme: str, width: int) -> None:
    traffic.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    traffic.page.set_viewport_size({"width": width, "height": 900})

    page = traffic.open(path(traffic, place))

    assert traffic.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("place", ["models/", "cohorts/"])
def test_the_empty_page_fits_too(screen: Screen, place: str) -> None:  # noqa: F811
    screen.open(path(screen, place))

    assert screen.faults() == []


def test_numbers_of_many_installs_follow_the_page(traffic: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_views, "AT_ONCE", 2)

    page = traffic.open(path(traffic, "models/"))

    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()
    expect(page.locator(".g-lazy")).to_have_count(0)
    expect(page.locator("#models canvas")).to_be_visible()


def test_weights_are_tried_made_and_undone(traffic: Screen) -> None:
    page = traffic.open(path(traffic, "models/create/"))

    page.fill("input[name=name]", "Mostly last")
    page.fill("input[name=first]", "0")
    page.fill("input[name=middle]", "0")
    expect(page.locator("#preview tbody tr").last).to_contain_text("100.0%")
    page.get_by_role("button", name="Create model").click()
    expect(page.locator("thead").first).to_contain_text("Mostly last")
    assert CreditModel.objects.get().settings["first"] == 0

    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("None yet. A model of your own")).to_be_visible()
    assert not CreditModel.objects.exists()


def test_a_decision_shows_what_other_models_say_when_asked(traffic: Screen) -> None:
    decision = traffic.project.decisions.first()
    page = traffic.open(path(traffic, f"installs/dec_{decision.pk}/"))

    page.get_by_text("How other models would share it").click()

    expect(page.locator("#credit tbody tr")).to_have_count(2)
    expect(page.locator("#credit")).to_contain_text("credited")
    assert traffic.faults() == []
