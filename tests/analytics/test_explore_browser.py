"""Explorer in a real browser: asked by keyboard alone, in place, slow ones with a way out, on a phone, under axe."""

import re
import time
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from analytics.models import Cohort, SavedView
from events.services import Relation
from tests.analytics.stories import tell
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def stream(screen: Screen) -> Screen:  # noqa: F811
    """A browser on a project whose people signed up and made videos in the last days."""
    now = timezone.now().astimezone(UTC)
    told: dict[str, Any] = {}
    for number in range(12):
        at = now - timedelta(days=1 + number % 5)
        plan = {"plan": "pro" if number % 3 else "free"}
        told[f"p-{number}"] = [(at.isoformat(), "Signed Up", plan)]
        if number % 2:
            told[f"p-{number}"].append(((at + timedelta(hours=1)).isoformat(), "First Video", {"length": number}))
    tell(screen.project, told)
    return screen


def path(screen: Screen, rest: str) -> str:  # noqa: F811
    return f"/dashboard/{screen.project.slug}/explore/{rest}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
@pytest.mark.parametrize(
    "place",
    [
        "",
        "funnel/?step=Signed+Up&step=First+Video&by=plan",
        "retention/?period=day",
        "adoption/?event=First+Video",
        "active/",
        "stickiness/",
        "lifecycle/?period=day",
        "paths/",
        "trend/",
        "trend/?event=Signed+Up&event=First+Video&event2.where=length:gt:3&where=plan:is:pro&by=plan",
        "trend/?event=Signd+Up",
        "trend/people/?event=Signed+Up",
    ],
)
def test_the_page_fits_the_screen_and_axe_finds_nothing(stream: Screen, place: str, scheme: str, width: int) -> None:
    stream.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    stream.page.set_viewport_size({"width": width, "height": 900})

    page = stream.open(path(stream, place))

    assert stream.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_question_is_asked_by_keyboard_alone(stream: Screen) -> None:
    page = stream.open(path(stream, "trend/"))

    page.get_by_label("Show: event").focus()
    expect(page.locator("#picks [role=option]").first).to_be_visible()
    page.keyboard.type("sign")
    expect(page.locator("#picks [aria-selected=true]")).to_have_text(re.compile("Signed Up"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?event=Signed\+Up$"))
    expect(page.locator("#result canvas")).to_be_visible()

    page.get_by_role("button", name="Add filter", exact=True).focus()
    page.keyboard.press("Enter")
    page.keyboard.type("plan")
    expect(page.locator("#picks [aria-selected=true]")).to_have_text(re.compile("plan"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("Value", exact=True)).to_be_focused()
    expect(page.locator("#picks [role=option]")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"where=plan:is:pro"))
    expect(page.locator("#result .g-big")).to_have_text("8")

    page.keyboard.press("Escape")
    page.go_back()
    expect(page.locator("#result .g-big")).to_have_text("12")
    expect(page.locator("[data-token]")).to_have_count(0)


def test_the_period_is_changed_in_place_and_stays_with_the_question(stream: Screen) -> None:
    page = stream.open(path(stream, "trend/?event=Signed+Up&where=plan:is:pro&where=plan:set"))
    page.evaluate("window.samePage = true")

    page.locator("#bar summary").first.click()
    page.get_by_role("link", name="Last 90 days").click()

    expect(page.locator("#bar")).to_contain_text("Last 90 days")
    assert page.evaluate("window.samePage")
    assert page.url.endswith("?event=Signed+Up&where=plan:is:pro&where=plan:set&range=90d")
    page.get_by_label("Show: event").fill("First Video")
    page.keyboard.press("Tab")
    expect(page).to_have_url(re.compile(r"event=First\+Video.*range=90d"))


def test_a_slow_question_says_so_and_can_be_left(stream: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    run, ended = Relation.run, []
    monkeypatch.setattr("events.services.cancel_question", ended.append)
    page = stream.open(path(stream, "trend/?event=Signed+Up"))

    def slow(*args: Any, **kwargs: Any) -> Any:
        time.sleep(4)
        return run(*args, **kwargs)

    monkeypatch.setattr(Relation, "run", slow)
    page.get_by_label("Show: event").fill("First Video")
    page.keyboard.press("Enter")
    working = page.locator(".g-working")
    expect(working).to_be_visible()
    expect(working).to_contain_text("Counting for 2 s")
    working.get_by_role("button", name="Cancel").click()

    expect(page.locator("#result")).to_contain_text("Cancelled")
    expect(working).to_be_hidden()
    page.wait_for_timeout(300)
    assert len(ended) == 1
    assert len(ended[0]) == 36
    monkeypatch.setattr(Relation, "run", run)
    page.get_by_role("button", name="Ask again").click()
    expect(page.locator("#result .g-big")).to_have_text("6")


def test_what_is_wrong_stands_beside_its_field_and_goes_when_it_is_right(stream: Screen) -> None:
    page = stream.open(path(stream, "trend/?event=First+Video"))

    page.get_by_label("What is counted").select_option("sum")
    expect(page.locator("[data-part=event] [data-wrong]")).to_contain_text("Name the property")
    expect(page.locator("#result")).to_contain_text("Almost a question")
    page.get_by_label("Of which property").fill("length")
    page.keyboard.press("Enter")

    expect(page.locator("#result .g-big")).to_have_text("36")
    expect(page.locator("[data-part=event] [data-wrong]")).to_be_hidden()
    assert all("422" in error for error in stream.errors)
    stream.errors.clear()


def test_on_a_phone_the_builder_folds_and_says_what_is_asked(stream: Screen) -> None:
    stream.page.set_viewport_size({"width": 390, "height": 800})
    page = stream.open(path(stream, "trend/?event=Signed+Up&by=plan"))
    fold = page.locator("[data-fold]")

    expect(fold).to_have_text(re.compile("Signed Up, by plan"))
    expect(page.get_by_label("Show: event")).to_be_hidden()
    fold.click()
    expect(page.get_by_label("Show: event")).to_be_visible()
    assert fold.get_attribute("aria-expanded") == "true"


def test_a_question_is_saved_and_its_people_too(stream: Screen) -> None:
    page = stream.open(path(stream, "trend/?event=Signed+Up"))
    page.get_by_label("Show: event").fill("First Video")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("First"))

    page.get_by_role("button", name=re.compile("Save view")).click()
    page.get_by_label("Name", exact=True).fill("Videos")
    page.locator("#save-view button[type=submit]").click()
    page.wait_for_load_state("networkidle")
    assert SavedView.objects.get().query == "event=First+Video"

    stream.open(path(stream, "trend/people/?event=First+Video"))
    page.get_by_role("button", name=re.compile("Save as cohort")).click()
    page.get_by_label("Name", exact=True).fill("Makers")
    page.locator("#save-cohort button[type=submit]").click()
    page.wait_for_load_state("networkidle")
    assert Cohort.objects.get().size == 6
