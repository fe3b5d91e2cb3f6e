"""The event log and the people for staff: to look at, never to change."""

from datetime import timedelta

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from events.models import (
    Consumer,
    DayCount,
    Event,
    EventName,
    Identity,
    OptOut,
    Person,
    PersonDay,
    PersonErasure,
    PersonMerge,
    Rejected,
    RepairRule,
    Seal,
    Segment,
    VendorApp,
    VendorCopy,
)
from growthplatform.core.admin import LookOnlyAdmin, LookOnlyInline

# The list reads the partitions of these days only.
SHOWN = timedelta(days=3)


@admin.register(Event)
class EventAdmin(LookOnlyAdmin):
    """The newest events; whole ones are on the project's own Live page."""

    list_display = ["received_at", "project", "type", "name", "user_id", "anonymous_id", "message_id", "ip", "clamped"]
    list_display_links = None
    list_filter = ["type", "clamped"]
    search_fields = ["=name", "=user_id", "=anonymous_id", "=message_id"]
    search_help_text = "A whole event name, user id, anonymous id or message id of the last three days."
    list_select_related = ["project"]
    ordering = ["-position"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        rows: QuerySet[Event] = super().get_queryset(request)
        return rows.filter(received_at__gte=timezone.now() - SHOWN).defer("properties", "context")


@admin.register(Rejected)
class RejectedAdmin(LookOnlyAdmin):
    list_display = ["last_at", "project", "code", "message", "path", "seen", "state"]
    list_filter = ["state", "code"]
    search_fields = ["code", "message", "project__name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["-last_at"]


class IdentityInline(LookOnlyInline):
    model = Identity
    fields = ["value", "known"]


@admin.register(Person)
class PersonAdmin(LookOnlyAdmin):
    list_display = ["__str__", "project", "user_id", "events", "first_seen_at", "last_seen_at"]
    search_fields = ["=user_id", "=identities__value"]
    search_help_text = "A whole user id or anonymous id."
    list_select_related = ["project"]
    ordering = ["-pk"]
    inlines = [IdentityInline]


@admin.register(Identity)
class IdentityAdmin(LookOnlyAdmin):
    list_display = ["value", "project", "person", "known"]
    search_fields = ["=value"]
    list_select_related = ["project", "person"]
    ordering = ["-pk"]


@admin.register(DayCount)
class DayCountAdmin(LookOnlyAdmin):
    list_display = ["day", "project", "type", "name", "events"]
    list_filter = ["type"]
    search_fields = ["=name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(PersonDay)
class PersonDayAdmin(LookOnlyAdmin):
    list_display = ["day", "project", "person", "events"]
    search_fields = ["project__slug"]
    list_select_related = ["project", "person"]
    ordering = ["-pk"]


@admin.register(Consumer)
class ConsumerAdmin(LookOnlyAdmin):
    """How far each reader of the log has come."""

    list_display = ["name", "position", "caught_up_at"]


@admin.register(Seal)
class SealAdmin(LookOnlyAdmin):
    list_display = ["project", "position", "sealed_at"]
    search_fields = ["project__name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(Segment)
class SegmentAdmin(LookOnlyAdmin):
    """The files of sealed events; a replaced one is swept away soon."""

    list_display = ["path", "project", "level", "first_day", "last_day", "rows", "bytes", "made_at", "replaced_at"]
    list_filter = ["level", ("replaced_at", admin.EmptyFieldListFilter)]
    search_fields = ["path", "project__name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(PersonMerge)
class PersonMergeAdmin(LookOnlyAdmin):
    list_display = ["person_id", "survivor_id", "project", "merged_at"]
    search_fields = ["=person_id", "=survivor_id"]
    search_help_text = "A whole number of a person."
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(PersonErasure)
class PersonErasureAdmin(LookOnlyAdmin):
    list_display = ["__str__", "project", "asked_at", "asked_by", "rows", "finished_at"]
    list_filter = [("finished_at", admin.EmptyFieldListFilter)]
    search_fields = ["=person_id", "project__slug"]
    search_help_text = "A whole number of a person, or a project."
    list_select_related = ["project", "asked_by"]
    ordering = ["-pk"]


@admin.register(VendorApp)
class VendorAppAdmin(ModelAdmin):  # type: ignore[misc]
    """Staff may end a claim, so that the app's real holder can make it."""

    list_display = ["dialect", "app_id", "project", "key_hint", "forward", "last_used_at", "archived_at"]
    list_filter = ["dialect", ("archived_at", admin.EmptyFieldListFilter)]
    search_fields = ["=app_id", "project__slug"]
    list_select_related = ["project"]
    exclude = ["key_hash"]
    readonly_fields = ["project", "dialect", "app_id", "key_hint", "created_at", "created_by", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(EventName)
class EventNameAdmin(LookOnlyAdmin):
    list_display = ["project", "dialect", "theirs", "ours"]
    list_filter = ["dialect"]
    list_select_related = ["project"]


@admin.register(VendorCopy)
class VendorCopyAdmin(LookOnlyAdmin):
    list_display = ["received_at", "project", "path", "state", "tries", "status"]
    list_filter = ["state"]
    list_select_related = ["project"]
    exclude = ["authorization"]
    ordering = ["-pk"]


@admin.register(RepairRule)
class RepairRuleAdmin(LookOnlyAdmin):
    list_display = ["name", "project", "code", "field", "action", "repaired", "paused_at"]
    list_select_related = ["project"]


@admin.register(OptOut)
class OptOutAdmin(LookOnlyAdmin):
    list_display = ["project", "id_hash", "asked_at"]
    search_fields = ["=id_hash"]
    search_help_text = "The SHA-256 of a device's id in lower case."
    list_select_related = ["project"]
    ordering = ["-pk"]
