"""What Apple's postbacks tell for programs: the numbers of the page of SKAN; and the apps they are about."""

from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.api import ERRORS
from attribution.models import AppleApp
from attribution.skan import apps, networks, queries
from attribution.skan.queries import DIMENSIONS, Told
from customers.api import ProjectView
from growthplatform.core.errors import InvalidField, NotFound
from growthplatform.core.period_query import PERIOD_PARAMETERS, get_period

FILTERS = ("network", "campaign", "country", "app", "source")
MOST_ROWS = 5_000
COUNTS = {
    "installs": 1204,
    "redownloads": 88,
    "reengagements": 3,
    "notWon": 0,
    "secondWindow": 402,
    "thirdWindow": 120,
    "withValue": 1051,
    "notAuthenticated": {"revenue": "3118.40", "inOtherCurrencies": 0, "meanings": {"Trial": 311, "No value": 244}},
}
EXAMPLE = {
    "from": "2026-10-25",
    "to": "2026-11-21",
    "timeZone": "Europe/Berlin",
    "currency": "EUR",
    "by": "network",
    "rows": [{"network": "tiktok", "name": "TikTok / Pangle", **COUNTS, "iosInstallsByYourRules": 1061}],
    "total": COUNTS,
}
APP = {"appId": 1640000000, "name": "Acme", "sandbox": False, "createdAt": "2026-11-20T10:42:00Z"}


class SkanMetrics(ProjectView):
    @extend_schema(
        operation_id="metrics_skan",
        summary="What Apple's postbacks told",
        description=(
            "Counted postbacks on the day they arrived, most first ones first. What values say is not authenticated:"
            " Apple does not sign it. `iosInstallsByYourRules` are those that the rules credit, on the day of the"
            " install; null along what only Apple's postbacks have, and with a filter."
        ),
        tags=["Metrics"],
        parameters=[
            *(one for one in PERIOD_PARAMETERS if one.name != "compare"),
            OpenApiParameter("by", str, enum=list(DIMENSIONS), description="network when absent."),
            *(OpenApiParameter(name, str, description="Only rows with this value.") for name in FILTERS),
        ],
        responses={
            200: OpenApiResponse(dict, "A row for each value, at most 5,000."),
            400: OpenApiResponse(dict, "A parameter can't be read; `message` names it."),
            **ERRORS,
        },
        examples=[OpenApiExample("By network", value=EXAMPLE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> Response:
        """Return what the page of SKAN shows, counted by the same function."""
        query = {name: str(value).replace("\x00", "") for name, value in request.query_params.items()}
        period = get_period(query, zone=self.project.tz, now=timezone.now())
        by = query.get("by", "network")
        if by not in DIMENSIONS:
            raise InvalidField.named("by", f"must be one of {', '.join(DIMENSIONS)}.")
        where = {name: query[name] for name in FILTERS if name in query}
        rows = queries.rows_of(self.project, period.start, period.until, by, where)
        total = queries.together(queries.told(self.project, period.start, period.until, (), where))
        return Response(
            {
                "from": f"{period.first}",
                "to": f"{period.last}",
                "timeZone": self.project.time_zone,
                "currency": self.project.currency,
                "by": by,
                "rows": [
                    {by: str(row.value), **_named(by, row.value), **_counts(row.told),
                     "iosInstallsByYourRules": row.ours}
                    for row in rows[:MOST_ROWS]
                ],
                "total": _counts(total),
            }
        )  # fmt: skip


def _named(by: str, value: Any) -> dict[str, str]:
    return {"name": networks.name_of(str(value))} if by == "network" else {}


def _counts(told: Told) -> dict[str, Any]:
    return {
        "installs": told.installs,
        "redownloads": told.redownloads,
        "reengagements": told.reengagements,
        "notWon": told.lost,
        "secondWindow": told.second,
        "thirdWindow": told.third,
        "withValue": told.valued,
        "notAuthenticated": {
            "revenue": f"{told.revenue:f}",
            "inOtherCurrencies": told.unpriced,
            "meanings": told.meanings,
        },
    }


class AppleApps(ProjectView):
    @extend_schema(
        operation_id="list_apple_apps",
        summary="List the project's apps in the App Store",
        tags=["Attribution"],
        responses={200: OpenApiResponse(dict, "By number."), **ERRORS},
        examples=[OpenApiExample("One app", value={"results": [APP]}, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> Response:
        """List the apps whose postbacks are the project's."""
        return Response({"results": [_app(app) for app in self.project.apple_apps.order_by("app_id")]})

    @extend_schema(
        operation_id="add_apple_app",
        summary="Name an app, whose postbacks are the project's then",
        description="Those of the last 30 days too. Safe to repeat; `sandbox` lets it take test postbacks.",
        tags=["Attribution"],
        request=dict,
        responses={
            200: OpenApiResponse(dict, "The app, and how many postbacks were waiting for it."),
            400: OpenApiResponse(dict, "No app's number."),
            409: OpenApiResponse(dict, "Another project has named it."),
            **ERRORS,
        },
        examples=[
            OpenApiExample("An app", value={"appId": 1640000000, "name": "Acme", "sandbox": False}, request_only=True),
            OpenApiExample("Named", value={**APP, "adopted": 12}, response_only=True, status_codes=["200"]),
        ],
    )
    def post(self, request: Request) -> Response:
        """Name an app."""
        given = request.data if isinstance(request.data, dict) else {}
        unknown = [str(name)[:40] for name in given if name not in {"appId", "name", "sandbox"}]
        if unknown:
            raise InvalidField.named(unknown[0], "There is no such field.")
        name, sandbox = given.get("name", ""), given.get("sandbox", False)
        if not isinstance(name, str) or "\x00" in name:
            raise InvalidField.named("name", "Give a text.")
        if not isinstance(sandbox, bool):
            raise InvalidField.named("sandbox", "Give true or false.")
        try:
            app_id = apps.check_id(str(given.get("appId", "")))
        except InvalidField as refusal:
            raise InvalidField.named("appId", refusal.detail[0]["message"]) from None
        app, adopted = apps.add(self.project, app_id, name=name, sandbox=sandbox)
        return Response({**_app(app), "adopted": adopted})


class AppleAppOne(ProjectView):
    @extend_schema(
        operation_id="remove_apple_app",
        summary="Give an app up with its schemas",
        description="What has arrived stays with the project; what comes from now on belongs to nobody.",
        tags=["Attribution"],
        responses={
            204: OpenApiResponse(description="It is removed."),
            404: OpenApiResponse(dict, "The project has no such app."),
            **ERRORS,
        },
    )
    def delete(self, request: Request, app_id: str) -> HttpResponse:
        """Remove an app of the project."""
        known = app_id.isascii() and app_id.isdigit() and len(app_id) < 19
        app = self.project.apple_apps.filter(app_id=int(app_id)).first() if known else None
        if app is None:
            raise NotFound(f"There is no app {app_id[:40]!r} in this project.")
        apps.remove(app)
        return HttpResponse(status=204)


def _app(app: AppleApp) -> dict[str, Any]:
    return {"appId": app.app_id, "name": app.name, "sandbox": app.sandbox, "createdAt": app.created_at}
