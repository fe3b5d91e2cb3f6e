"""Trends and paths on their pages: each number leads to as many people as it says."""

import html
import re

import pytest
from django.test import Client

from tests.analytics.stories import tell
from tests.scene import Scene, make_scene, text_of

WEEK = "from=2026-11-01&to=2026-11-07"
PEOPLE = re.compile(r'href="([^"]*/people/\?[^"]+)"[^>]*>\s*(?:<[^>]+>\s*)*([\d,]+)')


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    tell(
        scene.project,
        {
            f"user-{number}": [
                ("2026-11-02T10:00:00Z", "Page: Home & more"),
                ("2026-11-02T10:01:00Z", "Signed Up", {"plan": "pro & team" if number % 2 else "<free>"}),
            ]
            for number in range(5)
        },
    )
    return scene


def result(client: Client, address: str) -> str:
    answer = client.get(address, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return text_of(answer)


def people_links(page: str) -> list[tuple[str, int]]:
    return [(html.unescape(url), int(number.replace(",", ""))) for url, number in PEOPLE.findall(page)]


@pytest.mark.parametrize(
    "query",
    [
        f"event=Signed+Up&event1.measure=people&by=plan&{WEEK}",
        f"event=Signed+Up&event1.measure=people&event=Page:+*&event2.measure=people&{WEEK}&interval=hour",
        f"event=Signed+Up&event1.measure=people&{WEEK}&interval=month",
    ],
)
def test_each_number_of_a_trend_leads_to_its_people(scene: Scene, query: str) -> None:
    found = people_links(result(scene.owner, scene.url(f"explore/trend/?{query}")))

    assert found
    for url, number in found:
        assert f"{number} {'people' if number > 1 else 'person'}" in result(scene.owner, url)


def test_each_line_of_the_paths_leads_to_its_people(scene: Scene) -> None:
    page = result(scene.owner, scene.url(f"explore/paths/?{WEEK}&count=people&depth=3"))

    found = people_links(page[page.index("<details") :])
    assert sorted(number for _, number in found) == [5, 5]
    for url, _ in found:
        assert "5 people" in result(scene.owner, url)


def test_the_picture_of_paths_says_what_each_bar_is(scene: Scene) -> None:
    page = result(scene.owner, scene.url(f"explore/paths/?{WEEK}&anchor=end&event=Signed+Up&depth=2"))

    assert "What came before Signed Up" in page
    assert "<title>Page: Home &amp; more → Signed Up: 5 (100.0%)</title>" in page
    assert page.count('class="is-bar"') == 2


def test_names_from_outside_are_shown_as_they_are(scene: Scene) -> None:
    page = result(scene.owner, scene.url(f"explore/trend/?event=Signed+Up&by=plan&{WEEK}"))

    assert "&lt;free&gt;" in page
    assert "<free>" not in page


def test_an_unknown_event_is_answered_with_the_one_that_was_meant(scene: Scene) -> None:
    page = html.unescape(result(scene.owner, scene.url(f"explore/trend/?event=Signd+Up&{WEEK}")))

    assert "No event “Signd Up” was ever received. Did you mean “Signed Up”?" in page
