"""What the product is told of a world: the rows that its own writers store, and the facts its rules are given."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from attribution.facts import InstallFacts, TouchFacts
from bench.truth import people as p
from bench.truth.people import Ints
from bench.truth.world import (
    CLICK,
    NO_ID,
    ORGANIC,
    OTHER,
    OURS,
    SIGNATURES,
    SOURCES,
    START,
    World,
)

ZEROS = "00000000-0000-0000-0000-000000000000"
APP = "com.example.app"


def moment(seconds: float) -> datetime:
    """Return a moment of the world as a time, to the millisecond as senders write it."""
    return datetime.fromtimestamp(round(START + seconds, 3), UTC)


def model_name(model: int) -> str:
    """Return a model as phones name themselves, in lower case."""
    if model >= p.ANDROID_MODELS:
        return f"iphone{10 + (model - p.ANDROID_MODELS) // 3},{1 + (model - p.ANDROID_MODELS) % 3}"
    return f"sm-a{model:03d}b"


def version_name(version: int) -> str:
    return str(version) if version < 100 else p.IOS_VERSIONS[version - 100]


def id_name(number: int) -> str:
    """Return an advertising id as text."""
    if number < 0:
        return "" if number == NO_ID else ZEROS
    digits = f"{(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def touch_fields(world: World, one: int) -> dict[str, Any]:
    """Return what is stored of a touch, by column."""
    touches = world.touches
    model, version = int(touches.model[one]), int(touches.version[one])
    name = "" if model < 0 else "iphone" if touches.family[one] else model_name(model)
    source = int(touches.source[one])
    contact = int(touches.contact[one])
    return {
        "touch_id": f"t{one}",
        "type": "click" if touches.kind[one] == CLICK else "impression",
        "ts": moment(touches.ts[one]),
        "source": SOURCES[source],
        "publisher": f"{SOURCES[source]}-p{touches.publisher[one]}",
        "campaign": f"{SOURCES[source]} {touches.campaign[one]}",
        "advertising_id": id_name(int(touches.advertising[one])),
        "ip": p.written(int(touches.address[one])),
        "os_name": p.SYSTEMS[touches.system[one]],
        "os_version": "" if version < 0 else version_name(version),
        "device_model": name,
        "bot": bool(touches.bot[one]),
        "locale": "" if touches.locale[one] < 0 else p.LOCALES[touches.locale[one]],
        "screen": "" if touches.screen[one] < 0 else p.SCREENS[touches.screen[one]],
        "country": p.COUNTRIES[touches.country[one]][0],
        "email_sha256": "" if contact < 0 else f"{contact + 1:064x}",
        "signature": SIGNATURES[touches.signature[one]],
    }


def install_fields(world: World, one: int) -> dict[str, Any]:
    """Return what is stored of an install, by column."""
    installs = world.installs
    consent, says = int(installs.consent[one]), int(installs.referrer[one])
    touch, click = int(installs.referrer_touch[one]), int(installs.click_id[one])
    contact = int(installs.contact[one])
    country = p.COUNTRIES[installs.country[one]]
    referrer = {
        OURS: f"click_id=t{touch}&utm_source=ad",
        ORGANIC: "utm_source=google-play&utm_medium=organic",
        OTHER: f"utm_source={SOURCES[int(installs.referrer_source[one])]}&utm_campaign=x",
    }.get(says, "")
    begin = float(installs.begin[one])
    return {
        "installed_at": moment(installs.ts[one]),
        "click_id": f"t{click}" if click >= 0 else "",
        "referrer_click_id": f"t{touch}" if says == OURS else "",
        "install_referrer": referrer,
        "install_begin_at": None if np.isnan(begin) else moment(float(int(begin))),
        "device_id": f"d{installs.device[one]}",
        "advertising_id": id_name(int(installs.advertising[one])),
        "ip": p.written(int(installs.address[one])),
        "os_name": p.SYSTEMS[installs.system[one]],
        "os_version": version_name(int(installs.version[one])),
        "device_model": model_name(int(installs.model[one])),
        "ad_tracking": None if consent < 0 else bool(consent),
        "locale": p.LOCALES[installs.locale[one]],
        "time_zone": country[4],
        "screen": p.SCREENS[installs.screen[one]],
        "country": country[0],
        "email_sha256": "" if contact < 0 else f"{contact + 1:064x}",
        "emulator": bool(installs.emulator[one]),
        "signature": SIGNATURES[installs.signature[one]],
    }


def touch_facts(world: World, one: int) -> TouchFacts:
    return TouchFacts(id=one, **touch_fields(world, one))


def install_facts(world: World, one: int) -> InstallFacts:
    return InstallFacts(**install_fields(world, one))


def twice(rng: np.random.Generator, number: int, share: float) -> Ints:
    """Choose those that are delivered a second time."""
    chosen: Ints = np.flatnonzero(rng.random(number) < share)
    return chosen


def slices(received: np.ndarray[Any, Any], width_s: float, until_s: float) -> Iterator[tuple[float, Ints]]:
    """Cut rows into stretches of arrival; yield the end of each and the rows in it."""
    order = np.argsort(received, kind="stable")
    edges = np.arange(float(received.min()) + width_s, until_s + width_s, width_s)
    begin = 0
    for edge, end in zip(edges, np.searchsorted(received[order], edges), strict=True):
        yield float(edge), order[begin:end]
        begin = int(end)
