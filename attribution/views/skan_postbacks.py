"""Apple's postbacks one by one: the list, and what Apple signed of each; and the console that checks a pasted one."""

import json
from typing import Any
from urllib.parse import urlencode

import orjson
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods, require_safe

from attribution.models import ApplePostback, ConversionSchema
from attribution.skan import decoding, examples, judging, networks, receiving, schemas
from attribution.skan.judging import Judged
from attribution.views.shared import both_ways, order_of, page_of, period_of, wants_csv
from attribution.views.skan import first_steps, views_of
from customers.pages import PageRequest, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.http import page

ORDERS = both_ways({"received": "received_at", "network": "network_id", "sequence": "sequence"})
STATES = {
    "counted": ("Counted", Q(counted=True)),
    "repeated": ("Valid, repeated", Q(state="valid", counted=False, sandbox=False)),
    "conflict": ("Contradicts another copy", Q(conflict=True)),
    "test": ("Tests", Q(state="valid", sandbox=True)),
    "invalid": ("Refused", Q(state="invalid")),
    "unverifiable": ("Can’t be verified", Q(state="unverifiable")),
}
KINDS = dict(ApplePostback.Kind.choices)
ORIGINS = {"device": "Sent by the phone", "network": "Forwarded by a network"}
WINDOWS = ("First", "Second", "Third")
CSV_HEAD = (
    "id", "received_at", "kind", "origin", "state", "problem", "counted", "conflict", "test", "version", "app_id",
    "network_id", "transaction_id", "sequence", "campaign_id", "source_identifier", "source_app_id", "source_domain",
    "fidelity_type", "conversion_type", "did_win", "conversion_value_not_signed", "coarse_value_not_signed",
    "interaction_not_signed", "country_not_signed", "meaning", "seen",
)  # fmt: skip


@project_page
@require_safe
def skan_postback_list(request: PageRequest) -> HttpResponse:
    """Show the postbacks of the period, newest first."""
    period = period_of(request)
    if not request.project.apple_postbacks.exists():
        context = {**first_steps(request), "views": views_of(request, "skan-postback-list")}
        return page(request, "attribution/skan_empty.html", context)
    everything = request.project.apple_postbacks.filter(received_at__gte=period.start, received_at__lt=period.until)
    rows = _filtered(request, everything)
    if wants_csv(request):
        return csv_file("apple-postbacks", CSV_HEAD, _lines(request, rows))
    _, order = order_of(request, ORDERS, "-received")
    found = page_of(request, rows, order)
    known = schemas.of_project(request.project.pk)
    context = {
        "views": views_of(request, "skan-postback-list"),
        "period": period,
        "rows": [{"row": row, "network": networks.network_of(row.network_id).name or "–",
                  "window": WINDOWS[min(row.sequence, 2)], "means": _meaning(request, row, known)}
                 for row in found.rows],
        "number": rows.count(),
        "next": found.next,
        "choices": _choices(request),
        "chips": _chips(request),
    }  # fmt: skip
    return page(request, "attribution/skan_postback_list.html", context, partial="rows")


def _filtered(request: PageRequest, rows: QuerySet[ApplePostback]) -> QuerySet[ApplePostback]:
    query = {name: value.replace("\x00", "") for name, value in request.GET.dict().items()}
    if query.get("state") in STATES:
        rows = rows.filter(STATES[query["state"]][1])
    for name in ("kind", "origin"):
        if query.get(name):
            rows = rows.filter(**{name: query[name]})
    if words := query.get("q", "").strip():
        found = Q(transaction_id__istartswith=words) | Q(network_id__istartswith=words)
        digits = words.removeprefix("id")
        if digits.isascii() and digits.isdigit() and len(digits) < 19:
            found |= Q(app_id=int(digits)) | Q(source_identifier=digits)
        named = [f"{key}." for key, one in networks.KNOWN.items() if words.lower() in one.name.lower()]
        for start in named:
            found |= Q(network_id__startswith=start)
        rows = rows.filter(found)
    return rows


def _with(request: PageRequest, **changes: str | None) -> str:
    query = {name: value for name, value in request.GET.items() if name not in {*changes, "cursor"}}
    return f"?{urlencode({**query, **{name: value for name, value in changes.items() if value}})}"


def _choices(request: PageRequest) -> list[dict[str, Any]]:
    values = {"state": {name: words for name, (words, _) in STATES.items()}, "kind": KINDS, "origin": ORIGINS}
    labels = {"state": "State", "kind": "Kind", "origin": "Way here"}
    return [
        {
            "label": labels[name],
            "values": [{"words": words, "url": _with(request, **{name: key})} for key, words in found.items()],
        }
        for name, found in values.items()
        if request.GET.get(name) not in found
    ]


def _chips(request: PageRequest) -> list[dict[str, str]]:
    values = {"state": {name: words for name, (words, _) in STATES.items()}, "kind": KINDS, "origin": ORIGINS}
    return [
        {"words": str(found[request.GET[name]]), "clear": _with(request, **{name: None})}
        for name, found in values.items()
        if request.GET.get(name) in found
    ]


def _meaning(request: PageRequest, row: ApplePostback, known: list[decoding.Schema]) -> str:
    """Return what the values of a postback meant when they were set; "" where no schema says it."""
    schema = decoding.schema_for(known, row.app_id, decoding.day_of(row.received_at, request.project.tz))
    meaning = decoding.decode(schema, row.sequence, row.conversion_value, row.coarse_value)
    return meaning.label if meaning else ""


def _lines(request: PageRequest, rows: QuerySet[ApplePostback]) -> Any:
    known = schemas.of_project(request.project.pk)
    for row in rows.order_by("-received_at", "-pk").defer("raw").iterator(2_000):
        yield (
            f"apb_{row.pk}", row.received_at, row.kind, row.origin, row.state, row.problem, row.counted, row.conflict,
            row.sandbox, row.version, row.app_id, row.network_id, row.transaction_id, row.sequence, row.campaign_id,
            row.source_identifier, row.source_app_id, row.source_domain, row.fidelity_type, row.conversion_type,
            row.did_win, row.conversion_value, row.coarse_value, row.interaction, row.country,
            _meaning(request, row, known), row.seen,
        )  # fmt: skip


@project_page
@require_safe
def skan_postback_detail(request: PageRequest, apple_postback_id: int) -> HttpResponse:
    """Show one postback: what its signature proves, each field signed or not, and its other copies."""
    row = get_object_or_404(request.project.apple_postbacks, pk=apple_postback_id)
    judged = judging.judge(row.raw, row.kind)
    known = schemas.of_project(request.project.pk)
    day = decoding.day_of(row.received_at, request.project.tz)
    schema = decoding.schema_for(known, row.app_id, day)
    copies = request.project.apple_postbacks.filter(
        kind=row.kind, transaction_id=row.transaction_id, sequence=row.sequence
    ).exclude(pk=row.pk)
    context = {
        "row": row,
        "window": WINDOWS[min(row.sequence, 2)],
        "network": networks.network_of(row.network_id).name,
        "example": row.key == examples.KEY,
        "means": decoding.decode(schema, row.sequence, row.conversion_value, row.coarse_value),
        "schema": ConversionSchema.objects.filter(pk=schema.id).select_related("app").first() if schema else None,
        "day": day,
        "currency": (schema.currency if schema else "") or request.project.currency,
        "problem": judging.PROBLEMS.get(row.problem, ""),
        "copies": copies.order_by("pk")[:20] if row.transaction_id and row.state == "valid" else [],
        "raw": _pretty(row.raw),
        **checked(judged),
    }
    return page(request, "attribution/skan_postback_detail.html", context)


@project_page
@require_http_methods(["GET", "HEAD", "POST"])
def skan_console(request: PageRequest) -> HttpResponse:
    """Check a pasted postback: what Apple signed, with which key, and what it proves. Nothing is stored."""
    name = request.GET.get("example", "")
    text = request.POST.get("text", examples.ALL[name].text if name in examples.ALL else "")
    context: dict[str, Any] = {
        "views": views_of(request, "skan-console"),
        "examples": [(key, one) for key, one in examples.ALL.items()],
        "chosen": examples.ALL.get(name) if request.method != "POST" else None,
        "text": text[: receiving.BODY_BYTES],
    }
    if len(text) > receiving.BODY_BYTES:
        context["too_large"] = True
    elif text.strip():
        context.update(checked(judging.judge(text)))
    return page(request, "attribution/skan_console.html", context, partial="result")


def checked(judged: Judged) -> dict[str, Any]:
    """Return what a page shows of a check: the joined string part by part, the fields, the key, the result."""
    verdict = judged.verdict
    return {
        "judged": judged,
        "verdict": verdict,
        "aak": judged.kind == judging.AAK,
        "joined": verdict.joined if judged.kind == judging.SKAN else ".".join(text for _, text in verdict.parts),
        "signed": [(name, _written(value)) for name, value in judged.signed],
        "unsigned": [(name, _written(value)) for name, value in judged.unsigned],
        "says": judged.says,
    }


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _pretty(raw: str) -> Any:
    """Return what came, as JSON where it is."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw
