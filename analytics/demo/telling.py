"""Writes the story through the same doors as real traffic: taps over links, touches of networks, events, refusals."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Raw

from analytics.demo.campaigns import CAMPAIGNS, LANDING, WALL
from analytics.demo.cast import APP
from analytics.demo.story import Sent, Story, Tap
from attribution import services as attribution
from attribution.models import Link
from customers.models import Project
from customers.services import caller_of
from events import services as events
from events.payloads import BATCH_EVENTS

T = TypeVar("T")
Progress = Callable[[str, int, int], None]
STEP = 500
TOUCHES = 2_000


def make_links(project: Project) -> dict[str, Link]:
    """Make the campaigns' links; return them by the campaign's slug."""
    made = {}
    for campaign in (*CAMPAIGNS, WALL):
        fields = {
            "name": campaign.name,
            "source": campaign.source,
            "medium": campaign.medium,
            "content": campaign.content,
            "fallback_url": LANDING,
            "deep_link": campaign.deep_link,
            **({} if campaign.to_site else campaign.stores),
        }
        try:
            made[campaign.slug] = attribution.create_link(project, slug=f"nimbus-{campaign.slug}", **fields)
        except attribution.SlugTaken:  # addresses are shared by all customers
            made[campaign.slug] = attribution.create_link(project, **fields)
    Link.objects.filter(project=project).update(created_at=project.created_at)
    return made


def write(story: Story, project: Project, made: Mapping[str, Link], progress: Progress) -> None:
    """Write everything that happened. Safe to repeat only after a rollback: taps are new ones each time."""
    tell_taps(story, made, progress)
    tell_touches(story, project, made, progress)
    tell_events(story, project, progress)
    tell_broken(story, project)


def tell_taps(story: Story, made: Mapping[str, Link], progress: Progress) -> None:
    """Let the taps over links happen; each gets its touch id."""
    over_links = [tap for tap in story.taps if not tap.campaign.by_server]
    for number, tap in enumerate(over_links):
        tap.touch_id = attribution.record(made[tap.campaign.slug], tap.type, _visit(tap), now=tap.at).touch_id
        if number % STEP == 0:
            progress("Taps", number, len(over_links))


def _visit(tap: Tap) -> attribution.Visit:
    said = {"publisher": tap.publisher, "adset": tap.ad_set, "creative": tap.creative}
    query = {name: value for name, value in said.items() if value}
    return attribution.Visit(query, tap.agent, tap.person.ip, tap.person.place.locale)


def tell_touches(story: Story, project: Project, made: Mapping[str, Link], progress: Progress) -> None:
    """Let the ad networks report their clicks and views, a day at a time."""
    caller = caller_of(project)
    reported = [tap for tap in story.taps if tap.campaign.by_server]
    done = 0
    for batch in _in_parts(reported, lambda tap: tap.at.date(), TOUCHES):
        raws = [Raw(msgspec.json.encode(_touch(tap, made[tap.campaign.slug]))) for tap in batch]
        arrives_at = min(story.now, batch[-1].at + timedelta(seconds=2))
        receipt = attribution.take(caller, raws, received_at=arrives_at)
        assert not receipt.refused, receipt.refused[0]
        done += len(batch)
        progress("Touches", done, len(reported))


def _touch(tap: Tap, link: Link) -> dict[str, Any]:
    person, phone = tap.person, tap.person.phone
    return {
        "type": tap.type,
        "touchId": tap.touch_id,
        "timestamp": tap.at.isoformat(timespec="milliseconds"),
        "link": link.slug,
        "campaign": {"publisher": tap.publisher, "adSet": tap.ad_set, "creative": tap.creative},
        "context": {
            "ip": person.ip,
            "userAgent": tap.agent,
            "locale": person.place.locale,
            "device": {"advertisingId": person.advertising_id, "model": phone.model},
            "os": {"name": phone.os_name, "version": phone.os_version},
            "app": {"namespace": APP},
            "country": person.place.country,
        },
    }


def tell_events(story: Story, project: Project, progress: Progress) -> None:
    """Send all calls: installs to the second, as their decisions show when they arrived, the others in batches."""
    caller = caller_of(project)
    installs = [sent for sent in story.sent if sent.is_install]
    others = [sent for sent in story.sent if not sent.is_install]
    batches = [
        *_in_parts(installs, lambda sent: int(sent.arrives_at.timestamp()), BATCH_EVENTS),
        *_in_parts(others, lambda sent: _slot(sent.arrives_at, story.now), BATCH_EVENTS),
    ]
    done = 0
    for batch in batches:
        calls = [_with_proof(sent) if sent.is_install else sent.call for sent in batch]
        arrives_at = batch[-1].arrives_at + timedelta(milliseconds=1)
        receipt = events.record(project.pk, calls, caller=caller, path="/v1/batch", received_at=arrives_at)
        assert not receipt.refused, receipt.refused[0]
        done += len(batch)
        progress("Events", done, len(story.sent))


def _slot(at: datetime, now: datetime) -> tuple[int, int]:
    """Return which calls are taken as one batch: by the second lately, by the hour and more long ago."""
    age = now - at
    for most, width_s in ((timedelta(minutes=20), 1), (timedelta(days=1), 300), (timedelta(days=7), 3_600)):
        if age < most:
            return width_s, int(at.timestamp() // width_s)
    return 14_400, int(at.timestamp() // 14_400)


def _with_proof(sent: Sent) -> dict[str, Any]:
    """Return an install with what the store or the site told the app of its tap."""
    properties = dict(sent.call["properties"])
    if sent.begun_at:
        properties["install_begin_at"] = sent.begun_at.isoformat(timespec="seconds")
    if sent.tap and sent.way == "referrer":
        properties["install_referrer"] = f"click_id={sent.tap.touch_id}&utm_source={sent.tap.campaign.source}"
        properties["referrer_click_at"] = sent.tap.at.isoformat(timespec="seconds")
    if sent.tap and sent.way == "click_id":
        properties["click_id"] = sent.tap.touch_id
    return sent.call | {"properties": properties}


def tell_broken(story: Story, project: Project) -> None:
    """Send what ingest refuses; it is kept for its owner to repair."""
    caller = caller_of(project)
    for sent in story.broken:
        events.record(project.pk, [sent.call], caller=caller, path="/v1/batch", received_at=sent.arrives_at)


def _in_parts(rows: Iterable[T], key: Callable[[T], object], most: int) -> Iterator[list[T]]:
    """Split rows where `key` changes, and into at most `most` rows."""
    for _, group in groupby(rows, key):
        part = list(group)
        for start in range(0, len(part), most):
            yield part[start : start + most]


def click_id_of(location: str) -> str:
    """Return the click id in the address that a tap leads to, as the page or Google Play hands it on; else ""."""
    query = parse_qs(urlsplit(location).query)
    referrer = parse_qs(query.get("referrer", [""])[0])
    return (query.get("click_id") or referrer.get("click_id") or [""])[0]
