"""The API of credit: all models side by side, one decision shared out, and weights of a project's own."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution import crediting, journeys
from attribution.api import ERRORS, ONE_ERRORS, DecisionsView
from attribution.crediting import Comparison
from attribution.models import CreditModel
from customers.api import ProjectView
from customers.models import Project
from events import clock
from growthplatform.core.errors import InvalidField

USUAL_DAYS = 28
MOST_DAYS = 400
DAY = timedelta(days=1)
BY = OpenApiParameter("by", str, enum=["source", "campaign"], description="What takes the credit; usually source.")
COMPARED = {
    "from": "2026-10-24T00:00:00+02:00",
    "to": "2026-11-21T00:00:00+01:00",
    "by": "source",
    "measure": "installs",
    "currency": None,
    "causal": False,
    "note": crediting.NOT_CAUSAL,
    "journeys": {"installs": 227, "severalChannels": 61, "toNothing": 1840, "touchesGone": 0, "clipped": False},
    "total": 227.0,
    "organic": 31.0,
    "conversionChance": 0.0963,
    "models": [{"name": "first", "label": "First", "definition": "All to the first touch of the journey."}],
    "channels": [
        {"source": "tiktok", "campaign": None, "decided": 102.0, "credit": {"first": 118.0}, "removalEffect": 0.4471}
    ],
}
SHARED = {
    "id": "dec_84120",
    "causal": False,
    "note": crediting.NOT_CAUSAL,
    "models": [{"name": "linear", "label": "Linear", "definition": "The same to each touch."}],
    "touches": [
        {
            "touchId": "tch_0f5c2b7a91d34e6688a1b2c3",
            "type": "click",
            "timestamp": "2026-11-20T10:38:42Z",
            "source": "tiktok",
            "campaign": "Winter sale",
            "age_s": 198.0,
            "credited": True,
            "credit": {"linear": 1.0},
        }
    ],
}
OWN = {
    "id": 3,
    "name": "Clicks first",
    "weights": {"equal": False, "first": 40.0, "middle": 20.0, "last": 40.0, "half_life_days": None, "view": 0.25},
    "definition": "By place: first 40, between 20, last 40; a view counts 0.25 of a click.",
}


class ModelComparison(ProjectView):
    @extend_schema(
        operation_id="compare_models",
        summary="Compare the models of credit",
        description=(
            "What each source or campaign is credited with by the project's rules and by every model: first, last, last"
            " non-direct, linear, time decay, position, Markov, Shapley and the project's own weights. "
            + crediting.NOT_CAUSAL
        ),
        tags=["Attribution"],
        parameters=[
            OpenApiParameter("from", str, description="First moment of install: a time, or a day in the zone."),
            OpenApiParameter("to", str, description="A time, excluded; or the last day, included. Usually now."),
            BY,
            OpenApiParameter(
                "measure",
                str,
                enum=list(journeys.MEASURES),
                description="What is shared: the installs, or what came of them until now. Usually installs.",
            ),
        ],
        responses={
            200: OpenApiResponse(
                dict, "Channels, most credited by the rules first. Credits and organic are the total."
            ),
            400: OpenApiResponse(dict, "A parameter can't be read."),
            422: OpenApiResponse(dict, "The period has too many touches to be read at once."),
            **ERRORS,
        },
        examples=[OpenApiExample("By source", value=COMPARED, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> Response:
        """Compare the models over the installs of a period."""
        since, until = _period(self.project, request.query_params.dict())
        by = _choice(request, "by", (journeys.SOURCE, journeys.CAMPAIGN))
        measure = _choice(request, "measure", journeys.MEASURES)
        found = crediting.compare(self.project, since, until, by=by, measure=measure)
        return Response({"from": since, "to": until, **shape(found, self.project)})


class DecisionCredit(DecisionsView):
    @extend_schema(
        operation_id="credit_of_attribution",
        summary="Share one install among its touches by every model",
        description="Markov's shares are by the removal effects of the 28 days up to the end of the install's day.",
        tags=["Attribution"],
        parameters=[BY],
        responses={200: OpenApiResponse(dict, "The touches that could have won, the oldest first."), **ONE_ERRORS},
        examples=[OpenApiExample("One touch", value=SHARED, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request, decision_id: str) -> Response:
        """Share one decided install among its touches; the shares of each model add up to 1."""
        decision = self.get_decision(decision_id)
        by = _choice(request, "by", (journeys.SOURCE, journeys.CAMPAIGN))
        columns, touches = crediting.credit_of(decision, by=by)
        return Response(
            {
                "id": f"dec_{decision.pk}",
                "causal": False,
                "note": crediting.NOT_CAUSAL,
                "models": [_model(column) for column in columns],
                "touches": [
                    {
                        "touchId": one.touch.touch_id,
                        "type": one.touch.type,
                        "timestamp": one.touch.ts,
                        "source": one.touch.source,
                        "campaign": one.touch.campaign or None,
                        "age_s": one.age_s,
                        "credited": one.credited,
                        "credit": dict(zip([column.name for column in columns], one.shares, strict=True)),
                    }
                    for one in touches
                ],
            }
        )


OWN_ERRORS = {
    400: OpenApiResponse(dict, "A weight can't be meant; `detail` names the fields."),
    409: OpenApiResponse(dict, "The name is taken, or there are ten models already."),
    **ERRORS,
}


class CreditModels(ProjectView):
    @extend_schema(
        operation_id="list_credit_models",
        summary="List the project's own models of credit",
        tags=["Attribution"],
        responses={200: OpenApiResponse(dict, "By name."), **ERRORS},
        examples=[OpenApiExample("One model", value={"results": [OWN]}, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> Response:
        """List the project's own models."""
        return Response({"results": [_own(model) for model in crediting.own_models(self.project)]})

    @extend_schema(
        operation_id="create_credit_model",
        summary="Make a model of credit of your own",
        tags=["Attribution"],
        request=dict,
        responses={201: OpenApiResponse(dict, "The model as it is kept."), **OWN_ERRORS},
        examples=[
            OpenApiExample(
                "Clicks first", value={"name": OWN["name"], "weights": {"first": 40, "view": 0.25}}, request_only=True
            ),
            OpenApiExample("Kept", value=OWN, response_only=True, status_codes=["201"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Keep weights under a name."""
        name, weights = _given(request)
        return Response(_own(crediting.save_model(self.project, name, weights)), status=201)


class CreditModelOne(ProjectView):
    @extend_schema(
        operation_id="change_credit_model",
        summary="Change a model of your own",
        tags=["Attribution"],
        request=dict,
        responses={200: OpenApiResponse(dict, "The model as it is kept."), 404: OpenApiResponse(dict), **OWN_ERRORS},
        examples=[
            OpenApiExample("Half a click", value={"name": OWN["name"], "weights": {"view": 0.5}}, request_only=True),
            OpenApiExample("Kept", value=OWN, response_only=True, status_codes=["200"]),
        ],
    )
    def put(self, request: Request, model_id: int) -> Response:
        """Keep other weights, or another name, for a model."""
        crediting.get_model(self.project, model_id)
        name, weights = _given(request)
        return Response(_own(crediting.save_model(self.project, name, weights, pk=model_id)))

    @extend_schema(
        operation_id="delete_credit_model",
        summary="Delete a model of your own",
        tags=["Attribution"],
        responses={204: OpenApiResponse(None, "It has gone."), 404: OpenApiResponse(dict), **ERRORS},
    )
    def delete(self, request: Request, model_id: int) -> Response:
        """Delete a model. Nothing was decided by it, so nothing else changes."""
        crediting.delete_model(self.project, model_id)
        return Response(status=204)


def shape(found: Comparison, project: Project) -> dict[str, Any]:
    """Return a comparison as the API answers it."""
    return {
        "by": found.by,
        "measure": found.measure,
        "currency": project.currency if found.measure == journeys.REVENUE else None,
        "causal": False,
        "note": crediting.NOT_CAUSAL,
        "journeys": {
            "installs": found.journeys,
            "severalChannels": found.several,
            "toNothing": found.nulls,
            "touchesGone": found.gone,
            "clipped": found.clipped,
        },
        "total": round(found.total, 6),
        "organic": round(found.organic, 6),
        "conversionChance": found.probability,
        "models": [_model(column) for column in found.columns],
        "channels": [
            {
                "source": row.channel.source,
                "campaign": row.channel.campaign or None,
                "decided": round(row.decided, 6),
                "credit": {
                    column.name: round(amount, 6) for column, amount in zip(found.columns, row.credits, strict=True)
                },
                "removalEffect": round(row.effect, 9),
            }
            for row in found.rows
        ],
    }


def _model(column: crediting.Column) -> dict[str, str]:
    return {"name": column.name, "label": column.label, "definition": column.sentence}


def _own(model: CreditModel) -> dict[str, Any]:
    weights = crediting.weights_of(model)
    return {
        "id": model.pk,
        "name": model.name,
        "weights": weights.to_json(),
        "definition": crediting.words_of(weights),
    }


def _given(request: Request) -> tuple[str, dict[str, Any]]:
    body: Any = request.data
    if not isinstance(body, dict):
        raise InvalidField.named("body", 'Send an object like {"name": "Clicks first", "weights": {"view": 0.25}}.')
    name, weights = body.get("name", ""), body.get("weights", {})
    if not isinstance(name, str):
        raise InvalidField.named("name", "Give a text.")
    if not isinstance(weights, dict):
        raise InvalidField.named("weights", "Give an object of weights.")
    return name, weights


def _choice(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    value: str = request.query_params.get(name) or allowed[0]
    if value not in allowed:
        raise InvalidField.named(name, f"One of {', '.join(allowed)}.")
    return value


def _period(project: Project, query: dict[str, str]) -> tuple[datetime, datetime]:
    """Return the period asked for, the last 28 days unless told. Raises InvalidField."""
    until = _moment(project, "to", query["to"]) if query.get("to") else timezone.now()
    since = _moment(project, "from", query["from"]) if query.get("from") else until - USUAL_DAYS * DAY
    if not timedelta() < until - since <= MOST_DAYS * DAY:
        raise InvalidField.named("to", f"Later than from, and at most {MOST_DAYS} days.")
    return since, until


def _moment(project: Project, name: str, text: str) -> datetime:
    try:
        day = date.fromisoformat(text) + (DAY if name == "to" else timedelta())
        return datetime.combine(day, time(), project.tz)
    except (ValueError, OverflowError):
        # An unquoted plus sign of a zone arrives as a space.
        moment = clock.parse(text.replace(" ", "+"))
    if moment is None:
        raise InvalidField.named(name, "Give a day like 2026-11-20 or a time like 2026-11-20T10:38:42Z.")
    return moment
