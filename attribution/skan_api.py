"""The API of Apple's postbacks: what was stored, copies that networks forward, schemas, the check of a signature."""

import json
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.api import ERRORS, moment_of
from attribution.models import ApplePostback, ConversionSchema
from attribution.skan import decoding, judging, receiving, schemas
from attribution.skan.decoding import Schema
from attribution.skan.judging import Judged
from attribution.skan.receiving import Taken
from customers.api import ProjectView
from growthplatform.core.errors import InvalidField, NotFound
from growthplatform.core.paging import limit_of, paginate

NEWEST = ("-received_at", "-id")
MOST = 500
EQUAL = {
    "state": "state", "kind": "kind", "origin": "origin", "network": "network_id", "country": "country",
    "transactionId": "transaction_id",
}  # fmt: skip
NUMBERS = {"appId": "app_id", "sequence": "sequence"}
FLAGS = {"counted": "counted", "conflict": "conflict", "test": "sandbox"}

POSTBACK = {
    "id": "apb_7201",
    "kind": "skan",
    "origin": "device",
    "state": "valid",
    "problem": None,
    "key": "apple-p256",
    "counted": True,
    "conflict": False,
    "test": False,
    "seen": 1,
    "receivedAt": "2026-11-20T10:42:00Z",
    "signed": {
        "version": "4.0",
        "adNetworkId": "com.example",
        "appId": 525463029,
        "transactionId": "6aafb7a5-0170-41b5-bbe4-fe71dedf1e30",
        "sequence": 0,
        "campaignId": None,
        "sourceIdentifier": "5239",
        "sourceAppId": None,
        "sourceDomain": "example.com",
        "fidelityType": 1,
        "conversionType": "download",
        "didWin": True,
    },
    "notAuthenticated": {
        "conversionValue": 63,
        "coarseValue": None,
        "interaction": None,
        "country": None,
        "meaning": {"label": "Subscribed", "event": "Subscription Started", "revenue": "9.99", "currency": "USD"},
    },
}
COPY_INPUT = {
    "postbacks": [
        {
            "version": "3.0",
            "ad-network-id": "example123.skadnetwork",
            "campaign-id": 42,
            "transaction-id": "6aafb7a5-0170-41b5-bbe4-fe71dedf1e28",
            "app-id": 525463029,
            "attribution-signature": "MEYCIQD5eq3AUlamORiGovqFiHWI4RZT/PrM3VEiXUrsC+M51wIhAPMANZA9c07raZJ64gVaXhB9+9yZj"
            "/X6DcNxONdccQij",
            "redownload": True,
            "source-app-id": 1234567891,
            "fidelity-type": 1,
            "conversion-value": 20,
            "did-win": True,
        }
    ]
}
COPY_ANSWER = {
    "success": True,
    "results": [
        {"index": 0, "id": "apb_7202", "state": "valid", "problem": None, "message": None, "counted": False,
         "conflict": True, "repeated": False}
    ],
}  # fmt: skip
SCHEMA = {
    "id": 3,
    "appId": None,
    "validFrom": "2026-11-01",
    "currency": "EUR",
    "fine": [
        {"value": 0, "label": "Opened", "event": "", "revenue": None},
        {"value": "1-9", "label": "Trial", "event": "Trial Started", "revenue": "2.50"},
    ],
    "coarse": [{"sequence": 1, "value": "high", "label": "Paid", "event": "Order Completed", "revenue": "9.99"}],
}
CHECKED = {
    "kind": "skan",
    "state": "valid",
    "problem": None,
    "message": None,
    "field": None,
    "key": "apple-p256",
    "joined": "4.0⁣com.example⁣5239⁣525463029⁣6aafb7a5-0170-41b5-bbe4-fe71dedf1e30⁣false⁣example.com⁣1⁣true⁣0",
    "leftOut": None,
    "signed": {"version": "4.0", "ad-network-id": "com.example"},
    "notAuthenticated": {"conversion-value": 63},
    "test": False,
}


def shape(row: ApplePostback, found: list[Schema], zone: Any) -> dict[str, Any]:
    """Return a postback as the API answers it: what Apple signed apart from what it did not."""
    return {
        "id": f"apb_{row.pk}",
        "kind": row.kind,
        "origin": row.origin,
        "state": row.state,
        "problem": row.problem or None,
        "key": row.key or None,
        "counted": row.counted,
        "conflict": row.conflict,
        "test": row.sandbox,
        "seen": row.seen,
        "receivedAt": row.received_at,
        "signed": {
            "version": row.version or None,
            "adNetworkId": row.network_id or None,
            "appId": row.app_id,
            "transactionId": row.transaction_id or None,
            "sequence": row.sequence,
            "campaignId": row.campaign_id,
            "sourceIdentifier": row.source_identifier or None,
            "sourceAppId": row.source_app_id,
            "sourceDomain": row.source_domain or None,
            "fidelityType": row.fidelity_type,
            "conversionType": row.conversion_type or None,
            "didWin": row.did_win,
        },
        "notAuthenticated": {
            "conversionValue": row.conversion_value,
            "coarseValue": row.coarse_value or None,
            "interaction": row.interaction or None,
            "country": row.country or None,
            "meaning": meaning_of(row, found, zone),
        },
    }


def meaning_of(row: ApplePostback, found: list[Schema], zone: Any) -> dict[str, Any] | None:
    """Return what the values of a postback meant when they were set; None where no schema says it."""
    schema = decoding.schema_for(found, row.app_id, decoding.day_of(row.received_at, zone))
    meaning = decoding.decode(schema, row.sequence, row.conversion_value, row.coarse_value)
    if schema is None or meaning is None:
        return None
    revenue = None if meaning.revenue is None else f"{meaning.revenue:f}"
    return {
        "label": meaning.label, "event": meaning.event or None, "revenue": revenue, "currency": schema.currency or None
    }  # fmt: skip


def _switch(name: str, text: str) -> bool:
    if text not in {"true", "false"}:
        raise InvalidField.named(name, "Give true or false.")
    return text == "true"


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidField.named(name, "Give a whole number.")
    return int(text)


class PostbackCopies(ProjectView):
    @extend_schema(
        operation_id="list_apple_postbacks",
        summary="List Apple's postbacks: SKAdNetwork and AdAttributionKit",
        description="What Apple did not sign stands apart under `notAuthenticated`: anybody in between can change it.",
        tags=["Attribution"],
        parameters=[
            OpenApiParameter(
                "from", str, description="First moment of arrival: a time, or a day in the project's zone."
            ),
            OpenApiParameter("to", str, description="A time, excluded; or the last day, included."),
            OpenApiParameter("state", str, description="valid, invalid, unverifiable"),
            OpenApiParameter("kind", str, description="skan, aak"),
            OpenApiParameter("origin", str, description="device, network"),
            OpenApiParameter("network", str, description="The ad network's id"),
            OpenApiParameter("country", str),
            OpenApiParameter("appId", int),
            OpenApiParameter("sequence", int, description="0, 1 or 2"),
            OpenApiParameter("transactionId", str),
            OpenApiParameter("counted", bool),
            OpenApiParameter("conflict", bool),
            OpenApiParameter("test", bool),
            OpenApiParameter("limit", int, description="1-500, usually 50"),
            OpenApiParameter("cursor", str),
        ],
        responses={
            200: OpenApiResponse(dict, "Newest first."),
            400: OpenApiResponse(dict, "A filter can't be read."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "One postback", value={"results": [POSTBACK], "next": None}, response_only=True, status_codes=["200"]
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """List the project's postbacks of Apple."""
        rows = self.filtered(request)
        limit, cursor = limit_of(request.query_params), request.query_params.get("cursor", "")
        found = paginate(rows, NEWEST, cursor=cursor, limit=limit)
        known, zone = schemas.of_project(self.project.pk), self.project.tz
        return Response({"results": [shape(row, known, zone) for row in found.rows], "next": found.next})

    def filtered(self, request: Request) -> QuerySet[ApplePostback]:
        """Return the postbacks that the query asks for. Raises InvalidField."""
        query = {name: str(value).replace("\x00", "") for name, value in request.query_params.items()}
        rows = ApplePostback.objects.filter(project=self.project)
        for name, field in (("from", "received_at__gte"), ("to", "received_at__lt")):
            if query.get(name):
                rows = rows.filter(**{field: moment_of(self.project, name, query[name])})
        for name, field in EQUAL.items():
            if query.get(name):
                rows = rows.filter(**{field: query[name]})
        for name, field in FLAGS.items():
            if name in query:
                rows = rows.filter(**{field: _switch(name, query[name])})
        for name, field in NUMBERS.items():
            if query.get(name):
                rows = rows.filter(**{field: _number(name, query[name])})
        return rows

    @extend_schema(
        operation_id="send_apple_postbacks",
        summary="Forward up to 500 postbacks that a network received",
        description=(
            "Each as Apple sent it. A copy that a phone sent itself goes before a forwarded one; where the two differ"
            " in what Apple does not sign, the other is marked as a conflict. Safe to repeat."
        ),
        tags=["Attribution"],
        request=dict,
        responses={
            200: OpenApiResponse(dict, "What became of each, in the order sent."),
            400: OpenApiResponse(dict, "No list of postbacks."),
            429: OpenApiResponse(dict, "Too many without a valid signature today."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("One postback", value=COPY_INPUT, request_only=True),
            OpenApiExample("Stored", value=COPY_ANSWER, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Store postbacks that a network forwards."""
        given, now = request.data, timezone.now()
        rows = given.get("postbacks", [given]) if isinstance(given, dict) else given
        if not isinstance(rows, list) or not 0 < len(rows) <= MOST or not all(isinstance(row, dict) for row in rows):
            raise InvalidField.named("postbacks", f"Give a list of 1 to {MOST} postbacks as Apple sent them.")
        origin, project = ApplePostback.Origin.NETWORK, self.project.pk
        taken = [receiving.take(json.dumps(row).encode(), origin=origin, project_id=project, now=now) for row in rows]
        return Response({"success": True, "results": [_row(place, one) for place, one in enumerate(taken)]})


def _row(place: int, taken: Taken) -> dict[str, Any]:
    row = taken.postback
    return {
        "index": place,
        "id": f"apb_{row.pk}",
        "state": row.state,
        "problem": row.problem or None,
        "message": taken.judged.says or None,
        "counted": row.counted,
        "conflict": row.conflict,
        "repeated": taken.repeated,
    }


class SignatureCheck(ProjectView):
    @extend_schema(
        operation_id="verify_apple_postback",
        summary="Check the signature of a postback",
        description="Nothing is stored. `joined` is what Apple signed, its fields joined by U+2063.",
        tags=["Attribution"],
        request=dict,
        responses={200: OpenApiResponse(dict, "What the signature proves."), 400: OpenApiResponse(dict), **ERRORS},
        examples=[
            OpenApiExample("A postback", value={"postback": COPY_INPUT["postbacks"][0]}, request_only=True),
            OpenApiExample("Valid", value=CHECKED, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Say what the signature of a postback proves. `postback` is an object, or its text."""
        given = request.data.get("postback", request.data) if isinstance(request.data, dict) else None
        text = given if isinstance(given, str) else json.dumps(given) if isinstance(given, dict) else ""
        if not text or len(text) > receiving.BODY_BYTES:
            raise InvalidField.named("postback", "Give a postback as Apple sends it, at most 64 KB.")
        return Response(shape_of_check(judging.judge(text)))


def shape_of_check(judged: Judged) -> dict[str, Any]:
    """Return what a signature proves, as the API answers it."""
    verdict = judged.verdict
    return {
        "kind": judged.kind,
        "state": verdict.state,
        "problem": verdict.problem or None,
        "message": judged.says or None,
        "field": verdict.field or None,
        "key": verdict.key or None,
        "joined": verdict.joined if judged.kind == judging.SKAN else ".".join(text for _, text in verdict.parts),
        "leftOut": verdict.left_out or None,
        "signed": dict(judged.signed),
        "notAuthenticated": dict(judged.unsigned),
        "test": judged.test,
    }


class SchemaList(ProjectView):
    @extend_schema(
        operation_id="list_conversion_schemas",
        summary="List what conversion values mean, from which day on",
        tags=["Attribution"],
        responses={200: OpenApiResponse(dict, "Newest day first."), **ERRORS},
        examples=[
            OpenApiExample("One schema", value={"results": [SCHEMA]}, response_only=True, status_codes=["200"]),
        ],
    )
    def get(self, request: Request) -> Response:
        """List the project's conversion schemas."""
        rows = self.project.conversion_schemas.select_related("app").order_by("-valid_from", "-pk")
        return Response({"results": [_schema(row) for row in rows]})

    @extend_schema(
        operation_id="create_conversion_schema",
        summary="Say what conversion values mean from a day on",
        description=(
            "Older values keep the meaning that was in force when they were set. `appId` null is for all apps without a"
            " schema of their own; `value` of a fine one may be a range, `10-19`."
        ),
        tags=["Attribution"],
        request=dict,
        responses={
            201: OpenApiResponse(dict, "The schema."),
            400: OpenApiResponse(dict, "Fields that can't be taken, by name."),
            409: OpenApiResponse(dict, "The app has a schema from this day on."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "A schema", value={name: SCHEMA[name] for name in SCHEMA if name != "id"}, request_only=True
            ),
            OpenApiExample("Made", value=SCHEMA, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Make a conversion schema."""
        given = request.data if isinstance(request.data, dict) else {}
        unknown = [name for name in given if name not in {"appId", "validFrom", "currency", "fine", "coarse"}]
        if unknown:
            raise InvalidField.named(str(unknown[0])[:40], "There is no such field.")
        app = None
        if given.get("appId") is not None:
            app_id = given["appId"]
            known = isinstance(app_id, int) and not isinstance(app_id, bool) and abs(app_id) < 2**63
            app = self.project.apple_apps.filter(app_id=app_id).first() if known else None
            if app is None:
                raise NotFound("appId: this project has no such app.")
        try:
            valid_from = date.fromisoformat(str(given.get("validFrom")))
        except ValueError:
            raise InvalidField.named("validFrom", "Give a day like 2026-11-20.") from None
        row = schemas.save(
            self.project, app=app, valid_from=valid_from, fine=given.get("fine", []), coarse=given.get("coarse", []),
            currency=str(given.get("currency") or ""),
        )  # fmt: skip
        return Response(_schema(row), status=201)


def _schema(row: ConversionSchema) -> dict[str, Any]:
    return {
        "id": row.pk,
        "appId": row.app.app_id if row.app else None,
        "validFrom": row.valid_from,
        "currency": row.currency or None,
        "fine": row.fine,
        "coarse": row.coarse,
    }
