"""Forms of the cost pages. What is right is decided in costs/; the forms say it beside the fields."""

from datetime import date
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from attribution.costs import csv_rows, sheets
from attribution.costs.csv_rows import SpendRow
from customers.models import Project
from growthplatform.core.currencies import CURRENCIES

SHOWN_FIELDS = ("day", "source", "campaign", "amount", "currency")
DETAIL_FIELDS = ("ad_set", "ad", "country", "platform", "clicks", "impressions")


class SpendFileForm(forms.Form):
    """A file of an ad network."""

    file = forms.FileField(
        label="CSV file",
        help_text="As the network exports it, one row a day and campaign. Up to 20 MB and 100,000 rows.",
    )

    def clean_file(self) -> tuple[str, bytes]:
        """Return name and bytes of the file."""
        sent: UploadedFile[Any] = self.cleaned_data["file"]
        if (sent.size or 0) > sheets.MOST_BYTES:
            raise forms.ValidationError("The file is larger than 20 MB. Split it.")
        return str(sent.name), sent.read()


class SpendForm(forms.Form):
    """One row of spend, told by hand."""

    day = forms.CharField(label="Day", widget=forms.DateInput(attrs={"type": "date"}))
    source = forms.CharField(label="Source", max_length=60, help_text="Who was paid: tiktok, meta, newsletter …")
    campaign = forms.CharField(
        label="Campaign", max_length=100, required=False, help_text="As its link or its installs have it."
    )
    amount = forms.CharField(label="Amount", max_length=30)
    currency = forms.ChoiceField(
        label="Currency", choices=[(code, code) for code in CURRENCIES], widget=forms.Select({"class": "form-select"})
    )
    ad_set = forms.CharField(label="Ad set", max_length=100, required=False)
    ad = forms.CharField(label="Ad", max_length=100, required=False)
    country = forms.CharField(label="Country", max_length=60, required=False, help_text="Its code, such as DE.")
    platform = forms.CharField(label="Platform", max_length=40, required=False, help_text="ios or android.")
    clicks = forms.CharField(label="Clicks", max_length=20, required=False)
    impressions = forms.CharField(label="Views", max_length=20, required=False)

    def __init__(self, data: Any = None, *, project: Project, today: date, **kwargs: Any) -> None:
        self.today = today
        kwargs.setdefault("initial", {"day": f"{today}", "currency": project.currency})
        super().__init__(data, **kwargs)
        for name in ("source", "campaign"):
            self.fields[name].widget.attrs.update(list=f"{name}s", autocomplete="off", spellcheck="false")
        self.fields["amount"].widget.attrs.update(inputmode="decimal", placeholder="120.50")

    def clean(self) -> dict[str, Any]:
        """Read the row; the first field that is wrong says so."""
        told = super().clean() or self.cleaned_data
        if self.errors:
            return told
        try:
            told["row"] = csv_rows.read_row(
                1, {name: str(told.get(name) or "") for name in csv_rows.FIELDS}, order="", mark=".", today=self.today
            )
        except csv_rows.Bad as bad:
            self.add_error(bad.field, bad.message)
        return told

    @property
    def row(self) -> SpendRow:
        found: SpendRow = self.cleaned_data["row"]
        return found

    def main_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in SHOWN_FIELDS]

    def detail_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in DETAIL_FIELDS]

    def has_details(self) -> bool:
        return any(field.value() or field.errors for field in self.detail_fields())


class RateForm(forms.Form):
    """What one unit of a currency is worth from a day on."""

    currency = forms.ChoiceField(label="Currency", widget=forms.Select({"class": "form-select"}))
    day = forms.DateField(
        label="From",
        # The browser's own form, whatever the language of the page is.
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="It holds until the next one begins.",
    )
    rate = forms.CharField(label="Worth", max_length=30)

    def __init__(self, data: Any = None, *, project: Project, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        others = [code for code in CURRENCIES if code != project.currency]
        self.fields["currency"].choices = [(code, code) for code in others]  # type: ignore[attr-defined]
        self.fields["rate"].help_text = f"One unit in {project.currency}, such as 0.92."
        self.fields["rate"].widget.attrs.update(inputmode="decimal", placeholder="0.92", autocomplete="off")
