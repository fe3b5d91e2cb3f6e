"""Macros: filled with what a tap says, escaped; what is no macro stays."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import macros


def test_known_macros_are_filled_and_escaped() -> None:
    place = macros.fill("https://a.example/{Campaign}?s={af_sub1}&x={ad_set}", {"campaign": "A & B/ü", "sub1": "1=2"})

    assert place == "https://a.example/A%20%26%20B%2F%C3%BC?s=1%3D2&x="


@pytest.mark.parametrize("text", ["{nobody}", "{campaign", "campaign}", "{{x}}", "{}", "{a b}"])
def test_what_is_no_macro_stays_and_is_told(text: str) -> None:
    assert macros.fill(text, {}) == text
    assert macros.problems(text)


@pytest.mark.parametrize("name", [*macros.MACROS, *macros.ALSO, "CAMPAIGN"])
def test_every_macro_is_known(name: str) -> None:
    assert macros.problems(f"https://a.example/{{{name}}}") == []


@given(st.text(max_size=40))
def test_a_value_never_leaves_its_place(value: str) -> None:
    place = macros.fill("https://a.example/{sub1}/end?x={sub1}#f", {"sub1": value.encode(errors="ignore").decode()})

    before, after = "https://a.example/", "/end?x="
    escaped = place[len(before) : place.index(after)]
    assert place == f"{before}{escaped}{after}{escaped}#f"
    assert not set(escaped) & set("/?#&=:@ ")
    assert unquote(escaped) == value.encode(errors="ignore").decode()
