"""What a tapped address says of itself."""

import hashlib
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import ad_networks, parameters
from attribution.models import Touch

DIGEST = hashlib.sha256(b"lena@example.com").hexdigest()


def test_appsflyers_names_are_understood() -> None:
    said = parameters.read(
        {
            "pid": "net",
            "c": "Winter",
            "af_c_id": "7",
            "af_siteid": "site-9",
            "af_adset": "women",
            "af_ad": "video",
            "clickid": "n-1",
            "af_dp": "myapp://sale",
            "af_sub1": "one",
            "af_sub5": "five",
        }
    )

    assert said.fields == {
        "source": "net",
        "campaign": "Winter",
        "campaign_id": "7",
        "publisher": "site-9",
        "ad_set": "women",
        "ad": "video",
        "network_click_id": "n-1",
        "deep_link": "myapp://sale",
    }
    assert said.params == {"sub1": "one", "sub5": "five"}


@pytest.mark.parametrize("source", [*ad_networks.FILLED_BY, "somebody"])
def test_every_parameter_that_networks_are_given_is_one_we_read(source: str) -> None:
    query = dict(parse_qsl(urlsplit(ad_networks.with_macros("https://a.example/c/w", source)).query))

    assert parameters.read(query) == parameters.Said({}, {})  # unfilled, they say nothing
    assert len(parameters.read(dict.fromkeys(query, "x")).fields) >= len(query) - 2


def test_our_own_name_goes_before_a_networks() -> None:
    assert parameters.read({"pid": "net", "utm_source": "meta"}).fields["source"] == "meta"
    assert parameters.read({"af_sub1": "b", "sub1": "a"}).params == {"sub1": "b"}


def test_of_a_person_only_digests_are_kept() -> None:
    query = {
        "em": DIGEST.upper(),
        "ph": "+491701234567",
        "email": "lena@example.com",
        "phone": "0170",
        "note": "write to lena@example.com",
        "user_id": "u-1",
        "product": "42",
    }

    said = parameters.read(query)

    assert said.fields == {"email_sha256": DIGEST, "user_id": "u-1"}
    assert said.params == {"product": "42"}


@pytest.mark.parametrize(
    "text", ["javascript:alert(1)", "JavaScript:x", "data:text/html,x", "file:///etc", "sale", "intent:x"]
)
def test_a_deep_link_that_no_app_should_open_is_not_kept(text: str) -> None:
    assert "deep_link" not in parameters.read({"af_dp": text}).fields


@pytest.mark.parametrize("text", ["/sale", "myapp://sale", "https://shop.example/sale"])
def test_a_deep_link_is_a_path_or_an_address(text: str) -> None:
    assert parameters.read({"deep_link": text}).fields["deep_link"] == text


@pytest.mark.parametrize("text", ["{gaid}", "__IDFA__", "[SUB]", "$sub", "%sub%", " ", "\x00"])
def test_an_unfilled_macro_says_nothing(text: str) -> None:
    assert parameters.read({"sub1": text, "gaid": text}) == parameters.Said({}, {})


@given(st.dictionaries(st.text(max_size=80), st.text(max_size=600), max_size=60))
def test_everything_that_is_kept_fits(query: dict[str, str]) -> None:
    said = parameters.read(query)

    assert len(said.params) <= parameters.MAX_PARAMS
    assert all(0 < len(name) <= parameters.LONGEST_NAME for name in said.params)
    assert all(0 < len(value) <= parameters.LONGEST_VALUE for value in said.params.values())
    assert "\x00" not in "".join([*said.params, *said.params.values(), *said.fields.values()])


def test_no_field_is_longer_than_its_column() -> None:
    for field in parameters.PARAMETERS:
        column = Touch._meta.get_field(field).max_length  # type: ignore[union-attr]
        assert parameters.LONGEST.get(field, parameters.USUAL_LONGEST) == column
