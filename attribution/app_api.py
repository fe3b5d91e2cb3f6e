"""The API of what apps ask themselves, and of conversions."""

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution import me
from attribution.api import ERRORS, moment_of
from attribution.explain import fraud_of
from attribution.models import Conversion
from customers.api import IngestView, ProjectView
from customers.throttle import admit
from events import queries
from events import services as events
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import limit_of, paginate

NEWEST = ("-ts", "-id")


ME = {
    "status": "attributed",
    "isFirst": True,
    "kind": "install",
    "decisionId": "dec_84120",
    "revision": 1,
    "state": "provisional",
    "tier": "click_id",
    "probability": 1.0,
    "source": "tiktok",
    "campaign": "Winter sale",
    "adSet": "Lookalike 1%",
    "ad": None,
    "creative": "boots-9x16",
    "publisher": None,
    "clickedAt": "2026-11-20T10:38:42Z",
    "deepLink": "/sale/boots",
    "params": {"sub1": "spring"},
}


class Me(IngestView):
    @extend_schema(
        operation_id="my_attribution",
        summary="The app's own question: who sent me, and where to?",
        description=(
            "For the app itself at its first start, with its write key: what its install is credited to, and the place"
            " inside the app that the tapped link meant (deferred deep link). Name the install by the messageId of its"
            " event, or by the id that the event carried. If nobody has decided it yet, it is decided now. The answer"
            " has no id of a click, a device or a person. Later touches can change it within a day: revision rises."
        ),
        tags=["Attribution"],
        auth=[{"writeKey": []}],  # type: ignore[list-item]  # the library means security requirements
        parameters=[
            OpenApiParameter("messageId", str, description="Of the Application Installed event; the best way to ask."),
            OpenApiParameter("anonymousId", str, description="As the event carried it."),
            OpenApiParameter("userId", str, description="As the event carried it."),
        ],
        responses={
            200: OpenApiResponse(dict, "What the install is credited to."),
            202: OpenApiResponse(dict, "The install is being decided this moment: ask again in a second."),
            400: OpenApiResponse(dict, "None of the three ids came, or several."),
            401: OpenApiResponse(dict, "No key, or not a valid one."),
            404: OpenApiResponse(dict, "No such install has been received: send the event first."),
            429: OpenApiResponse(dict, "Too fast for this key; Retry-After says how long to wait."),
        },
        examples=[
            OpenApiExample("Brought by a click", value=ME, response_only=True, status_codes=["200"]),
            OpenApiExample("Still deciding", value={"status": "pending"}, response_only=True, status_codes=["202"]),
        ],
    )
    def get(self, request: Request) -> Response:
        """Say what the asking app's install is credited to."""
        asked = me.Asked.of({name: str(value) for name, value in request.query_params.items()})
        admit(self.caller)
        found = me.answer(self.caller.project_id, asked, now=timezone.now())
        return Response(found or {"status": "pending"}, status=200 if found else 202)


CONVERSION = {
    "messageId": "4b1f0c9e-7",
    "name": "Order Completed",
    "timestamp": "2026-11-21T18:04:11Z",
    "personId": "p_5201",
    "revenue": "49.9000",
    "currency": "EUR",
    "orderId": "o-1182",
    "counted": True,
    "fraud": [],
    "fraudEvidence": [],
    "installMessageId": "9abe7f6d-1",
    "decisionId": "dec_84120",
    "kind": "install",
    "originalId": None,
    "source": "tiktok",
    "campaign": "Winter sale",
}


class ConversionList(ProjectView):
    @extend_schema(
        operation_id="list_conversions",
        summary="List conversions: what people did after an install, and whose revenue it is",
        description=(
            "Every event with a number in properties.revenue (of Order Completed also total or value), and Signed Up,"
            " Trial Started and Subscription Started. Each belongs to the person's last install or return before it:"
            " source and campaign are what that is credited to; of a reinstall the revenue counts for originalId. An"
            " order that came before is not counted again."
        ),
        tags=["Attribution"],
        parameters=[
            OpenApiParameter("from", str, description="A time, or a day in the project's zone."),
            OpenApiParameter("to", str, description="A time, excluded; or the last day, included."),
            OpenApiParameter("name", str, description="Of the event."),
            OpenApiParameter("source", str, description="Of the install's decision; organic too."),
            OpenApiParameter("campaign", str),
            OpenApiParameter("decisionId", str, description="dec_…"),
            OpenApiParameter("personId", str, description="p_…"),
            OpenApiParameter("counted", bool, description="false: only those that don't count."),
            OpenApiParameter("limit", int, description="1-500, usually 50"),
            OpenApiParameter("cursor", str),
        ],
        responses={
            200: OpenApiResponse(dict, "Newest first."),
            400: OpenApiResponse(dict, "A filter can't be read."),
            **ERRORS,
        },
        examples=[OpenApiExample("One order", value={"results": [CONVERSION], "next": None}, response_only=True)],
    )
    def get(self, request: Request) -> Response:
        """List the project's conversions, newest first."""
        limit, cursor = limit_of(request.query_params), request.query_params.get("cursor", "")
        found = paginate(self.filtered(request), NEWEST, cursor=cursor, limit=limit)
        ids = [one.distinct_id for one in found.rows]
        people = events.person_ids(self.project.pk, ids) if ids else {}
        return Response({"results": [shape(one, people) for one in found.rows], "next": found.next})

    def filtered(self, request: Request) -> QuerySet[Conversion]:
        """Return the conversions that the query asks for. Raises InvalidField."""
        query = {name: str(value).replace("\x00", "") for name, value in request.query_params.items()}
        rows = Conversion.objects.filter(project=self.project).select_related("install__decision")
        for name, field in (("from", "ts__gte"), ("to", "ts__lt")):
            if query.get(name):
                rows = rows.filter(**{field: moment_of(self.project, name, query[name])})
        for name in ("source", "campaign"):
            if name in query:
                rows = rows.filter(**{f"install__decision__{name}": query[name]})
        if "name" in query:
            rows = rows.filter(name=query["name"])
        if "counted" in query:
            if query["counted"] not in {"true", "false"}:
                raise InvalidField.named("counted", "Give true or false.")
            rows = rows.filter(counted=query["counted"] == "true")
        if "decisionId" in query:
            rows = rows.filter(install__decision=number_in(query, "decisionId", "dec_"))
        if "personId" in query:
            rows = rows.filter(distinct_id__in=queries.ids_of(self.project, number_in(query, "personId", "p_")))
        return rows


def number_in(query: dict[str, str], name: str, prefix: str) -> int:
    """Read an id as the API answers it. Raises InvalidField."""
    number = query[name].removeprefix(prefix)
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise InvalidField.named(name, f"Give an id as the API answers it, like {prefix}5201.")
    return int(number)


def shape(conversion: Conversion, people: dict[str, int]) -> dict[str, Any]:
    """Return a conversion as the API lists it; it needs its install and that one's decision."""
    install = conversion.install
    decision = getattr(install, "decision", None)
    person = people.get(conversion.distinct_id)
    revenue: Decimal | None = conversion.revenue
    return {
        "messageId": conversion.message_id,
        "name": conversion.name,
        "timestamp": conversion.ts,
        "personId": f"p_{person}" if person else None,
        "revenue": str(revenue) if revenue is not None else None,
        "currency": conversion.currency or None,
        "orderId": conversion.order_id or None,
        "counted": conversion.counted,
        **fraud_of(conversion.fraud),
        "installMessageId": install.message_id if install else None,
        "decisionId": f"dec_{decision.pk}" if decision else None,
        "kind": decision.kind if decision else None,
        "originalId": f"dec_{decision.original_id}" if decision and decision.original_id else None,
        "source": decision.source if decision else None,
        "campaign": (decision.campaign or None) if decision else None,
    }
