"""Keys that attribution checks and decrypts with: kept encrypted, shown once, revoked rather than deleted."""

from django.contrib.auth.models import User

from attribution.models import Secret
from customers.models import Project


def create(
    project: Project, kind: str, secret: str, *, name: str = "", source: str = "", user: User | None = None
) -> Secret:
    """Keep a key of a project."""
    raise NotImplementedError


def live(project_id: int, kind: str, source: str = "") -> list[str]:
    """Return the keys of a kind that are in force, the newest first; a few seconds old at the most."""
    return []


def revoke(secret: Secret, *, user: User | None = None) -> None:
    """Put a key out of force, for good. Safe to repeat."""
    raise NotImplementedError
