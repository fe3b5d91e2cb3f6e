"""Pages of the hosts that a project's links stand on: claim, prove, say which apps open them, give up."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import messages
from django.db.models import Count
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from attribution import domains
from attribution.forms import AppsForm, HostForm
from attribution.models import Domain
from customers.pages import PageRequest, managers_only, project_page
from growthplatform.core.errors import Problem
from growthplatform.core.http import page


def _to(domain: Domain) -> HttpResponse:
    return HttpResponseRedirect(reverse("attribution:domain-detail", args=[domain.project.slug, domain.pk]))


def _mine(request: PageRequest, domain_id: int) -> Domain:
    return get_object_or_404(request.project.domains.select_related("project"), pk=domain_id)


def _list(request: PageRequest, form: HostForm, status: int = 200) -> HttpResponse:
    found = request.project.domains.annotate(number=Count("links")).order_by("host")
    context = {"domains": found, "form": form, "usual": urlsplit(settings.BASE_URL).netloc}
    return page(request, "attribution/domain_list.html", context, status=status)


@project_page
@require_safe
def domain_list(request: PageRequest) -> HttpResponse:
    """Show the project's own hosts, and how far each is."""
    return _list(request, HostForm())


@project_page
@managers_only
@require_POST
def domain_create(request: PageRequest) -> HttpResponse:
    """Claim a host."""
    form = HostForm(request.POST)
    if form.is_valid():
        try:
            return _to(domains.add(request.project, form.cleaned_data["host"]))
        except Problem as problem:
            form.add_error("host", problem.detail[0]["message"])
    return _list(request, form, status=422)


def _detail(request: PageRequest, domain: Domain, form: AppsForm, status: int = 200) -> HttpResponse:
    context = {
        "domain": domain,
        "form": form,
        "proof_name": domains.proof_name(domain),
        "proof": domains.proof_of(domain),
        "usual": urlsplit(settings.BASE_URL).hostname,
        "links": domain.links.filter(archived_at=None).order_by("-created_at")[:5],
        "number": domain.links.count(),
    }
    return page(request, "attribution/domain_detail.html", context, status=status)


@project_page
@require_safe
def domain_detail(request: PageRequest, domain_id: int) -> HttpResponse:
    """Show one host: what DNS must say, what was found, and the apps that open its addresses."""
    domain = _mine(request, domain_id)
    return _detail(request, domain, AppsForm(domain=domain))


@project_page
@managers_only
@require_POST
def domain_check(request: PageRequest, domain_id: int) -> HttpResponse:
    """Look into DNS now."""
    domain = _mine(request, domain_id)
    known = domain.verified_at is not None
    try:
        domains.check(domain, now=timezone.now())
    except domains.HostTaken:
        messages.error(request, "Another project has verified this host already.")
        return _to(domain)
    if domain.verified_at and not known:
        messages.success(request, f"{domain.host} is yours. New links can stand on it.")
    elif domain.problem:
        messages.warning(request, domain.problem)
    else:
        messages.success(request, "DNS says what it should.")
    return _to(domain)


@project_page
@managers_only
@require_POST
def domain_apps(request: PageRequest, domain_id: int) -> HttpResponse:
    """Say which apps open the addresses of a host."""
    domain = _mine(request, domain_id)
    form = AppsForm(request.POST, domain=domain)
    if form.save():
        messages.success(request, "Saved. Phones learn of it when the app is installed or updated.")
        return _to(domain)
    return _detail(request, domain, form, status=422)


@project_page
@managers_only
@require_POST
def domain_remove(request: PageRequest, domain_id: int) -> HttpResponse:
    """Give a host up."""
    domain = _mine(request, domain_id)
    if request.POST.get("confirm") != domain.host:
        messages.error(request, "Type the host to confirm.")
        return _to(domain)
    domains.remove(domain)
    messages.success(request, f"{domain.host} is removed. Its links stand on the usual address again.")
    return HttpResponseRedirect(reverse("attribution:domain-list", args=[request.project.slug]))
