"""Forms of the pages of events."""

from typing import Any

from django import forms

from events.models import RepairRule
from events.payloads import BATCH_BYTES


class RepairForm(forms.Form):
    """The body of a refused event, and where it belongs to the event its address, as its owner repairs them."""

    path = forms.CharField(
        label="Address",
        required=False,
        max_length=100,
        widget=forms.TextInput(
            attrs={
                "class": "form-control g-mono",
                "spellcheck": "false",
                "autocomplete": "off",
                "autocapitalize": "off",
            }
        ),
    )
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


class RepairRuleForm(forms.ModelForm[RepairRule]):
    """A repair rule: which refusals it is for, and the one change it makes."""

    class Meta:
        model = RepairRule
        fields = ["code", "path", "field", "action", "old", "value", "name"]
        labels = {
            "code": "Refused as",
            "path": "Sent to",
            "field": "What is changed",
            "action": "How",
            "old": "What is replaced",
            "value": "With what",
            "name": "Name of the rule",
        }
        help_texts = {
            "code": "The code of the refusals that it repairs.",
            "path": "How their address begins; empty: any.",
            "field": "A member of the body (“userId”, inside an object “user.os”), or “path”: the end of the address.",
            "old": "Only for “Replace in it”.",
            "value": "Text, or JSON such as {}, true or 5.",
            "name": "Made from the rule when left empty.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = False
        self.fields["code"].widget.attrs["list"] = "open-codes"
        for name in ("code", "path", "field", "old", "value"):
            self.fields[name].widget.attrs.update(
                {"class": "form-control g-mono", "autocomplete": "off", "spellcheck": "false"}
            )
