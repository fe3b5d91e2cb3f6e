"""Keys: made, found by what a client sends, rotated. The door is services.py."""

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from customers.models import ApiKey, Project
from growthplatform.core.errors import Problem

PREFIX = {ApiKey.Kind.WRITE: "wk_", ApiKey.Kind.SECRET: "sk_"}
LENGTH = {ApiKey.Kind.WRITE: 12, ApiKey.Kind.SECRET: 24}
ROTATION = timedelta(hours=24)


class KeyIsEnding(Problem):
    status = 409
    code = "key_is_ending"
    message = "This key was rotated or revoked before; rotate the one that took its place."


# A revoked key still opens a door this long at the most, in each web process.
CACHE_S = 5.0
CACHE_SIZE = 10_000


@dataclass(frozen=True, slots=True)
class Caller:
    """Who knocks: what a busy door must know of a key and its project, without a query a request."""

    key_id: int
    project_id: int
    secret: bool
    ip_policy: str
    retention_days: int | None
    events_per_second: int | None
    expires_at: datetime | None


def caller_of(project: Project) -> Caller:
    """Return the product itself as a caller for `project`, bound by the project's policies.

    It is counted against limits of its own, not of one key: no two projects share them.
    """
    return Caller(-project.pk, project.pk, True, project.ip_policy, project.retention_days, None, None)


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def make(project: Project, kind: str, *, name: str = "", created_by: User | None = None) -> tuple[ApiKey, str]:
    """Make a key and return it with its text, which for a secret key is never to be had again."""
    text = PREFIX[ApiKey.Kind(kind)] + secrets.token_hex(LENGTH[ApiKey.Kind(kind)])
    hint = text if kind == ApiKey.Kind.WRITE else text[:9] + "…" + text[-4:]
    key = ApiKey.objects.create(
        project=project, kind=kind, name=name, hint=hint, key_hash=hash_of(text), created_by=created_by
    )
    return key, text


@transaction.atomic
def rotate(key: ApiKey, *, created_by: User | None = None, grace: timedelta = ROTATION) -> tuple[ApiKey, str]:
    """Make a new key in place of `key`, which goes on working for `grace`.

    Raises KeyIsEnding for a key that was rotated or revoked before, so that two clicks make one new key.
    """
    locked = ApiKey.objects.select_for_update().get(pk=key.pk)
    if locked.expires_at or locked.revoked_at:
        raise KeyIsEnding
    locked.expires_at = timezone.now() + grace
    locked.save(update_fields=["expires_at"])
    new, text = make(key.project, key.kind, name=key.name, created_by=created_by)
    if key.events_per_second:
        new.events_per_second = key.events_per_second
        new.save(update_fields=["events_per_second"])
    forget_cached()
    return new, text


def revoke(key: ApiKey) -> None:
    """End a key at once (within 5 s in every web process). Safe to repeat."""
    if key.revoked_at is None:
        key.revoked_at = timezone.now()
        key.save(update_fields=["revoked_at"])
    forget_cached()


_cache: dict[str, tuple[float, Caller | None]] = {}


def forget_cached() -> None:
    """Drop what this process remembers of keys."""
    _cache.clear()


def find_caller(key: str) -> Caller | None:
    """Return who `key` belongs to, None for an unknown, revoked or expired one; at most 5 s old."""
    now = time.monotonic()
    known = _cache.get(key)
    if known and known[0] > now:
        caller = known[1]
        return None if caller and caller.expires_at and caller.expires_at <= timezone.now() else caller
    caller = _look_up(key)
    if len(_cache) >= CACHE_SIZE:
        _cache.clear()
    _cache[key] = (now + CACHE_S, caller)
    return caller


def _look_up(key: str) -> Caller | None:
    if not key.startswith(("wk_", "sk_")) or len(key) > 100:
        return None
    row = (
        ApiKey.objects.live().filter(key_hash=hash_of(key), project__deleted_at=None).select_related("project").first()
    )
    if row is None:
        return None
    now = timezone.now()
    if row.last_used_at is None or row.last_used_at < now - timedelta(minutes=1):
        ApiKey.objects.filter(pk=row.pk).update(last_used_at=now)
    return Caller(
        key_id=row.pk,
        project_id=row.project_id,
        secret=row.kind == ApiKey.Kind.SECRET,
        ip_policy=row.project.ip_policy,
        retention_days=row.project.retention_days,
        events_per_second=row.events_per_second,
        expires_at=row.expires_at,
    )


def key_in(authorization: str) -> str:
    """Return the key inside an Authorization header, as `Bearer KEY` or Basic with the key as user name, else ""."""
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(rest.strip()).decode().partition(":")[0]
    except ValueError:
        return ""
