"""The three open matchers, written anew from what their code does (research, section 1b), on the same stream.

Where they need something that a world does not have, a browser's time zone for one, they are given the benefit.
"""

import numpy as np

from bench.truth import people as p
from bench.truth import told
from bench.truth.people import Ints
from bench.truth.world import CLICK, DAY, NO_ID, World

MINUTE = 60.0


def linkforty(world: World) -> Ints:
    """40 points for the first three parts of the address, 30 for system and browser, 10 each for time zone, language
    and screen; 70 are enough, of the 1,000 latest clicks, within 7 days. The most points win, then the latest."""
    touches, installs = world.touches, world.installs
    clicks = np.flatnonzero(touches.kind == CLICK)
    clicks = clicks[np.argsort(touches.ts[clicks], kind="stable")]
    times = touches.ts[clicks]
    prefix_of_touch, prefix_of_install = _prefixes(world)
    prefix, system = prefix_of_touch[clicks], touches.system[clicks]
    locale, screen = touches.locale[clicks], touches.screen[clicks]
    found = np.full(len(installs), -1)
    ends = np.searchsorted(times, installs.ts, side="right")
    for one, end in enumerate(ends.tolist()):
        begin = max(end - 1_000, int(np.searchsorted(times, installs.ts[one] - 7 * DAY)))
        near = slice(begin, end)
        same_net = np.flatnonzero(prefix[near] == prefix_of_install[one])
        if not len(same_net):
            continue
        rows = begin + same_net
        points = (
            40
            + 30 * (system[rows] == installs.system[one])
            + 10 * (locale[rows] == installs.locale[one])
            + 10 * (screen[rows] == installs.screen[one])
        )
        best = int(np.flatnonzero(points == points.max())[-1])
        if points[best] >= 70:
            found[one] = clicks[rows[best]]
    return found


def grovs(world: World) -> Ints:
    """Same address and same user agent, only when unique, within 5 minutes; ties by screen and language."""
    touches, installs = world.touches, world.installs
    clicks = np.flatnonzero(touches.kind == CLICK)
    order = clicks[np.lexsort((touches.ts[clicks], touches.address[clicks]))]
    addresses, times = touches.address[order], touches.ts[order]
    found = np.full(len(installs), -1)
    begins = np.searchsorted(addresses, installs.address)
    ends = np.searchsorted(addresses, installs.address, side="right")
    for one, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        first = begin + int(np.searchsorted(times[begin:end], installs.ts[one] - 5 * MINUTE))
        last = begin + int(np.searchsorted(times[begin:end], installs.ts[one], side="right"))
        rows = order[first:last]
        family = touches.family[rows] & (installs.model[one] >= p.ANDROID_MODELS)
        rows = rows[
            (touches.system[rows] == installs.system[one])
            & ((touches.model[rows] < 0) | family | (touches.model[rows] == installs.model[one]))
            & ((touches.version[rows] < 0) | (touches.version[rows] == installs.version[one]))
        ]
        if len(rows) > 1:
            alike = rows[
                (touches.locale[rows] == installs.locale[one])
                & ((touches.screen[rows] < 0) | (touches.screen[rows] == installs.screen[one]))
            ]
            rows = alike if len(alike) == 1 else rows
        if len(rows) == 1:
            found[one] = rows[0]
    return found


def openattribution(world: World) -> Ints:
    """Same address and same advertising id, zeroed or not, click or view, within 7 days; the latest."""
    touches, installs = world.touches, world.installs
    rows = np.flatnonzero(touches.advertising != NO_ID)
    order = rows[np.lexsort((touches.ts[rows], touches.address[rows]))]
    addresses, times, ids = touches.address[order], touches.ts[order], touches.advertising[order]
    begins = np.searchsorted(addresses, installs.address)
    ends = np.searchsorted(addresses, installs.address, side="right")
    found = np.full(len(installs), -1)
    for one, (begin, end) in enumerate(zip(begins.tolist(), ends.tolist(), strict=True)):
        first = begin + int(np.searchsorted(times[begin:end], installs.ts[one] - 7 * DAY))
        last = begin + int(np.searchsorted(times[begin:end], installs.ts[one], side="right"))
        same = np.flatnonzero(ids[first:last] == installs.advertising[one])
        if len(same):
            found[one] = order[first + int(same[-1])]
    return found


def _prefixes(world: World) -> tuple[Ints, Ints]:
    """Return the first three parts of the addresses of touches and installs, as numbers."""
    together = np.concatenate([world.touches.address, world.installs.address])
    addresses, places = np.unique(together, return_inverse=True)
    texts = [told.p.written(int(one)) for one in addresses]
    prefixes = [text if ":" in text else text.rsplit(".", 1)[0] for text in texts]
    _, numbers = np.unique(prefixes, return_inverse=True)
    found = numbers[places]
    return found[: len(world.touches)], found[len(world.touches) :]
