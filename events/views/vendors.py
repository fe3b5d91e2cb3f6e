"""Pages of vendors' formats: which there are, how each is set up, and whether anything arrives."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Max, Q
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from customers.models import Project
from customers.pages import PageRequest, managers_only, project_page
from events import vendor_apps, vendor_traffic
from events.models import VendorApp
from events.vendor_formats import FORMATS, Format
from events.vendor_forms import AppForm
from events.vendor_traffic import Traffic
from growthplatform.config import config
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page

FIELDS = {"appId": "app_id", "key": "key", "os": "os_name"}


def format_of(dialect: str) -> Format:
    """Return a format by its name in the address; another one does not exist (404)."""
    found = FORMATS.get(dialect)
    if found is None:
        raise Http404("There is no such format.")
    return found


def base_of(request: PageRequest) -> str:
    """Return the scheme and host that vendors' clients are to send to: BASE_URL where set, else the reader's own."""
    if config.base_url:
        return str(settings.BASE_URL)
    return f"{'https' if request.is_secure() else 'http'}://{request.get_host()}"


@project_page
@require_safe
def vendor_list(request: PageRequest) -> HttpResponse:
    """Show the formats that can be taken; how much comes in each is counted after the page."""
    connected = request.project.vendor_apps.filter(archived_at=None).exists()
    return page(request, "events/vendor_list.html", {"connected": connected, "base": base_of(request)})


@project_page
@require_safe
def vendor_rows(request: PageRequest) -> HttpResponse:
    """Answer the table of formats with the traffic of the last day."""
    problem = ""
    counted: dict[str, Traffic] = {}
    try:
        counted = vendor_traffic.traffic(request.project, now=timezone.now())
    except Problem as why:
        problem = why.message
    apps = {row["dialect"]: row for row in _apps_by_dialect(request.project)}
    refused = vendor_traffic.refused(request.project)
    rows = [
        {
            "format": one,
            "apps": apps.get(one.dialect, {}).get("apps", 0),
            "traffic": counted.get(one.dialect, Traffic()),
            "last_at": _latest(counted.get(one.dialect, Traffic()).last_at, apps.get(one.dialect, {}).get("last_at")),
            "refused": refused[one.dialect],
        }
        for one in FORMATS.values()
    ]
    rows.sort(key=lambda row: (-row["traffic"].events, -row["apps"]))
    total = {"apps": sum(row["apps"] for row in rows), "events": sum(row["traffic"].events for row in rows)}
    total["refused"] = sum(row["refused"].kinds for row in rows)
    return page(request, "events/vendor_rows.html", {"rows": rows, "problem": problem, "total": total})


def _apps_by_dialect(project: Project) -> list[Mapping[str, Any]]:
    live = VendorApp.objects.filter(project=project, archived_at=None).order_by()
    return [dict(row) for row in live.values("dialect").annotate(apps=Count("pk"), last_at=Max("last_used_at"))]


def _latest(*times: Any) -> Any:
    return max((at for at in times if at), default=None)


@project_page
@require_safe
def vendor_detail(request: PageRequest, dialect: str) -> HttpResponse:
    """Show how one format is set up: host, apps, names, and what arrives."""
    known = format_of(dialect)
    return _detail(request, known, AppForm(known=known))


def _detail(request: PageRequest, known: Format, form: AppForm) -> HttpResponse:
    mine = request.project.vendor_apps.filter(dialect=known.dialect).select_related("created_by").order_by("-pk")
    apps = [app for app in mine if app.archived_at is None]
    app_id = apps[0].app_id if apps else known.app_example
    base = base_of(request)
    context = {
        "format": known,
        "form": form,
        "apps": apps,
        "archived": [app for app in mine if app.archived_at],
        "base": base,
        "then": base + known.sample.replace("id123456789", app_id if known.dialect == "appsflyer" else "id123456789"),
        "sample": known.example.format(base=base, app=app_id, key=known.key_word.replace(" ", "-") or "key"),
        "codes": vendor_traffic.refused_codes(request.project, known.dialect),
        "local": not base.startswith("https://"),
        **_check(request, known),
    }
    return page(request, "events/vendor_detail.html", context, status=422 if form.errors else 200)


def _check(request: PageRequest, known: Format) -> dict[str, Any]:
    """Return what has arrived of a format in the last hour, and when something did at all."""
    apps = Q(project=request.project, dialect=known.dialect, archived_at=None)
    return {
        "newest": vendor_traffic.newest(request.project, known.dialect, now=timezone.now()),
        "last_at": VendorApp.objects.filter(apps).aggregate(at=Max("last_used_at"))["at"],
        "newest_refused": vendor_traffic.newest_refused(request.project, known.dialect, now=timezone.now()),
        "waiting_for": VendorApp.objects.filter(apps).exists(),
    }


@project_page
@require_safe
def vendor_check(request: PageRequest, dialect: str) -> HttpResponse:
    """Answer whether something has arrived; the page asks every three seconds until it has."""
    known = format_of(dialect)
    return page(request, "events/vendor_check.html", {"format": known, **_check(request, known)})


@project_page
@managers_only
@require_POST
def vendor_app_claim(request: PageRequest, dialect: str) -> HttpResponse:
    """Connect an app."""
    known = format_of(dialect)
    form = AppForm(request.POST, known=known)
    if form.is_valid():
        given = form.cleaned_data
        try:
            vendor_apps.claim(
                request.project,
                dialect,
                given["app_id"],
                key=given.get("key", ""),
                os_name=given.get("os_name", ""),
                user=request.user,
            )
        except InvalidField as problem:
            for row in problem.detail:
                form.add_error(FIELDS.get(row["field"]), row["message"])
        except vendor_apps.AppTaken as problem:
            form.add_error("app_id", problem.message)
        else:
            messages.success(request, f"{given['app_id'].strip()} is connected. Its requests are taken within seconds.")
            return _back(request, dialect)
    return _detail(request, known, form)


def _mine(request: PageRequest, vendor_app_id: int) -> VendorApp:
    return get_object_or_404(request.project.vendor_apps.select_related("project"), pk=vendor_app_id)


def _back(request: PageRequest, dialect: str) -> HttpResponse:
    return HttpResponseRedirect(reverse("events:vendor-detail", args=[request.project.slug, dialect]))


@project_page
@managers_only
@require_POST
def vendor_app_archive(request: PageRequest, vendor_app_id: int) -> HttpResponse:
    """Disconnect an app, with undo."""
    app = vendor_apps.archive(_mine(request, vendor_app_id), now=timezone.now(), user=request.user)
    undo = reverse("events:vendor-app-restore", args=[request.project.slug, app.pk])
    messages.success(request, f"{app.app_id} is disconnected. Its events stay.", extra_tags=f"undo:{undo}")
    return _back(request, app.dialect)


@project_page
@managers_only
@require_POST
def vendor_app_restore(request: PageRequest, vendor_app_id: int) -> HttpResponse:
    """Connect an app again that was disconnected."""
    app = _mine(request, vendor_app_id)
    try:
        vendor_apps.restore(app, user=request.user)
    except vendor_apps.AppTaken as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, f"{app.app_id} is connected again.")
    return _back(request, app.dialect)


@project_page
@managers_only
@require_POST
def vendor_app_key(request: PageRequest, vendor_app_id: int) -> HttpResponse:
    """Take another key for an app."""
    app = _mine(request, vendor_app_id)
    try:
        vendor_apps.change_key(app, request.POST.get("key", ""), user=request.user)
    except Problem as problem:
        messages.error(request, problem.message)
    else:
        messages.success(request, f"The key of {app.app_id} is changed. The former one opens nothing any more.")
    return _back(request, app.dialect)
