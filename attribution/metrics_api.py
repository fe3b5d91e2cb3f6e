"""The numbers of campaigns for programs: the same that the pages show."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution import campaigns, counting
from attribution.campaigns import MEASURES
from attribution.counting import DIMENSIONS, Counts, Key
from attribution.queries import WITHOUT
from customers.api import ProjectView
from growthplatform.core.api import CsvRenderer, OrjsonRenderer
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import decode, encode, limit_of
from growthplatform.core.period_query import PERIOD_PARAMETERS, get_period
from growthplatform.core.periods import Period

USUAL = "source,campaign"
MOST_DIMENSIONS = 3
NAMES = {"adSet" if name == "ad_set" else name: name for name in DIMENSIONS}
PUBLIC = {name: public for public, name in NAMES.items()}
FILTERS = {public: name for public, name in NAMES.items() if name in campaigns.FILTERS}
COUNTED = ("clicks", "impressions", "installs", "credited", "reinstalls", "reattributions", "rejected")

EXAMPLE_COUNTS = {
    "clicks": 1241,
    "impressions": 2410,
    "installs": 93,
    "credited": 93,
    "conversion": 0.074940,
    "reinstalls": 4,
    "reattributions": 2,
    "rejected": 1,
    "revenue": "512.4000",
    "tiers": {"install_referrer": 51, "device_id": 29, "probabilistic": 13},
}
EXAMPLE = {
    "from": "2026-10-25",
    "to": "2026-11-21",
    "timeZone": "Europe/Berlin",
    "currency": "EUR",
    "by": ["source", "campaign"],
    "filters": {"country": "DE"},
    "rows": [{"source": "meta", "campaign": "Lookalike EU", **EXAMPLE_COUNTS, "previous": {"installs": 67, "…": "…"}}],
    "total": {**EXAMPLE_COUNTS, "previous": {"installs": 586, "…": "…"}},
    "next": None,
    "definitions": {"installs": MEASURES["installs"].means},
}


class CampaignMetrics(ProjectView):
    renderer_classes = (OrjsonRenderer, CsvRenderer)

    @extend_schema(
        operation_id="metrics_campaigns",
        summary="What campaigns brought",
        description=(
            "Clicks, installs and revenue along up to three properties, most installs first. Installs are first opens"
            " that no fraud rule rejected; reinstalls, reattributions and rejected installs stand beside them. Along"
            " `tier` clicks are null: a click is not matched yet."
        ),
        tags=["Metrics"],
        parameters=[
            *PERIOD_PARAMETERS,
            OpenApiParameter(
                "by", str, description=f"Up to three of {', '.join(NAMES)}, with commas; {USUAL} when absent."
            ),
            *(
                OpenApiParameter(name, str, description="Only rows with this value; - for a blank one.")
                for name in FILTERS
            ),
            OpenApiParameter("limit", int, description="Rows a page, 1 to 500; 100 when absent."),
            OpenApiParameter("cursor", str, description="`next` of the page before."),
            OpenApiParameter("format", str, enum=["json", "csv"], description="csv: all rows in one file."),
        ],
        responses={
            200: OpenApiResponse(dict, "A row for each combination that has anything, and what they add up to."),
            400: OpenApiResponse(dict, "A parameter can't be read; `message` names it."),
            401: OpenApiResponse(dict, "No key, or not a valid one."),
            403: OpenApiResponse(dict, "A write key came where a secret key is needed."),
        },
        examples=[OpenApiExample("Campaigns", value=EXAMPLE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Return what the campaign pages show, counted by the same function."""
        query = request.GET.dict()
        period = get_period(query, zone=self.project.tz, now=timezone.now())
        by, where = _by(query), _filters(query)
        found = campaigns.counted(self.project, period, by, where)
        past = campaigns.before(self.project, period, by, where)
        keys = sorted(found, key=lambda key: (-found[key].installs, -found[key].clicks, [str(part) for part in key]))
        if request.GET.get("format") == "csv":
            return _csv(period, by, [(key, found[key]) for key in keys])
        limit = limit_of(query, 100)
        start = _start(query.get("cursor", ""), keys)
        shown = keys[start : start + limit]
        # Along days there is nothing to set beside: each day is another one in the period before.
        comparable = past is not None and "day" not in by
        rows = [
            _row(by, key, found[key], past.get(key, Counts()) if past is not None and comparable else None)
            for key in shown
        ]
        total = _counts(counting.total(found), counting.total(past) if past is not None else None)
        if not counting.has_touches(*by, *where):
            for row in (*rows, total):
                _without_touches(row)
        more = start + limit < len(keys)
        return Response(
            {
                "from": f"{period.first}",
                "to": f"{period.last}",
                "timeZone": self.project.time_zone,
                "currency": self.project.currency,
                "by": [PUBLIC[name] for name in by],
                "filters": {PUBLIC[name]: value for name, value in where.items()},
                "rows": rows,
                "total": total,
                "next": encode([_text(part) for part in shown[-1]]) if more else None,
                "definitions": {name: measure.means for name, measure in MEASURES.items()},
            }
        )


def _by(query: Mapping[str, str]) -> tuple[str, ...]:
    asked = [name.strip() for name in (query.get("by") or USUAL).split(",")]
    if len(asked) > MOST_DIMENSIONS or len(set(asked)) < len(asked) or not set(asked) <= set(NAMES):
        raise InvalidField.named("by", f"must be one to three different ones of {', '.join(NAMES)}, with commas.")
    return tuple(NAMES[name] for name in asked)


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    chosen = {name: query[public] for public, name in FILTERS.items() if query.get(public)}
    for name, value in chosen.items():
        if "\x00" in value:
            raise InvalidField.named(PUBLIC[name], "must be text without a zero byte.")
    return {name: "" if value == WITHOUT else value for name, value in chosen.items()}


def _start(cursor: str, keys: list[Key]) -> int:
    """Return the place after the row that a cursor names; the first for a row that has gone meanwhile."""
    if not cursor:
        return 0
    last = decode(cursor, len(keys[0]) if keys else 1)
    return next((place for place, key in enumerate(keys, start=1) if [_text(part) for part in key] == last), 0)


def _row(by: tuple[str, ...], key: Key, now: Counts, past: Counts | None) -> dict[str, Any]:
    named = {PUBLIC[name]: _text(value) for name, value in zip(by, key, strict=True)}
    return {**named, **_counts(now, past)}


def _counts(now: Counts, past: Counts | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        **{name: getattr(now, name) for name in COUNTED},
        "conversion": now.conversion,
        "revenue": f"{now.revenue:f}",
        "tiers": now.tiers,
    }
    if past is not None:
        answer["previous"] = _counts(past, None)
    return answer


def _without_touches(row: dict[str, Any]) -> None:
    """Take out what is not known along something that touches don't have."""
    row.update(clicks=None, impressions=None, conversion=None)
    if "previous" in row:
        _without_touches(row["previous"])


def _text(value: Any) -> str:
    return value.isoformat(timespec="minutes") if isinstance(value, datetime) else str(value)


def _csv(period: Period, by: tuple[str, ...], rows: list[tuple[Key, Counts]]) -> HttpResponseBase:
    head = (*(PUBLIC[name] for name in by), *COUNTED, "conversion", "revenue")
    lines = (
        (
            *(_text(part) for part in key),
            *(getattr(counts, name) for name in COUNTED),
            "" if counts.conversion is None else round(counts.conversion, 6),
            counts.revenue,
        )
        for key, counts in rows
    )
    return csv_file(f"campaigns-{period.first}-{period.last}", head, lines)
