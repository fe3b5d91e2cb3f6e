"""Organizations and projects: made, found, deleted. The door is services.py."""

import time
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from customers import keys
from customers.locks import hold
from customers.models import ApiKey, Deletion, Member, Organization, Project, ProjectQuerySet
from customers.slugs import free_slug
from growthplatform.config import config
from growthplatform.core.errors import InvalidField, Problem

HOUSE_NAME = "Growth Platform"
HOUSE_KEY_S = 60.0
SETTLE = timedelta(seconds=20)
FIRST_KEY = "First write key"


class HouseStays(Problem):
    status = 409
    code = "house_stays"
    message = "This is the platform's own project; it can't be deleted."


def clean_name(name: str, field: str = "name") -> str:
    """Return `name` without space around it. Raises InvalidField for an empty, overlong or unprintable one."""
    name = name.strip()
    if not name:
        raise InvalidField.named(field, "A name has at least one character.")
    if len(name) > 100:
        raise InvalidField.named(field, "A name has at most 100 characters.")
    if not name.isprintable():
        raise InvalidField.named(field, "A name has no line breaks or control characters.")
    return name


@transaction.atomic
def create_organization(name: str, owner: User | None = None, **fields: Any) -> Organization:
    """Make an organization, with `owner` as its first member.

    Not to be repeated: a second of the same name gets another slug. Raises InvalidField.
    """
    name = clean_name(name)
    hold("slugs")
    organization = Organization.objects.create(
        name=name, slug=free_slug(Organization.objects.all(), name, "organization"), **fields
    )
    if owner:
        Member.objects.create(organization=organization, user=owner, role=Member.Role.OWNER)
    return organization


@transaction.atomic
def create_project(organization: Organization, name: str, *, created_by: User | None = None, **fields: Any) -> Project:
    """Make a project with its first write key; `fields` are columns of Project.

    Not to be repeated: a second of the same name gets another slug. Raises InvalidField.
    """
    name = clean_name(name)
    fields.setdefault("retention_days", config.default_retention_days or None)
    hold("slugs")
    project = Project.objects.create(
        organization=organization, name=name, slug=free_slug(Project.objects.all(), name, "project"), **fields
    )
    keys.make(project, ApiKey.Kind.WRITE, name=FIRST_KEY, created_by=created_by)
    return project


def write_key(project: Project) -> str:
    """Return the newest write key of a project that is not on its way out; "" where all are revoked."""
    live = project.keys.live().filter(kind=ApiKey.Kind.WRITE)
    return live.order_by(F("expires_at").desc(nulls_first=True), "-pk").values_list("hint", flat=True).first() or ""


def projects_of(user: User) -> ProjectQuerySet:
    """Return the projects a user may open, by organization and name."""
    projects = Project.objects.live().filter(organization__members__user=user).select_related("organization")
    return projects.order_by("organization__name", "organization_id", "name", "pk")


def house() -> Project:
    """Return the platform's own project with its organization; the first call makes them.

    Safe to repeat and to call from many processes at once.
    """
    return _find_house() or _make_house()


def _find_house() -> Project | None:
    return Project.objects.select_related("organization").filter(house=True).first()


@transaction.atomic
def _make_house() -> Project:
    hold("house")
    found = _find_house()
    if found:
        return found
    organization = create_organization(HOUSE_NAME, house=True)
    return create_project(organization, HOUSE_NAME, platform=Project.Platform.WEB, house=True)


_house_key: tuple[float, str] = (0.0, "")


def house_write_key() -> str:
    """Return the key the product's own pages send their views with; at most a minute old, "" before the first start."""
    global _house_key  # noqa: PLW0603 -- one value for the process, read on every page
    if _house_key[0] < time.monotonic():
        project = _find_house()
        key = write_key(project) if project else ""
        _house_key = (time.monotonic() + (HOUSE_KEY_S if key else 0.0), key)
    return _house_key[1]


def forget_house() -> None:
    """Drop what this process remembers of the house's key."""
    global _house_key  # noqa: PLW0603
    _house_key = (0.0, "")


@transaction.atomic
def delete_project(project: Project, *, asked_by: User | None) -> Deletion:
    """Take a project from its members and stop its keys; its rows are erased by the task that works off deletions.

    Safe to repeat: returns the deletion already asked for. Raises HouseStays.
    """
    if project.house:
        raise HouseStays
    locked = Project.objects.select_for_update().get(pk=project.pk)
    deletion, new = Deletion.objects.get_or_create(
        project=locked,
        defaults={"organization": locked.organization, "project_name": locked.name, "asked_by": asked_by},
    )
    if new:
        # The address is free for a new project of that name right away.
        locked.slug = f"deleted-{locked.pk}"
        locked.deleted_at = timezone.now()
        locked.save(update_fields=["slug", "deleted_at"])
        for key in locked.keys.live():
            keys.revoke(key)
    return deletion


def unfinished_deletions(now: datetime) -> list[Deletion]:
    """Return the deletions that may have rows to erase, oldest first.

    Not the newest ones: for some seconds web processes still remember the keys, and requests are under way.
    """
    waiting = Deletion.objects.exclude(state=Deletion.State.DONE).filter(asked_at__lte=now - SETTLE)
    return list(waiting.order_by("pk"))


def note_erased(deletion: Deletion, rows: int) -> None:
    """Add `rows` to what a deletion has erased so far."""
    Deletion.objects.filter(pk=deletion.pk).update(rows=F("rows") + rows, state=Deletion.State.RUNNING)


@transaction.atomic
def finish_deletion(deletion: Deletion) -> None:
    """Remove the project itself, after everything that pointed to it. Safe to repeat."""
    project = deletion.project
    deletion.project = None
    deletion.state = Deletion.State.DONE
    deletion.finished_at = timezone.now()
    deletion.save(update_fields=["project", "state", "finished_at"])
    if project:
        project.delete()
