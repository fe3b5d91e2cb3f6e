"""Forms of the link pages. What a link may be is decided in links.py; the forms say it beside the fields."""

import csv
import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from attribution import domains, links
from attribution.models import Domain, Link
from customers.models import Project
from growthplatform.core.errors import InvalidField

MAX_IMPORT_BYTES = 1_000_000
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
    ad_set = forms.CharField(label="Ad set", required=False, max_length=100, help_text="The group of ads.")
    ad = forms.CharField(label="Ad", required=False, max_length=100)
    creative = forms.CharField(
        label="Creative", required=False, max_length=100, help_text="The picture, video or text shown."
    )
    deep_link = forms.CharField(
        label="Place inside the app",
        required=False,
        max_length=500,
        help_text="Told to the app after its first open: a path like /sale, or myapp://sale.",
    )
    domain = forms.ChoiceField(
        label="Stands on", required=False, help_text="Your own domain, or the installation’s address."
    )
    expires_at = forms.CharField(
        label="Ends at",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Taps from then on are not counted.",
    )
    expired_url = forms.CharField(
        label="Afterwards people land on",
        required=False,
        max_length=500,
        help_text="Left empty, they read that the link has ended.",
    )

    placeholders = {
        "name": "Winter sale",
        "source": "tiktok",
        "slug": "winter",
        "ios_url": "https://apps.apple.com/app/id1640000000",
        "android_url": "com.example.app",
        "fallback_url": "https://example.com",
        "deep_link": "/sale",
    }

    def __init__(self, data: Any = None, *, project: Project, link: Link | None = None, **kwargs: Any) -> None:
        self.project, self.link = project, link
        self.hosts = {domain.host: domain for domain in project.domains.exclude(verified_at=None).order_by("host")}
        if link and "initial" not in kwargs:
            kwargs["initial"] = {"slug": link.slug, **{name: links.text_of(link, name) for name in links.FIELDS}}
            if link.expires_at:
                kwargs["initial"]["expires_at"] = timezone.localtime(link.expires_at).strftime("%Y-%m-%dT%H:%M")
        super().__init__(data, **kwargs)
        usual = urlsplit(settings.BASE_URL).netloc
        domain_field = self.fields["domain"]
        domain_field.choices = [("", usual), *((host, host) for host in self.hosts)]  # type: ignore[attr-defined]
        domain_field.widget.attrs["class"] = "form-select"
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

    def clean_expired_url(self) -> str:
        return self._clean_destination("expired_url")

    def clean_deep_link(self) -> str:
        text = str(self.cleaned_data["deep_link"])
        try:
            return links.check_deep_link(text) if text else ""
        except InvalidField as refusal:
            raise forms.ValidationError(refusal.detail[0]["message"]) from None

    def clean_expires_at(self) -> str:
        text = str(self.cleaned_data["expires_at"]).strip()
        try:
            links.read_time(text, self.project)
        except InvalidField as refusal:
            raise forms.ValidationError(refusal.detail[0]["message"]) from None
        return text

    def draft(self) -> Link:
        """Return the link as far as the form is right, not stored: for the preview."""
        given = {name: self._value_of(name) for name in links.TEXTS}
        slug = self.link.slug if self.link else self._value_of("slug")
        return Link(slug=slug, domain=self.hosts.get(self._value_of("domain")), **given)

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

    def app_fields(self) -> list[forms.BoundField]:
        shown = ("deep_link", "domain", "expires_at", "expired_url")
        return [self[name] for name in shown if name != "domain" or self.hosts]

    def has_app_fields(self) -> bool:
        return any(field.value() or field.errors for field in self.app_fields())

    def detail_fields(self) -> list[forms.BoundField]:
        shown = ("medium", "content", "term", "campaign_id", "ad_set", "ad", "creative", "publisher")
        return [self[name] for name in shown]

    def has_details(self) -> bool:
        """Say whether the folded part has to stand open: something is in it, or wrong."""
        return any(field.value() or field.errors for field in self.detail_fields())

    def keep_errors_of(self, fields: set[str]) -> None:
        """Forget what is wrong with fields that nobody has come to yet."""
        for name in [name for name in self.errors if name not in fields]:
            del self.errors[name]


class HostForm(forms.Form):
    """Claim a host."""

    host = forms.CharField(
        label="Host",
        max_length=253,
        help_text="A name of its own below your domain, such as go.example.com.",
        widget=forms.TextInput(attrs={"placeholder": "go.example.com", "autocomplete": "off", "spellcheck": "false"}),
    )


class AppsForm(forms.Form):
    """Which apps open the addresses of a host; domains.py says what is right."""

    ios_app_ids = forms.CharField(
        label="Apps of iPhone and iPad",
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "ABCDE12345.com.example.app", "spellcheck": "false"}),
        help_text="Team id, a dot, bundle id. One a line.",
    )
    android_package = forms.CharField(
        label="Android package",
        required=False,
        max_length=155,
        widget=forms.TextInput(attrs={"placeholder": "com.example.app", "spellcheck": "false"}),
    )
    android_fingerprints = forms.CharField(
        label="SHA-256 of the signing key",
        required=False,
        max_length=2_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "14:6D:E9:83:C5:73:06:50:…", "spellcheck": "false"}),
        help_text="From the Play Console, under App signing: Google’s key, and yours if you sign too. One a line.",
    )

    def __init__(self, data: Any = None, *, domain: Domain) -> None:
        self.domain = domain
        initial = {
            "ios_app_ids": "\n".join(domain.ios_app_ids),
            "android_package": domain.android_package,
            "android_fingerprints": "\n".join(domain.android_fingerprints),
        }
        super().__init__(data, initial=initial, prefix=f"domain-{domain.pk}")

    def save(self) -> bool:
        """Keep what was said when all of it is right; say whether it was."""
        if not self.is_valid():
            return False
        given = self.cleaned_data
        try:
            domains.set_apps(
                self.domain,
                ios_app_ids=given["ios_app_ids"].split(),
                android_package=given["android_package"],
                android_fingerprints=given["android_fingerprints"].split(),
            )
        except InvalidField as refusal:
            for row in refusal.detail:
                self.add_error(row["field"], row["message"])
            return False
        return True


class ImportForm(forms.Form):
    """A CSV of links: one row each, columns by the names of the fields."""

    file = forms.FileField(label="CSV file", help_text="The columns name, source and fallback_url are needed. UTF-8.")

    text = ""

    def clean_file(self) -> list[dict[str, str]]:
        """Return the rows of the file, by column."""
        sent: UploadedFile[Any] = self.cleaned_data["file"]
        if (sent.size or 0) > MAX_IMPORT_BYTES:
            raise forms.ValidationError("The file is larger than 1 MB. Split it.")
        try:
            self.text = text = sent.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise forms.ValidationError("The file is not UTF-8 text. Save it as “CSV UTF-8”.") from None
        rows = list(self._rows(text))
        if not rows:
            raise forms.ValidationError("The file has no rows below its head.")
        if len(rows) > links.MAX_MANY:
            raise forms.ValidationError(f"The file has more than {links.MAX_MANY:,} rows. Split it.")
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
