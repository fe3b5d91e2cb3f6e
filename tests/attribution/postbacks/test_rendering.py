"""Templates are filled with every value escaped for its place, and what is wrong with one is said beside its field."""

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.postbacks import rendering
from attribution.postbacks.destinations import OF_A_CONVERSION, SAMPLE
from attribution.postbacks.rendering import MACROS, Shape, problems, render, with_token
from attribution.postbacks.templates import TEMPLATES, Template

FACTS = {**SAMPLE, **OF_A_CONVERSION}
JSON = {"Content-Type": "application/json"}


@given(value=st.text(max_size=50))
def test_whatever_a_value_is_it_stays_one_value_of_the_address(value: str) -> None:
    request = render(Shape("GET", "https://n.example/?a={campaign}&b=1", {}), {"campaign": value})

    query = parse_qs(urlsplit(request.url).query, keep_blank_values=True)
    assert query.keys() == {"a", "b"}
    assert query["b"] == ["1"]
    assert request.url.isascii()


@given(value=st.text(max_size=50))
def test_whatever_a_value_is_json_stays_json(value: str) -> None:
    request = render(Shape("POST", "https://n.example/", JSON, '{"a": "{campaign}", "b": 1}'), {"campaign": value})

    body = json.loads(with_token(request, "secret").body)
    assert body["b"] == 1
    assert "secret" not in body["a"] or "secret" in value


@given(value=st.text(max_size=50))
def test_whatever_a_value_is_a_form_stays_a_form_and_a_header_one_line(value: str) -> None:
    request = render(
        Shape("POST", "https://n.example/", {"X-C": "{campaign}"}, "a={campaign}&b=1"), {"campaign": value}
    )

    assert parse_qs(request.body, keep_blank_values=True)["b"] == ["1"]
    assert request.headers["Content-Type"] == rendering.FORM
    assert not set("\r\n\x00") & set(request.headers["X-C"])


@pytest.mark.parametrize(
    ("template", "event", "becomes"),
    [
        ("{event}", "install", "install"),
        ("{EVENT}", "install", "install"),
        ("{event|none}", "", "none"),
        ("{event|none}", "install", "install"),
        ("{event|install=Install;Order Completed=Purchase}", "Order Completed", "Purchase"),
        ("{event|install=Install;Order Completed=Purchase}", "Other", "Other"),
        ("{event|install=Install;Custom}", "Other", "Custom"),
        ("{event|install=Install;Custom}", "", "Custom"),
        ("{unknown}", "install", "{unknown}"),
        ("{token}", "install", "{token}"),
    ],
)
def test_a_macro_may_have_a_default_and_other_words(template: str, event: str, becomes: str) -> None:
    request = render(Shape("POST", "https://n.example/", {"Content-Type": "text/plain"}, template), {"event": event})

    assert request.body == becomes


def test_the_token_is_put_in_last_and_escaped_for_its_place() -> None:
    shape = Shape("POST", "https://n.example/?t={token}", {"Access-Token": "{token}"}, '{"t": "{token}"}')

    before = render(shape, {})
    after = with_token(before, 'a"b&c')

    assert "{token}" in before.url
    assert after.url.endswith("?t=a%22b%26c")
    assert after.headers["Access-Token"] == 'a"b&c'
    assert json.loads(after.body) == {"t": 'a"b&c'}


def test_our_own_json_leaves_out_what_is_not_known() -> None:
    request = render(Shape("POST", "https://n.example/", {}, own=True), {"id": "1", "news": "install", "revision": "2"})

    assert json.loads(request.body) == {"id": "1", "type": "install", "attribution": {"revision": 2}, "install": {}}
    assert request.headers == {"Content-Type": "application/json"}


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.code)
def test_every_ready_made_template_is_right_with_and_without_values(template: Template) -> None:
    news = [*template.news, "Order Completed"]

    assert not problems(template.shape, kind=template.kind, news=news, sample=FACTS)
    for facts in (FACTS, {}):
        request = with_token(render(template.shape, facts), "secret")
        assert "{" not in request.url
        if template.token:
            assert "secret" in request.url + str(request.headers)


@pytest.mark.parametrize(
    ("shape", "field"),
    [
        (Shape("GET", "n.example/?a={campaign}", {}), "url"),
        (Shape("GET", "https://[::1", {}), "url"),
        (Shape("GET", "https://{campaign}/", {}), "url"),
        (Shape("GET", "https://n.example/?a={campain}", {}), "url"),
        (Shape("GET", "https://n.example/?a={", {}), "url"),
        (Shape("GET", "https://n.example/", {}, "a=1"), "body"),
        (Shape("POST", "https://n.example/", JSON, "{"), "body"),
        (Shape("POST", "https://n.example/", JSON, '{"value": {revenue}}'), "body"),
        (Shape("POST", "https://n.example/", JSON, '{"value": {revenu|0}}'), "body"),
        (Shape("POST", "https://n.example/", {"Host": "x"}, "a=1"), "headers"),
        (Shape("POST", "https://n.example/", {"A B": "x"}, "a=1"), "headers"),
        (Shape("POST", "https://n.example/", {"A": "ü"}, "a=1"), "headers"),
        (Shape("GET", "https://n.example/" + "x" * 5_000, {}), "url"),
    ],
)
def test_what_is_wrong_is_said_of_its_field(shape: Shape, field: str) -> None:
    assert field in {one.field for one in problems(shape, kind="network", news=["install"], sample=FACTS)}


def test_a_rejection_that_would_look_like_an_install_is_refused() -> None:
    shape = Shape("GET", "https://n.example/?click={network_click_id}", {})

    assert problems(shape, kind="network", news=["install", "rejected"], sample=FACTS)[0].field == "news"
    assert not problems(shape, kind="network", news=["install"], sample=FACTS)


def test_every_macro_of_the_sample_is_one() -> None:
    assert FACTS.keys() <= MACROS.keys()
