"""Names for the builder's autocomplete: events, their properties, and values of a property, as JSON."""

from typing import Any

from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from analytics import catalogue
from analytics.likeness import likeness
from customers.pages import PageRequest, project_page

MOST = 50
WHOLE = (("*", "Any event"), ("Page: *", "Any page"), ("Screen: *", "Any screen"))


@project_page
@require_safe
def event_names(request: PageRequest) -> HttpResponse:
    """Answer the events whose names contain ?q=, else those most like it: {"names": [{"name", "title", "events", …}]}.

    "*" and its like come first while nothing is typed, or when they are meant.
    """
    q = _asked(request, "q")
    known = catalogue.events_of(request.project)
    rows = [one for one in known if q.casefold() in one.label.casefold()]
    if q and not rows:
        rows = sorted(known, key=lambda one: -likeness(q, one.label))
        rows = [one for one in rows if likeness(q, one.label) >= 0.5]
    whole = [
        (name, title) for name, title in WHOLE if _occurs(name, known) and q.casefold() in f"{name} {title}".casefold()
    ]
    names: list[dict[str, Any]] = [{"name": name, "title": title} for name, title in whole]
    names += [
        {"name": one.label, "title": one.label, "events": one.events, "last_day": f"{one.last_day}"}
        for one in rows[:MOST]
    ]
    return JsonResponse({"names": names, "all": len(known)})


def _occurs(name: str, known: list[catalogue.EventName]) -> bool:
    return any(one.label.startswith(name[:-1]) for one in known)


@project_page
@require_safe
def property_names(request: PageRequest) -> HttpResponse:
    """Answer the properties of ?event= (all without) whose path contains ?q=."""
    q = _asked(request, "q").casefold()
    rows = [
        one for one in catalogue.properties_of(request.project, _asked(request, "event")) if q in one.path.casefold()
    ]
    names = [
        {"name": one.path, "kind": one.kind, "share": round(one.share, 4), "examples": list(one.examples)}
        for one in rows[:MOST]
    ]
    return JsonResponse({"names": names})


@project_page
@require_safe
def property_values(request: PageRequest) -> HttpResponse:
    """Answer the values of ?property= of ?event= that contain ?q=, with how many events have them."""
    path, event = _asked(request, "property"), _asked(request, "event")
    rows = catalogue.values_of(request.project, path, event, _asked(request, "q")) if path else []
    return JsonResponse({"names": [{"name": value, "events": number} for value, number in rows]})


def _asked(request: PageRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\x00", "").strip()[:200]
