"""The frame and the parts in a real browser, under the real content security policy."""

import json
import re

import pytest
from playwright.sync_api import expect

from customers import services as customers
from tests.frontend.conftest import Screen

pytestmark = [pytest.mark.browser, pytest.mark.urls("tests.frontend.pages"), pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_part_stays_inside_the_screen_and_axe_finds_nothing(screen: Screen, scheme: str, width: int) -> None:
    screen.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    screen.page.set_viewport_size({"width": width, "height": 900})

    page = screen.parts()

    assert screen.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_a_chart_is_drawn_and_its_legend_hides_a_series(screen: Screen) -> None:
    page = screen.parts()

    canvas, legend = page.locator("#installs canvas"), page.locator("#installs .g-legend button")
    expect(canvas).to_be_visible()
    expect(legend).to_have_count(3)
    before = canvas.evaluate("element => element.toDataURL()")
    legend.nth(1).click()
    expect(legend.nth(1)).to_have_attribute("aria-pressed", "false")
    assert canvas.evaluate("element => element.toDataURL()") != before


def test_the_tooltip_of_a_chart_uses_the_products_font(screen: Screen) -> None:
    # ECharts gives a canvas tooltip neither our font nor our styles; charts.js hands both over where the text is added.
    page = screen.parts()
    page.evaluate("""() => {
        window.fonts = new Set();
        const drawing = CanvasRenderingContext2D.prototype, fillText = drawing.fillText;
        drawing.fillText = function (text, ...place) {
            if (text.trim()) window.fonts.add(this.font);
            return fillText.call(this, text, ...place);
        };
    }""")

    page.locator("#installs canvas").hover(position={"x": 400, "y": 150})
    page.wait_for_timeout(300)

    fonts = page.evaluate("[...window.fonts]")
    assert fonts
    assert [font for font in fonts if "Inter" not in font] == []


def test_a_chart_can_be_taken_away_as_a_picture(screen: Screen) -> None:
    page = screen.parts()

    with page.expect_download() as download:
        page.click('[data-png="installs"]')

    assert download.value.suggested_filename == "installs.png"


def test_the_theme_switch_is_remembered_by_the_server(screen: Screen) -> None:
    screen.page.emulate_media(color_scheme="light")
    page = screen.parts()

    page.click(".g-top [data-theme-switch]")

    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    answer = page.request.get(page.url)
    assert '<html lang="en-GB" data-bs-theme="dark">' in answer.text()


def test_the_search_dialog_opens_by_a_key_and_leads_to_a_page(screen: Screen) -> None:
    page = screen.parts()

    page.keyboard.press("/")
    page.keyboard.type("keys")
    expect(page.locator("#search-list [aria-selected=true]")).to_contain_text("Keys")
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile("/settings/keys/"))


def test_the_project_menu_works_by_keyboard(screen: Screen) -> None:
    page = screen.parts()

    page.focus(".g-switch summary")
    page.keyboard.press("ArrowDown")
    assert "TechStart Mobile" in page.evaluate("document.activeElement.textContent")
    page.keyboard.press("Escape")

    expect(page.locator(".g-switch")).not_to_have_attribute("open", "")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_the_menu_of_a_phone_covers_the_page_and_gives_focus_back(screen: Screen) -> None:
    screen.page.set_viewport_size({"width": 390, "height": 844})
    page = screen.parts()
    expect(page.locator("#side")).not_to_be_visible()

    page.click("#menu")
    expect(page.locator("#side")).to_be_visible()
    assert page.evaluate("document.getElementById('page').inert")
    page.keyboard.press("Escape")

    expect(page.locator("#side")).not_to_be_visible()
    assert page.evaluate("document.activeElement.id") == "menu"


def test_a_dangerous_button_wants_the_name_of_the_thing(screen: Screen) -> None:
    page = screen.parts()

    page.click("[data-dialog=archive]")
    button = page.locator("#archive .g-danger")
    expect(button).to_be_disabled()
    page.fill("#archive input[name=confirm]", "Winter")
    expect(button).to_be_disabled()
    page.fill("#archive input[name=confirm]", "Winter sale")

    expect(button).to_be_enabled()


def test_an_htmx_button_carries_the_csrf_token_and_its_answer_shows_a_toast(screen: Screen) -> None:
    page = screen.parts()

    page.click("#toast")

    expect(page.locator(".g-toast")).to_contain_text("Saved in techstart.")


def test_a_message_offers_to_undo(screen: Screen) -> None:
    page = screen.parts("?message=1")

    toast = page.locator(".g-toast")
    expect(toast).to_contain_text("Link archived.")
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/toast/")):
        toast.get_by_role("button", name="Undo").click()
    page.wait_for_load_state("networkidle")


def test_a_part_that_fails_to_load_says_so_and_offers_to_try_again(screen: Screen) -> None:
    page = screen.parts("?broken=1")

    expect(page.locator(".g-lazy .g-problem")).to_contain_text("This part did not load")
    with page.expect_request(lambda request: request.url.endswith("/broken/")):
        page.click("[data-retry]")
    page.wait_for_load_state("networkidle")

    expect(page.locator(".g-lazy .g-problem")).to_be_visible()
    expect(page.locator(".g-toast")).to_have_count(0)
    screen.errors.clear()


def test_copying_takes_the_language_that_is_shown(screen: Screen) -> None:
    screen.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = screen.parts()

    page.click("button[data-language=Python]")
    page.click("[data-copy-code]")

    assert page.evaluate("navigator.clipboard.readText()") == "print(1)"
    expect(page.locator("#live")).to_have_text("Copied")


def test_a_click_on_a_row_follows_its_link_and_a_key_presses_the_main_button(screen: Screen) -> None:
    page = screen.parts()

    page.click(".is-rows tbody td")
    page.wait_for_url(re.compile(r"\?row=1"))
    page.keyboard.press("c")

    page.wait_for_url(re.compile(r"\?pressed=1"))


def test_a_definition_opens_by_keyboard(screen: Screen) -> None:
    page = screen.parts()

    page.focus("th .g-i")

    expect(page.locator("#info")).to_have_text("First opens")
    page.keyboard.press("Escape")
    expect(page.locator("#info")).not_to_be_visible()


def test_typing_into_a_lists_search_fetches_rows_and_draws_their_chart_and_changes_the_address(screen: Screen) -> None:
    page = screen.parts("?sort=name")

    page.get_by_label("Search campaigns").press_sequentially("wi", delay=20)
    page.wait_for_url(re.compile("q=wi"))

    assert "sort=name" in page.url
    expect(page.locator("#rows #again canvas")).to_be_visible()


def test_a_page_view_is_sent_without_query_string_and_not_to_who_refuses(screen: Screen) -> None:
    customers.house()
    page = screen.page
    page.add_init_script(
        "navigator.sendBeacon = (url, body) => Boolean(body.text().then((text) => (window.sent = { url, text })))"
    )
    screen.parts("?secret=1")
    sent = page.evaluate("window.sent")
    call = json.loads(sent["text"])
    assert sent["url"] == "/v1/p"
    assert call["properties"]["url"].endswith("/parts/")
    assert "secret" not in sent["text"]
    assert call["writeKey"] == page.evaluate("document.body.dataset.writeKey")

    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })")
    screen.parts()
    assert page.evaluate("window.sent === undefined")


@pytest.mark.parametrize(
    "path", ["/accounts/email/", "/accounts/password/change/", "/accounts/2fa/", "/accounts/logout/"]
)
def test_the_account_pages_look_like_the_product(screen: Screen, path: str) -> None:
    page = screen.open(path)

    expect(page.locator("h1")).to_have_count(1)
    assert screen.faults() == []


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"])
def test_the_doors_look_like_the_product(screen: Screen, path: str) -> None:
    screen.page.context.clear_cookies()

    page = screen.open(path)

    expect(page.locator(".g-word")).to_be_visible()
    assert screen.faults() == []


def test_an_address_without_a_page_answers_with_a_way_on(screen: Screen) -> None:
    page = screen.open("/dashboard/techstart/nowhere/at/all/")

    expect(page.get_by_role("heading")).to_have_text("There is nothing here")
    assert screen.faults() == []
    screen.errors.clear()
