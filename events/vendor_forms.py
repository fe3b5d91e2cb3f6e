"""Forms of the pages of vendors' formats."""

from typing import Any

from django import forms

from events.vendor_apps import LONGEST_KEY
from events.vendor_formats import Format

PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off", "class": "form-control g-mono"}


class AppForm(forms.Form):
    """An app as a vendor knows it; words and fields are those of the vendor."""

    app_id = forms.CharField(max_length=155, widget=forms.TextInput(PLAIN))
    key = forms.CharField(max_length=LONGEST_KEY, required=False, widget=forms.TextInput(PLAIN))
    os_name = forms.ChoiceField(
        label="System",
        required=False,
        choices=[("", "Both, or not known"), ("ios", "iOS"), ("android", "Android")],
        help_text="If all of its devices have one system, and the calls don’t say which.",
    )

    def __init__(self, *args: Any, known: Format, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["app_id"].label = known.app_word
        self.fields["app_id"].help_text = known.app_help
        self.fields["app_id"].widget.attrs["placeholder"] = known.app_example
        if known.key_word:
            self.fields["key"].label = known.key_word
            self.fields["key"].help_text = known.key_help
            self.fields["key"].required = known.key_needed
        else:
            del self.fields["key"]
        if not known.os_asked:
            del self.fields["os_name"]
