"""A made-up world whose truth is known: who saw and tapped which ad, who installed because of it, who cheats.

Everything follows from the seed. What the product is given (ids that are missing or zeroed, referrers that get lost,
addresses that change, clocks that go wrong, deliveries that are late or come twice) is drawn here; what is true is
kept beside it, in `Installs.truth` and the labels, and only the scores read that.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bench.truth import people as p
from bench.truth.people import HOUR, Flags, Floats, Ints, People

START = datetime(2026, 9, 1, tzinfo=UTC).timestamp()
DAY = 24 * HOUR
CLICK, VIEW = 0, 1
IN_APP, WEB, OWNED = 0, 1, 2
# Sources by channel, then those that cheat.
SOURCES = (
    "adnova", "mobrush", "unitplay", "pixelgate", "searchly", "socialo", "newsfeed", "newsletter", "influencer", "qr",
    "fastboost", "clickstorm", "tapfarm", "ghostads", "echo", "crawler",
)  # fmt: skip
OF_CHANNEL = ((0, 1, 2, 3), (4, 5, 6), (7, 8, 9))
NEWSLETTER, FASTBOOST, CLICKSTORM, TAPFARM, GHOSTADS, ECHO, CRAWLER = 7, 10, 11, 12, 13, 14, 15
SIGNING = (0, 1, 10, 11, 12, 13, 14)
LABELS = ("", "ctit_injection", "click_flood", "click_signature", "device_farm", "sdk_signature", "ua_bot",
          "ip_datacenter")  # fmt: skip
INJECTED, FLOODED, REPLAYED, FARMED, SPOOFED, BOT, MACHINE = 1, 2, 3, 4, 5, 6, 7
SIGNATURES = ("", "valid", "invalid", "expired")
MISSING, OURS, ORGANIC, OTHER = 0, 1, 2, 3
# Click to install: weights, medians in hours and spreads of three lognormals, after a download of 12 s at the least.
CTIT = ((0.73, 0.1, 0.9), (0.20, 4.0, 1.2), (0.07, 40.0, 0.7))
SHORTEST_S = 12.0
NO_ID, ZEROED = -1, -2
UNKNOWN = 1_000_000_000


@dataclass(frozen=True)
class Size:
    """How large a world is. Counts are of people unless they say otherwise."""

    driven: int = 60_000
    organic: int = 40_000
    others: int = 120_000
    days: int = 10
    days_before: int = 5
    per_pool: float = 700.0
    flood_clicks: int = 60_000
    farms: int = 20
    spoofed: int = 600
    bots: int = 8_000


SMALL = Size(
    driven=3_000,
    organic=2_000,
    others=6_000,
    days=4,
    days_before=3,
    per_pool=300.0,
    flood_clicks=3_000,
    farms=2,
    spoofed=60,
    bots=400,
)


@dataclass
class Touches:
    """One row for each touch, by time; `advertising` numbers an id, `model` and the like are -1 where not said."""

    person: Ints
    kind: Ints
    ts: Floats
    received: Floats
    source: Ints
    publisher: Ints
    campaign: Ints
    address: Ints
    advertising: Ints
    system: Ints
    model: Ints
    family: Flags
    version: Ints
    locale: Ints
    screen: Ints
    country: Ints
    contact: Ints
    signature: Ints
    bot: Flags
    redirect: Flags
    label: Ints

    def __len__(self) -> int:
        return len(self.ts)


@dataclass
class Installs:
    """One row for each install event; `truth` is the touch that brought it, -1 for none."""

    person: Ints
    happened: Floats
    ts: Floats
    received: Floats
    address: Ints
    advertising: Ints
    device: Ints
    system: Ints
    model: Ints
    version: Ints
    locale: Ints
    screen: Ints
    country: Ints
    consent: Ints
    referrer: Ints
    referrer_touch: Ints
    referrer_source: Ints
    begin: Floats
    click_id: Ints
    contact: Ints
    signature: Ints
    emulator: Flags
    label: Ints
    truth: Ints
    again: Flags

    def __len__(self) -> int:
        return len(self.ts)


@dataclass
class World:
    size: Size
    people: People
    touches: Touches
    installs: Installs


def make(size: Size, seed: int) -> World:
    """Make a world; the same size and seed make the same one."""
    rng = np.random.default_rng(seed)
    people = p.make(rng, size.driven + size.organic + size.others, per_pool=size.per_pool)
    kinds = rng.permutation(len(people))
    driven, organic, others = np.split(kinds, [size.driven, size.driven + size.organic])
    maker = _Maker(rng, people, size)
    maker.journeys(driven)
    maker.organics(organic)
    maker.strangers(others)
    maker.bots()
    maker.flood()
    maker.inject()
    maker.replay()
    maker.farms()
    maker.spoof()
    maker.again()
    return maker.finish()


class _Maker:
    """Collects touches and installs part by part. A touch is called by its place until all are put in order."""

    def __init__(self, rng: np.random.Generator, people: People, size: Size) -> None:
        self.rng, self.people, self.size = rng, people, size
        self.touches: list[dict[str, Any]] = []
        self.installs: list[dict[str, Any]] = []
        self.number = 0

    # Parts of the world.

    def journeys(self, who: Ints) -> None:
        """People whom an ad brought: the touch that did, those before it, the install."""
        rng, number = self.rng, len(who)
        by_view = rng.random(number) < 0.08
        channel = np.where(by_view, IN_APP, rng.choice(3, number, p=[0.46, 0.36, 0.18]))
        ctit = self.ctit(number)
        ctit[by_view] = np.minimum(ctit[by_view], 22 * HOUR)
        touched = self.moments(who, since=0, until=self.size.days * DAY - 6 * HOUR)
        happened = touched + ctit
        where = p.place(rng, self.people, who, touched)
        cause = self.tap(who, touched, where, channel, kind=np.where(by_view, VIEW, CLICK))
        redirect = self.touches[-1]["redirect"]
        # Taps again and again, and other ads seen or tapped before.
        times = np.where(rng.random(number) < 0.12, rng.integers(1, 3, number), 0) * ~by_view
        repeated = np.repeat(np.arange(number), times)
        lag = 45 * np.exp(rng.normal(0, 1.5, len(repeated))) + 1
        self.tap(who[repeated], touched[repeated] - lag, where[repeated], channel[repeated])
        seen = np.repeat(np.arange(number), rng.choice(4, number, p=[0.68, 0.2, 0.08, 0.04]))
        at = touched[seen] - DAY * np.exp(rng.normal(-0.3, 1.2, len(seen))) - 60
        kind = np.where((rng.random(len(seen)) < 0.4) & ~by_view[seen], CLICK, VIEW)
        usual = np.where(rng.random(len(seen)) < 0.75, channel[seen], rng.choice(3, len(seen)))
        usual = np.where(kind == VIEW, IN_APP, usual)
        self.tap(who[seen], at, p.place(rng, self.people, who[seen], at), usual, kind=kind)
        later = p.moved(rng, self.people, who, where, since=touched, at=happened)
        # Who comes back hours later often finds the app by searching the store, which then calls it organic.
        searched = by_view | ((ctit > 2 * HOUR) & (rng.random(number) < 0.3))
        first = self.touches[-3]
        says = np.where(searched, ORGANIC, np.where(redirect, OURS, OTHER))
        self.install(who, happened, later, says=says, cause=cause, ctit=ctit, of=first, truth=cause)

    def organics(self, who: Ints) -> None:
        """People who came by themselves; a few saw an ad more than a day before."""
        rng, number = self.rng, len(who)
        happened = self.moments(who, since=0, until=self.size.days * DAY)
        where = p.place(rng, self.people, who, happened)
        self.install(who, happened, where, says=np.full(number, ORGANIC), cause=None, ctit=np.full(number, 300.0))
        some = np.flatnonzero(rng.random(number) < 0.06)
        at = happened[some] - DAY * rng.uniform(1.1, 3, len(some))
        in_app = np.full(len(some), IN_APP)
        kind = np.full(len(some), VIEW)
        self.tap(who[some], at, p.place(rng, self.people, who[some], at), in_app, kind=kind)

    def strangers(self, who: Ints) -> None:
        """People who tap and see ads and never install."""
        rng = self.rng
        # They were there before the installs that are looked at.
        longer = 1 + self.size.days_before / self.size.days
        begin = -self.size.days_before * DAY
        taps = np.repeat(who, rng.poisson(3.0 * longer, len(who)))
        at = self.moments(taps, since=begin, until=self.size.days * DAY)
        where, channel = p.place(rng, self.people, taps, at), rng.choice(3, len(taps), p=[0.5, 0.36, 0.14])
        self.tap(taps, at, where, channel)
        again = np.flatnonzero(rng.random(len(taps)) < 0.12)
        lag = 45 * np.exp(rng.normal(0, 1.5, len(again))) + 1
        self.tap(taps[again], at[again] + lag, where[again], channel[again])
        views = np.repeat(who, rng.poisson(0.4, len(who)))
        at = self.moments(views, since=0, until=self.size.days * DAY)
        in_app = np.full(len(views), IN_APP)
        self.tap(views, at, p.place(rng, self.people, views, at), in_app, kind=np.full(len(views), VIEW))

    def bots(self) -> None:
        """Crawlers that say so, and machines in data centres that pretend to be phones."""
        rng, number = self.rng, self.size.bots
        open_ = rng.random(number) < 0.7
        at = rng.uniform(0, self.size.days * DAY, number)
        who = rng.integers(0, len(self.people), number)
        self.tap(
            who, at, np.zeros(number, dtype=np.int64), np.full(number, WEB), person=np.full(number, -1), bot=open_,
            address=p.MACHINES * p.KIND_OF_ADDRESS + rng.integers(0, 4_000, number),
            source=np.full(number, CRAWLER), label=np.where(open_, BOT, MACHINE),
        )  # fmt: skip

    def flood(self) -> None:
        """A network that claims clicks for as many devices as it can name, in the hope that some install."""
        rng, number = self.rng, self.size.flood_clicks
        who = rng.choice(np.flatnonzero(self.people.system == p.ANDROID), number)
        at = rng.uniform(-2 * DAY, self.size.days * DAY, number)
        known = rng.random(number) < 0.15
        ids = np.where(known, np.where(self.people.limits_ads[who], ZEROED, who), UNKNOWN + np.arange(number))
        bought = rng.random(number) < 0.5
        homes = p.address(self.people, who, np.zeros(number, dtype=np.int64), at)
        machines = p.MACHINES * p.KIND_OF_ADDRESS + rng.integers(0, 4_000, number)
        self.tap(
            who, at, np.zeros(number, dtype=np.int64), np.full(number, IN_APP), person=np.full(number, -1),
            advertising=ids, address=np.where(bought, homes, machines), source=np.full(number, CLICKSTORM),
            label=np.full(number, FLOODED), redirect=np.zeros(number, dtype=bool),
        )  # fmt: skip

    def inject(self) -> None:
        """Malware that sees a download begin and claims a click before the app is opened."""
        rng = self.rng
        for part in list(self.installs):
            chosen = np.flatnonzero((part["system"] == p.ANDROID) & (rng.random(len(part["ts"])) < 0.015))
            begun, happened = part["begun"][chosen], part["happened"][chosen]
            at = begun + (happened - begun) * rng.uniform(0.1, 0.9, len(chosen))
            who = part["person"][chosen]
            number = len(chosen)
            self.tap(
                who, at, np.zeros(number, dtype=np.int64), np.full(number, IN_APP), person=np.full(number, -1),
                address=part["address"][chosen], advertising=np.where(self.people.limits_ads[who], ZEROED, who),
                source=np.full(number, FASTBOOST), label=np.full(number, INJECTED),
                redirect=np.zeros(number, dtype=bool), late=False,
            )  # fmt: skip

    def replay(self) -> None:
        """A network that sends others' clicks again as its own, signed with nothing or with an old signature."""
        rng = self.rng
        for part in self.touches[:5]:
            honest = (part["label"] == 0) & (part["kind"] == CLICK) & (rng.random(len(part["ts"])) < 0.015)
            chosen = np.flatnonzero(honest)
            copy = {name: value[chosen].copy() for name, value in part.items()}
            copy["ts"] += rng.uniform(3, 90, len(chosen))
            copy["received"] = copy["ts"] + rng.uniform(0, 2, len(chosen))
            copy["person"] = np.full(len(chosen), -1)
            copy["source"] = np.full(len(chosen), ECHO)
            copy["publisher"] = rng.integers(0, 3, len(chosen))
            copy["campaign"] = rng.integers(0, 2, len(chosen))
            copy["contact"] = np.full(len(chosen), -1)
            copy["signature"] = rng.integers(2, 4, len(chosen))
            copy["label"] = np.full(len(chosen), REPLAYED)
            self.keep(copy)

    def farms(self) -> None:
        """Rooms of phones whose ids are reset after each install: bursts from one small network."""
        rng = self.rng
        for farm in range(self.size.farms):
            number = 60
            who = rng.choice(np.flatnonzero(self.people.system == p.ANDROID), number)
            begin = rng.uniform(0.5 * DAY, self.size.days * DAY - 2 * HOUR)
            happened = begin + np.sort(rng.uniform(0, HOUR, number))
            ctit = rng.uniform(60, 500, number)
            address = p.FARM * p.KIND_OF_ADDRESS + farm * 256 + rng.integers(1, 255, number)
            ids = UNKNOWN * 2 + farm * 1_000 + np.arange(number)
            nowhere, label = np.zeros(number, dtype=np.int64), np.full(number, FARMED)
            cause = self.tap(
                who, happened - ctit, nowhere, np.full(number, IN_APP), person=ids, advertising=ids, address=address,
                source=np.full(number, TAPFARM), label=label, redirect=np.ones(number, dtype=bool), late=False,
            )  # fmt: skip
            self.install(
                who, happened, nowhere, says=np.full(number, OURS), cause=cause, ctit=ctit, truth=cause, person=ids,
                advertising=ids, address=address, label=label, emulator=rng.random(number) < 0.2,
            )  # fmt: skip

    def spoof(self) -> None:
        """Installs that a program made up, after clicks of its own; it has no key to sign with."""
        rng, number = self.rng, self.size.spoofed
        who = rng.choice(np.flatnonzero(self.people.system == p.ANDROID), number)
        happened = rng.uniform(0.5 * DAY, self.size.days * DAY, number)
        ctit = self.ctit(number)
        address = p.MACHINES * p.KIND_OF_ADDRESS + rng.integers(0, 4_000, number)
        ids = UNKNOWN * 3 + np.arange(number)
        nowhere, label = np.zeros(number, dtype=np.int64), np.full(number, SPOOFED)
        cause = self.tap(
            who, happened - ctit, nowhere, np.full(number, IN_APP), person=ids, advertising=ids, address=address,
            source=np.full(number, GHOSTADS), label=label, redirect=np.zeros(number, dtype=bool), late=False,
        )  # fmt: skip
        self.install(
            who, happened, nowhere, says=np.full(number, MISSING), cause=cause, ctit=ctit, truth=cause, person=ids,
            advertising=ids, address=address, label=label,
            signature=np.where(rng.random(number) < 0.5, 2, 0),
        )  # fmt: skip

    def again(self) -> None:
        """People who delete the app and install it anew some days later."""
        rng = self.rng
        for part in list(self.installs[:2]):
            late = part["happened"] < (self.size.days - 2) * DAY
            chosen = np.flatnonzero(late & (rng.random(len(part["ts"])) < 0.02))
            who = part["person"][chosen]
            happened = part["happened"][chosen] + rng.uniform(0.5, 2, len(chosen)) * DAY
            where = p.place(rng, self.people, who, happened)
            organic = np.full(len(chosen), ORGANIC)
            self.install(
                who, happened, where, says=organic, cause=None, ctit=np.full(len(chosen), 300.0),
                again=np.ones(len(chosen), dtype=bool), device=part["device"][chosen], truth=part["truth"][chosen],
            )  # fmt: skip

    # How touches and installs come to be known.

    def tap(self, who: Ints, at: Floats, where: Ints, channel: Ints, **given: Any) -> Ints:
        """Add touches of `who`, with what their channel tells of the device; return their places."""
        rng, people, number = self.rng, self.people, len(who)
        late = given.pop("late", True)
        system, android = people.system[who], people.system[who] == p.ANDROID
        in_app = channel == IN_APP
        spread = rng.random((number, 6))
        advertising = np.where(
            android,
            np.where(people.limits_ads[who], ZEROED, who),
            np.where(people.consents_elsewhere[who], who, ZEROED),
        )
        advertising = np.where(in_app & (spread[:, 0] > 0.05), advertising, NO_ID)
        # Chrome names neither model nor version, Safari only "iPhone", and from 26 on no true version.
        reduced = ~in_app & android & (spread[:, 1] < 0.65)
        family = ~android & (~in_app | (spread[:, 1] < 0.5))
        frozen = family & (people.version[who] < 102)
        locale = np.where(
            in_app, np.where(spread[:, 2] < 0.6, -1, people.locale[who]),
            np.where(spread[:, 2] < 0.95, people.locale[who], rng.integers(0, len(p.LOCALES), number)),
        )  # fmt: skip
        address = p.address(people, who, where, at)
        relayed = ~android & (channel == WEB) & (spread[:, 3] < 0.08)
        relays = p.RELAY * p.KIND_OF_ADDRESS + people.country[who] * 40 + rng.integers(0, 40, number)
        source = given.pop("source", None)
        if source is None:
            tables = np.array([[one[n % len(one)] for n in range(12)] for one in OF_CHANNEL])
            source = tables[channel, rng.integers(0, 12, number)]
        # In-app networks send a fourth of their clicks from server to server, and those can be late.
        redirect = given.pop("redirect", ~in_app | (spread[:, 4] < 0.75))
        delay = np.where(spread[:, 5] < 0.8, 20, np.where(spread[:, 5] < 0.96, HOUR, 26 * HOUR)) * rng.random(number)
        clock = np.where(rng.random(number) < 0.01, 60, 1) * rng.normal(0, 1, number)
        kind = given.pop("kind", np.full(number, CLICK))
        late_ones = (~redirect | (kind == VIEW)) & late
        # A network's clock may be off; the redirect has ours.
        at = np.where(late_ones, at + clock, at)
        told = (source == NEWSLETTER) & (rng.random(number) < 0.6)
        signs = np.isin(source, SIGNING)
        rows: dict[str, Any] = {
            "person": who, "kind": kind, "ts": at, "received": np.where(late_ones, at + np.abs(clock) + delay, at),
            "source": source, "publisher": rng.integers(0, 8, number), "campaign": rng.integers(0, 5, number),
            "address": np.where(relayed, relays, address), "advertising": advertising, "system": system,
            "model": np.where(reduced, -1, people.model[who]), "family": family,
            "version": np.where(reduced | frozen, -1, people.version[who]), "locale": locale,
            "screen": np.where(in_app & (spread[:, 3] > 0.7), people.screen[who], -1), "country": people.country[who],
            "contact": np.where(told, who, -1), "signature": np.where(signs, 1, 0),
            "bot": np.zeros(number, dtype=bool), "redirect": redirect, "label": np.zeros(number, dtype=np.int64),
        }  # fmt: skip
        return self.keep({**rows, **given})

    def keep(self, rows: dict[str, Any]) -> Ints:
        number = len(rows["ts"])
        self.touches.append(rows)
        places: Ints = self.number + np.arange(number)
        self.number += number
        return places

    def install(
        self, who: Ints, happened: Floats, where: Ints, *, says: Ints, cause: Ints | None, ctit: Floats, **given: Any
    ) -> None:
        """Add installs, with what store, phone and network let through."""
        rng, people, number = self.rng, self.people, len(who)
        of = given.pop("of", None)
        android = people.system[who] == p.ANDROID
        advertising = np.where(
            android, np.where(people.limits_ads[who], ZEROED, who), np.where(people.consents[who], who, ZEROED)
        )
        # Some come from other stores; and the referrer is lost, the more often the older the phone.
        lost = ~android | (rng.random(number) < 0.04) | (rng.random(number) < 0.05 + 0.1 * (people.model[who] % 10) / 9)
        referrer = np.where(lost, MISSING, says)
        opened = np.minimum(10 + 60 * np.exp(rng.normal(0, 1, number)), 0.8 * ctit)
        slow = (ctit > 2 * HOUR) & (rng.random(number) < 0.5)
        begun = np.where(slow, happened - ctit + 0.1 * HOUR, happened - opened)
        wrong = np.where(
            rng.random(number) < 0.92, rng.normal(0, 1.5, number),
            np.where(rng.random(number) < 0.75, rng.normal(0, 45, number), rng.normal(0, 300, number)),
        )  # fmt: skip
        spread = rng.random(number)
        delay = np.where(spread < 0.9, 30, np.where(spread < 0.98, 5 * HOUR, 70 * HOUR)) * rng.random(number)
        ours = np.full(number, -1) if cause is None else cause
        contact = np.where(rng.random(number) < 0.35, who, -1)
        click_id = np.where(~android & people.consents[who] & (rng.random(number) < 0.05), ours, -1)
        rows: dict[str, Any] = {
            "person": who, "happened": happened, "ts": happened + wrong, "received": happened + 1 + delay,
            "address": p.address(people, who, where, happened), "advertising": advertising, "device": who,
            "system": people.system[who], "model": people.model[who],
            # One in 200 phones is updated in between.
            "version": np.where(android & (rng.random(number) < 0.005), 17, people.version[who]),
            "locale": people.locale[who], "screen": people.screen[who],
            "country": people.country[who], "consent": np.where(android, -1, people.consents[who]),
            "referrer": referrer, "referrer_touch": np.where(referrer == OURS, ours, -1),
            "referrer_source": np.full(number, -1) if of is None else of["source"],
            "begin": np.where(referrer == MISSING, np.nan, begun), "begun": begun, "click_id": click_id,
            "contact": contact, "signature": np.where(rng.random(number) < 0.97, 1, 0),
            "emulator": np.zeros(number, dtype=bool), "label": np.zeros(number, dtype=np.int64),
            "truth": np.full(number, -1), "again": np.zeros(number, dtype=bool),
        }  # fmt: skip
        given.setdefault("device", given.get("person", who))
        self.installs.append({**rows, **given})

    def ctit(self, number: int) -> Floats:
        """Draw times from click to install."""
        rng = self.rng
        which = rng.choice(3, number, p=[one[0] for one in CTIT])
        median, spread = np.array([one[1] for one in CTIT])[which], np.array([one[2] for one in CTIT])[which]
        drawn: Floats = SHORTEST_S + median * HOUR * np.exp(rng.normal(0, 1, number) * spread)
        return np.minimum(drawn, 6.9 * DAY)

    def moments(self, who: Ints, *, since: float, until: float) -> Floats:
        """Draw moments, fewer at night by the person's clock."""
        rng = self.rng
        drawn = rng.uniform(since, until, len(who))
        hours = np.array([one[2] for one in p.COUNTRIES])[self.people.country[who]]
        for _ in range(3):
            local = (drawn / HOUR + hours) % 24
            asleep = (local < 7) & (rng.random(len(who)) < 0.8)
            drawn = np.where(asleep, rng.uniform(since, until, len(who)), drawn)
        return drawn

    def finish(self) -> World:
        """Put everything in order of time and call touches by their final places."""
        touches = {one.name: np.concatenate([part[one.name] for part in self.touches]) for one in fields(Touches)}
        order = np.argsort(touches["ts"], kind="stable")
        now = np.empty(len(order), dtype=np.int64)
        now[order] = np.arange(len(order))
        installs = {one.name: np.concatenate([part[one.name] for part in self.installs]) for one in fields(Installs)}
        for name in ("truth", "referrer_touch", "click_id"):
            installs[name] = np.where(installs[name] >= 0, now[installs[name]], -1)
        by_arrival = np.argsort(installs["received"], kind="stable")
        return World(
            self.size, self.people,
            Touches(**{name: values[order] for name, values in touches.items()}),
            Installs(**{name: values[by_arrival] for name, values in installs.items()}),
        )  # fmt: skip
