"""The pages of events and analytics in a real browser: what arrives is seen, axe and the small screen are content."""

import time

import pytest
from playwright.sync_api import expect

from events import services as events
from events.models import Person, Rejected
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures
from tests.scene import digest_all

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ORDER = {"type": "track", "event": "Order Completed", "userId": "ada", "properties": {"revenue": 9.99}}


@pytest.fixture
def busy(screen: Screen) -> Screen:  # noqa: F811
    """A browser on a project in which something happened."""
    events.record(
        screen.project.pk,
        [
            ORDER,
            {"type": "identify", "userId": "ada", "traits": {"name": "Ada", "plan": "pro"}},
            {"type": "track", "event": "X"},
        ],
    )
    digest_all()
    return screen


def path(screen: Screen, rest: str = "") -> str:  # noqa: F811
    return f"/dashboard/{screen.project.slug}/{rest}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize("name", ["home", "live", "people", "person", "rejected", "refusal"])
def test_the_page_fits_the_screen_and_axe_finds_nothing(busy: Screen, name: str, scheme: str, width: int) -> None:
    places = {
        "home": "",
        "live": "live/",
        "people": "people/",
        "person": f"people/{Person.objects.get(project=busy.project)}/",
        "rejected": "rejected/?code=missing_id",
        "refusal": f"rejected/{Rejected.objects.get(project=busy.project).pk}/",
    }
    busy.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    busy.page.set_viewport_size({"width": width, "height": 900})

    page = busy.open(path(busy, places[name]))

    assert busy.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_empty_live_page_becomes_the_feed_and_shows_events_and_refusals_within_two_seconds(
    screen: Screen,  # noqa: F811
) -> None:
    page = screen.open(path(screen, "live/"))
    expect(page.get_by_text("Waiting for the first event")).to_be_visible()

    events.record(screen.project.pk, [ORDER])
    expect(page.locator("#feed")).to_contain_text("Order Completed", timeout=10_000)
    started = time.monotonic()
    events.record(screen.project.pk, [{**ORDER, "event": "Second"}, {"type": "track", "event": "Third"}])
    expect(page.locator("#feed")).to_contain_text("Second")
    expect(page.locator("#feed")).to_contain_text("missing_id")

    assert time.monotonic() - started < 2.5
    expect(page.locator("#feed > li")).to_have_count(3)


def test_a_row_opens_to_its_json(busy: Screen) -> None:
    page = busy.open(path(busy, "live/"))

    page.locator("#feed summary", has_text="Order Completed").click()

    expect(page.locator(".g-whole .g-json").first).to_contain_text('"revenue": 9.99')
    expect(page.get_by_text("Copy JSON")).to_be_visible()


def test_nobody_asks_while_the_tab_is_hidden_or_the_feed_is_paused(busy: Screen) -> None:
    page, asked = busy.open(path(busy, "live/")), []
    page.on("request", lambda request: "live/rows" in request.url and asked.append(request.url))

    page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => true})")
    page.wait_for_timeout(1_500)
    asked.clear()
    page.wait_for_timeout(2_500)
    while_hidden = len(asked)
    page.evaluate("Object.defineProperty(document, 'hidden', {configurable: true, get: () => false})")
    page.wait_for_timeout(2_500)
    when_back = len(asked)
    page.keyboard.press("p")
    expect(page.get_by_text("Paused")).to_be_visible()
    asked.clear()
    page.wait_for_timeout(2_500)

    assert while_hidden == 0
    assert when_back >= 1
    assert asked == []


def test_a_refusal_is_repaired_on_its_page(busy: Screen) -> None:
    rejected = Rejected.objects.get(project=busy.project)
    page = busy.open(path(busy, f"rejected/{rejected.pk}/"))

    page.get_by_label("The event, as it is sent again").fill('{"type": "track", "event": "X"}')
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("alert")).to_contain_text("Still refused because of userId")
    page.get_by_label("The event, as it is sent again").fill('{"type": "track", "event": "X", "userId": "bo"}')
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("Replayed: the event is stored.")).to_be_visible()

    rejected.refresh_from_db()
    assert rejected.state == Rejected.State.REPLAYED
    busy.errors[:] = [error for error in busy.errors if "422" not in error]


def test_the_search_dialog_finds_a_person(busy: Screen) -> None:
    page = busy.open(path(busy))

    page.keyboard.press("/")
    page.locator("#search input").fill("Ada")
    page.locator("#search-list li[data-href*='/people/p_']").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")
