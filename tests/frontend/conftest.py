"""A browser on the live product, signed in; whatever it logs as an error fails the test."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, Page

from customers.models import Project
from customers.services import forget_house
from tests.browser import chromium
from tests.factories import MemberFactory, ProjectFactory

__all__ = ["Screen", "chromium", "screen"]


@dataclass
class Screen:
    """One page of the browser and the project it looks at."""

    page: Page
    project: Project
    base: str
    errors: list[str]

    def open(self, path: str) -> Page:
        self.page.goto(self.base + path)
        self.page.wait_for_load_state("networkidle")
        return self.page

    def parts(self, query: str = "") -> Page:
        return self.open(f"/dashboard/{self.project.slug}/parts/{query}")

    def faults(self) -> list[str]:
        """Return what axe finds on the page, in words."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']} ({one['impact']}): {one['nodes'][0]['html'][:120]}" for one in found]


@pytest.fixture
def screen(chromium: Browser, live_server: object, transactional_db: None, client: Client) -> Iterator[Screen]:
    """A signed-in owner's browser at 1440 px; `errors` is empty at the end unless the test empties it itself."""
    if not (Path(settings.BASE_DIR) / "static/dist/app.css").exists():
        pytest.skip("npm run build has not been run")
    project = ProjectFactory(name="TechStart Mobile", slug="techstart", time_zone="Europe/Berlin")
    user = MemberFactory(organization=project.organization).user
    client.force_login(user)
    base = str(live_server)
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": base}])
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Screen(page, project, base, errors)
    context.close()
    forget_house()  # its project goes with the test's rows
    assert errors == []
