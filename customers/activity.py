"""The activity of an organization: who changed what, read from the log of changes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from auditlog.middleware import AuditlogMiddleware
from auditlog.models import LogEntry
from auditlog.registry import auditlog
from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from customers.models import ApiKey, Invitation, Member, Organization, Project
from growthplatform.core.http import client_ip

LOGGED = {
    # Never the fingerprints, and nothing that changes by itself.
    Organization: ["id", "slug", "house", "demo", "created_at"],
    Project: ["id", "slug", "house", "organization", "created_at"],
    Member: ["id", "organization", "created_at"],
    Invitation: ["id", "organization", "token_hash", "created_at", "invited_by"],
    ApiKey: ["id", "project", "key_hash", "hint", "created_at", "created_by", "last_used_at"],
}
THINGS = {
    "apikey": "Key",
    "project": "Project",
    "member": "Member",
    "invitation": "Invitation",
    "ruleset": "Rules",
    "domain": "Domain",
    "secret": "Key of a network",
    "personerasure": "Person",
    "share": "Shared link",
    "vendorapp": "Vendor app",
    "repairrule": "Repair rule",
    "appleapp": "App in the App Store",
    "conversionschema": "Conversion schema",
    "destination": "Destination of postbacks",
}
VERBS = {LogEntry.Action.CREATE: "added", LogEntry.Action.UPDATE: "changed", LogEntry.Action.DELETE: "removed"}
# A change of one of these says what was done.
DEEDS = {
    "revoked_at": "revoked",
    "expires_at": "rotated",
    "accepted_at": "accepted",
    "deleted_at": "deleted",
    "erased_at": "erased",
    "archived_at": "archived",
    "paused_at": "paused or resumed",
}
FIELDS = {
    "ip_policy": "addresses of people",
    "package_name": "Android package",
    "bundle_id": "iOS bundle id",
    "verified_at": "verified",
    "ios_app_ids": "apps of iPhone and iPad",
    "android_fingerprints": "Android keys",
}
WORDS = {
    "role": Member.Role.choices,
    "platform": Project.Platform.choices,
    "ip_policy": Project.IpPolicy.choices,
}


def watch() -> None:
    """Log every change of the models of customers; django calls it once at its start."""
    for model, left_out in LOGGED.items():
        auditlog.register(model, exclude_fields=list(left_out))


class ActivityMiddleware(AuditlogMiddleware):  # type: ignore[misc]
    """Put the signed-in person and the address they came from into the log of changes."""

    @staticmethod
    def _get_remote_addr(request: HttpRequest) -> str | None:
        """Believe only our own proxies: the header is anybody's to write, and not always an address."""
        return client_ip(request, settings.TRUSTED_PROXIES) or None

    @staticmethod
    def _get_remote_port(request: HttpRequest) -> None:
        return None


def find_entries(organization: Organization, query: str = "") -> QuerySet[Any]:
    """Return the log rows of an organization, those that name `query` if it is given."""
    rows = LogEntry.objects.filter(additional_data__organization=organization.pk)
    rows = rows.select_related("actor", "content_type")
    if query:
        rows = rows.filter(Q(object_repr__icontains=query) | Q(actor__email__icontains=query))
    return rows  # type: ignore[no-any-return]


def _change(field: str, before: str, after: str) -> tuple[str, str, str]:
    return FIELDS.get(field, field.replace("_", " ")), _shown(field, before), _shown(field, after)


def _shown(field: str, value: str) -> str:
    if value in {"None", ""}:
        return "empty"
    if field in WORDS:
        return str(dict(WORDS[field]).get(value, value))
    return value[:19] if field.endswith("_at") else value


@dataclass(frozen=True)
class Entry:
    """One change, in words."""

    HEAD: ClassVar = ["time", "who", "what", "name", "verb", "changes", "address"]

    at: datetime
    actor: str
    thing: str
    name: str
    verb: str
    changes: list[tuple[str, str, str]]
    address: str

    @classmethod
    def of(cls, row: Any) -> "Entry":
        """Put a log row into words."""
        changed = (row.changes or {}) if row.action == LogEntry.Action.UPDATE else {}
        thing = row.content_type.model
        # A renewed invitation also has a new end, but nothing of it was rotated.
        deeds = [
            word for field, word in DEEDS.items() if field in changed and (thing, field) != ("invitation", "expires_at")
        ]
        return cls(
            at=row.timestamp,
            actor=row.actor.email if row.actor else "The system",
            thing=THINGS.get(thing, "Organization"),
            name=row.object_repr,
            verb=deeds[0] if deeds else VERBS.get(row.action, "changed"),
            changes=[] if deeds else [_change(field, before, after) for field, (before, after) in changed.items()],
            address=row.remote_addr or "",
        )

    @property
    def line(self) -> list[Any]:
        """Return the entry as a row of a file."""
        changes = "; ".join(f"{field}: {before} → {after}" for field, before, after in self.changes)
        return [self.at, self.actor, self.thing, self.name, self.verb, changes, self.address]
