"""The forms of the page Side by side: a vendor's report, and its raw data."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.core.files.uploadedfile import UploadedFile

from attribution.shadow import number_files, numbers, vendors
from attribution.shadow.number_files import Table, WrongFile
from growthplatform.core.errors import InvalidField

MOST_BYTES = 2_000_000


class NumbersForm(forms.Form):
    """A vendor's report by day and campaign, and what its columns mean; `text` is the file that was looked at."""

    vendor = forms.ChoiceField(label="Whose numbers", choices=list(vendors.VENDORS.items()))
    file = forms.FileField(
        label="CSV file",
        required=False,
        help_text="A report by day and campaign, or raw data of installs. Commas, semicolons or tabs.",
    )
    time_zone = forms.CharField(
        label="Time zone of its days",
        initial="UTC",
        max_length=50,
        help_text="As the app is set at the vendor: UTC, Europe/Berlin … AppsFlyer’s raw data is in UTC.",
        widget=forms.TextInput({"list": "zones"}),
    )
    complete = forms.BooleanField(
        label="It is all there is for its days",
        required=False,
        help_text="What an earlier report said of these days and this one leaves out is removed.",
    )
    day_first = forms.BooleanField(label="03/04/2026 is the 3rd of April", required=False)

    table: Table | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.text = str(self.data.get("text", ""))

    def clean_time_zone(self) -> str:
        return _zone(self.cleaned_data["time_zone"])

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        sent: UploadedFile[Any] | None = found.get("file")
        if sent is None and not self.text:
            self.add_error("file", "Choose the file.")
            return found
        if sent and (sent.size or 0) > MOST_BYTES:
            self.add_error("file", "The file is larger than 2 MB. Export fewer days at once, or use the API.")
            return found
        try:
            self.table = number_files.split(sent.read() if sent else self.text.encode())
        except WrongFile as why:
            self.add_error("file", str(why))
            return found
        if sent:
            self.text = number_files.written(self.table)
        found["name"] = sent.name if sent else str(self.data.get("name", ""))
        return found

    @property
    def mapping(self) -> dict[str, str]:
        """Return which column says what: as it was chosen, else as it is guessed."""
        assert self.table is not None
        guessed = number_files.guess(self.table)
        if "map-day" not in self.data:
            return guessed
        chosen = {field: str(self.data.get(f"map-{field}", "")) for field in number_files.LABELS}
        return {field: column for field, column in chosen.items() if column in self.table.head}


def _zone(name: str) -> str:
    try:
        return numbers.zone_of(name)
    except InvalidField as wrong:
        raise forms.ValidationError("There is no such time zone. It is written like Europe/Berlin.") from wrong


def zones() -> list[str]:
    """Return the time zones that a browser offers while one is typed."""
    return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


class RawForm(forms.Form):
    """AppsFlyer's raw data as it exports it."""

    file = forms.FileField(
        label="CSV file",
        help_text="Raw data of installs, in-app events or both, with AppsFlyer’s own heads. Up to 2 GB.",
    )
    time_zone = forms.CharField(
        label="Time zone of its times",
        initial="UTC",
        max_length=50,
        help_text="AppsFlyer writes UTC unless you chose the app’s own zone for the export.",
        widget=forms.TextInput({"list": "zones"}),
    )

    def clean_time_zone(self) -> str:
        return _zone(self.cleaned_data["time_zone"])
