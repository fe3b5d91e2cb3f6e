"""The tags and filters that pages are built from."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest
from django.template import Context, Template, TemplateSyntaxError
from django.test import RequestFactory
from django.utils import timezone


def rendered(text: str, request: HttpRequest | None = None, **values: Any) -> str:
    return Template(text).render(Context({"request": request, **values}))


@pytest.fixture
def request_with_filters(rf: RequestFactory) -> HttpRequest:
    return rf.get("/dashboard/acme/links/?q=win&sort=-installs&cursor=abc")


def test_an_icon_is_taken_from_the_sprite() -> None:
    html = rendered('{% icon "link" "g-bad" %}')

    assert 'class="icon g-bad"' in html
    assert "icons.svg#i-link" in html


def test_a_fall_of_a_bad_thing_is_good() -> None:
    html = rendered("{% delta 90 100 falling_good=True %}")

    assert "g-good" in html
    assert "down" in html
    assert "10.0%" in html


@pytest.mark.parametrize(
    ("now", "before", "text"), [(5, 0, "new"), (5, 5, ""), (None, 5, ""), (300, 100, "200%"), (4250, 10, "425×")]
)
def test_a_change_needs_a_past(now: int | None, before: int, text: str) -> None:
    html = rendered("{% delta now before %}", now=now, before=before)

    assert text in html
    assert bool(html) == bool(text)


def test_a_source_has_its_name_and_its_colour_however_it_is_written() -> None:
    assert "is-blue" in rendered("{% source_tag source %}", source="TikTok")
    assert rendered("{{ source|source_name }}", source="google_ads") == "Google Ads"
    assert rendered("{{ source|source_colour }}", source="Reward wall") == "grey"
    assert rendered("{{ source|source_name }}", source=None) == "Organic"


def test_what_people_typed_is_escaped_everywhere() -> None:
    bad = '<script>"&'

    html = rendered(
        "{% source_tag t %}{% tag t %}{% info t %}{% copy t %}{% codes %}{{ t }}{% endcodes %}{{ d|json_lines }}",
        t=bad,
        d={bad: bad},
    )

    assert "<script>" not in html
    assert "&amp;lt;" not in html


def test_a_head_sorts_figures_from_the_largest_and_then_turns_round(request_with_filters: HttpRequest) -> None:
    html = rendered('{% sort_head "Installs" "installs" num=True target="#rows" %}', request_with_filters)

    assert 'aria-sort="descending"' in html
    assert 'href="?q=win&amp;sort=installs"' in html
    assert 'hx-target="#rows"' in html


def test_a_page_link_keeps_the_filters(request_with_filters: HttpRequest) -> None:
    html = rendered('{% pager next="def" target="#rows" %}', request_with_filters)

    assert "?q=win&amp;sort=-installs&amp;cursor=def" in html
    assert "First page" in html
    assert rendered("{% pager %}").strip() == ""


def test_code_keeps_its_indentation_and_loses_the_formatters_pre() -> None:
    curl = "<pre>\n  curl x \\\n    -d '{\"a\": 1}'\n</pre>"

    html = rendered(
        '{% codes %}{% language "curl" %}' + curl + "{% endlanguage %}"
        '{% language "Python" %}# hello\nprint(1){% endlanguage %}{% endcodes %}'
    )

    assert "curl x \\\n  -d <em>" in html
    assert "&lt;pre" not in html
    assert "<b># hello</b>" in html
    assert html.count("data-language=") == 4


def test_a_language_without_a_name_is_refused() -> None:
    with pytest.raises(TemplateSyntaxError, match="one name in quotes"):
        Template("{% codes %}{% language %}x{% endlanguage %}{% endcodes %}")


def test_an_element_around_nothing_is_left_out() -> None:
    assert rendered('{% wrap "p" "g-2nd" %} {% if no %}x{% endif %} {% endwrap %}') == ""
    assert rendered('{% wrap "p" "g-2nd" %} {{ t }} {% endwrap %}', t="<b>") == '<p class="g-2nd">&lt;b&gt;</p>'


def test_a_time_shows_its_iso_form_on_hover() -> None:
    at = timezone.now() - timedelta(minutes=4)

    html = rendered("{{ at|ago }}{{ at|local }}{{ none|local }}", at=at, none=None)

    assert "4 min ago" in html
    assert html.count(f'title="{at.isoformat(timespec="seconds")}"') == 2
    assert html.endswith("–")


def test_the_theme_of_the_cookie_is_written_by_the_server(rf: RequestFactory) -> None:
    request = rf.get("/")
    request.COOKIES["theme"] = "dark"

    assert rendered("{% theme %}", request) == ' data-bs-theme="dark"'
    request.COOKIES["theme"] = '"><script>'
    assert rendered("{% theme %}", request) == ""


@pytest.mark.parametrize(
    ("probability", "text"), [(1.0, "100%"), (0.9999, "over 99%"), (0.994, "99%"), (0.524, "52%"), (None, "–")]
)
def test_only_what_is_certain_is_100_percent(probability: float | None, text: str) -> None:
    assert rendered("{{ value|chance }}", value=probability) == text
