"""What every page of a project needs: the member, the project in the address, the frame around the page."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from customers import services as customers
from customers.models import Member, Project

REFUSED = "Your role may look but not change this. Ask an owner or admin of the organization."
P = ParamSpec("P")


class AccountRequest(HttpRequest):
    """A request of somebody signed in."""

    user: User
    htmx: HtmxDetails


class PageRequest(AccountRequest):
    """A request of a signed-in member to a page of one project."""

    project: Project
    member: Member


def project_page(
    view: Callable[Concatenate[PageRequest, P], HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Find the project named in the address among the member's own; a stranger's does not exist (404)."""

    @login_required
    @wraps(view)
    def found(request: PageRequest, project_slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        request.project = get_object_or_404(customers.projects_of(request.user), slug=project_slug)
        request.member = get_object_or_404(request.project.organization.members, user=request.user)
        if request.session.get("project") != project_slug:
            request.session["project"] = project_slug
        with timezone.override(request.project.tz):
            return view(request, *args, **kwargs)

    return found


def editors_only(view: Callable[Concatenate[PageRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Refuse viewers what changes something; put it under `project_page`."""

    @wraps(view)
    def allowed(request: PageRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.member.can_edit:
            raise PermissionDenied(REFUSED)
        return view(request, *args, **kwargs)

    return allowed


def managers_only(view: Callable[Concatenate[PageRequest, P], HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Refuse all but owners and admins; put it under `project_page`."""

    @wraps(view)
    def allowed(request: PageRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.member.can_manage:
            raise PermissionDenied(REFUSED)
        return view(request, *args, **kwargs)

    return allowed


def frame(request: HttpRequest) -> dict[str, Any]:
    """Give every template the project switcher's rows and the house project's write key."""
    user = getattr(request, "user", None)
    if request.path_info.startswith("/admin/"):
        return {}
    signed_in = user is not None and user.is_authenticated
    return {
        "projects": customers.projects_of(cast("User", user)) if signed_in else [],
        "house_write_key": customers.house_write_key(),
    }
