"""The one way in for all dialects: whose it is, what is in it, stored, kept where refused, answered as vendors do."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import psycopg
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from customers.throttle import admit
from events import ingest, metrics, rejections
from events.bodies import read_body
from events.dialects import first_sessions, opt_outs, vendors
from events.dialects.base import Claim, Dialect, Note, Sent, Translated, Unavailable, UnknownApp
from events.dialects.vendors import Found
from events.ingest import EventsRefused, Parsed, Receipt
from events.models import VendorCopy
from events.payloads import Call, Refusal
from growthplatform.core import cipher
from growthplatform.core.errors import Problem, TooManyRequests
from growthplatform.core.http import client_ip

WARNING, ID = "X-Ingest-Warning", "X-Ingest-Id"
KEPT_HEADERS = ("authentication", "authorization")
Result = TypeVar("Result")
DATABASE_AWAY = (psycopg.OperationalError, InterfaceError, OperationalError)


def door(dialect: Dialect, *methods: str) -> Callable[..., HttpResponse]:
    """Return the view of a dialect's addresses."""

    @csrf_exempt
    def view(request: HttpRequest, **_: str) -> HttpResponse:
        if request.method in methods:
            answer = receive(request, dialect)
        elif request.method == "OPTIONS":
            answer = preflight(request, methods)
        else:
            answer = HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
        return shared(request, answer)

    return view


def receive(request: HttpRequest, dialect: Dialect) -> HttpResponse:
    """Take a request in a vendor's format; the answer is the vendor's, with our warnings in a header."""
    sent = _bare(request)
    try:
        return _take(request, dialect, sent)
    except DATABASE_AWAY:
        return _with_warnings(dialect.refused(sent, away := Unavailable(retry_after_s=5)), (), (), away)
    except IntegrityError:  # the project was deleted while its app was still remembered
        return dialect.refused(sent, UnknownApp())


def _take(request: HttpRequest, dialect: Dialect, sent: Sent) -> HttpResponse:
    found = None
    try:
        sent = sent._replace(body=read_body(request, dialect.LIMIT_BYTES))
    except Problem as problem:
        head = next((part for part in problem.args if isinstance(part, bytes)), b"")
        sent = sent._replace(body=head)
        return _refused(dialect, sent, _owner(dialect, sent), problem)
    try:
        claim = dialect.claim(sent)
        found = _once_more(lambda: vendors.find(dialect.NAME, claim))
        translated = _translated(dialect, sent, claim, found)
        admit(found.caller, max(1, len(translated.calls) + len(translated.refused)))
        peer = client_ip(request, settings.TRUSTED_PROXIES) if translated.from_device else ""
        owner = found
        receipt = _once_more(lambda: _store(sent, owner, translated, peer))
    except Problem as problem:
        return _refused(dialect, sent, found, problem)
    if any(one.code not in dialect.SWALLOWED for one in receipt.refused):
        return _with_warnings(dialect.refused(sent, EventsRefused(receipt)), translated.notes, receipt.refused)
    notes = list(translated.notes)
    if receipt.repeated and not receipt.stored:
        notes.append(Note("repeated", "The same was sent before; it is stored once."))
    answer = _with_warnings(dialect.accepted(sent, receipt), notes, receipt.refused)
    if translated.calls:
        answer[ID] = _header(translated.calls[0][1].message_id)
    return answer


def _owner(dialect: Dialect, sent: Sent) -> Found | None:
    """Return whose a body is of which only the beginning was read, where that or the address says it."""
    try:
        return vendors.find(dialect.NAME, dialect.claim(sent))
    except Problem:
        return None


def original(sent: Sent) -> bytes:
    """Return what was sent, as it is kept and repaired: the body, else the query."""
    return sent.body or sent.query.encode()


def _bare(request: HttpRequest) -> Sent:
    meta = request.META
    authorization = next((value for name in KEPT_HEADERS if (value := request.headers.get(name, ""))), "")
    return Sent(
        request.method or "",
        request.path_info,
        meta.get("QUERY_STRING", ""),
        b"",
        timezone.now(),
        meta.get("CONTENT_TYPE", ""),
        authorization,
        meta.get("HTTP_USER_AGENT", ""),
        meta.get("HTTP_X_ADJUST_FORWARDED_FOR", "").strip(),
    )


def _translated(dialect: Dialect, sent: Sent, claim: Claim, found: Found) -> Translated:
    if not found.app_known:
        message = f"app_id: the key is this project's, but {claim.app_id or 'no app id'!r} is not one of its apps."
        code, message = claim.doubt or ("unknown_app", message)
        return Translated([], [Refusal(0, code, message, "app_id", original(sent))])
    translated = dialect.translate(sent, vendors.names_of(found.caller.project_id, dialect.NAME))
    return opt_outs.sifted(found.caller.project_id, translated)


def _once_more(ask: Callable[[], Result]) -> Result:
    """Ask again when the connection turns out to be from before a restart of PostgreSQL.

    What it may have stored is passed over.
    """
    try:
        return ask()
    except DATABASE_AWAY:
        connection.close()
        return ask()


def _store(sent: Sent, found: Found, translated: Translated, peer_ip: str) -> Receipt:
    parsed = Parsed(with_installs(found.caller.project_id, translated), translated.sent_at, translated.refused)
    opt_outs.remember(found.caller.project_id, translated.forget, sent.received_at)
    if not found.forward or not found.app_pk or opt_outs.only(translated):
        return ingest.accept(found.caller, parsed, path=sent.path, peer_ip=peer_ip, received_at=sent.received_at)
    with transaction.atomic():
        receipt = ingest.accept(found.caller, parsed, path=sent.path, peer_ip=peer_ip, received_at=sent.received_at)
        _copy(sent, found)
    return receipt


def with_installs(project_id: int, translated: Translated) -> list[tuple[int, Call, bytes]]:
    """Return the calls, and before them the installs of devices that are new to the project."""
    if not translated.installs:
        return translated.calls
    new = first_sessions.of_new_devices(project_id, translated.installs)
    return [(0, install, b"") for install in new] + translated.calls


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
        try:
            admit(found.caller)
        except TooManyRequests as too_fast:
            return _with_warnings(dialect.refused(sent, too_fast), (), (), too_fast)
        refusals = [Refusal(0, problem.code, problem.message, "", original(sent))]
        rejections.keep(found.caller.project_id, sent.path, refusals, None, sent.received_at)
        metrics.REFUSED.inc()
    if problem.code in dialect.SWALLOWED and refusals:
        return _with_warnings(dialect.accepted(sent, Receipt(0, 0, refusals)), (), refusals)
    return _with_warnings(dialect.refused(sent, problem), (), refusals, problem)


def _with_warnings(
    answer: HttpResponse, notes: Sequence[Note], refusals: Sequence[Refusal], problem: Problem | None = None
) -> HttpResponse:
    said = [f"{note.code}: {note.message}" for note in notes]
    kept = {True: " Kept under Rejected events.", False: ""}
    said += [f"{one.code}: {one.message}{kept[one.code != opt_outs.CODE]}" for one in refusals[:3]]
    if said:
        answer[WARNING] = _header("; ".join(said))
    if problem and problem.retry_after_s:
        answer["Retry-After"] = str(problem.retry_after_s)
    return answer


def preflight(request: HttpRequest, methods: Sequence[str]) -> HttpResponse:
    """Answer a browser that asks whether it may send: it may, with whatever headers it names."""
    answer = HttpResponse(status=204)
    answer["Access-Control-Allow-Methods"] = ", ".join([*methods, "OPTIONS"])
    answer["Access-Control-Allow-Headers"] = _header(request.headers.get("Access-Control-Request-Headers", "*"))
    answer["Access-Control-Max-Age"] = "86400"
    return answer


def shared(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """Let the scripts of any site read the answer, as vendors do; no cookie means anything to these addresses."""
    origin = request.headers.get("Origin", "")
    answer["Access-Control-Allow-Origin"] = _header(origin) or "*"
    if origin:
        answer["Access-Control-Allow-Credentials"] = "true"
        answer["Vary"] = "Origin"
    answer["Access-Control-Expose-Headers"] = f"Retry-After, {WARNING}, {ID}"
    metrics.REQUESTS.labels(answer.status_code).inc()
    return answer


def _header(text: str) -> str:
    """Return `text` as a header may have it: one line of ASCII."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)[:1000]
