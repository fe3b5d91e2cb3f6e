"""Slugs: a name as it may stand in an address."""

from typing import TypeVar

from anyascii import anyascii
from django.db.models import Model, QuerySet
from django.utils.text import slugify

M = TypeVar("M", bound=Model)
LENGTH = 60
# First parts of addresses under /dashboard/ that are not a project.
RESERVED = frozenset({"projects", "invitations", "account", "new", "start"})


def slug_of(name: str, fallback: str) -> str:
    """Return `name` in Latin letters, figures and hyphens; `fallback` when nothing of it can be written so."""
    return slugify(anyascii(name))[: LENGTH - 8].strip("-_") or fallback


def free_slug(rows: QuerySet[M], name: str, fallback: str) -> str:
    """Return a slug for `name` that none of `rows` has: acme, acme-2, acme-3.

    Two callers at once get the same one, so the caller holds a lock.
    """
    base = slug_of(name, fallback)
    taken = set(rows.filter(slug__startswith=base).values_list("slug", flat=True)) | RESERVED
    number = 1
    while (slug := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return slug
