"""The apps of a project in the App Store: whoever names one gets Apple's postbacks about it."""

from dataclasses import dataclass
from datetime import datetime

from auditlog.models import LogEntry
from django.db import IntegrityError, transaction
from django.db.models import Count, Max

from attribution.models import AppleApp, ApplePostback
from attribution.skan import receiving
from attribution.skan.verifying import MOST_ID
from customers.models import Project
from growthplatform.core.errors import InvalidField, Problem

MOST = 100
REJUDGED = 2_000


class AppTaken(Problem):
    status = 409
    code = "app_taken"
    message = "appId: another project has named this app. If it is yours, ask the operator of this installation."


@dataclass(frozen=True)
class Unnamed:
    """An app that postbacks of the project are about, and that nobody has named."""

    app_id: int
    postbacks: int
    last_at: datetime


def check_id(text: str) -> int:
    """Return the App Store's number of an app from it, from "id123" or from its address. Raises InvalidField."""
    digits = text.strip().rstrip("/").rpartition("/")[2].partition("?")[0].removeprefix("id")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 19 or not 0 < int(digits) <= MOST_ID:
        raise InvalidField.named("app_id", "Give the App Store's number, such as 1640000000, or the app's address.")
    return int(digits)


def add(project: Project, app_id: int, *, name: str = "", sandbox: bool = False) -> tuple[AppleApp, int]:
    """Name an app for a project; return it and how many postbacks were waiting for it.

    Safe to repeat: the project's own one is returned as it is. Raises AppTaken, and InvalidField for one too many.
    """
    if found := project.apple_apps.filter(app_id=app_id).first():
        return found, receiving.adopt(found)
    if project.apple_apps.count() >= MOST:
        raise InvalidField.named("app_id", f"A project can have {MOST} apps. Remove one first.")
    try:
        with transaction.atomic():
            app = AppleApp.objects.create(project=project, app_id=app_id, name=name.strip()[:100], sandbox=sandbox)
    except IntegrityError:
        raise AppTaken from None
    _note(app, LogEntry.Action.CREATE, {"app_id": ("", str(app_id))})
    _allow(app)
    return app, receiving.adopt(app)


def change(app: AppleApp, *, name: str, sandbox: bool) -> int:
    """Rename an app, or let it take test postbacks or none; return how many postbacks that changed."""
    before = app.sandbox
    app.name, app.sandbox = name.strip()[:100], sandbox
    app.save(update_fields=["name", "sandbox"])
    if before == sandbox:
        return 0
    _note(app, LogEntry.Action.UPDATE, {"sandbox": (str(before), str(sandbox))})
    return _allow(app)


def remove(app: AppleApp) -> None:
    """Give an app up with its schemas. What came about it stays with the project; what comes does not."""
    _note(app, LogEntry.Action.DELETE, {"app_id": (str(app.app_id), "")})
    app.delete()


def unnamed(project: Project) -> list[Unnamed]:
    """Return the apps that postbacks came for by the project's own host or key, and that it has not named."""
    rows = ApplePostback.objects.filter(project=project, app_id__isnull=False)
    rows = rows.exclude(app_id__in=project.apple_apps.values("app_id"))
    found = rows.values("app_id").annotate(number=Count("pk"), last=Max("last_at")).order_by("-number", "app_id")[:20]
    return [Unnamed(row["app_id"] or 0, row["number"], row["last"]) for row in found]


def _allow(app: AppleApp) -> int:
    """Judge the newest test postbacks anew after the switch for them changed."""
    keys = ApplePostback.objects.filter(project=app.project_id, app_id=app.app_id, key__startswith="apple-development")
    return sum(receiving.rejudge(row, sandbox=app.sandbox) for row in keys.order_by("-pk")[:REJUDGED])


def _note(app: AppleApp, action: int, changes: dict[str, tuple[str, str]]) -> None:
    LogEntry.objects.log_create(
        app,
        force_log=True,
        action=action,
        changes=changes,
        additional_data={"organization": app.project.organization_id},
    )
