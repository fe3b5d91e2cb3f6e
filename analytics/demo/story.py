"""Eight weeks of a small company that sells a note-taking app: who tapped what, who installed, what they did.

Plain Python: the same seed, scale and present tell the same story. telling.py writes it through the apps' doors.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from analytics.demo import acts, cast, hours, mistakes
from analytics.demo.campaigns import CAMPAIGNS, DRY_TAPS, WALL, WALL_CLAIMS, WALL_CLICKS, WALL_DAYS, Campaign
from analytics.demo.cast import Person

INSTALLS = 1_500
ORGANIC_SHARE = 0.42
VISITORS = 1_500
BROKEN = 34
BOT_SHARE = 0.04
# From tap to first open: half of them within this time, with a long tail.
TO_INSTALL_S = 700.0


@dataclass(slots=True)
class Tap:
    """A click or view of a campaign; over a link it gets its id when it is told."""

    campaign: Campaign
    at: datetime
    person: Person
    type: str = "click"
    agent: str = ""
    publisher: str = ""
    ad_set: str = ""
    creative: str = ""
    touch_id: str = ""


@dataclass(slots=True)
class Sent:
    """A call that reaches ingest at `arrives_at`; `tap` is where an install learns its click id from."""

    arrives_at: datetime
    call: dict[str, Any]
    tap: Tap | None = None
    way: str = ""
    begun_at: datetime | None = None

    @property
    def is_install(self) -> bool:
        return self.call.get("event") == "Application Installed"


@dataclass
class Story:
    """Everything that happened, in order of time."""

    now: datetime
    taps: list[Tap] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    broken: list[Sent] = field(default_factory=list)


def tell(now: datetime, *, seed: int = 7, scale: float = 1.0) -> Story:
    """Return the story up to `now`; `scale` is its size against the usual 1,500 installs."""
    author = _Author(now, Random(seed), scale)  # noqa: S311 -- a story, no secret
    return author.write()


class _Author:
    def __init__(self, now: datetime, rng: Random, scale: float) -> None:
        self.now, self.rng, self.scale = now, rng, scale
        self.story = Story(now)
        self.people = 0
        self.calls = 0

    def write(self) -> Story:
        """Write all days, oldest first."""
        whole = sum(hours.weight(ago, self.now) for ago in range(hours.DAYS))
        for ago in reversed(range(hours.DAYS)):
            share = hours.weight(ago, self.now) / whole * self.scale
            self._installs(ago, share * INSTALLS)
            self._strangers(ago, share * INSTALLS)
            self._visitors(ago, share * VISITORS)
        self._mistakes()
        self.story.taps.sort(key=lambda tap: tap.at)
        self.story.sent.sort(key=lambda sent: sent.arrives_at)
        self.story.broken.sort(key=lambda sent: sent.arrives_at)
        return self.story

    def _mistakes(self) -> None:
        """Let a release that went out too early send what can't be taken, some of it again and again."""
        for number in range(max(8, round(BROKEN * self.scale))):
            at = self.now - timedelta(hours=self.rng.triangular(0, 110, 4))
            call = mistakes.broken(self.rng, number)
            for _ in range(1 if number % 3 else self.rng.randrange(2, 7)):
                if at < self.now:
                    self.story.broken.append(Sent(at, call))
                at += timedelta(minutes=self.rng.uniform(1, 90))

    def _person(self, phones: tuple[cast.Phone, ...] = cast.PHONES) -> Person:
        self.people += 1
        return cast.meet(self.rng, self.people, phones=phones)

    def _about(self, number: float) -> int:
        """Return a whole number near `number`, as days are never exactly as planned."""
        return max(0, round(self.rng.gauss(number, number**0.5 / 2)))

    def _installs(self, ago: int, number: float) -> None:
        week = hours.week(ago)
        weights = [campaign.installs * campaign.phases[week // 2] for campaign in CAMPAIGNS]
        for _ in range(self._about(number)):
            campaign = None if self.rng.random() < ORGANIC_SHARE else self.rng.choices(CAMPAIGNS, weights)[0]
            android = self.rng.random() < (campaign.android if campaign else 0.5)
            person = self._person(cast.ANDROIDS if android else cast.IPHONES)
            at = hours.moment(self.rng, ago, person.place.time_zone, self.now)
            if at:
                self._install(person, campaign, at)

    def _install(self, person: Person, campaign: Campaign | None, at: datetime) -> None:
        """Let somebody install, after a tap where a campaign brought them, and use the app from then on."""
        rng = self.rng
        wait_s = min(rng.lognormvariate(0, 1.5) * TO_INSTALL_S + 40, 8 * 86_400)
        tap = self._tap(campaign, person, at - timedelta(seconds=wait_s)) if campaign else None
        way = _way(rng, tap)
        begun_at = (
            at - timedelta(seconds=min(wait_s * 0.6, rng.uniform(25, 120)))
            if person.phone.os_name == "Android"
            else None
        )
        if campaign is None:
            self._claim(person, at)
        for _ in range(rng.choices((0, 1, 2), (50, 33, 17))[0]):
            self._seen_before(person, at - timedelta(seconds=wait_s + rng.uniform(600, 5 * 86_400)))
        if (
            tap and begun_at and way == "referrer" and rng.random() < 0.03
        ):  # a click sent in once the download has begun
            self._tap(WALL, person, at - timedelta(seconds=rng.uniform(4, 15)))
        calls = [acts.install(), *acts.session(rng, person, first=True)]
        signs_up_at = at + timedelta(seconds=rng.uniform(40, 400)) if rng.random() < 0.46 else None
        self._send(person, calls, at, tap=tap, way=way, begun_at=begun_at)
        known = self._sign_up(person, signs_up_at)
        self._come_back(person, at, known_since=signs_up_at if known else None)

    def _seen_before(self, person: Person, at: datetime) -> None:
        """Let somebody have met another campaign before; most of what is remembered comes from the networks."""
        iphone = person.phone.os_name == "iOS"
        fitting = [one for one in CAMPAIGNS if one.installs and (one.android < 1 if iphone else one.android > 0)]
        campaign = self.rng.choices(fitting, [3 if one.by_server else 1 for one in fitting])[0]
        self._tap(campaign, person, at)

    def _claim(self, person: Person, installed_at: datetime) -> None:
        """Let the reward wall send a click of a device that comes by itself, some time before it does."""
        lately = (self.now - installed_at).days < WALL_DAYS
        if lately and person.may_track and self.rng.random() < WALL_CLAIMS:
            self._tap(WALL, person, installed_at - timedelta(hours=self.rng.uniform(0.5, 160)))

    def _tap(self, campaign: Campaign, person: Person, at: datetime) -> Tap:
        type_ = "impression" if campaign.views and self.rng.random() < 0.12 else "click"
        tap = Tap(
            campaign,
            at,
            person,
            type_,
            person.phone.agent,
            self.rng.choice(campaign.publishers),
            self.rng.choice(campaign.ad_sets),
            self.rng.choice(campaign.creatives),
        )
        if campaign.by_server:
            tap.touch_id = f"{campaign.source[:2]}-{self.rng.getrandbits(48):012x}"
        self.story.taps.append(tap)
        return tap

    def _sign_up(self, person: Person, at: datetime | None) -> bool:
        if at is None or at > self.now:
            return False
        self._send(person, acts.sign_up(person), at, known=True)
        return True

    def _come_back(self, person: Person, installed_at: datetime, known_since: datetime | None) -> None:
        """Let somebody return on later days, less and less often, and some of them pay."""
        rng = self.rng
        paid, last_seen_at = False, installed_at
        for day in range(1, (self.now - installed_at).days + 2):
            if rng.random() > min(0.9, 1.1 * person.keenness * day**-0.55):
                continue
            at = hours.moment(rng, max(0, (self.now - installed_at).days - day + 1), person.place.time_zone, self.now)
            if at is None or at < installed_at:
                continue
            known = known_since is not None and known_since < at
            pays = known and not paid and rng.random() < 0.07
            paid = paid or pays
            calls = acts.session(rng, person, paying=pays)
            if at - last_seen_at > timedelta(days=8) and rng.random() < 0.4:
                calls = [self._call_back(person, at), *calls]
            elif day > 12 and rng.random() < 0.02:
                calls = [acts.install("3.8.2"), *calls]
            last_seen_at = max(at, last_seen_at)
            self._send(person, calls, at, known=known)

    def _call_back(self, person: Person, at: datetime) -> acts.Call:
        """Let an ad bring back somebody who had been away."""
        campaign = next(campaign for campaign in CAMPAIGNS if campaign.returning)
        tap = self._tap(campaign, person, at - timedelta(seconds=self.rng.uniform(3, 40)))
        tap.type = "click"
        return acts.called_back(campaign.deep_link, tap.touch_id)

    def _strangers(self, ago: int, installs: float) -> None:
        """Let people tap and look who never install, bots among them."""
        week = hours.week(ago)
        plan = [campaign.installs * campaign.phases[week // 2] for campaign in CAMPAIGNS]
        for campaign, part in zip(CAMPAIGNS, plan, strict=True):
            credited = installs * (1 - ORGANIC_SHARE) * part / sum(plan)
            clicks = (
                credited / campaign.conversion - credited
                if campaign.conversion
                else installs * 8 * DRY_TAPS * campaign.phases[week // 2]
            )
            for _ in range(self._about(clicks)):
                self._stranger(campaign, ago, "click")
            for _ in range(self._about(clicks * campaign.views)):
                self._stranger(campaign, ago, "impression")
        if ago < WALL_DAYS:
            for _ in range(self._about(WALL_CLICKS * self.scale)):
                self._stranger(WALL, ago, "click")

    def _stranger(self, campaign: Campaign, ago: int, type_: str) -> None:
        rng = self.rng
        person = self._person(cast.ANDROIDS if rng.random() < campaign.android else cast.IPHONES)
        at = hours.moment(rng, ago, person.place.time_zone, self.now)
        if at is None:
            return
        tap = self._tap(campaign, person, at)
        tap.type = type_
        if not campaign.by_server and rng.random() < BOT_SHARE:
            tap.agent = rng.choice(cast.MACHINES)

    def _visitors(self, ago: int, number: float) -> None:
        for _ in range(self._about(number)):
            person = self._person()
            at = hours.moment(self.rng, ago, person.place.time_zone, self.now)
            if at:
                self._send(person, acts.visit(self.rng, person), at)

    def _send(
        self,
        person: Person,
        calls: list[acts.Call],
        at: datetime,
        *,
        known: bool = False,
        tap: Tap | None = None,
        way: str = "",
        begun_at: datetime | None = None,
    ) -> None:
        """Note the calls of one visit with the ids, the clock and the delay they are sent with."""
        rng, usual = self.rng, acts.context_of(person)
        delay, clock = _delay(rng), _clock(rng)
        for happened_at, call in acts.paced(rng, calls, at, self.now):
            arrives_at = happened_at + delay
            if arrives_at > self.now:  # still on the device
                return
            self.calls += 1
            whole = {"context": usual} | call | {"messageId": f"demo-{self.calls}", "anonymousId": person.anonymous_id}
            whole["timestamp"] = (happened_at + clock).isoformat(timespec="milliseconds")
            if clock:
                whole["sentAt"] = (arrives_at + clock).isoformat(timespec="milliseconds")
            if known:
                whole["userId"] = person.user_id
            self.story.sent.append(Sent(arrives_at, whole, tap, way, begun_at))


def _way(rng: Random, tap: Tap | None) -> str:
    """Say how the install learns of its tap: Google Play's referrer, a click id over the site, or not at all."""
    if tap is None or tap.campaign.by_server or tap.type != "click":
        return ""
    if tap.campaign.to_site:
        return "click_id" if rng.random() < 0.92 else ""
    return "referrer" if tap.person.phone.os_name == "Android" and rng.random() < 0.88 else ""


def _delay(rng: Random) -> timedelta:
    """Return how long calls wait on the device: hardly at all, through a tunnel, or over a weekend without network."""
    luck = rng.random()
    if luck < 0.92:
        return timedelta(seconds=rng.uniform(0.1, 3))
    return timedelta(minutes=rng.uniform(1, 45)) if luck < 0.985 else timedelta(hours=rng.uniform(3, 50))


def _clock(rng: Random) -> timedelta:
    """Return how wrong the device's clock goes: two in a hundred are minutes to hours off."""
    return timedelta(minutes=rng.uniform(-180, 240)) if rng.random() < 0.02 else timedelta()
