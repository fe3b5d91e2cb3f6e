"""The install guide, and the moment the first event arrives."""

import pytest
from django.test import Client

from customers import services as customers
from customers.models import ApiKey, Project
from customers.snippets import CODE, ORDER, snippets
from tests.factories import ApiKeyFactory

pytestmark = pytest.mark.django_db
START = "/dashboard/acme/start/"


def test_the_code_has_the_projects_own_key_and_address(page: Client, project: Project, settings: object) -> None:
    settings.BASE_URL = "https://growth.acme.example"
    key = ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE)

    text = page.get(START).content.decode()

    assert text.count(key.text) >= len(CODE)
    assert "https://growth.acme.example/v1/track" in text
    assert "growth.acme.example/v1" in text


@pytest.mark.parametrize("platform", Project.Platform.values)
def test_every_platform_is_offered_every_client_its_own_first(platform: str) -> None:
    found = snippets(platform, host="https://x.example", key="wk_1")

    assert sorted(one.language for one in found) == sorted(CODE)
    assert found[0].language == ORDER[platform][0]
    assert all("wk_1" in one.text and "KEY" not in one.text and "HOST" not in one.text for one in found)


def test_the_page_waits_until_the_first_event_arrives(page: Client, project: Project, client: Client) -> None:
    key = ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE)
    waiting = page.get(f"{START}arrived/", HTTP_HX_REQUEST="true").content.decode()

    sent = client.post(
        "/v1/track",
        {"userId": "user-1", "event": "Signed Up", "writeKey": key.text},
        content_type="application/json",
    )

    assert sent.status_code == 200
    assert "every 2s" in waiting
    arrived = page.get(f"{START}arrived/", HTTP_HX_REQUEST="true").content.decode()
    assert "First event received" in arrived
    assert "Signed Up" in arrived
    assert "every 2s" not in arrived


def test_without_a_write_key_the_page_says_where_to_make_one(page: Client, project: Project) -> None:
    text = page.get(START).content.decode()

    assert "All write keys are revoked" in text
    assert customers.write_key(project) == ""
