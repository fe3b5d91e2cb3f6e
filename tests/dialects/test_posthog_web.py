"""What PostHog's clients ask besides sending: flags, settings, the browser library."""

import gzip
import json
import re
from typing import Any

import pytest
from django.test import Client

from tests.dialects.table import Desk

KEY = "phc_Zr0x4wYkq5QkJp2Vt8mBv7sLc1nD3eF"


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.app("posthog", KEY)
    return desk


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/flags/?v=2", {"flags": {}}),
        ("/flags?v=4", {"flags": {}}),
        ("/flags/", {"featureFlags": {}, "featureFlagPayloads": {}}),
        ("/decide/?v=3", {"featureFlags": {}, "featureFlagPayloads": {}, "supportedCompression": ["gzip", "gzip-js"]}),
        ("/decide/?v=4", {"flags": {}}),
        ("/decide/", {"featureFlags": []}),
        ("/flags/?v=2&config=true", {"flags": {}, "sessionRecording": False, "surveys": False}),
    ],
)
def test_there_are_no_flags_whatever_the_version(desk: Desk, path: str, expected: dict[str, Any]) -> None:
    asked = {"token": KEY, "distinct_id": "ada"}

    answer = desk.client.post(path, gzip.compress(json.dumps(asked).encode()), content_type="text/plain")

    assert answer.status_code == 200
    assert answer.json().items() >= {**expected, "errorsWhileComputingFlags": False}.items()


@pytest.mark.parametrize("path", ["/flags/?v=2", "/decide/?v=3", "/flags/definitions?token=phc_nobody"])
def test_nobodys_key_is_told_so(desk: Desk, path: str) -> None:
    answer = desk.client.post(path, {"token": "phc_nobody"}, content_type="application/json")

    assert (answer.status_code, answer.json()["type"]) == (401, "authentication_error")


@pytest.mark.parametrize("body", [b"", b"{", b'{"distinct_id": "ada"}', b"\x1f\x8b broken"])
def test_flags_without_a_key_are_refused(desk: Desk, body: bytes) -> None:
    answer = desk.client.post("/flags/?v=2", body, content_type="application/json")

    assert answer.status_code in {400, 401}
    assert answer.json()["detail"]


def test_the_browser_library_is_told_what_is_switched_off(desk: Desk) -> None:
    config = desk.client.get(f"/array/{KEY}/config").json()
    script = desk.client.get(f"/array/{KEY}/config.js").content.decode()

    assert config["token"] == KEY
    assert not any(config[name] for name in ("sessionRecording", "surveys", "heatmaps", "autocaptureExceptions"))
    found = re.search(r"\]=(\{.*\});\}\)\(\);", script)
    assert found
    assert json.loads(found[1]) == {"config": config, "siteApps": []}
    assert desk.client.get("/array/phc_nobody/config").status_code == 404
    assert desk.client.get("/array/phc_nobody/config.js").status_code == 404


@pytest.mark.parametrize(
    "path", ["static/array.js", "static/1/array.js", "static/1.449.2/array.js", "array/{key}/array.js"]
)
def test_the_browser_library_comes_from_here(desk: Desk, path: str) -> None:
    address = "/" + path.format(key=KEY)

    plain = desk.client.get(address, headers={"Origin": "https://shop.test"})
    packed = desk.client.get(address, headers={"Accept-Encoding": "gzip"})

    assert (plain.status_code, plain["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert len(plain.content) > 100_000
    assert gzip.decompress(packed.content) == plain.content
    assert plain["Access-Control-Allow-Origin"] in {"https://shop.test", "*"}


@pytest.mark.parametrize("name", ["none.js", "array.js.map", "..%2fpackage.js", "%2e%2e/lib/src/config.js", "x/y.js"])
def test_only_scripts_of_the_library_are_served(client: Client, db: None, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404
