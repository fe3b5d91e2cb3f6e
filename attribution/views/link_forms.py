"""Pages that make and change links: the form with its preview, and the CSV import."""

from django.contrib import messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.datastructures import MultiValueDict
from django.views.decorators.http import require_http_methods, require_POST

from attribution import links
from attribution.forms import MEDIUMS, SOURCES, ImportForm, LinkForm
from attribution.models import Link
from customers.models import Project
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.errors import Problem
from growthplatform.core.http import page

SLUG_TO_COME = "…"
SHOWN_ROWS = 200


def _context(request: PageRequest, form: LinkForm) -> dict[str, object]:
    draft = form.draft()
    draft.slug = draft.slug or SLUG_TO_COME
    check_url = reverse("attribution:link-check", args=[request.project.slug])
    return {
        "form": form,
        "check_url": f"{check_url}?link={form.link.pk}" if form.link else check_url,
        "link": form.link,
        "sources": SOURCES,
        "mediums": MEDIUMS,
        "address": links.address(draft, links.base_address(request)),
        "draft": draft,
        "landings": links.landings(draft),
        "warnings": _labelled(links.warnings(draft), form),
    }


def _labelled(warnings: list[dict[str, str]], form: LinkForm) -> list[tuple[str, str]]:
    return [(str(form.fields[row["field"]].label), row["message"]) for row in warnings]


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
        form = LinkForm(project=request.project, initial=_usual(request.project))
        return page(request, "attribution/link_form.html", _context(request, form))
    form = LinkForm(request.POST, project=request.project)
    if form.is_valid():
        try:
            link = links.create(request.project, slug=form.cleaned_data["slug"], **form.fields_for_link())
        except links.SlugTaken:
            form.add_error("slug", "Another link has this slug already. Choose a different one.")
        else:
            messages.success(request, f"{link.name} is ready. Tap it on your phone to see it work.")
            return _to(request, link, form)
    return page(request, "attribution/link_form.html", _context(request, form), status=422)


def _to(request: PageRequest, link: Link, form: LinkForm) -> HttpResponse:
    for label, sentence in _labelled(links.warnings(link), form):
        messages.warning(request, f"{label}: {sentence}")
    return HttpResponseRedirect(reverse("attribution:link-detail", args=[link.project.slug, link.pk]))


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def link_edit(request: PageRequest, link_id: int) -> HttpResponse:
    """Show the form of a link; on POST change it."""
    link = get_object_or_404(request.project.links.select_related("project", "domain"), pk=link_id)
    if request.method != "POST":
        return page(
            request, "attribution/link_form.html", _context(request, LinkForm(project=request.project, link=link))
        )
    form = LinkForm(request.POST, project=request.project, link=link)
    if form.is_valid():
        links.change(link, **form.fields_for_link())
        messages.success(request, f"{link.name} is changed. Taps from now on land there.")
        return _to(request, link, form)
    return page(request, "attribution/link_form.html", _context(request, form), status=422)


@project_page
@editors_only
@require_POST
def link_check(request: PageRequest) -> HttpResponse:
    """Answer the form's fields with what is wrong beside each one filled in, and the preview. Stores nothing."""
    link_id = request.GET.get("link", "")
    link = get_object_or_404(request.project.links, pk=link_id) if link_id.isdigit() else None
    form = LinkForm(request.POST, project=request.project, link=link)
    form.is_valid()
    form.keep_errors_of({name for name, value in request.POST.items() if value} | {request.htmx.trigger_name or ""})
    part = "preview" if request.GET.get("part") == "preview" else "fields"
    return render(request, f"attribution/link_form.html#{part}", _context(request, form))


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def link_import(request: PageRequest) -> HttpResponse:
    """Show the import of a CSV; a file posted is judged row by row, and makes its links once that is confirmed."""
    again = request.POST.get("text")
    files = request.FILES
    if again is not None:
        files = MultiValueDict({"file": [SimpleUploadedFile("links.csv", again.encode())]})
    form = ImportForm(request.POST or None, files or None)
    context: dict[str, object] = {"form": form, "columns": ("slug", *links.FIELDS)}
    if request.method != "POST":
        return page(request, "attribution/link_import.html", context)
    if not form.is_valid():
        return page(request, "attribution/link_import.html", context, status=422)
    rows = form.cleaned_data["file"]
    made = links.create_many(request.project, rows, store=again is not None)
    good = sum(isinstance(one, Link) for one in made)
    if again is not None and good:
        left = len(made) - good
        text = f"{good:,} {'link' if good == 1 else 'links'} imported."
        messages.success(request, f"{text} {left:,} left out." if left else text)
        return HttpResponseRedirect(reverse("attribution:link-list", args=[request.project.slug]))
    judged = [_judged(number, row, one) for number, (row, one) in enumerate(zip(rows, made, strict=True), start=2)]
    judged.sort(key=lambda row: not row["problems"])
    context.update(judged=judged[:SHOWN_ROWS], more=len(judged) - SHOWN_ROWS, good=good, bad=len(made) - good)
    context["text"] = form.text
    return page(request, "attribution/link_import.html", context, status=200 if good else 422)


def _judged(line: int, row: dict[str, str], one: Link | Problem) -> dict[str, object]:
    """Return what the preview says of a row of the file: the link it becomes, or each field that is wrong."""
    if isinstance(one, Problem):
        return {"line": line, "name": row["name"] or row["slug"], "problems": one.detail}
    return {"line": line, "name": one.name, "link": one, "problems": [], "warnings": links.warnings(one)}
