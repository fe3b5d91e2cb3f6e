"""Forms of the link pages. What a link may be is decided in links.py; the forms say it beside the fields."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from attribution import links
from attribution.models import Link
from growthplatform.core.errors import InvalidField

MAX_IMPORT_BYTES = 1_000_000
MAX_IMPORT_ROWS = 2_000
SOURCES = ("tiktok", "meta", "google", "apple", "youtube", "newsletter", "linkedin", "qr", "referral")
MEDIUMS = ("cpc", "cpm", "social", "email", "influencer", "qr", "affiliate", "display", "video")


class LinkForm(forms.Form):
    """Create a link, or change one: then its slug stands still."""

    name = forms.CharField(
        label="Campaign", max_length=100, help_text="How it is called in your reports.", widget=forms.TextInput()
    )
    source = forms.CharField(
        label="Source",
        max_length=60,
        help_text="Who shows it: tiktok, meta, newsletter, qr …",
        widget=forms.TextInput(),
    )
    slug = forms.CharField(
        label="Slug",
        required=False,
        max_length=40,
        help_text="The end of the address. Left empty, it is made from the campaign. It can’t be changed later.",
    )
    ios_url = forms.CharField(label="App Store address", required=False, max_length=500)
    android_url = forms.CharField(
        label="Google Play address or package", required=False, max_length=500, help_text="com.example.app is enough."
    )
    fallback_url = forms.CharField(
        label="Everybody else lands on", max_length=500, help_text="Computers, and phones without an address above."
    )
    medium = forms.CharField(
        label="Medium", required=False, max_length=60, help_text="utm_medium: cpc, email, social …"
    )
    content = forms.CharField(
        label="Content", required=False, max_length=200, help_text="utm_content: which ad or picture."
    )
    term = forms.CharField(label="Term", required=False, max_length=200, help_text="utm_term: the word searched for.")
    campaign_id = forms.CharField(
        label="Campaign id", required=False, max_length=100, help_text="The network’s own id."
    )
    publisher = forms.CharField(
        label="Publisher", required=False, max_length=100, help_text="The site or app showing it."
    )

    placeholders = {
        "name": "Winter sale",
        "source": "tiktok",
        "slug": "winter",
        "ios_url": "https://apps.apple.com/app/id1640000000",
        "android_url": "com.example.app",
        "fallback_url": "https://example.com",
    }

    def __init__(self, data: Any = None, *, link: Link | None = None, **kwargs: Any) -> None:
        self.link = link
        if link and "initial" not in kwargs:
            kwargs["initial"] = {"slug": link.slug, **{name: getattr(link, name) for name in links.FIELDS}}
        super().__init__(data, **kwargs)
        for name, text in self.placeholders.items():
            self.fields[name].widget.attrs.update(placeholder=text)
        for field in self.fields.values():
            field.widget.attrs.update(autocomplete="off", spellcheck="false")
        self.fields["source"].widget.attrs["list"] = "sources"
        self.fields["medium"].widget.attrs["list"] = "mediums"
        if link:
            self.fields["slug"].disabled = True
            self.fields["slug"].help_text = "Ads and posters carry it, so it can’t be changed."

    def clean_source(self) -> str:
        return str(self.cleaned_data["source"]).lower()

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).strip()
        if not slug or self.link:
            return slug
        try:
            links.check_slug(slug)
        except InvalidField as refusal:
            raise forms.ValidationError(refusal.detail[0]["message"]) from None
        if links.is_taken(slug):
            raise forms.ValidationError("Another link has this slug already. Choose a different one.")
        return slug

    def _clean_destination(self, name: str) -> str:
        text = str(self.cleaned_data[name])
        try:
            return links.check_destination(name, text) if text else ""
        except InvalidField as refusal:
            raise forms.ValidationError(refusal.detail[0]["message"]) from None

    def clean_ios_url(self) -> str:
        return self._clean_destination("ios_url")

    def clean_android_url(self) -> str:
        return self._clean_destination("android_url")

    def clean_fallback_url(self) -> str:
        return self._clean_destination("fallback_url")

    def draft(self) -> Link:
        """Return the link as far as the form is right, not stored: for the preview."""
        given = {name: self._value_of(name) for name in links.FIELDS}
        slug = self.link.slug if self.link else self._value_of("slug")
        return Link(slug=slug, **given)

    def _value_of(self, name: str) -> str:
        """Return what the field holds when it is right, else nothing."""
        if self.is_bound:
            return str(self.cleaned_data.get(name, "")) if hasattr(self, "cleaned_data") else ""
        return str(self.get_initial_for_field(self.fields[name], name) or "")

    def fields_for_link(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in links.FIELDS}

    def main_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("name", "source", "slug")]

    def destination_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("ios_url", "android_url", "fallback_url")]

    def detail_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("medium", "content", "term", "campaign_id", "publisher")]

    def has_details(self) -> bool:
        """Say whether the folded part has to stand open: something is in it, or wrong."""
        return any(field.value() or field.errors for field in self.detail_fields())

    def keep_errors_of(self, fields: set[str]) -> None:
        """Forget what is wrong with fields that nobody has come to yet."""
        for name in [name for name in self.errors if name not in fields]:
            del self.errors[name]


class ImportForm(forms.Form):
    """A CSV of links: one row each, columns by the names of the fields."""

    file = forms.FileField(label="CSV file", help_text="The columns name, source and fallback_url are needed. UTF-8.")

    def clean_file(self) -> list[dict[str, str]]:
        """Return the rows of the file, by column."""
        sent: UploadedFile[Any] = self.cleaned_data["file"]
        if (sent.size or 0) > MAX_IMPORT_BYTES:
            raise forms.ValidationError("The file is larger than 1 MB. Split it.")
        try:
            text = sent.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not UTF-8 text. Save it as “CSV UTF-8”.") from None
        rows = list(self._rows(text))
        if not rows:
            raise forms.ValidationError("The file has no rows below its head.")
        if len(rows) > MAX_IMPORT_ROWS:
            raise forms.ValidationError(f"The file has more than {MAX_IMPORT_ROWS:,} rows. Split it.")
        return rows

    @staticmethod
    def _rows(text: str) -> Iterator[dict[str, str]]:
        try:
            reader = csv.DictReader(io.StringIO(text.replace("\x00", "")), strict=True)
            head = [(name or "").strip().lower() for name in reader.fieldnames or []]
            missing = [name for name in ("name", "source", "fallback_url") if name not in head]
            if missing:
                raise forms.ValidationError(f"The file lacks the column {missing[0]}.")
            reader.fieldnames = head
            for row in reader:
                yield {name: (row.get(name) or "").strip() for name in ("slug", *links.FIELDS)}
        except csv.Error as wrong:
            raise forms.ValidationError(f"The file can’t be read as CSV: {wrong}.") from None
