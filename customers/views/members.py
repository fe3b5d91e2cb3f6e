"""Members of an organization, and who is invited."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from customers import services as customers
from customers.adapter import INVITATION
from customers.forms import InvitationForm
from customers.invitations import Sent
from customers.models import Member
from customers.pages import PageRequest, managers_only, project_page
from growthplatform.core.errors import Problem
from growthplatform.core.http import page, page_in_place


def _answer(
    request: PageRequest,
    *,
    toast: str = "",
    bad: str = "",
    form: InvitationForm | None = None,
    sent: Sent | None = None,
) -> HttpResponse:
    """Show members and open invitations; `sent` has the link that can be handed over by hand."""
    query = request.GET.get("q", "").strip().replace("\0", "")
    organization = request.project.organization
    rows = organization.members.select_related("user").order_by("user__email", "pk")
    context = {
        "form": form or InvitationForm(by=request.member),
        "sent": sent,
        "query": query,
        "rows": rows.filter(user__email__icontains=query) if query else rows,
        "invitations": organization.invitations.filter(accepted_at=None).select_related("invited_by").order_by("-pk"),
        "roles": Member.Role.choices,
        "owner": request.member.role == Member.Role.OWNER,
    }
    return page_in_place(
        request, "customers/member_list.html", context, partial="members", form=form, toast=toast, bad=bad
    )


@require_GET
@project_page
def member_list(request: PageRequest) -> HttpResponse:
    """List the members of the project's organization, to managers also the open invitations."""
    return _answer(request)


@require_POST
@project_page
@managers_only
def member_role(request: PageRequest, member_id: int) -> HttpResponse:
    """Change what a member may do."""
    member = get_object_or_404(request.project.organization.members.select_related("user"), pk=member_id)
    role = request.POST.get("role", "")
    if role not in Member.Role.values:
        return _answer(request, bad="There is no such role.")
    try:
        customers.change_role(member, role, by=request.member)
    except Problem as refused:
        return _answer(request, bad=refused.message)
    request.member.refresh_from_db()
    return _answer(request, toast=f"{member} is {member.get_role_display().lower()} now.")


@require_POST
@project_page
@managers_only
def member_remove(request: PageRequest, member_id: int) -> HttpResponse:
    """Take a member out, after the mail address was typed."""
    member = get_object_or_404(request.project.organization.members.select_related("user"), pk=member_id)
    name = str(member)
    if request.POST.get("confirm") != name:
        return _answer(request, bad="Nobody was removed: the address did not match.")
    try:
        customers.remove(member, by=request.member)
    except Problem as refused:
        return _answer(request, bad=refused.message)
    return _answer(request, toast=f"{name} was removed.")


@require_POST
@project_page
def organization_leave(request: PageRequest) -> HttpResponse:
    """Leave the organization, after its name was typed."""
    organization = request.project.organization
    if request.POST.get("confirm") != organization.name:
        messages.error(request, "You are still a member: the name did not match.")
        return redirect("customers:organization-settings", request.project.slug)
    try:
        customers.remove(request.member, by=request.member)
    except Problem as refused:
        messages.error(request, refused.message)
        return redirect("customers:organization-settings", request.project.slug)
    request.session.pop("project", None)
    messages.success(request, f"You left {organization.name}.")
    return redirect("customers:project-list")


@require_POST
@project_page
@managers_only
def invitation_create(request: PageRequest) -> HttpResponse:
    """Invite somebody by mail."""
    form = InvitationForm(request.POST, by=request.member)
    if not form.is_valid():
        return _answer(request, form=form)
    organization = request.project.organization
    try:
        sent = customers.invite(organization, form.cleaned_data["email"], form.cleaned_data["role"], by=request.member)
    except Problem as refused:
        form.add_error("email", refused.message)
        return _answer(request, form=form)
    return _answer(request, sent=sent, toast=f"{sent.invitation.email} is invited.")


@require_POST
@project_page
@managers_only
def invitation_resend(request: PageRequest, invitation_id: int) -> HttpResponse:
    """Send an invitation again, with a new link."""
    open_ones = request.project.organization.invitations.filter(accepted_at=None).select_related("organization")
    try:
        sent = customers.resend(get_object_or_404(open_ones, pk=invitation_id), by=request.member)
    except Problem as refused:
        return _answer(request, bad=refused.message)
    return _answer(request, sent=sent, toast=f"{sent.invitation.email} gets a new link; the old one has ended.")


@require_POST
@project_page
@managers_only
def invitation_revoke(request: PageRequest, invitation_id: int) -> HttpResponse:
    """Take an invitation back."""
    open_ones = request.project.organization.invitations.filter(accepted_at=None)
    invitation = get_object_or_404(open_ones, pk=invitation_id)
    customers.revoke_invitation(invitation)
    return _answer(request, toast=f"The invitation of {invitation.email} is taken back.")


@require_http_methods(["GET", "POST"])
def invitation_accept(request: HttpRequest, token: str) -> HttpResponse:
    """Show an invitation; accept it by POST. Whoever is not signed in first makes an account or signs in."""
    invitation = customers.find_open(token)
    if invitation is None or invitation.expired:
        request.session.pop(INVITATION, None)
        ended = {"state": "expired" if invitation else "gone", "invitation": invitation}
        return page(request, "customers/invitation_accept.html", ended, status=410 if invitation else 404)
    if not request.user.is_authenticated:
        request.session[INVITATION] = token
        known = customers.find_user(invitation.email) is not None
        context: dict[str, Any] = {"state": "unknown", "invitation": invitation, "known": known}
        return page(request, "customers/invitation_accept.html", context)
    if invitation.email.lower() != request.user.email.lower():
        request.session.pop(INVITATION, None)
        context = {"state": "other", "invitation": invitation}
        return page(
            request, "customers/invitation_accept.html", context, status=403 if request.method == "POST" else 200
        )
    if request.method == "GET":
        return page(request, "customers/invitation_accept.html", {"state": "ready", "invitation": invitation})
    request.session.pop(INVITATION, None)
    try:
        customers.accept(token, request.user)
    except Problem:  # Accepted or taken back since it was read.
        return page(request, "customers/invitation_accept.html", {"state": "gone"}, status=404)
    project = customers.projects_of(request.user).filter(organization=invitation.organization).first()
    if project:
        request.session["project"] = project.slug
    messages.success(request, f"Welcome to {invitation.organization.name}.")
    return redirect("customers:start" if project else "customers:project-list")
