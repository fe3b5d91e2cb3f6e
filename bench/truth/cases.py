"""The installs that no id decides, with the clicks of their networks: what is left to probability."""

from dataclasses import dataclass, replace

import numpy as np

from bench.truth import people as p
from bench.truth.people import Flags, Floats, Ints
from bench.truth.world import CLICK, CLICKSTORM, DAY, ECHO, FASTBOOST, ORGANIC, VIEW, World


@dataclass
class Case:
    """An install, the places of the clicks that could be its own, and how many clicks its address had in the day
    before it and in the six before that."""

    install: int
    clicks: Ints
    number: int
    earlier: int


@dataclass
class Known:
    """What ids decide: click and view of each install by id, -1 for none; the installs left to
    probability; and those whose click is known by device or contact only, so that a later one may be unknown."""

    by_id: Ints
    by_view: Ints
    open: Flags
    loose: Flags


def known(world: World) -> Known:
    """Return the touch that each install's ids name, the way any honest reader of the rows would find it."""
    touches, installs = world.touches, world.installs
    found = np.full(len(installs), -1)
    for name in ("referrer_touch", "click_id"):
        named = getattr(installs, name)
        found = np.where((found < 0) & (named >= 0) & usable(world, np.arange(len(installs)), named), named, found)
    named_by_store = found >= 0
    for mine, theirs in ((installs.advertising, touches.advertising), (installs.contact, touches.contact)):
        last = _latest(world, mine, theirs, CLICK, 7 * DAY)
        found = np.where(found < 0, last, found)
    views = _latest(world, installs.advertising, touches.advertising, VIEW, DAY)
    allowed = np.where(installs.system == p.IOS, installs.consent == 1, installs.referrer != ORGANIC)
    asked = allowed & (installs.label == 0) & ~installs.again
    return Known(found, views, (found < 0) & asked, (found >= 0) & ~named_by_store & asked)


def _latest(world: World, mine: Ints, theirs: Ints, kind: int, window_s: float) -> Ints:
    """Return for each install the last touch of a kind with its id; a few steps back over those that can't be it."""
    touches, installs = world.touches, world.installs
    rows = np.flatnonzero((touches.kind == kind) & (theirs >= 0) & ~touches.bot)
    order = rows[np.lexsort((touches.ts[rows], theirs[rows]))]
    keys = theirs[order]
    place = _last(keys, touches.ts[order], mine, installs.ts)
    found = np.full(len(installs), -1)
    for back in range(4):
        spot = np.maximum(place - back, 0)
        touch = order[spot]
        good = (place >= back) & (mine >= 0) & (found < 0) & (keys[spot] == mine)
        good &= usable(world, np.arange(len(installs)), touch) & (installs.ts - touches.ts[touch] <= window_s)
        found = np.where(good, touch, found)
    return found


def _last(keys: Ints, times: Floats, wanted: Ints, until: Floats) -> Ints:
    """Return for each wanted key the place of its last row until then, in rows ordered by key and time."""
    scale = 1e10
    combined = keys.astype(np.float64) * scale + times
    place: Ints = np.searchsorted(combined, wanted.astype(np.float64) * scale + until, side="right") - 1
    return place


def usable(world: World, install: Ints, touch: Ints) -> Flags:
    """Say which touches are in time, not injected, not signed wrongly and not of a source that only cheats."""
    touches, installs = world.touches, world.installs
    ts, at, begin = touches.ts[touch], installs.ts[install], installs.begin[install]
    in_time = (ts <= at) & (at - ts <= 7 * DAY) & ~(ts > begin) & (touches.signature[touch] < 2)
    in_time &= ~np.isin(touches.source[touch], (FASTBOOST, CLICKSTORM, ECHO))
    # A touch that arrives a day after the install is too late.
    found: Flags = in_time & (touches.received[touch] <= installs.received[install] + DAY)
    return found


def gather(world: World, ids: Known, chosen: Ints, window_s: float = DAY) -> list[Case]:
    """Return the clicks on the network of each chosen install that could be of its device.

    Clicks that an id gives to an install are left out.
    """
    touches, installs = world.touches, world.installs
    rows = np.flatnonzero((touches.kind == CLICK) & ~touches.bot)
    order = rows[np.lexsort((touches.ts[rows], touches.address[rows]))]
    addresses = touches.address[order]
    times = touches.ts[order]
    taken = np.zeros(len(touches), dtype=bool)
    taken[ids.by_id[ids.by_id >= 0]] = True
    cases = []
    for one in chosen.tolist():
        begin = np.searchsorted(addresses, installs.address[one], side="left")
        end = np.searchsorted(addresses, installs.address[one], side="right")
        first = begin + np.searchsorted(times[begin:end], installs.ts[one] - window_s)
        last = begin + np.searchsorted(times[begin:end], installs.ts[one], side="right")
        near = order[first:last]
        mine = int(installs.advertising[one])
        same_model = (touches.model[near] < 0) | (touches.model[near] == installs.model[one])
        same_model |= touches.family[near] & (installs.model[one] >= p.ANDROID_MODELS)
        fits = (
            (touches.system[near] == installs.system[one])
            & same_model
            & ((touches.version[near] < 0) | (touches.version[near] == installs.version[one]))
            & ~taken[near]
            & usable(world, np.full(len(near), one), near)
        )
        theirs = touches.advertising[near]
        fits &= (theirs < 0) | (mine < 0) | (theirs == mine)
        week = begin + np.searchsorted(times[begin:end], installs.ts[one] - 7 * DAY)
        cases.append(Case(one, near[fits], len(near), int(first - week)))
    return cases


def later(world: World, ids: Known) -> list[Case]:
    """Return the clicks by network that are later than the one known by device or contact."""
    ts = world.touches.ts
    found = gather(world, ids, np.flatnonzero(ids.loose))
    return [replace(one, clicks=one.clicks[ts[one.clicks] > ts[ids.by_id[one.install]]]) for one in found]
