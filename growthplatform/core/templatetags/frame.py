"""The frame around every page: the menu of the parts that exist, with the one in use marked."""

from dataclasses import dataclass
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

register = template.Library()


@dataclass(frozen=True)
class Part:
    """An entry of the menu. It is open on its own view and on those whose names start with one of `below`."""

    label: str
    view: str
    icon: str = ""
    key: str = ""
    below: tuple[str, ...] = ()
    gap: bool = False
    parts: tuple["Part", ...] = ()


MENU = (
    Part("Home", "analytics:home", icon="home", key="h"),
    Part("Live", "events:live", icon="activity", key="l"),
    Part(
        "Attribution",
        "",
        icon="target-arrow",
        gap=True,
        parts=(
            Part("Overview", "attribution:overview", key="o"),
            Part("Campaigns", "attribution:campaign-list", key="c", below=("attribution:campaign-",)),
            Part(
                "Installs", "attribution:install-list", key="i", below=("attribution:install-", "attribution:decision-")
            ),
            Part("Links", "attribution:link-list", key="k", below=("attribution:link-", "attribution:domain-")),
            Part("Cohorts", "attribution:cohort-list", below=("attribution:cohort-",)),
            Part("Models", "attribution:model-list", key="m", below=("attribution:model-",)),
            Part("Fraud", "attribution:fraud", key="f", below=("attribution:fraud-",)),
            Part("SKAN", "attribution:skan", below=("attribution:skan-",)),
            Part(
                "Postbacks",
                "attribution:postback-list",
                below=("attribution:postback-", "attribution:destination-"),
            ),
            Part("Cost", "attribution:cost", below=("attribution:cost-", "attribution:spend-")),
            Part(
                "Rules",
                "attribution:rule-list",
                key="u",
                below=("attribution:rule-", "attribution:replay-", "attribution:secret-"),
            ),
            Part("Accuracy", "attribution:accuracy"),
        ),
    ),
    Part(
        "Analytics",
        "",
        icon="chart-histogram",
        gap=True,
        parts=(
            Part("Explore", "analytics:explore", key="e", below=("analytics:explore-", "analytics:annotation-")),
            Part("Saved views", "analytics:view-list", key="v", below=("analytics:view-", "analytics:template-")),
            Part("Dashboards", "analytics:dashboard-list", key="d", below=("analytics:dashboard-",)),
            Part("Saved cohorts", "analytics:cohort-list", below=("analytics:cohort-",)),
        ),
    ),
    Part(
        "Connections",
        "",
        icon="plug-connected",
        gap=True,
        parts=(
            Part("Vendor formats", "events:vendor-list", key="x", below=("events:vendor-",)),
            Part("Side by side", "attribution:shadow", below=("attribution:shadow-",)),
            Part("Raw data", "attribution:export-list", below=("attribution:export-",)),
        ),
    ),
    Part("People", "analytics:person-list", icon="users", key="p", gap=True, below=("analytics:person-",)),
    Part(
        "Rejected events", "events:rejected-list", icon="mail-x", key="r", below=("events:rejected-", "events:repair-")
    ),
    Part(
        "Settings",
        "",
        icon="settings",
        gap=True,
        parts=(
            Part("Project", "customers:project-settings", key="s", below=("analytics:erasure-",)),
            Part("Keys", "customers:key-list", below=("customers:key-",)),
            Part("Members", "customers:member-list", below=("customers:member-", "customers:invitation-")),
            Part("Organization", "customers:organization-settings", below=("customers:activity-",)),
        ),
    ),
)


def address(view: str, *args: Any) -> str:
    """Return the address of a view, or nothing while there is no such view."""
    try:
        return reverse(view, args=args)
    except NoReverseMatch:
        return ""


def _entry(part: Part, view: str, slug: str) -> dict[str, Any] | None:
    children = [found for child in part.parts if (found := _entry(child, view, slug))]
    url = children[0]["url"] if children else address(part.view, slug) if part.view else ""
    if not url:
        return None
    inside = view == part.view or view.startswith(part.below or ("\0",))
    return {
        "part": part,
        "url": url,
        "children": children,
        "current": inside and not children,
        "open": inside or any(child["current"] for child in children),
    }


@register.inclusion_tag("frame/menu.html", takes_context=True)
def menu(context: template.Context) -> dict[str, Any]:
    """Show the parts of the present project."""
    request: HttpRequest | None = context.get("request")
    project = getattr(request, "project", None)
    match = getattr(request, "resolver_match", None)
    view = str(match.view_name) if match else ""
    found = [_entry(part, view, project.slug) for part in MENU] if project else []
    return {
        "entries": [entry for entry in found if entry],
        "live": address("events:live", project.slug) if project else "",
    }


@register.simple_tag
def url_of(view: str, *args: Any) -> str:
    """Return the address of a view, or nothing: {% url_of "events:live" slug as live_url %}{% if live_url %}…"""
    return address(view, *args)


@register.filter
def initials(name: str) -> str:
    """Return up to two capitals of a name, for its mark."""
    words = [word for word in str(name).replace("-", " ").split() if word[:1].isalnum()]
    letters = "".join(word[0] for word in words[:2]) if len(words) > 1 else str(name)[:2]
    return letters.upper()
