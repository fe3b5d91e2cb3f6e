"""What the search dialog finds: people, links, campaigns, and what members saved, by what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics import dashboards, saved
from analytics.models import Cohort
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
    """Return up to five of each kind that `q` finds; nothing for fewer than two characters."""
    q = q.strip().replace("\x00", "")
    if len(q) < 2:
        return []
    return [*_people(project, q), *_links(project, q), *_campaigns(project, q), *_saved(project, q)]


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


def _saved(project: Project, q: str) -> Sequence[Hit]:
    views = saved.live(project).filter(name__icontains=q).order_by("-updated_at", "-pk")[:EACH]
    boards = dashboards.live(project).filter(name__icontains=q).order_by("-updated_at", "-pk")[:EACH]
    cohorts = Cohort.objects.filter(project=project, deleted_at=None, name__icontains=q).order_by("-pk")[:EACH]
    return [
        *(Hit("dashboard", one.name, "dashboard", "analytics:dashboard-detail", str(one.pk)) for one in boards),
        *(Hit("view", one.name, one.kind, "analytics:view-detail", str(one.pk)) for one in views),
        *(Hit("cohort", one.name, "saved cohort", "analytics:cohort-detail", str(one.pk)) for one in cohorts),
    ]
