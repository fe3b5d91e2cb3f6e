"""The API describes itself: validly, without warnings, with a tag, a summary and an example for each operation."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from openapi_spec_validator import validate

from tests.frontend.conftest import Screen, chromium, screen  # noqa: F401 -- the browser's fixtures

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def schema(client: Client) -> dict[str, Any]:
    answer = client.get("/api/schema/", {"format": "json"})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def operations(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, item in schema["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def has_example(part: dict[str, Any]) -> bool:
    return any("example" in content or "examples" in content for content in part.get("content", {}).values())


def test_the_schema_is_valid_and_made_without_warnings(schema: dict[str, Any]) -> None:
    validate(schema)
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=StringIO())


def test_every_operation_has_a_name_a_tag_and_a_sentence(schema: dict[str, Any]) -> None:
    bare = [
        name
        for name, operation in operations(schema).items()
        if not (operation.get("operationId") and operation.get("tags") and operation.get("summary"))
    ]

    assert bare == []


def test_no_operation_is_named_twice(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(schema).values()]

    assert len(names) == len(set(names))
    assert not [name for name in names if name[-1].isdigit()]


def test_every_operation_shows_an_example_of_what_it_takes_and_answers(schema: dict[str, Any]) -> None:
    missing = []
    for name, operation in operations(schema).items():
        body = operation.get("requestBody")
        if body and body.get("required", True) and not has_example(body):
            missing.append(f"{name}: request")
        # Other than JSON (a redirect, a picture) needs none.
        answers = [answer for code, answer in operation["responses"].items() if code.startswith("2")]
        if any("application/json" in answer.get("content", {}) and not has_example(answer) for answer in answers):
            missing.append(f"{name}: answer")

    assert missing == []


def test_every_operation_says_which_key_opens_it(schema: dict[str, Any]) -> None:
    open_to_all = {name for name, operation in operations(schema).items() if not any(operation.get("security", []))}

    assert open_to_all == {"GET /c/{slug}", "GET /i/{slug}", "GET /v1/projects/{key}/settings"}
    for operation in operations(schema).values():
        for way in operation.get("security", []):
            assert set(way) <= set(schema["components"]["securitySchemes"])


def test_events_are_described_under_their_full_addresses(schema: dict[str, Any]) -> None:
    kind = next(one for one in schema["paths"]["/v1/{kind}"]["post"]["parameters"] if one["name"] == "kind")

    assert sorted(kind["schema"]["enum"]) == ["alias", "group", "identify", "page", "screen", "track"]
    assert "/v1/b" not in schema["paths"]


def test_the_page_for_people_shows_every_operation_with_its_examples(
    db: None, client: Client, schema: dict[str, Any]
) -> None:
    text = client.get("/api/docs/").content.decode()

    for name, operation in operations(schema).items():
        assert f'id="{operation["operationId"]}"' in text
        assert name in text
    assert "Order Completed" in text
    assert "/api/schema/" in text
    assert "cdn" not in text


@pytest.mark.browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_the_page_for_people_fits_the_screen_and_axe_finds_nothing(screen: Screen, scheme: str, width: int) -> None:  # noqa: F811
    screen.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    screen.page.set_viewport_size({"width": width, "height": 900})

    page = screen.open("/api/docs/")

    assert screen.faults() == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
