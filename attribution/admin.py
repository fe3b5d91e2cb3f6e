"""Attribution for staff: what was measured and decided can't be changed by hand."""

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from attribution.models import (
    AppleApp,
    ApplePostback,
    AppleToken,
    Candidate,
    Conversion,
    ConversionSchema,
    CreditModel,
    Decision,
    Destination,
    Domain,
    EvidenceShare,
    ExchangeRate,
    Export,
    ExportSchedule,
    FraudFlag,
    Install,
    LateBatch,
    Link,
    MatchModel,
    NetworkRange,
    Postback,
    PostbackTry,
    Replay,
    ReplayChange,
    RuleSet,
    Secret,
    Spend,
    SpendFormer,
    SpendImport,
    SpendName,
    Touch,
    VendorImport,
    VendorName,
    VendorNumber,
)
from growthplatform.core.admin import CappedPaginator, LookOnlyAdmin, LookOnlyInline


@admin.register(Link)
class LinkAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ["name", "slug", "project", "source", "medium", "created_at", "archived_at"]
    list_filter = ["source", ("archived_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "slug", "project__name", "project__slug"]
    list_select_related = ["project"]
    readonly_fields = ["project", "slug", "created_at"]
    ordering = ["-created_at"]
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    paginator = CappedPaginator
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Link | None = None) -> bool:
        """Archived, not deleted: its touches name it."""
        return False


@admin.register(Touch)
class TouchAdmin(LookOnlyAdmin):
    list_display = ["ts", "project", "type", "source", "campaign", "link", "ip", "os_name", "bot"]
    list_filter = ["type", "bot"]
    search_fields = ["=touch_id", "=advertising_id", "=device_id"]
    search_help_text = "A whole touch id, advertising id or device id."
    list_select_related = ["project", "link"]
    ordering = ["-pk"]


@admin.register(Install)
class InstallAdmin(LookOnlyAdmin):
    list_display = ["installed_at", "project", "distinct_id", "os_name", "ip", "app", "pending"]
    list_filter = ["pending"]
    search_fields = ["=message_id", "=distinct_id", "=advertising_id", "=device_id"]
    search_help_text = "A whole message id, person's id, advertising id or device id."
    list_select_related = ["project"]
    ordering = ["-pk"]


class CandidateInline(LookOnlyInline):
    model = Candidate
    fields = ["touch", "tier", "eligible", "credited", "reasons", "age_s", "probability", "fraud"]

    def get_queryset(self, request: HttpRequest) -> object:
        return super().get_queryset(request).select_related("touch", "decision")


@admin.register(Decision)
class DecisionAdmin(LookOnlyAdmin):
    list_display = ["__str__", "project", "installed_at", "tier", "source", "campaign", "state", "decided_at"]
    list_filter = ["state", "tier"]
    search_fields = ["=install__message_id", "=touch__touch_id", "=source", "=campaign"]
    search_help_text = "A whole message id, touch id, source or campaign."
    list_select_related = ["project"]
    ordering = ["-pk"]
    inlines = [CandidateInline]


@admin.register(RuleSet)
class RuleSetAdmin(LookOnlyAdmin):
    list_display = ["project", "version", "note", "created_at"]
    search_fields = ["project__name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(LateBatch)
class LateBatchAdmin(LookOnlyAdmin):
    """Work that waits for the next run."""

    list_display = ["__str__", "project"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(Domain)
class DomainAdmin(LookOnlyAdmin):
    list_display = ["host", "project", "verified_at", "checked_at", "problem"]
    list_filter = [("verified_at", admin.EmptyFieldListFilter)]
    search_fields = ["host", "project__name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["host"]


@admin.register(Conversion)
class ConversionAdmin(LookOnlyAdmin):
    list_display = ["ts", "project", "name", "distinct_id", "revenue", "currency", "counted"]
    list_filter = ["counted"]
    search_fields = ["=message_id", "=distinct_id", "=order_id"]
    search_help_text = "A whole message id, person's id or order id."
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(AppleToken)
class AppleTokenAdmin(LookOnlyAdmin):
    list_display = ["__str__", "project", "state", "tries", "next_at", "problem"]
    list_filter = ["state"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(Secret)
class SecretAdmin(LookOnlyAdmin):
    """Without the secret: staff revoke it through its owner."""

    list_display = ["__str__", "project", "kind", "source", "created_at", "expires_at", "revoked_at"]
    list_filter = ["kind"]
    search_fields = ["project__name", "project__slug", "source"]
    list_select_related = ["project"]
    exclude = ["encrypted"]
    ordering = ["-pk"]


@admin.register(NetworkRange)
class NetworkRangeAdmin(LookOnlyAdmin):
    """Loaded by `manage.py load-networks`."""

    list_display = ["first", "last", "kind", "name", "listed_at"]
    list_filter = ["kind"]
    search_fields = ["name"]
    ordering = ["pk"]


@admin.register(FraudFlag)
class FraudFlagAdmin(LookOnlyAdmin):
    list_display = ["code", "project", "source", "publisher", "since", "until", "dismissed_at"]
    list_filter = ["code", ("dismissed_at", admin.EmptyFieldListFilter)]
    search_fields = ["project__name", "project__slug", "source", "publisher"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(EvidenceShare)
class EvidenceShareAdmin(LookOnlyAdmin):
    list_display = ["source", "project", "since", "until", "expires_at", "revoked_at"]
    search_fields = ["project__name", "project__slug", "source"]
    list_select_related = ["project"]
    exclude = ["token_hash"]
    ordering = ["-pk"]


@admin.register(CreditModel)
class CreditModelAdmin(LookOnlyAdmin):
    list_display = ["name", "project", "created_at"]
    search_fields = ["name", "project__name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(MatchModel)
class MatchModelAdmin(LookOnlyAdmin):
    list_display = ["__str__", "project", "created_at"]
    search_fields = ["project__name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(Replay)
class ReplayAdmin(LookOnlyAdmin):
    list_display = ["__str__", "project", "since", "until", "state", "done", "total", "created_at"]
    list_filter = ["state"]
    search_fields = ["project__name", "project__slug", "note"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(ReplayChange)
class ReplayChangeAdmin(LookOnlyAdmin):
    list_display = ["__str__", "old_tier", "old_source", "new_tier", "new_source", "revenue"]
    search_fields = ["=old_source", "=new_source"]
    list_select_related = ["decision", "replay"]
    ordering = ["-pk"]


@admin.register(AppleApp)
class AppleAppAdmin(ModelAdmin):  # type: ignore[misc]
    """Staff may delete a claim, so that the app's real holder can make it."""

    list_display = ["app_id", "name", "project", "sandbox", "created_at"]
    search_fields = ["=app_id", "project__slug"]
    list_select_related = ["project"]
    readonly_fields = ["app_id", "project", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(ApplePostback)
class ApplePostbackAdmin(LookOnlyAdmin):
    list_display = ["received_at", "project", "kind", "state", "app_id", "network_id", "sequence", "counted"]
    list_filter = ["kind", "state"]
    search_fields = ["=transaction_id"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(ConversionSchema)
class ConversionSchemaAdmin(LookOnlyAdmin):
    list_display = ["valid_from", "project", "app"]
    list_select_related = ["project", "app"]


@admin.register(Destination)
class DestinationAdmin(LookOnlyAdmin):
    list_display = ["name", "project", "kind", "template", "failures", "broken_until", "paused_at"]
    list_filter = ["kind", "template"]
    search_fields = ["name", "project__slug"]
    list_select_related = ["project"]
    exclude = ["secret"]
    ordering = ["-pk"]


class PostbackTryInline(LookOnlyInline):
    model = PostbackTry
    fields = ["at", "ms", "status", "problem"]


@admin.register(Postback)
class PostbackAdmin(LookOnlyAdmin):
    list_display = ["created_at", "project", "destination", "news", "state", "tries", "status"]
    list_filter = ["state"]
    search_fields = ["=idempotency_key"]
    list_select_related = ["project", "destination"]
    inlines = [PostbackTryInline]
    ordering = ["-pk"]


@admin.register(SpendImport)
class SpendImportAdmin(LookOnlyAdmin):
    list_display = ["created_at", "project", "name", "state", "rows", "added", "replaced", "removed", "refused_rows"]
    list_filter = ["state"]
    list_select_related = ["project"]
    exclude = ["text"]
    ordering = ["-pk"]


@admin.register(SpendFormer)
class SpendFormerAdmin(LookOnlyAdmin):
    list_display = ["day", "project", "source", "campaign", "amount", "currency", "replaced_by"]
    list_select_related = ["project", "replaced_by"]
    ordering = ["-pk"]


@admin.register(SpendName)
class SpendNameAdmin(LookOnlyAdmin):
    list_display = ["source", "campaign", "to_source", "to_campaign", "project"]
    list_select_related = ["project"]


@admin.register(Spend)
class SpendAdmin(LookOnlyAdmin):
    list_display = ["day", "project", "source", "campaign", "amount", "currency"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(ExchangeRate)
class ExchangeRateAdmin(LookOnlyAdmin):
    list_display = ["day", "project", "currency", "rate"]
    list_select_related = ["project"]


@admin.register(ExportSchedule)
class ExportScheduleAdmin(LookOnlyAdmin):
    list_display = ["project", "address", "format", "next_day", "paused_at", "problem"]
    list_select_related = ["project"]
    exclude = ["options"]


@admin.register(Export)
class ExportAdmin(LookOnlyAdmin):
    list_display = ["created_at", "project", "kind", "format", "state", "rows", "bytes"]
    list_filter = ["state"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(VendorImport)
class VendorImportAdmin(LookOnlyAdmin):
    list_display = ["created_at", "project", "kind", "vendor", "name", "state", "taken", "refused"]
    list_filter = ["kind", "state"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(VendorNumber)
class VendorNumberAdmin(LookOnlyAdmin):
    list_display = ["day", "project", "vendor", "source", "campaign", "installs"]
    list_select_related = ["project"]
    ordering = ["-pk"]


@admin.register(VendorName)
class VendorNameAdmin(LookOnlyAdmin):
    list_display = ["vendor", "project", "source", "campaign", "to_source", "to_campaign"]
    list_select_related = ["project"]
    ordering = ["-pk"]
