"""The API of fraud: the flags over sources and publishers."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.fraud.catalogue import CODES, SIGNATURE_BREAKER
from attribution.models import FraudFlag
from customers.api import ProjectView
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import limit_of, paginate

NEWEST = ("-since", "-id")
FLAG = {
    "id": "flg_31",
    "code": "ctit_flat",
    "source": "shadynet",
    "publisher": "p-204",
    "since": "2026-11-13T10:00:00Z",
    "until": None,
    "value": 0.11,
    "threshold": 0.4,
    "evidence": {"installs": 120, "p": 2.1e-9, "distance": 0.58},
    "createdAt": "2026-11-20T10:00:00Z",
    "updatedAt": "2026-11-20T11:00:00Z",
    "dismissedAt": None,
}


def shape(flag: FraudFlag) -> dict[str, Any]:
    """Return a flag as the API answers it."""
    evidence = {name: value for name, value in flag.evidence.items() if name not in {"value", "threshold"}}
    return {
        "id": f"flg_{flag.pk}",
        "code": flag.code,
        "source": flag.source,
        "publisher": flag.publisher or None,
        "since": flag.since,
        "until": flag.until,
        "value": flag.evidence.get("value"),
        "threshold": flag.evidence.get("threshold"),
        "evidence": evidence,
        "createdAt": flag.created_at,
        "updatedAt": flag.updated_at,
        "dismissedAt": flag.dismissed_at,
    }


class FlagList(ProjectView):
    @extend_schema(
        operation_id="list_fraud_flags",
        summary="List sources and publishers that look wrong as a whole",
        description="Raised by the hourly look at all sources, each with what was measured and the rule's threshold.",
        tags=["Attribution"],
        parameters=[
            OpenApiParameter("state", str, description="up (usual): neither over nor dismissed; all: every one"),
            OpenApiParameter("code", str, description="Of the rule, like ctit_flat."),
            OpenApiParameter("source", str),
            OpenApiParameter("publisher", str),
            OpenApiParameter("limit", int, description="1-500, usually 50"),
            OpenApiParameter("cursor", str),
        ],
        responses={
            200: OpenApiResponse(dict, "Those meaning the newest clicks first."),
            400: OpenApiResponse(dict, "A filter can't be read."),
            401: OpenApiResponse(dict, "No key, or not a valid one."),
            403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
        },
        examples=[OpenApiExample("One flag", value={"results": [FLAG], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the flags of the project."""
        query = {name: str(value).replace("\x00", "") for name, value in request.query_params.items()}
        rows = FraudFlag.objects.filter(project=self.project)
        state = query.get("state", "up")
        if state not in {"up", "all"}:
            raise InvalidField.named("state", "Give up or all.")
        if state == "up":
            rows = rows.filter(dismissed_at=None).exclude(until__lte=timezone.now())
        if "code" in query and query["code"] not in CODES | {SIGNATURE_BREAKER}:
            raise InvalidField.named("code", "There is no such rule.")
        for name in ("code", "source", "publisher"):
            if name in query:
                rows = rows.filter(**{name: query[name]})
        found = paginate(rows, NEWEST, cursor=query.get("cursor", ""), limit=limit_of(request.query_params))
        return Response({"results": [shape(flag) for flag in found.rows], "next": found.next})
