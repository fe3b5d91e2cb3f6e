"""The first page after sign-in, the list of projects, and a new project."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from customers import services as customers
from customers.adapter import INVITATION
from customers.forms import ProjectCreateForm, forgive_empty
from customers.models import Deletion, Member, Organization, Project
from customers.pages import AccountRequest
from growthplatform.core.http import page

SORTS = {
    "name": ("name", "pk"),
    "-name": ("-name", "-pk"),
    "organization": ("organization__name", "pk"),
    "-organization": ("-organization__name", "-pk"),
    "created": ("created_at", "pk"),
    "-created": ("-created_at", "-pk"),
}


def home_of(project: Project) -> str:
    """Return the address of a project's first page."""
    try:
        return reverse("analytics:home", args=[project.slug])
    except NoReverseMatch:
        return reverse("customers:getting-started", args=[project.slug])


@login_required
@require_GET
def start(request: AccountRequest) -> HttpResponse:
    """Lead to the project last seen, to an invitation that waits, or to the first project to be made."""
    token = request.session.get(INVITATION)
    if token:
        return redirect("customers:invitation-accept", token)
    projects = customers.projects_of(request.user)
    project = projects.filter(slug=request.session.get("project", "")).first() or projects.first()
    return redirect(home_of(project) if project else "customers:project-create")


@login_required
@require_GET
def project_list(request: AccountRequest) -> HttpResponse:
    """List the projects of all organizations of the member, and those on their way out."""
    query = request.GET.get("q", "").strip().replace("\0", "")
    projects = customers.projects_of(request.user)
    if query:
        projects = projects.filter(name__icontains=query) | projects.filter(organization__name__icontains=query)
    order = SORTS.get(request.GET.get("sort", ""))
    if order:
        projects = projects.order_by(*order)
    context = {"rows": projects, "query": query, **_deletions(request)}
    return page(request, "customers/project_list.html", context, partial="rows")


def _deletions(request: AccountRequest) -> dict[str, Any]:
    """Find what is being erased, or was lately, in the organizations of the member."""
    rows = Deletion.objects.filter(organization__members__user=request.user).select_related("organization")
    deletions = list(rows.order_by("-pk")[:5])
    return {"deletions": deletions, "erasing": any(one.state != Deletion.State.DONE for one in deletions)}


@login_required
@require_GET
def deletion_list(request: AccountRequest) -> HttpResponse:
    """Answer the state of deletions alone; the list of projects asks while one is under way."""
    return page(request, "customers/project_list.html", _deletions(request), partial="deletions")


def _organizations(request: AccountRequest) -> list[Organization]:
    managed = Organization.objects.filter(
        members__user=request.user, members__role__in=[Member.Role.OWNER, Member.Role.ADMIN]
    )
    return list(managed.order_by("name", "pk"))


@login_required
@require_http_methods(["GET", "POST"])
def project_create(request: AccountRequest) -> HttpResponse:
    """Make a project, the first one together with its organization."""
    organizations = _organizations(request)
    form = ProjectCreateForm(request.POST or None, organizations=organizations)
    if request.method == "POST" and form.is_valid():
        project = _create(request, form, organizations)
        messages.success(request, f"{project.name} is ready.")
        return redirect("customers:getting-started", project.slug)
    status = 422 if form.is_bound else 200
    context = {"form": form, "first": not organizations}
    return page(request, "customers/project_create.html", context, status=status)


@transaction.atomic
def _create(request: AccountRequest, form: ProjectCreateForm, organizations: list[Organization]) -> Project:
    fields = dict(form.cleaned_data)
    chosen, name = fields.pop("organization", None), fields.pop("organization_name", "")
    organization = (
        next(one for one in organizations if str(one.pk) == chosen)
        if chosen
        else customers.create_organization(name, request.user)
    )
    return customers.create_project(organization, fields.pop("name"), created_by=request.user, **fields)


@login_required
@require_POST
def project_create_check(request: AccountRequest) -> HttpResponse:
    """Say what is wrong with the fields filled in so far."""
    form = ProjectCreateForm(request.POST, organizations=_organizations(request))
    forgive_empty(form)
    return page(request, "parts/form.html", {"form": form, "check_url": request.path})
