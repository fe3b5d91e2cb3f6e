"""Pages of annotations: the list, and the form to add or change one."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from analytics import annotations
from analytics.annotation_forms import AnnotationForm, form_of
from analytics.models import Annotation
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page
from growthplatform.core.paging import InvalidCursor, paginate

ORDER = ("-at", "-id")
ROWS = 50


@project_page
@require_safe
def annotation_list(request: PageRequest) -> HttpResponse:
    """Show what happened, the newest first."""
    q, kind = request.GET.get("q", "").replace("\x00", ""), request.GET.get("kind", "")
    mine = Annotation.objects.filter(project=request.project)
    rows = mine.filter(text__icontains=q.strip())
    rows = rows.filter(kind=kind) if kind in Annotation.Kind.values else rows
    try:
        found = paginate(rows.select_related("created_by"), ORDER, cursor=request.GET.get("cursor", ""), limit=ROWS)
    except InvalidCursor:
        raise Http404(InvalidCursor.message) from None
    context = {
        "rows": found.rows,
        "next": found.next,
        "total": rows.count(),
        "q": q,
        "kind": kind,
        "kinds": Annotation.Kind.choices,
        "new": not found.rows and not mine.exists(),
        "host": request.build_absolute_uri("/").rstrip("/"),
    }
    return page(request, "analytics/annotation_list.html", context, partial="rows")


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def annotation_create(request: PageRequest) -> HttpResponse:
    """Note that something happened."""
    form = AnnotationForm(request.POST or None, initial={"kind": "deploy", "at": timezone.localtime(timezone.now())})
    if request.method == "POST" and form.is_valid():
        try:
            note = annotations.add(request.project, **form.cleaned_data, user=request.user)
        except InvalidField as wrong:
            form.add_error(wrong.detail[0]["field"], wrong.detail[0]["message"])
        else:
            messages.success(request, f"{note.text} is on your charts.")
            return _to_list(request)
    return _form(request, form)


def _form(request: PageRequest, form: AnnotationForm, note: Annotation | None = None) -> HttpResponse:
    context = {"form": form, "note": note, "zone": request.project.time_zone}
    return page(request, "analytics/annotation_form.html", context, status=422 if form.errors else 200)


def _to_list(request: PageRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("analytics:annotation-list", args=[request.project.slug]))


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def annotation_edit(request: PageRequest, annotation_id: int) -> HttpResponse:
    """Say it otherwise."""
    note = get_object_or_404(Annotation, project=request.project, pk=annotation_id)
    form = AnnotationForm(request.POST) if request.method == "POST" else form_of(note)
    if request.method == "POST" and form.is_valid():
        try:
            annotations.change(note, **form.cleaned_data)
        except InvalidField as wrong:
            form.add_error(wrong.detail[0]["field"], wrong.detail[0]["message"])
        else:
            messages.success(request, "The annotation is changed.")
            return _to_list(request)
    return _form(request, form, note)


@project_page
@editors_only
@require_POST
def annotation_delete(request: PageRequest, annotation_id: int) -> HttpResponse:
    """Delete an annotation, with undo."""
    told = annotations.delete(get_object_or_404(Annotation, project=request.project, pk=annotation_id))
    undo = f"{reverse('analytics:annotation-restore', args=[request.project.slug])}?{urlencode({'told': told})}"
    messages.success(request, "The annotation is deleted.", extra_tags=f"undo:{undo}")
    return _to_list(request)


@project_page
@editors_only
@require_POST
def annotation_restore(request: PageRequest) -> HttpResponse:
    """Bring an annotation back that was deleted within the hour."""
    if annotations.restore(request.project, request.GET.get("told", "")) is None:
        raise Http404("It can't be brought back any more.")
    return _to_list(request)
