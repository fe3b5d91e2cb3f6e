"""Forms of raw data: what to write into a file, and what to write every day where."""

from datetime import datetime, time, timedelta, tzinfo
from typing import Any

from django import forms

from attribution.exports import jobs, schedules
from attribution.exports.kinds import APPSFLYER, KINDS, OWN
from attribution.exports.reading import BY_ARRIVAL, BY_TIME, Asked
from attribution.exports.writing import CSV, PARQUET
from attribution.models import Export, ExportSchedule
from customers.models import Project
from growthplatform.core.errors import InvalidField

CHOICES = [(one.name, one.label) for one in KINDS.values()]
FORMATS = [(PARQUET, "Parquet, for databases and notebooks"), (CSV, "CSV, one line a row")]
COLUMNS = [(OWN, "Ours"), (APPSFLYER, "AppsFlyer’s 81 (installs and events only)")]
DAY = {"type": "date"}
QUIET = {"autocomplete": "off", "spellcheck": "false"}


class Shown(forms.Form):
    """A form that shows refusals beside their fields."""

    def show(self, refusal: InvalidField) -> None:
        """Put what was refused beside its fields."""
        for one in refusal.detail:
            self.add_error(one["field"] if one["field"] in self.fields else None, one["message"])


class ExportForm(Shown):
    """Which rows go into a file."""

    kind = forms.ChoiceField(label="What", choices=CHOICES)
    format = forms.ChoiceField(label="Format", choices=FORMATS)
    columns = forms.ChoiceField(label="Columns", choices=COLUMNS)
    since = forms.DateField(
        label="First day", required=False, widget=forms.DateInput(DAY), help_text="Empty: from the beginning."
    )
    until = forms.DateField(
        label="Last day", required=False, widget=forms.DateInput(DAY), help_text="Empty: up to now."
    )
    by = forms.ChoiceField(
        label="These days are",
        choices=[(BY_TIME, "when it happened"), (BY_ARRIVAL, "when it arrived")],
        help_text="By arrival nothing that came late is missed from one file to the next.",
    )
    source = forms.CharField(max_length=60, required=False, help_text="Only what one source brought, such as tiktok.")
    names = forms.CharField(label="Events", max_length=2000, required=False, help_text="Only these, with commas.")
    spreadsheet = forms.BooleanField(
        label="For a spreadsheet",
        required=False,
        help_text="CSV only: an apostrophe before texts that a spreadsheet would run as a formula. Without it, values"
        " are as they came.",
    )

    def order(self, project: Project, user: Any) -> Export | None:
        """Order the file; None with the errors beside the fields. Raises TooManyExports."""
        given = self.cleaned_data
        try:
            return jobs.order(
                project,
                Asked(
                    given["kind"],
                    given["columns"],
                    _start_of(given["since"], project.tz),
                    _start_of(given["until"], project.tz, after=1),
                    given["by"],
                    given["source"],
                    tuple(name.strip() for name in given["names"].split(",") if name.strip()),
                ),
                given["format"],
                spreadsheet=given["spreadsheet"],
                user=user,
            )
        except InvalidField as refusal:
            self.show(refusal)
            return None

    def show(self, refusal: InvalidField) -> None:
        """Put what was refused beside its fields, which are called otherwise in the API."""
        for one in refusal.detail:
            field = {"from": "since", "to": "until"}.get(one["field"], one["field"])
            self.add_error(field if field in self.fields else None, one["message"])


def _start_of(day: Any, zone: tzinfo, *, after: int = 0) -> datetime | None:
    return datetime.combine(day + timedelta(days=after), time(), zone) if day else None


class ScheduleForm(Shown):
    """What is written every day, and where."""

    kinds = forms.MultipleChoiceField(label="What", choices=CHOICES, widget=forms.CheckboxSelectMultiple)
    format = forms.ChoiceField(label="Format", choices=FORMATS)
    columns = forms.ChoiceField(label="Columns", choices=COLUMNS)
    address = forms.CharField(
        max_length=300,
        widget=forms.TextInput({**QUIET, "placeholder": "s3://bucket/prefix"}),
        help_text="A bucket, or a folder such as <span class='g-mono'>daily/raw</span> on this installation.",
    )
    key = forms.CharField(
        label="Access key",
        max_length=200,
        required=False,
        widget=forms.TextInput(QUIET),
        help_text="Of the bucket: one that may write there and nothing else.",
    )
    secret = forms.CharField(
        label="Secret key",
        max_length=500,
        required=False,
        widget=forms.PasswordInput({"autocomplete": "off"}),
        help_text="Kept encrypted and never shown again.",
    )
    endpoint = forms.CharField(
        max_length=300,
        required=False,
        widget=forms.TextInput({**QUIET, "placeholder": "https://s3.example.com"}),
        help_text="Where it is not Amazon’s S3.",
    )
    region = forms.CharField(
        max_length=60, required=False, widget=forms.TextInput({**QUIET, "placeholder": "eu-central-1"})
    )
    hour = forms.IntegerField(
        label="At hour", initial=3, min_value=1, max_value=23, help_text="Of the day after, in the project’s time zone."
    )
    first_day = forms.DateField(
        label="First day",
        required=False,
        widget=forms.DateInput(DAY),
        help_text="Empty: today. Days that are over are written at once, up to 400 back.",
    )

    def create(self, project: Project, user: Any, now: datetime) -> ExportSchedule | None:
        """Make the schedule; None with the errors beside the fields. Raises Unwritable."""
        try:
            return schedules.create(project, self.cleaned_data, user=user, now=now)
        except InvalidField as refusal:
            self.show(refusal)
            return None
