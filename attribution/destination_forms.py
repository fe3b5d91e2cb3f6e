"""The form of a destination. What one may be is decided in postbacks/; the form says it beside the fields."""

from typing import Any

from django import forms

from attribution.models import Destination
from attribution.postbacks import destinations
from attribution.postbacks.steps import KINDS, REJECTED
from attribution.postbacks.templates import BY_CODE, Template
from customers.models import Project
from growthplatform.core.errors import InvalidField

NEWS = (
    ("install", "Installs"),
    ("reinstall", "Reinstalls"),
    ("reattribution", "Returns to the app"),
    ("rejected", "Rejections: fraud, and credit that moved elsewhere"),
)
CODE = {"class": "g-mono", "autocomplete": "off", "spellcheck": "false", "data-macros": ""}


class DestinationForm(forms.Form):
    """Make a destination, or change one."""

    name = forms.CharField(label="Name", max_length=100, help_text="How it is called in the list.")
    method = forms.ChoiceField(label="Method", choices=[("POST", "POST"), ("GET", "GET")])
    url = forms.CharField(
        label="Address",
        max_length=2_000,
        widget=forms.Textarea({**CODE, "rows": 3}),
        help_text="Type { for the macros. Only hosts of the public internet are reached.",
    )
    headers = forms.CharField(
        label="Headers", required=False, widget=forms.Textarea({**CODE, "rows": 2}), help_text="One a line: Name: value"
    )
    body = forms.CharField(
        label="Body",
        required=False,
        strip=False,
        widget=forms.Textarea({**CODE, "class": "g-mono is-tall"}),
        help_text="Left empty, a webhook gets our own JSON.",
    )
    token = forms.CharField(
        label="Access token",
        required=False,
        max_length=4_000,
        widget=forms.PasswordInput({"autocomplete": "off"}),
        help_text="Stands where {token} is. It is kept encrypted and never shown again.",
    )
    news = forms.MultipleChoiceField(
        label="What it is told of",
        required=False,
        choices=NEWS,
        widget=forms.CheckboxSelectMultiple({"class": "form-check-input"}),
    )
    events = forms.CharField(
        label="Conversions",
        required=False,
        help_text="Names of events with commas between, such as Order Completed; or * for all.",
    )
    sources = forms.CharField(
        label="Only what these sources brought",
        required=False,
        help_text="With commas between, as your links name them. Left empty: all, for a network all but organic.",
    )

    def __init__(
        self, data: Any = None, *, project: Project, template: Template, destination: Destination | None = None
    ) -> None:
        self.project, self.template, self.destination = project, template, destination
        self.resolve = True
        super().__init__(data, initial=_initial(template, destination))
        if not self.initial["body"]:
            self.fields["body"].widget.attrs["class"] = "g-mono"
        if template.token:
            self.fields["token"].help_text = f"{template.token} Kept encrypted and never shown again."
        if destination and destinations.has_token(destination):
            self.fields["token"].help_text = "There is one. Left empty, it stays; it is never shown."
        if not template.token and not destination:
            self.fields["token"].help_text = "Only where the address, a header or the body has {token} in it."

    def draft(self) -> Destination:
        """Return the destination that the form describes so far, not stored; for preview and check."""
        given = self._given()
        kind = self.destination.kind if self.destination else self.template.kind
        return Destination(project=self.project, kind=kind, template=self.template.code, **given)

    def fields_for_destination(self) -> dict[str, Any]:
        """Return what was filled in, as fields of a destination."""
        given = self._given()
        return given if self.destination else {"kind": self.template.kind, "template": self.template.code, **given}

    def token_given(self) -> str | None:
        """Return the token typed in; None keeps the one there is."""
        return str(self.cleaned_data.get("token") or "") or None

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if not self.errors:
            try:
                destinations.check(self.draft(), resolve=self.resolve)
            except InvalidField as refusal:
                self.show(refusal)
        return found

    def show(self, refusal: InvalidField) -> None:
        """Put what was refused beside its fields."""
        for one in refusal.detail:
            self.add_error(one["field"] if one["field"] in self.fields else None, one["message"])

    def _given(self) -> dict[str, Any]:
        said = {name: self._text(name) for name in ("name", "method", "url", "headers", "body", "events", "sources")}
        chosen = set(self["news"].value() or ())
        return {
            "name": said["name"].strip(),
            "method": said["method"] if said["method"] in ("GET", "POST") else "POST",
            "url": said["url"].strip(),
            "headers": headers_of(said["headers"]),
            "body": said["body"].strip(),
            "news": [one for one, _ in NEWS if one in chosen] + words_of(said["events"]),
            "sources": [one.lower() for one in words_of(said["sources"])],
        }

    def _text(self, name: str) -> str:
        said = self.data.get(name) if self.is_bound else self.initial.get(name)
        return str(said or "").replace("\r\n", "\n").replace("\x00", "")


def headers_of(text: str) -> dict[str, str]:
    """Read headers, one a line."""
    pairs = [line.partition(":") for line in text.splitlines() if line.strip()]
    return {name.strip(): value.strip() for name, _, value in pairs}


def words_of(text: str) -> list[str]:
    """Read names with commas between, each once."""
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _initial(template: Template, destination: Destination | None) -> dict[str, Any]:
    fields = destinations.fields_of(template)
    if destination:
        fields = {name: getattr(destination, name) for name in destinations.FIELDS}
    known = (*KINDS, REJECTED)
    return {
        **{name: fields[name] for name in ("name", "method", "url", "body")},
        "headers": "\n".join(f"{name}: {value}" for name, value in fields["headers"].items()),
        "news": [one for one in fields["news"] if one in known],
        "events": ", ".join(one for one in fields["news"] if one not in known),
        "sources": ", ".join(fields["sources"]),
    }


def template_of(destination: Destination) -> Template:
    """Return the template that a destination began as."""
    fallback = BY_CODE["webhook" if destination.kind == Destination.Kind.WEBHOOK else "network"]
    return BY_CODE.get(destination.template, fallback)
