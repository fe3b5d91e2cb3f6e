"""Pages that make and change links: the form with its preview, and the CSV import."""

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from attribution import links
from attribution.forms import MEDIUMS, SOURCES, ImportForm, LinkForm
from attribution.models import Link
from customers.models import Project
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.errors import Problem
from growthplatform.core.http import page

SLUG_TO_COME = "…"


def _context(request: PageRequest, form: LinkForm) -> dict[str, object]:
    draft = form.draft()
    end = draft.slug or SLUG_TO_COME
    check_url = reverse("attribution:link-check", args=[request.project.slug])
    return {
        "form": form,
        "check_url": f"{check_url}?link={form.link.pk}" if form.link else check_url,
        "link": form.link,
        "sources": SOURCES,
        "mediums": MEDIUMS,
        "address": links.address(end, links.base_address(request)),
        "draft": draft,
        "landings": links.landings(draft),
    }


def _usual(project: Project) -> dict[str, str]:
    """Start a new link where the last one led: the app's places seldom change."""
    last = project.links.order_by("-created_at").first()
    if last:
        return {"ios_url": last.ios_url, "android_url": last.android_url, "fallback_url": last.fallback_url}
    play = links.PLAY_ADDRESS + project.package_name if project.package_name else ""
    return {"android_url": play, "fallback_url": f"https://{project.domain}" if project.domain else ""}


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def link_create(request: PageRequest) -> HttpResponse:
    """Show the form of a new link; on POST make it."""
    if request.method != "POST":
        form = LinkForm(initial=_usual(request.project))
        return page(request, "attribution/link_form.html", _context(request, form))
    form = LinkForm(request.POST)
    if form.is_valid():
        try:
            link = links.create(request.project, slug=form.cleaned_data["slug"], **form.fields_for_link())
        except links.SlugTaken:
            form.add_error("slug", "Another link has this slug already. Choose a different one.")
        else:
            messages.success(request, f"{link.name} is ready. Tap it on your phone to see it work.")
            return _to(link)
    return page(request, "attribution/link_form.html", _context(request, form), status=422)


def _to(link: Link) -> HttpResponse:
    return HttpResponseRedirect(reverse("attribution:link-detail", args=[link.project.slug, link.pk]))


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def link_edit(request: PageRequest, link_id: int) -> HttpResponse:
    """Show the form of a link; on POST change it."""
    link = get_object_or_404(request.project.links.select_related("project"), pk=link_id)
    if request.method != "POST":
        return page(request, "attribution/link_form.html", _context(request, LinkForm(link=link)))
    form = LinkForm(request.POST, link=link)
    if form.is_valid():
        links.change(link, **form.fields_for_link())
        messages.success(request, f"{link.name} is changed. Taps from now on land there.")
        return _to(link)
    return page(request, "attribution/link_form.html", _context(request, form), status=422)


@project_page
@editors_only
@require_POST
def link_check(request: PageRequest) -> HttpResponse:
    """Answer the form's fields with what is wrong beside each one filled in, and the preview. Stores nothing."""
    link_id = request.GET.get("link", "")
    link = get_object_or_404(request.project.links, pk=link_id) if link_id.isdigit() else None
    form = LinkForm(request.POST, link=link)
    form.is_valid()
    form.keep_errors_of({name for name, value in request.POST.items() if value} | {request.htmx.trigger_name or ""})
    part = "preview" if request.GET.get("part") == "preview" else "fields"
    return render(request, f"attribution/link_form.html#{part}", _context(request, form))


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def link_import(request: PageRequest) -> HttpResponse:
    """Show the import of a CSV; on POST make its links, all that are right, and say what is wrong with the others."""
    form = ImportForm(request.POST or None, request.FILES or None)
    context: dict[str, object] = {"form": form, "columns": ("slug", *links.FIELDS)}
    if request.method != "POST":
        return page(request, "attribution/link_import.html", context)
    if not form.is_valid():
        return page(request, "attribution/link_import.html", context, status=422)
    made, refused = 0, []
    for number, row in enumerate(form.cleaned_data["file"], start=2):
        try:
            links.create(request.project, **row)
            made += 1
        except Problem as problem:
            refused.append({"line": number, "name": row["name"] or row["slug"], "message": problem.message})
    if not refused:
        messages.success(request, f"{made:,} {'link' if made == 1 else 'links'} imported.")
        return HttpResponseRedirect(reverse("attribution:link-list", args=[request.project.slug]))
    return page(request, "attribution/link_import.html", {**context, "made": made, "refused": refused}, status=422)
