"""Links as Branch's clients make them: their words on a link of ours, kept whole so that they get them back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction

from attribution import links
from attribution.models import Link
from customers.models import Project
from growthplatform.core.errors import InvalidField, NotFound, Problem

MISSING, TYPE, OPTION, FORM = "missing required field", "wrong field type", "not a valid option", "doesn't pass regex"
TEXTS = {"channel": 128, "feature": 128, "campaign": 128, "stage": 128, "identity": 127, "alias": 128}
NUMBERS = ("type", "duration")
CHANGEABLE = ("channel", "feature", "campaign", "stage", "tags", "data")
# Branch's members of `data` that lead somewhere, by what they are on a link of ours; the first that is there counts.
PLACES = {
    "ios_url": ("$ios_url",),
    "android_url": ("$android_url",),
    "fallback_url": ("$fallback_url", "$desktop_url", "$canonical_url"),
    "deep_link": ("$deeplink_path", "$ios_deeplink_path", "$android_deeplink_path"),
}
# Our fields, by Branch's word for what is wrong with them.
WORDS = {"source": "channel", "medium": "feature", "name": "campaign", "content": "stage", "term": "tags"}


class AliasTaken(Problem):
    status = 409
    code = "alias_taken"

    def __init__(self, alias: str) -> None:
        super().__init__(f"Link alias conflict: {alias}")


def read(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a client says of a link, `data` as an object. Raises InvalidField in Branch's words."""
    said: dict[str, Any] = {"data": _data(sent.get("data"))}
    for name, longest in TEXTS.items():
        value = sent.get(name)
        if value is None or value == "":
            continue
        if not isinstance(value, str | int) or isinstance(value, bool):
            raise InvalidField.named(name, TYPE)
        if len(str(value)) > longest:
            raise InvalidField.named(name, f"longer than {longest} characters")
        said[name] = str(value)
    if sent.get("tags") not in (None, "", []):
        tags = sent["tags"] if isinstance(sent["tags"], list) else [sent["tags"]]
        if not all(isinstance(tag, str | int) for tag in tags):
            raise InvalidField.named("tags", TYPE)
        said["tags"] = [str(tag) for tag in tags]
    for name in NUMBERS:
        if sent.get(name) not in (None, ""):
            said[name] = _number(name, sent[name])
    if said.get("type", 0) not in {0, 1, 2}:
        raise InvalidField.named("type", OPTION)
    return said


def _data(value: object) -> dict[str, Any]:
    """Return the members that travel with a link; clients of long ago send them as text."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InvalidField.named("data", TYPE) from None
    if not isinstance(value, dict):
        raise InvalidField.named("data", TYPE)
    if "\\u0000" in json.dumps(value):
        raise InvalidField.named("data", "holds a NUL character")
    return value


def _number(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or not str(value).isascii():
        raise InvalidField.named(name, TYPE)
    if not str(value).isdigit() or len(str(value)) > 9:
        raise InvalidField.named(name, TYPE)
    return int(value)


def create(project: Project, said: Mapping[str, Any]) -> Link:
    """Make a link; one with the same alias and the same words is returned as it is.

    `said` is what `read` returns. Raises AliasTaken for an alias with other words, and InvalidField.
    """
    [made] = create_many(project, [said])
    if isinstance(made, Problem):
        raise made
    return made


def create_many(project: Project, wanted: Sequence[Mapping[str, Any]]) -> list[Link | Problem]:
    """Make links, each by itself; return for each the link, or why there is none."""
    usual = _usual_places(project)
    results: list[Link | Problem | None] = [_former(project, said) for said in wanted]
    places = [place for place, found in enumerate(results) if found is None]
    with transaction.atomic():
        made = links.create_many(project, [_fields(wanted[place], usual) for place in places])
        new = []
        for place, link in zip(places, made, strict=True):
            results[place] = _in_their_words(link, wanted[place])
            if isinstance(link, Link):
                link.vendor_data = dict(wanted[place])
                new.append(link)
        Link.objects.bulk_update(new, ["vendor_data"])
    return [one for one in results if one is not None]


def _former(project: Project, said: Mapping[str, Any]) -> Link | Problem | None:
    """Return the link that has the alias already and was made alike, or why the alias can't be taken."""
    alias = said.get("alias", "")
    if not alias:
        return None
    if not links.SLUG.fullmatch(alias.lower()) or alias.lower() in links.RESERVED:
        return InvalidField.named("alias", FORM)
    taken = Link.objects.select_related("project").filter(slug=alias.lower()).first()
    if taken is None:
        return None
    return taken if taken.project_id == project.pk and taken.vendor_data == said else AliasTaken(alias)


def _usual_places(project: Project) -> dict[str, str]:
    """Return where links lead that say nothing of it: where the project's newest link does, else its site."""
    newest = project.links.order_by("-created_at", "-pk").first()
    if newest:
        return {name: getattr(newest, name) for name in ("ios_url", "android_url", "fallback_url")}
    play = f"{links.PLAY_ADDRESS}{project.package_name}" if project.package_name else ""
    return {"android_url": play, "fallback_url": f"https://{project.domain}" if project.domain else play}


def _fields(said: Mapping[str, Any], usual: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a link of ours that Branch's words mean."""
    data = said["data"]
    titles = (said.get("campaign"), data.get("$marketing_title"), data.get("$og_title"), said.get("alias"))
    fields = {
        "slug": said.get("alias", "").lower(),
        "name": next((str(one) for one in titles if one), "Branch link")[: links.longest("name")],
        "source": said.get("channel", "branch"),
        "medium": said.get("feature", ""),
        "content": said.get("stage", ""),
        "term": ", ".join(said.get("tags", [])),
    }
    for name, theirs in PLACES.items():
        fields[name] = next((str(data[one]).strip() for one in theirs if data.get(one)), usual.get(name, ""))
    if fields["deep_link"] and "://" not in fields["deep_link"]:
        fields["deep_link"] = f"/{fields['deep_link'].lstrip('/')}"
    return fields


def _in_their_words(made: Link | Problem, said: Mapping[str, Any]) -> Link | Problem:
    if isinstance(made, links.SlugTaken):
        return AliasTaken(said.get("alias", ""))
    if not isinstance(made, InvalidField):
        return made
    first = made.detail[0]
    field, words = first["field"], first["message"]
    if field in PLACES:
        given = next((one for one in PLACES[field] if said["data"].get(one)), PLACES[field][0])
        return InvalidField.named(f"data.{given}", MISSING if words == "This is needed." else words)
    return InvalidField.named(WORDS.get(field, field), words)


def find(project: Project, url: str) -> Link:
    """Return the link of the project that an address leads to. Raises InvalidField, NotFound."""
    if not url:
        raise InvalidField.named("url", MISSING)
    try:
        slug = urlsplit(url).path.rstrip("/").rpartition("/")[2].lower()
    except ValueError:
        raise InvalidField.named("url", FORM) from None
    link = Link.objects.select_related("project", "domain").filter(project=project, slug=slug[:40]).first()
    if link is None:
        raise NotFound("Resource not found")
    return link


def change(link: Link, sent: Mapping[str, Any]) -> Link:
    """Change a link's words and places; members of `data` are added to those it has.

    Raises InvalidField in Branch's words, also for what can't change: alias, type, identity.
    """
    former, said = said_of(link), read({name: value for name, value in sent.items() if name != "url"})
    for name in ("alias", "type", "identity"):
        if name in said and said[name] != former.get(name):
            raise InvalidField.named(name, "can't be changed")
    merged = {**former, **{name: said[name] for name in CHANGEABLE if name in said}}
    merged["data"] = {**former["data"], **said["data"]}
    fields = _fields(merged, {name: getattr(link, name) for name in ("ios_url", "android_url", "fallback_url")})
    del fields["slug"]
    try:
        links.change(link, **fields)
    except InvalidField as wrong:
        problem = _in_their_words(wrong, merged)
        raise problem if isinstance(problem, Problem) else wrong from None
    link.vendor_data = merged
    link.save(update_fields=["vendor_data"])
    return link


def said_of(link: Link) -> dict[str, Any]:
    """Return a link in Branch's words: as its client said it, else as its fields would be said."""
    if link.vendor_data:
        return dict(link.vendor_data)
    words = {"channel": link.source, "campaign": link.name, "feature": link.medium, "stage": link.content}
    data = {theirs[0]: value for name, theirs in PLACES.items() if (value := getattr(link, name))}
    return {**{name: value for name, value in words.items() if value}, "data": data}


def address(link: Link, base: str) -> str:
    """Return the address of a link, its alias written as its maker wrote it."""
    whole, alias = links.address(link, base), (link.vendor_data or {}).get("alias", "")
    return whole[: -len(link.slug)] + alias if alias else whole


def shape_of(link: Link, base: str) -> dict[str, Any]:
    """Return a link as Branch shows it."""
    said, url = said_of(link), address(link, base)
    told = {"type": 0, **said, "alias": said.get("alias", link.slug)}
    return {**told, "data": {**said["data"], "~id": str(link.pk), "url": url}}
