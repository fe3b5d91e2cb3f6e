"""What Meta and Apple say about installs becomes touches, which decisions weigh like all others.

Each says it of one install, so the touch has no ids of a device: the install's `claim_id` names it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.db import connection, transaction

from attribution import meta, secrets
from attribution.candidates import PROVISIONAL
from attribution.claims import Claims
from attribution.models import AppleToken, Secret, Touch
from customers.models import Project

META, APPLE = Touch.Origin.META_REFERRER, Touch.Origin.APPLE_ADS
SOURCES = {META: "meta", APPLE: "apple"}
PREFIXES = {META: "meta_", APPLE: "apple_"}
REREAD_INSTALLS = 5_000
NEW_KEY = timedelta(minutes=5)

FIELDS = "id, project_id, message_id, installed_at, received_at, referrer_click_at, app, os_name, install_referrer"
UNCLAIMED = f"""
SELECT {FIELDS} FROM attribution_install WHERE claim_id = '' AND (project_id, message_id) IN (
    SELECT * FROM unnest(%s::bigint[], %s::text[])
)
"""  # noqa: S608
UNREAD = f"""
SELECT {FIELDS} FROM attribution_install
WHERE project_id = %s AND received_at > %s AND claim_id = '' AND install_referrer LIKE '%%utm_content%%'
ORDER BY id DESC LIMIT %s FOR UPDATE
"""  # noqa: S608
# Waits for an install that is being decided this moment, so that what came too late for it makes it pending again.
CLAIM = "UPDATE attribution_install SET claim_id = %s || id::text, pending = true WHERE id = ANY(%s)"


class Told(NamedTuple):
    """An install that a network is asked about."""

    id: int
    project_id: int
    message_id: str
    installed_at: datetime
    received_at: datetime
    referrer_click_at: datetime | None
    app: str
    os_name: str
    install_referrer: str


@dataclass(frozen=True)
class Ad:
    """What a network says brought an install; `at` is None where it doesn't say when."""

    at: datetime | None = None
    click: bool = True
    campaign: str = ""
    campaign_id: str = ""
    ad_set: str = ""
    ad: str = ""
    term: str = ""
    publisher: str = ""
    country: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


def keep(said: Sequence[tuple[int, str, Claims]], *, now: datetime) -> None:
    """Keep what new installs claim, each given by project and message id: read Meta's messages, queue Apple's tokens.

    To be called in the transaction that stores the installs, after it did. Safe to repeat.
    """
    asking = {(project_id, message_id): claims for project_id, message_id, claims in said if claims.asks}
    if not asking:
        return
    with connection.cursor() as cursor:
        cursor.execute(UNCLAIMED, [[project_id for project_id, _ in asking], [message_id for _, message_id in asking]])
        installs = [Told(*row) for row in cursor.fetchall()]
    tokens, ads = [], []
    for install in installs:
        claims = asking[install.project_id, install.message_id]
        if claims.meta and (ad := _read(install, claims.meta)):
            ads.append((install, ad))
        if claims.apple_token:
            tokens.append(
                AppleToken(project_id=install.project_id, install_id=install.id, token=claims.apple_token, next_at=now)
            )
    AppleToken.objects.bulk_create(tokens, ignore_conflicts=True)
    store(META, ads, now=now)


def reread(project: Project, *, now: datetime) -> int:
    """Read Meta's messages that no key opened yet, after a key was added; return how many it opened.

    Those of the last day: older decisions are final. The touch counts as received with its install, as its message was.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(UNREAD, [project.pk, now - PROVISIONAL, REREAD_INSTALLS])
        installs = [Told(*row) for row in cursor.fetchall()]
        ads = []
        for install in installs:
            payload = meta.payload_in(install.install_referrer)
            if payload and (ad := _read(install, payload)):
                ads.append((install, ad))
        store(META, ads, now=now)
    return len(ads)


def reread_for_new_keys(*, now: datetime) -> int:
    """Read again for each project that got a key of Meta's in the last minutes; return how many messages opened.

    Workers know a new key some seconds late, so what arrived meanwhile is read here.
    """
    new = Secret.objects.filter(kind=Secret.Kind.META_REFERRER, revoked_at=None, created_at__gt=now - NEW_KEY)
    return sum(reread(project, now=now) for project in Project.objects.filter(pk__in=new.values("project")))


def store(origin: Touch.Origin, ads: Sequence[tuple[Told, Ad]], *, now: datetime) -> None:
    """Store one touch for each install that a network claims, and have the install decided, or decided again."""
    if not ads:
        return
    touches = [_touch(origin, install, ad, now) for install, ad in ads]
    Touch.objects.bulk_create(touches, ignore_conflicts=True)
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [PREFIXES[origin], sorted(install.id for install, _ in ads)])


def unread(project: Project, *, now: datetime) -> int:
    """Count the last day's installs whose message of Meta no key has opened."""
    with connection.cursor() as cursor:
        cursor.execute(UNREAD.removesuffix("FOR UPDATE\n"), [project.pk, now - PROVISIONAL, REREAD_INSTALLS])
        return sum(meta.payload_in(Told(*row).install_referrer) is not None for row in cursor.fetchall())


def _read(install: Told, payload: meta.Payload) -> Ad | None:
    said = meta.decrypt(payload, secrets.live(install.project_id, Secret.Kind.META_REFERRER))
    if said is None:
        return None
    at = datetime.fromtimestamp(payload.at_s, UTC) if payload.at_s else install.referrer_click_at
    return Ad(
        at,
        payload.click,
        campaign=said.campaign,
        campaign_id=said.campaign_id,
        ad_set=said.ad_set,
        ad=said.ad,
        publisher=said.publisher,
        params=said.params,
    )


def _touch(origin: Touch.Origin, install: Told, ad: Ad, now: datetime) -> Touch:
    # A day may be all that the network says, or a clock may run ahead: it can't have been after the install.
    at = min(ad.at or install.installed_at, install.installed_at)
    return Touch(
        project_id=install.project_id,
        touch_id=f"{PREFIXES[origin]}{install.id}",
        type=Touch.Type.CLICK if ad.click else Touch.Type.IMPRESSION,
        ts=at,
        received_at=install.received_at if origin == META else now,
        source=SOURCES[origin],
        campaign=ad.campaign,
        campaign_id=ad.campaign_id,
        ad_set=ad.ad_set,
        ad=ad.ad,
        term=ad.term,
        publisher=ad.publisher,
        country=ad.country,
        params=dict(ad.params),
        app=install.app,
        os_name=install.os_name,
        origin=origin,
    )
