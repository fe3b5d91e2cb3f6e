"""Forms of customers' pages: what a person may write, and what to tell them otherwise."""

import re
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.forms.renderers import BaseRenderer
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from customers.models import ApiKey, Member, Organization, Project, known_zones
from customers.organizations import clean_name
from growthplatform.core.currencies import CURRENCIES
from growthplatform.core.errors import InvalidField

BUNDLE_ID = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
PACKAGE = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)+")
DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}|localhost")


@cache
def zones() -> list[tuple[str, str]]:
    """Return the time zones a person may choose, UTC first. Looking them up reads some hundred files, so once."""
    names = sorted(name for name in known_zones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in names)]


class LongSelect(forms.Select):
    """A select of hundreds of options, written at once: a template for each of them takes 50 ms."""

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        whole = self.build_attrs(self.attrs, {**(attrs or {}), "name": name})
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if str(key) == str(value) else "", label) for key, label in self.choices),
        )
        return format_html("<select{}>{}</select>", flatatt(whole), options)


class NamedForm(forms.Form):
    """A form whose field `name` follows the rule of all names."""

    def clean_name(self) -> str:
        try:
            return clean_name(self.cleaned_data["name"])
        except InvalidField as wrong:
            raise forms.ValidationError(wrong.detail[0]["message"]) from None


class ProjectFields(NamedForm, forms.ModelForm[Project]):
    """What both forms of a project check."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = zones()
        chosen = self.instance.time_zone
        # A zone that the list leaves out (an old name) stays choosable where it is in use.
        extra = [] if any(name == chosen for name, _ in known) else [(chosen, chosen)]
        self.fields["time_zone"] = forms.ChoiceField(
            label="Time zone",
            widget=LongSelect,
            choices=[*extra, *known],
            help_text="Days begin at its midnight, in every report.",
        )

    def clean_domain(self) -> str:
        """Take an address as well as a bare domain."""
        text = self.cleaned_data["domain"].strip().lower()
        if not text:
            return ""
        try:
            domain = urlsplit(text if "//" in text else f"//{text}").hostname or ""
        except ValueError:
            domain = ""
        if not DOMAIN.fullmatch(domain):
            raise forms.ValidationError("A domain looks like shop.example.com, without a path.")
        return domain


class ProjectCreateForm(ProjectFields):
    class Meta:
        model = Project
        fields = ["name", "platform", "domain", "time_zone"]
        labels = {"name": "Project"}
        help_texts = {
            "name": "Your app or site. One project holds all its platforms.",
            "platform": "Decides which install guide comes first.",
            "domain": "Where your site or landing page lives.",
        }

    def __init__(self, *args: Any, organizations: list[Organization], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].widget.attrs["data-guess-time-zone"] = ""
        self.fields["name"].widget.attrs["placeholder"] = "Acme app"
        self.fields["domain"].widget.attrs["placeholder"] = "shop.example.com"
        if organizations:
            self.fields["organization"] = forms.ChoiceField(
                label="Organization", choices=[(str(one.pk), one.name) for one in organizations]
            )
        else:
            self.fields["organization_name"] = forms.CharField(
                label="Organization", max_length=100, help_text="Your company or team. It owns projects and members."
            )
            self.fields["organization_name"].widget.attrs["placeholder"] = "Acme Ltd"
        first = "organization" if organizations else "organization_name"
        self.order_fields([first, "name", "platform", "domain", "time_zone"])

    def clean_organization_name(self) -> str:
        try:
            return clean_name(self.cleaned_data["organization_name"])
        except InvalidField as wrong:
            raise forms.ValidationError(wrong.detail[0]["message"]) from None


class ProjectSettingsForm(ProjectFields):
    currency = forms.ChoiceField(
        widget=LongSelect,
        choices=[(code, code) for code in CURRENCIES],
        help_text="Money is shown in it; amounts keep the one they came in.",
    )

    class Meta:
        model = Project
        fields = [
            "name",
            "platform",
            "bundle_id",
            "package_name",
            "domain",
            "time_zone",
            "currency",
            "ip_policy",
            "retention_days",
        ]
        labels = {
            "bundle_id": "iOS bundle id",
            "ip_policy": "Addresses of people (IP)",
            "retention_days": "Keep events for (days)",
        }
        help_texts = {
            "bundle_id": "As in the App Store: com.example.app",
            "package_name": "As in Google Play: com.example.app",
            "domain": "Where your site or landing page lives: shop.example.com",
            "ip_policy": "For events from now on. Matching installs without ids needs the full address.",
            "retention_days": "Older events are deleted each night. Empty keeps them for good.",
        }

    def clean_bundle_id(self) -> str:
        text: str = self.cleaned_data["bundle_id"].strip()
        if text and not BUNDLE_ID.fullmatch(text):
            raise forms.ValidationError("A bundle id looks like com.example.app: letters, figures, hyphens and dots.")
        return text

    def clean_package_name(self) -> str:
        text: str = self.cleaned_data["package_name"].strip()
        if text and not PACKAGE.fullmatch(text):
            raise forms.ValidationError("A package looks like com.example.app: letters, figures, underscores and dots.")
        return text

    def clean_retention_days(self) -> int | None:
        days: int | None = self.cleaned_data["retention_days"]
        if days is not None and not 1 <= days <= 36_500:
            raise forms.ValidationError("From 1 to 36,500 days, or empty.")
        return days


class OrganizationForm(NamedForm, forms.ModelForm[Organization]):
    class Meta:
        model = Organization
        fields = ["name"]
        help_texts = {"name": "Shown to its members and in invitations."}


class KeyForm(forms.ModelForm[ApiKey]):
    kind = forms.ChoiceField(
        choices=ApiKey.Kind.choices,
        initial=ApiKey.Kind.SECRET,
        help_text="Secret keys read and manage and stay on your server. Write keys only send and may be public.",
    )

    class Meta:
        model = ApiKey
        fields = ["name", "kind"]
        help_texts = {"name": "Where it will be used: “backend”, “iOS app”."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True


class InvitationForm(forms.Form):
    email = forms.EmailField(label="Mail address", max_length=254)
    role = forms.ChoiceField(choices=Member.Role.choices, initial=Member.Role.EDITOR)

    def __init__(self, *args: Any, by: Member, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if by.role != Member.Role.OWNER:
            choices = [choice for choice in Member.Role.choices if choice[0] != Member.Role.OWNER]
            self.fields["role"] = forms.ChoiceField(choices=choices, initial=Member.Role.EDITOR)


def forgive_empty(form: forms.BaseForm) -> None:
    """Take back errors of fields that are still empty: on the way through a form they are not wrong yet."""
    form.is_valid()
    for name in list(form.errors):
        if not form.data.get(form.add_prefix(name)):
            del form.errors[name]
