"""Settings of a project and of its organization."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from customers import services as customers
from customers.activity import Entry, find_entries
from customers.forms import OrganizationForm, ProjectSettingsForm, forgive_empty
from customers.models import Member
from customers.organizations import HouseStays
from customers.pages import REFUSED, PageRequest, managers_only, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.paging import paginate


def _disable(form: Any) -> None:
    for field in form.fields.values():
        field.disabled = True


@require_http_methods(["GET", "POST"])
@project_page
def project_settings(request: PageRequest) -> HttpResponse:
    """Show what a project is, to managers as a form."""
    if request.method == "POST" and not request.member.can_manage:
        raise PermissionDenied(REFUSED)
    # The form writes into its instance; the page around it goes on showing what is stored.
    stored = type(request.project).objects.get(pk=request.project.pk)
    form = ProjectSettingsForm(request.POST or None, instance=stored)
    if form.is_bound and form.is_valid():
        form.save()
        customers.forget_cached()
        messages.success(request, "Settings saved.")
        return redirect("customers:project-settings", request.project.slug)
    if not request.member.can_manage:
        _disable(form)
    return page(request, "customers/project_settings.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
@project_page
@managers_only
def project_settings_check(request: PageRequest) -> HttpResponse:
    """Say what is wrong with the fields of a project."""
    form = ProjectSettingsForm(request.POST, instance=type(request.project).objects.get(pk=request.project.pk))
    forgive_empty(form)
    return page(request, "parts/form.html", {"form": form, "check_url": request.path})


@require_POST
@project_page
@managers_only
def project_delete(request: PageRequest) -> HttpResponse:
    """Delete a project after its name was typed."""
    if request.POST.get("confirm") != request.project.name:
        messages.error(request, "Nothing was deleted: the name did not match.")
        return redirect("customers:project-settings", request.project.slug)
    try:
        customers.delete_project(request.project, asked_by=request.user)
    except HouseStays as refused:
        messages.error(request, refused.message)
        return redirect("customers:project-settings", request.project.slug)
    request.session.pop("project", None)
    messages.success(request, f"{request.project.name} is gone. Its events are being erased.")
    return redirect("customers:project-list")


@require_http_methods(["GET", "POST"])
@project_page
def organization_settings(request: PageRequest) -> HttpResponse:
    """Show an organization, to managers as a form."""
    if request.method == "POST" and not request.member.can_manage:
        raise PermissionDenied(REFUSED)
    organization = type(request.project.organization).objects.get(pk=request.project.organization_id)
    form = OrganizationForm(request.POST or None, instance=organization)
    if form.is_bound and form.is_valid():
        form.save()
        messages.success(request, "Organization saved.")
        return redirect("customers:organization-settings", request.project.slug)
    if not request.member.can_manage:
        _disable(form)
    context = {
        "form": form,
        "organization": request.project.organization,
        "rows": organization.projects.live().order_by("name", "pk"),
        "owners": organization.members.filter(role=Member.Role.OWNER).count(),
        "members": organization.members.count(),
    }
    return page(request, "customers/organization_settings.html", context, status=422 if form.is_bound else 200)


@require_POST
@project_page
@managers_only
def organization_settings_check(request: PageRequest) -> HttpResponse:
    """Say what is wrong with the fields of an organization."""
    form = OrganizationForm(request.POST)
    forgive_empty(form)
    return page(request, "parts/form.html", {"form": form, "check_url": request.path})


@require_GET
@project_page
@managers_only
def activity_list(request: PageRequest) -> HttpResponseBase:
    """List who changed what in the organization, newest first."""
    query = request.GET.get("q", "").strip().replace("\0", "")
    entries = find_entries(request.project.organization, query)
    if request.GET.get("format") == "csv":
        rows = (Entry.of(row).line for row in entries.order_by("-id")[:100_000].iterator())
        return csv_file("activity", Entry.HEAD, rows)
    found = paginate(entries, ["-id"], cursor=request.GET.get("cursor", ""), limit=50)
    context = {"entries": [Entry.of(row) for row in found.rows], "next": found.next, "query": query}
    return page(request, "customers/activity_list.html", context, partial="rows")
