"""Getting started: the way from a new project to its first event."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from customers import services as customers
from customers.pages import PageRequest, project_page
from customers.snippets import snippets
from customers.views.projects import home_of
from growthplatform.core.http import page
from growthplatform.core.templatetags.code_blocks import Sample, coloured


def _first_event(request: PageRequest) -> Mapping[str, Any] | None:
    """Return some event of the project as soon as there is one.

    Read through the foreign key that points here: the event log lies above customers and can't be imported.
    """
    event: Mapping[str, Any] | None = request.project.events.values("name", "type", "received_at").first()
    if event is None and (sealed := request.project.segments.order_by("first_ts").first()):
        event = {"name": "An event", "type": "", "received_at": sealed.first_ts}  # no row of it is in the log any more
    return event


def _context(request: PageRequest) -> dict[str, Any]:
    return {"event": _first_event(request), "home": home_of(request.project)}


@require_GET
@project_page
def getting_started(request: PageRequest) -> HttpResponse:
    """Show the code that sends a first event, and wait for it."""
    key = customers.write_key(request.project)
    code = snippets(request.project.platform, host=settings.BASE_URL, key=key or "your-write-key")
    context = {
        "key": key,
        "host": settings.BASE_URL,
        "samples": [Sample(one.language, one.text, coloured(one.text)) for one in code],
        "mobile": request.project.platform in {"ios", "android"},
        "local": not settings.BASE_URL.startswith("https://"),
    }
    return page(request, "customers/getting_started.html", context | _context(request))


@require_GET
@project_page
def getting_started_arrived(request: PageRequest) -> HttpResponse:
    """Answer whether an event has arrived; the page asks every two seconds."""
    return page(request, "customers/getting_started.html", _context(request), partial="arrived")
