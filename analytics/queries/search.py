"""What the search dialog finds: people, campaigns and links by the beginning of what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.queries.people import people, with_ids
from attribution.models import Decision, Link
from customers.models import Project

EACH = 5


@dataclass(frozen=True)
class Hit:
    """One thing found: how it is called, what it is, and the view that shows it."""

    kind: str
    label: str
    more: str
    view: str
    key: str


def search(project: Project, q: str) -> list[Hit]:
    """Return up to five people, links and campaigns each that `q` finds; nothing for fewer than two characters."""
    q = q.strip().replace("\x00", "")
    if len(q) < 2:
        return []
    return [*_people(project, q), *_links(project, q), *_campaigns(project, q)]


def _people(project: Project, q: str) -> Sequence[Hit]:
    found = list(people(project, q).order_by("-last_seen_at", "-pk")[:EACH])
    return [
        Hit(
            "person",
            row.label,
            row.email if row.email != row.label else "",
            "analytics:person-detail",
            f"p_{row.person.pk}",
        )
        for row in with_ids(found)
    ]


def _links(project: Project, q: str) -> Sequence[Hit]:
    rows = Link.objects.filter(project=project, archived_at=None)
    found = rows.filter(name__icontains=q) | rows.filter(slug__startswith=q)
    return [
        Hit("link", link.name, f"/c/{link.slug}", "attribution:link-detail", str(link.pk))
        for link in found.order_by("-pk")[:EACH]
    ]


def _campaigns(project: Project, q: str) -> Sequence[Hit]:
    rows = Decision.objects.filter(project=project, campaign__icontains=q).order_by("source", "campaign")
    found = rows.values_list("source", "campaign").distinct()[:EACH]
    return [Hit("campaign", campaign, source, "attribution:campaign-list", campaign) for source, campaign in found]
