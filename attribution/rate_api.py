"""Exchange rates for programs."""

from datetime import date
from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.costs import rates
from attribution.models import ExchangeRate
from attribution.rule_api import body_of
from attribution.spend_api import ERRORS, ORDER
from customers.api import ProjectView
from growthplatform.core.errors import InvalidField, NotFound
from growthplatform.core.paging import limit_of, paginate

RATE = {"currency": "USD", "into": "EUR", "day": "2026-11-01", "rate": "0.92"}


class RateList(ProjectView):
    @extend_schema(
        operation_id="list_exchange_rates",
        summary="List exchange rates into the project’s currency",
        tags=["Cost"],
        parameters=[OpenApiParameter("limit", int), OpenApiParameter("cursor", str)],
        responses={200: OpenApiResponse(dict, "The newest day first; `missing` is spend that lacks one."), **ERRORS},
        examples=[
            OpenApiExample(
                "One rate",
                value={
                    "results": [RATE],
                    "next": None,
                    "missing": [{"currency": "GBP", "amount": "80.0000", "from": "2026-11-03", "to": "2026-11-19"}],
                },
                response_only=True,
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """List the rates, and the spend that has none."""
        cursor = request.query_params.get("cursor", "")
        found = paginate(rates.rates_of(self.project), ORDER, cursor=cursor, limit=limit_of(request.query_params))
        missing = [
            {"currency": gap.currency, "amount": f"{gap.amount:f}", "from": f"{gap.first}", "to": f"{gap.last}"}
            for gap in rates.gaps(self.project)
        ]
        return Response({"results": [shape_of_rate(row) for row in found.rows], "next": found.next, "missing": missing})

    @extend_schema(
        operation_id="set_exchange_rate",
        summary="Say what a currency is worth from a day on",
        description="It holds until the next one of its currency begins. Told again for the day, it is replaced.",
        tags=["Cost"],
        request=dict,
        responses={
            200: OpenApiResponse(dict, "The rate as it is kept."),
            400: OpenApiResponse(dict, "A field is missing or wrong; `detail` names it."),
            **ERRORS,
        },
        examples=[
            OpenApiExample(
                "Dollars", value={"currency": "USD", "day": "2026-11-01", "rate": "0.92"}, request_only=True
            ),
            OpenApiExample("Kept", value=RATE, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep a rate."""
        body = body_of(request, {"currency", "day", "rate"})
        currency, rate = body.get("currency"), body.get("rate")
        if not isinstance(currency, str):
            raise InvalidField.named("currency", "Give a code, such as USD.")
        if not isinstance(rate, str | int | float) or isinstance(rate, bool):
            raise InvalidField.named("rate", "Give a number above 0, such as 0.92: what one unit is worth.")
        made, _ = rates.save(self.project, currency, _day(body.get("day")), str(rate))
        return Response(shape_of_rate(made))


class RateOne(ProjectView):
    @extend_schema(
        operation_id="delete_exchange_rate",
        summary="Take an exchange rate away",
        tags=["Cost"],
        responses={
            204: OpenApiResponse(None, "It is gone; spend that it priced stands apart again."),
            404: OpenApiResponse(dict, "No such rate in this project."),
            **ERRORS,
        },
    )
    def delete(self, request: Request, currency: str, day: str) -> Response:
        """Take a rate away."""
        try:
            at = date.fromisoformat(day)
        except ValueError:
            raise NotFound(f"There is no rate of {currency} from {day}.") from None
        gone, _ = ExchangeRate.objects.filter(
            project=self.project, into=self.project.currency, currency=currency.upper(), day=at
        ).delete()
        if not gone:
            raise NotFound(f"There is no rate of {currency} from {day}.")
        return Response(status=204)


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidField.named("day", "Give a day like 2026-11-20.") from None


def shape_of_rate(row: ExchangeRate) -> dict[str, Any]:
    """Return a rate as the API shows it."""
    return {"currency": row.currency, "into": row.into, "day": f"{row.day}", "rate": f"{row.rate.normalize():f}"}
