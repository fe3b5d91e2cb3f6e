"""The apps of a project in the App Store, and how Apple's postbacks find their way here."""

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from attribution.models import ApplePostback
from attribution.skan import apps
from attribution.views.skan import first_steps, views_of
from customers.pages import PageRequest, managers_only, project_page
from growthplatform.core import formats
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page


class AppleAppForm(forms.Form):
    """Name an app of the App Store."""

    app_id = forms.CharField(
        label="App Store id or address",
        max_length=300,
        help_text="The number in its address: apps.apple.com/app/<b>id1640000000</b>.",
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    name = forms.CharField(label="Name", max_length=100, required=False)
    sandbox = forms.BooleanField(
        label="Take test postbacks",
        required=False,
        help_text="Signed with Apple’s keys for development. Never counted.",
    )


def _list(request: PageRequest, form: AppleAppForm, status: int = 200) -> HttpResponse:
    found = list(request.project.apple_apps.order_by("name", "app_id"))
    newest = {
        app.pk: request.project.apple_postbacks.filter(app_id=app.app_id).order_by("-received_at", "-pk").first()
        for app in found
    }
    context = {
        "views": views_of(request, "skan-app-list"),
        "rows": [{"app": app, "newest": newest[app.pk]} for app in found],
        "unnamed": apps.unnamed(request.project),
        "form": form,
        "proved": ApplePostback.objects.filter(project=request.project, state="valid").exists(),
        **first_steps(request),
    }
    return page(request, "attribution/skan_app_list.html", context, status=status)


@project_page
@require_safe
def skan_app_list(request: PageRequest) -> HttpResponse:
    """Show the project's apps, those that postbacks came for, and what to put into Info.plist."""
    return _list(request, AppleAppForm(initial={"app_id": request.GET.get("app_id", "")[:30]}))


@project_page
@managers_only
@require_POST
def skan_app_create(request: PageRequest) -> HttpResponse:
    """Name an app, and take the postbacks that were waiting for it."""
    form = AppleAppForm(request.POST)
    if form.is_valid():
        try:
            app, number = apps.add(
                request.project,
                apps.check_id(form.cleaned_data["app_id"]),
                name=form.cleaned_data["name"],
                sandbox=form.cleaned_data["sandbox"],
            )
        except InvalidField as refusal:
            form.add_error("app_id", refusal.detail[0]["message"])
        except apps.AppTaken as refusal:
            form.add_error("app_id", refusal.message.partition(": ")[2])
        else:
            waited = f" {formats.count(number)} postbacks were waiting for it." if number > 1 else ""
            waited = " One postback was waiting for it." if number == 1 else waited
            messages.success(request, f"{app} is added.{waited}")
            return _to_list(request)
    return _list(request, form, status=422)


@project_page
@managers_only
@require_POST
def skan_app_change(request: PageRequest, apple_app_id: int) -> HttpResponse:
    """Rename an app, or let it take test postbacks or none."""
    app = get_object_or_404(request.project.apple_apps, pk=apple_app_id)
    number = apps.change(app, name=request.POST.get("name", app.name), sandbox="sandbox" in request.POST)
    judged = f" {formats.count(number)} stored postbacks are judged anew by it." if number else ""
    messages.success(request, f"{app} {'takes' if app.sandbox else 'takes no'} test postbacks.{judged}")
    return _to_list(request)


@project_page
@managers_only
@require_POST
def skan_app_remove(request: PageRequest, apple_app_id: int) -> HttpResponse:
    """Give an app up with its schemas."""
    app = get_object_or_404(request.project.apple_apps, pk=apple_app_id)
    if request.POST.get("confirm") != str(app.app_id):
        messages.error(request, "Type the app’s number to confirm.")
        return _to_list(request)
    apps.remove(app)
    messages.success(request, f"{app} is removed. Its postbacks stay.")
    return _to_list(request)


def _to_list(request: PageRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("attribution:skan-app-list", args=[request.project.slug]))
