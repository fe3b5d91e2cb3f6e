"""What people do in the demo's app and on its site, as calls of Segment's dialect. No Django, no clock."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from analytics.demo.cast import APP, DESKTOPS, SITE, Person

Call = dict[str, Any]

ACTIONS: tuple[tuple[str, float], ...] = (
    ("Note Created", 30),
    ("Note Edited", 24),
    ("Template Used", 9),
    ("Note Shared", 7),
    ("Search Performed", 8),
    ("Reminder Set", 6),
    ("Attachment Added", 5),
)
SCREENS = ("Home", "Editor", "Notebooks", "Search", "Settings")
TEMPLATES = ("Meeting minutes", "Lecture notes", "Reading list", "Weekly plan", "Recipe")
PLANS = (("nimbus_plus_monthly", 4.99), ("nimbus_plus_yearly", 39.99), ("nimbus_team_monthly", 9.99))
PAGES = (
    ("Home", "/"),
    ("Features", "/features"),
    ("Pricing", "/pricing"),
    ("Templates", "/templates"),
    ("Blog", "/blog/notes-that-stay"),
)
REFERRERS = ("", "https://www.google.com/", "https://www.reddit.com/r/productivity/", "https://news.ycombinator.com/")


def context_of(person: Person) -> Call:
    """Return what the app's library says of its surroundings with each call."""
    phone = person.phone
    return {
        "app": {"name": "Nimbus Notes", "version": "3.8.1", "build": "381", "namespace": APP},
        "device": {
            "id": person.device_id,
            "advertisingId": person.advertising_id,
            "adTrackingEnabled": person.may_track,
            "manufacturer": phone.manufacturer,
            "model": phone.model,
            "type": phone.os_name.lower(),
        },
        "os": {"name": phone.os_name, "version": phone.os_version},
        "screen": dict(zip(("width", "height"), phone.screen, strict=True)),
        "locale": person.place.locale,
        "timezone": person.place.time_zone,
        "location": {"country": person.place.country},
        "ip": person.ip,
        "library": {"name": "analytics-swift" if phone.os_name == "iOS" else "analytics-kotlin", "version": "1.6.2"},
    }


def site_context_of(person: Person, path: str, referrer: str, agent: str) -> Call:
    """Return what the browser's library says of a page."""
    return {
        "page": {"path": path, "url": SITE + path, "referrer": referrer},
        "userAgent": agent,
        "locale": person.place.locale,
        "timezone": person.place.time_zone,
        "ip": person.ip,
        "library": {"name": "analytics.js", "version": "next-1.84.3"},
    }


def track(event: str, **properties: Any) -> Call:
    return {"type": "track", "event": event, "properties": properties}


def install(version: str = "3.8.1") -> Call:
    return track("Application Installed", version=version, build="381")


def called_back(url: str, click_id: str) -> Call:
    """Return what the app sends when somebody comes over a link that opens it."""
    return track("Deep Link Opened", provider="Nimbus Notes", url=url, click_id=click_id)


def sign_up(person: Person) -> list[Call]:
    """Return the calls of somebody who makes an account."""
    traits = {"name": person.name, "email": person.email, "plan": "free", "country": person.place.country}
    return [
        {"type": "identify", "traits": traits},
        track("Signed Up", method="email" if person.number % 3 else "apple"),
    ]


def session(rng: Random, person: Person, *, first: bool = False, paying: bool = False) -> list[Call]:
    """Return the calls of one visit to the app, in order."""
    calls = [track("Application Opened", from_background=not first), screen("Home")]
    if first:
        calls.append(track("Onboarding Completed" if rng.random() < 0.72 else "Onboarding Skipped", steps=4))
    names, weights = zip(*ACTIONS, strict=True)
    for action in rng.choices(names, weights, k=1 + int(rng.expovariate(1 / (1 + 4 * person.keenness)))):
        if rng.random() < 0.35:
            calls.append(screen(rng.choice(SCREENS)))
        calls.append(track(action, **_details(rng, action)))
    if paying:
        calls += purchase(rng)
    return calls


def purchase(rng: Random) -> list[Call]:
    """Return the calls of somebody who subscribes."""
    plan, price = rng.choices(PLANS, (6, 3, 1))[0]
    order = f"{rng.getrandbits(40):010x}"
    product = {"product_id": plan, "price": price, "quantity": 1}
    return [
        track("Trial Started", plan=plan),
        track("Order Completed", order_id=order, revenue=price, total=price, currency="EUR", products=[product]),
    ]


def screen(name: str) -> Call:
    return {"type": "screen", "name": name, "properties": {}}


def _details(rng: Random, action: str) -> Call:
    match action:
        case "Template Used":
            return {"template": rng.choice(TEMPLATES)}
        case "Note Created" | "Note Edited":
            return {"words": int(rng.lognormvariate(4.2, 0.9)), "notebook": rng.choice(("Private", "Work", "Study"))}
        case "Note Shared":
            return {"channel": rng.choice(("link", "email", "messages"))}
        case _:
            return {}


def visit(rng: Random, person: Person) -> list[Call]:
    """Return the page calls of one visit to the site, from a computer or the person's phone."""
    agent = rng.choice((*DESKTOPS, person.phone.agent))
    referrer = rng.choices(REFERRERS, (5, 6, 2, 1))[0]
    calls = []
    for name, path in [PAGES[0], *rng.sample(PAGES[1:], k=min(4, int(rng.expovariate(0.9))))]:
        context = site_context_of(person, path, referrer, agent)
        calls.append(
            {"type": "page", "name": name, "properties": context["page"] | {"title": name}, "context": context}
        )
        referrer = SITE + path
    return calls


def paced(rng: Random, calls: list[Call], start: datetime, now: datetime) -> Iterator[tuple[datetime, Call]]:
    """Yield each call with its time, some seconds after the one before, as far as it has happened already."""
    at = start
    for call in calls:
        if at > now:
            return
        yield at, call
        at += timedelta(seconds=2 + rng.expovariate(1 / 28))
