"""What Segment's browser library asks of the product before and beside its events."""

from typing import Any

import pytest
from django.test import Client

from tests.events.conftest import Sender


def test_the_library_is_told_to_count_nothing_at_segment(sender: Sender) -> None:
    answer = sender.client.get(f"/v1/projects/{sender.key}/settings").json()

    assert answer["metrics"] == {"sampleRate": 0, "host": "testserver/v1"}


@pytest.mark.parametrize(
    ("base_url", "protocol"),
    [("http://testserver", "http"), ("https://testserver", "https"), ("https://growth.example.com", "http")],
)
def test_the_library_sends_by_https_where_the_installation_is_reached_so(
    sender: Sender, settings: Any, base_url: str, protocol: str
) -> None:
    settings.BASE_URL = base_url

    answer = sender.client.get(f"/v1/projects/{sender.key}/settings").json()

    assert answer["integrations"]["Segment.io"]["protocol"] == protocol


def test_a_preflight_allows_the_headers_that_are_asked_for(sender: Sender) -> None:
    asked = "authorization,content-type,x-retry-count,x-of-the-site"

    answer = sender.client.options(
        "/v1/t", HTTP_ACCESS_CONTROL_REQUEST_HEADERS=asked, HTTP_ORIGIN="https://shop.example"
    )

    assert (answer.status_code, answer["Access-Control-Allow-Headers"]) == (204, asked)
    assert answer["Access-Control-Allow-Origin"] == "*"
    assert "X-Retry-Count" in sender.client.options("/v1/t")["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("path", ["none.js", "..", "..%2Findex.js", "..%2f..%2f..%2fpackage.json", "%2Fetc%2Fpasswd"])
def test_only_bundles_of_the_library_are_served(client: Client, db: None, path: str) -> None:
    assert client.get(f"/analytics-next/bundles/{path}").status_code == 404


def test_a_refused_call_can_be_read_by_the_page_that_made_it(sender: Sender) -> None:
    answer = sender.post("/v1/t", {"event": "X"})

    assert answer.status_code == 400
    assert answer["Access-Control-Allow-Origin"] == "*"
