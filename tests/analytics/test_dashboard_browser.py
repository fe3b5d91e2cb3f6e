"""Dashboards, views and shared pages in a real browser: axe, small screens, moving tiles by pointer and by keyboard."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import expect

from analytics import annotations, cohorts, dashboards, saved, sharing
from analytics.models import Dashboard, SavedView, Tile
from events.models import Person
from tests.analytics.stories import tell
from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def kept(screen: Screen) -> Screen:  # noqa: F811
    """A browser on a project with three views on a dashboard, a cohort, annotations and links to share."""
    project, now = screen.project, timezone.now()
    day = now - timedelta(days=2)
    tell(project, {name: [(day.isoformat(), "Signed Up"), (now.isoformat(), "Order")] for name in ("ada", "bob")})
    board = dashboards.create(project, "Monday meeting")
    for name in ("Sign-ups", "Orders", "Nothing"):
        event = {"Sign-ups": "Signed+Up", "Orders": "Order"}.get(name, "Nothing")
        dashboards.add(board, saved.create(project, name, "trend", f"event={event}"), now=now)
    annotations.add(project, kind="deploy", text="4.12.0", at=day)
    annotations.add(project, kind="incident", text="Sync was down", at=day, until=now)
    cohorts.save(project, "Keen", "trend", "event=Order", Person.objects.values_list("pk", flat=True), None)
    return screen


def board_of(kept: Screen) -> str:
    return f"/dashboard/{kept.project.slug}/dashboards/{Dashboard.objects.get().pk}/"


def names() -> list[str]:
    return [tile.view.name for tile in dashboards.tiles(Dashboard.objects.get())]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_pages_fit_the_screen_and_axe_finds_nothing(kept: Screen, scheme: str, width: int) -> None:
    view = SavedView.objects.order_by("pk").first()
    assert view
    note = kept.project.annotations.get(kind="deploy")
    cohort = kept.project.cohorts.get()
    kept.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    kept.page.set_viewport_size({"width": width, "height": 900})
    board = Dashboard.objects.get().pk
    places = ("views/", f"views/{view.pk}/", "dashboards/", f"dashboards/{board}/", "cohorts-saved/",
              f"cohorts-saved/{cohort.pk}/", "annotations/", f"annotations/{note.pk}/edit/", "templates/",
              "templates/visitor-to-pro/")  # fmt: skip
    for place in places:
        page = kept.open(f"/dashboard/{kept.project.slug}/{place}")

        assert kept.faults() == [], place
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, place


def test_a_tile_is_moved_and_resized_by_keyboard(kept: Screen) -> None:
    page = kept.open(board_of(kept))
    page.get_by_role("button", name="Move or resize Orders").focus()

    with page.expect_response("**/arrange/"):
        page.keyboard.press("ArrowLeft")
    with page.expect_response("**/arrange/"):
        page.keyboard.press("+")

    assert names() == ["Orders", "Sign-ups", "Nothing"]
    assert Tile.objects.get(view__name="Orders").width == 2
    expect(page.get_by_role("button", name="Move or resize Orders")).to_be_focused()
    expect(page.locator("#live")).to_have_text("Orders is as wide as the page")


def test_a_tile_is_dragged(kept: Screen) -> None:
    page = kept.open(board_of(kept))
    grip = page.get_by_role("button", name="Move or resize Sign-ups").bounding_box()
    target = page.locator(".g-tile", has_text="Orders").first.bounding_box()
    assert grip
    assert target

    page.mouse.move(grip["x"] + 5, grip["y"] + 5)
    page.mouse.down()
    page.mouse.move(target["x"] + target["width"] * 0.8, target["y"] + 30, steps=6)
    with page.expect_response("**/arrange/"):
        page.mouse.up()

    assert names() == ["Orders", "Sign-ups", "Nothing"]


def test_a_view_is_added_taken_off_and_put_back(kept: Screen) -> None:
    saved.create(kept.project, "Visits", "trend", "event=Order")
    page = kept.open(board_of(kept))

    page.get_by_role("button", name="Add view").click()
    page.get_by_role("button", name="Add Visits").click()
    expect(page.locator(".g-tile")).to_have_count(4)
    page.locator("summary", has=page.locator("text=More about Orders")).or_(
        page.locator('summary[aria-label="More about Orders"]')
    ).click()
    page.get_by_role("button", name="Take off the dashboard").click()
    expect(page.locator(".g-tile")).to_have_count(3)
    assert names() == ["Sign-ups", "Nothing", "Visits"]
    page.get_by_role("button", name="Undo").click()

    expect(page.locator(".g-tile")).to_have_count(4)
    assert names() == ["Sign-ups", "Orders", "Nothing", "Visits"]


def test_a_link_is_made_seen_by_a_stranger_and_revoked(kept: Screen) -> None:
    page = kept.open(board_of(kept))
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    address = page.locator("#share-box code").first.inner_text()
    assert kept.faults() == []
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#share-box")).to_contain_text("The link is closed.")
    assert Client().get(address.removeprefix(kept.base)).status_code == 404

    _, token = sharing.create(Dashboard.objects.get(), user=None, now=timezone.now())  # type: ignore[arg-type]
    kept.page.context.clear_cookies()
    page = kept.open(f"/shared/{token}/")

    expect(page.locator("h1")).to_have_text("Monday meeting")
    expect(page.locator(".g-canvas canvas").first).to_be_visible()
    expect(page.locator("a[href*='/dashboard/']")).to_have_count(0)
    assert kept.faults() == []
