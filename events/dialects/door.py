"""The one way in for all dialects: whose it is, what is in it, stored, kept where refused, answered as vendors do."""

from collections.abc import Callable, Sequence

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from customers.throttle import admit
from events import ingest, metrics, rejections
from events.bodies import read_body
from events.dialects import vendors
from events.dialects.base import Claim, Dialect, Note, Sent, Translated, UnknownApp
from events.dialects.vendors import Found
from events.ingest import EventsRefused, Parsed, Receipt
from events.models import VendorCopy
from events.payloads import Refusal
from growthplatform.core import cipher
from growthplatform.core.errors import Problem, TooManyRequests
from growthplatform.core.http import client_ip

WARNING, ID = "X-Ingest-Warning", "X-Ingest-Id"
KEPT_HEADERS = ("authentication", "authorization")


def door(dialect: Dialect, *methods: str) -> Callable[..., HttpResponse]:
    """Return the view of a dialect's addresses."""

    @csrf_exempt
    def view(request: HttpRequest, **_: str) -> HttpResponse:
        if request.method not in methods:
            return _finished(HttpResponse(status=405, headers={"Allow": ", ".join(methods)}), ())
        return receive(request, dialect)

    return view


def receive(request: HttpRequest, dialect: Dialect) -> HttpResponse:
    """Take a request in a vendor's format; the answer is the vendor's, with our warnings in a header."""
    sent, found = _bare(request), None
    try:
        sent = sent._replace(body=read_body(request, dialect.LIMIT_BYTES))
        claim = dialect.claim(sent)
        found = vendors.find(dialect.NAME, claim)
        if found is None:
            raise UnknownApp
        admit(found.caller)
        translated = _translated(dialect, sent, claim, found)
        receipt = _accepted(dialect, sent, found, translated, client_ip(request, settings.TRUSTED_PROXIES))
    except Problem as problem:
        return _refused(dialect, sent, found, problem)
    notes = list(translated.notes)
    if receipt.refused:
        swallowed = [one for one in receipt.refused if one.code in dialect.SWALLOWED]
        if len(swallowed) < len(receipt.refused):
            return _finished(dialect.refused(sent, EventsRefused(receipt)), notes, receipt.refused)
        return _finished(dialect.accepted(sent, receipt), notes, receipt.refused)
    answer = _finished(dialect.accepted(sent, receipt), notes)
    if translated.calls:
        answer[ID] = _header(translated.calls[0][1].message_id)
    return answer


def _bare(request: HttpRequest) -> Sent:
    meta = request.META
    authorization = next((value for name in KEPT_HEADERS if (value := request.headers.get(name, ""))), "")
    return Sent(
        request.method or "",
        request.path_info,
        meta.get("QUERY_STRING", ""),
        b"",
        meta.get("CONTENT_TYPE", ""),
        authorization,
        meta.get("HTTP_USER_AGENT", ""),
    )


def _translated(dialect: Dialect, sent: Sent, claim: Claim, found: Found) -> Translated:
    if not found.app_known:
        message = f"app_id: the key is this project's, but {claim.app_id or 'no app id'!r} is not one of its apps."
        return Translated([], [Refusal(0, "unknown_app", message, "app_id", original(sent))])
    return dialect.translate(sent, vendors.names_of(found.caller.project_id, dialect.NAME))


def _accepted(dialect: Dialect, sent: Sent, found: Found, translated: Translated, peer_ip: str) -> Receipt:
    parsed = Parsed(translated.calls, translated.sent_at, translated.refused)

    def store() -> Receipt:
        if not found.forward or not found.app_pk:
            return ingest.accept(found.caller, parsed, path=sent.path, peer_ip=peer_ip)
        with transaction.atomic():
            receipt = ingest.accept(found.caller, parsed, path=sent.path, peer_ip=peer_ip)
            _copy(sent, found)
        return receipt

    try:
        return store()
    except (psycopg.OperationalError, InterfaceError, OperationalError):
        # The connection may be from before a restart of PostgreSQL. What it may have stored is passed over.
        connection.close()
        return store()


def _copy(sent: Sent, found: Found) -> None:
    VendorCopy.objects.create(
        project_id=found.caller.project_id,
        app_id=found.app_pk or 0,
        method=sent.method,
        path=sent.path[:300],
        query=sent.query,
        content_type=sent.content_type[:100],
        authorization=cipher.encrypt(sent.authorization) if sent.authorization else "",
        agent=sent.agent[:300],
        body=sent.body,
    )


def _refused(dialect: Dialect, sent: Sent, found: Found | None, problem: Problem) -> HttpResponse:
    """Answer a request of which no event could be read; keep it where its owner is known."""
    refusals: list[Refusal] = []
    if found and not isinstance(problem, TooManyRequests):
        body = original(sent) or next((part for part in problem.args if isinstance(part, bytes)), b"")
        refusals = [Refusal(0, problem.code, problem.message, "", body)]
        rejections.keep(found.caller.project_id, sent.path, refusals, None, timezone.now())
        metrics.REFUSED.inc()
    if problem.code in dialect.SWALLOWED and refusals:
        return _finished(dialect.accepted(sent, Receipt(0, 0, refusals)), (), refusals)
    return _finished(dialect.refused(sent, problem), (), refusals)


def original(sent: Sent) -> bytes:
    """Return what was sent, as it is kept and repaired: the body, else the query."""
    return sent.body or sent.query.encode()


def _finished(answer: HttpResponse, notes: Sequence[Note], refusals: Sequence[Refusal] = ()) -> HttpResponse:
    said = [f"{note.code}: {note.message}" for note in notes]
    said += [f"{one.code}: {one.message} Kept under Rejected events." for one in refusals[:3]]
    if said:
        answer[WARNING] = _header("; ".join(said))
    answer["Access-Control-Allow-Origin"] = "*"
    answer["Access-Control-Expose-Headers"] = f"Retry-After, {WARNING}, {ID}"
    metrics.REQUESTS.labels(answer.status_code).inc()
    return answer


def _header(text: str) -> str:
    """Return `text` as a header may have it: one line of ASCII."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:1000]
