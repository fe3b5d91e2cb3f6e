"""Links: made, changed, put away and brought back; where a tap leads; the QR code on the poster."""

import io
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import segno
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.text import slugify

from attribution.models import Link
from customers.models import Project
from growthplatform.config import config
from growthplatform.core.errors import InvalidField, Problem

Platform = Literal["ios", "android", "other"]
PLAY_HOST = "play.google.com"
APPLE_HOSTS = {"apps.apple.com", "itunes.apple.com"}
PLAY_ADDRESS = "https://play.google.com/store/apps/details?id="
PACKAGE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+")
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,38}[a-z0-9])?")
SLUG_RULE = "lower-case letters, digits, - and _, at most 40, beginning and ending with a letter or digit"
# Without letters and digits that look alike: people type slugs from posters.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
FREE_TRIES = 20
FIELDS = (
    "name",
    "source",
    "medium",
    "content",
    "term",
    "campaign_id",
    "publisher",
    "ios_url",
    "android_url",
    "fallback_url",
)


class SlugTaken(Problem):
    status = 409
    code = "slug_taken"
    message = "slug: another link has this address already; choose a different one."

    def __init__(self) -> None:
        super().__init__(detail=[{"field": "slug", "message": "Another link has this address already."}])


def base_address(request: HttpRequest) -> str:
    """Return the scheme and host that links begin with: BASE_URL where set, else what the asker used.

    So a phone in the same network can tap a link of a copy that nobody has configured.
    """
    if config.base_url:
        return str(settings.BASE_URL)
    return f"{'https' if request.is_secure() else 'http'}://{request.get_host()}"


def address(slug: str, base: str) -> str:
    return f"{base}/c/{slug}"


def check_slug(slug: str) -> str:
    """Return `slug` when it may be an address. Raises InvalidField."""
    if not SLUG.fullmatch(slug):
        raise InvalidField.named("slug", f"Use {SLUG_RULE}.")
    return slug


def check_destination(field: str, text: str) -> str:
    """Return a destination when a browser may be sent there; of a bare Android package its Play address.

    Raises InvalidField for anything but http and https, and for an address of a link: taps would go in circles.
    """
    text = text.strip()
    if field == "android_url" and PACKAGE.fullmatch(text) and not text.startswith("www."):
        return PLAY_ADDRESS + text
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"[\s\x00-\x1f]", text)
        _ = parts.port
    except ValueError:
        valid = False
    if not valid:
        raise InvalidField.named(field, "Give a whole address that begins with https:// or http://.")
    if parts.path.startswith(("/c/", "/i/")) and parts.netloc == urlsplit(settings.BASE_URL).netloc:
        raise InvalidField.named(field, "This is a tracking link itself; give the address where people should land.")
    return text


def suggest_slug(name: str) -> str:
    """Return a slug that is free now: from the campaign's name, else with a random end."""
    stem = slugify(name)[:32].strip("-_")
    for number in range(FREE_TRIES):
        end = "".join(secrets.choice(LETTERS) for _ in range(4 if stem else 7))
        slug = stem if stem and number == 0 else f"{stem}-{end}".strip("-")
        if not Link.objects.filter(slug=slug).exists():
            return slug
    raise SlugTaken


def is_taken(slug: str) -> bool:
    return Link.objects.filter(slug=slug).exists()


def create(project: Project, *, slug: str = "", **fields: str) -> Link:
    """Make a link; without a slug it gets one from its name.

    `fields` are those of FIELDS. Raises SlugTaken, InvalidField.
    """
    cleaned = _cleaned(fields)
    chosen = check_slug(slug) if slug else suggest_slug(cleaned["name"])
    try:
        with transaction.atomic():
            return Link.objects.create(project=project, slug=chosen, **cleaned)
    except IntegrityError:
        raise SlugTaken from None


def change(link: Link, **fields: str) -> Link:
    """Change a link's campaign or destinations; its slug stays, as ads and posters carry it.

    Raises InvalidField.
    """
    cleaned = _cleaned({**{name: getattr(link, name) for name in FIELDS}, **fields})
    for name, value in cleaned.items():
        setattr(link, name, value)
    link.save(update_fields=list(cleaned))
    return link


def archive(link: Link, *, now: datetime) -> Link:
    """Take a link out of the lists. Its address goes on working: the ad is out there. Safe to repeat."""
    Link.objects.filter(pk=link.pk, archived_at=None).update(archived_at=now)
    link.refresh_from_db(fields=["archived_at"])
    return link


def restore(link: Link) -> Link:
    """Bring an archived link back. Safe to repeat."""
    Link.objects.filter(pk=link.pk).update(archived_at=None)
    link.archived_at = None
    return link


def longest(name: str) -> int:
    """Return how many characters a field of a link may have."""
    return int(getattr(Link._meta.get_field(name), "max_length", 0) or 0)  # noqa: SLF001 -- a documented API


def _cleaned(fields: Mapping[str, str]) -> dict[str, str]:
    """Return all fields, trimmed and checked. Raises InvalidField with every field that is wrong."""
    values = {name: str(fields.get(name, "") or "").strip() for name in FIELDS}
    values["source"] = values["source"].lower()
    needed = ("name", "source", "fallback_url")
    wrong = [{"field": name, "message": "This is needed."} for name in needed if not values[name]]
    for name, value in values.items():
        if len(value) > longest(name):
            wrong.append({"field": name, "message": f"At most {longest(name)} characters."})
        elif "\x00" in value:
            wrong.append({"field": name, "message": "A NUL character can't be kept."})
        elif value and name.endswith("_url"):
            try:
                values[name] = check_destination(name, value)
            except InvalidField as refusal:
                wrong += refusal.detail
    if wrong:
        raise InvalidField(" ".join(f"{row['field']}: {row['message']}" for row in wrong), detail=wrong)
    return values


def utm(link: Link) -> dict[str, str]:
    """Return the utm_… parameters of a link's campaign, without empty ones."""
    values = {
        "utm_source": link.source,
        "utm_medium": link.medium,
        "utm_campaign": link.name,
        "utm_content": link.content,
        "utm_term": link.term,
    }
    return {name: value for name, value in values.items() if value}


def destination(link: Link, platform: Platform, click_id: str) -> str:
    """Return where a tap leads on `platform`, carrying `click_id` as far as the place can carry it.

    Google Play hands its `referrer` to the app after the install; the App Store hands over nothing, so its address
    stays as it is; a page gets the click id and the campaign as parameters, never over ones it has.
    """
    if platform == "ios" and link.ios_url:
        in_store = urlsplit(link.ios_url).hostname in APPLE_HOSTS
        return link.ios_url if in_store else _with(link.ios_url, {"click_id": click_id})
    if platform == "android" and link.android_url:
        if urlsplit(link.android_url).hostname == PLAY_HOST:
            return _with_referrer(link.android_url, {"click_id": click_id}, utm(link))
        return _with(link.android_url, {"click_id": click_id})
    return _with(link.fallback_url, {**utm(link), "click_id": click_id})


def _with_referrer(target: str, ours: Mapping[str, str], usual: Mapping[str, str]) -> str:
    """Add to what the address has Play hand over: `ours` in any case, `usual` where it says nothing itself."""
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    own = dict(parse_qsl(query.pop("referrer", ""), keep_blank_values=True))
    referrer = urlencode({**ours, **usual, **own, **ours}, quote_via=quote)
    return urlunsplit(parts._replace(query=urlencode({**query, "referrer": referrer}, quote_via=quote)))


def _with(target: str, extra: Mapping[str, str]) -> str:
    parts = urlsplit(target)
    present = {name for name, _ in parse_qsl(parts.query, keep_blank_values=True)}
    added = urlencode({name: value for name, value in extra.items() if name not in present}, quote_via=quote)
    return urlunsplit(parts._replace(query="&".join(filter(None, [parts.query, added]))))


@dataclass(frozen=True)
class Landing:
    """Where taps from one kind of device land; `own` says that it is a place of its own, not the fallback."""

    label: str
    icon: str
    own: bool
    url: str


def landings(link: Link) -> list[Landing]:
    """Say for each kind of device where a tap lands, with TOUCH_ID for the click id; no place, no row."""
    kinds: list[tuple[Platform, Landing]] = [
        ("ios", Landing("iPhone and iPad", icon="brand-apple", own=bool(link.ios_url), url="")),
        ("android", Landing("Android", icon="brand-android", own=bool(link.android_url), url="")),
        ("other", Landing("Everybody else", icon="world", own=True, url="")),
    ]
    shown = [(kind, one) for kind, one in kinds if link.fallback_url or (one.own and kind != "other")]
    return [replace(one, url=unquote(destination(link, kind, "TOUCH_ID"))) for kind, one in shown]


def qr_svg(text: str) -> bytes:
    """Return a QR code of `text` as an SVG file: medium correction, white ground, the quiet zone scanners want."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=4, scale=8, light="#fff", title="QR code")
    return out.getvalue()
