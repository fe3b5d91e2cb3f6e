"""Touches: recorded when somebody taps or sees a link, and when servers and networks send them in bulk."""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from msgspec import Raw

from attribution import links, payloads, store
from attribution.devices import MAX_CHARS, Device, read_agent
from attribution.models import Link, Touch
from attribution.payloads import LinkFacts
from attribution.store import TouchRow
from customers.services import Caller
from events.payloads import Refusal, Refused, refuse_beyond
from events.store import Inet

# A new or changed link is known this late at the most, in each web process.
CACHE_S = 5.0
CACHE_SIZE = 10_000

# What a tap may say of itself, by the names that ad networks use. The first name that has a value counts.
PARAMETERS = {
    "source": ("utm_source",),
    "medium": ("utm_medium",),
    "campaign": ("utm_campaign",),
    "content": ("utm_content",),
    "term": ("utm_term",),
    "campaign_id": ("utm_id", "campaign_id"),
    "publisher": ("publisher", "siteid", "site_id"),
    "network_click_id": ("click_id", "clickid", "gclid", "fbclid", "ttclid"),
    "device_id": ("device_id", "idfv"),
    "advertising_id": ("advertising_id", "idfa", "gaid", "gps_adid"),
    "app": ("app_id", "bundle_id", "package_name"),
}
# Columns of Touch; `campaign` is the name of ours.
LONGEST = {field.name: field.max_length or 0 for field in Touch._meta.fields}  # noqa: SLF001 -- documented API


@dataclass(frozen=True, slots=True)
class Visit:
    """What a tap on a link, or its view, brings along."""

    query: Mapping[str, str]
    user_agent: str = ""
    ip: str = ""
    locale: str = ""
    machine: bool = False


class Receipt(NamedTuple):
    """What became of the touches of one request."""

    stored: int
    repeated: int
    refused: list[Refusal]


_links: dict[str, tuple[float, Link | None]] = {}


def forget_cached() -> None:
    """Drop what this process remembers of links."""
    _links.clear()


def find_link(slug: str) -> Link | None:
    """Return the link with its project, at most 5 s old; None for an unknown one.

    An archived link goes on working: the ad is out there.
    """
    now, slug = time.monotonic(), slug.lower()
    known = _links.get(slug)
    if known and known[0] > now:
        return known[1]
    link = Link.objects.select_related("project").filter(slug=slug).first()
    if len(_links) >= CACHE_SIZE:
        _links.clear()
    _links[slug] = (now + CACHE_S, link)
    return link


def record(link: Link, type_: str, visit: Visit, *, now: datetime) -> tuple[str, Device]:
    """Store a tap or a view of `link` and commit; return its touch id and what the user agent says.

    Each call is a touch of its own. A machine's is stored, but neither counted nor credited.
    """
    touch_id = f"tch_{secrets.token_hex(12)}"
    agent = visit.user_agent.replace("\x00", "")[:MAX_CHARS]
    device = read_agent(agent)
    said = said_by(visit.query)
    store.store_one(
        TouchRow(
            project_id=link.project_id,
            touch_id=touch_id,
            type=type_,
            link_id=link.pk,
            ts=now,
            received_at=now,
            clamped=False,
            source=said.get("source") or link.source,
            medium=said.get("medium") or link.medium,
            campaign=said.get("campaign") or link.name,
            content=said.get("content") or link.content,
            term=said.get("term") or link.term,
            campaign_id=said.get("campaign_id") or link.campaign_id,
            publisher=said.get("publisher") or link.publisher,
            network_click_id=said.get("network_click_id", ""),
            device_id=said.get("device_id", "").lower(),
            advertising_id=said.get("advertising_id", "").lower(),
            ip=payloads.allowed(Inet.parse(visit.ip), link.project.ip_policy),
            app=said.get("app", ""),
            os_name=device.os_name[:40],
            os_version=device.os_version[:40],
            device_model=device.model[:100],
            user_agent=agent,
            locale=visit.locale.replace("\x00", "")[:40],
            time_zone="",
            screen="",
            bot=visit.machine or device.bot or not agent,
        )
    )
    return touch_id, device


def said_by(query: Mapping[str, str]) -> dict[str, str]:
    """Return the fields that the parameters of a tapped address fill, cut to what is kept.

    A macro that the network left unfilled, like {gaid} or __IDFA__, says nothing.
    """
    if not query:
        return {}
    said = {}
    for field, names in PARAMETERS.items():
        for name in names:
            value = query.get(name, "").replace("\x00", "").strip()[: LONGEST[field]]
            if value and not (value[0] in "{[$%" or (value.startswith("__") and value.endswith("__"))):
                said[field] = value
                break
    return said


def landing(link: Link, device: Device, touch_id: str, query: Mapping[str, str]) -> str:
    """Return where a tap leads, the campaign that the tapped address named going before the link's."""
    said = said_by(query)
    if said:
        link = copy(link)
        link.name = said.get("campaign", link.name)
        for field in ("source", "medium", "content", "term"):
            setattr(link, field, said.get(field, getattr(link, field)))
    platform: links.Platform = (
        "ios" if device.os_name == "ios" else "android" if device.os_name == "android" else "other"
    )
    return links.destination(link, platform, touch_id)


def take(caller: Caller, batch: Sequence[Raw], *, received_at: datetime) -> Receipt:
    """Store a batch of touches and commit: the good ones once each, the others are refused one by one.

    Safe to repeat: a touch id that is there already is counted as repeated and left as it is.
    """
    read: list[tuple[int, Raw, payloads.TouchIn]] = []
    refused = list(refuse_beyond(batch, payloads.BATCH_TOUCHES, code="too_many_touches", things="touches"))
    for index, raw in enumerate(batch[: payloads.BATCH_TOUCHES]):
        try:
            read.append((index, raw, payloads.read_touch(raw)))
        except Refused as why:
            refused.append(payloads.refusal(index, why, raw))
    known = _links_of(caller.project_id, (touch.link for _, _, touch in read))
    rows: dict[str, TouchRow] = {}
    good = 0
    for index, raw, touch in read:
        try:
            row = _row(caller, touch, known, received_at)
            rows.setdefault(row.touch_id, row)
            good += 1
        except Refused as why:
            refused.append(payloads.refusal(index, why, raw))
    stored = store.store_many(caller.project_id, list(rows.values()))
    return Receipt(stored, good - stored, sorted(refused))


def _row(caller: Caller, touch: payloads.TouchIn, known: Mapping[str, LinkFacts], received_at: datetime) -> TouchRow:
    link = None
    if touch.link:
        link = known.get(touch.link)
        if link is None:
            raise Refused("unknown_link", f"link: this project has no link “{touch.link[:40]}”.", "link")
    row = payloads.check(touch, link, project_id=caller.project_id, ip_policy=caller.ip_policy, received_at=received_at)
    if caller.retention_days and (received_at - row.ts).days > caller.retention_days:
        raise Refused(
            "too_old", f"timestamp: older than the {caller.retention_days} days this project keeps.", "timestamp"
        )
    return row


def _links_of(project_id: int, slugs: Iterable[str | None]) -> dict[str, LinkFacts]:
    """Return the named links of a project, archived ones too: a network reports late."""
    wanted = {slug for slug in slugs if slug and "\x00" not in slug}
    if not wanted:
        return {}
    return {
        link.slug: LinkFacts(
            id=link.pk,
            source=link.source,
            medium=link.medium,
            campaign=link.name,
            content=link.content,
            term=link.term,
            campaign_id=link.campaign_id,
            publisher=link.publisher,
        )
        for link in Link.objects.filter(project=project_id, slug__in=wanted)
    }
