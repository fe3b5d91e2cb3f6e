"""A real Chromium, and pages of somebody else's site for it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


_shared: list[Browser] = []


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The machine's browser without a window: one for the whole run, however many modules name this fixture."""
    if _shared:
        yield _shared[0]
        return
    # Playwright keeps an event loop in this thread, in which Django would refuse its database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        _shared.append(playwright.chromium.launch(executable_path=executable, args=FLAGS))
        yield _shared[0]
        _shared.pop().close()


@dataclass
class Visit:
    """A page in the browser, and what went on behind it."""

    page: Page
    requests: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def visit(browser: Browser, **options: object) -> Iterator[Visit]:
    """Open a tab of a fresh visitor and note its requests and complaints."""
    context: BrowserContext = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    noted = Visit(page)
    page.on("request", lambda request: noted.requests.append(f"{request.method} {request.url}"))
    page.on("requestfailed", lambda request: noted.failed.append(f"{request.method} {request.url} {request.failure}"))
    page.on("console", lambda said: noted.errors.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: noted.errors.append(str(error)))
    try:
        yield noted
    finally:
        context.close()


def site(pages: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    """Return the handler of a site with these pages: HTML, or JavaScript where the path ends so."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

        def do_GET(self) -> None:
            text = pages.get(self.path.split("?")[0], "").encode()
            kind = "text/javascript" if self.path.endswith(".js") else "text/html"
            self.send_response(200 if text else 404)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    return Handler
