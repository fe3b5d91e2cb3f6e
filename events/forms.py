"""Forms of the pages of events."""

from django import forms

from events.payloads import BATCH_BYTES


class RepairForm(forms.Form):
    """The body of a refused event, as its owner repairs it."""

    body = forms.CharField(
        label="Body",
        strip=False,
        max_length=BATCH_BYTES,
        widget=forms.Textarea(
            attrs={
                "class": "form-control g-mono g-body",
                "rows": 18,
                "spellcheck": "false",
                "autocomplete": "off",
                "wrap": "off",
            }
        ),
    )
