"""Destinations: made, changed, paused and put away; tried out, and shown what they would be sent."""

import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from auditlog.models import LogEntry
from django.contrib.auth.models import User

from attribution.models import Decision, Destination, Postback
from attribution.postbacks import credentials, facts, making, rendering, sending, signing
from attribution.postbacks.facts import Facts
from attribution.postbacks.rendering import Shape
from attribution.postbacks.steps import ANY, KINDS, REJECTED
from attribution.postbacks.templates import Template
from customers.models import Project
from growthplatform.core import cipher, outbound
from growthplatform.core.errors import InvalidField, Problem

FIELDS = ("kind", "name", "template", "method", "url", "headers", "body", "news", "sources")
NEWS = (*KINDS, REJECTED)
TEST = "test"
# A person waits for the answer to a test.
TEST_S = 6.0
MOST_DESTINATIONS, MOST_NAMES = 50, 50
SAMPLE: Facts = {
    "id": "dec_4812-1-install",
    "news": "install",
    "event": "install",
    "decision_id": "dec_4812",
    "revision": "1",
    "tier": "click_id",
    "source": "tiktok",
    "campaign": "Winter sale",
    "campaign_id": "1789",
    "adset": "Lookalike 2 %",
    "ad": "Video “12 s”",
    "creative": "snow.mp4",
    "publisher": "TikTok feed",
    "click_id": "tch_0f5c2b7a",
    "network_click_id": "E.C.P.CtIBxyz",
    "touch_type": "click",
    "sub1": "partner-7",
    "touch_time": "1795171092",
    "install_time": "1795171290",
    "install_time_iso": "2026-11-20T10:41:30+00:00",
    "event_time": "1795171290",
    "event_time_ms": "1795171290000",
    "event_time_us": "1795171290.000000",
    "event_time_iso": "2026-11-20T10:41:30+00:00",
    "app": "com.techstart.mobile",
    "os": "android",
    "os_version": "14",
    "device_model": "SM-S918B",
    "country": "DE",
    "locale": "de-DE",
    "advertising_id": "0b4e9c0e-6f0d-4c1c-9d5b-3a1f0a7c2e11",
    "gaid": "0b4e9c0e-6f0d-4c1c-9d5b-3a1f0a7c2e11",
    "ip": "203.0.113.7",
}
OF_A_CONVERSION: Facts = {"revenue": "9.99", "currency": "EUR", "order_id": "A-1009"}


class TooMany(Problem):
    status = 409
    code = "too_many_destinations"
    message = f"A project has at most {MOST_DESTINATIONS} destinations. Archive one that is not needed any more."


def create(project: Project, *, user: User | None, token: str = "", **fields: Any) -> tuple[Destination, str]:
    """Make a destination; return it and the secret its messages are signed with, which is shown this once.

    `fields` are those of FIELDS. Raises InvalidField, TooMany.
    """
    if project.destinations.filter(archived_at=None).count() >= MOST_DESTINATIONS:
        raise TooMany
    made = Destination(project=project, created_by=user, **fields)
    check(made)
    secret = signing.new_secret()
    made.secret = credentials.sealed(credentials.Credentials(secret, _checked_token(token)))
    made.save()
    _note(made, LogEntry.Action.CREATE, user, {"name": ["", made.name], "url": ["", made.url]})
    return made, secret


def change(destination: Destination, *, user: User | None, token: str | None = None, **fields: Any) -> Destination:
    """Change a destination; messages that were made before stay as they are. `token` None keeps the one it has.

    Raises InvalidField.
    """
    before = {name: getattr(destination, name) for name in fields}
    for name, value in fields.items():
        setattr(destination, name, value)
    check(destination)
    if token is not None:
        known = credentials.read(destination)
        destination.secret = credentials.sealed(known._replace(token=_checked_token(token)))
    destination.save()
    changed = {name: [str(old), str(getattr(destination, name))] for name, old in before.items()}
    _note(
        destination, LogEntry.Action.UPDATE, user, {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    )
    return destination


def check(destination: Destination, *, resolve: bool = True) -> None:
    """Raise InvalidField where a destination could not be sent to, with a row for each field that is wrong.

    With `resolve` the name of its host is looked up.
    """
    shape = making.shape_of(destination)
    wrong = [
        *_wrong_words(destination),
        *rendering.problems(shape, kind=destination.kind, news=destination.news, sample=sample_of(destination)),
    ]
    if not any(one.field == "url" for one in wrong):
        try:
            outbound.check_url(rendering.render(shape, sample_of(destination)).url, resolve=resolve)
        except outbound.AddressRefused as refused:
            wrong.append(rendering.Wrong("url", refused.message))
    if wrong:
        text = " ".join(f"{field}: {message}" for field, message in wrong)
        raise InvalidField(text, detail=[one._asdict() for one in wrong])


def _wrong_words(destination: Destination) -> list[rendering.Wrong]:
    wrong = []
    if not destination.name.strip():
        wrong.append(rendering.Wrong("name", "Give it a name."))
    if destination.kind not in Destination.Kind.values:
        wrong.append(rendering.Wrong("kind", "There are network and webhook."))
    if destination.method not in ("GET", "POST"):
        wrong.append(rendering.Wrong("method", "There are GET and POST."))
    if not destination.news:
        wrong.append(rendering.Wrong("news", "Choose at least one thing to tell."))
    if len(destination.news) > MOST_NAMES or any(not 0 < len(name) <= 200 for name in destination.news):
        wrong.append(rendering.Wrong("news", f"At most {MOST_NAMES} names of up to 200 characters."))
    if len(destination.sources) > MOST_NAMES or any(not 0 < len(name) <= 60 for name in destination.sources):
        wrong.append(rendering.Wrong("sources", f"At most {MOST_NAMES} names of up to 60 characters."))
    return wrong


def _checked_token(token: str) -> str:
    token = token.strip()
    if len(token) > 4_000 or not token.isprintable() or not token.isascii():
        raise InvalidField.named("token", "A token has at most 4,000 printable characters.")
    return token


def fields_of(template: Template) -> dict[str, Any]:
    """Return the fields of a destination that begins as this template."""
    shape = template.shape
    return {
        "kind": template.kind,
        "name": template.name,
        "template": template.code,
        "method": shape.method,
        "url": shape.url,
        "headers": dict(shape.headers),
        "body": shape.body,
        "news": list(template.news),
        "sources": list(template.sources),
    }


def has_token(destination: Destination) -> bool:
    """Say whether a destination has an access token; False also where its secrets can't be read any more."""
    try:
        return bool(credentials.read(destination).token)
    except cipher.Unreadable:
        return False


def pause(destination: Destination, *, user: User | None, now: datetime) -> None:
    """Hold messages back; they are made and wait. Safe to repeat."""
    if Destination.objects.filter(pk=destination.pk, paused_at=None).update(paused_at=now):
        _note(destination, LogEntry.Action.UPDATE, user, {"paused_at": ["", str(now)]})


def resume(destination: Destination, *, user: User | None, now: datetime) -> None:
    """Send what waits, and close the breaker: whoever asks for it has put something right. Safe to repeat."""
    rows = Destination.objects.filter(pk=destination.pk)
    rows.update(paused_at=None, failures=0, broken_until=None)
    # What is on its way this moment has a lease; it is not touched.
    waiting = destination.postbacks.filter(state=Postback.State.WAITING, next_at__gt=now + sending.LEASE)
    waiting.update(next_at=now)
    _note(destination, LogEntry.Action.UPDATE, user, {"paused_at": [str(destination.paused_at or ""), ""]})


def archive(destination: Destination, *, user: User | None, now: datetime) -> None:
    """Put a destination away: nothing is made or sent for it any more. Safe to repeat."""
    if Destination.objects.filter(pk=destination.pk, archived_at=None).update(archived_at=now):
        _note(destination, LogEntry.Action.DELETE, user, {"archived_at": ["", str(now)]})


def restore(destination: Destination, *, user: User | None) -> None:
    """Bring an archived destination back. Safe to repeat."""
    if Destination.objects.filter(pk=destination.pk).exclude(archived_at=None).update(archived_at=None):
        _note(destination, LogEntry.Action.UPDATE, user, {"archived_at": [str(destination.archived_at), ""]})


def renew_secret(destination: Destination, *, user: User | None) -> str:
    """Give a destination a new signing secret, in force at once, and return it: it is shown this once."""
    secret = signing.new_secret()
    known = credentials.read(destination)
    destination.secret = credentials.sealed(known._replace(signing=secret))
    destination.save(update_fields=["secret"])
    _note(destination, LogEntry.Action.UPDATE, user, {"secret": ["", "renewed"]})
    return secret


def sample_of(destination: Destination, news: str = "") -> Facts:
    """Return the values of the newest decision that is this destination's, as if it were told; else of an example."""
    rows = Decision.objects.filter(project=destination.project_id, rejected=False)
    rows = rows.filter(source__in=destination.sources) if destination.sources else rows.exclude(source="organic")
    newest = rows.select_related("install", "touch").order_by("-installed_at", "-pk").first()
    news = news or next((one for one in destination.news if one not in NEWS and one != ANY), "") or "install"
    values = facts.of_decision(newest) if newest else {**SAMPLE, "source": (*destination.sources, "tiktok")[0]}
    values |= {} if news in NEWS else OF_A_CONVERSION
    pk, revision = values["decision_id"], values["revision"]
    told = news if news in NEWS else "conversion"
    return values | {"id": f"{pk}-{revision}-{told}", "news": told, "event": news}


def preview(shape: Shape, values: Mapping[str, str]) -> rendering.Request:
    """Return the request that a template makes of these values; the token stays in braces."""
    return rendering.render(shape, values)


def parsed(body: str) -> Any:
    """Return a body as JSON where it is some, for showing it; else None."""
    try:
        return json.loads(body) if body.lstrip()[:1] in ("{", "[") else None
    except ValueError:
        return None


def send_test(destination: Destination) -> Postback:
    """Send a message made of an example at once, and return it with what came of it. It is in the log like others."""
    key = f"test_{secrets.token_hex(6)}"
    values = {**SAMPLE, "id": key, "news": TEST, "event": "install", "source": (*destination.sources, "test")[0]}
    values |= {"network_click_id": "test", "click_id": "test", "campaign": "Test"}
    made = making.message(destination, key, TEST, values)
    made.save()
    sending.send_one(made, timeout_s=TEST_S)
    if made.state == Postback.State.WAITING:
        # A test is looked at now: later it would surprise.
        Postback.objects.filter(pk=made.pk).update(state=Postback.State.FAILED)
        made.refresh_from_db()
    return made


def send_again(postbacks: Sequence[Postback], *, now: datetime) -> int:
    """Send messages once more with the same content and key; return how many. Those that still wait go at once.

    Archived destinations, canceled messages and those whose content was forgotten are left out.
    """
    good = [one for one in postbacks if one.url and one.state != Postback.State.CANCELED]
    good = [one for one in good if one.destination.archived_at is None]
    waiting = [one.pk for one in good if one.state == Postback.State.WAITING]
    # One on its way this moment has a lease; it is not sent beside itself.
    later = Postback.objects.filter(pk__in=waiting, state=Postback.State.WAITING, next_at__gt=now + sending.LEASE)
    later.update(next_at=now)
    again = [one for one in good if one.state != Postback.State.WAITING]
    made = [_again(one, now) for one in again]
    Postback.objects.bulk_create(made)
    return len(waiting) + len(made)


def _again(one: Postback, now: datetime) -> Postback:
    return Postback(
        project_id=one.project_id,
        destination_id=one.destination_id,
        idempotency_key=f"{sending.original_key(one.idempotency_key)}+{secrets.token_hex(3)}",
        news=one.news,
        decision_id=one.decision_id,
        revision=one.revision,
        conversion_id=one.conversion_id,
        corrects_id=one.corrects_id,
        replay_of_id=one.replay_of_id or one.pk,
        method=one.method,
        url=one.url,
        headers=one.headers,
        body=one.body,
        facts=one.facts,
        next_at=now,
        created_at=now,
    )


def _note(destination: Destination, action: int, user: User | None, changes: Mapping[str, Sequence[str]]) -> None:
    LogEntry.objects.log_create(
        destination,
        force_log=True,
        action=action,
        changes=dict(changes),
        additional_data={"organization": destination.project.organization_id},
        actor=user,
    )
