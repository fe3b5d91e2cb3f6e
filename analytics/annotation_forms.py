"""The form of an annotation."""

from typing import Any

from django import forms
from django.utils import timezone

from analytics.models import Annotation

MOMENT = "%Y-%m-%dT%H:%M"


class Moment(forms.DateTimeInput):
    """The browser's own picker of day and time."""

    input_type = "datetime-local"

    def __init__(self) -> None:
        super().__init__(format=MOMENT)


class AnnotationForm(forms.Form):
    """What happened, and when, on the project's clocks."""

    kind = forms.ChoiceField(label="Kind", choices=Annotation.Kind.choices)
    text = forms.CharField(label="What happened", max_length=200, help_text="Short: it stands at a line on charts.")
    at = forms.DateTimeField(label="When", widget=Moment())
    until = forms.DateTimeField(
        label="Until", required=False, widget=Moment(), help_text="For what lasted, like an incident: drawn as a span."
    )

    def clean(self) -> dict[str, Any]:
        """Refuse an end before the beginning."""
        said = super().clean() or {}
        at, until = said.get("at"), said.get("until")
        if at and until and until < at:
            self.add_error("until", "This is before it began.")
        return said


def form_of(note: Annotation) -> AnnotationForm:
    """Return the form as an annotation fills it."""
    return AnnotationForm(
        initial={
            "kind": note.kind,
            "text": note.text,
            "at": timezone.localtime(note.at),
            "until": timezone.localtime(note.until) if note.until else None,
        }
    )
