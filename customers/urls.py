"""Addresses of customers, under /dashboard/. What comes first in an address is in slugs.RESERVED or a project."""

from django.urls import path

from customers.views import install, keys, members, projects, settings

app_name = "customers"
urlpatterns = [
    path("", projects.start, name="start"),
    path("projects/", projects.project_list, name="project-list"),
    path("projects/new/", projects.project_create, name="project-create"),
    path("projects/new/check/", projects.project_create_check, name="project-create-check"),
    path("projects/deletions/", projects.deletion_list, name="deletion-list"),
    path("invitations/<str:token>/", members.invitation_accept, name="invitation-accept"),
    path("<slug:project_slug>/start/", install.getting_started, name="getting-started"),
    path("<slug:project_slug>/start/arrived/", install.getting_started_arrived, name="getting-started-arrived"),
    path("<slug:project_slug>/settings/", settings.project_settings, name="project-settings"),
    path("<slug:project_slug>/settings/check/", settings.project_settings_check, name="project-settings-check"),
    path("<slug:project_slug>/settings/delete/", settings.project_delete, name="project-delete"),
    path("<slug:project_slug>/settings/keys/", keys.key_list, name="key-list"),
    path("<slug:project_slug>/settings/keys/create/", keys.key_create, name="key-create"),
    path("<slug:project_slug>/settings/keys/<int:key_id>/rotate/", keys.key_rotate, name="key-rotate"),
    path("<slug:project_slug>/settings/keys/<int:key_id>/revoke/", keys.key_revoke, name="key-revoke"),
    path("<slug:project_slug>/settings/members/", members.member_list, name="member-list"),
    path("<slug:project_slug>/settings/members/invite/", members.invitation_create, name="invitation-create"),
    path("<slug:project_slug>/settings/members/<int:member_id>/role/", members.member_role, name="member-role"),
    path("<slug:project_slug>/settings/members/<int:member_id>/remove/", members.member_remove, name="member-remove"),
    path(
        "<slug:project_slug>/settings/invitations/<int:invitation_id>/resend/",
        members.invitation_resend,
        name="invitation-resend",
    ),
    path(
        "<slug:project_slug>/settings/invitations/<int:invitation_id>/revoke/",
        members.invitation_revoke,
        name="invitation-revoke",
    ),
    path("<slug:project_slug>/settings/organization/", settings.organization_settings, name="organization-settings"),
    path(
        "<slug:project_slug>/settings/organization/check/",
        settings.organization_settings_check,
        name="organization-settings-check",
    ),
    path("<slug:project_slug>/settings/organization/leave/", members.organization_leave, name="organization-leave"),
    path("<slug:project_slug>/settings/activity/", settings.activity_list, name="activity-list"),
]
