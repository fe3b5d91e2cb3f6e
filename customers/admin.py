"""Customers for staff. Nothing here shows or makes a secret key: that is the members' own page."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from customers import services as customers
from customers.models import ApiKey, Deletion, Invitation, Member, Organization, Project, SignUp
from growthplatform.core.admin import LookOnlyAdmin, LookOnlyInline

admin.site.unregister(User)
admin.site.unregister(Group)


class MemberInline(TabularInline):  # type: ignore[misc]
    model = Member
    extra = 0
    tab = True
    autocomplete_fields = ["user"]
    fields = ["user", "role", "created_at"]
    readonly_fields = ["created_at"]


class ProjectInline(LookOnlyInline):
    model = Project
    fields = ["name", "slug", "platform", "time_zone", "created_at"]
    show_change_link = True


class KeyInline(LookOnlyInline):
    model = ApiKey
    fields = ["name", "kind", "hint", "last_used_at", "expires_at", "revoked_at"]
    show_change_link = True


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User], ModelAdmin):  # type: ignore[misc]
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["email", "username", "is_staff", "is_active", "last_login", "date_joined"]
    list_filter = ["is_staff", "is_superuser", "is_active"]
    search_fields = ["email", "username", "first_name", "last_name"]
    ordering = ["-date_joined"]


@admin.register(Organization)
class OrganizationAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ["name", "slug", "members_count", "projects_count", "house", "demo", "created_at"]
    list_filter = ["house", "demo"]
    search_fields = ["name", "slug", "members__user__email"]
    readonly_fields = ["slug", "house", "demo", "created_at"]
    ordering = ["-created_at"]
    inlines = [MemberInline, ProjectInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        rows: QuerySet[Organization] = super().get_queryset(request)
        live = Count("projects", filter=Q(projects__deleted_at=None), distinct=True)
        return rows.annotate(member_rows=Count("members", distinct=True), project_rows=live)

    @admin.display(description="Members", ordering="member_rows")
    def members_count(self, row: Organization) -> int:
        return row.member_rows  # type: ignore[attr-defined, no-any-return]

    @admin.display(description="Projects", ordering="project_rows")
    def projects_count(self, row: Organization) -> int:
        return row.project_rows  # type: ignore[attr-defined, no-any-return]

    def has_delete_permission(self, request: HttpRequest, obj: Organization | None = None) -> bool:
        """Its projects are deleted first, one by one: a cascade would not reach their events."""
        return obj is not None and not obj.house and not obj.projects.exists() and request.user.is_superuser


@admin.register(Project)
class ProjectAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ["name", "slug", "organization", "platform", "time_zone", "currency", "created_at", "deleted_at"]
    list_filter = ["platform", "ip_policy", "house", ("deleted_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "slug", "organization__name", "bundle_id", "package_name", "domain"]
    list_select_related = ["organization"]
    autocomplete_fields = ["organization"]
    readonly_fields = ["slug", "house", "created_at", "deleted_at"]
    ordering = ["-created_at"]
    inlines = [KeyInline]
    actions = ["delete_with_events"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Made by members or `manage.py onboard`: a project needs a slug and a key."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Project | None = None) -> bool:
        """By the action below: deleting the row alone would leave its events."""
        return False

    @admin.action(description="Delete with all events")
    def delete_with_events(self, request: HttpRequest, rows: QuerySet[Project]) -> None:
        chosen = [project for project in rows if not project.house]
        for project in chosen:
            customers.delete_project(project, asked_by=request.user if isinstance(request.user, User) else None)
        self.message_user(request, f"{len(chosen)} projects are on their way out.")


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ["label", "kind", "hint", "project", "events_per_second", "last_used_at", "expires_at", "revoked_at"]
    list_filter = ["kind", ("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["hint", "name", "project__name", "project__slug"]
    list_select_related = ["project"]
    ordering = ["-created_at"]
    fields = ["name", "events_per_second", "kind", "hint", "project", "created_by", "created_at", "last_used_at",
              "expires_at", "revoked_at"]  # fmt: skip
    readonly_fields = fields[2:]
    actions = ["revoke"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    @admin.action(description="Revoke at once")
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        for key in rows:
            customers.revoke(key)


@admin.register(Member)
class MemberAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ["user", "organization", "role", "created_at"]
    list_filter = ["role"]
    search_fields = ["user__email", "organization__name"]
    list_select_related = ["user", "organization"]
    autocomplete_fields = ["user", "organization"]
    ordering = ["-created_at"]


@admin.register(Invitation)
class InvitationAdmin(LookOnlyAdmin):
    list_display = ["email", "organization", "role", "invited_by", "created_at", "expires_at", "accepted_at"]
    list_filter = ["role", ("accepted_at", admin.EmptyFieldListFilter)]
    search_fields = ["email", "organization__name"]
    list_select_related = ["organization", "invited_by"]
    exclude = ["token_hash"]
    ordering = ["-created_at"]


@admin.register(Deletion)
class DeletionAdmin(LookOnlyAdmin):
    list_display = ["project_name", "organization", "state", "rows", "asked_by", "asked_at", "finished_at"]
    list_filter = ["state"]
    search_fields = ["project_name", "organization__name"]
    list_select_related = ["organization", "asked_by"]
    ordering = ["-asked_at"]


@admin.register(SignUp)
class SignUpAdmin(LookOnlyAdmin):
    list_display = ["user", "invited", "created_at", "recorded_at"]
    list_filter = ["invited", ("recorded_at", admin.EmptyFieldListFilter)]
    search_fields = ["user__email"]
    list_select_related = ["user"]
    ordering = ["-created_at"]
