"""Touches: recorded when somebody taps or sees a link, and when servers and networks send them in bulk."""

import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson
from msgspec import Raw

from attribution import geo, links, macros, parameters, payloads, signatures, store
from attribution.devices import MAX_CHARS, Device, read_agent
from attribution.fraud import at_click
from attribution.models import Link
from attribution.parameters import Said
from attribution.payloads import LinkFacts
from attribution.store import TouchRow
from customers.services import Caller
from events.payloads import EMPTY, RawJson, Refusal, Refused, refuse_beyond
from events.store import Inet

# A new or changed link is known this late at the most, in each web process.
CACHE_S = 5.0
CACHE_SIZE = 10_000
DEEP_LINK_CHARS = 500
SUB_NAMES = ("sub1", "sub2", "sub3", "sub4", "sub5")


@dataclass(frozen=True, slots=True)
class Visit:
    """What a tap on a link, or its view, brings along."""

    query: Mapping[str, str]
    user_agent: str = ""
    ip: str = ""
    locale: str = ""
    machine: bool = False
    path: str = ""
    country: str = ""


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


class Recorded(NamedTuple):
    """A touch that was stored, as far as its answer depends on it."""

    touch_id: str
    device: Device
    said: Said
    values: Mapping[str, str]


def record(link: Link, type_: str, visit: Visit, *, now: datetime) -> Recorded:
    """Store a tap or a view of `link` and commit.

    Each call is a touch of its own. A machine's is stored, but neither counted nor credited.
    """
    touch_id = f"tch_{secrets.token_hex(12)}"
    agent = visit.user_agent.replace("\x00", "")[:MAX_CHARS]
    device = read_agent(agent)
    said = parameters.read(visit.query)
    of, params = said.fields.get, said.params
    source, country = of("source") or link.source, visit.country or geo.country_of(visit.ip)
    values = _values(link, said, click_id=touch_id, os=device.os_name, country=country)
    store.store_one(
        TouchRow(
            project_id=link.project_id,
            touch_id=touch_id,
            type=type_,
            link_id=link.pk,
            ts=now,
            received_at=now,
            clamped=False,
            source=source,
            medium=of("medium") or link.medium,
            campaign=of("campaign") or link.name,
            content=of("content") or link.content,
            term=of("term") or link.term,
            campaign_id=of("campaign_id") or link.campaign_id,
            publisher=of("publisher") or link.publisher,
            network_click_id=of("network_click_id", ""),
            device_id=of("device_id", "").lower(),
            advertising_id=of("advertising_id", "").lower(),
            ip=payloads.allowed(Inet.parse(visit.ip), link.project.ip_policy),
            app=of("app", ""),
            os_name=device.os_name[:40],
            os_version=device.os_version[:40],
            device_model=device.model[:100],
            user_agent=agent,
            locale=visit.locale.replace("\x00", "")[:40],
            time_zone="",
            screen="",
            bot=visit.machine or device.bot or not agent,
            ad_set=of("ad_set") or link.ad_set,
            ad=of("ad") or link.ad,
            creative=of("creative") or link.creative,
            params=RawJson(orjson.dumps(params)) if params else EMPTY,
            deep_link=of("deep_link") or macros.fill(link.deep_link, values)[:DEEP_LINK_CHARS],
            country=country,
            user_id=of("user_id", ""),
            email_sha256=of("email_sha256", ""),
            phone_sha256=of("phone_sha256", ""),
            signature=signatures.of_click(link.project_id, source, visit.query, visit.path, now),
            flags=at_click.flags_of(visit.ip),
        )
    )
    return Recorded(touch_id, device, said, values)


def landing(link: Link, recorded: Recorded) -> str:
    """Return where a tap leads, the campaign that the tapped address named going before the link's."""
    said, device = recorded.said.fields, recorded.device
    if said:
        link = copy(link)
        link.name = said.get("campaign", link.name)
        for field in ("source", "medium", "content", "term"):
            setattr(link, field, said.get(field, getattr(link, field)))
    platform: links.Platform = (
        "ios" if device.os_name == "ios" else "android" if device.os_name == "android" else "other"
    )
    return links.destination(link, platform, recorded.touch_id, recorded.values)


def _values(link: Link, said: Said, **more: str) -> dict[str, str]:
    """Return what the macros of a link stand for at one tap."""
    of = said.fields.get
    return {
        "campaign": of("campaign") or link.name,
        "campaign_id": of("campaign_id") or link.campaign_id,
        "source": of("source") or link.source,
        "medium": of("medium") or link.medium,
        "content": of("content") or link.content,
        "term": of("term") or link.term,
        "adset": of("ad_set") or link.ad_set,
        "ad": of("ad") or link.ad,
        "creative": of("creative") or link.creative,
        "publisher": of("publisher") or link.publisher,
        "network_click_id": of("network_click_id", ""),
        **{name: said.params.get(name, "") for name in SUB_NAMES},
        **more,
    }


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
            ad_set=link.ad_set,
            ad=link.ad,
            creative=link.creative,
            deep_link=link.deep_link,
        )
        for link in Link.objects.filter(project=project_id, slug__in=wanted)
    }
