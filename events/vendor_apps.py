"""Apps as other vendors know them: claimed for a project, changed, put away. A claim opens the vendor's doors."""

import re
from datetime import datetime

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from customers.models import Project
from events import vendor_formats
from events.dialects import vendors
from events.models import VendorApp
from growthplatform.core.errors import InvalidField, Problem

SYSTEMS = ("", "ios", "android")
KEY_SHOWN = 4
LONGEST_KEY = 200


class AppTaken(Problem):
    status = 409
    code = "app_taken"
    message = (
        "This app is connected already, here or in another project of this installation."
        " If it is yours and you did not connect it, ask the staff of this installation."
    )


def claim(
    project: Project, dialect: str, app_id: str, *, key: str = "", os_name: str = "", user: User | None = None
) -> VendorApp:
    """Connect an app of a vendor: what comes for it in that vendor's format is the project's from now on.

    Raises InvalidField, and AppTaken while a live claim with the same id and key exists.
    """
    app_id, key = app_id.strip(), key.strip()
    check(dialect, app_id, key, os_name)
    try:
        with transaction.atomic():
            made = VendorApp.objects.create(
                project=project,
                dialect=dialect,
                app_id=app_id,
                key_hash=vendors.hash_of(key),
                key_hint=hint_of(key),
                os_name=os_name or vendor_formats.os_of(dialect, app_id),
                created_by=user,
            )
    except IntegrityError:
        raise AppTaken from None
    _note(made, LogEntry.Action.CREATE, user, {"app": ["", str(made)]})
    return made


def check(dialect: str, app_id: str, key: str, os_name: str = "") -> None:
    """Refuse what no client of the vendor could send. Raises InvalidField, naming the field."""
    known = vendor_formats.FORMATS.get(dialect)
    if known is None:
        raise InvalidField.named("dialect", f"must be one of {', '.join(vendor_formats.FORMATS)}.")
    if not known.app_form.fullmatch(app_id) or len(app_id) > 155:
        raise InvalidField.named("appId", known.app_wrong)
    if known.key_needed and not key:
        raise InvalidField.named("key", f"{known.name}’s app ids are public, so the key must prove whose it is.")
    if key and not known.key_word:
        raise InvalidField.named("key", f"{known.name}’s clients send no key besides the {known.app_word}.")
    if key and not re.fullmatch(r"[!-~]{4,200}", key):
        raise InvalidField.named("key", f"A key has 4 to {LONGEST_KEY} characters without spaces.")
    if os_name not in SYSTEMS:
        raise InvalidField.named("os", "must be ios, android, or empty.")


def hint_of(key: str) -> str:
    """Return what is shown of a key: its end, where enough of it stays hidden."""
    if not key:
        return ""
    return f"…{key[-KEY_SHOWN:]}" if len(key) >= 4 * KEY_SHOWN else "…"


def archive(app: VendorApp, *, now: datetime, user: User | None = None) -> VendorApp:
    """Take an app back: its requests are nobody's within seconds. Safe to repeat."""
    if VendorApp.objects.filter(pk=app.pk, archived_at=None).update(archived_at=now):
        _note(app, LogEntry.Action.UPDATE, user, {"state": ["connected", "archived"]})
    app.refresh_from_db()
    return app


def restore(app: VendorApp, *, user: User | None = None) -> VendorApp:
    """Connect an archived app again. Safe to repeat. Raises AppTaken when somebody claimed it meanwhile."""
    try:
        with transaction.atomic():
            changed = VendorApp.objects.filter(pk=app.pk).exclude(archived_at=None).update(archived_at=None)
    except IntegrityError:
        raise AppTaken from None
    if changed:
        _note(app, LogEntry.Action.UPDATE, user, {"state": ["archived", "connected"]})
    app.refresh_from_db()
    return app


def change_key(app: VendorApp, key: str, *, user: User | None = None) -> VendorApp:
    """Take another key of the vendor for an app; the former one opens nothing from within seconds on.

    Raises InvalidField and AppTaken.
    """
    key = key.strip()
    check(app.dialect, app.app_id, key)
    try:
        with transaction.atomic():
            VendorApp.objects.filter(pk=app.pk).update(key_hash=vendors.hash_of(key), key_hint=hint_of(key))
    except IntegrityError:
        raise AppTaken from None
    _note(app, LogEntry.Action.UPDATE, user, {"key": [app.key_hint, hint_of(key)]})
    app.refresh_from_db()
    return app


def _note(app: VendorApp, action: int, user: User | None, changes: dict[str, list[str]]) -> None:
    vendors.forget_cached()
    LogEntry.objects.log_create(
        app,
        force_log=True,
        action=action,
        changes=changes,
        additional_data={"organization": app.project.organization_id},
        actor=user,
    )
