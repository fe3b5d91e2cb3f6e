"""Links that show a saved view or a dashboard to whoever has them, without an account, until they are revoked."""

import hashlib
import secrets
from datetime import datetime

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from analytics.models import Dashboard, SavedView, Share
from growthplatform.core.errors import InvalidField

MOST_PER_THING = 20
NOT_DELETED = Q(view__deleted_at=None, dashboard__deleted_at=None)


def create(shown: SavedView | Dashboard, *, user: User, now: datetime) -> tuple[Share, str]:
    """Make a link that shows a view or a dashboard; return it with its token, which is shown once.

    Raises InvalidField when there are too many already.
    """
    if live(shown).count() >= MOST_PER_THING:
        raise InvalidField.named("share", f"There are {MOST_PER_THING} links already. Revoke one first.")
    token = secrets.token_urlsafe(24)
    made = Share.objects.create(
        project=shown.project,
        view=shown if isinstance(shown, SavedView) else None,
        dashboard=shown if isinstance(shown, Dashboard) else None,
        token_hash=_hash(token),
        created_by=user,
        created_at=now,
    )
    _note(made, LogEntry.Action.CREATE, {"created_at": ("", now.isoformat())})
    return made, token


def find(token: str) -> Share | None:
    """Return what a token opens, None when it opens nothing any more."""
    rows = Share.objects.select_related("project__organization", "view__project", "dashboard__project")
    return rows.filter(NOT_DELETED, token_hash=_hash(token), revoked_at=None, project__deleted_at=None).first()


def live(shown: SavedView | Dashboard) -> QuerySet[Share]:
    """Return the links that open a view or a dashboard now, the newest first."""
    rows = Share.objects.filter(project_id=shown.project_id, revoked_at=None).select_related("created_by")
    rows = rows.filter(view=shown) if isinstance(shown, SavedView) else rows.filter(dashboard=shown)
    return rows.order_by("-pk")


def revoke(share: Share, *, now: datetime) -> None:
    """Close a link for good. Safe to repeat."""
    if Share.objects.filter(pk=share.pk, revoked_at=None).update(revoked_at=now):
        _note(share, LogEntry.Action.UPDATE, {"revoked_at": ("", now.isoformat())})


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _note(share: Share, action: int, changes: dict[str, tuple[str, str]]) -> None:
    """Put into the activity of the organization who published or closed what."""
    LogEntry.objects.log_create(
        share,
        force_log=True,
        action=action,
        changes=changes,
        object_repr=str(share.view or share.dashboard),
        additional_data={"organization": share.project.organization_id},
    )
