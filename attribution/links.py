"""Links: made, changed, put away and brought back; where a tap leads; the QR code on the poster."""

import io
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import segno
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.text import slugify

from attribution import domains, macros, parameters
from attribution.models import Domain, Link
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
RESERVED = frozenset({"bulk"})
# Without letters and digits that look alike: people type slugs from posters.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
FREE_TRIES = 20
TEXTS = (
    "name",
    "source",
    "medium",
    "content",
    "term",
    "campaign_id",
    "publisher",
    "ad_set",
    "ad",
    "creative",
    "ios_url",
    "android_url",
    "fallback_url",
    "deep_link",
    "expired_url",
)
# All that a form, a file or the API says of a link, as text: the last two are a time and the host of a domain.
FIELDS = (*TEXTS, "expires_at", "domain")
WITH_MACROS = ("ios_url", "android_url", "fallback_url", "expired_url", "deep_link")
MAX_MANY = 2_000
WHOLE_ADDRESS = "Give a whole address that begins with https:// or http://."


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


def address(link: Link, base: str) -> str:
    """Return the address of a link: on its own domain where it has one that is verified, else below `base`."""
    if link.domain and link.domain.verified_at:
        return f"{base.partition('://')[0]}://{link.domain.host}/{link.slug}"
    return f"{base}/c/{link.slug}"


def view_address(link: Link, base: str) -> str:
    """Return the address of the invisible picture that counts a view."""
    host = link.domain.host if link.domain and link.domain.verified_at else ""
    return f"{base.partition('://')[0]}://{host}/i/{link.slug}" if host else f"{base}/i/{link.slug}"


def check_slug(slug: str) -> str:
    """Return `slug` when it may be an address. Raises InvalidField."""
    if not SLUG.fullmatch(slug):
        raise InvalidField.named("slug", f"Use {SLUG_RULE}.")
    if slug in RESERVED:
        raise InvalidField.named("slug", "This word is an address of the API. Choose a different one.")
    return slug


def check_destination(field: str, text: str) -> str:
    """Return a destination when a browser may be sent there; of a bare Android package its Play address.

    Raises InvalidField for anything but http and https, for a macro in the host, as then a tap could be led anywhere,
    and for an address of a link: taps would go in circles.
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
        raise InvalidField.named(field, WHOLE_ADDRESS)
    if "{" in parts.netloc:
        raise InvalidField.named(field, "A macro can’t stand in the host, as taps could be led anywhere by it.")
    ours = parts.path.startswith(("/c/", "/i/")) and parts.netloc == urlsplit(settings.BASE_URL).netloc
    if ours or domains.find(parts.netloc):
        raise InvalidField.named(field, "This is a tracking link itself; give the address where people should land.")
    return text


def check_deep_link(text: str) -> str:
    """Return a place inside the app when an app may be asked to open it. Raises InvalidField."""
    text = text.strip()
    if not parameters.is_safe_deep_link(text) or re.search(r"[\s\x00-\x1f]", text):
        raise InvalidField.named("deep_link", "Give a path like /sale, or an address like myapp://sale.")
    return text


def _slugs_for(names: Sequence[str], unfree: set[str]) -> list[str]:
    """Return a slug for each name that nobody has, nor `unfree` holds: of the name itself, else with a random end."""
    stems = [slugify(name)[:32].strip("-_") for name in names]
    found: list[str] = [""] * len(names)
    for turn in range(FREE_TRIES):
        tried = {place: _try(stems[place], turn) for place, slug in enumerate(found) if not slug}
        unfree = unfree | set(Link.objects.filter(slug__in=tried.values()).values_list("slug", flat=True))
        for place, slug in tried.items():
            if slug not in unfree:
                found[place] = slug
                unfree.add(slug)
        if all(found):
            return found
    raise SlugTaken


def _try(stem: str, turn: int) -> str:
    end = "".join(secrets.choice(LETTERS) for _ in range(4 if stem else 7))
    return stem if stem and turn == 0 else f"{stem}-{end}".strip("-")


def is_taken(slug: str) -> bool:
    return Link.objects.filter(slug=slug).exists()


def create(project: Project, *, slug: str = "", **fields: str) -> Link:
    """Make a link; without a slug it gets one from its name.

    `fields` are those of FIELDS, as text. Raises SlugTaken, InvalidField.
    """
    [made] = create_many(project, [{"slug": slug, **fields}])
    if isinstance(made, Problem):
        raise made
    return made


def create_many(
    project: Project, rows: Sequence[Mapping[str, str]], *, store: bool = True, together: bool = False
) -> list[Link | Problem]:
    """Make links of rows of FIELDS and slug; return for each the link, or why there is none.

    With `together` none is made unless all are right. Without `store` nothing is made, only checked.
    """
    made: list[Link | Problem] = []
    for _ in range(FREE_TRIES):
        made = _drafts(project, rows)
        good = [one for one in made if isinstance(one, Link)]
        if not store or not good or (together and len(good) < len(made)):
            return made
        try:
            with transaction.atomic():
                Link.objects.bulk_create(good)
        except IntegrityError:  # somebody took one of the slugs meanwhile: look again which
            continue
        return made
    raise SlugTaken


def _drafts(project: Project, rows: Sequence[Mapping[str, str]]) -> list[Link | Problem]:
    """Return links, not stored, with free slugs, or what is wrong with their rows."""
    hosts = _hosts_of(project)
    wanted = [str(row.get("slug") or "").strip() for row in rows]
    asked = Link.objects.filter(slug__in=[slug for slug in wanted if SLUG.fullmatch(slug)])
    unfree = {*RESERVED, *asked.values_list("slug", flat=True)}
    drafts: list[Link | Problem] = []
    for slug, row in zip(wanted, rows, strict=True):
        try:
            cleaned, wrong = _cleaned(project, row, hosts)
            if wrong := [*_wrong_slug(slug), *wrong]:
                raise _refusal(wrong)
            if slug in unfree:
                raise SlugTaken
        except Problem as problem:
            drafts.append(problem)
            continue
        drafts.append(Link(project=project, slug=slug, **cleaned))
        unfree |= {slug} - {""}
    nameless = [draft for draft in drafts if isinstance(draft, Link) and not draft.slug]
    for draft, slug in zip(nameless, _slugs_for([draft.name for draft in nameless], unfree), strict=True):
        draft.slug = slug
    return drafts


def _wrong_slug(slug: str) -> list[dict[str, str]]:
    try:
        _ = check_slug(slug) if slug else ""
    except InvalidField as refusal:
        return list(refusal.detail)
    return []


def change(link: Link, **fields: str) -> Link:
    """Change a link's campaign or destinations; its slug stays, as ads and posters carry it.

    Raises InvalidField.
    """
    present = {name: text_of(link, name) for name in FIELDS}
    cleaned, wrong = _cleaned(link.project, {**present, **fields}, _hosts_of(link.project))
    if wrong:
        raise _refusal(wrong)
    for name, value in cleaned.items():
        setattr(link, name, value)
    link.save(update_fields=list(cleaned))
    return link


def text_of(link: Link, name: str) -> str:
    """Return a field of FIELDS as forms, files and the API write it."""
    if name == "expires_at":
        return link.expires_at.isoformat() if link.expires_at else ""
    if name == "domain":
        return link.domain.host if link.domain else ""
    return str(getattr(link, name))


def warnings(link: Link) -> list[dict[str, str]]:
    """Name each field with a macro that will be left as it is."""
    return [
        {"field": name, "message": sentence}
        for name in WITH_MACROS
        for sentence in macros.problems(getattr(link, name))
    ]


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


def _hosts_of(project: Project) -> dict[str, Domain]:
    return {domain.host: domain for domain in project.domains.exclude(verified_at=None)}


def _cleaned(
    project: Project, fields: Mapping[str, str], hosts: Mapping[str, Domain]
) -> tuple[dict[str, Any], list[dict[str, str]]]:
    """Return all fields, trimmed and checked, and what is wrong with any."""
    values: dict[str, Any] = {name: str(fields.get(name, "") or "").strip() for name in FIELDS}
    values["source"] = values["source"].lower()
    needed = ("name", "source", "fallback_url")
    wrong = [{"field": name, "message": "This is needed."} for name in needed if not values[name]]
    for name in TEXTS:
        value = values[name]
        if len(value) > longest(name):
            wrong.append({"field": name, "message": f"At most {longest(name)} characters."})
        elif "\x00" in value:
            wrong.append({"field": name, "message": "A NUL character can't be kept."})
        elif value and (name.endswith("_url") or name == "deep_link"):
            try:
                values[name] = check_deep_link(value) if name == "deep_link" else check_destination(name, value)
            except InvalidField as refusal:
                wrong += refusal.detail
    try:
        values["expires_at"] = read_time(values["expires_at"], project)
    except InvalidField as refusal:
        wrong += refusal.detail
    host = values["domain"].lower()
    values["domain"] = hosts.get(host)
    if host and not values["domain"]:
        wrong.append({"field": "domain", "message": f"This project has no verified domain “{host[:60]}”."})
    return values, wrong


def _refusal(wrong: list[dict[str, str]]) -> InvalidField:
    return InvalidField(" ".join(f"{row['field']}: {row['message']}" for row in wrong), detail=wrong)


def read_time(text: str, project: Project) -> datetime | None:
    """Return the moment that a text in ISO 8601 names, in the project's zone where it names none.

    Raises InvalidField.
    """
    if not text:
        return None
    try:
        moment = parse_datetime(text if len(text) > 10 else f"{text}T00:00")
    except ValueError:
        moment = None
    if moment is None or not 2000 <= moment.year < 2200:
        raise InvalidField.named("expires_at", "Give a time like 2026-12-31T23:59.")
    return (moment if moment.tzinfo else moment.replace(tzinfo=project.tz)).astimezone(UTC)


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


def has_ended(link: Link, *, now: datetime) -> bool:
    return link.expires_at is not None and link.expires_at <= now


def destination(link: Link, platform: Platform, click_id: str, values: Mapping[str, str] | None = None) -> str:
    """Return where a tap leads on `platform`, carrying `click_id` as far as the place can carry it.

    Google Play hands its `referrer` to the app after the install; the App Store hands over nothing, so its address
    stays as it is; a page gets the click id and the campaign as parameters, never over ones it has. Macros are filled
    from `values`, or left where there are none.
    """
    if platform == "ios" and link.ios_url:
        target = _filled(link.ios_url, values)
        in_store = urlsplit(target).hostname in APPLE_HOSTS
        return target if in_store else _with(target, {"click_id": click_id})
    if platform == "android" and link.android_url:
        target = _filled(link.android_url, values)
        if urlsplit(target).hostname == PLAY_HOST:
            return _with_referrer(target, {"click_id": click_id}, utm(link))
        return _with(target, {"click_id": click_id})
    return _with(_filled(link.fallback_url, values), {**utm(link), "click_id": click_id})


def _filled(template: str, values: Mapping[str, str] | None) -> str:
    return template if values is None else macros.fill(template, values)


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


def last_place(link: Link) -> str:
    """Return where people are sent who come after a link's end, "" where that is nowhere."""
    return macros.fill(link.expired_url, {"campaign": link.name, "source": link.source})


def plain_place(link: Link) -> str:
    """Return where everybody else lands, without a word of the campaign."""
    return macros.fill(link.fallback_url, {})


def qr_svg(text: str) -> bytes:
    """Return a QR code of `text` as an SVG file: medium correction, white ground, the quiet zone scanners want."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="svg", border=4, scale=8, light="#fff", title="QR code")
    return out.getvalue()
