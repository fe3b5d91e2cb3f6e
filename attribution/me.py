"""The app's own question, asked at its first start: who sent me, and where does the person want to go?"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Value
from django.db.models.functions import MD5

from attribution import conversions, decisions, installs
from attribution.models import Decision, Install
from attribution.rules import ORGANIC
from events import services as events
from growthplatform.core.errors import InvalidField, NotFound

# Somebody else may be deciding this very install; then it is done within this time or soon after.
WAIT_S = 0.15
STEP_S = 0.01
# So long after the install the place inside the app and the parameters of the click are answered.
DEFERRED = timedelta(days=7)
NAMES = ("messageId", "anonymousId", "userId")


class UnknownInstall(NotFound):
    """Nobody sent this install, or not to this project."""

    code = "unknown_install"


@dataclass(frozen=True)
class Asked:
    """By which id an app asks for its install."""

    name: str
    value: str

    @classmethod
    def of(cls, query: dict[str, str]) -> "Asked":
        """Read the question. Raises InvalidField unless it names exactly one id."""
        given = [(name, query[name].strip()) for name in NAMES if query.get(name, "").strip()]
        if len(given) != 1:
            raise InvalidField.named("messageId", f"Give one of {', '.join(NAMES)}, to say whose install is meant.")
        name, value = given[0]
        if "\x00" in value or len(value) > 1_000:
            raise InvalidField.named(name, "An id has no zero bytes and at most 1,000 characters.")
        return cls(name, value)


def answer(project_id: int, asked: Asked, *, now: datetime) -> dict[str, Any] | None:
    """Return what the install is credited to, deciding it now if nobody has yet; None while that still goes on.

    Nothing in it names another person or their device. Raises UnknownInstall.
    """
    install = _find(project_id, asked)
    if install is None:
        return {"status": "organic", "isFirst": False, "kind": "open"}
    decision = _decision(install)
    if decision is None and install.pending:
        decisions.decide_one(install.pk, now=now)
        decision = _decision(install)
        until = time.monotonic() + WAIT_S
        while decision is None and time.monotonic() < until and _waits(install):
            time.sleep(STEP_S)
            decision = _decision(install)
    if decision is None:
        return None if _waits(install) else {"status": "organic", "isFirst": False, "kind": "open"}
    return shape(decision, now=now)


def _find(project_id: int, asked: Asked) -> Install | None:
    """Return the install that is meant, read from the stream if need be; None for an open that no click brought."""
    rows = Install.objects.filter(project=project_id)
    if asked.name == "messageId":
        known = rows.filter(message_id=asked.value).first()
        event = None if known else events.find(project_id, asked.value[:100])
        if event and event.name not in installs.KINDS:
            event = None
    else:
        mine = rows.annotate(digest=MD5("distinct_id")).filter(
            digest=MD5(Value(asked.value)), distinct_id=asked.value, kind=Install.Kind.INSTALL
        )
        known = mine.order_by("-installed_at", "-id").first()
        event = events.newest_of(project_id, asked.value, {installs.EVENT})
        if event and known and event.message_id == known.message_id:
            event = None
    if event:
        with transaction.atomic():
            conversions.link_to(installs.store([event]))
        known = rows.filter(message_id=event.message_id).first()
    if known is None and event is None:
        raise UnknownInstall(f"No install with this {asked.name} has been received in this project.")
    return known


def _decision(install: Install) -> Decision | None:
    return Decision.objects.select_related("install", "touch__link").filter(install=install).first()


def _waits(install: Install) -> bool:
    return Install.objects.filter(pk=install.pk, pending=True).exists()


def shape(decision: Decision, *, now: datetime) -> dict[str, Any]:
    """Return a decision as the app may see it: no id of a click, a device or a person."""
    touch = decision.touch
    told: dict[str, Any] = {
        "status": "organic" if decision.source == ORGANIC else "attributed",
        "isFirst": decision.kind == Decision.Kind.INSTALL,
        "kind": decision.kind,
        "decisionId": f"dec_{decision.pk}",
        "revision": decision.revision,
        "state": decision.state,
        "tier": decision.tier,
        "probability": decision.probability,
        "source": decision.source,
        "campaign": decision.campaign or None,
        "adSet": decision.ad_set or None,
        "ad": decision.ad or None,
        "creative": decision.creative or None,
        "publisher": decision.publisher or None,
        "clickedAt": None,
        "deepLink": None,
        "params": {},
    }
    if touch and now - decision.install.received_at < DEFERRED:
        told["clickedAt"] = touch.ts
        told["deepLink"] = touch.deep_link or (touch.link.deep_link if touch.link else "") or None
        told["params"] = touch.params
    return told
