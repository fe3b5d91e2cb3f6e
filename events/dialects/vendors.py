"""Whose an app of another vendor is, found without a query a request; at most 5 s old, as keys are."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from django.utils import timezone

from customers.services import Caller, caller_of, find_caller
from events.dialects.base import Claim, InactiveApp, UnknownApp, WrongKey
from events.models import EventName, VendorApp
from growthplatform.core.errors import Problem

CACHE_S = 5.0
CACHE_SIZE = 10_000
# Codes of refusals that end once the project names the app.
NOT_ITS_APP = frozenset({"unknown_app", "id_prefix_missing"})


@dataclass(frozen=True, slots=True)
class Found:
    """Who a request in a vendor's format belongs to; `app_known` is not when only the key is a project's."""

    caller: Caller
    app_known: bool
    app_pk: int | None = None
    app_os: str = ""
    forward: bool = False


_apps: dict[tuple[str, str, str], tuple[float, Found | type[Problem]]] = {}
_names: dict[tuple[int, str], tuple[float, Mapping[str, str]]] = {}


def hash_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest() if key else ""


def forget_cached() -> None:
    """Drop what this process remembers of apps and names."""
    _apps.clear()
    _names.clear()


def find(dialect: str, claim: Claim) -> Found:
    """Return who the app belongs to: by its id and key, else by the key alone; a write key of ours opens too.

    Raises UnknownApp, WrongKey for an app that is known with another key, and InactiveApp for an archived one.
    """
    place = (dialect, claim.app_id, claim.key)
    now = time.monotonic()
    known = _apps.get(place)
    if known is None or known[0] <= now:
        if len(_apps) >= CACHE_SIZE:
            _apps.clear()
        known = _apps[place] = (now + CACHE_S, _look_up(dialect, claim))
    if isinstance(known[1], Found):
        return known[1]
    raise known[1]


def proves(project_id: int, dialect: str, app_id: str, secret: str) -> bool:
    """Say whether `secret` is the one of the project's app, or a secret key of the project."""
    caller = find_caller(secret)
    if caller is not None:
        return caller.secret and caller.project_id == project_id
    live = VendorApp.objects.filter(project=project_id, dialect=dialect, app_id=app_id, archived_at=None)
    return bool(secret) and live.filter(key_hash=hash_of(secret)).exists()


def owner(dialect: str, app_id: str) -> Caller:
    """Return who an app belongs to whose id is public and enough. Raises UnknownApp."""
    return find(dialect, Claim(app_id, app_id, key_free=True)).caller


def is_app_of(project_id: int, dialect: str, app_id: str) -> bool:
    """Say whether the project has named this app."""
    return VendorApp.objects.filter(project=project_id, dialect=dialect, app_id=app_id, archived_at=None).exists()


def names_of(project_id: int, dialect: str) -> Mapping[str, str]:
    """Return a project's names of events by the vendor's names."""
    now = time.monotonic()
    known = _names.get((project_id, dialect))
    if known is None or known[0] <= now:
        if len(_names) >= CACHE_SIZE:
            _names.clear()
        rows = EventName.objects.filter(project=project_id, dialect=dialect)
        known = _names[project_id, dialect] = (now + CACHE_S, dict(rows.values_list("theirs", "ours")))
    return known[1]


def _look_up(dialect: str, claim: Claim) -> Found | type[Problem]:
    if len(claim.app_id) > 155 or "\x00" in claim.app_id + claim.key:
        return UnknownApp
    live = VendorApp.objects.filter(dialect=dialect, archived_at=None, project__deleted_at=None).order_by("pk")
    if caller := find_caller(claim.key):
        app = live.filter(project=caller.project_id, app_id=claim.app_id).first()
        return Found(caller, True, app.pk if app else None, app.os_name if app else "", bool(app and app.forward))
    live = live.select_related("project")
    key_hash = hash_of(claim.key)
    of_id = live.filter(app_id=claim.app_id)
    app = (of_id if claim.key_free else of_id.filter(key_hash__in={key_hash, ""})).order_by("-key_hash").first()
    if app is None:
        # The app may be written otherwise than its owner wrote it: the key says who to tell.
        of_key = live.filter(key_hash=key_hash).first() if key_hash else None
        if of_key:
            return Found(_caller_of(of_key), False)
        if of_id.exists():
            return WrongKey
        return InactiveApp if _is_archived(dialect, claim.app_id, key_hash) else UnknownApp
    now = timezone.now()
    if app.last_used_at is None or app.last_used_at < now - timedelta(minutes=1):
        VendorApp.objects.filter(pk=app.pk).update(last_used_at=now)
    return Found(_caller_of(app), True, app.pk, app.os_name, app.forward)


def _caller_of(app: VendorApp) -> Caller:
    """Return the app as a caller: how fast it sends is counted for itself, beside the keys of projects."""
    return replace(caller_of(app.project), key_id=-app.pk)


def _is_archived(dialect: str, app_id: str, key_hash: str) -> bool:
    rows = VendorApp.objects.filter(dialect=dialect, app_id=app_id, key_hash__in={key_hash, ""})
    return rows.exclude(archived_at=None).exists()
