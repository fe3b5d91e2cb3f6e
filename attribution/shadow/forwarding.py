"""Copies of requests go on to the vendor they were meant for, as they came, so that both count the same.

A copy is sent at least once: what a process that died had sent is sent again, as a customer's own server would.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Max, Min, Q
from django.utils import timezone

from attribution import retries
from customers.models import Project
from events.dialects import registry, vendors
from events.models import VendorApp, VendorCopy
from growthplatform.core import cipher, outbound
from growthplatform.core.cipher import Unreadable
from growthplatform.core.errors import InvalidField
from growthplatform.core.outbound import Answer

# Bodies may have megabytes, and all of a batch are in memory.
AT_ONCE = 64
THREADS = 16
TIMEOUT_S = 10.0
# A run that died leaves its copies to the next one after this long.
LEASE = timedelta(minutes=2)
GIVE_UP = timedelta(hours=24)
# After so many failures in a row of one app, nothing is sent for a minute: its vendor is down, others are not.
BREAKS_AFTER = 5
BROKEN_FOR = timedelta(minutes=1)
# Kept to be looked at, and as what comparisons count as undelivered.
KEPT_DELIVERED = timedelta(days=2)
KEPT_FAILED = timedelta(days=35)
FORGOTTEN_AT_ONCE = 20_000
# Asking again may help with these; any other 4xx is the vendor's last word.
PASSING = frozenset({408, 425, 429})

TAKE = """
UPDATE events_vendorcopy SET tries = tries + 1, next_at = %s WHERE id IN (
    SELECT c.id FROM events_vendorcopy c JOIN events_vendorapp a ON a.id = c.app_id
    WHERE c.state = 'waiting' AND c.next_at <= %s AND a.forward AND a.archived_at IS NULL AND NOT c.app_id = ANY(%s)
    ORDER BY c.next_at, c.id LIMIT %s FOR UPDATE OF c SKIP LOCKED
) RETURNING id
"""
PUT_OFF = """
UPDATE events_vendorcopy SET next_at = %s
WHERE app_id = %s AND state = 'waiting' AND next_at <= %s AND tries = 0
"""


class Sent(NamedTuple):
    """A copy that was sent, and what came of it."""

    copy: VendorCopy
    answer: Answer


@dataclass(frozen=True)
class Health:
    """How the copies of an app fare: of the last 24 hours, and what waits now."""

    app: VendorApp
    delivered: int = 0
    waiting: int = 0
    failed: int = 0
    oldest_waiting: datetime | None = None
    last_delivered_at: datetime | None = None
    problem: str = ""

    @property
    def state(self) -> str:
        """Return off, idle, good, late (copies wait longer than ten minutes) or failing (some were given up)."""
        if not self.app.forward:
            return "off"
        if self.failed:
            return "failing"
        if self.oldest_waiting and timezone.now() - self.oldest_waiting > timedelta(minutes=10):
            return "late"
        return "good" if self.delivered or self.waiting else "idle"


def switch(app: VendorApp, *, on: bool, url: str | None = None, user: User | None = None) -> VendorApp:
    """Begin or stop sending what comes for an app on to its vendor; `url` is another host than the vendor's own.

    What was not sent when it stops is given up. Raises InvalidField for an address that nothing is sent to.
    """
    if url is not None:
        url = url.strip().rstrip("/")
        if url:
            try:
                outbound.check_url(url)
            except outbound.AddressRefused as why:
                raise InvalidField.named("url", why.message) from None
        app.forward_url = url
    if on and not address_of(app):
        raise InvalidField.named("url", "There is no usual host of this vendor; name the one that you send to.")
    before, app.forward = app.forward, on
    app.save(update_fields=["forward", "forward_url"])
    if before != on:
        LogEntry.objects.log_create(
            app,
            force_log=True,
            action=LogEntry.Action.UPDATE,
            changes={"copies": ["sent" if before else "not sent", "sent" if on else "not sent"]},
            additional_data={"organization": app.project.organization_id},
            actor=user,
        )
    if not on:
        VendorCopy.objects.filter(app=app, state=VendorCopy.State.WAITING).update(
            state=VendorCopy.State.FAILED, problem="Sending copies was switched off."
        )
    vendors.forget_cached()
    return app


def address_of(app: VendorApp) -> str:
    """Return the host that copies of an app go to; "" where none is known."""
    dialect = registry.DIALECTS.get(app.dialect)
    return app.forward_url or (dialect.VENDOR_URL if dialect else "")


def run(*, now: datetime, working_s: float) -> int:
    """Send the copies that are due; return how many were sent. Safe to repeat and to run twice at once."""
    until, sent, broken = time.monotonic() + working_s, 0, set[int]()
    while time.monotonic() < until:
        done = send_due(now=now, but_not=broken)
        sent += len(done)
        broken |= _broken(done, now)
        if len(done) < AT_ONCE:
            break
    return sent


def send_due(*, now: datetime, limit: int = AT_ONCE, but_not: Iterable[int] = ()) -> list[Sent]:
    """Send up to `limit` copies that are due, the longest due first, but none of the apps `but_not`.

    No transaction is open while a vendor is waited for: a copy is taken by putting off its next time.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [now + LEASE, now, list(but_not), limit])
        taken = [pk for (pk,) in cursor.fetchall()]
    copies = list(VendorCopy.objects.filter(pk__in=taken).select_related("app").order_by("pk"))
    if not copies:
        return []
    with ThreadPoolExecutor(min(THREADS, len(copies))) as pool:
        answers = list(pool.map(_send, copies))
    done = [Sent(copy, answer) for copy, answer in zip(copies, answers, strict=True)]
    _settle(done, now)
    return done


def _send(copy: VendorCopy) -> Answer:
    try:
        headers = headers_of(copy)
    except Unreadable as why:
        return Answer(None, "", 0, why.message)
    # A vendor may take single addresses on another host.
    home = copy.app.forward_url or registry.home_of(copy.path) or address_of(copy.app)
    url = home + copy.path + (f"?{copy.query}" if copy.query else "")
    return outbound.request(copy.method, url, headers, bytes(copy.body), TIMEOUT_S)


def headers_of(copy: VendorCopy) -> dict[str, str]:
    """Return the headers that a copy is sent with. A key of ours, which the vendor has no business with, stays here.

    Raises Unreadable where SECRET_KEY has changed.
    """
    headers = {"Content-Type": copy.content_type, "User-Agent": copy.agent}
    if copy.authorization:
        value = cipher.decrypt(copy.authorization)
        if not any(prefix in value for prefix in ("wk_", "sk_")):
            headers["authentication" if copy.app.dialect == "appsflyer" else "Authorization"] = value
    return {name: value for name, value in headers.items() if value}


def _settle(done: Sequence[Sent], now: datetime) -> None:
    for copy, answer in done:
        copy.status, copy.problem = answer.status, answer.problem
        if answer.ok:
            copy.state, copy.delivered_at = VendorCopy.State.DELIVERED, now
        elif _is_last_word(answer):
            copy.state = VendorCopy.State.FAILED
            copy.problem = f"{answer.problem} {answer.head}".strip()[:300]
        else:
            wait = retries.pause_after(copy.tries, answer.retry_after_s)
            copy.next_at = now + wait
            if copy.next_at > copy.received_at + GIVE_UP:
                copy.state = VendorCopy.State.FAILED
    # Not those that were switched off meanwhile.
    waiting = set(
        VendorCopy.objects.filter(pk__in=[copy.pk for copy, _ in done], state=VendorCopy.State.WAITING).values_list(
            "pk", flat=True
        )
    )
    VendorCopy.objects.bulk_update(
        [copy for copy, answer in done if copy.pk in waiting or answer.ok],
        ["state", "status", "problem", "next_at", "delivered_at"],
    )


def _is_last_word(answer: Answer) -> bool:
    return answer.status is not None and 300 <= answer.status < 500 and answer.status not in PASSING


def _broken(done: Sequence[Sent], now: datetime) -> set[int]:
    """Return the apps whose vendor is down, and let their new copies wait a minute."""
    of_app: dict[int, list[bool]] = defaultdict(list)
    for copy, answer in done:
        of_app[copy.app_id].append(answer.ok or _is_last_word(answer))
    broken = {app for app, answered in of_app.items() if len(answered) >= BREAKS_AFTER and not any(answered)}
    for app in broken:
        with connection.cursor() as cursor:
            cursor.execute(PUT_OFF, [now + BROKEN_FOR, app, now])
    return broken


def health(project: Project, *, now: datetime) -> list[Health]:
    """Return how the copies of each live app of a project fare."""
    day = now - timedelta(days=1)
    state = VendorCopy.State
    rows = (
        VendorCopy.objects.filter(project=project)
        .filter(Q(received_at__gte=day) | Q(state=state.WAITING))
        .values("app")
        .annotate(
            delivered=Count("pk", filter=Q(state=state.DELIVERED)),
            waiting=Count("pk", filter=Q(state=state.WAITING)),
            failed=Count("pk", filter=Q(state=state.FAILED)),
            oldest_waiting=Min("received_at", filter=Q(state=state.WAITING)),
            last_delivered_at=Max("delivered_at"),
        )
    )
    known: dict[int, Mapping[str, Any]] = {int(str(row["app"])): row for row in rows}
    apps = project.vendor_apps.filter(archived_at=None).order_by("dialect", "app_id")
    return [_health_of(app, known.get(app.pk, {})) for app in apps]


def _health_of(app: VendorApp, row: Mapping[str, Any]) -> Health:
    said = {name: value for name, value in row.items() if name != "app"}
    return Health(app, **said, problem=_last_problem(app) if row else "")


def _last_problem(app: VendorApp) -> str:
    wrong = VendorCopy.objects.filter(project=app.project_id, app=app).exclude(problem="")
    return wrong.order_by("-pk").values_list("problem", flat=True).first() or ""


def forget_old(*, now: datetime) -> int:
    """Delete copies that have arrived or were given up long ago, and give up those that nobody sends any more;
    return how many went. Safe to repeat."""
    off = VendorCopy.objects.filter(state=VendorCopy.State.WAITING, received_at__lt=now - GIVE_UP)
    off.update(state=VendorCopy.State.FAILED, problem="It was not sent within a day.")
    delivered = Q(state=VendorCopy.State.DELIVERED, delivered_at__lt=now - KEPT_DELIVERED)
    failed = Q(state=VendorCopy.State.FAILED, received_at__lt=now - KEPT_FAILED)
    gone = 0
    while True:
        old = VendorCopy.objects.filter(delivered | failed).order_by("pk").values_list("pk", flat=True)
        number, _ = VendorCopy.objects.filter(pk__in=list(old[:FORGOTTEN_AT_ONCE])).delete()
        gone += number
        if number < FORGOTTEN_AT_ONCE:
            return gone
