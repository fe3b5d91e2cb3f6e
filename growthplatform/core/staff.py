"""How the staff admin looks: its menu in the order of the product's parts, its colour that of the product."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise


def _list(title: str, model: str, icon: str) -> dict[str, str | Promise]:
    return {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{model}_changelist")}


NAVIGATION = [
    {
        "title": "Customers",
        "items": [
            _list("Organizations", "customers_organization", "domain"),
            _list("Projects", "customers_project", "apps"),
            _list("Keys", "customers_apikey", "key"),
            _list("Members", "customers_member", "group"),
            _list("Invitations", "customers_invitation", "mail"),
            _list("Accounts", "auth_user", "person"),
            _list("Sign-ups", "customers_signup", "person_add"),
            _list("Deletions", "customers_deletion", "delete"),
        ],
    },
    {
        "title": "Stream",
        "items": [
            _list("Newest events", "events_event", "bolt"),
            _list("Rejected events", "events_rejected", "report"),
            _list("People", "events_person", "groups"),
            _list("Readers of the log", "events_consumer", "menu_book"),
        ],
    },
    {
        "title": "Attribution",
        "items": [
            _list("Links", "attribution_link", "link"),
            _list("Touches", "attribution_touch", "touch_app"),
            _list("Installs", "attribution_install", "install_mobile"),
            _list("Decisions", "attribution_decision", "gavel"),
        ],
    },
    {
        "title": "Operation",
        "items": [
            _list("Background jobs", "django_celery_beat_periodictask", "schedule"),
            _list("Changes by people", "auditlog_logentry", "history"),
        ],
    },
]
# The accent of static/src/product.css in steps from pale to deep.
ACCENT = {
    "50": "#f1f2fd", "100": "#e3e5fb", "200": "#c9cef7", "300": "#a7aef0", "400": "#7f89e8", "500": "#5f6bdd",
    "600": "#4250c4", "700": "#37439f", "800": "#2f3980", "900": "#2a3268", "950": "#1a1f42",
}  # fmt: skip
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Growth Platform staff",
    "SITE_HEADER": "Growth Platform",
    "SITE_SUBHEADER": "Staff",
    "SITE_URL": "/dashboard/",
    "SITE_SYMBOL": "trending_up",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _request: static("favicon.svg")}],
    "COLORS": {"primary": ACCENT},
    "SIDEBAR": {"show_search": True, "show_all_applications": True, "navigation": NAVIGATION},
}
