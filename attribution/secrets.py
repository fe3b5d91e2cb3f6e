"""Keys that attribution checks and decrypts with: kept encrypted, shown once, revoked rather than deleted."""

import time

import structlog
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone

from attribution.models import Secret
from customers.models import Project
from growthplatform.core import cipher
from growthplatform.core.errors import InvalidField

log = structlog.get_logger(__name__)
# A new or revoked key is known this late at the most, in each process.
CACHE_S = 5.0
CACHE_SIZE = 10_000
# A key that somebody could guess would sign for anybody.
SHORTEST, LONGEST = 16, 4_000

Keys = list[tuple[str, str]]
_known: dict[tuple[int, str], tuple[float, Keys]] = {}


def create(
    project: Project, kind: str, secret: str, *, name: str = "", source: str = "", user: User | None = None
) -> Secret:
    """Keep a key of a project. Raises InvalidField for a key that is too short to be one, or not plain text."""
    secret = secret.strip()
    if not SHORTEST <= len(secret) <= LONGEST or not secret.isprintable():
        raise InvalidField.named("secret", f"A key has {SHORTEST} to {LONGEST:,} printable characters.")
    if kind not in Secret.Kind.values:
        raise InvalidField.named("kind", f"There are {', '.join(Secret.Kind.values)}.")
    made = Secret.objects.create(
        project=project,
        kind=kind,
        name=name.strip(),
        source=source.strip(),
        encrypted=cipher.encrypt(secret),
        created_by=user,
    )
    _note(made, LogEntry.Action.CREATE, user)
    forget_cached()
    return made


def live(project_id: int, kind: str, source: str = "") -> list[str]:
    """Return the keys of a kind that are in force, the newest first; a few seconds old at the most.

    Of click signing keys those of `source`. A key that was encrypted under another SECRET_KEY is left out.
    """
    now, place = time.monotonic(), (project_id, kind)
    known = _known.get(place)
    if known is None or known[0] <= now:
        if len(_known) >= CACHE_SIZE:
            _known.clear()
        known = _known[place] = (now + CACHE_S, _read(project_id, kind))
    return [text for whose, text in known[1] if whose == source]


def revoke(secret: Secret, *, user: User | None = None) -> None:
    """Put a key out of force, for good. Safe to repeat."""
    if Secret.objects.filter(pk=secret.pk, revoked_at=None).update(revoked_at=timezone.now()):
        secret.refresh_from_db()
        _note(secret, LogEntry.Action.UPDATE, user)
    forget_cached()


def forget_cached() -> None:
    """Drop what this process remembers of keys."""
    _known.clear()


def _read(project_id: int, kind: str) -> Keys:
    unexpired = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    rows = Secret.objects.filter(unexpired, project=project_id, kind=kind, revoked_at=None).order_by("-pk")
    found = []
    for row in rows:
        try:
            found.append((row.source, cipher.decrypt(row.encrypted)))
        except cipher.Unreadable:
            log.exception("secret_unreadable", secret=row.pk, project=project_id, kind=kind)
    return found


def _note(secret: Secret, action: int, user: User | None) -> None:
    LogEntry.objects.log_create(
        secret,
        force_log=True,
        action=action,
        changes={"revoked_at": ["", str(secret.revoked_at)]} if secret.revoked_at else {"kind": ["", secret.kind]},
        additional_data={"organization": secret.project.organization_id},
        actor=user,
    )
