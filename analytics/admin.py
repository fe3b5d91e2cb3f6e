"""What members saved, for staff: to look at, as it is theirs to change."""

from django.contrib import admin
from django.http import HttpRequest

from analytics.models import Annotation, Cohort, CohortPerson, Dashboard, SavedView, Share, Tile
from growthplatform.core.admin import LookOnlyAdmin, LookOnlyInline

PROJECT = ["name", "project__name", "project__slug"]


@admin.register(SavedView)
class SavedViewAdmin(LookOnlyAdmin):
    list_display = ["name", "project", "kind", "updated_at", "created_by", "deleted_at"]
    list_filter = ["kind", ("deleted_at", admin.EmptyFieldListFilter)]
    search_fields = PROJECT
    list_select_related = ["project", "created_by"]
    ordering = ["-pk"]


class TileInline(LookOnlyInline):
    model = Tile
    fields = ["place", "view", "width"]

    def get_queryset(self, request: HttpRequest) -> object:
        return super().get_queryset(request).select_related("view", "dashboard")


@admin.register(Dashboard)
class DashboardAdmin(LookOnlyAdmin):
    list_display = ["name", "project", "updated_at", "created_by", "deleted_at"]
    list_filter = [("deleted_at", admin.EmptyFieldListFilter)]
    search_fields = PROJECT
    list_select_related = ["project", "created_by"]
    ordering = ["-pk"]
    inlines = [TileInline]


@admin.register(Tile)
class TileAdmin(LookOnlyAdmin):
    list_display = ["__str__", "place", "width"]
    search_fields = ["view__name", "dashboard__name"]
    list_select_related = ["view", "dashboard"]
    ordering = ["-pk"]


@admin.register(Annotation)
class AnnotationAdmin(LookOnlyAdmin):
    list_display = ["text", "project", "kind", "at", "until", "created_by"]
    list_filter = ["kind"]
    search_fields = ["text", "project__name", "project__slug"]
    list_select_related = ["project", "created_by"]
    ordering = ["-pk"]


@admin.register(Cohort)
class CohortAdmin(LookOnlyAdmin):
    list_display = ["name", "project", "kind", "size", "created_at", "created_by", "deleted_at"]
    list_filter = ["kind", ("deleted_at", admin.EmptyFieldListFilter)]
    search_fields = PROJECT
    list_select_related = ["project", "created_by"]
    ordering = ["-pk"]


@admin.register(CohortPerson)
class CohortPersonAdmin(LookOnlyAdmin):
    """One row for each person; a cohort may hold hundreds of thousands."""

    list_display = ["__str__"]
    list_select_related = ["cohort"]
    fields = ["cohort", "identity_id"]
    readonly_fields = ["cohort", "identity_id"]
    ordering = ["-pk"]


@admin.register(Share)
class ShareAdmin(LookOnlyAdmin):
    """Without the token: nobody has it but who made the link."""

    list_display = ["__str__", "project", "view", "dashboard", "created_at", "created_by", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["project__name", "project__slug"]
    list_select_related = ["project", "view", "dashboard", "created_by"]
    exclude = ["token_hash"]
    ordering = ["-pk"]
